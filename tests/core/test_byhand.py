"""Steps that only a person can take: asked for by a task, waited for when begun, never passed over in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from delivery.core import events
from delivery.core.byhand import address_of
from delivery.core.decide import Conclude, ElapseWait, Send
from delivery.core.model import Fact, Person, Task
from tests.core.story import DAYS, START, Story
from tests.core.world import address

VISIT = address("in_person", "none", "v")
COURT = address("entrusted", "none", "e")
NOTICE = address("notice", "none", "n")
LETTER = address("post", id="a1")
SELF = Person(relation="self")


def test_when_the_letter_has_failed_a_person_is_asked_to_go_there() -> None:
    story = Story(LETTER, VISIT)
    story.sent()
    assert story.rests() == START + 15 * DAYS, "not beside the letter"
    story.told("returned", reason="nobody_home", court_received_on=START.date())
    task = story.opens()
    assert (task.kind, task.owner, task.proposal) == ("direct_service", "clerk", None)
    assert task.reason.startswith("served directly; left there if")
    assert story.rests() is None
    story.told("signed", where="v", by=SELF)
    assert isinstance(story.next(), Conclude)


def test_it_is_the_first_thing_where_nothing_can_be_sent() -> None:
    story = Story(VISIT, address("email", "found", "a1"))
    assert story.opens().kind == "direct_service"


def test_a_task_of_a_step_is_about_its_address_and_others_are_about_none() -> None:
    story = Story(VISIT)
    asked = story.opens()
    assert address_of(asked) == "v"
    assert [address_of(replace(asked, id=name)) for name in ("d1.step.v.2", "d1.a1.v.2", "v.2")] == ["v", None, None]


def test_facts_of_a_failure_close_the_task_and_the_next_step_is_asked_for() -> None:
    story = Story(VISIT, COURT)
    task = story.opens()
    story.told("refused", where="v", by=SELF, place="domicile")  # neither witness nor film: no service
    assert story.opens().kind == "entrust"
    story.happens(events.TaskClosed, task=task.id, decision="overtaken", by="songda", reason="")
    assert story.rests() is None


@pytest.mark.parametrize("decision", ["done", "give_up"])
def test_closed_without_a_fact_nothing_came_of_it(decision: str) -> None:
    story = Story(VISIT, COURT)
    story.closes(story.opens(), decision)
    assert story.opens().kind == "entrust"


def test_overtaken_is_no_answer() -> None:
    story = Story(VISIT, COURT)
    story.closes(story.opens(), "overtaken")
    assert story.opens().kind == "direct_service"


def handed_over() -> tuple[Story, Task]:
    """The entrusted court has the papers since a day."""
    story = Story(COURT, NOTICE)
    task = story.opens()
    story.later(DAYS)
    story.told("handed_over", where="e", handed_to="court")
    story.closes(task, "overtaken")
    return story, task


def test_what_a_person_has_begun_is_waited_for_and_then_asked_about() -> None:
    story, task = handed_over()
    assert story.rests() == START + 21 * DAYS
    story.later(20 * DAYS - timedelta(seconds=1))
    assert story.rests() == START + 21 * DAYS
    story.later(timedelta(seconds=1))
    again = story.opens()
    assert (again.kind, again.id) == (task.kind, task.id[:-1] + "2")
    story.closes(again, "done")
    assert story.opens().kind == "public_notice"


def test_what_happens_elsewhere_does_not_prolong_the_waiting() -> None:
    story, _ = handed_over()
    story.later(19 * DAYS)
    story.told("address_changed", where="n", new_address="n", in_writing=False)
    assert story.rests() == START + 21 * DAYS


def test_what_was_begun_can_be_given_up_at_once() -> None:
    story = Story(COURT, NOTICE)
    task = story.opens()
    story.told("handed_over", where="e", handed_to="court")
    story.closes(task, "give_up")
    assert story.opens().kind == "public_notice"


def test_a_signature_ends_the_waiting() -> None:
    story, _ = handed_over()
    story.told("signed", where="e", by=SELF)
    assert story.concludes() is False


def test_a_call_follows_the_unread_message_and_then_the_letter() -> None:
    story = Story(address("sms", "own", "s"), address("phone", "found", "p"), LETTER)
    first = story.sent()
    story.later(3 * DAYS)
    assert story.next() == ElapseWait(attempt=first)
    story.told("wait_elapsed", where="s")
    task = story.opens()
    assert (task.kind, "to have it confirmed" in task.reason) == ("phone_confirm", True)
    story.told("replied", where="s", by=SELF)  # told on the telephone
    assert isinstance(story.next(), Conclude)
    story = Story(address("sms", "own", "s"), address("phone", "found", "p"), LETTER)
    story.sent()
    story.told("wait_elapsed", where="s")
    story.closes(story.opens(), "done")
    assert story.sends() == "d1.a1.1"


# --- notice (law.md R8.6) --------------------------------------------------------------------------------------------


def posted_by_hand(basis: str) -> Story:
    """A clerk posted a letter; our own step is over, and only notice is left."""
    story = Story(address("email", id="m"), address("in_person", basis, "v"), NOTICE)
    story.sent()
    story.told("bounced", where="m", reason="mailbox_unknown")
    story.closes(story.opens(), "done")
    return story


def test_notice_is_the_last_thing_asked_for() -> None:
    story = posted_by_hand("found")
    task = story.opens()
    assert (task.kind, task.reason.startswith("public notice, when whereabouts are unknown")) == ("public_notice", True)


def test_no_notice_beside_what_is_alive_at_an_address_that_was_given() -> None:
    story = posted_by_hand("found")
    elsewhere = Fact(kind="sent", at=START, address="m", attempt=2, key="by another system")
    story.happens(events.FactRecorded, fact=elsewhere, by="clerk")
    task = story.opens()
    assert (task.kind, task.reason.startswith("public notice waits")) == ("exhaust_other_methods", True)
    story.closes(task, "done")
    assert story.opens().kind == "exhaust_other_methods", "saying so does not end it"
    story.told("bounced", where="m", number=2, reason="mailbox_unknown")
    assert story.opens().kind == "public_notice"


def test_what_a_clerk_gave_up_in_doubt_is_not_alive() -> None:
    story = Story(address("email", id="m"), NOTICE)
    attempt = story.sends()
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=START + DAYS)
    story.later(DAYS)
    story.closes(story.opens(), "give_up")
    assert story.opens().kind == "public_notice"


def test_a_visit_that_was_given_up_is_not_alive() -> None:
    story = Story(address("in_person", "confirmed", "v"), NOTICE)
    task = story.opens()
    story.told("send_planned", where="v")
    story.closes(task, "give_up")
    assert story.opens().kind == "public_notice"


def test_one_visit_given_up_leaves_another_attempt_alive() -> None:
    story = Story(address("in_person", "confirmed", "v"), address("in_person", "confirmed", "w"), NOTICE)
    story.told("send_planned", where="v")
    story.told("send_planned", where="w")
    story.later(10 * DAYS)
    for where in ("v", "w"):
        task = story.opens()
        assert (task.kind, f".step.{where}." in task.id) == ("direct_service", True)
        story.closes(task, "give_up")
    assert story.opens().kind == "public_notice"


def test_a_notice_that_runs_is_waited_for_and_serves_at_its_end() -> None:
    story = Story(NOTICE)
    task = story.opens()
    story.told("notice_ordered", where="n", reason="whereabouts_unknown", steps_on_file=("mail",), file_note=True)
    story.told("published", where="n", medium="network", contents=("reason", "time", "place", "consequence"))
    story.closes(task, "done")
    ends = datetime.fromisoformat("2025-10-17T00:00:00+08:00")
    assert story.rests() == ends
    story.now = ends
    assert story.opens().kind == "clerk_confirm"


# --- at once, in time, withheld --------------------------------------------------------------------------------------


def hurried(days: int = 3) -> Story:
    story = Story(address("email", id="m"), address("sms", id="s"), LETTER)
    story.delivery = replace(story.delivery, needed_by=START + days * DAYS)
    return story


def test_where_time_is_short_the_second_goes_out_beside_the_first_and_the_letter_waits() -> None:
    story = hurried()
    assert (story.sent(), story.sent()) == ("d1.m.1", "d1.s.1")
    assert story.rests() == START + 2 * DAYS
    story.told("arrived", where="s")
    assert story.concludes() is False
    calm = hurried(40)
    calm.sent()
    assert calm.rests() == START + 2 * DAYS


def test_nothing_is_sent_beside_a_doubt() -> None:
    story = hurried()
    attempt = story.sends()
    story.happens(events.AttemptDoubted, attempt=attempt, ask_at=START + timedelta(hours=5))
    assert story.rests() == START + timedelta(hours=5)


def test_what_has_arrived_needs_no_second() -> None:
    story = hurried()
    story.sent()
    story.told("arrived", where="m")
    assert not isinstance(story.next(), Send)


def test_a_delivery_that_did_not_make_it_is_told_a_judge_once() -> None:
    story = hurried(2)
    story.sent()
    story.sent()
    story.told("wait_elapsed", where="m")
    story.told("wait_elapsed", where="s")
    story.sent()
    assert story.rests() == START + 2 * DAYS
    story.later(2 * DAYS)
    task = story.opens()
    assert (task.kind, task.owner) == ("at_risk", "judge")
    assert task.reason == "not served, and 2025-09-18 09:30, the last moment of use, has passed"
    story.closes(task, "done")
    assert story.rests() == START + 15 * DAYS


def test_who_was_served_in_time_is_at_no_risk() -> None:
    story = hurried(2)
    story.sent()
    story.told("arrived", where="m")
    story.concludes()
    story.proves()
    story.later(9 * DAYS)
    assert story.rests() is None


def test_a_measure_has_to_be_done_first_and_a_person_says_so() -> None:
    story = Story(LETTER)
    (paper,) = story.delivery.documents
    story.delivery = replace(story.delivery, documents=(replace(paper, type="assistance_notice"),))
    task = story.opens()
    assert (task.kind, task.reason) == (
        "embargo",
        "withheld until the measure is done: the assisting body is served first",
    )
    assert story.rests() is None
    story.closes(task, "done")
    assert story.sends() == "d1.a1.1"
