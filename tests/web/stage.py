"""The web pages on a stage: a real SQLite journal, real files, and deliveries at different points of their way.

Nothing else runs: what the worker and the providers would have done is written into the journal as their events.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer
from argon2 import PasswordHasher

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.clock import COURT_ZONE
from delivery.core import events
from delivery.core.effect import document_effects
from delivery.core.model import (
    Address,
    Attempt,
    Case,
    Consent,
    Delivery,
    Document,
    Fact,
    Person,
    PostalAddress,
    Receipt,
    Recipient,
    Route,
    RouteStep,
    Task,
    attempt_id,
)
from delivery.core.ports import RawReceipt
from delivery.core.rulebook import Rulebook
from delivery.journal.accounts import Clerk
from delivery.journal.documents import Files
from delivery.journal.journal import Journal
from delivery.journal.links import Link
from delivery.journal.submissions import Filing
from delivery.web import console, recipient, verify_page
from delivery.web.access import PatternAccessLogger
from delivery.web.pages import CourtCard
from signing.errors import SignerLost
from signing.links import link_id, make_token
from signing.pages import page_image
from signing.verify import Verdict, verify
from tests.core.world import book
from tests.web.papers import paper

START = datetime(2025, 9, 16, 9, 30, tzinfo=COURT_ZONE)
KEY = bytes(range(32))
ID_NUMBER = "11010519491231002X"
LAST6 = "31002X"
CREDIT_CODE = "91350100M000100Y43"
PASSWORD = "a clerk's long password"
HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)

COURTS = {
    "632801": CourtCard(
        code="632801",
        name_zh="示范市人民法院",
        name_en="People's Court of Shifan",
        phone="0000-5550012",
        address="示范市法院路1号",
    ),
    "632802": CourtCard(
        code="632802", name_zh="邻近县人民法院", name_en="People's Court of Linjin", phone="0000-5550099"
    ),
}

TITLES = {"summons": "传票", "complaint_copy": "民事起诉状副本", "evidence": "证据材料", "judgment": "民事判决书"}
POST = PostalAddress(
    name="王小明",
    phone="13900000003",
    province="示范省",
    city="示范市",
    county="东城区",
    detail="槐树街12号3单元401室",
    postcode="100000",
)


class StageClock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.at = START
        self._made = 0

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> str:
        self._made += 1
        return f"01k58{self._made:021d}"

    def move(self, **span: float) -> None:
        self.at += timedelta(**span)


def person(name: str = "王小明", **more: object) -> Recipient:
    """A defendant with an own mobile number, a confirmed mailbox and a confirmed postal address."""
    who = Recipient(
        id="r1",
        role="defendant",
        kind="natural_person",
        name=name,
        id_number=ID_NUMBER,
        consents=(Consent(id="c1", basis="express", given_at=START - timedelta(days=30)),),
        addresses=(
            Address(id="a1", channel="sms", basis="own", value="13900000003", ownership_proof="telecom_real_name"),
            Address(id="a2", channel="email", basis="confirmed", value="wang@mail.example"),
            Address(id="a3", channel="post", basis="confirmed", value=POST),
        ),
    )
    return replace(who, **more)  # type: ignore[arg-type]


def company() -> Recipient:
    return person("青禾（示范）科技有限公司", kind="entity", id_number=CREDIT_CODE)


@dataclass
class Stage:
    """What the tests hold: the journal, the clock, and the server's address."""

    journal: Journal
    clock: StageClock
    files: Files
    folder: Path
    base_url: str = ""
    log: list[str] = field(default_factory=list)
    rules: Rulebook = field(default_factory=book)
    trusted: list[bytes] = field(default_factory=list)
    withdrawn: dict[str, datetime] = field(default_factory=dict)
    no_pack: Exception | None = None

    async def delivery(
        self,
        who: Recipient,
        *,
        types: tuple[str, ...] = ("summons", "complaint_copy", "evidence"),
        court: str = "632801",
        number: str = "（2024）示0101民初123号",
    ) -> str:
        """A delivery that is accepted, sealed and routed; returns its id."""
        now = self.clock.now()
        name = self.clock.new_id()
        documents = tuple([await self._document(f"d{n}", kind) for n, kind in enumerate(types, 1)])
        accepted = events.Accepted(
            at=now,
            delivery=name,
            court=court,
            client="case-system",
            submission=f"s-{name}",
            case=Case(number=number, kind="civil", procedure="ordinary", stage="first_instance"),
            documents=documents,
            recipient=who,
            needed_by=START + timedelta(days=40),
        )
        await self.journal.accept(_filing(accepted))
        sealed = tuple([(d.id, await self.files.put(_content(d.type, sealed=True))) for d in documents])
        steps = tuple(
            RouteStep(address=a.id, channel=a.channel, not_before=now, wait=259200, reason=_rung(a))
            for a in who.addresses
        )
        await self.tell(name, events.DocumentsSealed(at=now, sealed=sealed))
        await self.tell(name, events.RoutePlanned(at=now, route=Route(steps=steps)))
        return name

    async def _document(self, name: str, kind: str) -> Document:
        content = _content(kind)
        return Document(
            id=name,
            type=kind,
            title=TITLES[kind],
            sha256=await self.files.put(content),
            pages=_pages(kind),
            size=len(content),
            hearing_at=START + timedelta(days=40) if kind == "summons" else None,
        )

    async def tell(self, delivery: str, *what: events.Event) -> Delivery:
        """Write events as whoever they come from would."""
        return await self.journal.record(delivery, lambda _: what)

    async def send(self, delivery: str, address: str = "a1", number: int = 1) -> Attempt:
        """An attempt that the provider took."""
        now, name = self.clock.now(), attempt_id(delivery, address, number)
        channel = (await self.journal.delivery(delivery)).recipient.address(address).channel
        announced = events.AttemptAnnounced(at=now, attempt=name, address=address, channel=channel, number=number)
        after = await self.tell(delivery, announced, events.AttemptTaken(at=now, attempt=name, references=("m-77",)))
        attempt = after.attempt(name)
        assert attempt is not None
        return attempt

    async def link(self, attempt: Attempt, *, days: int = 30) -> str:
        """The path of the signed link of that attempt."""
        delivery, _, _ = attempt.id.rpartition(f".{attempt.address}.")
        name, expires_at = link_id(KEY, attempt.id), self.clock.now() + timedelta(days=days)
        kept = Link(id=name, attempt=attempt.id, delivery=delivery, purpose="documents", expires_at=expires_at)
        await self.journal.keep_link(kept)
        token = make_token(KEY, link=name, attempt=attempt.id, purpose="documents", expires_at=expires_at)
        return f"/d/{token}"

    async def facts(self, delivery: str) -> list[str]:
        """The kinds of the facts on record."""
        return [fact.kind for fact in (await self.journal.delivery(delivery)).facts]

    async def raw_receipt(self, attempt: Attempt, fact: Fact, *, code: str, words: str) -> None:
        """A carrier's report: kept raw first, then told."""
        body = f'{{"mailNo":"EX000000012CN","opCode":"{code}","opDesc":"{words}"}}'.encode()
        meta = {"content-type": "application/json", "signature": "checked"}
        raw = RawReceipt(channel="ems", body=body, received_at=self.clock.now(), meta=meta)
        name = await self.journal.keep(raw)
        delivery, _, _ = attempt.id.rpartition(f".{attempt.address}.")
        receipt = Receipt(
            channel="ems", key=name, at=fact.at, code=code, words=words, attempt=attempt.id, fact=fact, raw=name
        )
        await self.tell(delivery, events.ReceiptReceived(at=self.clock.now(), receipt=receipt))

    async def open_task(self, delivery: str, kind: str, reason: str, **more: object) -> str:
        name = f"{delivery}.{kind}.x.1"
        task = Task(
            id=name,
            kind=kind,
            reason=reason,
            opened_at=self.clock.now(),
            due_at=self.clock.now() + timedelta(days=2),
            owner="clerk",
        )
        task = replace(task, **more)  # type: ignore[arg-type]
        await self.tell(delivery, events.TaskOpened(at=self.clock.now(), task=task))
        return task.id

    async def conclude(self, delivery: str) -> None:
        """What the worker does when the effect is firm: conclude, and issue the proof."""
        now = self.clock.now()
        effects = document_effects(await self.journal.delivery(delivery), self.rules, now)
        await self.tell(delivery, events.Concluded(at=now, effects=effects))
        digest = await self.files.put(paper("电子送达凭证", "受送达人已送达。", sealed=True))
        await self.tell(delivery, events.ProofIssued(at=now, number="632801-2025-000017", sha256=digest))

    async def read_by_self(self, delivery: str, attempt: Attempt) -> None:
        fact = Fact(kind="read", at=self.clock.now(), address=attempt.address, key="seed", by=Person(relation="self"))
        await self.tell(delivery, events.FactRecorded(at=self.clock.now(), fact=fact, by="recipient"))


