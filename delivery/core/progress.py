"""How far a delivery has come: what is under way, what is left to try, until when something is waited for.

Asked by decide.py and tasks.py; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from delivery.core.byhand import done_with
from delivery.core.effect import is_final, verdicts
from delivery.core.model import Attempt, Delivery, Effect, Fact, Outcome, Route, RouteStep
from delivery.core.routing import plan_route
from delivery.core.rulebook import Rulebook
from delivery.core.standing import all_attempts, standing_facts
from delivery.core.timely import latest_useful

REMINDER = "reminder"
"""The role of an attempt that prompts and serves nothing (OLR 32)."""

RESULTS = frozenset({"bounced", "wait_elapsed", "returned", "signed", "replied", "annulled", "lost"})
"""Facts that end the waiting for an attempt, one way or the other."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A delivery at one instant, with what every question about it needs. `coming`: facts whose own time is not yet
    there (a provider's clock is fast). `turns`: when time alone may change the answer. `latest`: the last moment at
    which taking effect is of use, where it has not. `tries`: address, number and outcome of each attempt, also of those
    made elsewhere.
    """

    delivery: Delivery
    book: Rulebook
    now: datetime
    facts: tuple[Fact, ...]
    coming: tuple[Fact, ...]
    effects: tuple[tuple[str, Effect], ...]
    turns: datetime | None
    latest: datetime | None
    tries: tuple[tuple[str, int, Outcome], ...]

    @cached_property
    def planned(self) -> Route:
        """The route as it would be planned now; where nothing is to be sent any more, as it was. Costs more than all
        else here: asked for when it decides something.
        """
        told = self.delivery.route or Route(steps=())
        if is_final(self.effects):
            return told
        channels = told.channels or tuple(step.channel for step in told.steps)
        return plan_route(self.delivery, self.book, self.now, channels=frozenset(channels))


def situation(delivery: Delivery, book: Rulebook, now: datetime) -> Situation:
    facts, found = standing_facts(delivery), verdicts(delivery, book, now)
    effects = tuple((document, verdict.effect) for document, verdict in found)
    latest = None if is_final(effects) else latest_useful(delivery, book, now)
    turns = [fact.at for fact in facts if fact.at > now]
    turns += [at for _, verdict in found if (at := verdict.changes_at)]
    turns += [latest.at] if latest and latest.at > now else []
    return Situation(
        delivery=delivery,
        book=book,
        now=now,
        facts=tuple(fact for fact in facts if fact.at <= now),
        coming=tuple(fact for fact in facts if fact.at > now),
        effects=effects,
        turns=min(turns, default=None),
        latest=latest.at if latest else None,
        tries=tuple(
            (one.trial.place.id, one.trial.number, one.effect.outcome)
            for _, verdict in found
            for one in verdict.attempts
        ),
    )


def outdated(here: Situation) -> bool:
    """Whether what has been learnt since, or the time, makes the rest of the route another. Asked when the next step is
    due, not while something is waited for.
    """
    told = here.delivery.route
    if told is None or not told.channels or is_final(here.effects) or on_hold(here) or held_up(here):
        return False
    return _rest(here, told) != _rest(here, here.planned)


def held_up(here: Situation) -> bool:
    """Whether what was begun is waited for before the next step is."""
    tried, steps = _tried(here.delivery), here.delivery.route.steps if here.delivery.route else ()
    following = next((step for step in steps if step.address not in tried), None)
    return any(waits(here)) and not (following and following.beside)


def _rest(here: Situation, route: Route) -> list[tuple[str, str, bool]]:
    tried = _tried(here.delivery)
    left = [(step.address, step.reason, step.beside) for step in route.steps]
    left += [(one.address, one.reason, False) for one in route.rejected]
    return [one for one in left if one[0] not in tried]


def _tried(delivery: Delivery) -> frozenset[str]:
    return frozenset(attempt.address for attempt in delivery.attempts if attempt.role == "service")


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
        if attempt.answered_at:
            yield attempt, attempt.answered_at + _wait_at(here, attempt.address)


def _has_result(here: Situation, attempt: Attempt) -> bool:
    """A report says how it ended; or whatever comes of it serves nobody any more: that is not waited for."""
    mine = (attempt.address, attempt.number)
    outcomes = {outcome for address, number, outcome in here.tries if (address, number) == mine}
    useless = bool(outcomes) and outcomes <= {Outcome.NOT_SERVED, Outcome.FORBIDDEN}
    return useless or any(fact.kind in RESULTS and (fact.address, fact.attempt) == mine for fact in here.facts)


def _wait_at(here: Situation, address: str) -> timedelta:
    """What was begun is waited for as planned, also where the address has left the route since."""
    steps = here.delivery.route.steps if here.delivery.route else ()
    told = [step.wait for step in steps if step.address == address]
    place = here.delivery.recipient.address(address)
    told += [rung.wait for rung in here.book.ladder if rung.takes(place, here.book.class_of(place))]
    return timedelta(seconds=told[0]) if told else here.book.receipt_wait(place.channel)


def doubt_ends(attempt: Attempt, book: Rulebook) -> datetime:
    return attempt.announced_at + book.receipt_wait(attempt.channel)


def patience_ends(here: Situation) -> datetime | None:
    """Who has just read may be about to sign for it, and that is firmer: nobody is asked to confirm a presumption."""
    read = [fact.at for fact in here.facts if fact.kind == "read"]
    presumed = any(effect.outcome is Outcome.PRESUMED for _, effect in here.effects)
    ends = max(read) + here.book.presumption_patience if read and presumed else None
    return ends if ends and ends > here.now else None


def reminders(here: Situation, waiting: Iterable[tuple[Attempt, datetime]]) -> Iterator[tuple[Attempt, datetime]]:
    """The attempts that nobody has answered, each with the moment a reminder is due; one reminder each."""
    steps = here.delivery.route.steps if here.delivery.route and not on_hold(here) else ()
    for attempt, _ in waiting:
        step = next((step for step in steps if step.address == attempt.address), None)
        reminded = any(
            other.role == REMINDER and other.address == attempt.address and other.number > attempt.number
            for other in here.delivery.attempts
        )
        if step and step.remind_after and attempt.answered_at and not reminded:
            yield attempt, attempt.answered_at + timedelta(seconds=step.remind_after)


def again(here: Situation) -> str | None:
    """The address where a clerk decided to send once more, unless that has been done since."""
    last = {attempt.address: attempt.id for attempt in here.delivery.attempts if attempt.role == "service"}
    for task, decision in reversed(here.delivery.closed_tasks):
        attempt = here.delivery.attempt(task.attempt or "")
        if decision == "send_again" and attempt and last.get(attempt.address) == attempt.id:
            return None if forbidden(here, attempt.address) else attempt.address
    return None


def untried(here: Situation) -> RouteStep | None:
    """The next step of the route; one that the law has come to forbid since it was planned is passed over."""
    tried, steps = _tried(here.delivery), here.delivery.route.steps if here.delivery.route else ()
    open_steps = (step for step in steps if step.address not in tried and not forbidden(here, step.address))
    return next((step for step in open_steps if not (step.task and done_with(here, step))), None)


def by_hand(here: Situation) -> RouteStep | None:
    """The step that is due and that only a person can take; not beside what is still waited for."""
    busy = under_way(here) or again(here) is not None or any(waits(here))
    step = None if busy or on_hold(here) else untried(here)
    return step if step and step.task else None


def forbidden(here: Situation, address_id: str) -> bool:
    """Whether nothing may be sent there any more: by law, or because the recipient changed the address in writing."""
    return any(one.address == address_id for one in here.planned.rejected)


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
