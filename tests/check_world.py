"""`check_world`: the promises of design.md §5 that a look at the whole world can judge, asserted at the end of every
flow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from delivery.core import events
from delivery.core.decide import is_final
from delivery.core.model import Delivery
from delivery.core.standing import standing_facts
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal


async def check_world(
    journal: Journal, documents: Documents, deliveries: Iterable[str], *, taken: Sequence[str], ended: bool = True
) -> None:
    """`taken`: attempt ids (with the part, where a message has parts) that the counterparts' own logs say were taken.

    `ended`: whether everything should have come to its end by now.
    """
    _each_taken_once(taken)
    for delivery_id in deliveries:
        history = await journal.load(delivery_id)
        delivery = await journal.delivery(delivery_id)
        _times_and_numbers(history)
        _announced_before_answered(history)
        _nothing_new_in_doubt(history)
        _served_with_evidence(delivery)
        if ended:
            _has_an_end(delivery)
        await _sealed_bytes_stand(documents, delivery)
        await _reports_without_gaps(journal, delivery)


def _each_taken_once(taken: Sequence[str]) -> None:
    """Promise 3: intent before act, and in doubt ask. A provider took each attempt at most once."""
    assert [attempt for attempt, times in Counter(taken).items() if times > 1] == []


def _times_and_numbers(history: Sequence[events.Recorded]) -> None:
    """Promises 5, 6: append-only and in order; every fact has when it happened and when we learnt it."""
    assert [row.seq for row in history] == list(range(1, len(history) + 1))
    assert all(row.event.at.tzinfo and row.recorded_at.tzinfo for row in history)
    assert [row.recorded_at for row in history] == sorted(row.recorded_at for row in history)


ANSWERS = (events.AttemptTaken, events.AttemptRefused, events.AttemptDeferred, events.AttemptDoubted)


def _announced_before_answered(history: Sequence[events.Recorded]) -> None:
    """Promise 2."""
    announced: set[str] = set()
    for row in history:
        if isinstance(row.event, events.AttemptAnnounced):
            announced.add(row.event.attempt)
        if isinstance(row.event, ANSWERS):
            assert row.event.attempt in announced
        if isinstance(row.event, events.ReceiptReceived):
            assert row.event.receipt.attempt in announced


def _nothing_new_in_doubt(history: Sequence[events.Recorded]) -> None:
    """Promise 3: while an attempt is in doubt, nothing new is sent on that delivery."""
    for index, row in enumerate(history):
        if isinstance(row.event, events.AttemptAnnounced):
            before = events.fold(earlier.event for earlier in history[:index])
            assert not any(attempt.open_question for attempt in before.attempts), row


def _served_with_evidence(delivery: Delivery) -> None:
    """Promise 7: a date needs a fact, and a presumption or fiction a named person."""
    kinds = {fact.kind for fact in standing_facts(delivery)}
    for _, effect in delivery.concluded:
        if effect.outcome == "served":
            assert kinds & {"arrived", "replied", "signed"}
        if effect.outcome in ("presumed", "deemed"):
            assert "official_confirmation" in kinds


def _has_an_end(delivery: Delivery) -> None:
    """Promise 8: an effect, a withdrawal, or an open task with an owner and a due time."""
    concluded = bool(delivery.concluded) and is_final(delivery.concluded) and delivery.proof_is_current
    owned = [task for task in delivery.tasks if task.owner and task.due_at]
    assert concluded or delivery.withdrawn_at or owned, delivery


async def _sealed_bytes_stand(documents: Documents, delivery: Delivery) -> None:
    """Promise 10: what was sealed is there, byte for byte (`get` checks the digest)."""
    for _, digest in (*delivery.sealed, *delivery.proofs):
        assert (await documents.get(digest)).startswith(b"%PDF")


async def _reports_without_gaps(journal: Journal, delivery: Delivery) -> None:
    """Promise 9."""
    rows = await journal.reports_after(delivery.court, delivery.client, 0, 100_000)
    mine = [row for row in rows if row.delivery == delivery.id]
    assert [row.sequence for row in mine] == list(range(1, len(mine) + 1))
    told = [row.kind for row in mine]
    assert told.count("proof_issued") == len(delivery.proofs)
    assert ("concluded" in told) == bool(delivery.concluded)
