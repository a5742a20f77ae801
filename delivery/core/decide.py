"""What happens next to a delivery: `next_step`, the heart. A pure function of its history, the rules and the time.

It returns one step. The worker carries it out, records what came of it, and asks again, until the answer is `Wait`.
After a crash the same function is asked the same question; there is no other way of recovery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.core.effect import document_effects
from delivery.core.model import Attempt, Delivery, Effect, Outcome, RouteStep, State, Task, attempt_id
from delivery.core.rulebook import Rulebook
from delivery.core.standing import standing_facts


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
    if delivery.concluded:
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
    effects = document_effects(delivery, book, now)
    wanted = tuple(_wanted_tasks(delivery, effects, book, now))
    return (
        _conclusion(delivery, effects)
        or _task_change(delivery, wanted)
        or _doubt(delivery, book, now, inquirable)
        or _renewal(delivery)
        or _sending(delivery, effects, book, now)
    )


def is_final(effects: tuple[tuple[str, Effect], ...]) -> bool:
    """Every document has a date, and nobody has to confirm it any more (law.md R9.1)."""
    return all(effect.outcome.dated and effect.next in (None, "send_paper_copy") for _, effect in effects)


def _after_withdrawal(delivery: Delivery) -> Step:
    if delivery.tasks:
        return CloseTask(task=delivery.tasks[0].id, reason="the delivery was withdrawn")
    for attempt in delivery.attempts:
        if attempt.answer == "taken" and not attempt.words.startswith("withdrawal:"):
            return Cancel(attempt=attempt.id)
    return Wait(until=None)


def _conclusion(delivery: Delivery, effects: tuple[tuple[str, Effect], ...]) -> Step | None:
    if _verdicts(effects) != _verdicts(delivery.concluded) and (is_final(effects) or delivery.concluded):
        return Conclude(effects=effects, revised=bool(delivery.concluded))
    if delivery.concluded and is_final(delivery.concluded) and not delivery.proof_is_current:
        return Prove()
    return None


def _verdicts(effects: tuple[tuple[str, Effect], ...]) -> list[tuple[object, ...]]:
    """What a conclusion is compared by: a reworded explanation revises nothing."""
    return [(document, effect.outcome, effect.effective_date, effect.grounds) for document, effect in effects]


# --- tasks -----------------------------------------------------------------------------------------------------------


PERSON = frozenset(
    {
        "clerk_confirm",
        "cure_evidence",
        "judge_decision",
        "phone_confirm",
        "prove_ownership",
        "ask_consent",
        "direct_service",
        "address_lookup",
        "serve_again",
        "serve_party",
        "mail",
        "repost_mail",
        "send_paper_copy",
    }
)
"""Next steps (scenario format) that only a person can take when no address of the route is left."""


def _wanted_tasks(
    delivery: Delivery, effects: tuple[tuple[str, Effect], ...], book: Rulebook, now: datetime
) -> Iterator[Task]:
    """Every task that should be open now. A task that is open and not wanted has been overtaken."""
    yield from _news_tasks(delivery, book, now)
    decisions = [
        *_doubt_tasks(delivery, book, now),
        *_effect_tasks(delivery, effects, book, now),
        *_mail_tasks(delivery, effects, book, now),
    ]
    yield from decisions or _last_resort(delivery, effects, book, now)


def _last_resort(
    delivery: Delivery, effects: tuple[tuple[str, Effect], ...], book: Rulebook, now: datetime
) -> Iterator[Task]:
    """No address left, nothing under way, nothing decided: never without an owner (design.md §5.8)."""
    under_way = any(a.open_question or a.answer == "deferred" for a in delivery.attempts) or delivery.renewals
    if is_final(effects) or under_way or not _route_is_exhausted(delivery) or any(_waits(delivery, effects)):
        return
    reason = "no address is left to try" if delivery.attempts else "no address can be used"
    yield _task(delivery, "serve_again", "exhausted", reason, book, now, attempt=_last_attempt(delivery))


def _last_attempt(delivery: Delivery) -> str | None:
    return delivery.attempts[-1].id if delivery.attempts else None


def _task(
    delivery: Delivery,
    kind: str,
    about: str,
    reason: str,
    book: Rulebook,
    now: datetime,
    *,
    proposal: str | None = None,
    attempt: str | None = None,
) -> Task:
    """A task's id tells what it is about, so that asking twice opens it once; a second round has the next number."""
    stem = f"{delivery.id}.{kind}.{about}"
    rounds = sum(1 for task, _ in delivery.closed_tasks if task.id.startswith(f"{stem}."))
    owner, days = book.task_policy(kind)
    return Task(
        id=f"{stem}.{rounds + 1}",
        kind=kind,
        reason=reason,
        opened_at=now,
        due_at=now + timedelta(days=days),
        owner=owner,
        proposal=proposal,
        attempt=attempt,
    )


