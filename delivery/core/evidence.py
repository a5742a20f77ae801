"""History → the content of the evidence of a delivery: what a machine reads where a person reads the proof.

Every event with its three times: when it happened, when we learnt it, and the day that the law counts (where it is the
one that dates an effect). Events bear the names of ETSI EN 319 522-1 wherever that standard has one. Personal data are
masked as on the proof: a name stays, numbers keep their ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

from delivery.core import events
from delivery.core.events import Event, Recorded
from delivery.core.model import (
    Address,
    Consent,
    Delivery,
    Document,
    Effect,
    Fact,
    PostalAddress,
    Receipt,
    Recipient,
    attempt_id,
)
from delivery.core.proof import Certificate, Known, dating_fact, mask, masked_address

ERDS = "http://uri.etsi.org/19522/Event/"
OURS = "urn:songda:event:"
"""Before the names of events that EN 319 522-1 does not have."""

FACT_EVENTS: Mapping[str, str] = {
    "sent": "RelayToNonERDS",
    "gateway_accepted": "RelayToNonERDS",
    "posted": "RelayToNonERDS",
    "bounced": "ContentConsignmentFailure",
    "arrived": "ContentConsignment",
    "published": "ContentConsignment",
    "collection_window": "ConsignmentNotification",
    "contact_attempt": "ConsignmentNotification",
    "phone_call": "ConsignmentNotification",
    "wait_elapsed": "AcceptanceRejectionExpiry",
    "replied": "ConsignmentAcceptance",
    "e_service_refused": "ConsignmentRejection",
    "refused": "ConsignmentRejection",
    "read": "ContentHandover",
    "signed": "ContentHandover",
    "left": "ContentHandover",
    "handed_over": "ContentHandover",
    "paper_handed_over": "ContentHandover",
    "pronounced": "ContentHandover",
    "delivery_attempt": "ContentHandoverFailure",
    "returned": "ContentHandoverFailure",
    "lost": "ContentHandoverFailure",
}
"""Kind of fact → event of EN 319 522-1 §6.2."""

TOLD = (
    events.Accepted,
    events.DocumentsSealed,
    events.AttemptAnnounced,
    events.AttemptTaken,
    events.AttemptRefused,
    events.AttemptDeferred,
    events.AttemptDoubted,
    events.ReceiptReceived,
    events.FactRecorded,
    events.FactWithdrawn,
    events.Concluded,
)
"""The course of a delivery. Tasks, routes and failures of ours are no part of it; who confirmed is a fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceEvent:
    """One event. `counts_on`: the day that the law counts, of those that date an effect. `references`: the provider's.

    `by`: who recorded it; `receiver`: who took the documents, by relation to the recipient. `raw` and `raw_sha256` name
    the provider's message as it came in. `cancels`: the provider's code that this takes back. `exhibit`: SHA-256 of
    what a clerk filed with it.
    """

    number: int
    uri: str
    kind: str
    at: datetime
    recorded_at: datetime
    counts_on: date | None = None
    channel: str | None = None
    address: str | None = None
    attempt: str | None = None
    role: str | None = None
    by: str | None = None
    receiver: str | None = None
    references: tuple[str, ...] = ()
    reason: str | None = None
    code: str | None = None
    words: str = ""
    cancels: str | None = None
    raw: str | None = None
    raw_sha256: str | None = None
    exhibit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceDocument:
    """Digests are SHA-256, lower-case hex: of what the case system handed over, and of what was sealed and sent."""

    document: Document
    sealed_sha256: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAddress:
    """One address of the recipient, with why it may be used; `value` is masked."""

    id: str
    channel: str
    basis: str
    value: str
    given_at: datetime | None
    confirmed_in: str | None
    ownership_proof: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRecipient:
    """`id_number` is masked."""

    id: str
    role: str
    kind: str
    name: str
    id_number: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RulebookUsed:
    """`files`: pairs of file name and SHA-256 (lower-case hex), sorted."""

    name: str
    version: str
    files: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the evidence of one delivery says. `proof` numbers the proof it belongs to, `replaces` the one before."""

    id: str
    proof: str
    replaces: str | None
    issued_at: datetime
    court: str
    court_name: str
    case_number: str
    case_kind: str
    procedure: str
    stage: str
    delivery: str
    submission: str
    recipient: EvidenceRecipient
    consents: tuple[Consent, ...]
    addresses: tuple[EvidenceAddress, ...]
    documents: tuple[EvidenceDocument, ...]
    events: tuple[EvidenceEvent, ...]
    effects: tuple[tuple[str, Effect], ...]
    confirmed_by: str | None
    rulebook: RulebookUsed
    rehearsal: bool = False


def evidence_of(
    delivery: Delivery,
    history: Iterable[Recorded],
    paper: Certificate,
    *,
    known: Known,
    rulebook: RulebookUsed,
    raw_digests: Mapping[str, str],
    zone: tzinfo,
    rehearsal: bool = False,
) -> Evidence:
    """The evidence beside the proof `paper`. `raw_digests`: id of a raw receipt → SHA-256 of its body, of as many as
    are kept. `zone`: the rulebook's, in which days begin. Pure.
    """
    sealed = dict(delivery.sealed)
    return Evidence(
        id=f"{paper.number}-E",
        proof=paper.number,
        replaces=paper.replaces,
        issued_at=paper.issued_at,
        court=delivery.court,
        court_name=paper.court,
        case_number=delivery.case.number,
        case_kind=delivery.case.kind,
        procedure=delivery.case.procedure,
        stage=delivery.case.stage,
        delivery=delivery.id,
        submission=delivery.submission,
        recipient=_recipient(delivery),
        consents=delivery.recipient.consents,
        addresses=tuple(_address(one) for one in delivery.recipient.addresses),
        documents=tuple(
            EvidenceDocument(document=one, sealed_sha256=sealed[one.id], sealed_at=known.sealed_at)
            for one in delivery.documents
        ),
        events=tuple(_events(delivery, history, raw_digests, zone)),
        effects=paper.effects,
        confirmed_by=known.confirmed_by,
        rulebook=rulebook,
        rehearsal=rehearsal,
    )


def raw_ids(history: Iterable[Recorded]) -> tuple[str, ...]:
    """The providers' messages that became events of this history, in its order."""
    told = (row.event.receipt.raw for row in history if isinstance(row.event, events.ReceiptReceived))
    return tuple(dict.fromkeys(raw for raw in told if raw))


