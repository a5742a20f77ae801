"""`songda renew`: archive timestamps on the packs that need one. It may run beside a service, and be stopped and begun
again at any time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from delivery import authorities, keys, lasting, ledger_keys, wiring
from delivery.checking import checked
from delivery.clock import SystemClock
from delivery.document_keys import documents_of
from delivery.journal.journal import Journal
from delivery.settings import Settings, SettingsWrong
from delivery.worker.packing import Packing
from delivery.worker.renewing import NoAuthority, Renewing, Tally
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing.errors import SigningError
from signing.pool import SealPool
from signing.secrecy import keep_memory_private

DONE, LEFT, TO_MEND = 0, 1, 2


def renew(config: Path, *, dry_run: bool) -> int:
    """Renew what is due, or only name it. The exit status: 0, 1 when something was left, 2 when something has to be
    mended.
    """
    keep_memory_private()
    try:
        settings = checked(config)
        if wiring.embedded(settings) and not (settings.data / "journal.sqlite").exists():
            return _complain(f"there is no journal in {settings.data}: nothing was submitted there yet", TO_MEND)
        tally = asyncio.run(_renewed(settings, dry_run=dry_run))
    except SettingsWrong as wrong:
        return _complain("\n".join(wrong.faults), TO_MEND)
    except NoAuthority as wrong:
        return _complain(f"\n{wrong}", LEFT)
    except (OSError, SigningError) as wrong:
        return _complain(str(wrong), TO_MEND)
    for delivery, why in tally.why.items():
        print(f"{delivery}  {why}")
    print(f"{tally.looked} looked at, {tally.due} due, {tally.renewed} renewed, {tally.failed} failed")
    return LEFT if tally.failed else DONE


async def _renewed(settings: Settings, *, dry_run: bool) -> Tally:
    async with _opened(settings) as renewing:
        return await renewing.renew_all(dry_run=dry_run, told=_progress())


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Renewing]:
    clock = wiring.clock_of(settings)
    async with AsyncExitStack() as stack:
        journal = await Journal.open(wiring.journal_url(settings), clock, machine_now=SystemClock().now)
        stack.push_async_callback(journal.close)
        await wiring.go_on(clock, journal)
        seals = SealPool(keys.ring_of(settings, await journal.keys(), clock.now()).courts, processes=0)
        stack.callback(seals.close)
        timestamping = await lasting.alone(settings, clock, stack)
        fetcher = lasting.fetcher_of(settings, clock, stack)
        revocations = RevocationData(journal, clock, fetcher, seals.chains, authorities.anchors(settings))
        packing = Packing(
            journal=journal,
            documents=documents_of(settings),
            seals=seals,
            clock=clock,
            log_key=str(ledger_keys.log_key(settings).key),
            revocations=revocations,
            stamping=Stamping(journal, clock, timestamping) if timestamping else None,
        )
        yield Renewing(packing)


def _progress() -> Callable[[Tally], None]:
    """One line that is written over, for eyes alone: in a file it would be noise."""
    if not sys.stderr.isatty():
        return lambda _: None

    def show(tally: Tally) -> None:
        end = "\n" if tally.looked >= tally.total else ""
        line = f"\r{tally.looked} of {tally.total} looked at, {tally.renewed} renewed, {tally.failed} failed"
        print(line, end=end, file=sys.stderr, flush=True)

    return show


def _complain(says: str, status: int) -> int:
    print(says.strip(), file=sys.stderr)
    return status
