"""`songda export`: the proof pack of one delivery into a file. It may look while a service is at work."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from delivery import authorities, keys, lasting, ledger_keys, wiring
from delivery.checking import checked
from delivery.core.trusted_time import PackWaits
from delivery.document_keys import documents_of
from delivery.journal.errors import DocumentBroken, HistoryBroken
from delivery.journal.journal import Journal
from delivery.settings import Settings, SettingsWrong
from delivery.worker.packing import Packing
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing.errors import SigningError
from signing.pool import SealPool
from signing.secrecy import keep_memory_private

DONE, NONE, TO_MEND = 0, 1, 2


def export(config: Path, delivery: str, output: Path) -> int:
    """Write the pack. The exit status: 0, 1 when there is no such delivery, or no pack of it yet or for now, 2 when
    something has to be mended.
    """
    keep_memory_private()
    try:
        settings = checked(config)
        content = asyncio.run(_pack(settings, delivery))
        if content is None:
            return _complain(f"{delivery} has no current proof with evidence yet, so there is no pack of it", NONE)
        output.write_bytes(content)
    except PackWaits as wrong:
        return _complain(str(wrong), NONE)
    except SettingsWrong as wrong:
        return _complain("\n".join(wrong.faults), TO_MEND)
    except (OSError, HistoryBroken, DocumentBroken, SigningError) as wrong:
        return _complain(str(wrong), TO_MEND)
    except KeyError as missing:
        return _complain(f"there is no {missing.args[0]} in {settings.data}", NONE)
    print(f"{output}: {len(content)} bytes")
    return DONE


async def _pack(settings: Settings, delivery_id: str) -> bytes | None:
    if wiring.embedded(settings) and not (settings.data / "journal.sqlite").exists():
        raise FileNotFoundError(f"there is no journal in {settings.data}: nothing was submitted there yet")
    clock = wiring.clock_of(settings)
    async with AsyncExitStack() as stack:
        journal = await Journal.open(wiring.journal_url(settings), clock, migrate=False)
        stack.push_async_callback(journal.close)
        await wiring.go_on(clock, journal)
        seals = SealPool(keys.ring_of(settings, await journal.keys(), clock.now()).courts, processes=0)
        stack.callback(seals.close)
        timestamping = await lasting.alone(settings, clock, stack)
        packing = Packing(
            journal=journal,
            documents=documents_of(settings),
            seals=seals,
            clock=clock,
            log_key=str(ledger_keys.log_key(settings).key),
            revocations=RevocationData(journal, clock, None, seals.chains, authorities.anchors(settings)),
            stamping=Stamping(journal, clock, timestamping) if timestamping else None,
        )
        return await packing.pack(await journal.delivery(delivery_id))


def _complain(says: str, status: int) -> int:
    print(says, file=sys.stderr)
    return status
