"""What cannot be worked on stands in nobody's way: a message, a letter without its bytes, a client that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.core.model import Receipt
from delivery.core.ports import Consignment, Outgoing, RawReceipt
from delivery.journal.migrations import migrate
from delivery.worker import tracking
from delivery.worker.receiving import ORPHAN_PATIENCE
from delivery.worker.reporting import BATCH, Reporting
from tests.journal.world import break_history
from tests.stage import COURT, JumpingClock, Stage, address, recipient, seal_keys, stage

KEYS = seal_keys()


class Provider(SimulatedChannel):
    """A provider that opens every letter, whose messages may be nonsense, and that answers where a letter is."""

    carries_documents = True

    def __init__(self, folder: Path, clock: JumpingClock) -> None:
        super().__init__(SimulatedSettings(memory=folder / "simulated.jsonl"), clock=clock)
        self.asked: list[str] = []

    def read(self, raw: RawReceipt) -> tuple[Receipt, ...]:
        if raw.body == b"nonsense":
            raise IndexError("a list of attempts that is empty")
        return super().read(raw)

    async def track(self, consignment: Consignment, reference: str) -> list[RawReceipt]:
        self.asked.append(consignment.delivery)
        return []


class Endpoints:
    """The case systems' own endpoints: those that are away refuse."""

    def __init__(self, *away: str) -> None:
        self.away = set(away)
        self.got: list[str] = []

    async def publish(self, report: Outgoing) -> None:
        if report.client in self.away:
            raise ConnectionRefusedError
        self.got.append(report.client)


@pytest.fixture
async def play(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    await migrate(sqlite_url)
    clock = JumpingClock()
    provider = Provider(tmp_path, clock)
    words = dict.fromkeys(("email", "sms", "post"), provider)
    async with stage(sqlite_url, tmp_path, clock=clock, channels=words, keys=KEYS) as made:
        yield made


def raw(play: Stage, body: bytes) -> RawReceipt:
    return RawReceipt(channel="simulated", body=body, received_at=play.clock.now(), meta={})


async def test_a_message_that_our_code_stumbles_over_is_for_a_person(play: Stage) -> None:
    kept = [await play.journal.keep(raw(play, body)) for body in (b"nonsense", b"{}")]
    assert await play.receiving.read_all() == 2
    assert await play.journal.unread(10) == []
    assert {row.id for row in await play.journal.unmatched(10)} == set(kept)


async def test_a_receipt_of_a_delivery_that_cannot_be_read_waits_for_it(play: Stage, sqlite_url: str) -> None:
    broken, good = await play.submit(*[recipient(address("post", "taken; 1h arrived")) for _ in range(2)])
    await play.settle()
    await break_history(sqlite_url, broken, seq=99)
    play.clock.jump(play.clock.now() + timedelta(hours=1))
    await play.settle()
    assert [(row.state, row.delivery) for row in await play.journal.unmatched(10)] == [("orphan", broken)]
    assert len((await play.delivery(good)).receipts) == 1
    assert await play.journal.next_reading() == play.clock.now() + ORPHAN_PATIENCE


async def test_a_letter_whose_bytes_are_lost_does_not_end_the_asking(play: Stage, tmp_path: Path) -> None:
    provider = play.bench.channels["post"]
    assert isinstance(provider, Provider)
    letters = await play.submit(*[recipient(address("post", "taken; 30d posted")) for _ in range(2)])
    await play.settle()
    await tracking.ask_about(play.bench, COURT.code)
    assert sorted(provider.asked) == sorted(letters)
    for file in (tmp_path / "documents").glob("*/*"):
        file.unlink()
    await tracking.ask_about(play.bench, COURT.code)  # and does not raise
    assert sorted(provider.asked) == sorted(letters)


async def reject(play: Stage, client: str, times: int) -> None:
    for number in range(times):
        at = play.clock.now()
        await play.journal.reject(court=COURT.code, client=client, submission_id=f"{client}-{number}", faults=[], at=at)


async def test_a_client_that_is_away_with_many_reports_holds_back_its_own_alone(play: Stage) -> None:
    await reject(play, "away", BATCH + 1)
    await reject(play, "here", 2)
    endpoints = Endpoints("away")
    reporting = Reporting(play.journal, play.clock, {"webhook": endpoints})
    assert await reporting.publish("webhook") == (0, 1)
    assert await reporting.publish("webhook") == (2, 0)
    assert await reporting.publish("webhook") == (0, 0)
    assert endpoints.got == ["here", "here"]
