"""What happens next to a delivery: `next_step`, the heart. A pure function of its history, the rules and the time.

It returns one step. The worker carries it out, records what came of it, and asks again, until the answer is `Wait`.
After a crash the same function is asked the same question; there is no other way of recovery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.core.byhand import resting
from delivery.core.effect import is_final
from delivery.core.events import TAKING_BACK
from delivery.core.model import Attempt, Delivery, Effect, State, Task, attempt_id
from delivery.core.paper import PAPER, address_for_paper, to_be_sent
from delivery.core.progress import (
    REMINDER,
    Situation,
    again,
    deferred,
    doubt_ends,
    held_up,
    next_number,
    on_hold,
    outdated,
    patience_ends,
    reminders,
    situation,
    untried,
    waits,
)
from delivery.core.rulebook import Rulebook
from delivery.core.tasks import BY_PAGES, FAILURES_IN_A_ROW, failing_tasks, wanted_after_withdrawal, wanted_tasks


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal the documents that are not sealed yet."""


@dataclass(frozen=True, slots=True)
class PlanRoute:
    """Choose the addresses to try; or choose anew, because what was learnt since makes it another route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Announce this attempt, then call its channel. `attempt` is new, or deferred and due again."""

    attempt: str
    address: str
    channel: str
    number: int
    role: str = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquire:
    """Ask the provider whether it has this attempt."""

    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitReceipt:
    """The channel cannot be asked: wait for its receipt until `until`, and say so on record."""

    attempt: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ElapseWait:
    """The waiting time of court policy for this attempt is over: put that on record (scenario fact `wait_elapsed`)."""

    attempt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTask:
    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTask:
    """Facts have overtaken this task."""

    task: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    effects: tuple[tuple[str, Effect], ...]
    revised: bool


