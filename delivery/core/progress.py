"""How far a delivery has come: what is under way, what is left to try, until when something is waited for.

Asked by decide.py and tasks.py; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.core.effect import verdicts
from delivery.core.model import Attempt, Delivery, Effect, Fact, Outcome, RouteStep
from delivery.core.routing import barring
from delivery.core.rulebook import Rulebook
from delivery.core.standing import all_attempts, standing_facts

RESULTS = frozenset({"bounced", "wait_elapsed", "returned", "signed", "replied", "annulled", "lost"})
"""Facts that end the waiting for an attempt, one way or the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A delivery at one instant, with what every question about it needs. `coming`: facts whose own time is not yet
    there (a provider's clock is fast). `turns`: when time alone may change the answer.
    """

    delivery: Delivery
    book: Rulebook
    now: datetime
    facts: tuple[Fact, ...]
    coming: tuple[Fact, ...]
    effects: tuple[tuple[str, Effect], ...]
    turns: datetime | None


def situation(delivery: Delivery, book: Rulebook, now: datetime) -> Situation:
    facts, found = standing_facts(delivery), verdicts(delivery, book, now)
    turns = [fact.at for fact in facts if fact.at > now]
    turns += [at for _, verdict in found if (at := verdict.changes_at)]
    return Situation(
        delivery=delivery,
        book=book,
        now=now,
        facts=tuple(fact for fact in facts if fact.at <= now),
        coming=tuple(fact for fact in facts if fact.at > now),
        effects=tuple((document, verdict.effect) for document, verdict in found),
        turns=min(turns, default=None),
    )


def under_way(here: Situation) -> bool:
    """Something was begun that the service itself will take further."""
    questions = any(attempt.open_question for attempt in here.delivery.attempts)
    return questions or bool(here.delivery.renewals) or any(deferred(here))


def deferred(here: Situation) -> Iterator[tuple[Attempt, datetime]]:
    """Attempts that the provider asked to make later, and when; not where the law has come to forbid it since."""
    for attempt in here.delivery.attempts:
        if attempt.answer == "deferred" and attempt.retry_at and not forbidden(here, attempt.address):
            yield attempt, attempt.retry_at


def waits(here: Situation) -> Iterator[tuple[Attempt, datetime]]:
    """Attempts that the provider has and that have no result, each with the end of its waiting time."""
    for attempt in here.delivery.attempts:
        if attempt.answer != "taken" or attempt.role != "service" or _has_result(here, attempt):
            continue
        step = _step_of(here.delivery, attempt.address)
        if step and attempt.answered_at:
            yield attempt, attempt.answered_at + timedelta(seconds=step.wait)


def _has_result(here: Situation, attempt: Attempt) -> bool:
    mine = (attempt.address, attempt.number)
    return any(fact.kind in RESULTS and (fact.address, fact.attempt) == mine for fact in here.facts)


def _step_of(delivery: Delivery, address: str) -> RouteStep | None:
    steps = delivery.route.steps if delivery.route else ()
    return next((step for step in steps if step.address == address), None)


def doubt_ends(attempt: Attempt, book: Rulebook) -> datetime:
    return attempt.announced_at + book.receipt_wait(attempt.channel)


def patience_ends(here: Situation) -> datetime | None:
    """Who has just read may be about to sign for it, and that is firmer: nobody is asked to confirm a presumption."""
    read = [fact.at for fact in here.facts if fact.kind == "read"]
    presumed = any(effect.outcome is Outcome.PRESUMED for _, effect in here.effects)
    ends = max(read) + here.book.presumption_patience if read and presumed else None
    return ends if ends and ends > here.now else None


def again(here: Situation) -> str | None:
    """The address where a clerk decided to send once more, unless that has been done since."""
    last = {attempt.address: attempt.id for attempt in here.delivery.attempts}
    for task, decision in reversed(here.delivery.closed_tasks):
        attempt = here.delivery.attempt(task.attempt or "")
        if decision == "send_again" and attempt and last[attempt.address] == attempt.id:
            return None if forbidden(here, attempt.address) else attempt.address
    return None


def untried(here: Situation) -> RouteStep | None:
    """The next step of the route; one that the law has come to forbid since it was planned is passed over."""
    tried = {attempt.address for attempt in here.delivery.attempts if attempt.role == "service"}
    steps = here.delivery.route.steps if here.delivery.route else ()
    return next((step for step in steps if step.address not in tried and not forbidden(here, step.address)), None)


def forbidden(here: Situation, address_id: str) -> bool:
    """Whether the law has come to forbid that address."""
    address = here.delivery.recipient.address(address_id)
    return barring(here.delivery, address, here.book, here.now) is not None


def on_hold(here: Situation) -> bool:
    """A person is looking at what would be the service: the route goes no further beside that."""
    return any(effect.outcome is Outcome.REVIEW or effect.outcome.dated for _, effect in here.effects)


def goes_on(here: Situation) -> bool:
    """The service has something to send by itself, now or later."""
    return again(here) is not None or (untried(here) is not None and not on_hold(here))


def next_number(here: Situation, address: str) -> int:
    """The number of a new attempt there; tries made elsewhere count, so that no fact of theirs becomes one of ours."""
    made = all_attempts(here.delivery, (*here.facts, *here.coming))
    return 1 + max((attempt.number for attempt in made if attempt.address == address), default=0)
