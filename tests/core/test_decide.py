"""What happens next: stories told step by step, and walks through a world where anything may happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from delivery.core import decide, events
from delivery.core.decide import AwaitReceipt, Conclude, ElapseWait, Inquire, Send
from delivery.core.model import Fact, Receipt, State
from delivery.core.routing import plan_route
from tests.core.story import DAYS, EVERY, START, Story
from tests.core.walks import Walk
from tests.core.world import address, book, delivery


def test_sealed_then_routed_then_sent() -> None:
    fresh = delivery(address("email"), at=START)
    assert decide.next_step(fresh, book(), START, inquirable=EVERY) == decide.Seal()
    sealed = replace(fresh, sealed=(("doc", "1" * 64),))
    assert decide.next_step(sealed, book(), START, inquirable=EVERY) == decide.PlanRoute()
    assert Story(address("email")).next() == Send(attempt="d1.a1.1", address="a1", channel="email", number=1)


def test_arrival_at_a_given_address_is_the_end() -> None:
    story = Story(address("email"), address("post", id="a2"))
    story.sent()
    assert story.rests() == START + 2 * DAYS
    story.told("arrived")
    assert story.concludes() is False
    story.proves()
    assert story.rests() is None


def test_silence_for_the_court_s_waiting_time_and_then_the_next_address() -> None:
    story = Story(address("email"), address("post", id="a2"))
    first = story.sent()
    story.later(2 * DAYS)
    assert story.next() == ElapseWait(attempt=first)
    story.told("wait_elapsed")
    assert story.sends() == "d1.a2.1"


def test_a_bounce_and_no_address_left() -> None:
    story = Story(address("email"))
    story.sent()
    story.told("bounced", reason="mailbox_unknown")
    task = story.opens()
    assert (task.kind, task.owner, task.due_at, task.proposal) == ("mail", "clerk", START + 3 * DAYS, "mail")
    assert story.rests() is None


def test_nothing_to_send_to_is_somebody_s_task() -> None:
    story = Story(address("fax"), address("email", basis="found", id="a2"))
    task = story.opens()
    assert (task.kind, task.reason) == ("serve_again", "no address can be used")


def test_refused_at_the_door_of_the_provider_is_a_bounce() -> None:
    story = Story(address("email"), address("post", id="a2"))
    story.happens(events.AttemptRefused, attempt=story.sends(), code="550", words="no such user")
    assert story.sends() == "d1.a2.1"


def test_a_revision_is_told_and_proved_anew() -> None:
    story = Story(address("email"), address("sms", id="a2"))
    story.sent()
    story.told("arrived")
    story.concludes()
    story.proves()
    earlier = Fact(kind="arrived", at=START - DAYS, address="a2", key="late news")
    story.happens(events.FactRecorded, fact=earlier, by="case-system")
    assert story.concludes() is True
    story.proves()
    assert story.rests() is None


def test_a_fact_of_a_fast_clock_counts_when_its_time_has_come() -> None:
    story = Story(address("email"))
    attempt = story.sent()
    soon = story.now + timedelta(minutes=4)
    fact = Fact(kind="arrived", at=soon, key="r1")
    receipt = Receipt(channel="email", key="r1", at=soon, code="250", attempt=attempt, fact=fact)
    story.happens(events.ReceiptReceived, receipt=receipt)
    assert story.rests() == soon
    story.later(timedelta(minutes=4))
    assert isinstance(story.next(), Conclude)


# --- sending hours, later, again -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "opens"),
    [("16T21:00", "17T08:00"), ("16T23:30", "17T08:00"), ("17T00:00", "17T08:00"), ("17T07:59", "17T08:00")],
)
def test_electronic_ones_keep_the_sending_hours(moment: str, opens: str) -> None:
    story = Story(address("email"))
    story.now = datetime.fromisoformat(f"2025-09-{moment}:00+08:00")
    assert story.rests() == datetime.fromisoformat(f"2025-09-{opens}:00+08:00")


@pytest.mark.parametrize(("hour", "minute"), [(8, 0), (20, 59)])
def test_within_the_hours_it_is_sent_at_once(hour: int, minute: int) -> None:
    story = Story(address("email"))
    story.now = max(START, START.replace(hour=hour, minute=minute))
    story.delivery = replace(story.delivery, route=plan_route(story.delivery, book(), story.now, channels=EVERY))
    story.sends()


def test_the_hours_are_the_court_s_whatever_zone_the_clock_has() -> None:
    story = Story(address("email"))
    story.now = datetime.fromisoformat("2025-09-16T14:00:00+00:00")
    assert story.rests() == datetime.fromisoformat("2025-09-17T08:00:00+08:00")


def test_a_later_step_of_the_route_keeps_the_hours_too_and_a_letter_has_none() -> None:
    story = Story(address("email"), address("sms", id="a2"))
    story.sent()
    story.now = START.replace(hour=22)
    story.told("bounced")
    assert story.rests() == datetime.fromisoformat("2025-09-17T08:00:00+08:00")
    letter = Story(address("post"))
    letter.now = START.replace(hour=23)
    letter.sends()


def test_not_now_is_tried_again_under_the_same_name() -> None:
    story = Story(address("post"), address("post", id="a2"))
    attempt = story.sends()
    retry_at = story.now + timedelta(minutes=5)
    story.happens(events.AttemptDeferred, attempt=attempt, code="busy", retry_at=retry_at)
    assert story.rests() == retry_at
    story.later(timedelta(minutes=5))
    assert story.sends() == attempt
    assert story.delivery.attempts[0].tries == 2


def test_nobody_is_asked_about_a_bounce_while_the_letter_is_put_off() -> None:
    story = Story(address("email"), address("post", id="a2"))
    story.happens(events.AttemptRefused, attempt=story.sends(), code="550")
    retry_at = story.now + timedelta(minutes=5)
    story.happens(events.AttemptDeferred, attempt=story.sends(), code="busy", retry_at=retry_at)
    assert story.rests() == retry_at


def test_an_address_that_has_come_to_be_forbidden_is_passed_over() -> None:
    story = Story(address("email"), address("sms", id="a2"), address("post", id="a3"))
    story.sent()
    story.later(timedelta(hours=1))
    story.told("e_service_refused", where=None)
    story.told("bounced")
    assert story.sends() == "d1.a3.1"


def test_a_retry_that_has_come_to_be_forbidden_is_given_up() -> None:
    story = Story(address("email"), address("post", id="a2"))
    attempt = story.sends()
    retry_at = story.now + timedelta(minutes=5)
    story.happens(events.AttemptDeferred, attempt=attempt, code="busy", retry_at=retry_at)
    story.told("e_service_refused", where=None)
    assert story.sends() == "d1.a2.1"


def test_a_renewed_link_is_a_new_attempt_at_any_hour() -> None:
    story = Story(address("email"))
    story.sent()
    story.told("arrived")
    story.concludes()
    story.proves()
    story.now = START.replace(hour=23)
    story.happens(events.RenewalAsked, address="a1")
    assert story.sends() == "d1.a1.2"
    assert story.delivery.renewals == ()


def test_a_try_made_elsewhere_has_its_number() -> None:
    """A letter posted by hand came back; what we send is another try, and its facts are its own."""
    story = Story(address("post"))
    story.told("lost")
    assert story.sent() == "d1.a1.2"
    assert story.rests() == START + 15 * DAYS


# --- doubt -----------------------------------------------------------------------------------------------------------


def test_who_can_be_asked_is_asked_first() -> None:
    story = Story(address("post"), inquirable=EVERY)
    attempt = story.sends()  # and died before there was an answer
    assert story.next() == Inquire(attempt=attempt)
    ask_at = story.now + timedelta(seconds=5)
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=ask_at)
    assert story.rests() == ask_at
    story.later(timedelta(seconds=5))
    assert story.next() == Inquire(attempt=attempt)


def test_who_cannot_be_asked_is_waited_for_and_then_a_clerk_is_asked() -> None:
    story = Story(address("sms"), address("post", id="a2"))
    attempt = story.sends()
    ends = START + timedelta(hours=2)
    assert story.next() == AwaitReceipt(attempt=attempt, until=ends)
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=ends)
    assert story.rests() == ends
    story.later(timedelta(hours=2))
    task = story.opens()
    assert (task.kind, task.proposal, task.attempt) == ("in_doubt", "send_again", attempt)
    assert story.rests() is None
    story.closes(task, "send_again")
    assert story.sends() == "d1.a1.2"


def test_a_receipt_ends_the_doubt_and_overtakes_the_task() -> None:
    story = Story(address("sms"))
    attempt = story.sends()
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=START + timedelta(hours=2))
    story.later(timedelta(hours=2))
    task = story.opens()
    fact = Fact(kind="gateway_accepted", at=story.now, key="r1")
    receipt = Receipt(channel="sms", key="r1", at=story.now, code="ACCEPTD", attempt=attempt, fact=fact)
    story.happens(events.ReceiptReceived, receipt=receipt)
    assert story.next() == decide.CloseTask(task=task.id, reason="later facts answered it")


def test_giving_a_doubt_up_goes_on_with_the_route() -> None:
    story = Story(address("sms"), address("post", id="a2"))
    attempt = story.sends()
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=START + timedelta(hours=2))
    story.later(timedelta(hours=2))
    story.closes(story.opens(), "give_up")
    assert story.sends() == "d1.a2.1"


# --- states ----------------------------------------------------------------------------------------------------------


def test_the_word_for_lists() -> None:
    words = [decide.state_of(delivery(address("email"), at=START))]
    story = Story(address("sms"))
    words += [decide.state_of(replace(story.delivery, route=None)), decide.state_of(story.delivery)]
    attempt = story.sends()
    words.append(decide.state_of(story.delivery))
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=START + timedelta(hours=2))
    words.append(decide.state_of(story.delivery))
    story.later(timedelta(hours=2))
    task = story.opens()
    words.append(decide.state_of(story.delivery))
    story.closes(task, "overtaken")
    story.happens(events.AttemptTaken, attempt=attempt)
    words.append(decide.state_of(story.delivery))
    story.told("arrived")
    story.concludes()
    words.append(decide.state_of(story.delivery))
    story.happens(events.Withdrawn, by="court", reason="settled")
    words.append(decide.state_of(story.delivery))
    assert words == [
        State.ACCEPTED,
        State.SEALED,
        State.ROUTED,
        State.ATTEMPTING,
        State.IN_DOUBT,
        State.NEEDS_PERSON,
        State.WAITING,
        State.CONCLUDED,
        State.WITHDRAWN,
    ]


# --- walks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hundred", range(12))
def test_every_delivery_ends_whatever_the_world_does(hundred: int) -> None:
    """The promises are in walks.py: one step at a time, nothing sent in doubt, no question asked twice, an owner for
    whatever has not ended.
    """
    ends = [Walk(seed).walk() for seed in range(hundred * 100, hundred * 100 + 100)]
    assert {bool(one.withdrawn_at) for one in ends} == {True, False}
    assert {bool(one.proofs) for one in ends} == {True, False}