def erds_uri(event: Event) -> str:
    """The event's name: of EN 319 522-1 where it has one, else ours, which begins with `urn:songda:event:`."""
    match event:
        case events.Accepted():
            return ERDS + "SubmissionAcceptance"
        case events.AttemptTaken():
            return ERDS + "RelayToNonERDS"
        case events.AttemptRefused():
            return ERDS + "RelayToNonERDSFailure"
        case events.ReceiptReceived(receipt=Receipt(fact=Fact(kind=kind))) | events.FactRecorded(fact=Fact(kind=kind)):
            return ERDS + FACT_EVENTS[kind] if kind in FACT_EVENTS else OURS + kind
    return OURS + events.kind(event)


def _recipient(delivery: Delivery) -> EvidenceRecipient:
    known = delivery.recipient
    number = mask(known.id_number, 0, 4) if known.id_number else None
    return EvidenceRecipient(id=known.id, role=known.role, kind=known.kind, name=known.name, id_number=number)


def _address(address: Address) -> EvidenceAddress:
    return EvidenceAddress(
        id=address.id,
        channel=address.channel,
        basis=address.basis,
        value=masked_address(address),
        given_at=address.given_at,
        confirmed_in=address.confirmed_in,
        ownership_proof=address.ownership_proof,
    )


# --- events ----------------------------------------------------------------------------------------------------------


def _events(
    delivery: Delivery, history: Iterable[Recorded], raw: Mapping[str, str], zone: tzinfo
) -> Iterator[EvidenceEvent]:
    days = _days_counted(delivery, zone)
    for row in history:
        if isinstance(row.event, TOLD):
            yield _told(delivery, row, days, raw)


