"""Waking up: on news at once, at the due time by the domain's clock, and across processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, text

from delivery.clock import RehearsalClock
from delivery.journal.engines import open_engines
from delivery.journal.journal import Journal
from tests.journal.world import LEASE, START, HandClock, filing, planned
from tests.servers import PATIENCE

PROJECT = Path(__file__).parent.parent.parent


async def _caught_up(journal: Journal) -> None:
    """A journal may ring once at its start: there may have been news before it listened."""
    await journal.wait_for_news(START)


async def _sleeping(task: asyncio.Task[None]) -> bool:
    done, _ = await asyncio.wait([task], timeout=0.2)
    return not done


async def test_a_write_wakes_whoever_waits(journal: Journal) -> None:
    await _caught_up(journal)
    waiting = asyncio.create_task(journal.wait_for_news(None))
    assert await _sleeping(waiting)
    await journal.accept(filing(1))
    await waiting


async def test_news_between_a_look_and_a_wait_is_not_slept_through(journal: Journal) -> None:
    await _caught_up(journal)
    assert await journal.claim(1, LEASE) == []
    await journal.accept(filing(1))
    await journal.wait_for_news(None)
    assert len(await journal.claim(1, LEASE)) == 1


async def test_several_loops_each_hear_all_news(journal: Journal) -> None:
    await _caught_up(journal)
    seen = journal.news
    await journal.accept(filing(1))
    await asyncio.gather(*[journal.wait_for_news(None, since=seen) for _ in range(3)])


async def test_it_returns_when_the_time_has_come(journal: Journal, clock: HandClock) -> None:
    await _caught_up(journal)
    await journal.wait_for_news(clock.now())


async def test_a_jump_of_the_clock_wakes(database_url: str) -> None:
    clock = RehearsalClock(START)
    journal = await Journal.open(database_url, clock)
    await journal.wait_for_news(START)
    waiting = asyncio.create_task(journal.wait_for_news(START + timedelta(days=3)))
    assert await _sleeping(waiting)
    clock.jump(START + timedelta(days=3))
    journal.wake()
    await waiting
    await journal.close()


async def test_a_claim_that_runs_out_wakes(database_url: str) -> None:
    """Its worker may have died; nobody would tell."""
    journal = await Journal.open(database_url, RehearsalClock(START))
    await journal.accept(filing(1))
    await journal.claim(1, timedelta(seconds=0.3))
    await journal.wait_for_news(START)
    await journal.wait_for_news(None, since=journal.news, claims=True)
    assert len(await journal.claim(1, LEASE)) == 1
    await journal.close()


async def test_a_claim_that_ran_out_long_ago_does_not_keep_anybody_awake(journal: Journal, clock: HandClock) -> None:
    await journal.accept(filing(1))
    (claimed,) = await journal.claim(1, LEASE)
    await journal.append(claimed, [planned()], due_at=START + timedelta(days=1))
    clock.time += 2 * LEASE
    waiting = asyncio.create_task(journal.wait_for_news(None, since=journal.news, claims=True))
    assert await _sleeping(waiting)
    waiting.cancel()


WRITER = """
import asyncio, sys
from delivery.journal.engines import open_engines
from delivery.journal.journal import Journal
from tests.journal.world import HandClock, filing

async def main() -> None:
    journal = await Journal.open(sys.argv[1], HandClock(prefix="other"), migrate=False)
    await journal.accept(filing(1))
    await journal.close()

asyncio.run(main())
"""


async def test_another_process_wakes_us(postgres_url: str) -> None:
    journal = await Journal.open(postgres_url, HandClock())
    await _caught_up(journal)
    waiting = asyncio.create_task(journal.wait_for_news(None))
    assert await _sleeping(waiting)
    command = [sys.executable, "-c", WRITER, postgres_url]
    await asyncio.to_thread(subprocess.run, command, cwd=PROJECT, check=True)
    await asyncio.wait_for(waiting, PATIENCE)
    assert len(await journal.claim(1, LEASE)) == 1
    await journal.close()


async def test_a_database_that_is_not_there_is_an_error_at_the_start(postgres_url: str) -> None:
    with pytest.raises(Exception, match="does not exist"):
        await Journal.open(f"{postgres_url}_other", HandClock())


async def test_whoever_claims_nothing_sleeps_on_when_a_claim_runs_out(database_url: str) -> None:
    journal = await Journal.open(database_url, RehearsalClock(START))
    await journal.accept(filing(1))
    await journal.claim(1, timedelta(seconds=0.1))
    await journal.wait_for_news(START)
    waiting = asyncio.create_task(journal.wait_for_news(None, since=journal.news))
    assert await _sleeping(waiting)
    waiting.cancel()
    await journal.close()


async def test_a_question_to_sqlite_costs_one_statement(sqlite_url: str) -> None:
    engines, said = open_engines(sqlite_url), list[str]()
    event.listen(engines.reading.sync_engine, "before_cursor_execute", lambda *asked: said.append(asked[2]))
    async with engines.reading.connect() as connection:
        await connection.execute(text("SELECT 1"))
    await engines.dispose()
    assert said == ["SELECT 1"]