def _rung(address: Address) -> str:
    """The reason that the rulebook's ladder gives for an address like that."""
    media = "electronic" if address.electronic else "mail"
    kind = "own" if address.basis == "own" else "given"
    return next(rung.reason for rung in book().ladder if (rung.media, rung.address_class) == (media, kind))


def _pages(kind: str) -> int:
    return 3 if kind == "evidence" else 1


def _content(kind: str, *, sealed: bool = False) -> bytes:
    words = (
        "示范市人民法院受理原告李某与被告王某买卖合同纠纷一案，现依法向你送达本文书。本文书内容均为虚构，仅供演练。",
        "请按本文书载明的时间到庭参加诉讼，并携带身份证件及相关证据材料。",
    )
    return paper(TITLES[kind], *words, pages=_pages(kind), sealed=sealed)


def _filing(accepted: events.Accepted) -> Filing:
    return Filing(
        source="/courts/632801/case-system",
        id=accepted.delivery,
        court=accepted.court,
        client=accepted.client,
        submission_id=accepted.submission,
        content_hash=hashlib.sha256(accepted.delivery.encode()).hexdigest(),
        accepted=(accepted,),
        answer=b"{}",
    )


async def _draw(content: bytes, page: int, width: int) -> bytes:
    return await asyncio.to_thread(page_image, content, page, width)