def _doubt_tasks(delivery: Delivery, book: Rulebook, now: datetime) -> Iterator[Task]:
    """No receipt and no answer in the rulebook's time: a clerk decides, and may send again (design.md §5.3)."""
    for attempt in delivery.attempts:
        if attempt.answer == "in_doubt" and _doubt_ends(attempt, book) <= now:
            reason = f"whether {attempt.channel} took this attempt is not known, and no receipt came"
            about = f"{attempt.address}.{attempt.number}"
            yield _task(delivery, "in_doubt", about, reason, book, now, proposal="send_again", attempt=attempt.id)


def _doubt_ends(attempt: Attempt, book: Rulebook) -> datetime:
    return attempt.announced_at + book.receipt_wait(attempt.channel)


def _effect_tasks(
    delivery: Delivery, effects: tuple[tuple[str, Effect], ...], book: Rulebook, now: datetime
) -> Iterator[Task]:
    """What the effect asks of a person, once per kind. A failed address asks for nothing while another one is left."""
    seen: set[str] = set()
    for _, effect in effects:
        kind = effect.next
        if kind is None or kind in seen or kind not in PERSON:
            continue
        if effect.outcome in (Outcome.NOT_SERVED, Outcome.FORBIDDEN) and not _route_is_exhausted(delivery):
            continue
        if effect.outcome is Outcome.PRESUMED and (_firm_answer_until(delivery, book) or now) > now:
            continue
        seen.add(kind)
        about = f"{effect.outcome}.{effect.effective_date or effect.flag('proposed_date') or 'open'}"
        kind, about = _second_thought(delivery, kind, about)
        last = _last_attempt(delivery)
        yield _task(delivery, kind, about, effect.explanation, book, now, proposal=_proposal(effect), attempt=last)


def _firm_answer_until(delivery: Delivery, book: Rulebook) -> datetime | None:
    """Who has just read may be about to sign for it, and that is firmer: nobody is asked to confirm a presumption."""
    read = [fact.at for fact in delivery.facts if fact.kind == "read"]
    return max(read) + book.presumption_patience if read else None


def _second_thought(delivery: Delivery, kind: str, about: str) -> tuple[str, str]:
    """A clerk who rejected a presumption or fiction is not asked the same again: the question is then how to serve."""
    stem = f"{delivery.id}.{kind}.{about}."
    rejected = any(task.id.startswith(stem) and decision == "reject" for task, decision in delivery.closed_tasks)
    return ("serve_again", f"rejected.{about}") if rejected else (kind, about)


def _proposal(effect: Effect) -> str:
    if effect.outcome.dated:
        return f"{effect.outcome} {effect.effective_date}"
    if proposed := effect.flag("proposed_outcome"):
        return f"{proposed} {effect.flag('proposed_date')}"
    return str(effect.next)


def _mail_tasks(
    delivery: Delivery, effects: tuple[tuple[str, Effect], ...], book: Rulebook, now: datetime
) -> Iterator[Task]:
    """A letter without a result for too long: a person asks the post. No rule of law turns silence into an answer."""
    if not any(effect.next == "track_mail" for _, effect in effects):
        return
    for attempt, until in _waits(delivery, effects):
        if attempt.channel == "post" and until <= now:
            about = f"{attempt.address}.{attempt.number}"
            yield _task(
                delivery, "track_mail", about, "the post has reported no result in time", book, now, attempt=attempt.id
            )


def _news_tasks(delivery: Delivery, book: Rulebook, now: datetime) -> Iterator[Task]:
    """What came in and needs eyes: an objection, a wish for paper, a report that no table knows. Each is asked about
    once.
    """
    handed_over = any(fact.kind == "paper_handed_over" for fact in delivery.facts)
    news = [(f.key, "objection", f"the recipient objects: {f.claim}") for f in delivery.facts if f.kind == "objection"]
    news += [
        (f.key, "send_paper_copy", "the recipient asks for paper (CPL 90(1))")
        for f in delivery.facts
        if f.kind == "paper_requested" and not handed_over
    ]
    news += [
        (_short(f"{r.channel} {r.attempt} {r.key}"), "unclear_receipt", r.unclear)
        for r in delivery.receipts
        if r.unclear
    ]
    closed = {task.id for task, _ in delivery.closed_tasks}
    for about, kind, reason in news:
        if f"{delivery.id}.{kind}.{about}.1" not in closed:
            yield _task(delivery, kind, about, reason, book, now)


def _short(key: str) -> str:
    """A provider's key has any characters; a task's id stands in addresses of pages."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


BY_PAGES = frozenset({"not_me", "wrong_content", "second_factor_failed"})
"""Tasks that the recipient's pages open; only a person closes them."""


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


