"""Events at an expected version, and what is derived from them in the same transaction."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from delivery.core.events import Concluded, FactRecorded, TaskClosed, TaskOpened
from delivery.core.model import Delivery, Effect, Fact, Outcome, Task
from delivery.journal.appending import worst
from delivery.journal.engines import open_engines
from delivery.journal.errors import JournalClosed, VersionConflict
from delivery.journal.journal import Journal
from delivery.journal.writing import Batch
from tests.journal.world import CLIENT, COURT, START, HandClock, filing, planned, sending


async def _accepted(journal: Journal, number: int = 1) -> Delivery:
    await journal.accept(filing(number))
    return await journal.delivery(f"s{number}-d1")


def _fact(kind: str = "read") -> FactRecorded:
    return FactRecorded(at=START, fact=Fact(kind=kind, at=START, address="a1"), by="recipient")


async def test_what_was_appended_is_read_back(journal: Journal, clock: HandClock) -> None:
    before = await _accepted(journal)
    clock.pass_time(seconds=5)
    after = await journal.append(before, [planned(), *sending(before.id)], due_at=None)
    history = await journal.load(before.id)
    assert [each.seq for each in history] == [1, 2, 3, 4]
    assert [each.event for each in history][1:] == [planned(), *sending(before.id)]
    assert history[-1].recorded_at == START + timedelta(seconds=5)
    assert await journal.delivery(before.id) == after
    assert after.version == 4
    assert {each.recorded_at.tzinfo for each in history} == {START.tzinfo}


async def test_whoever_comes_second_is_refused(journal: Journal) -> None:
    before = await _accepted(journal)
    await journal.append(before, [planned()], due_at=None)
    with pytest.raises(VersionConflict) as refused:
        await journal.append(before, [planned()], due_at=None)
    assert (refused.value.expected, refused.value.found) == (1, 2)
    assert len(await journal.load(before.id)) == 2


async def test_two_at_once_one_is_refused(journal: Journal) -> None:
    before = await _accepted(journal)
    twice = [journal.append(before, [planned()], due_at=None) for _ in range(2)]
    answers = await asyncio.gather(*twice, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Delivery, VersionConflict}


async def test_an_unknown_delivery(journal: Journal) -> None:
    before = await _accepted(journal)
    with pytest.raises(KeyError):
        await journal.append(replace(before, id="nobody"), [planned()], due_at=None)
    with pytest.raises(KeyError):
        await journal.load("nobody")


async def test_nothing_to_append_is_a_mistake(journal: Journal) -> None:
    with pytest.raises(ValueError, match="release"):
        await journal.append(await _accepted(journal), [], due_at=None)


async def test_appends_of_many_share_a_transaction(journal: Journal) -> None:
    await asyncio.gather(*[journal.accept(filing(n)) for n in range(50)])
    deliveries = await asyncio.gather(*[journal.delivery(f"s{n}-d1") for n in range(50)])
    commits = journal.commits
    await asyncio.gather(*[journal.append(each, [planned()], due_at=None) for each in deliveries])
    assert journal.commits - commits == 1


async def test_a_refusal_does_not_touch_its_neighbours(journal: Journal) -> None:
    first, second = await _accepted(journal, 1), await _accepted(journal, 2)
    await journal.append(first, [planned()], due_at=None)
    commits = journal.commits
    stale, fresh = await asyncio.gather(
        journal.append(first, [planned()], due_at=None),
        journal.append(second, [planned()], due_at=None),
        return_exceptions=True,
    )
    assert isinstance(stale, VersionConflict)
    assert isinstance(fresh, Delivery)
    assert journal.commits - commits == 1


async def test_what_the_database_cannot_take_does_not_touch_its_neighbours(journal: Journal) -> None:
    """Two deliveries of one id: the second breaks the transaction that it shares with others, who are then written
    alone.
    """
    await journal.accept(filing(1))
    clashing = replace(filing(2), submission_id="s1")
    answers = await asyncio.gather(
        *[journal.accept(each) for each in (filing(3), clashing, filing(4))], return_exceptions=True
    )
    assert [isinstance(answer, DBAPIError) for answer in answers] == [False, True, False]
    assert "s1-d1" not in str(answers[1])
    assert {row.id for row in await journal.deliveries(COURT)} == {"s1-d1", "s3-d1", "s4-d1"}


async def test_record_decides_again_on_what_others_wrote(journal: Journal) -> None:
    await _accepted(journal)
    kinds = [f"fact-{n}" for n in range(8)]

    async def tell(kind: str) -> None:
        await journal.record("s1-d1", lambda _: [_fact(kind)])

    await asyncio.gather(*map(tell, kinds))
    after = await journal.delivery("s1-d1")
    assert sorted(fact.kind for fact in after.facts) == kinds
    assert after.version == 9


async def test_record_of_nothing_writes_nothing(journal: Journal) -> None:
    before = await _accepted(journal)
    assert await journal.record(before.id, lambda _: []) == before
    assert len(await journal.load(before.id)) == 1


async def test_reports_are_numbered_per_delivery_without_gaps(journal: Journal) -> None:
    one, other = await _accepted(journal, 1), await _accepted(journal, 2)
    for number in range(1, 4):
        one = await journal.append(one, sending(one.id, number), due_at=None)
        other = await journal.append(other, sending(other.id, number), due_at=None)
    told = await journal.reports_after(COURT, CLIENT, 0, 100)
    for delivery in (one, other):
        assert [row.sequence for row in told if row.delivery == delivery.id] == [1, 2, 3]


async def test_the_current_row_follows(journal: Journal) -> None:
    before = await _accepted(journal)
    effects = (("d1", Effect(outcome=Outcome.SERVED, effective_date=date(2025, 9, 17))),)
    await journal.append(before, [planned(), Concluded(at=START, effects=effects)], due_at=None)
    row = await journal.delivery_row(before.id)
    assert row is not None
    assert (row.state, row.outcome, row.effective_date) == ("concluded", "served", date(2025, 9, 17))
    assert (row.version, row.due_at) == (3, None)


def test_the_worst_document_stands_for_the_delivery() -> None:
    def effects(*pairs: tuple[Outcome, date | None]) -> list[tuple[str, Effect]]:
        return [("d", Effect(outcome=outcome, effective_date=day)) for outcome, day in pairs]

    early, late = date(2025, 9, 1), date(2025, 9, 2)
    assert worst([]) is None
    served = worst(effects((Outcome.SERVED, early), (Outcome.SERVED, late)))
    assert served is not None
    assert served.effective_date == late
    failed = worst(effects((Outcome.SERVED, late), (Outcome.NOT_SERVED, None)))
    assert failed is not None
    assert failed.outcome == Outcome.NOT_SERVED


def _opened(name: str, days: int) -> TaskOpened:
    due = START + timedelta(days=days)
    task = Task(id=name, kind="in_doubt", reason="no receipt", opened_at=START, due_at=due, owner="clerk")
    return TaskOpened(at=START, task=task)


def _closed(name: str) -> TaskClosed:
    return TaskClosed(at=START, task=name, decision="give_up", by="clerk", reason="asked the provider")


async def test_tasks_are_listed_while_they_are_open(journal: Journal) -> None:
    before = await _accepted(journal)
    first = [_opened("later", 3), _opened("sooner", 1), _opened("done", 2), _closed("done")]
    after = await journal.append(before, first, due_at=None)
    assert [row.id for row in await journal.tasks(COURT)] == ["sooner", "later"]
    await journal.append(after, [_closed("sooner")], due_at=None)
    assert [row.id for row in await journal.tasks(COURT)] == ["later"]
    done = await journal.tasks(COURT, open=False)
    decided = ("give_up", "clerk")
    assert [(row.id, row.decision, row.closed_by) for row in done] == [("sooner", *decided), ("done", *decided)]
    assert done[0].party == "王小明"
    assert await journal.tasks("another court") == []


@pytest.mark.parametrize("table", ["events", "reports"])
@pytest.mark.parametrize("act", ["UPDATE {} SET kind = 'other'", "DELETE FROM {}"])
async def test_the_database_refuses_to_change_a_fact(journal: Journal, database_url: str, table: str, act: str) -> None:
    await _accepted(journal)
    engines = open_engines(database_url)
    with pytest.raises(DBAPIError, match="append-only"):
        async with engines.writing.begin() as connection:
            await connection.execute(text(act.format(table)))
    await engines.dispose()
    assert len(await journal.load("s1-d1")) == 1


async def test_positions_rise_in_the_order_of_commits(journal: Journal) -> None:
    for number in range(3):
        await asyncio.gather(*[journal.accept(filing(f"{number}-{n}")) for n in range(5)])
    everything = await journal.events_after(0, 100)
    positions = [each.position for each in everything]
    assert positions == sorted(set(positions))
    assert [each.delivery.split("-")[0] for each in everything] == ["s0"] * 5 + ["s1"] * 5 + ["s2"] * 5
    assert await journal.events_after(positions[9], 100) == everything[10:]


async def test_who_has_taken_a_number_commits_before_the_next_is_given_out(database_url: str) -> None:
    """Two journals are two processes. Else a reader could see the later number first, and its cursor pass the other."""
    slow, quick = [await Journal.open(database_url, HandClock(prefix=name)) for name in "sq"]
    written, go = asyncio.Event(), asyncio.Event()

    async def linger(batch: Batch) -> None:
        written.set()
        await go.wait()

    first = [asyncio.create_task(work) for work in (slow.accept(filing(1)), slow._do(linger))]
    await written.wait()
    second = asyncio.create_task(quick.accept(filing(2)))
    await asyncio.wait([second], timeout=0.3)
    assert not second.done()
    go.set()
    await asyncio.gather(*first, second)
    assert [row.submission for row in await quick.reports_after(COURT, CLIENT, 0, 10)] == ["s1", "s2"]
    for journal in (slow, quick):
        await journal.close()


async def test_a_cursor_skips_nothing_while_two_write(database_url: str) -> None:
    """Two journals stand for two processes. The reader's cursor must meet every row, so no row may appear behind it."""
    writers = [await Journal.open(database_url, HandClock(prefix=name)) for name in "ab"]
    reader = await Journal.open(database_url, HandClock(prefix="r"), migrate=False)

    async def write(journal: Journal, name: str) -> None:
        for number in range(40):
            await journal.accept(filing(f"{name}{number}"))

    async def read() -> list[str]:
        seen: list[str] = []
        cursor = 0
        while len(seen) < 80:
            for row in await reader.reports_after(COURT, CLIENT, cursor, 7):
                seen.append(row.submission)
                cursor = row.position
        return seen

    *_, seen = await asyncio.gather(write(writers[0], "a"), write(writers[1], "b"), read())
    assert len(set(seen)) == 80
    for journal in (*writers, reader):
        await journal.close()


