"""What happens next after a withdrawal."""

from __future__ import annotations

from datetime import timedelta

import pytest

from delivery.core import decide, events
from delivery.core.decide import AwaitReceipt, Cancel, Inquire
from delivery.core.model import Receipt
from tests.core.story import DAYS, EVERY, START, Story
from tests.core.world import address


def test_withdrawn_means_no_task_no_sending_and_taken_back_where_possible() -> None:
    story = Story(address("email"), address("post", id="a2"))
    first = story.sent()
    story.told("bounced")
    second = story.sent()
    story.told("objection", claim="address_not_used")
    task = story.opens()
    story.happens(events.Withdrawn, by="court", reason="settled")
    assert story.next() == decide.CloseTask(task=task.id, reason="the delivery was withdrawn")
    story.closes(task, "overtaken")
    for attempt in (first, second):
        assert story.next() == Cancel(attempt=attempt)
        story.happens(events.AttemptTaken, attempt=attempt, words="withdrawal: taken back")
    assert story.rests() is None


def withdrawn_unanswered(channel: str = "post", inquirable: frozenset[str] = EVERY) -> tuple[Story, str]:
    """Announced, not answered, and then withdrawn."""
    story = Story(address(channel), address("post", id="a2"), inquirable=inquirable)
    attempt = story.sends()
    story.happens(events.Withdrawn, by="court", reason="settled")
    return story, attempt


def test_what_may_have_gone_out_before_a_withdrawal_is_asked_about_and_then_taken_back() -> None:
    story, attempt = withdrawn_unanswered()
    assert story.next() == Inquire(attempt=attempt)
    ask_at = story.now + timedelta(seconds=5)
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=ask_at)
    assert story.rests() == ask_at
    story.later(timedelta(seconds=5))
    assert story.next() == Inquire(attempt=attempt)
    story.happens(events.AttemptTaken, attempt=attempt, references=("p1",))
    assert story.next() == Cancel(attempt=attempt)
    story.happens(events.AttemptTaken, attempt=attempt, words="withdrawal: it is on its way")
    assert story.rests() is None


@pytest.mark.parametrize("answer", ["refused", "deferred"])
def test_what_had_not_gone_out_before_a_withdrawal_never_will(answer: str) -> None:
    story, attempt = withdrawn_unanswered()
    if answer == "deferred":
        story.happens(events.AttemptDeferred, attempt=attempt, code="not_taken", retry_at=story.now + DAYS)
    else:
        story.happens(events.AttemptRefused, attempt=attempt, code="no_such_address")
    assert story.rests() is None
    story.later(2 * DAYS)
    assert story.rests() is None


def test_after_a_withdrawal_a_late_receipt_tells_what_cannot_be_asked() -> None:
    story, attempt = withdrawn_unanswered("sms", frozenset())
    ends = START + timedelta(hours=2)
    assert story.next() == AwaitReceipt(attempt=attempt, until=ends)
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=ends)
    assert story.rests() == ends
    story.later(timedelta(hours=2))
    assert story.rests() is None, "nobody can do anything about it"
    receipt = Receipt(channel="sms", key="r1", at=story.now, code="DELIVRD", attempt=attempt)
    story.happens(events.ReceiptReceived, receipt=receipt)
    assert story.next() == Cancel(attempt=attempt)


def test_a_provider_that_does_not_say_after_a_withdrawal_is_a_clerk_s_question() -> None:
    story, attempt = withdrawn_unanswered()
    story.later(timedelta(hours=1))
    ask_at = story.now + timedelta(hours=1)
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=ask_at)
    task = story.opens()
    assert (task.kind, task.proposal, task.attempt) == ("in_doubt", "give_up", attempt)
    assert story.rests() == ask_at, "and it is asked on"
    story.closes(task, "give_up")
    assert story.rests() is None