@dataclass(frozen=True, slots=True)
class Prove:
    """Make, seal and keep the proof of service for the present conclusion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """The delivery was withdrawn: take this attempt back from the provider where that is still possible."""

    attempt: str


@dataclass(frozen=True, slots=True)
class Recover:
    """Steps had failed, and now everything has been carried out: put that on record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do until then, or until news (None)."""

    until: datetime | None


Step = (
    Seal
    | PlanRoute
    | Send
    | Inquire
    | AwaitReceipt
    | ElapseWait
    | OpenTask
    | CloseTask
    | Conclude
    | Prove
    | Cancel
    | Recover
    | Wait
)


def state_of(delivery: Delivery) -> State:
    """The word for lists (contract.md §2). A view: nothing is decided from it."""
    answers = {attempt.answer for attempt in delivery.attempts}
    if delivery.withdrawn_at:
        return State.WITHDRAWN
    if delivery.tasks:
        return State.NEEDS_PERSON
    if is_final(delivery.concluded):
        return State.CONCLUDED
    if "in_doubt" in answers:
        return State.IN_DOUBT
    if answers & {"announced", "deferred"}:
        return State.ATTEMPTING
    if answers:
        return State.WAITING
    if delivery.route:
        return State.ROUTED
    return State.SEALED if delivery.sealed else State.ACCEPTED


def next_step(delivery: Delivery, book: Rulebook, now: datetime, *, inquirable: frozenset[str]) -> Step:
    """The one thing to do now. `inquirable`: the channels whose provider can be asked whether it took an attempt."""
    step = _next(delivery, book, now, inquirable)
    return Recover() if isinstance(step, Wait) and delivery.failures else step


def failure_is_news(delivery: Delivery) -> bool:
    """Whether one more failure is put on record. Once a person knows of the row, each further one tells nothing new."""
    return delivery.failures < FAILURES_IN_A_ROW


def after_failure(delivery: Delivery, book: Rulebook, now: datetime) -> OpenTask | Wait:
    """What follows when a step could not be carried out: a person is told of a long row, and it is tried again, ever
    less often. Looks at little, because what fails may be the deciding itself.
    """
    for task in failing_tasks(delivery, book, now):
        if not _is_open(delivery, task):
            return OpenTask(task=task)
    longest = timedelta(seconds=book.retry_delays[-1])
    return Wait(until=now + (book.retry_delay(delivery.failures) if failure_is_news(delivery) else longest))


def _next(delivery: Delivery, book: Rulebook, now: datetime, inquirable: frozenset[str]) -> Step:
    if delivery.withdrawn_at:
        return _after_withdrawal(delivery, book, now, inquirable)
    if not delivery.sealed:
        return Seal()
    if delivery.route is None:
        return PlanRoute()
    here = situation(delivery, book, now)
    step = (
        _conclusion(here)
        or (PlanRoute() if outdated(here) else None)
        or _task_change(delivery, tuple(wanted_tasks(here)))
        or _doubt(delivery, book, now, inquirable)
        or _renewal(here)
        or _paper(here)
        or _sending(here)
    )
    return _woken_by(here.turns, step)


def _woken_by(turns: datetime | None, step: Step) -> Step:
    """Time alone may change the answer: a term ends, or a fact counts whose own time is not yet there."""
    if not isinstance(step, Wait) or turns is None:
        return step
    return Wait(until=min(step.until or turns, turns))


def _after_withdrawal(delivery: Delivery, book: Rulebook, now: datetime, inquirable: frozenset[str]) -> Step:
    """Nothing new is sent. What was taken is taken back where that is possible, and what may have been is asked about
    first: a letter that nobody asked about would travel on.
    """
    wanted = tuple(wanted_after_withdrawal(delivery, book, now, inquirable))
    return (
        _task_change(delivery, wanted, kept=frozenset(), because="the delivery was withdrawn")
        or _taking_back(delivery)
        or _doubt(delivery, book, now, inquirable)
        or Wait(until=None)
    )


def _taking_back(delivery: Delivery) -> Step | None:
    for attempt in delivery.attempts:
        if attempt.answer == "taken" and not attempt.words.startswith(TAKING_BACK):
            return Cancel(attempt=attempt.id)
    return None


def _conclusion(here: Situation) -> Step | None:
    effects, told = here.effects, here.delivery.concluded
    news = _verdicts(effects) != _verdicts(told) or is_final(effects) != is_final(told)
    if news and (is_final(effects) or told):
        return Conclude(effects=effects, revised=bool(told))
    if told and is_final(told) and not here.delivery.proof_is_current:
        return Prove()
    return None


def _verdicts(effects: tuple[tuple[str, Effect], ...]) -> list[tuple[object, ...]]:
    """What a conclusion is compared by: a reworded explanation revises nothing, a deadline that moved does."""
    return [(name, e.outcome, e.effective_date, e.grounds, [d.last_day for d in e.deadlines]) for name, e in effects]


def _task_change(
    delivery: Delivery,
    wanted: tuple[Task, ...],
    *,
    kept: frozenset[str] = BY_PAGES,
    because: str = "later facts answered it",
) -> Step | None:
    wanted_ids = {task.id for task in wanted}
    for task in wanted:
        if not _is_open(delivery, task):
            return OpenTask(task=task)
    for task in delivery.tasks:
        if task.id not in wanted_ids and task.kind not in kept:
            return CloseTask(task=task.id, reason=because)
    return None


def _is_open(delivery: Delivery, task: Task) -> bool:
    return any(known.id == task.id for known in delivery.tasks)


# --- doubt -----------------------------------------------------------------------------------------------------------


def _doubt(delivery: Delivery, book: Rulebook, now: datetime, inquirable: frozenset[str]) -> Step | None:
    """While an attempt is in doubt nothing new is sent on this delivery (design.md §5.3)."""
    for attempt in delivery.attempts:
        if not attempt.open_question:
            continue
        ask_at = attempt.retry_at or now
        if attempt.channel in inquirable and ask_at <= now:
            return Inquire(attempt=attempt.id)
        ends = doubt_ends(attempt, book)
        if attempt.answer == "announced":
            # Announced and unanswered means that we died in between: the record shows a question.
            return AwaitReceipt(attempt=attempt.id, until=ends)
        return Wait(until=_earliest(now, [ask_at, ends]))
    return None


def _earliest(now: datetime, instants: Iterable[datetime | None]) -> datetime | None:
    return min((instant for instant in instants if instant and instant > now), default=None)


# --- sending ---------------------------------------------------------------------------------------------------------


def _renewal(here: Situation) -> Step | None:
    """At any hour: the recipient is waiting for it."""
    for address in here.delivery.renewals:
        return _send(here, address)
    return None


def _paper(here: Situation) -> Step | None:
    """A clerk decided that the copy asked for goes by post (CPL 90(1))."""
    address = address_for_paper(here.delivery, here.book) if to_be_sent(here.delivery) else None
    return _send(here, address, PAPER) if address else None


def _send(here: Situation, address: str, role: str = "service") -> Send:
    number = next_number(here, address)
    channel = here.delivery.recipient.address(address).channel
    name = attempt_id(here.delivery.id, address, number)
    return Send(attempt=name, address=address, channel=channel, number=number, role=role)


def _sending(here: Situation) -> Step:
    """The next step of the route that we take ourselves; of one that a person takes a task is open: see tasks.py."""
    if is_final(here.effects):
        return Wait(until=None)
    for attempt, retry_at in sorted(deferred(here), key=lambda pair: pair[1]):
        return _not_before(here, _retry(attempt), retry_at)
    waiting = [*waits(here)]
    for attempt, until in waiting:
        if until <= here.now and attempt.channel != "post":
            return ElapseWait(attempt=attempt.id)
    if address := again(here):
        return _not_before(here, _send(here, address), here.now)
    if reminder := _reminder(here, waiting):
        return reminder
    step = None if on_hold(here) or held_up(here) else untried(here)
    if step is None or step.task or (waiting and not step.beside):
        rests = resting(here, step) if step and step.task else None
        ends = [
            patience_ends(here),
            rests,
            *(until for _, until in waiting),
            *(at for _, at in reminders(here, waiting)),
        ]
        return Wait(until=_earliest(here.now, ends))
    return _not_before(here, _send(here, step.address), step.not_before)


def _reminder(here: Situation, waiting: list[tuple[Attempt, datetime]]) -> Step | None:
    """OLR 32: a prompt to who has not answered; it serves nothing, and its success or failure decides nothing."""
    due = (attempt for attempt, at in reminders(here, waiting) if at <= here.now)
    attempt = next(due, None)
    if attempt is None:
        return None
    send = _not_before(here, _send(here, attempt.address, REMINDER), here.now)
    return send if isinstance(send, Send) else None


def _retry(attempt: Attempt) -> Send:
    return Send(
        attempt=attempt.id,
        address=attempt.address,
        channel=attempt.channel,
        number=attempt.number,
        role=attempt.role,
    )


def _not_before(here: Situation, send: Send, earliest: datetime) -> Step:
    """That sending, or the wait until its time has come; electronic ones keep the sending hours (K13)."""
    place = here.delivery.recipient.address(send.address)
    moment = here.book.routing.not_before(place, max(here.now, earliest), here.book.zone)
    return Wait(until=moment) if moment > here.now else send
