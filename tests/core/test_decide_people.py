"""What happens next where people decide: presumptions, doubts about evidence, reminders, paper on request."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from delivery.core import decide, events
from delivery.core.decide import CloseTask, ElapseWait, Send, Wait
from delivery.core.effect import document_effects
from delivery.core.model import Person, State, Task
from delivery.core.routing import plan_route
from tests.core.story import DAYS, EVERY, START, Story
from tests.core.world import address, book


def presumed() -> Story:
    story = Story(address("sms", "own"), consented=True)
    story.sent()
    story.told("read", by=Person(relation="self"))
    return story


def test_who_has_just_read_may_be_about_to_sign_and_is_given_an_hour() -> None:
    story = presumed()
    assert story.rests() == START + timedelta(hours=1)
    story.told("replied", by=Person(relation="self"))
    assert story.concludes() is False


def test_a_presumption_is_confirmed_by_a_named_person() -> None:
    story = presumed()
    story.later(timedelta(hours=1))
    task = story.opens()
    assert (task.kind, task.proposal) == ("clerk_confirm", "presumed 2025-09-16")
    assert story.rests() == START + 3 * DAYS
    story.told("official_confirmation", where=None, decided_by="clerk")
    story.closes(task, "confirm")
    story.concludes()
    story.proves()


def test_a_presumption_that_is_not_confirmed_asks_how_to_serve() -> None:
    story = presumed()
    story.later(timedelta(hours=1))
    story.closes(story.opens(), "reject")
    task = story.opens()
    assert task.kind == "serve_again"
    story.closes(task, "send_again")
    assert story.sent() == "d1.a1.2"
    story.told("replied", number=2)
    story.concludes()
    assert story.delivery.concluded[0][1].rule == "R3.13"


def test_a_confirmed_fiction_after_an_annulled_presumption_is_proved() -> None:
    """The verdict is the same before and after the confirmation; the conclusion is not."""
    story = Story(address("sms", "own"), address("post", id="a2"), consented=True)
    story.sent()
    story.told("read")
    story.told("official_confirmation", where=None)
    story.concludes()
    story.proves()
    story.later(DAYS)
    story.told("annulled", decided_by="judge")
    assert story.concludes() is True
    assert decide.state_of(story.delivery) is State.WAITING
    story.sent()
    story.later(DAYS)
    story.told("returned", where="a2", reason="moved")
    assert story.concludes() is True
    task = story.opens()
    assert task.kind == "clerk_confirm"
    story.told("official_confirmation", where=None)
    story.closes(task, "confirm")
    assert story.concludes() is True
    story.proves()
    assert story.rests() is None


@pytest.mark.parametrize("failed", ["bounced", "content_defect"])
def test_sent_again_under_the_next_number_done_asks_again(failed: str) -> None:
    story = Story(address("email"))
    story.sent()
    defect = "document_missing" if failed == "content_defect" else None
    story.told("arrived" if defect else "bounced", content_defect=defect)
    first = story.opens()
    story.closes(first, "done")
    second = story.opens()
    assert (second.kind, second.id) == (first.kind, first.id[:-1] + "2")
    story.closes(second, "send_again")
    assert story.sent() == "d1.a1.2"
    assert story.rests() == START + 2 * DAYS


def test_a_clerk_who_sends_again_instead_of_mending_the_evidence_is_obeyed() -> None:
    story = Story(address("post"))
    story.sent()
    story.told("signed", by=Person(relation="unverified"))
    task = story.opens()
    assert task.kind == "cure_evidence"
    story.closes(task, "send_again")
    assert story.sent() == "d1.a1.2"
    assert story.rests() == START + 15 * DAYS


def test_a_letter_that_nobody_hears_of_is_asked_about() -> None:
    story = Story(address("post"))
    attempt = story.sent()
    story.later(15 * DAYS)
    task = story.opens()
    assert (task.kind, task.attempt) == ("track_mail", attempt)
    assert story.rests() is None
    story.closes(task, "send_again")
    assert story.sent() == "d1.a1.2"
    assert story.rests() == story.now + 15 * DAYS
    story.told("lost", number=2)
    assert story.opens().kind == "track_mail"


def test_a_silent_letter_does_not_hold_up_what_was_sent_beside_it() -> None:
    story = Story(address("post"), address("email", id="a2"))
    story.delivery = replace(
        story.delivery, attempts=(), facts=(), route=plan_route(story.delivery, book(), START, channels=EVERY)
    )
    email = story.sent()
    story.told("wait_elapsed", where="a2")
    story.sent()
    story.later(14 * DAYS)
    story.happens(events.RenewalAsked, address="a2")
    renewed = story.sent()
    assert (email, renewed) == ("d1.a2.1", "d1.a2.2")
    assert story.rests() == START + 15 * DAYS
    story.later(DAYS)
    assert story.opens().kind == "track_mail"
    assert story.rests() == START + 16 * DAYS
    story.later(DAYS)
    assert story.next() == ElapseWait(attempt=renewed)


def test_news_is_asked_about_once() -> None:
    story = Story(address("email"))
    story.sent()
    story.told("objection", claim="address_not_used")
    story.told("paper_requested", where=None)
    objection, paper = story.opens(), story.opens()
    assert (objection.kind, objection.owner, paper.kind) == ("objection", "judge", "send_paper_copy")
    story.closes(objection, "reject")
    story.told("paper_handed_over", where=None)
    assert story.next() == CloseTask(task=paper.id, reason="later facts answered it")
    story.closes(paper, "overtaken")
    assert story.rests() == START + 2 * DAYS


def test_who_does_not_answer_is_reminded_once_and_a_reminder_serves_nothing() -> None:
    story = Story(address("sms", "own"), consented=True)
    story.sent()
    assert story.rests() == START + DAYS
    story.later(DAYS)
    reminder = story.next()
    assert isinstance(reminder, Send)
    assert (reminder.attempt, reminder.role) == ("d1.a1.2", "reminder")
    story.sent()
    story.told("read", number=2, by=Person(relation="self"))
    ((_, effect),) = document_effects(story.delivery, book(), story.now)
    assert (effect.outcome, effect.next) == ("pending", "await_response")
    assert story.rests() == START + 3 * DAYS


def asked_for_paper() -> tuple[Story, Task]:
    story = Story(address("email"), address("post", id="a2"))
    story.sent()
    story.told("arrived")
    story.told("paper_requested", where=None)
    assert not story.concludes()
    story.happens(events.ProofIssued, number="n", sha256="0" * 64)
    return story, story.opens()


def test_a_copy_by_post_moves_no_date_and_ends_the_task() -> None:
    story, task = asked_for_paper()
    assert (task.kind, task.proposal) == ("send_paper_copy", "send_paper")
    story.closes(task, "send_paper")
    story.later(DAYS)
    assert story.sent() == "d1.a2.1"
    assert story.delivery.attempts[-1].role == "paper"
    story.later(DAYS)
    story.told("signed", "a2", by=Person(relation="self"), id_on_receipt=True)
    (effect,) = (effect for _, effect in document_effects(story.delivery, book(), story.now))
    assert (effect.effective_date, effect.flag("effective_address")) == (START.date(), "a1")
    assert isinstance(story.next(), Wait)


def test_a_copy_that_comes_back_is_asked_about_again() -> None:
    story, task = asked_for_paper()
    story.closes(task, "send_paper")
    story.sent()
    story.told("returned", "a2", reason="moved", court_received_on=START.date())
    again = story.opens()
    assert (again.kind, again.id != task.id) == ("send_paper_copy", True)


def test_what_a_page_asked_is_closed_by_a_person_alone() -> None:
    story = Story(address("email"))
    story.sent()
    page = Task(
        id="d1.wrong_content.a1.1.1", kind="wrong_content", reason="", opened_at=START, due_at=START, owner="clerk"
    )
    story.happens(events.TaskOpened, task=page)
    assert story.rests() == START + 2 * DAYS
