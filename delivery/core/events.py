"""What can happen to a delivery, in the past tense, and how it changes it: `apply`. This file is the state machine's
memory.

Two rules for whoever edits it: an event is a fact and is never changed once written (add a new class, or a field with
a default); `apply` computes nothing that the law decides (effect.py does) and asks nobody for the time.

Every event has `at`, the instant it happened; the journal adds the instant it was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import singledispatch
from typing import TypeVar

from delivery.core.model import (
    Address,
    Attempt,
    Case,
    Consent,
    Delivery,
    Document,
    Effect,
    Fact,
    Proposal,
    Receipt,
    Recipient,
    Representative,
    Route,
    Standing,
    Task,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Event):
    """A case system has our yes. The first event of every delivery."""

    delivery: str
    court: str
    client: str
    submission: str
    case: Case
    documents: tuple[Document, ...]
    recipient: Recipient
    needed_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentsSealed(Event):
    """`sealed`: pairs of document id and the digest of its sealed bytes."""

    sealed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlanned(Event):
    route: Route


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptAnnounced(Event):
    """The intent, on record before the provider is called (design.md §5.2)."""

    attempt: str
    address: str
    channel: str
    number: int
    role: str = "service"


STEP_FAILED = "step_failed"
"""The kind of the task about a delivery that we cannot work on."""

SECOND_PERSON = "second_person"
"""The kind of the task about a proposal; `Task.proposal` is the proposal's id."""

UNANSWERED = frozenset({"announced", "in_doubt", "deferred"})
"""Answers of an attempt that may still become another without anybody sending anew: a person may give such a one up."""

Part = TypeVar("Part", bound=Address | Consent | Representative)

TAKING_BACK = "withdrawal:"
"""How the words of an `AttemptTaken` begin that tells how taking the attempt back went, after a withdrawal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTaken(Event):
    attempt: str
    references: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRefused(Event):
    attempt: str
    code: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDeferred(Event):
    attempt: str
    code: str
    retry_at: datetime
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptDoubted(Event):
    """The answer was lost. `ask_at` is when the provider is asked (again), or when waiting for its receipt ends.
    `references` are those of the parts that were taken all the same; they are not all there are, so the attempt has
    none.
    """

    attempt: str
    ask_at: datetime
    words: str = ""
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptReceived(Event):
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRecorded(Event):
    """A fact learnt elsewhere: by a page of ours (`by` = recipient), a clerk (`by` = name), the worker (`by` = songda).

    `evidence` is the digest of a stored file. `at` is when it was entered; the fact has its own.
    """

    fact: Fact
    by: str
    reason: str = ""
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactProposed(Event):
    """What a person entered would move a date of service: it waits for a second one, and counts for nothing till then.

    Closing the task about it ends it; what was confirmed is recorded beside that, by both names.
    """

    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class FactWithdrawn(Event):
    """A recorded fact is taken back by a person: `key` names it."""

    key: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientLearnt(Event):
    """Something about the recipient became known after the filing: what has the id of what is known replaces it.

    What was known at each instant is in the history; effects are computed with what is known now.
    """

    by: str
    reason: str = ""
    evidence: str | None = None
    addresses: tuple[Address, ...] = ()
    consents: tuple[Consent, ...] = ()
    representatives: tuple[Representative, ...] = ()
    standing: Standing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalAsked(Event):
    """The holder of an expired or revoked link asked for a new one to the same address."""

    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOpened(Event):
    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskClosed(Event):
    """`decision`: confirm, reject, send_again, give_up, done, overtaken. `by` is a person, or songda when facts
    overtook the task.
    """

    task: str
    decision: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed(Event):
    """We could not carry out the next step. `step` and `fault` are names of classes of ours or of a library: the words
    of a fault may repeat a name, an address, a link.
    """

    step: str
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered(Event):
    """After failures, everything that was due has been carried out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded(Event):
    """Every document has a firm answer. `effects`: pairs of document id and effect. A later one that differs is a
    revision.
    """

    effects: tuple[tuple[str, Effect], ...]
    revised: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofIssued(Event):
    """`sha256` of the sealed certificate; `replaces` is the digest of the one it supersedes. `evidence`: of the sealed
    evidence that lies inside it and beside it; None for proofs from before there was any.
    """

    number: str
    sha256: str
    replaces: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    by: str
    reason: str


