"""Steps of a route that only a person can take: which one is due, which is under way, which is done with.

A person is asked by a task and answers with facts; a task closed without any means that nothing came of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from delivery.core.model import Delivery, Outcome, RouteStep, Task

if TYPE_CHECKING:
    from delivery.core.progress import Situation


def about(step: RouteStep) -> str:
    """What the task of this step is about: part of its id."""
    return f"step.{step.address}"


def address_of(task: Task) -> str | None:
    """The address of the step that this task is about; None: it is about something else."""
    name, _, _ = task.id.rpartition(".")
    before, _, address = name.rpartition(".")
    return address if before.endswith(".step") else None


def _answers(delivery: Delivery, step: RouteStep) -> list[str]:
    """How people closed the tasks of this step; facts that overtook one are no answer."""
    said = [said for task, said in delivery.closed_tasks if f".{about(step)}." in task.id]
    return [answer for answer in said if answer != "overtaken"]


def done_with(here: Situation, step: RouteStep) -> bool:
    """Facts show what came of it; or a person gave it up, or closed its task: without a fact, or after waiting."""
    outcomes = _outcomes(here, step)
    answers = _answers(here.delivery, step)
    if Outcome.PENDING in outcomes:
        return "give_up" in answers or (bool(answers) and resting(here, step) is None)
    return bool(outcomes or answers)


def resting(here: Situation, step: RouteStep) -> datetime | None:
    """Until when what a person has begun is waited for; None: nothing has, or for long enough."""
    if Outcome.PENDING not in _outcomes(here, step):
        return None
    told = max(fact.at for fact in here.facts if fact.address == step.address)
    until = told + timedelta(seconds=step.wait)
    return until if until > here.now else None


def _outcomes(here: Situation, step: RouteStep) -> set[Outcome]:
    return {outcome for address, _, outcome in here.tries if address == step.address}


def beside_live(here: Situation) -> bool:
    """Whether an attempt made elsewhere, at an address that the recipient gave, is alive (law.md R8.6): no notice then.
    What we began ourselves is waited for anyway.
    """
    ours = {(attempt.address, attempt.number) for attempt in here.delivery.attempts}
    left = {step.address for step in here.planned.steps if step.task and done_with(here, step)}
    theirs = (one for one in here.tries if one[:2] not in ours and one[0] not in left)
    alive = (here.delivery.recipient.address(address) for address, _, outcome in theirs if outcome is Outcome.PENDING)
    return any(here.book.class_of(place) == "given" for place in alive)
