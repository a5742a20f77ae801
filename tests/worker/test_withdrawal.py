"""A delivery is withdrawn while nobody knows whether the provider has it: it is asked, and taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.simulated import SimulatedChannel, SimulatedSettings
from delivery.core import events
from delivery.core.model import State
from delivery.core.ports import Answer, Consignment, Later, Unknown
from delivery.journal.migrations import migrate
from delivery.worker.loop import LEASE, advance_or_postpone
from tests.stage import JumpingClock, Stage, address, recipient, seal_keys, stage

KEYS = seal_keys()
AWAY: tuple[Answer, ...] = (Later(code="not_reached"), Unknown(words="no whole answer"))


class Provider(SimulatedChannel):
    """Gives the answers of `first` to the first questions for taking something back, and then its own."""

    first: tuple[Answer, ...] = ()

    async def cancel(self, consignment: Consignment, reference: str | None) -> Answer:
        if self.first:
            answer, *rest = self.first
            self.first = tuple(rest)
            return answer
        return await super().cancel(consignment, reference)


@asynccontextmanager
async def played(url: str, tmp_path: Path) -> AsyncIterator[tuple[Stage, Provider]]:
    await migrate(url)
    clock = JumpingClock()
    provider = Provider(SimulatedSettings(memory=tmp_path / "provider.jsonl"), clock=clock)
    channels = dict.fromkeys(("email", "sms", "post"), provider)
    async with stage(url, tmp_path, clock=clock, channels=channels, keys=KEYS) as made:
        yield made, provider


async def withdrawn(play: Stage, script: str) -> str:
    """A letter with that script and an address beside it, withdrawn as soon as the first answer is on record."""
    (name,) = await play.submit(recipient(address("post", script), address("post", "taken", id="a2")))
    await play.settle()
    await play.record(name, events.Withdrawn(at=play.clock.now(), by="court", reason="settled"))
    return name


async def work(play: Stage, rounds: int = 12) -> None:
    for _ in range(rounds):
        if (due := await play.journal.next_due()) is None:
            return
        play.clock.jump(due)
        for delivery in await play.journal.claim(32, LEASE):
            await advance_or_postpone(play.bench, delivery)


def outcomes(provider: Provider) -> list[str]:
    return [entry.what for entry in provider.log]


async def test_what_was_taken_unknown_to_us_is_found_and_taken_back(sqlite_url: str, tmp_path: Path) -> None:
    async with played(sqlite_url, tmp_path) as (play, provider):
        name = await withdrawn(play, "lost; 30d posted")
        await work(play)
        (attempt,) = (await play.delivery(name)).attempts
        assert (attempt.answer, attempt.words) == ("taken", "withdrawal: taken back")
        assert outcomes(provider) == ["taken", "withdrawn"]
        row = await play.journal.delivery_row(name)
        assert row is not None
        assert (row.state, row.due_at) == (State.WITHDRAWN, None)


async def test_what_was_not_taken_is_not_sent_either(sqlite_url: str, tmp_path: Path) -> None:
    async with played(sqlite_url, tmp_path) as (play, provider):
        name = await withdrawn(play, "lost_before")
        await work(play)
        assert [attempt.answer for attempt in (await play.delivery(name)).attempts] == ["deferred"]
        assert "taken" not in outcomes(provider)


async def test_what_cannot_be_taken_back_any_more_is_on_record_as_gone(sqlite_url: str, tmp_path: Path) -> None:
    async with played(sqlite_url, tmp_path) as (play, _):
        name = await withdrawn(play, "lost; 0s posted")
        await work(play)
        (attempt,) = (await play.delivery(name)).attempts
        assert (attempt.answer, attempt.words) == ("taken", "withdrawal: it is on its way")


@pytest.mark.parametrize("first", [AWAY[:1], AWAY[1:], AWAY])
async def test_a_provider_that_is_away_is_asked_again_to_take_it_back(
    sqlite_url: str, tmp_path: Path, first: tuple[Answer, ...]
) -> None:
    async with played(sqlite_url, tmp_path) as (play, provider):
        provider.first = first
        name = await withdrawn(play, "taken; 30d posted")
        await work(play)
        delivery = await play.delivery(name)
        assert delivery.attempts[0].words == "withdrawal: taken back"
        assert (delivery.failures, delivery.tasks) == (0, ())
        assert outcomes(provider) == ["taken", "withdrawn"]


async def test_a_provider_that_is_away_for_ever_is_a_clerk_s_question(sqlite_url: str, tmp_path: Path) -> None:
    async with played(sqlite_url, tmp_path) as (play, provider):
        provider.first = AWAY[:1] * 20
        name = await withdrawn(play, "taken; 30d posted")
        await work(play)
        (task,) = (await play.delivery(name)).tasks
        assert (task.kind, task.owner) == ("step_failed", "clerk")
        await work(play)
        assert (await play.delivery(name)).tasks == (), "answered at last"
