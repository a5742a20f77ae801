"""The fold: what each event does to a delivery, and that a repeat does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from delivery.core import events
from delivery.core.model import Attempt, Delivery, Fact, Receipt, Task
from tests.core.world import address, attempted, delivery

NOON = datetime.fromisoformat("2025-09-16T12:00:00+08:00")
LATER = NOON + timedelta(hours=1)
ID = "d1.a1.1"
ANNOUNCED = events.AttemptAnnounced(at=NOON, attempt=ID, address="a1", channel="email", number=1)
DOUBTED = events.AttemptDoubted(at=NOON, attempt=ID, ask_at=LATER)
TASK = Task(id="t1", kind="in_doubt", reason="", opened_at=NOON, due_at=LATER, owner="clerk", attempt=ID)


def fresh() -> Delivery:
    return delivery(address("email"), at=NOON)


def after(*happened: events.Event) -> Delivery:
    made = fresh()
    for event in happened:
        made = events.apply(made, event)
    return made


def attempt(*happened: events.Event) -> Attempt:
    found = after(*happened).attempt(ID)
    assert found
    return found


def test_a_history_begins_with_accepted() -> None:
    for history in ([], [ANNOUNCED]):
        with pytest.raises(ValueError, match="begins with Accepted"):
            events.fold(history)


def test_the_fold_counts_its_events() -> None:
    known = fresh()
    born = events.Accepted(
        at=NOON,
        delivery=known.id,
        court=known.court,
        client=known.client,
        submission=known.submission,
        case=known.case,
        documents=known.documents,
        recipient=known.recipient,
    )
    assert events.fold([born]) == replace(known, version=1)
    assert events.fold([born, ANNOUNCED, DOUBTED]).version == 3


def test_every_kind_of_event_has_a_meaning_and_a_name() -> None:
    named = {events.kind(one) for one in events.Event.__subclasses__()}
    assert {*events.KINDS} == named
    assert {*events.KINDS.values()} == {*events.ALL}
    assert events.KINDS["attempt_taken"] is events.AttemptTaken
    meant = {*events._after.registry}
    assert {*events.ALL} - meant == {events.Accepted}


def test_an_answer_names_a_known_attempt() -> None:
    with pytest.raises(ValueError, match="no attempt"):
        after(events.AttemptTaken(at=NOON, attempt=ID))


def test_an_attempt_has_the_answer_that_came_last() -> None:
    deferred = events.AttemptDeferred(at=NOON, attempt=ID, code="450", retry_at=LATER)
    assert (attempt(ANNOUNCED).answer, attempt(ANNOUNCED).tries) == ("announced", 1)
    assert (attempt(ANNOUNCED, deferred).answer, attempt(ANNOUNCED, deferred).retry_at) == ("deferred", LATER)
    again = attempt(ANNOUNCED, deferred, replace(ANNOUNCED, at=LATER))
    assert (again.answer, again.tries, again.announced_at, again.retry_at) == ("announced", 2, LATER, None)
    taken = attempt(ANNOUNCED, DOUBTED, events.AttemptTaken(at=LATER, attempt=ID, references=("m1",)))
    assert (taken.answer, taken.references, taken.retry_at, taken.answered_at) == ("taken", ("m1",), None, LATER)


def test_each_answer_that_tells_nothing_is_counted() -> None:
    """The provider is asked less and less often."""
    assert [attempt(ANNOUNCED, *[DOUBTED] * times).doubts for times in (0, 1, 3)] == [0, 1, 3]
    assert attempt(ANNOUNCED, DOUBTED, replace(ANNOUNCED, at=LATER)).doubts == 0


def test_taking_back_moves_neither_when_it_left_nor_what_it_is_called() -> None:
    taken = events.AttemptTaken(at=NOON, attempt=ID, references=("m1",))
    back = attempt(ANNOUNCED, taken, events.AttemptTaken(at=LATER, attempt=ID, words="withdrawal: taken back"))
    assert (back.answered_at, back.references, back.words) == (NOON, ("m1",), "withdrawal: taken back")


def test_a_receipt_with_our_id_ends_the_doubt_and_its_repeat_is_one_fact() -> None:
    receipt = Receipt(channel="email", key="k", at=NOON, code="2.0.0", attempt=ID)
    came = events.ReceiptReceived(at=LATER, receipt=receipt)
    assert (attempt(ANNOUNCED, DOUBTED, came).answer, attempt(ANNOUNCED, DOUBTED, came).answered_at) == ("taken", LATER)
    twice = after(ANNOUNCED, came, replace(came, receipt=replace(receipt, code="5.0.0")))
    assert twice.receipts == (receipt,)
    other = replace(came, receipt=replace(receipt, attempt=None))
    assert attempt(ANNOUNCED, DOUBTED, other).answer == "in_doubt"


def test_a_part_that_was_taken_says_nothing_of_the_others() -> None:
    doubted = replace(DOUBTED, references=("m1",))
    receipt = Receipt(channel="smpp", key="k", at=NOON, code="DELIVRD", attempt=ID, reference="m1", part="m1")
    came = events.ReceiptReceived(at=LATER, receipt=receipt)
    now = attempt(ANNOUNCED, doubted, came)
    assert (now.answer, now.references, now.retry_at) == ("in_doubt", (), doubted.ask_at)
    assert after(ANNOUNCED, doubted, came).receipts == (receipt,)


def test_a_refusal_is_not_undone_by_a_receipt() -> None:
    refused = events.AttemptRefused(at=NOON, attempt=ID, code="550")
    came = events.ReceiptReceived(at=LATER, receipt=Receipt(channel="email", key="k", at=NOON, code="x", attempt=ID))
    assert attempt(ANNOUNCED, refused, came).answer == "refused"


def test_a_fact_recorded_twice_is_one_and_can_be_taken_back() -> None:
    recorded = events.FactRecorded(at=NOON, by="clerk", fact=Fact(kind="read", at=NOON, key="k"))
    other = replace(recorded, fact=replace(recorded.fact, key="other"))
    withdrawn = events.FactWithdrawn(at=LATER, key="k", by="clerk", reason="typo")
    assert after(recorded, recorded).facts == (recorded.fact,)
    assert after(recorded, other, withdrawn).facts == (other.fact,)


def test_a_renewal_is_asked_once_and_met_by_the_next_announcement() -> None:
    asked = events.RenewalAsked(at=NOON, address="a1")
    assert after(asked, asked).renewals == ("a1",)
    assert after(asked, replace(asked, address="a2"), ANNOUNCED).renewals == ("a2",)


@pytest.mark.parametrize(
    ("decision", "answer"), [("send_again", "given_up"), ("give_up", "given_up"), ("done", "in_doubt")]
)
def test_a_person_ends_a_doubt(decision: str, answer: str) -> None:
    closed = events.TaskClosed(at=LATER, task="t1", decision=decision, by="clerk", reason="")
    happened = (ANNOUNCED, DOUBTED, events.TaskOpened(at=NOON, task=TASK), closed)
    assert attempt(*happened).answer == answer
    assert (after(*happened).tasks, after(*happened).closed_tasks) == ((), ((TASK, decision),))
    assert after(*happened, closed).closed_tasks == ((TASK, decision),)


def test_a_decision_leaves_an_answered_attempt_as_it_is() -> None:
    closed = events.TaskClosed(at=LATER, task="t1", decision="send_again", by="clerk", reason="")
    made = events.apply(replace(attempted("email", NOON), tasks=(TASK,)), closed)
    assert [one.answer for one in made.attempts] == ["taken"]


def test_failures_are_counted_until_there_is_a_recovery_or_somebody_knows() -> None:
    failed = events.StepFailed(at=NOON, step="Seal", fault="KeyError")
    assert (after(failed, failed).failures, after(failed).failed) == (2, "Seal: KeyError")
    assert after(failed, failed, ANNOUNCED, failed).failures == 3
    assert after(failed, events.Recovered(at=LATER), failed).failures == 1
    own = replace(TASK, kind=events.STEP_FAILED, attempt=None)
    closed = events.TaskClosed(at=LATER, task="t1", decision="done", by="clerk", reason="")
    assert after(failed, events.TaskOpened(at=NOON, task=own), closed).failures == 0
    assert after(failed, events.TaskOpened(at=NOON, task=TASK), closed).failures == 1


def test_a_person_gives_up_what_is_put_off() -> None:
    deferred = events.AttemptDeferred(at=NOON, attempt=ID, code="busy", retry_at=LATER)
    closed = events.TaskClosed(at=LATER, task="t1", decision="give_up", by="clerk", reason="")
    given_up = attempt(ANNOUNCED, deferred, events.TaskOpened(at=NOON, task=TASK), closed)
    assert (given_up.answer, given_up.retry_at) == ("given_up", None)


def test_a_conclusion_outdates_the_proof() -> None:
    proved = events.ProofIssued(at=NOON, number="D1-1", sha256="1" * 64)
    concluded = events.Concluded(at=NOON, effects=())
    assert after(concluded, proved).proof_is_current
    assert not after(concluded, proved, concluded).proof_is_current
    assert after(concluded, proved, concluded).concluded_at_version == 3
