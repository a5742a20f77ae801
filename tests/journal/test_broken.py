"""What is stored and cannot be read concerns itself alone: the others are claimed, told and shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update
from structlog.testing import capture_logs

from delivery.journal import tables
from delivery.journal.claims import SET_ASIDE
from delivery.journal.encoding import encode
from delivery.journal.errors import HistoryBroken
from delivery.journal.journal import Journal
from tests.journal.world import CLIENT, COURT, LEASE, HandClock, accepted, break_history, filing, past_the_journal

BROKEN, GOOD = "s2-d1", ["s1-d1", "s3-d1"]


@pytest.fixture
async def three(journal: Journal) -> Journal:
    for number in (1, 2, 3):
        await journal.accept(filing(number))
    return journal


def _set_aside(logs: list[Any]) -> list[str]:
    return [line["delivery"] for line in logs if line["event"] == "delivery_set_aside"]


@pytest.mark.parametrize(("kind", "data"), [
    ("tomorrows", "{}"),
    ("documents_sealed", "{}"),
    ("documents_sealed", "王小明 is no JSON"),
    ("task_closed", '{"at":5}'),
])  # fmt: skip
async def test_one_that_cannot_be_read_is_set_aside_and_the_others_are_claimed(
    three: Journal, database_url: str, kind: str, data: str
) -> None:
    await break_history(database_url, BROKEN, kind=kind, data=data)
    with capture_logs() as logs:
        assert [each.id for each in await three.claim(10, LEASE)] == GOOD
    assert _set_aside(logs) == [BROKEN]
    assert "王小明" not in str(logs)
    assert three.set_aside == {BROKEN}


async def test_it_is_not_met_again_until_its_time(three: Journal, database_url: str, clock: HandClock) -> None:
    await break_history(database_url, BROKEN)
    await three.claim(10, LEASE)
    for name in GOOD:
        await three.release(name, due_at=None)
    with capture_logs() as logs:
        clock.time += SET_ASIDE - timedelta(microseconds=1)
        assert await three.claim(10, LEASE) == []
        assert await three.next_due() is None
        assert logs == []
        clock.pass_time(microseconds=1)
        assert await three.claim(10, LEASE) == []
        assert _set_aside(logs) == [BROKEN]


async def test_a_release_that_can_read_it_goes_on_with_it(database_url: str, clock: HandClock) -> None:
    journal = await Journal.open(database_url, clock)
    await journal.accept(filing(2))
    await _overwrite_only_event(database_url, "{}")
    assert await journal.claim(1, LEASE) == []
    await _overwrite_only_event(database_url, encode(accepted(BROKEN, "s2"))[1])
    await journal.forget_leases()
    assert [each.id for each in await journal.claim(1, LEASE)] == [BROKEN]
    assert journal.set_aside == set()
    await journal.close()


async def _overwrite_only_event(url: str, data: str) -> None:
    """As another release would see it. The database refuses to change an event, so its guard steps aside."""
    async with past_the_journal(url) as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("ALTER TABLE events DISABLE TRIGGER USER")
        else:
            for name in await connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")):
                await connection.exec_driver_sql(f"DROP TRIGGER {name}")
        await connection.execute(update(tables.events).values(data=data))


async def test_a_delivery_without_any_event_is_set_aside_too(three: Journal, database_url: str) -> None:
    async with past_the_journal(database_url) as connection:
        found = await connection.execute(tables.deliveries.select().where(tables.deliveries.c.id == "s1-d1"))
        lonely = {**found.mappings().one(), "id": "lonely"}
        await connection.execute(tables.deliveries.insert().values(lonely))
    assert [each.id for each in await three.claim(10, LEASE)] == ["s1-d1", "s2-d1", "s3-d1"]
    assert three.set_aside == {"lonely"}


async def test_readers_of_one_are_told_and_lists_show_it(three: Journal, database_url: str) -> None:
    await break_history(database_url, BROKEN)
    for reader in (three.delivery, three.load):
        with pytest.raises(HistoryBroken, match=BROKEN):
            await reader(BROKEN)
    with pytest.raises(HistoryBroken):
        await three.record(BROKEN, lambda _: [])
    assert len(await three.deliveries(COURT)) == 3


@pytest.mark.parametrize("limit", [1, 10])
async def test_a_report_that_cannot_be_told_holds_back_no_other(database_url: str, limit: int) -> None:
    journal = await Journal.open(database_url, HandClock())
    await journal.accept(filing(1))
    await _damaged_report(database_url)
    await journal.accept(filing(2))
    told, sent, cursor = list[str](), list[str](), 0
    with capture_logs() as logs:
        while rows := await journal.reports_after(COURT, CLIENT, cursor, limit):
            told, cursor = told + [row.submission for row in rows], rows[-1].position
        while rows := await journal.unpublished("queue", limit):
            sent += [row.submission for row in rows]
            for row in rows:
                await journal.published("queue", row.position)
    assert told == sent == ["s1", "s2"]
    assert {line["report"] for line in logs} == {"damaged"}
    await journal.close()


async def _damaged_report(url: str) -> None:
    async with past_the_journal(url) as connection:
        values = {"id": "damaged", "court": COURT, "client": CLIENT, "submission": "s9", "kind": "x", "data": "{"}
        times = dict.fromkeys(("at", "recorded_at"), HandClock().now())
        await connection.execute(tables.reports.insert().values(values | times))