async def test_a_closed_journal_writes_what_was_queued_and_nothing_more(database_url: str) -> None:
    journal = await Journal.open(database_url, HandClock())
    queued = [asyncio.create_task(journal.accept(filing(n))) for n in range(5)]
    await asyncio.sleep(0)
    await journal.close()
    assert [(await each).kind for each in queued] == ["new"] * 5
    with pytest.raises(JournalClosed):
        await journal.accept(filing(9))


async def test_everybody_who_waits_hears_when_the_writer_ends(journal: Journal) -> None:
    begun = asyncio.Event()

    async def linger(batch: Batch) -> None:
        begun.set()
        await asyncio.Event().wait()

    waiting = [asyncio.create_task(work) for work in (journal.accept(filing(1)), journal._do(linger))]
    await begun.wait()
    waiting.append(asyncio.create_task(journal.accept(filing(2))))
    await asyncio.sleep(0)
    journal._writer._task.cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [JournalClosed] * 3
    with pytest.raises(JournalClosed):
        await journal.accept(filing(3))


async def test_everybody_who_waits_hears_when_the_database_is_gone(journal: Journal, database_url: str) -> None:
    before = await _accepted(journal)
    engines = open_engines(database_url)
    async with engines.writing.begin() as connection:
        await connection.execute(text("ALTER TABLE events RENAME TO elsewhere"))
    await engines.dispose()
    writes = [journal.accept(filing(n)) for n in (7, 8)] + [journal.append(before, [planned()], due_at=None)]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert [isinstance(answer, DBAPIError) for answer in answers] == [True] * 3
