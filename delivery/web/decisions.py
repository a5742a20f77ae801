"""What a clerk's decision on a task means, as events. Pure; a task that is no longer open is not decided twice.

A named person confirms what a machine presumes or deems (PIPL 24(3)), decides an objection, ends a doubt
(design.md §5.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from delivery.core.byhand import address_of
from delivery.core.events import SECOND_PERSON, Event, FactRecorded, TaskClosed
from delivery.core.model import Delivery, Fact, Task
from delivery.core.paper import SEND_PAPER
from delivery.core.rulebook import Rulebook
from delivery.core.second_person import decide_proposal, guarded, may_confirm

CHOICES: Mapping[str, tuple[str, ...]] = {
    "clerk_confirm": ("confirm", "reject"),
    "objection": ("confirm", "reject"),
    "in_doubt": ("send_again", "give_up"),
    "put_off": ("done", "give_up"),
    SECOND_PERSON: ("confirm", "reject"),
}
"""The decisions that fit a kind of task; for all others: done, or where it is about what was sent, send that again."""

MEANT: Mapping[str, tuple[str, ...]] = {"at_risk": ("postponed", "another_way", "accepted")}
"""Where `done` alone would not say what was decided: what it means, put before the reason on record."""

DATED = ("served", "presumed", "deemed")
ABOUT_SENDING = frozenset({"serve_again", "mail", "repost_mail", "track_mail", "cure_evidence", "phone_confirm"})


def choices(task: Task) -> tuple[str, ...]:
    """The decisions open to a clerk, the proposed one first. A step that a person takes is answered with facts; closed
    without one, nothing came of it and the route goes on.
    """
    again = ("send_again",) if task.kind in ABOUT_SENDING and task.attempt else ()
    if task.proposal == SEND_PAPER:
        return (SEND_PAPER, "done")
    if address_of(task):
        return ("give_up", "done")
    fitting = CHOICES.get(task.kind) or (*_on_the_proposal(task), *again) or ("done",)
    return tuple(sorted(fitting, key=lambda decision: decision != task.proposal))


def _on_the_proposal(task: Task) -> tuple[str, ...]:
    """A review is ended by facts, or by a decision: for or against the date proposed; without one, against the try."""
    outcome, _, rest = (task.proposal or "").partition(" ")
    if not rest:
        return ("done",)
    return ("confirm", "reject") if outcome in DATED else ("reject",)


def may_decide(task: Task, role: str) -> bool:
    """What is a judge's is left to judges; a judge may do a clerk's work."""
    return task.owner != "judge" or role == "judge"


_WORDS = {
    ("objection", "confirm"): "uphold",
    ("objection", "reject"): "overrule",
    ("embargo", "done"): "measure_done",
}


def word_for(task_kind: str, decision: str, *, own: bool = False, step: bool = False) -> str:
    """The key of the word on the button: an objection is upheld or rejected, an `own` proposal taken back, a `step` of
    the route given up or answered by what was recorded.
    """
    if own:
        return "take_back"
    return f"step_{decision}" if step else _WORDS.get((task_kind, decision), decision)


def meanings(task: Task, decision: str) -> tuple[str, ...]:
    """What that decision on that task may mean; nothing where it speaks for itself."""
    return MEANT.get(task.kind, ()) if decision == "done" else ()


def open_to(delivery: Delivery, task: Task, name: str) -> tuple[str, ...]:
    """The decisions open to that account: none while one waits for a second person, and who entered what would change a
    date may take it back only. A step of the route is done where a fact says so.
    """
    if any(proposal.task == task.id for proposal in delivery.proposals):
        return ()
    step = address_of(task)
    told = step is None or any(fact.address == step for fact in delivery.facts)
    found = tuple(choice for choice in choices(task) if told or choice != "done")
    return found if task.kind != SECOND_PERSON or may_confirm(delivery, task, name) else ("reject",)


def decide_by(
    delivery: Delivery,
    task_id: str,
    book: Rulebook,
    *,
    decision: str,
    by: str,
    role: str,
    reason: str,
    now: datetime,
) -> Sequence[Event]:
    """The events of that decision; or its proposal to a second person, where it would move a date that stands."""
    task = next((task for task in delivery.tasks if task.id == task_id), None)
    if task is None or decision not in open_to(delivery, task, by):
        return ()
    if task.kind == SECOND_PERSON:
        return decide_proposal(delivery, task, decision=decision, by=by, reason=reason, now=now)
    happened = decide(delivery, task_id, decision=decision, by=by, role=role, reason=reason, now=now)
    return guarded(delivery, happened, book, now)


def decide(
    delivery: Delivery, task_id: str, *, decision: str, by: str, role: str, reason: str, now: datetime
) -> Sequence[Event]:
    """The task is closed, and what the decision says of the law is on record as a fact, in the same breath."""
    task = next((task for task in delivery.tasks if task.id == task_id), None)
    if task is None:
        return ()
    closed = TaskClosed(at=now, task=task_id, decision=decision, by=by, reason=reason)
    fact = _fact(delivery, task, decision, role, now)
    return (FactRecorded(at=now, fact=fact, by=by, reason=reason), closed) if fact else (closed,)


def _fact(delivery: Delivery, task: Task, decision: str, role: str, now: datetime) -> Fact | None:
    key = f"task:{task.id}"
    match task.kind, decision:
        case "clerk_confirm", "confirm":
            return Fact(kind="official_confirmation", at=now, key=key, decided_by=role)
        case "objection", "confirm" | "reject":
            return _on_the_objection(delivery, task, decision, role, now)
        case "send_paper_copy", "done":
            return Fact(kind="paper_handed_over", at=now, key=key)
    return None


def _on_the_objection(delivery: Delivery, task: Task, decision: str, role: str, now: datetime) -> Fact | None:
    """`annulled` or `objection_rejected`, of the attempt objected to: the task's id carries the objection's key."""
    objection = next((f for f in delivery.facts if f.kind == "objection" and f.key and f.key in task.id), None)
    if objection is None:
        return None
    upheld = decision == "confirm"
    return Fact(
        kind="annulled" if upheld else "objection_rejected",
        at=now,
        address=objection.address,
        attempt=objection.attempt,
        key=f"task:{task.id}",
        reason=objection.claim if upheld else None,
        decided_by=role,
    )
