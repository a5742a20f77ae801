"""What the worker's parts ask of the journal: no writer's turn for nothing, no transaction per report."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.core.ports import Outgoing
from delivery.journal.journal import Journal
from delivery.worker.loop import Worker
from delivery.worker.reporting import TOGETHER, Reporting
from tests.stage import COURT, Stage, address, recipient, seal_keys, stage

KEYS = seal_keys()


class Watched(Journal):
    """Tells of each time that somebody asked what is due next."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.asked = asyncio.Queue[datetime | None]()

    async def next_due(self) -> datetime | None:
        due = await super().next_due()
        self.asked.put_nowait(due)
        return due


@pytest.fixture
async def play(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(database_url, tmp_path, keys=KEYS, journal=Watched) as made:
        yield made


async def test_news_that_concerns_others_takes_no_turn_of_the_writer(play: Stage) -> None:
    assert isinstance(play.journal, Watched)
    before = play.journal.commits
    working = asyncio.create_task(Worker(play.bench).run())
    for _ in range(4):
        assert await play.journal.asked.get() is None
        play.journal.wake()
    working.cancel()
    await asyncio.wait([working])
    assert play.journal.commits == before


async def test_what_is_due_is_claimed_at_once(play: Stage) -> None:
    assert isinstance(play.journal, Watched)
    working = asyncio.create_task(Worker(play.bench).run())
    assert await play.journal.asked.get() is None
    (delivery,) = await play.submit(recipient(address("email", "taken; 1h arrived")))
    while not (await play.delivery(delivery)).attempts:
        await play.journal.asked.get()
    working.cancel()
    await asyncio.wait([working])


class Post:
    """Takes reports until it has enough; then it never answers."""

    def __init__(self, enough: int) -> None:
        self.enough = enough
        self.got: list[str] = []
        self.full = asyncio.Event()

    async def publish(self, report: Outgoing) -> None:
        if len(self.got) == self.enough:
            self.full.set()
            await asyncio.Event().wait()
        self.got.append(report.id)


async def _rejections(play: Stage, number: int) -> list[str]:
    at = play.clock.now()
    for each in range(number):
        await play.journal.reject(court=COURT.code, client="c", submission_id=f"s{each}", faults=[], at=at)
    return [row.id for row in await play.journal.reports_after(COURT.code, "c", 0, 1000)]


async def test_reports_are_marked_together_and_go_out_in_order(play: Stage) -> None:
    filed = await _rejections(play, 2 * TOGETHER + 1)
    post, before = Post(1000), play.journal.commits
    assert await Reporting(play.journal, play.clock, {"queue": post}).publish("queue") == (len(filed), 0)
    assert post.got == filed
    assert play.journal.commits - before == 3
    assert await play.journal.unpublished("queue", 10) == []


async def test_what_went_out_is_marked_when_the_part_is_ended(play: Stage) -> None:
    filed, post = await _rejections(play, 5), Post(3)
    publishing = asyncio.create_task(Reporting(play.journal, play.clock, {"queue": post}).publish("queue"))
    await post.full.wait()
    publishing.cancel()
    await asyncio.wait([publishing])
    assert [row.id for row in await play.journal.unpublished("queue", 10)] == filed[3:]
