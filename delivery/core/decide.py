"""What happens next to a delivery: `next_step`, the heart. A pure function of its history, the rules and the time.

It returns one step. The worker carries it out, records what came of it, and asks again, until the answer is `Wait`.
After a crash the same function is asked the same question; there is no other way of recovery.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from delivery.core.effect import is_final
from delivery.core.events import TAKING_BACK
from delivery.core.model import Attempt, Delivery, Effect, Fact, State, Task, attempt_id
from delivery.core.progress import (
    Situation,
    again,
    deferred,
    doubt_ends,
    next_number,
    on_hold,
    patience_ends,
    situation,
    untried,
    waits,
)
from delivery.core.routing import within_hours
from delivery.core.rulebook import Rulebook
from delivery.core.tasks import BY_PAGES, wanted_tasks


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal the documents that are not sealed yet."""


@dataclass(frozen=True, slots=True)
class PlanRoute:
    """Choose the addresses to try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Announce this attempt, then call its channel. `attempt` is new, or deferred and due again."""

    attempt: str
    address: str
    channel: str
    number: int


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
    if delivery.withdrawn_at:
        return _after_withdrawal(delivery)
    if not delivery.sealed:
        return Seal()
    if delivery.route is None:
        return PlanRoute()
    here = situation(delivery, book, now)
    step = (
        _conclusion(here)
        or _task_change(delivery, tuple(wanted_tasks(here)))
        or _doubt(here, inquirable)
        or _renewal(here)
        or _sending(here)
    )
    return _woken_by(here.coming, step)


def _woken_by(coming: tuple[Fact, ...], step: Step) -> Step:
    """A fact whose own time is not yet there counts from then on."""
    if not isinstance(step, Wait) or not coming:
        return step
    return Wait(until=min(step.until or coming[0].at, coming[0].at))


def _after_withdrawal(delivery: Delivery) -> Step:
    if delivery.tasks:
        return CloseTask(task=delivery.tasks[0].id, reason="the delivery was withdrawn")
    for attempt in delivery.attempts:
        if attempt.answer == "taken" and not attempt.words.startswith(TAKING_BACK):
            return Cancel(attempt=attempt.id)
    return Wait(until=None)


def _conclusion(here: Situation) -> Step | None:
    effects, told = here.effects, here.delivery.concluded
    news = _verdicts(effects) != _verdicts(told) or is_final(effects) != is_final(told)
    if news and (is_final(effects) or told):
        return Conclude(effects=effects, revised=bool(told))
    if told and is_final(told) and not here.delivery.proof_is_current:
        return Prove()
    return None


def _verdicts(effects: tuple[tuple[str, Effect], ...]) -> list[tuple[object, ...]]:
    """What a conclusion is compared by: a reworded explanation revises nothing."""
    return [(document, effect.outcome, effect.effective_date, effect.grounds) for document, effect in effects]


def _task_change(delivery: Delivery, wanted: tuple[Task, ...]) -> Step | None:
    open_ids = {task.id for task in delivery.tasks}
    wanted_ids = {task.id for task in wanted}
    for task in wanted:
        if task.id not in open_ids:
            return OpenTask(task=task)
    for task in delivery.tasks:
        if task.id not in wanted_ids and task.kind not in BY_PAGES:
            return CloseTask(task=task.id, reason="later facts answered it")
    return None


# --- doubt -----------------------------------------------------------------------------------------------------------


def _doubt(here: Situation, inquirable: frozenset[str]) -> Step | None:
    """While an attempt is in doubt nothing new is sent on this delivery (design.md §5.3)."""
    for attempt in here.delivery.attempts:
        if not attempt.open_question:
            continue
        ask_at = attempt.retry_at or here.now
        if attempt.channel in inquirable and ask_at <= here.now:
            return Inquire(attempt=attempt.id)
        ends = doubt_ends(attempt, here.book)
        if attempt.answer == "announced":
            # Announced and unanswered means that we died in between: the record shows a question.
            return AwaitReceipt(attempt=attempt.id, until=ends)
        return Wait(until=_earliest(here, [ask_at, ends]))
    return None


def _earliest(here: Situation, instants: Iterable[datetime | None]) -> datetime | None:
    return min((instant for instant in instants if instant and instant > here.now), default=None)


# --- sending ---------------------------------------------------------------------------------------------------------


def _renewal(here: Situation) -> Step | None:
    """At any hour: the recipient is waiting for it."""
    for address in here.delivery.renewals:
        return _send(here, address)
    return None


def _send(here: Situation, address: str) -> Send:
    number = next_number(here, address)
    channel = here.delivery.recipient.address(address).channel
    return Send(attempt=attempt_id(here.delivery.id, address, number), address=address, channel=channel, number=number)


def _sending(here: Situation) -> Step:
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
    if waiting or on_hold(here):
        return Wait(until=_earliest(here, [patience_ends(here), *(until for _, until in waiting)]))
    step = untried(here)
    if step is None:
        return Wait(until=None)  # a task is open: see tasks.py
    return _not_before(here, _send(here, step.address), step.not_before)


def _retry(attempt: Attempt) -> Send:
    return Send(attempt=attempt.id, address=attempt.address, channel=attempt.channel, number=attempt.number)


def _not_before(here: Situation, send: Send, earliest: datetime) -> Step:
    """That sending, or the wait until its time has come; electronic ones keep the sending hours (K13)."""
    moment = max(here.now, earliest)
    if here.delivery.recipient.address(send.address).electronic:
        moment = within_hours(moment, here.book.hours)
    return Wait(until=moment) if moment > here.now else send