def _doubt(delivery: Delivery, book: Rulebook, now: datetime, inquirable: frozenset[str]) -> Step | None:
    """While an attempt is in doubt nothing new is sent on this delivery (design.md §5.3)."""
    for attempt in delivery.attempts:
        if not attempt.open_question:
            continue
        ask_at = attempt.retry_at or now
        if attempt.channel in inquirable and ask_at <= now:
            return Inquire(attempt=attempt.id)
        ends = _doubt_ends(attempt, book)
        if attempt.answer == "announced":
            # Announced and unanswered means that we died in between: the record shows a question.
            return AwaitReceipt(attempt=attempt.id, until=ends)
        return Wait(until=min((at for at in (ask_at, ends) if at > now), default=None))
    return None


def _later(instant: datetime | None, now: datetime) -> datetime | None:
    return instant if instant and instant > now else None


# --- sending ---------------------------------------------------------------------------------------------------------


def _renewal(delivery: Delivery) -> Step | None:
    for address in delivery.renewals:
        return _send(delivery, address)
    return None


def _send(delivery: Delivery, address: str) -> Send:
    number = 1 + max((a.number for a in delivery.attempts if a.address == address), default=0)
    channel = delivery.recipient.address(address).channel
    return Send(attempt=attempt_id(delivery.id, address, number), address=address, channel=channel, number=number)


def _sending(delivery: Delivery, effects: tuple[tuple[str, Effect], ...], book: Rulebook, now: datetime) -> Step:
    if is_final(effects):
        return Wait(until=None)
    for attempt in delivery.attempts:
        if attempt.answer == "deferred" and attempt.retry_at:
            return _retry(attempt, book, now)
    for attempt, until in _waits(delivery, effects):
        if until > now:
            return Wait(until=until)
        if attempt.channel != "post":
            return ElapseWait(attempt=attempt.id)
        return Wait(until=None)  # the task track_mail is open
    if _blocks_sending(effects):
        return Wait(until=_later(_firm_answer_until(delivery, book), now))
    return _next_address(delivery, now)


def _retry(attempt: Attempt, book: Rulebook, now: datetime) -> Step:
    if attempt.retry_at and attempt.retry_at > now:
        return Wait(until=attempt.retry_at)
    return Send(attempt=attempt.id, address=attempt.address, channel=attempt.channel, number=attempt.number)


def _blocks_sending(effects: tuple[tuple[str, Effect], ...]) -> bool:
    """A person is looking at what would be the service: no further try runs beside that."""
    return any(effect.outcome is Outcome.REVIEW or effect.outcome.dated for _, effect in effects)


def _waits(delivery: Delivery, effects: tuple[tuple[str, Effect], ...]) -> Iterator[tuple[Attempt, datetime]]:
    """Attempts that the provider has and that have no result, each with the end of its waiting time."""
    for attempt in delivery.attempts:
        if attempt.answer != "taken" or attempt.role != "service" or _has_result(delivery, attempt):
            continue
        step = _step_of(delivery, attempt.address)
        if step and attempt.answered_at:
            yield attempt, attempt.answered_at + timedelta(seconds=step.wait)


RESULTS = frozenset({"bounced", "wait_elapsed", "returned", "signed", "replied", "lost"})
"""Facts that end the waiting for an attempt, one way or the other."""


def _has_result(delivery: Delivery, attempt: Attempt) -> bool:
    return any(
        fact.kind in RESULTS and (fact.address, fact.attempt) == (attempt.address, attempt.number)
        for fact in standing_facts(delivery)
    )


def _step_of(delivery: Delivery, address: str) -> RouteStep | None:
    steps = delivery.route.steps if delivery.route else ()
    return next((step for step in steps if step.address == address), None)


def _again(delivery: Delivery) -> str | None:
    """The address where a clerk decided to send once more, unless that has been done since."""
    last = {attempt.address: attempt for attempt in delivery.attempts}
    for task, decision in reversed(delivery.closed_tasks):
        attempt = delivery.attempt(task.attempt or "")
        if decision == "send_again" and attempt and last[attempt.address].id == attempt.id:
            return attempt.address
    return None


def _untried(delivery: Delivery) -> RouteStep | None:
    tried = {attempt.address for attempt in delivery.attempts}
    steps = delivery.route.steps if delivery.route else ()
    return next((step for step in steps if step.address not in tried), None)


def _route_is_exhausted(delivery: Delivery) -> bool:
    return _untried(delivery) is None and _again(delivery) is None


def _next_address(delivery: Delivery, now: datetime) -> Step:
    if again := _again(delivery):
        return _send(delivery, again)
    step = _untried(delivery)
    if step is None:
        return Wait(until=None)  # a task is open: see _effect_tasks
    if step.not_before > now:
        return Wait(until=step.not_before)
    return _send(delivery, step.address)
