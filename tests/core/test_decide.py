"""What happens next: stories told step by step, and walks through a world where anything may happen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from delivery.core import decide, events
from delivery.core.decide import (
    AwaitReceipt,
    Cancel,
    CloseTask,
    Conclude,
    ElapseWait,
    Inquire,
    OpenTask,
    Prove,
    Send,
    Step,
    Wait,
)
from delivery.core.effect import document_effects
from delivery.core.model import Address, Consent, Delivery, Fact, Person, Receipt, State, Task
from delivery.core.routing import plan_route
from tests.core.walks import Walk
from tests.core.world import address, book, delivery

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
EVERY = frozenset({"email", "sms", "post"})
DAYS = timedelta(days=1)


class Story:
    """A delivery that is sealed and routed, and whose every step the test carries out."""

    def __init__(self, *where: Address, inquirable: frozenset[str] = frozenset(), consented: bool = False) -> None:
        self.now, self.inquirable = START, inquirable
        made = delivery(*where, at=START)
        if consented:
            given = Consent(id="c1", basis="express", given_at=START - DAYS)
            made = replace(made, recipient=replace(made.recipient, consents=(given,)))
        route = plan_route(made, book(), START, channels=EVERY)
        self.delivery: Delivery = replace(made, sealed=(("doc", "1" * 64),), route=route)

    def next(self) -> Step:
        """The next step; a route that has to be planned again is."""
        step = decide.next_step(self.delivery, book(), self.now, inquirable=self.inquirable)
        if not isinstance(step, decide.PlanRoute):
            return step
        self.happens(events.RoutePlanned, route=plan_route(self.delivery, book(), self.now, channels=EVERY))
        return self.next()

    def happens(self, event: type[events.Event], **fields: Any) -> None:
        self.delivery = events.apply(self.delivery, event(at=self.now, **fields))

    def sends(self) -> str:
        """The next step is a sending, and it is announced."""
        step = self.next()
        assert isinstance(step, Send), step
        fields = {"address": step.address, "channel": step.channel, "number": step.number, "role": step.role}
        self.happens(events.AttemptAnnounced, attempt=step.attempt, **fields)
        return step.attempt

    def sent(self) -> str:
        attempt = self.sends()
        self.happens(events.AttemptTaken, attempt=attempt, references=("p1",))
        return attempt

    def told(self, kind: str, where: str | None = "a1", number: int = 1, **fields: Any) -> None:
        fact = Fact(kind=kind, at=self.now, address=where, attempt=number, key=f"{kind}@{self.now}", **fields)
        self.happens(events.FactRecorded, fact=fact, by="somebody")

    def opens(self) -> Task:
        """The next step opens a task, and it is opened."""
        step = self.next()
        assert isinstance(step, OpenTask), step
        self.happens(events.TaskOpened, task=step.task)
        return step.task

    def closes(self, task: Task, decision: str) -> None:
        self.happens(events.TaskClosed, task=task.id, decision=decision, by="clerk", reason="so decided")

    def concludes(self) -> bool:
        """The next steps conclude and prove; whether it was a revision."""
        step = self.next()
        assert isinstance(step, Conclude), step
        self.happens(events.Concluded, effects=step.effects, revised=step.revised)
        return step.revised

    def proves(self) -> None:
        assert self.next() == Prove()
        self.happens(events.ProofIssued, number="1", sha256="2" * 64)

    def rests(self) -> datetime | None:
        step = self.next()
        assert isinstance(step, Wait), step
        return step.until

    def later(self, span: timedelta) -> None:
        self.now += span


# --- the way of a document -------------------------------------------------------------------------------------------


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


# --- people decide ---------------------------------------------------------------------------------------------------


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


# --- withdrawal ------------------------------------------------------------------------------------------------------


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