def _days_counted(delivery: Delivery, zone: tzinfo) -> dict[tuple[str, datetime], date]:
    """(kind, instant) of a fact → the day it gave to an effect."""
    dated = ((dating_fact(delivery, effect, zone), effect.effective_date) for _, effect in delivery.concluded)
    return {(fact.kind, fact.at): day for fact, day in dated if fact and day}


def _told(
    delivery: Delivery, row: Recorded, days: Mapping[tuple[str, datetime], date], raw: Mapping[str, str]
) -> EvidenceEvent:
    event = row.event
    plain = EvidenceEvent(
        number=row.seq,
        uri=erds_uri(event),
        kind=events.kind(event),
        at=event.at,
        recorded_at=row.recorded_at,
        by=getattr(event, "by", None),
    )
    match event:
        case events.ReceiptReceived(receipt=receipt):
            return _of_receipt(plain, delivery, receipt, days, raw)
        case events.FactRecorded(fact=fact, evidence=exhibit):
            return replace(_of_fact(plain, delivery, fact, days), exhibit=exhibit)
        case events.FactWithdrawn(reason=reason):
            return replace(plain, reason=reason)
    return _of_attempt(plain, delivery, event)


def _of_receipt(
    plain: EvidenceEvent,
    delivery: Delivery,
    receipt: Receipt,
    days: Mapping[tuple[str, datetime], date],
    raw: Mapping[str, str],
) -> EvidenceEvent:
    """A receipt without a fact is a provider's word that the law does not look at, or that takes another back."""
    attempt = delivery.attempt(receipt.attempt or "")
    told = _of_fact(plain, delivery, receipt.fact, days) if receipt.fact else plain
    return replace(
        told,
        at=receipt.at,
        channel=attempt.channel if attempt else receipt.channel,
        address=attempt.address if attempt else None,
        attempt=receipt.attempt,
        role=attempt.role if attempt else None,
        references=(receipt.reference,) if receipt.reference else (),
        code=receipt.code,
        words=masked_words(receipt.words, delivery),
        cancels=receipt.cancels,
        raw=receipt.raw or None,
        raw_sha256=raw.get(receipt.raw),
    )


def _of_fact(
    plain: EvidenceEvent, delivery: Delivery, fact: Fact, days: Mapping[tuple[str, datetime], date]
) -> EvidenceEvent:
    reason = fact.reason or fact.result or fact.claim or fact.finding
    return replace(
        plain,
        kind=fact.kind,
        at=fact.at,
        counts_on=days.get((fact.kind, fact.at)),
        channel=delivery.recipient.address(fact.address).channel if fact.address else None,
        address=fact.address,
        attempt=attempt_id(delivery.id, fact.address, fact.attempt) if fact.address else None,
        role=fact.role,
        receiver=fact.by.relation if fact.by else None,
        reason=reason,
    )


def _of_attempt(plain: EvidenceEvent, delivery: Delivery, event: Event) -> EvidenceEvent:
    attempt = delivery.attempt(getattr(event, "attempt", ""))
    if attempt is None:
        return plain
    return replace(
        plain,
        channel=attempt.channel,
        address=attempt.address,
        attempt=attempt.id,
        role=attempt.role,
        references=getattr(event, "references", ()),
        code=getattr(event, "code", None),
        words=masked_words(getattr(event, "words", ""), delivery),
    )


def masked_words(words: str, delivery: Delivery) -> str:
    """A provider's words, with what they repeat of the recipient's numbers and mailboxes masked as everywhere else."""
    for secret, shown in _secrets(delivery.recipient):
        words = words.replace(secret, shown)
    return words


def _secrets(recipient: Recipient) -> Iterator[tuple[str, str]]:
    if recipient.id_number:
        yield recipient.id_number, mask(recipient.id_number, 0, 4)
    for address in recipient.addresses:
        if isinstance(address.value, PostalAddress):
            yield address.value.phone, mask(address.value.phone, 3, 4)
        else:
            yield address.value, masked_address(address)
            yield address.value.removeprefix("+86"), mask(address.value.removeprefix("+86"), 3, 4)
