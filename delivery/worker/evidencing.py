"""From what the evidence says (core) to the elements in which it is written (signing): names, no decisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from delivery.core.evidence import Evidence, EvidenceAddress, EvidenceDocument, EvidenceEvent, RulebookUsed
from delivery.core.model import Consent, Deadline, Effect
from signing.evidence import Node


def evidence_node(evidence: Evidence) -> Node:
    """The root element, after signing/templates/evidence-1.xsd."""
    return Node("Evidence", (("version", "1"), ("id", evidence.id)), tuple(_parts(evidence)))


def _parts(evidence: Evidence) -> Iterator[Node]:
    yield Node(
        "Proof",
        (
            ("number", evidence.proof),
            ("issuedAt", _instant(evidence.issued_at)),
            ("replaces", evidence.replaces),
            ("rehearsal", "true" if evidence.rehearsal else None),
        ),
    )
    yield Node("Issuer", (("court", evidence.court),), text=evidence.court_name)
    yield Node(
        "Case",
        (
            ("number", evidence.case_number),
            ("kind", evidence.case_kind),
            ("procedure", evidence.procedure),
            ("stage", evidence.stage),
        ),
    )
    yield Node("Delivery", (("id", evidence.delivery), ("submission", evidence.submission)))
    yield _recipient(evidence)
    yield Node("Documents", children=tuple(_document(one) for one in evidence.documents))
    yield Node("Events", children=tuple(_event(one) for one in evidence.events))
    yield Node("Effects", children=tuple(_effect(document, effect) for document, effect in evidence.effects))
    if evidence.confirmed_by:
        yield Node("ConfirmedBy", text=evidence.confirmed_by)
    yield _rulebook(evidence.rulebook)


def _recipient(evidence: Evidence) -> Node:
    who = evidence.recipient
    children = [Node("Name", text=who.name)]
    if who.id_number:
        children.append(Node("IdentityNumber", text=who.id_number))
    children += [_consent(one) for one in evidence.consents]
    children += [_address(one) for one in evidence.addresses]
    return Node("Recipient", (("id", who.id), ("role", who.role), ("kind", who.kind)), tuple(children))


def _consent(consent: Consent) -> Node:
    return Node(
        "Consent",
        (
            ("id", consent.id),
            ("basis", consent.basis),
            ("documents", " ".join(consent.documents)),
            ("stages", " ".join(consent.stages)),
            ("givenAt", _instant(consent.given_at)),
            ("withdrawnAt", _instant(consent.withdrawn_at)),
        ),
    )


def _address(address: EvidenceAddress) -> Node:
    return Node(
        "Address",
        (
            ("id", address.id),
            ("channel", address.channel),
            ("basis", address.basis),
            ("givenAt", _instant(address.given_at)),
            ("confirmedIn", address.confirmed_in),
            ("ownershipProof", address.ownership_proof),
        ),
        text=address.value,
    )


def _document(one: EvidenceDocument) -> Node:
    document = one.document
    return Node(
        "Document",
        (
            ("id", document.id),
            ("type", document.type),
            ("mediaType", document.media_type),
            ("pages", str(document.pages)),
            ("filedSha256", document.sha256),
            ("sealedSha256", one.sealed_sha256),
            ("sealedAt", _instant(one.sealed_at)),
        ),
        (Node("Title", text=document.title),),
    )


def _event(event: EvidenceEvent) -> Node:
    return Node(
        "Event",
        (
            ("number", str(event.number)),
            ("event", event.uri),
            ("kind", event.kind),
            ("at", _instant(event.at)),
            ("recordedAt", _instant(event.recorded_at)),
            ("countsOn", str(event.counts_on) if event.counts_on else None),
            ("channel", event.channel),
            ("address", event.address),
            ("attempt", event.attempt),
            ("role", event.role),
            ("by", event.by),
            ("receiver", event.receiver),
            ("exhibitSha256", event.exhibit),
        ),
        tuple(_inside(event)),
    )


def _inside(event: EvidenceEvent) -> Iterator[Node]:
    for reference in event.references:
        yield Node("Reference", text=reference)
    if event.reason:
        yield Node("Reason", text=event.reason)
    if event.code or event.words:
        yield Node("Words", (("code", event.code), ("cancels", event.cancels)), text=event.words)
    if event.raw:
        yield Node("Raw", (("id", event.raw), ("sha256", event.raw_sha256)))


def _effect(document: str, effect: Effect) -> Node:
    said = (("zh", effect.explanation_zh), ("en", effect.explanation))
    return Node(
        "Effect",
        (
            ("document", document),
            ("outcome", str(effect.outcome)),
            ("effectiveDate", str(effect.effective_date) if effect.effective_date else None),
            ("rule", effect.rule),
        ),
        (
            *(Node("Ground", text=ground) for ground in effect.grounds),
            *(Node("Explanation", (("lang", language),), text=words) for language, words in said if words),
            *(_deadline(deadline) for deadline in effect.deadlines),
        ),
    )


def _deadline(deadline: Deadline) -> Node:
    return Node(
        "Deadline",
        (
            ("period", deadline.period),
            ("lastDay", str(deadline.last_day) if deadline.last_day else None),
            ("provisional", "true" if deadline.provisional else "false"),
            ("calendarVersion", deadline.calendar_version),
        ),
    )


def _rulebook(rulebook: RulebookUsed) -> Node:
    files = tuple(Node("File", (("name", name), ("sha256", digest))) for name, digest in rulebook.files)
    return Node("Rulebook", (("name", rulebook.name), ("version", rulebook.version)), files)


def _instant(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
