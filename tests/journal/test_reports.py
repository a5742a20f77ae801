"""Reports by cursor, through sinks, and reconciled."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

from delivery.journal.journal import Journal
from tests.journal.world import CLIENT, COURT, START, HandClock, filing, sending

SINK = "queue"


async def _reports(journal: Journal, number: int) -> list[int]:
    """Their positions: one of a submission, the rest of its delivery."""
    await journal.accept(filing(1))
    delivery = await journal.delivery("s1-d1")
    for attempt in range(1, number):
        delivery = await journal.append(delivery, sending(delivery.id, attempt), due_at=None)
    return [row.position for row in await journal.reports_after(COURT, CLIENT, 0, 1000)]


async def _open(journal: Journal, limit: int = 100) -> list[int]:
    return [row.position for row in await journal.unpublished(SINK, limit)]


async def test_a_cursor_goes_through_all_of_one_client(journal: Journal) -> None:
    positions = await _reports(journal, 5)
    seen: list[int] = []
    while page := await journal.reports_after(COURT, CLIENT, seen[-1] if seen else 0, 2):
        assert len(page) <= 2
        seen += [row.position for row in page]
    assert seen == positions
    assert await journal.reports_after(COURT, "another", 0, 10) == []
    assert await journal.reports_after("another", CLIENT, 0, 10) == []


async def test_a_sink_gets_everything_once_in_order(journal: Journal) -> None:
    positions = await _reports(journal, 5)
    assert await _open(journal) == positions
    for position in positions:
        assert (await _open(journal, 1)) == [position]
        await journal.published(SINK, position)
    assert await _open(journal) == []
    assert len(await journal.unpublished("webhook", 100)) == 5


async def test_what_is_confirmed_out_of_order_is_not_sent_again(journal: Journal) -> None:
    first, second, third, fourth = await _reports(journal, 4)
    for position in (third, second, third):
        await journal.published(SINK, position)
    assert await _open(journal) == [first, fourth]
    await journal.published(SINK, first)
    assert await _open(journal) == [fourth]
    await journal.published(SINK, fourth)
    assert await _open(journal) == []


async def test_confirmations_that_come_together(journal: Journal) -> None:
    positions = await _reports(journal, 20)
    await asyncio.gather(*[journal.published(SINK, position) for position in reversed(positions[1:])])
    assert await _open(journal) == positions[:1]


async def test_what_comes_after_a_caught_up_sink_is_open(journal: Journal) -> None:
    for position in await _reports(journal, 2):
        await journal.published(SINK, position)
    await journal.accept(filing(2))
    assert [row.submission for row in await journal.unpublished(SINK, 10)] == ["s2"]


async def test_a_client_that_is_away_does_not_stand_in_the_way_of_others(journal: Journal) -> None:
    await _reports(journal, 5)
    await journal.reject(court=COURT, client="other", submission_id="s9", faults=[], at=START)
    open_ = await journal.unpublished(SINK, 1, skip={(COURT, CLIENT)})
    assert [row.client for row in open_] == ["other"]


async def test_a_reconciliation_counts_a_period(journal: Journal, clock: HandClock) -> None:
    await journal.accept(filing(1))
    clock.pass_time(hours=1)
    before = await journal.delivery("s1-d1")
    await journal.append(before, sending(before.id), due_at=None)
    await journal.accept(filing(2))
    clock.pass_time(hours=1)
    await journal.accept(filing(3))

    hour = timedelta(hours=1)
    found = await journal.reconciliation(COURT, CLIENT, START + hour, START + 2 * hour)
    told = (await journal.reports_after(COURT, CLIENT, 0, 100))[1:3]
    assert (found.count, found.kinds) == (2, {"attempt_made": 1, "submission_accepted": 1})
    assert found.digest == hashlib.sha256("".join(f"{row.id}\n" for row in told).encode()).hexdigest()
    assert found.last == told[-1].position


async def test_a_reconciliation_of_nothing(journal: Journal) -> None:
    found = await journal.reconciliation(COURT, CLIENT, START, START + timedelta(days=1))
    assert (found.count, found.kinds, found.last) == (0, {}, None)
    assert found.digest == hashlib.sha256(b"").hexdigest()
