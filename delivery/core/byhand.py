"""Steps of a route that only a person can take: which one is due, which is under way, which is done with.

A person is asked by a task and answers with facts; a task closed without any means that nothing came of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from delivery.core.model import Delivery, Outcome, RouteStep

if TYPE_CHECKING:
    from delivery.core.progress import Situation


def about(step: RouteStep) -> str:
    """What the task of this step is about: part of its id."""
    return f"step.{step.address}"


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
    """Whether an attempt at an address that the recipient gave is alive (law.md R8.6): no notice beside that."""
    ended = {(a.address, a.number) for a in here.delivery.attempts if a.answer == "given_up"}
    ended |= {(step.address, number) for step, number in _left(here)}
    alive = {(address, number) for address, number, outcome in here.tries if outcome is Outcome.PENDING} - ended
    places = (here.delivery.recipient.address(address) for address, _ in alive)
    return any(here.book.class_of(place) == "given" for place in places)


def _left(here: Situation) -> list[tuple[RouteStep, int]]:
    """The tries at steps that a person is done with."""
    steps = [step for step in here.planned.steps if step.task and done_with(here, step)]
    return [(step, number) for step in steps for address, number, _ in here.tries if address == step.address]
