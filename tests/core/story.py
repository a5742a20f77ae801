"""Stories of one delivery, told step by step: the test carries out what is decided."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from delivery.core import decide, events
from delivery.core.decide import Conclude, OpenTask, Prove, Send, Step, Wait
from delivery.core.model import Address, Consent, Delivery, Fact, Task
from delivery.core.routing import plan_route
from tests.core.world import book, delivery

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
EVERY = frozenset({"email", "sms", "post"})
DAYS = timedelta(days=1)


class Story:
    """A delivery that is sealed and routed, and whose every step the test carries out."""

    def __init__(self, *where: Address, inquirable: frozenset[str] = frozenset(), consented: bool = False) -> None:
        self.now, self.inquirable = START, inquirable
        made = delivery(*where, at=START)
        if consented:
            given = Consent(id="c1", basis="express", given_at=START - DAYS)
            made = replace(made, recipient=replace(made.recipient, consents=(given,)))
        route = plan_route(made, book(), START, channels=EVERY)
        self.delivery: Delivery = replace(made, sealed=(("doc", "1" * 64),), route=route)

    def next(self) -> Step:
        """The next step; a route that has to be planned again is."""
        step = decide.next_step(self.delivery, book(), self.now, inquirable=self.inquirable)
        if not isinstance(step, decide.PlanRoute):
            return step
        self.happens(events.RoutePlanned, route=plan_route(self.delivery, book(), self.now, channels=EVERY))
        return self.next()

    def happens(self, event: type[events.Event], **fields: Any) -> None:
        self.delivery = events.apply(self.delivery, event(at=self.now, **fields))

    def sends(self) -> str:
        """The next step is a sending, and it is announced."""
        step = self.next()
        assert isinstance(step, Send), step
        fields = {"address": step.address, "channel": step.channel, "number": step.number, "role": step.role}
        self.happens(events.AttemptAnnounced, attempt=step.attempt, **fields)
        return step.attempt

    def sent(self) -> str:
        attempt = self.sends()
        self.happens(events.AttemptTaken, attempt=attempt, references=("p1",))
        return attempt

    def told(self, kind: str, where: str | None = "a1", number: int = 1, **fields: Any) -> None:
        fact = Fact(kind=kind, at=self.now, address=where, attempt=number, key=f"{kind}@{self.now}", **fields)
        self.happens(events.FactRecorded, fact=fact, by="somebody")

    def opens(self) -> Task:
        """The next step opens a task, and it is opened."""
        step = self.next()
        assert isinstance(step, OpenTask), step
        self.happens(events.TaskOpened, task=step.task)
        return step.task

    def closes(self, task: Task, decision: str) -> None:
        self.happens(events.TaskClosed, task=task.id, decision=decision, by="clerk", reason="so decided")

    def concludes(self) -> bool:
        """The next steps conclude and prove; whether it was a revision."""
        step = self.next()
        assert isinstance(step, Conclude), step
        self.happens(events.Concluded, effects=step.effects, revised=step.revised)
        return step.revised

    def proves(self) -> None:
        assert self.next() == Prove()
        self.happens(events.ProofIssued, number="1", sha256="2" * 64)

    def rests(self) -> datetime | None:
        step = self.next()
        assert isinstance(step, Wait), step
        return step.until

    def later(self, span: timedelta) -> None:
        self.now += span
