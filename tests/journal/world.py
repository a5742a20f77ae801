"""Submissions and events to write, made up, and clocks that a test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from sqlalchemy.ext.asyncio import AsyncConnection

from delivery.core.events import Accepted, AttemptAnnounced, AttemptTaken, Event, RoutePlanned
from delivery.core.model import Address, Case, Document, Recipient, Route, RouteStep, attempt_id
from delivery.core.ports import RawReceipt
from delivery.journal import tables
from delivery.journal.encoding import COURT_ZONE
from delivery.journal.engines import open_engines
from delivery.journal.submissions import Filing

START = datetime(2025, 9, 16, 9, 30, tzinfo=COURT_ZONE)
COURT, CLIENT = "632801", "case-system"
LEASE = timedelta(seconds=60)


@dataclass
class HandClock:
    """Moves when told; its identifiers count up, and `prefix` tells those of two processes apart."""

    time: datetime = START
    prefix: str = "id"
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def now(self) -> datetime:
        return self.time

    def new_id(self) -> str:
        return f"{self.prefix}-{next(self.numbers):08d}"

    def pass_time(self, **amount: float) -> None:
        self.time += timedelta(**amount)


def accepted(delivery: str, submission: str, at: datetime = START, name: str = "王小明") -> Accepted:
    address = Address(id="a1", channel="email", basis="confirmed", value="wang@example.org", given_at=START)
    return Accepted(
        at=at,
        delivery=delivery,
        court=COURT,
        client=CLIENT,
        submission=submission,
        case=Case(number="（2024）青2801民初123号", kind="civil", procedure="ordinary", stage="first_instance"),
        documents=(Document(id="d1", type="summons", title="传票", sha256="0" * 64, pages=1, size=1000),),
        recipient=Recipient(id="r1", role="defendant", kind="natural_person", name=name, addresses=(address,)),
    )


def filing(number: int | str, *, deliveries: int = 1, content: str = "same", name: str = "王小明") -> Filing:
    submission = f"s{number}"
    return Filing(
        source=f"/courts/{COURT}/{CLIENT}",
        id=f"filing-{number}",
        court=COURT,
        client=CLIENT,
        submission_id=submission,
        content_hash=content,
        accepted=tuple(accepted(f"{submission}-d{i}", submission, name=name) for i in range(1, deliveries + 1)),
        answer=f'{{"submission_id":"{submission}"}}'.encode(),
    )


def planned(at: datetime = START) -> RoutePlanned:
    step = RouteStep(address="a1", channel="email", not_before=at, wait=3600, reason="confirmed")
    return RoutePlanned(at=at, route=Route(steps=(step,)))


def announced(delivery: str, number: int = 1, at: datetime = START) -> AttemptAnnounced:
    attempt = attempt_id(delivery, "a1", number)
    return AttemptAnnounced(at=at, attempt=attempt, address="a1", channel="email", number=number)


def taken(delivery: str, number: int = 1, at: datetime = START) -> AttemptTaken:
    return AttemptTaken(at=at, attempt=attempt_id(delivery, "a1", number), references=("ref-1",))


def sending(delivery: str, number: int = 1) -> Sequence[Event]:
    """Two events of which one makes a report."""
    return announced(delivery, number), taken(delivery, number)


def raw(text: str = "delivered", *, channel: str = "smpp", at: datetime = START) -> RawReceipt:
    return RawReceipt(channel=channel, body=text.encode(), received_at=at, meta={"system_id": "songda"})


async def break_history(url: str, delivery: str, *, kind: str = "tomorrows", data: str = "{}", seq: int = 2) -> None:
    """Write an event that cannot be read: damaged, or by default one of a newer release."""
    values = {"delivery": delivery, "seq": seq, "recorded_at": START, "kind": kind, "data": data}
    async with past_the_journal(url) as connection:
        await connection.execute(tables.events.insert().values(values))


@asynccontextmanager
async def past_the_journal(url: str) -> AsyncIterator[AsyncConnection]:
    """To write what no journal would."""
    engines = open_engines(url)
    try:
        async with engines.writing.begin() as connection:
            yield connection
    finally:
        await engines.dispose()
