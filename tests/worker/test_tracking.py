"""The carrier's pushes are lost, and the service asks: as long as the answer may change anything, and not for ever."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.core import events
from delivery.core.model import Fact, State
from delivery.core.ports import Consignment, RawReceipt
from delivery.journal.migrations import migrate
from delivery.worker import tracking
from tests.stage import COURT, JumpingClock, Stage, address, recipient, seal_keys, stage

KEYS = seal_keys()
DAY = timedelta(days=1)


class Carrier(SimulatedChannel):
    """Pushes nothing, and tells what happened when asked where a letter is."""

    def __init__(self, folder: Path, clock: JumpingClock) -> None:
        super().__init__(SimulatedSettings(memory=folder / "carrier.jsonl"), clock=clock)
        self._domain = clock
        self.told: list[dict[str, str | None]] = []
        self.asked: list[str] = []

    def happens(self, what: str, *, cancels: str | None = None) -> None:
        at = self._domain.now().isoformat()
        self.told.append({"key": f"{what}@{at}", "at": at, "what": what, "cancels": cancels})

    async def track(self, consignment: Consignment, reference: str) -> list[RawReceipt]:
        self.asked.append(consignment.attempt)
        now = self._domain.now()
        bodies = [json.dumps({**said, "attempt": consignment.attempt}).encode() for said in self.told]
        return [RawReceipt(channel=self.name, body=body, received_at=now, meta={}) for body in bodies]


@pytest.fixture
async def carrier(tmp_path: Path) -> Carrier:
    return Carrier(tmp_path, JumpingClock())


@pytest.fixture
async def play(sqlite_url: str, tmp_path: Path, carrier: Carrier) -> AsyncIterator[Stage]:
    await migrate(sqlite_url)
    channels = dict.fromkeys(("email", "sms", "post"), carrier)
    async with stage(sqlite_url, tmp_path, clock=carrier._domain, channels=channels, keys=KEYS) as made:
        yield made


async def letter(play: Stage) -> str:
    (name,) = await play.submit(recipient(address("post", "taken")))
    await play.settle()
    return name


async def asked(play: Stage) -> int:
    """One round of asking, its answers read and acted upon; how many messages were kept."""
    await tracking.ask_about(play.bench, COURT.code)
    kept = len(await play.journal.unread(100))
    await play.settle()
    return kept


async def state(play: Stage, name: str) -> str:
    row = await play.journal.delivery_row(name)
    assert row is not None
    return row.state


async def concluded_beside_it(play: Stage) -> str:
    """The mail was silent, so a letter went out; and then it turned out that the mail had arrived."""
    (name,) = await play.submit(recipient(address("email", "taken"), address("post", "taken", id="a2")))
    await play.settle()
    play.clock.jump(play.clock.now() + 3 * DAY)
    await play.settle()
    assert [attempt.channel for attempt in (await play.delivery(name)).attempts] == ["email", "post"]
    now = play.clock.now()
    arrived = Fact(kind="arrived", at=now, address="a1", key="seen by the provider")
    await play.record(name, events.FactRecorded(at=now, fact=arrived, by="clerk"))
    await play.settle()
    assert await state(play, name) == State.CONCLUDED
    return name


async def codes(play: Stage, name: str) -> list[str]:
    return [receipt.code for receipt in (await play.delivery(name)).receipts]


async def test_a_letter_that_a_clerk_looks_after_is_still_asked_about(play: Stage, carrier: Carrier) -> None:
    name = await letter(play)
    play.clock.jump(play.clock.now() + 16 * DAY)
    await play.settle()
    assert [task.kind for task in (await play.delivery(name)).tasks] == ["track_mail"]
    assert await state(play, name) == State.NEEDS_PERSON
    carrier.happens("returned:moved")
    assert await asked(play) == 1
    assert await codes(play, name) == ["returned:moved"]
    assert "track_mail" not in {task.kind for task in (await play.delivery(name)).tasks}
    carrier.happens("cancelled", cancels="returned:moved")
    await asked(play)
    assert [task.kind for task in (await play.delivery(name)).tasks] == ["track_mail"], "and taken back again"


async def test_what_a_carrier_says_after_the_conclusion_is_heard(play: Stage, carrier: Carrier) -> None:
    name = await concluded_beside_it(play)
    play.clock.jump(play.clock.now() + 20 * DAY)
    carrier.happens("posted")
    assert await asked(play) == 1
    assert await codes(play, name) == ["posted"]


async def test_a_conclusion_of_long_ago_is_not_asked_about(play: Stage, carrier: Carrier) -> None:
    await concluded_beside_it(play)
    play.clock.jump(play.clock.now() + tracking.LATE)
    await asked(play)
    assert len(carrier.asked) == 1
    play.clock.jump(play.clock.now() + DAY)
    await asked(play)
    assert len(carrier.asked) == 1


async def test_what_is_known_is_not_kept_again(play: Stage, carrier: Carrier) -> None:
    await letter(play)
    carrier.happens("posted")
    assert await asked(play) == 1
    assert await asked(play) == 0
    play.clock.jump(play.clock.now() + DAY)
    carrier.happens("attempted:nobody_home")
    assert await asked(play) == 1


async def test_what_cannot_be_read_is_kept_for_a_person(play: Stage, carrier: Carrier) -> None:
    await letter(play)
    carrier.happens("nonsense")
    assert await asked(play) == 1
    assert len(await play.journal.unmatched(10)) == 1