ALL: tuple[type[Event], ...] = (
    Accepted,
    DocumentsSealed,
    RoutePlanned,
    AttemptAnnounced,
    AttemptTaken,
    AttemptRefused,
    AttemptDeferred,
    AttemptDoubted,
    ReceiptReceived,
    FactRecorded,
    FactProposed,
    FactWithdrawn,
    RecipientLearnt,
    RenewalAsked,
    TaskOpened,
    TaskClosed,
    StepFailed,
    Recovered,
    Concluded,
    ProofIssued,
    Withdrawn,
)


def kind(event: type[Event] | Event) -> str:
    """The name in the journal and the API: AttemptTaken → attempt_taken."""
    name = (event if isinstance(event, type) else type(event)).__name__
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


KINDS: dict[str, type[Event]] = {kind(event): event for event in ALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One row of the event table: `seq` counts per delivery from 1; `position` counts over the journal;
    `recorded_at`: learnt.
    """

    delivery: str
    seq: int
    position: int
    recorded_at: datetime
    event: Event


def born(event: Accepted) -> Delivery:
    return Delivery(
        id=event.delivery,
        court=event.court,
        client=event.client,
        submission=event.submission,
        case=event.case,
        documents=event.documents,
        recipient=event.recipient,
        accepted_at=event.at,
        needed_by=event.needed_by,
        version=1,
    )


def fold(history: Iterable[Event]) -> Delivery:
    """The delivery that a history tells. Raises ValueError when it does not begin with `Accepted`."""
    events = iter(history)
    first = next(events, None)
    if not isinstance(first, Accepted):
        raise ValueError("a history begins with Accepted")  # noqa: TRY004 — a wrong history, not a wrong type
    delivery = born(first)
    for event in events:
        delivery = apply(delivery, event)
    return delivery


def apply(delivery: Delivery, event: Event) -> Delivery:
    """The delivery after that event."""
    return replace(_after(event, delivery), version=delivery.version + 1)


@singledispatch
def _after(event: Event, delivery: Delivery) -> Delivery:
    raise TypeError(f"no meaning for {type(event).__name__}")


@_after.register
def _(event: DocumentsSealed, delivery: Delivery) -> Delivery:
    return replace(delivery, sealed=event.sealed)


@_after.register
def _(event: RoutePlanned, delivery: Delivery) -> Delivery:
    return replace(delivery, route=event.route)


@_after.register
def _(event: AttemptAnnounced, delivery: Delivery) -> Delivery:
    known = delivery.attempt(event.attempt)
    attempt = Attempt(
        id=event.attempt,
        address=event.address,
        channel=event.channel,
        number=event.number,
        role=event.role,
        announced_at=event.at,
        tries=known.tries + 1 if known else 1,
    )
    pending = tuple(address for address in delivery.renewals if address != event.address)
    return replace(delivery.with_attempt(attempt), renewals=pending)


def _answered(delivery: Delivery, attempt: str, answer: str, at: datetime, words: str) -> tuple[Delivery, Attempt]:
    known = delivery.attempt(attempt)
    if known is None:
        raise ValueError(f"no attempt {attempt} in delivery {delivery.id}")
    return delivery, replace(known, answer=answer, answered_at=at, words=words, retry_at=None)


@_after.register
def _(event: AttemptTaken, delivery: Delivery) -> Delivery:
    before = delivery.attempt(event.attempt)
    # Taken is taken once: what is said of it later (a receipt first, a withdrawal after) does not move when it left.
    at = before.answered_at if before and before.answer == "taken" and before.answered_at else event.at
    delivery, attempt = _answered(delivery, event.attempt, "taken", at, event.words)
    return delivery.with_attempt(replace(attempt, references=event.references or attempt.references))


@_after.register
def _(event: AttemptRefused, delivery: Delivery) -> Delivery:
    delivery, attempt = _answered(delivery, event.attempt, "refused", event.at, f"{event.code} {event.words}".strip())
    return delivery.with_attempt(attempt)


@_after.register
def _(event: AttemptDeferred, delivery: Delivery) -> Delivery:
    delivery, attempt = _answered(delivery, event.attempt, "deferred", event.at, f"{event.code} {event.words}".strip())
    return delivery.with_attempt(replace(attempt, retry_at=event.retry_at))


@_after.register
def _(event: AttemptDoubted, delivery: Delivery) -> Delivery:
    delivery, attempt = _answered(delivery, event.attempt, "in_doubt", event.at, event.words)
    return delivery.with_attempt(replace(attempt, retry_at=event.ask_at, doubts=attempt.doubts + 1))


@_after.register
def _(event: ReceiptReceived, delivery: Delivery) -> Delivery:
    known = {(r.channel, r.attempt, r.key) for r in delivery.receipts}
    receipt = event.receipt
    if (receipt.channel, receipt.attempt, receipt.key) in known:
        return delivery  # a provider repeats itself: one fact
    return _no_longer_in_doubt(replace(delivery, receipts=(*delivery.receipts, receipt)), receipt, event.at)


def _no_longer_in_doubt(delivery: Delivery, receipt: Receipt, at: datetime) -> Delivery:
    """A receipt on the whole answers the question: the provider has it. One on a part says nothing of the others."""
    attempt = delivery.attempt(receipt.attempt or "")
    if attempt is None or not attempt.open_question or receipt.part is not None:
        return delivery
    return delivery.with_attempt(replace(attempt, answer="taken", answered_at=at, retry_at=None))


@_after.register
def _(event: FactRecorded, delivery: Delivery) -> Delivery:
    if event.fact in delivery.facts:
        return delivery
    return replace(delivery, facts=(*delivery.facts, event.fact))


@_after.register
def _(event: FactProposed, delivery: Delivery) -> Delivery:
    return replace(delivery, proposals=(*delivery.proposals, event.proposal))


@_after.register
def _(event: FactWithdrawn, delivery: Delivery) -> Delivery:
    return replace(delivery, facts=tuple(fact for fact in delivery.facts if fact.key != event.key))


@_after.register
def _(event: RecipientLearnt, delivery: Delivery) -> Delivery:
    known = delivery.recipient
    recipient = replace(
        known,
        addresses=_by_id(known.addresses, event.addresses),
        consents=_by_id(known.consents, event.consents),
        representatives=_by_id(known.representatives, event.representatives),
        standing=event.standing or known.standing,
    )
    return replace(delivery, recipient=recipient)


def _by_id(known: tuple[Part, ...], learnt: tuple[Part, ...]) -> tuple[Part, ...]:
    together: dict[str, Part] = {one.id: one for one in (*known, *learnt)}
    return (*together.values(),)


@_after.register
def _(event: RenewalAsked, delivery: Delivery) -> Delivery:
    if event.address in delivery.renewals:
        return delivery
    return replace(delivery, renewals=(*delivery.renewals, event.address))


@_after.register
def _(event: TaskOpened, delivery: Delivery) -> Delivery:
    return replace(delivery, tasks=(*delivery.tasks, event.task))


@_after.register
def _(event: TaskClosed, delivery: Delivery) -> Delivery:
    task = next((task for task in delivery.tasks if task.id == event.task), None)
    if task is None:
        return delivery
    rest = tuple(other for other in delivery.tasks if other.id != event.task)
    delivery = replace(delivery, tasks=rest, closed_tasks=(*delivery.closed_tasks, (task, event.decision)))
    if task.kind == STEP_FAILED:
        return replace(delivery, failures=0)  # somebody knows; the next row is a question of its own
    if task.kind == SECOND_PERSON:
        return replace(delivery, proposals=tuple(one for one in delivery.proposals if one.id != task.proposal))
    attempt = delivery.attempt(task.attempt or "")
    if attempt is None or attempt.answer not in UNANSWERED or event.decision not in ("send_again", "give_up"):
        return delivery
    return delivery.with_attempt(replace(attempt, answer="given_up", answered_at=event.at, retry_at=None))


@_after.register
def _(event: StepFailed, delivery: Delivery) -> Delivery:
    return replace(delivery, failures=delivery.failures + 1, failed=f"{event.step}: {event.fault}")


@_after.register
def _(event: Recovered, delivery: Delivery) -> Delivery:
    return replace(delivery, failures=0)


@_after.register
def _(event: Concluded, delivery: Delivery) -> Delivery:
    return replace(delivery, concluded=event.effects, concluded_at_version=delivery.version + 1, proof_is_current=False)


@_after.register
def _(event: ProofIssued, delivery: Delivery) -> Delivery:
    return replace(delivery, proofs=(*delivery.proofs, (event.number, event.sha256)), proof_is_current=True)


@_after.register
def _(event: Withdrawn, delivery: Delivery) -> Delivery:
    return replace(delivery, withdrawn_at=event.at)
