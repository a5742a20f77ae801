"""A whole delivery under anything: answers that are lost, receipts that come late, twice and in disorder, clerks who
decide, people who die or go to prison, crashes at any moment. The promises of the design hold at every step.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from delivery.core import decide, events
from delivery.core.effect import document_effects, is_final
from delivery.core.events import Event, fold
from delivery.core.model import Consent, Delivery, Fact, Person, Receipt, Standing, Task
from delivery.core.report import reports_of
from delivery.core.routing import plan_route
from delivery.web import decisions
from tests.core.world import address, book, delivery

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
CHANNELS = frozenset({"email", "sms", "post"})
PLACES = (
    *(("email", basis) for basis in ("confirmed", "volunteered", "found")),
    *(("sms", basis) for basis in ("confirmed", "own", "opponent_given")),
    *(("post", basis) for basis in ("confirmed", "registered", "found")),
)
PEOPLE = tuple(
    Person(relation=relation, adult=True, cohabiting=True)
    for relation in ("self", "spouse", "neighbour", "mailroom", "unverified")
)
REPORTED: dict[str, dict[str, Any]] = {
    "arrived": {},
    "bounced": {"reason": "mailbox_unknown"},
    "read": {"by": PEOPLE[0]},
    "replied": {"by": PEOPLE[0]},
    "signed": {"id_on_receipt": True, "relation_on_receipt": True},
    "refused": {"noted": True},
    "returned": {"reason": "moved", "court_received_on": START.date()},
    "lost": {},
}
people, minutes = st.sampled_from(PEOPLE), st.integers(1, 60 * 24 * 5)


class Life(RuleBasedStateMachine):
    """`history` is all that survives a crash; `taken` is what providers really have."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.taken: set[str] = set()
        self.happened: list[str] = []

    @initialize(
        places=st.lists(st.sampled_from(PLACES), min_size=1, max_size=4),
        papers=st.lists(st.sampled_from(["summons", "judgment", "mediation_statement"]), min_size=1, max_size=2),
        consented=st.booleans(),
        inquirable=st.sets(st.sampled_from(sorted(CHANNELS))),
    )
    def filed(self, places: list[tuple[str, str]], papers: list[str], consented: bool, inquirable: set[str]) -> None:
        self.inquirable = frozenset(inquirable)
        where = [address(channel, basis, id=f"a{n}") for n, (channel, basis) in enumerate(places, 1)]
        made = delivery(*where, at=self.now)
        (paper,) = made.documents
        given = (Consent(id="c1", basis="express", given_at=START - timedelta(days=1)),) if consented else ()
        accepted = events.Accepted(
            at=self.now,
            delivery="d1",
            court=made.court,
            client=made.client,
            submission="s1",
            case=made.case,
            documents=tuple(replace(paper, id=f"p{n}", type=kind) for n, kind in enumerate(papers, 1)),
            recipient=replace(made.recipient, consents=given),
        )
        self.history: list[Event] = [accepted]
        self.delivery = fold(self.history)

    # --- the service, step by step ---

    def happens(self, event: Event) -> None:
        before = self.delivery
        self.history.append(event)
        self.delivery = events.apply(before, event)
        self.happened += [report.kind for report in reports_of(before, event, self.delivery)]

    def next_step(self) -> decide.Step:
        return decide.next_step(self.delivery, book(), self.now, inquirable=self.inquirable)

    @rule(answer=st.sampled_from(["taken", "taken", "refused", "later", "lost_before", "lost_after"]))
    def the_service_goes_on(self, answer: str) -> None:
        """Until it waits, or a provider has been asked."""
        for _ in range(20):
            step = self.next_step()
            self.carry_out(step, answer)
            if isinstance(step, (decide.Wait, decide.Send, decide.Inquire)):
                break

    def carry_out(self, step: decide.Step, answer: str) -> None:
        at: dict[str, Any] = {"at": self.now}
        match step:
            case decide.Seal():
                self.happens(
                    events.DocumentsSealed(**at, sealed=tuple((d.id, "1" * 64) for d in self.delivery.documents))
                )
            case decide.PlanRoute():
                route = plan_route(self.delivery, book(), self.now, channels=CHANNELS)
                assert all(part.reason for part in (*route.steps, *route.rejected))  # promise 14
                self.happens(events.RoutePlanned(**at, route=route))
            case decide.Send():
                self.send(step, answer)
            case decide.Inquire(attempt=attempt):
                self.asked(attempt, answer)
            case decide.AwaitReceipt(attempt=attempt, until=until):
                self.happens(events.AttemptDoubted(**at, attempt=attempt, ask_at=until))
            case decide.ElapseWait(attempt=attempt):
                tried = self.delivery.attempt(attempt)
                assert tried
                fact = Fact(kind="wait_elapsed", at=self.now, address=tried.address, attempt=tried.number, key=attempt)
                self.happens(events.FactRecorded(**at, fact=fact, by="songda"))
            case decide.OpenTask(task=task):
                assert task.owner
                assert task.due_at > self.now  # promise 8
                self.happens(events.TaskOpened(**at, task=task))
            case decide.CloseTask(task=task, reason=reason):
                self.happens(events.TaskClosed(**at, task=task, decision="overtaken", by="songda", reason=reason))
            case decide.Conclude(effects=effects, revised=revised):
                self.happens(events.Concluded(**at, effects=effects, revised=revised))
            case decide.Prove():
                assert is_final(self.delivery.concluded)  # promise 7
                self.happens(events.ProofIssued(**at, number=f"n{len(self.delivery.proofs)}", sha256="2" * 64))
            case decide.Wait(until=until):
                assert until is None or until > self.now

    def send(self, step: decide.Send, answer: str) -> None:
        assert not any(attempt.open_question for attempt in self.delivery.attempts)  # promise 3
        assert step.attempt not in self.taken, "sent twice"  # promise 2
        names = {"attempt": step.attempt, "address": step.address, "channel": step.channel, "number": step.number}
        self.happens(events.AttemptAnnounced(at=self.now, **names, role=step.role))  # type: ignore[arg-type]
        self.answered(step.attempt, answer)

    def answered(self, attempt: str, answer: str) -> None:
        """`lost_after`: the provider has it, and we do not know; after `lost_before` it has not."""
        if answer in ("taken", "lost_after"):
            self.taken.add(attempt)
        if answer == "taken":
            self.happens(events.AttemptTaken(at=self.now, attempt=attempt))
        if answer == "refused":
            self.happens(events.AttemptRefused(at=self.now, attempt=attempt, code="no"))
        if answer == "later":
            again = self.now + timedelta(minutes=5)
            self.happens(events.AttemptDeferred(at=self.now, attempt=attempt, code="later", retry_at=again))

    def asked(self, attempt: str, answer: str) -> None:
        if answer.startswith("lost") or answer == "later":
            self.happens(events.AttemptDoubted(at=self.now, attempt=attempt, ask_at=self.now + timedelta(minutes=1)))
        else:  # asking an EMS is ordering under the same number: the provider has it then
            self.answered(attempt, "taken")

    @rule()
    def everything_dies(self) -> None:
        """What is in memory is gone; the record tells the same."""
        again = fold(self.history)
        assert again == self.delivery
        self.delivery = again

    # --- the world ---

    @rule(span=minutes)
    def time_passes(self, span: int) -> None:
        self.now += timedelta(minutes=span)

    @precondition(lambda self: self.taken)
    @rule(data=st.data(), kind=st.sampled_from(sorted(REPORTED)), ago=minutes, by=people, twice=st.booleans())
    def a_provider_reports(self, data: st.DataObject, kind: str, ago: int, by: Person, twice: bool) -> None:
        attempt = self.delivery.attempt(data.draw(st.sampled_from(sorted(self.taken))))
        assert attempt
        at = max(attempt.announced_at, self.now - timedelta(minutes=ago))
        fields = {**REPORTED[kind], **({"by": by} if kind in ("signed", "refused") else {})}
        fact = Fact(kind=kind, at=at, key=f"{kind}@{at}", **fields)
        receipt = Receipt(channel=attempt.channel, key=fact.key, at=at, code=kind, attempt=attempt.id, fact=fact)
        for _ in range(1 + twice):
            self.happens(events.ReceiptReceived(at=self.now, receipt=receipt))

    @precondition(lambda self: self.delivery.receipts)
    @rule(data=st.data())
    def a_carrier_takes_it_back(self, data: st.DataObject) -> None:
        earlier = data.draw(st.sampled_from(self.delivery.receipts))
        cancelling = replace(
            earlier, key=f"{earlier.key}!", code="cancel", at=self.now, fact=None, cancels=earlier.code
        )
        self.happens(events.ReceiptReceived(at=self.now, receipt=cancelling))

    @precondition(lambda self: self.delivery.tasks)
    @rule(data=st.data())
    def a_clerk_decides(self, data: st.DataObject) -> None:
        task: Task = data.draw(st.sampled_from(self.delivery.tasks))
        decision = data.draw(st.sampled_from(decisions.choices(task)))
        said = {"decision": decision, "by": "judge", "role": "judge", "reason": "so decided", "now": self.now}
        for event in decisions.decide(self.delivery, task.id, **said):  # type: ignore[arg-type]
            self.happens(event)

    @rule(kind=st.sampled_from(["e_service_refused", "paper_requested", "repudiated"]))
    def the_recipient_says(self, kind: str) -> None:
        fact = Fact(kind=kind, at=self.now, key=f"{kind}@{self.now}")
        self.happens(events.FactRecorded(at=self.now, fact=fact, by="recipient"))

    @precondition(lambda self: self.delivery.attempts)
    @rule(data=st.data(), kind=st.sampled_from(["objection", "annulled"]))
    def an_objection(self, data: st.DataObject, kind: str) -> None:
        attempt = data.draw(st.sampled_from(self.delivery.attempts))
        reason = {"claim": "system_error"} if kind == "objection" else {"reason": "system_error", "decided_by": "judge"}
        key = f"{kind}@{attempt.id}@{self.now.timestamp():.0f}"
        fact = Fact(kind=kind, at=self.now, address=attempt.address, attempt=attempt.number, key=key, **reason)
        self.happens(events.FactRecorded(at=self.now, fact=fact, by="judge"))

    @rule(kind=st.sampled_from(["imprisoned", "deceased", "soldier", "minor"]))
    def the_recipient_becomes(self, kind: str) -> None:
        standing = Standing(kind=kind, since=self.now)
        self.happens(events.RecipientLearnt(at=self.now, by="clerk", standing=standing))

    # --- what always holds ---

    @invariant()
    def a_conclusion_is_firm(self) -> None:
        """Promise 7: what was presumed or deemed was confirmed, or decided, by a named person."""
        decided = {fact.kind for fact in self.delivery.facts} | {said for _, said in self.delivery.closed_tasks}
        firm = is_final(self.delivery.concluded)
        fictions = [e for _, e in self.delivery.concluded if e.outcome in ("presumed", "deemed")]
        assert not (firm and fictions) or decided & {"official_confirmation", "confirm"}

    @invariant()
    def order_and_repetition_play_no_part(self) -> None:
        """Promise 5: the facts count, not the order in which they came, nor how often."""
        other = replace(
            self.delivery,
            receipts=(*self.delivery.receipts[::-1], *self.delivery.receipts),
            facts=self.delivery.facts[::-1],
        )
        assert self.verdicts(other) == self.verdicts(self.delivery)

    def verdicts(self, of: Delivery) -> list[tuple[object, ...]]:
        effects = document_effects(of, book(), self.now)
        return [(e.outcome, e.effective_date, e.grounds, e.next, dict(e.flags), e.deadlines) for _, e in effects]

    @invariant()
    def every_effect_says_why(self) -> None:
        """Promise 14."""
        effects = document_effects(self.delivery, book(), self.now)
        assert all(e.rule and e.explanation and e.explanation_zh for _, e in effects)

    @invariant()
    def the_case_record_is_told_in_order(self) -> None:
        """Promise 9: concluded once, then revised; every proof after a conclusion."""
        told = [kind for kind in self.happened if kind in ("concluded", "revised", "proof_issued")]
        assert told[:1] in ([], ["concluded"])
        assert told.count("concluded") <= 1

    def teardown(self) -> None:
        """Promise 8: left alone, it comes to rest with an end, a question, or a task that has an owner."""
        if not hasattr(self, "history"):
            return
        for _ in range(500):
            step = self.next_step()
            if isinstance(step, decide.Wait):
                if step.until is None:
                    break
                self.now = max(self.now, step.until)
            else:
                self.carry_out(step, "taken")
        assert isinstance(step, decide.Wait), step
        assert step.until is None, "it never comes to rest"
        assert is_final(self.delivery.concluded) or self.delivery.tasks, self.history


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
