"""What a recipient does on the pages, as events. Pure; doing a thing twice is doing it once (a double click, a reload).

The law's names: shown after the second factor is `read`; 签收 is `replied`; "not me" is `objection` with the claim
`address_not_used`; the wish for paper is `paper_requested` (CPL 90(1)). What a person has to judge is a task.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from delivery.core.events import Event, FactRecorded, Recorded, RenewalAsked, TaskOpened
from delivery.core.model import Attempt, Delivery, Fact, Person, Task

BY = "recipient"
TASK_TIME = timedelta(days=2)
"""Until when a clerk should have looked at what a page reported; short, because a person is waiting."""

RENEWALS_A_DAY = 3


def fact_key(attempt: str, kind: str) -> str:
    """The identity of what was done on the page of this attempt: a second click has the same."""
    return f"page:{attempt}:{kind}"


def done(delivery: Delivery, kind: str) -> Fact | None:
    """The first fact of that kind that came from a page of this delivery, through whichever link."""
    return next((fact for fact in delivery.facts if fact.kind == kind and fact.key.startswith("page:")), None)


def record_fact(delivery: Delivery, attempt: Attempt, kind: str, now: datetime) -> Sequence[Event]:
    """`read`, `replied` or `objection`, of the attempt whose link was used."""
    if _known(delivery, fact_key(attempt.id, kind)):
        return ()
    fact = Fact(
        kind=kind,
        at=now,
        address=attempt.address,
        attempt=attempt.number,
        key=fact_key(attempt.id, kind),
        by=reader(delivery, attempt),
        claim="address_not_used" if kind == "objection" else None,
    )
    return (FactRecorded(at=now, fact=fact, by=BY),)


def ask_for_paper(delivery: Delivery, attempt: Attempt, now: datetime) -> Sequence[Event]:
    """Of the delivery, not of an attempt: asked once, whatever link was used."""
    if done(delivery, "paper_requested"):
        return ()
    key = fact_key(attempt.id, "paper_requested")
    fact = Fact(kind="paper_requested", at=now, key=key, by=reader(delivery, attempt))
    return (FactRecorded(at=now, fact=fact, by=BY),)


def reader(delivery: Delivery, attempt: Attempt) -> Person:
    """Who passed the second factor: the recipient, or the representative whose address it is (a kind is a relation)."""
    holder = delivery.recipient.address(attempt.address).holder
    agent = next((one for one in delivery.recipient.representatives if one.id == holder), None)
    return Person(relation=agent.kind, representative=agent.id) if agent else Person(relation="self")


def open_task(delivery: Delivery, attempt: Attempt, kind: str, reason: str, now: datetime) -> Sequence[Event]:
    """A clerk's task, once while it is open. The id tells what it is about, in the manner of core/decide.py."""
    if open_of_kind(delivery, kind):
        return ()
    stem = f"{delivery.id}.{kind}.{attempt.address}.{attempt.number}"
    rounds = sum(1 for task, _ in delivery.closed_tasks if task.id.startswith(f"{stem}."))
    task = Task(
        id=f"{stem}.{rounds + 1}",
        kind=kind,
        reason=reason,
        opened_at=now,
        due_at=now + TASK_TIME,
        owner="clerk",
        attempt=attempt.id,
    )
    return (TaskOpened(at=now, task=task),)


def open_of_kind(delivery: Delivery, kind: str) -> bool:
    """Whether such a task waits for a clerk."""
    return any(task.kind == kind for task in delivery.tasks)


def last_opened(delivery: Delivery, kind: str) -> datetime | None:
    """When the latest task of that kind was opened, whether or not it still is."""
    known = (*delivery.tasks, *(task for task, _ in delivery.closed_tasks))
    return max((task.opened_at for task in known if task.kind == kind), default=None)


def renew(delivery: Delivery, attempt: Attempt, now: datetime) -> Sequence[Event]:
    """A new link to the same address; nothing where one is on its way."""
    if attempt.address in delivery.renewals:
        return ()
    return (RenewalAsked(at=now, address=attempt.address),)


def renewals_used_up(history: Sequence[Recorded], now: datetime) -> bool:
    """Every renewal is a message that costs money and may annoy: a few a day for one delivery."""
    since = now - timedelta(days=1)
    recent = [row for row in history if isinstance(row.event, RenewalAsked) and row.event.at > since]
    return len(recent) >= RENEWALS_A_DAY


def _known(delivery: Delivery, key: str) -> bool:
    return any(fact.key == key for fact in delivery.facts)
