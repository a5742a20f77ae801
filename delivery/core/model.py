"""The nouns (design.md §3). Frozen values; an object that exists is valid, because submission.py alone makes them
from outside input.

The words for facts are those of the published scenario format, letter by letter.
All instants are aware datetimes; civil days are `date` values of the court's time zone (Asia/Shanghai).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

ELECTRONIC = frozenset({"email", "sms", "im", "platform", "fax"})
"""Channels that are electronic means in the sense of CPL 90."""


class State(StrEnum):
    """A view of a delivery for lists (contract.md §2). What counts are the events and the effect."""

    ACCEPTED = "accepted"
    SEALED = "sealed"
    ROUTED = "routed"
    ATTEMPTING = "attempting"
    IN_DOUBT = "in_doubt"
    WAITING = "waiting"
    NEEDS_PERSON = "needs_person"
    CONCLUDED = "concluded"
    WITHDRAWN = "withdrawn"


class Outcome(StrEnum):
    """law.md §2: the first three have a date, the others have none."""

    SERVED = "served"
    PRESUMED = "presumed"
    DEEMED = "deemed"
    NOT_SERVED = "not_served"
    PENDING = "pending"
    REVIEW = "review"
    FORBIDDEN = "forbidden"

    @property
    def dated(self) -> bool:
        return self in (Outcome.SERVED, Outcome.PRESUMED, Outcome.DEEMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    number: str
    kind: str
    procedure: str
    stage: str
    court: str = "ordinary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One PDF with a type. `sha256` is the digest of the bytes the case system handed over, lower-case hex."""

    id: str
    type: str
    title: str
    sha256: str
    pages: int
    size: int
    media_type: str = "application/pdf"
    hearing_at: datetime | None = None
    issued_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    kind: str = "normal"
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """Consent to electronic service, with its form and scope (OLR 29, OLR 4)."""

    id: str
    basis: str
    documents: tuple[str, ...] = ("all",)
    stages: tuple[str, ...] = ("all",)
    given_at: datetime
    withdrawn_at: datetime | None = None

    def covers(self, document_type: str, stage: str, at: datetime) -> bool:
        in_force = self.given_at <= at and (self.withdrawn_at is None or at < self.withdrawn_at)
        return in_force and bool({"all", document_type} & {*self.documents}) and bool({"all", stage} & {*self.stages})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    name: str
    phone: str
    province: str
    city: str
    county: str
    detail: str
    postcode: str

    def __str__(self) -> str:
        return f"{self.province}{self.city}{self.county}{self.detail} {self.name} {self.postcode}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One way to reach a recipient, with its legal basis (law.md §1.5).

    `script` is what a rehearsal's `simulated` channel plays; it is cut off the value before validation (contract.md
    §6).
    """

    id: str
    channel: str
    basis: str
    value: str | PostalAddress
    holder: str = "recipient"
    given_at: datetime | None = None
    confirmed_in: str | None = None
    ownership_proof: str | None = None
    refused_after_warning: bool = False
    warning_on_record: bool = False
    dodging_evidence_on_file: bool = False
    fault: str | None = None
    place: str | None = None
    receipt_there_agreed: bool = False
    script: str | None = None

    @property
    def electronic(self) -> bool:
        return self.channel in ELECTRONIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Representative:
    id: str
    kind: str
    name: str = ""
    receipt_authority: str | None = None
    named_receiver: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignLaw:
    """What the recipient's state says of service from abroad (CPL 283(1)(8), (9)); None: not known."""

    e_service: str | None = None
    mail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """The person or body to be served. `id_number`: GB 11643 for a natural person, GB 32100 for an entity."""

    id: str
    role: str
    kind: str
    name: str
    id_number: str | None = None
    domicile: str = "mainland"
    standing: Standing = Standing()
    consents: tuple[Consent, ...] = ()
    addresses: tuple[Address, ...] = ()
    representatives: tuple[Representative, ...] = ()
    foreign_law: ForeignLaw = ForeignLaw()

    def address(self, address_id: str) -> Address:
        """Raises KeyError when the recipient has no such address."""
        for address in self.addresses:
            if address.id == address_id:
                return address
        raise KeyError(address_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who signed, refused, read (scenario format, "Person")."""

    relation: str
    adult: bool = False
    cohabiting: bool = False
    opposing_party: bool = False
    representative: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact that the law looks at, in the words of the scenario format.

    `attempt` is the number of the try at `address` (first try: 1). `key` tells repeats of one report apart from a
    second fact.
    """

    kind: str
    at: datetime
    address: str | None = None
    attempt: int = 1
    key: str = ""
    by: Person | None = None
    role: str | None = None
    reason: str | None = None
    result: str | None = None
    means: str | None = None
    carrier: str | None = None
    noted: bool = False
    noted_on: date | None = None
    court_received_on: date | None = None
    id_on_receipt: bool = False
    relation_on_receipt: bool = False
    identity_proven: bool = False
    claim: str | None = None
    act: str | None = None
    matches_document: bool = False
    decided_by: str | None = None
    content_defect: str | None = None
    proved_at: datetime | None = None
    proof: str | None = None
    finding: str | None = None
    answered: bool = False
    content_read_out: bool = False
    call_recorded: bool = False
    new_address: str | None = None
    in_writing: bool = False
    service_return_signed: bool = False
    witness: bool = False
    filmed: bool = False
    place: str | None = None
    note_signed_by_official: bool = False
    raised_by: Person | None = None
    raised_to: str | None = None
    documents_returned: bool = False
    handed_to: str | None = None
    sufficient: bool = False
    shown: tuple[str, ...] = ()
    window_from: date | None = None
    window_to: date | None = None
    told_on_record: bool = False
    scheduled: bool = False
    recipient_present: bool = False
    good_cause: bool = False
    steps_on_file: tuple[str, ...] = ()
    file_note: bool = False
    medium: str | None = None
    contents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a channel reported, translated; the provider's own words stay in the raw receipt that `raw` names.

    The attempt is named by our id (`attempt`), or by the provider's `reference` where its report carries nothing of
    ours. `key` is the identity of the report at the provider: repeats share it. `code` is the provider's; `cancels`
    is the code that this report takes back: the latest standing report of that attempt with that code, at or before
    `at` (a rule on facts, so order of arrival does not matter). `part` is the provider's id of one part of a message:
    `arrived` counts when all parts have arrived. `unclear` says why a person has to look at it.
    """

    channel: str
    key: str
    at: datetime
    code: str
    words: str = ""
    attempt: str | None = None
    reference: str | None = None
    fact: Fact | None = None
    cancels: str | None = None
    part: str | None = None
    unclear: str | None = None
    raw: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteStep:
    """One address to try. `wait`: seconds that the court's policy waits for a result before the next step.

    `task`: a person takes it, asked by a task of that kind. `beside`: begun without waiting for the step before it.
    `alone`: not while an attempt at an address that the recipient gave is alive. `remind_after`: seconds without an
    answer until a reminder, which serves nothing (OLR 32); 0: none.
    """

    address: str
    channel: str
    not_before: datetime
    wait: int
    reason: str
    grounds: tuple[str, ...] = ()
    task: str | None = None
    beside: bool = False
    alone: bool = False
    remind_after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedAddress:
    """`next`: what the law says has to happen instead, in words of the scenario format."""

    address: str
    reason: str
    grounds: tuple[str, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """`channels`: what the installation could use when it was planned; with them it can be planned again. `latest`: the
    last moment at which taking effect is of use.
    """

    steps: tuple[RouteStep, ...]
    rejected: tuple[RejectedAddress, ...] = ()
    channels: tuple[str, ...] = ()
    latest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """A period that the service of a document starts (law.md §8). `last_day`: a civil day of the court; None with the
    reason in `why_not`. `provisional`: the service is not firm yet.
    """

    period: str
    name: str
    name_zh: str
    last_day: date | None
    why_not: str | None
    basis: tuple[str, ...]
    calendar_version: str
    provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The answer for one document (law.md §2).

    `rule` is the row that decided; `explanation` says in one sentence which facts it used. `flags` has the names of
    the scenario format. `dated_by` is the kind of fact that gave the date, `at` the instant of effect.
    """

    outcome: Outcome
    effective_date: date | None = None
    grounds: tuple[str, ...] = ()
    next: str | None = None
    flags: tuple[tuple[str, bool | str], ...] = ()
    rule: str | None = None
    explanation: str = ""
    explanation_zh: str = ""
    dated_by: str | None = None
    at: datetime | None = None
    deadlines: tuple[Deadline, ...] = ()

    def flag(self, name: str) -> bool | str | None:
        return dict(self.flags).get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one address, as the events tell it. `answer` is the channel's: see ports.Answer.

    announced: on record, nobody answered yet: after a crash this is the question. taken: the provider has it.
    refused: it never will. deferred: not taken, try again at `retry_at`. in_doubt: it may have been taken. given_up:
    a named person ended the doubt.
    """

    id: str
    address: str
    channel: str
    number: int
    role: str = "service"
    announced_at: datetime
    tries: int = 1
    doubts: int = 0
    answer: str = "announced"
    answered_at: datetime | None = None
    references: tuple[str, ...] = ()
    retry_at: datetime | None = None
    words: str = ""

    @property
    def open_question(self) -> bool:
        return self.answer in ("announced", "in_doubt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something only a person may do or decide. `proposal` is the decision the service would take, for a clerk to
    accept or change.
    """

    id: str
    kind: str
    reason: str
    opened_at: datetime
    due_at: datetime
    owner: str
    proposal: str | None = None
    attempt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one person entered and another has to confirm, because it moves a date of service (contract.md §5).

    `moves`: (document id, date that stands, date it would become). `addresses`, `consents`, `representatives`,
    `standing`: what became known of the recipient. `task`, `decision`: where it is a decision on a task, that task.
    """

    id: str
    by: str
    reason: str
    evidence: str | None = None
    facts: tuple[Fact, ...] = ()
    addresses: tuple[Address, ...] = ()
    consents: tuple[Consent, ...] = ()
    representatives: tuple[Representative, ...] = ()
    standing: Standing | None = None
    task: str | None = None
    decision: str | None = None
    moves: tuple[tuple[str, date | None, date | None], ...] = ()


def attempt_id(delivery: str, address: str, number: int) -> str:
    """Made from delivery, address and number alone, so that it survives a crash (design.md §3)."""
    return f"{delivery}.{address}.{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One recipient's documents of one submission: the fold of its events (events.apply). `version` is the number of
    the last event. `failures`: how often in a row we could not carry out its next step; `failed`: the last of them.
    """

    id: str
    court: str
    client: str
    submission: str
    case: Case
    documents: tuple[Document, ...]
    recipient: Recipient
    accepted_at: datetime
    needed_by: datetime | None = None
    version: int = 0
    sealed: tuple[tuple[str, str], ...] = ()
    route: Route | None = None
    attempts: tuple[Attempt, ...] = ()
    facts: tuple[Fact, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    renewals: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    tasks: tuple[Task, ...] = ()
    closed_tasks: tuple[tuple[Task, str], ...] = ()
    concluded: tuple[tuple[str, Effect], ...] = ()
    concluded_at_version: int = 0
    proofs: tuple[tuple[str, str], ...] = ()
    proof_is_current: bool = False
    withdrawn_at: datetime | None = None
    failures: int = 0
    failed: str = ""

    def attempt(self, attempt: str) -> Attempt | None:
        return next((a for a in self.attempts if a.id == attempt), None)

    def with_attempt(self, attempt: Attempt) -> Delivery:
        """This delivery with that attempt added, or in the place of the one with the same id."""
        if self.attempt(attempt.id) is None:
            return replace(self, attempts=(*self.attempts, attempt))
        return replace(self, attempts=tuple(attempt if a.id == attempt.id else a for a in self.attempts))
