"""A whole service without sockets, for tests: journal, files, seals, simulated providers, and a clock that jumps.

`Stage.play()` is the service's own worker code, driven one step at a time until nothing is due, then the clock jumps
to the next due moment: a flow of weeks takes moments, and is the same each time.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.clock import COURT_ZONE
from delivery.core import events
from delivery.core.model import Address, Case, Consent, Delivery, Document, PostalAddress, Recipient
from delivery.core.ports import Channel, RawReceipt
from delivery.journal.documents import Files
from delivery.journal.journal import Journal
from delivery.journal.submissions import Filing
from delivery.settings import CourtSettings
from delivery.worker.loop import LEASE, advance
from delivery.worker.perform import Bench
from delivery.worker.receiving import Receiving
from signing.file_signer import PemKey
from signing.keys import make_key_file, open_key_file
from signing.pool import SealKeys, SealPool
from tests.core.world import book

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00").astimezone(COURT_ZONE)
COURT = CourtSettings(code="632801", name_zh="格尔木市人民法院", name_en="People's Court of Golmud", phone="0979-12368")
PASSWORD = b"for tests only"


class JumpingClock:
    """Domain time that moves when told to; identifiers that count."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start
        self._made = 0

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> str:
        self._made += 1
        return f"{int(self.at.timestamp()):x}".rjust(10, "0") + f"{self._made:016d}"

    def jump(self, instant: datetime) -> None:
        self.at = max(self.at, instant)


def pdf(text: str = "传票") -> bytes:
    """A small real PDF; equal text, equal bytes."""
    import io

    document = pikepdf.new()
    page = document.add_blank_page(page_size=(595, 842))
    page.Contents = document.make_stream(f"% {text.encode().hex()}\nBT ET".encode())
    target = io.BytesIO()
    document.save(target, deterministic_id=True)
    return target.getvalue()


def seal_keys() -> SealKeys:
    made = make_key_file(
        PASSWORD,
        court=COURT.code,
        court_name=COURT.name_zh,
        not_before=datetime(2025, 1, 1, tzinfo=COURT_ZONE),
        not_after=datetime(2045, 1, 1, tzinfo=COURT_ZONE),
    )
    opened = open_key_file(made.content, PASSWORD)
    recipe = PemKey(opened.private_key_pem, opened.certificate_pem)
    return SealKeys(recipe, opened.certificate_pem, COURT.name_zh, COURT.seal_label)


POST = PostalAddress(
    name="李四",
    phone="13900000003",
    province="青海省",
    city="海西蒙古族藏族自治州",
    county="格尔木市",
    detail="八一路1号",
    postcode="816000",
)


def address(channel: str, script: str | None = None, *, basis: str = "confirmed", id: str = "a1") -> Address:
    value = {"email": "li@mail.example", "sms": "+8613900000003"}.get(channel, POST)
    proof = "telecom_real_name" if basis == "own" else None
    return Address(id=id, channel=channel, basis=basis, value=value, script=script, ownership_proof=proof)


def recipient(*addresses: Address, kind: str = "natural_person", consented: bool = False) -> Recipient:
    consents = (Consent(id="c1", basis="express", given_at=START - timedelta(days=30)),) if consented else ()
    return Recipient(
        id="r1",
        role="defendant",
        kind=kind,
        name="李四",
        id_number="11010519491231002X",
        consents=consents,
        addresses=addresses,
    )


@dataclass
class Stage:
    journal: Journal
    clock: JumpingClock
    files: Files
    bench: Bench
    simulated: SimulatedChannel
    receiving: Receiving
    advance: Callable[[Bench, Delivery], Coroutine[Any, Any, None]] = advance
    """Of what cannot go on it raises why; `loop.advance_or_postpone` puts that on record, as the worker does."""

    async def submit(
        self, *recipients: Recipient, documents: Sequence[Document] = (), key: str = "s-1", court: str = COURT.code
    ) -> list[str]:
        """File one submission with those recipients; the ids of its deliveries."""
        content = pdf()
        digest = await self.files.put(content)
        papers = tuple(documents) or (
            Document(id="d1", type="summons", title="传票", sha256=digest, pages=1, size=len(content)),
        )
        accepted = tuple(
            events.Accepted(
                at=self.clock.now(),
                delivery=self.clock.new_id(),
                court=court,
                client="case-system",
                submission=f"sub-{key}",
                case=Case(number="（2024）青2801民初123号", kind="civil", procedure="ordinary", stage="first_instance"),
                documents=papers,
                recipient=who,
            )
            for who in recipients
        )
        filing = Filing(
            source=f"/courts/{court}/case-system",
            id=key,
            court=court,
            client="case-system",
            submission_id=f"sub-{key}",
            content_hash=hashlib.sha256(key.encode()).hexdigest(),
            accepted=accepted,
            answer=b"{}",
        )
        await self.journal.accept(filing)
        return [one.delivery for one in accepted]

    async def settle(self) -> None:
        """Everything that is due now, until nothing is."""
        while True:
            await self.simulated.advance()
            read = await self.receiving.read_all()
            claimed = await self.journal.claim(32, LEASE)
            async with asyncio.TaskGroup() as slots:  # side by side, as the worker does: appends share transactions
                for delivery in claimed:
                    slots.create_task(self.advance(self.bench, delivery))
            if not claimed and not read:
                return

    async def play(self, until: timedelta = timedelta(days=60)) -> None:
        """Settle, jump to the next due moment, and so on, until nothing is due before `until` from now."""
        end = self.clock.now() + until
        while True:
            await self.settle()
            due = [await self.journal.next_due(), await self.journal.next_reading(), self.simulated.next_due()]
            upcoming = [instant for instant in due if instant and instant <= end]
            if not upcoming:
                return
            self.clock.jump(min(upcoming))

    async def delivery(self, delivery_id: str) -> Delivery:
        return await self.journal.delivery(delivery_id)

    async def record(self, delivery_id: str, *happened: events.Event) -> None:
        await self.journal.record(delivery_id, lambda _: happened)


class ToReceiving:
    """The sink of the simulated provider: raw receipts are kept, as intake keeps them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def receive(self, raw: RawReceipt) -> None:
        await self._journal.keep(raw)


@asynccontextmanager
async def stage(
    url: str,
    folder: Path,
    *,
    clock: JumpingClock | None = None,
    channels: Mapping[str, Channel] | None = None,
    keys: SealKeys | None = None,
    journal: type[Journal] = Journal,
) -> AsyncIterator[Stage]:
    clock = clock or JumpingClock()
    opened = await journal.open(url, clock)
    simulated = SimulatedChannel(SimulatedSettings(memory=folder / "simulated.jsonl"), clock=clock)
    simulated._sink = ToReceiving(opened)  # without its loop: the stage calls advance() itself
    words: Mapping[str, Channel] = channels or dict.fromkeys(("email", "sms", "post"), simulated)
    files, seals = Files(folder / "documents"), SealPool({COURT.code: [keys or seal_keys()]}, processes=0)
    bench = Bench(
        journal=opened,
        clock=clock,
        book=book(),
        channels=words,
        documents=files,
        seals=seals,
        courts={COURT.code: COURT},
        link_key=b"k" * 32,
        base_url="http://127.0.0.1:8080",
        rehearsal=True,
    )
    receiving = Receiving(opened, clock, {channel.name: channel for channel in words.values()})
    try:
        yield Stage(opened, clock, files, bench, simulated, receiving)
    finally:
        seals.close()
        await opened.close()


def with_script(who: Recipient, script: str) -> Recipient:
    first, *rest = who.addresses
    return replace(who, addresses=(replace(first, script=script), *rest))
