"""A scripted world around `next_step`: a provider that answers anything, recipients and clerks who do anything.

No journal and no I/O: the steps are carried out as events on the delivery in hand, and time jumps. Everything is drawn
from one seed, so that a walk can be walked again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from delivery.core import decide, events
from delivery.core.civil import CHINA
from delivery.core.decide import next_step
from delivery.core.effect import is_final
from delivery.core.model import Address, Case, Consent, Delivery, Document, Fact, Person, Receipt, Task
from delivery.core.report import Report, reports_of
from delivery.core.routing import plan_route
from tests.core.world import address, book, delivery

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
CHANNELS = frozenset({"email", "sms", "post"})
KINDS = (
    *(("email", basis) for basis in ("confirmed", "volunteered", "agreed_for_business", "found")),
    *(("sms", basis) for basis in ("confirmed", "own", "own", "opponent_given")),
    *(("post", basis) for basis in ("confirmed", "confirmed", "registered", "found")),
    ("phone", "found"),
)
SIGNERS = (
    Person(relation="self"),
    Person(relation="spouse", adult=True, cohabiting=True),
    Person(relation="neighbour"),
    Person(relation="mailroom"),
    Person(relation="unverified"),
    Person(relation="guardian"),
)

Made = Callable[[datetime], events.Event]


class Walk:
    """One life of a delivery. `walk` raises AssertionError when a promise is broken on the way."""

    def __init__(self, seed: int, *, withdrawals: bool = True) -> None:
        self.dice = random.Random(seed)  # noqa: S311 — a seed to walk again, not a secret
        self.now = START + timedelta(hours=self.dice.randint(0, 23))
        self.inquirable = frozenset(self.dice.sample(sorted(CHANNELS), self.dice.randint(0, 3)))
        self.delivery = self._born()
        self.steps: list[decide.Step] = []
        self.told: list[Report] = []
        self.coming: list[tuple[datetime, Made]] = []
        self.decisions = self.dice.randint(0, 6)
        self.withdrawals = withdrawals
        if withdrawals and self._chance(0.1):
            self._later("withdrawn", self._withdrawn)

    # --- what there is at the beginning ---

    def _born(self) -> Delivery:
        where = [address(*self._any(KINDS), id=f"a{n + 1}") for n in range(self.dice.randint(0, 4))]
        papers = [
            Document(id=f"d{n}", type=kind, title=kind, sha256="0" * 64, pages=1, size=1)
            for n, kind in enumerate(self.dice.choices(["summons", "evidence", "judgment"], k=self.dice.randint(1, 2)))
        ]
        case = Case(number="（2024）青2801民初1号", kind="civil", procedure="ordinary", stage="first_instance")
        if self._chance(0.03):
            case = replace(case, kind="administrative")
        made = delivery(*where, at=self.now, documents=tuple(papers), case=case)
        return replace(made, recipient=replace(made.recipient, consents=self._consents()))

    def _consents(self) -> tuple[Consent, ...]:
        if self._chance(0.5):
            return ()
        documents = self._any([("all",), ("all",), ("summons",)])
        withdrawn = self.now + timedelta(days=self.dice.randint(1, 9)) if self._chance(0.2) else None
        basis = self._any(["express", "express", "volunteered"])
        given = self.now - timedelta(days=9)
        return (Consent(id="c1", basis=basis, documents=documents, given_at=given, withdrawn_at=withdrawn),)

    # --- time ---

    def walk(self) -> Delivery:
        """To the end: nothing is due and nobody does anything any more."""
        for _ in range(2000):
            step = next_step(self.delivery, book(), self.now, inquirable=self.inquirable)
            self.steps.append(step)
            if not isinstance(step, decide.Wait):
                self._check(step)
                self._carry_out(step)
            elif not self._on(step.until):
                self._check_end()
                return self.delivery
        raise AssertionError("no end in sight", self.steps[-8:])

    def _on(self, until: datetime | None) -> bool:
        """To the next moment at which something happens; False when nothing will."""
        assert until is None or until > self.now
        if until is None and not self.coming:
            assert self._has_an_end() or self.delivery.tasks
            return self._clerk_acts()
        if self._chance(0.2) and self._clerk_acts():
            return True
        moments = [at for at, _ in self.coming] + ([until] if until else [])
        self.now = max(self.now, min(moments))
        due = [pair for pair in self.coming if pair[0] <= self.now]
        self.coming = [pair for pair in self.coming if pair[0] > self.now]
        for _, made in due:
            self._happens(made(self.now))
        return True

    def _happens(self, event: events.Event) -> None:
        before, self.delivery = self.delivery, events.apply(self.delivery, event)
        self.told += reports_of(before, event, self.delivery)

    def _later(self, what: str, made: Made, most_hours: int = 24 * 12) -> None:
        self.coming.append((self.now + timedelta(minutes=self.dice.randint(0, 60 * most_hours)), made))

    def _any(self, options: Any) -> Any:
        return self.dice.choice(options)

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share

    # --- carrying out ---

    def _carry_out(self, step: decide.Step) -> None:
        at = self.now
        match step:
            case decide.Seal():
                self._happens(
                    events.DocumentsSealed(at=at, sealed=tuple((d.id, "1" * 64) for d in self.delivery.documents))
                )
            case decide.PlanRoute():
                route = plan_route(self.delivery, book(), at, channels=CHANNELS)
                self._happens(events.RoutePlanned(at=at, route=route))
            case decide.Send():
                self._send(step)
            case decide.Inquire(attempt=attempt):
                self._answer(attempt)
            case decide.Cancel(attempt=attempt):
                self._happens(events.AttemptTaken(at=at, attempt=attempt, words="withdrawal: taken back"))
            case decide.AwaitReceipt(attempt=attempt, until=until):
                self._happens(events.AttemptDoubted(at=at, attempt=attempt, ask_at=until))
            case decide.ElapseWait(attempt=attempt):
                self._happens(self._told(attempt, "wait_elapsed", key=f"{attempt}:wait_elapsed")(at))
            case decide.OpenTask(task=task):
                self._happens(events.TaskOpened(at=at, task=task))
            case decide.CloseTask(task=task_id, reason=reason):
                self._happens(events.TaskClosed(at=at, task=task_id, decision="overtaken", by="songda", reason=reason))
            case decide.Conclude(effects=effects, revised=revised):
                self._happens(events.Concluded(at=at, effects=effects, revised=revised))
            case decide.Prove():
                self._happens(events.ProofIssued(at=at, number=str(len(self.delivery.proofs)), sha256="2" * 64))

    def _send(self, step: decide.Send) -> None:
        announced = events.AttemptAnnounced(
            at=self.now,
            attempt=step.attempt,
            address=step.address,
            channel=step.channel,
            number=step.number,
            role=step.role,
        )
        self._happens(announced)
        if not self._chance(0.05):  # else we die here, and the record shows a question
            self._answer(step.attempt)
        elif self.withdrawals and self._chance(0.2):
            self._happens(self._withdrawn(self.now))

    def _answer(self, attempt: str) -> None:
        at, hours = self.now, self.dice.randint(1, 30)
        match self._any(["taken"] * 6 + ["refused", "deferred", "doubted", "doubted but taken"]):
            case "taken":
                self._happens(events.AttemptTaken(at=at, attempt=attempt, references=("p1",)))
                self._news(attempt)
            case "refused":
                self._happens(events.AttemptRefused(at=at, attempt=attempt, code="550"))
            case "deferred":
                self._happens(
                    events.AttemptDeferred(at=at, attempt=attempt, code="450", retry_at=at + timedelta(hours=hours))
                )
            case doubt:
                self._happens(events.AttemptDoubted(at=at, attempt=attempt, ask_at=at + timedelta(minutes=hours)))
                if doubt == "doubted but taken":
                    self._news(attempt)

    # --- news ---

    def _news(self, attempt: str) -> None:
        channel = self._channel(attempt)
        if channel == "post":
            self._letter(attempt)
            return
        for kind in ("arrived", "bounced"):
            if self._chance({"arrived": 0.6, "bounced": 0.2}[kind]):
                self._later(kind, self._report(attempt, kind))
        for kind in ("read", "replied", "objection", "procedural_act"):
            if self._chance(0.2):
                self._later(kind, self._told(attempt, kind))
        if self._chance(0.1):
            where = attempt.split(".")[1]
            self._later("renewal", lambda at: events.RenewalAsked(at=at, address=where))
        for kind in ("paper_requested", "e_service_refused"):
            if self._chance(0.05):
                self._later(kind, self._told("", kind))

    def _letter(self, attempt: str) -> None:
        self._later("posted", self._report(attempt, "posted", carrier="state_post"), 24)
        ends = self._any(["signed", "signed", "refused", "returned", "lost", "silence"])
        if ends == "refused":
            self._later("refused", self._report(attempt, "refused", by=self._any(SIGNERS), noted=True))
            ends = "returned"
        if ends in ("signed", "returned", "lost"):
            whole = self._chance(0.6)
            fields = {"by": self._any(SIGNERS), "id_on_receipt": whole, "relation_on_receipt": whole}
            reason = {"reason": self._any(["moved", "nobody_home", "content_mismatch", None])}
            self._later(ends, self._report(attempt, ends, **{"signed": fields, "returned": reason}.get(ends, {})))
        if self._chance(0.1):
            self._later("cancelled", self._report(attempt, None, cancels=self._any(["signed", "returned"])))

    def _report(self, attempt: str, kind: str | None, cancels: str | None = None, **fields: Any) -> Made:
        """A receipt; its own time may lie before or after the moment it comes in."""
        off = timedelta(minutes=self._any([0, 0, -600, -5, 5, 600]))
        key = f"{attempt}:{kind}:{self.dice.random()}"

        def made(at: datetime) -> events.Event:
            fact = Fact(kind=kind, at=at + off, key=key, **fields) if kind else None
            code = kind or "742"
            return events.ReceiptReceived(
                at=at,
                receipt=Receipt(
                    channel=self._channel(attempt),
                    key=key,
                    at=at + off,
                    code=code,
                    attempt=attempt,
                    fact=fact,
                    cancels=cancels,
                    unclear="an unknown code" if self._chance(0.02) else None,
                ),
            )

        return made

    def _told(self, attempt: str, kind: str, key: str = "", **fields: Any) -> Made:
        known = self.delivery.attempt(attempt)
        where = {"address": known.address, "attempt": known.number} if known else {}
        key = key or f"told:{attempt}:{kind}"
        fields = {**fields, "matches_document": kind == "procedural_act"}

        def made(at: datetime) -> events.Event:
            return events.FactRecorded(at=at, by="recipient", fact=Fact(kind=kind, at=at, key=key, **where, **fields))

        return made

    def _withdrawn(self, at: datetime) -> events.Event:
        return events.Withdrawn(at=at, by="court", reason="settled")

    def _channel(self, attempt: str) -> str:
        known = self.delivery.attempt(attempt)
        assert known
        return known.channel

    # --- clerks ---

    def _clerk_acts(self) -> bool:
        if not self.decisions or not self.delivery.tasks or self.delivery.withdrawn_at:
            return False
        self.decisions -= 1
        self.now += timedelta(minutes=self.dice.randint(1, 600))
        task = self._any(self.delivery.tasks)
        decision = self._any(CHOICES.get(task.kind, ("send_again", "done")))
        for fact in self._consequence(task, decision):
            self._happens(events.FactRecorded(at=self.now, by="clerk", fact=fact))
        self._happens(events.TaskClosed(at=self.now, task=task.id, decision=decision, by="clerk", reason="so decided"))
        return True

    def _consequence(self, task: Task, decision: str) -> tuple[Fact, ...]:
        key = f"task:{task.id}"
        if (task.kind, decision) == ("clerk_confirm", "confirm"):
            return (Fact(kind="official_confirmation", at=self.now, key=key, decided_by="clerk"),)
        if (task.kind, decision) == ("objection", "confirm"):
            said = next(f for f in self.delivery.facts if f.kind == "objection" and f.key in task.id)
            return (Fact(kind="annulled", at=self.now, key=key, address=said.address, attempt=said.attempt),)
        return ()

    # --- the promises ---

    def _check(self, step: decide.Step) -> None:
        if self.delivery.withdrawn_at:
            assert isinstance(step, AFTER_WITHDRAWAL), step
        match step:
            case decide.Send():
                self._check_sending(step)
            case decide.OpenTask(task=task):
                known = {*(t.id for t in self.delivery.tasks), *(t.id for t, _ in self.delivery.closed_tasks)}
                assert task.id not in known
                assert task.owner
                assert task.due_at > self.now
            case decide.CloseTask(task=task_id):
                assert task_id in {task.id for task in self.delivery.tasks}
            case decide.Prove():
                assert is_final(self.delivery.concluded)

    def _check_sending(self, step: decide.Send) -> None:
        """Promises 2 and 3, and the sending hours."""
        assert not any(attempt.open_question for attempt in self.delivery.attempts), step
        known = self.delivery.attempt(step.attempt)
        assert known is None or known.answer == "deferred", step
        where: Address = self.delivery.recipient.address(step.address)
        if where.electronic and step.address not in self.delivery.renewals:
            assert 8 <= self.now.astimezone(CHINA).hour < 21, step

    def _has_an_end(self) -> bool:
        done = is_final(self.delivery.concluded) and self.delivery.proof_is_current
        return done or self.delivery.withdrawn_at is not None

    def _check_end(self) -> None:
        """Promise 8."""
        owned = [task for task in self.delivery.tasks if task.owner and task.due_at]
        assert self._has_an_end() or owned, self.steps[-8:]
        if self.delivery.withdrawn_at:
            self._check_taken_back()

    def _check_taken_back(self) -> None:
        for attempt in self.delivery.attempts:
            assert attempt.answer != "taken" or attempt.words.startswith(events.TAKING_BACK), self.steps[-8:]
            if attempt.open_question and attempt.channel in self.inquirable:
                assert any(task.attempt == attempt.id for task in self.delivery.tasks), self.steps[-8:]


AFTER_WITHDRAWAL = decide.OpenTask | decide.CloseTask | decide.Cancel | decide.Inquire | decide.AwaitReceipt

CHOICES = {
    "clerk_confirm": ("confirm", "confirm", "reject"),
    "objection": ("confirm", "reject"),
    "in_doubt": ("send_again", "give_up", "done"),
    "track_mail": ("send_again", "done"),
}
