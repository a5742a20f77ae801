"""A delivery that we fail to work on, again and again, gets an owner; when it goes on, nobody has to do anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.core import events
from delivery.core.model import State
from delivery.core.ports import Answer, Consignment, Later
from delivery.core.tasks import FAILURES_IN_A_ROW
from delivery.journal.migrations import migrate
from delivery.worker.loop import LEASE, advance_or_postpone
from tests.stage import JumpingClock, Stage, address, recipient, seal_keys, stage

KEYS = seal_keys()
HOUR = timedelta(hours=1)


@asynccontextmanager
async def played(url: str, tmp_path: Path, provider: type[SimulatedChannel]) -> AsyncIterator[Stage]:
    await migrate(url)
    clock = JumpingClock()
    channels = dict.fromkeys(("email", "sms", "post"), provider(SimulatedSettings(memory=tmp_path / "m"), clock=clock))
    async with stage(url, tmp_path, clock=clock, channels=channels, keys=KEYS) as made:
        yield made


@pytest.fixture
async def play(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with played(sqlite_url, tmp_path, SimulatedChannel) as made:
        yield made


async def try_once(play: Stage) -> bool:
    """Whatever is due first, after a jump to it; whether there was anything."""
    due = await play.journal.next_due()
    if due is None:
        return False
    play.clock.jump(due)
    for delivery in await play.journal.claim(32, LEASE):
        await advance_or_postpone(play.bench, delivery)
    return True


async def without_its_file(play: Stage, tmp_path: Path) -> tuple[str, Path]:
    """A delivery that cannot be sealed: its id, and the file that has been moved away; `bring_back` undoes it."""
    (name,) = await play.submit(recipient(address("email", "taken; 1h arrived")))
    digest = (await play.delivery(name)).documents[0].sha256
    (file,) = (path for path in (tmp_path / "documents").glob("*/*") if path.parent.name + path.name == digest)
    file.rename(_away(file))
    return name, file


def _away(file: Path) -> Path:
    return file.parent.parent.parent / "away.pdf"


def bring_back(file: Path) -> None:
    _away(file).rename(file)


async def fail(play: Stage, times: int) -> None:
    for _ in range(times):
        assert await try_once(play)


async def test_after_a_long_row_of_failures_a_clerk_is_told_and_it_is_still_tried(play: Stage, tmp_path: Path) -> None:
    name, _ = await without_its_file(play, tmp_path)
    await fail(play, FAILURES_IN_A_ROW - 1)
    assert (await play.delivery(name)).tasks == ()
    await fail(play, 1)
    delivery = await play.delivery(name)
    (task,) = delivery.tasks
    assert (task.kind, task.owner, delivery.failures) == ("step_failed", "clerk", FAILURES_IN_A_ROW)
    assert "Seal: KeyError" in task.reason
    assert (await play.journal.delivery_row(name)).state == State.NEEDS_PERSON  # type: ignore[union-attr]
    assert await play.journal.next_due() == play.clock.now() + HOUR, "the longest delay"
    await fail(play, 5)
    assert (await play.delivery(name)).version == delivery.version, "known: nothing more to tell"
    assert await play.journal.next_due() == play.clock.now() + HOUR


async def test_when_the_step_succeeds_the_task_is_closed_and_the_row_is_over(play: Stage, tmp_path: Path) -> None:
    name, file = await without_its_file(play, tmp_path)
    await fail(play, FAILURES_IN_A_ROW)
    bring_back(file)
    await try_once(play)
    delivery = await play.delivery(name)
    assert (delivery.failures, delivery.tasks) == (0, ())
    assert [(task.kind, how) for task, how in delivery.closed_tasks] == [("step_failed", "overtaken")]
    assert delivery.attempts, "and it went on"


async def test_a_few_failures_and_then_success_bother_nobody(play: Stage, tmp_path: Path) -> None:
    name, file = await without_its_file(play, tmp_path)
    await fail(play, 2)
    bring_back(file)
    await try_once(play)
    delivery = await play.delivery(name)
    assert (delivery.failures, delivery.tasks, delivery.closed_tasks) == (0, (), ())
    kinds = [events.kind(row.event) for row in await play.journal.load(name)]
    assert (kinds.count("step_failed"), kinds.count("recovered")) == (2, 1)


async def test_a_clerk_who_closes_it_is_asked_again_after_another_row(play: Stage, tmp_path: Path) -> None:
    name, _ = await without_its_file(play, tmp_path)
    await fail(play, FAILURES_IN_A_ROW)
    (first,) = (await play.delivery(name)).tasks
    closed = events.TaskClosed(
        at=play.clock.now(), task=first.id, decision="done", by="clerk", reason="told the operators"
    )
    await play.record(name, closed)
    await fail(play, FAILURES_IN_A_ROW - 1)
    assert (await play.delivery(name)).tasks == ()
    await fail(play, 1)
    (second,) = (await play.delivery(name)).tasks
    assert second.id != first.id


class Opening(SimulatedChannel):
    """A provider that is given the documents themselves."""

    carries_documents = True


async def test_what_was_decided_before_the_failure_is_kept(sqlite_url: str, tmp_path: Path) -> None:
    """The provider can be asked, but we stumble over the asking: the clerk's task is not lost with it."""
    async with played(sqlite_url, tmp_path, Opening) as play:
        (name,) = await play.submit(recipient(address("post", "lost_before")))
        await try_once(play)
        assert [attempt.answer for attempt in (await play.delivery(name)).attempts] == ["in_doubt"]
        for file in (tmp_path / "documents").glob("*/*"):
            file.unlink()
        play.clock.jump(play.clock.now() + 3 * HOUR)
        await fail(play, 1)
        delivery = await play.delivery(name)
        assert (delivery.failures, [task.kind for task in delivery.tasks]) == (1, ["in_doubt"])


class Busy(SimulatedChannel):
    """A provider that never has time."""

    async def send(self, consignment: Consignment) -> Answer:
        return Later(code="busy", words="+8613900000003 has to wait")


async def test_a_provider_that_always_puts_off_is_somebody_s_question_too(sqlite_url: str, tmp_path: Path) -> None:
    async with played(sqlite_url, tmp_path, Busy) as play:
        (name,) = await play.submit(recipient(address("post"), address("post", id="a2")))
        await fail(play, FAILURES_IN_A_ROW - 1)
        assert (await play.delivery(name)).tasks == ()
        await fail(play, 1)
        delivery = await play.delivery(name)
        (task,) = delivery.tasks
        assert (task.kind, task.owner, task.attempt) == ("put_off", "clerk", f"{name}.a1.1")
        assert "13900000003" not in task.reason
        await fail(play, 3)
        assert [task.id for task in (await play.delivery(name)).tasks] == [task.id]
        closed = events.TaskClosed(
            at=play.clock.now(), task=task.id, decision="give_up", by="clerk", reason="the other one"
        )
        await play.record(name, closed)
        await try_once(play)
        assert [one.address for one in (await play.delivery(name)).attempts] == ["a1", "a2"]
