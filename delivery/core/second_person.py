"""Changing a date takes two people (contract.md §5): what moves a date of service waits for another person's yes.

A date stands when the case record was told it, or when nobody has to confirm it any more: what is presumed or deemed
and waits for an official is not a date yet that anybody relies on (PIPL 24(3)).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from delivery.core.effect import document_effects
from delivery.core.events import (
    SECOND_PERSON,
    Event,
    FactProposed,
    FactRecorded,
    RecipientLearnt,
    TaskClosed,
    TaskOpened,
    apply,
)
from delivery.core.model import Delivery, Proposal, Task
from delivery.core.rulebook import Rulebook
from delivery.core.tasks import task_about

Moves = tuple[tuple[str, date | None, date | None], ...]


def moved_dates(delivery: Delivery, happened: Sequence[Event], book: Rulebook, now: datetime) -> Moves:
    """The documents whose standing date these events would move: (document id, the date, what it would become)."""
    standing = _standing_dates(delivery, book, now)
    after = delivery
    for event in happened:
        after = apply(after, event)
    then = dict(document_effects(after, book, now))
    moved = ((name, day, then[name].effective_date) for name, day in standing.items())
    return tuple(move for move in moved if move[1] != move[2])


def _standing_dates(delivery: Delivery, book: Rulebook, now: datetime) -> Mapping[str, date]:
    effects = dict(document_effects(delivery, book, now))
    told = dict(delivery.concluded)
    found = {}
    for name, effect in effects.items():
        concluded = name in told and told[name].effective_date is not None
        if effect.effective_date and (concluded or not effect.flag("confirmation_due")):
            found[name] = effect.effective_date
    return found


def guarded(delivery: Delivery, happened: Sequence[Event], book: Rulebook, now: datetime) -> Sequence[Event]:
    """These events; or, where they would move a date, the proposal of them and the question to a second person.

    For what one person enters at once: facts, news of the recipient, a decision on a task.
    """
    moves = moved_dates(delivery, happened, book, now) if happened else ()
    if not moves:
        return happened
    proposal = _proposal(happened, moves)
    if any(_same(proposal, known) for known in delivery.proposals):
        return ()
    return (
        FactProposed(at=now, proposal=proposal),
        TaskOpened(at=now, task=task_about(proposal, delivery, book, now)),
    )


def _proposal(happened: Sequence[Event], moves: Moves) -> Proposal:
    recorded = [event for event in happened if isinstance(event, FactRecorded)]
    learnt = [event for event in happened if isinstance(event, RecipientLearnt)]
    closed = next((event for event in happened if isinstance(event, TaskClosed)), None)
    vouched: list[FactRecorded | RecipientLearnt] = [*recorded, *learnt]
    entered = closed or vouched[0]
    news = [(event.addresses, event.consents, event.representatives, event.standing) for event in learnt]
    told = f"{closed.task} {closed.decision}" if closed else repr(([event.fact for event in recorded], news))
    return Proposal(
        id=hashlib.sha256(told.encode()).hexdigest()[:12],
        by=entered.by,
        reason=entered.reason,
        evidence=next((event.evidence for event in vouched if event.evidence), None),
        facts=tuple(event.fact for event in recorded),
        addresses=tuple(address for event in learnt for address in event.addresses),
        consents=tuple(consent for event in learnt for consent in event.consents),
        representatives=tuple(one for event in learnt for one in event.representatives),
        standing=next((event.standing for event in learnt if event.standing), None),
        task=closed.task if closed else None,
        decision=closed.decision if closed else None,
        moves=moves,
    )


def _same(one: Proposal, other: Proposal) -> bool:
    """The same facts, or a decision on the same task: a second one waits until the first is answered."""
    return one.id == other.id or (one.task is not None and one.task == other.task)


def may_confirm(delivery: Delivery, task: Task, name: str) -> bool:
    """Whoever entered it may take it back, and not confirm it."""
    proposal = proposal_of(delivery, task)
    return proposal is not None and proposal.by != name


def proposal_of(delivery: Delivery, task: Task) -> Proposal | None:
    """What that task asks about; None where it is answered, or the task is another."""
    if task.kind != SECOND_PERSON:
        return None
    return next((one for one in delivery.proposals if one.id == task.proposal), None)


def decide_proposal(
    delivery: Delivery, task: Task, *, decision: str, by: str, reason: str, now: datetime
) -> Sequence[Event]:
    """Confirmed: what was entered is on record, by both names. Rejected: it never was. Nothing where it is answered, or
    where who entered it would confirm it.
    """
    proposal = proposal_of(delivery, task)
    if proposal is None or (decision == "confirm" and not may_confirm(delivery, task, by)):
        return ()
    closed = TaskClosed(at=now, task=task.id, decision=decision, by=by, reason=reason)
    return (*_confirmed(proposal, by, now), closed) if decision == "confirm" else (closed,)


def _confirmed(proposal: Proposal, by: str, now: datetime) -> Sequence[Event]:
    both = f"{proposal.by}, {by}"
    events: list[Event] = []
    if proposal.addresses or proposal.consents or proposal.representatives or proposal.standing:
        events.append(_learnt(proposal, both, now))
    for fact in proposal.facts:
        events.append(FactRecorded(at=now, fact=fact, by=both, reason=proposal.reason, evidence=proposal.evidence))
    if proposal.task and proposal.decision:
        events.append(
            TaskClosed(at=now, task=proposal.task, decision=proposal.decision, by=both, reason=proposal.reason)
        )
    return events


def _learnt(proposal: Proposal, by: str, now: datetime) -> RecipientLearnt:
    return RecipientLearnt(
        at=now,
        by=by,
        reason=proposal.reason,
        evidence=proposal.evidence,
        addresses=proposal.addresses,
        consents=proposal.consents,
        representatives=proposal.representatives,
        standing=proposal.standing,
    )
