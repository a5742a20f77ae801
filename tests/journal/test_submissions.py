"""One key, one content, one answer (design.md §5.1, §5.4)."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from delivery.journal.journal import Journal
from tests.journal.world import CLIENT, COURT, LEASE, START, filing


async def test_a_submission_is_kept_once(journal: Journal) -> None:
    kept = filing(1, deliveries=2)
    new, repeat = await journal.accept(kept), await journal.accept(kept)
    assert (new.kind, repeat.kind) == ("new", "repeat")
    assert new.answer == repeat.answer == kept.answer
    row = await journal.submission("s1")
    assert row is not None
    assert row.deliveries == ("s1-d1", "s1-d2")
    assert (row.source_id, row.answer) == ("filing-1", kept.answer)


async def test_another_content_under_the_key_is_a_conflict(journal: Journal) -> None:
    await journal.accept(filing(1))
    assert (await journal.accept(filing(1, content="other"))).kind == "conflict"
    assert len(await journal.deliveries(COURT)) == 1


async def test_the_same_submission_from_all_sides_at_once_is_kept_once(journal: Journal) -> None:
    """Its other copies are in the same transaction, or in a later one: either way one is new."""
    verdicts = await asyncio.gather(*[journal.accept(filing(1, content=f"{n % 2}")) for n in range(20)])
    assert sorted(verdict.kind for verdict in verdicts) == ["conflict"] * 10 + ["new"] + ["repeat"] * 9


async def test_an_accepted_delivery_is_due_and_reported(journal: Journal) -> None:
    await journal.accept(filing(1, deliveries=2))
    (told,) = await journal.reports_after(COURT, CLIENT, 0, 10)
    assert (told.kind, told.submission, told.delivery, told.sequence) == ("submission_accepted", "s1", None, None)
    assert [each["delivery_id"] for each in told.data["deliveries"]] == ["s1-d1", "s1-d2"]
    assert [each.id for each in await journal.claim(10, LEASE)] == ["s1-d1", "s1-d2"]


async def test_a_refused_submission_is_told_and_not_kept(journal: Journal) -> None:
    fault = {"pointer": "/data/case/number", "code": "malformed", "message": "write it as （2024）青2801民初123号"}
    await journal.reject(
        court=COURT, client=CLIENT, submission_id="s9", faults=[fault], at=START - timedelta(minutes=1)
    )
    (told,) = await journal.reports_after(COURT, CLIENT, 0, 10)
    assert (told.kind, told.sequence, told.data["faults"]) == ("submission_rejected", None, [fault])
    assert told.at == START - timedelta(minutes=1)
    assert told.recorded_at == START
    assert await journal.submission("s9") is None


async def test_an_unknown_submission(journal: Journal) -> None:
    assert await journal.submission("none") is None