def application(stage: Stage, courts: Mapping[str, CourtCard]) -> web.Application:
    """Both sets of pages, as wiring puts them together."""
    app = web.Application()
    shared = {"journal": stage.journal, "clock": stage.clock, "documents": stage.files, "courts": courts}
    pages = recipient.RecipientPages(
        **shared,  # type: ignore[arg-type]
        link_keys=(KEY, b"an older key that still opens!!!"),
        page_image=_draw,
        base_url="http://127.0.0.1",
        book=stage.rules,
        rehearsal=True,
    )
    simulated = SimulatedChannel(SimulatedSettings(memory=stage.folder / "simulated.jsonl"), clock=stage.clock)

    async def pack(delivery: Delivery) -> bytes | None:
        if stage.no_pack:
            raise stage.no_pack
        number, digest = delivery.proofs[-1]
        return f"pack of {number}: ".encode() + await stage.files.get(digest)

    desk = console.Console(
        **shared,  # type: ignore[arg-type]
        channels={simulated.name: simulated},
        pack=pack,
        book=stage.rules,
        rehearsal=True,
    )

    async def verified(files: verify_page.Files) -> Verdict:
        if any(content == b"%PDF-kills" for _, content in files):
            raise SignerLost("the process that worked on it ended")
        known = {"trust": stage.trusted, "withdrawn": stage.withdrawn}
        return await asyncio.to_thread(verify, files, at=stage.clock.now(), **known)

    app.add_routes(
        [
            *recipient.routes(pages),
            *verify_page.routes(pages, verified, [ip_network("127.0.0.0/8")]),
            *console.routes(desk),
        ]
    )
    return app


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@asynccontextmanager
async def open_stage(
    folder: Path, courts: Mapping[str, CourtCard] = COURTS, rules: Rulebook | None = None
) -> AsyncIterator[Stage]:
    """A running server on a free port of loopback, with two courts and their clerks, and no deliveries yet."""
    clock = StageClock()
    journal = await Journal.open(f"sqlite+aiosqlite:///{folder / 'journal.sqlite'}", clock)
    stage = Stage(journal=journal, clock=clock, files=Files(folder / "documents"), folder=folder, rules=rules or book())
    for name, court, role in (("clerk", "632801", "clerk"), ("judge", "632801", "judge"), ("other", "632802", "clerk")):
        await journal.put_clerk(Clerk(name=name, court=court, role=role, password_hash=HASH))
    log = logging.Logger("stage.access", logging.INFO)
    log.addHandler(_Lines(stage.log))
    server = TestServer(application(stage, courts))
    await server.start_server(access_log=log, access_log_class=PatternAccessLogger)
    stage.base_url = str(server.make_url("")).rstrip("/")
    try:
        yield stage
    finally:
        await server.close()
        await journal.close()
