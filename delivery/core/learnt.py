"""A fact learnt elsewhere (signed at the counter, objection upheld …), as a case system tells it, in scenario words."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.core import vocabulary as words
from delivery.core.events import Event, FactRecorded, Withdrawn
from delivery.core.fields import DIGEST, NEVER, Fault, Faults, Fields
from delivery.core.model import Delivery, Fact, Person

EVIDENCE_TYPES = ("application/pdf", "image/jpeg", "image/png")
MOST_ATTEMPTS = 1000
LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The scan that shows it: `content` is base64, None where it was uploaded before."""

    sha256: str
    media_type: str
    content: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """`by` is the person who vouches for it."""

    fact: Fact
    by: str
    reason: str
    evidence: Evidence | None

    def recorded(self, delivery: Delivery, client: str, now: datetime) -> tuple[Event, ...]:
        """The event; nothing where that very fact is on record."""
        if self.fact in delivery.facts:
            return ()
        digest = self.evidence.sha256 if self.evidence else None
        by = f"{self.by} ({client})"
        return (FactRecorded(at=now, fact=self.fact, by=by, reason=self.reason, evidence=digest),)


def read_learnt(body: Any, delivery: Delivery, now: datetime) -> Learnt | Faults:
    """`{"fact": {"kind", "at", …}, "by", "reason", "evidence"}`, or what is wrong with it."""
    faults: list[Fault] = []
    fields = _root(body, faults)
    given = fields.object("fact")
    learnt = Learnt(
        fact=_read_fact(given, delivery, now) if given else Fact(kind="", at=NEVER),
        by=fields.text("by", most=100) or "",
        reason=fields.text("reason", most=LONGEST_REASON, required=False) or "",
        evidence=_read_evidence(fields),
    )
    fields.unknown()
    return tuple(faults) or learnt


def read_withdrawal(body: Any, client: str, now: datetime) -> Withdrawn | Faults:
    """`{"by", "reason"}`: who withdraws it, and why."""
    faults: list[Fault] = []
    fields = _root(body, faults)
    by, reason = fields.text("by", most=100) or "", fields.text("reason", most=LONGEST_REASON) or ""
    fields.unknown()
    return tuple(faults) or Withdrawn(at=now, by=f"{by} ({client})", reason=reason)


def _root(body: Any, faults: list[Fault]) -> Fields:
    if not isinstance(body, dict):
        faults.append(Fault(pointer="", code="wrong_type", message="The body should be a JSON object."))
    return Fields(body if isinstance(body, dict) else {}, "", faults)


def _read_fact(fields: Fields, delivery: Delivery, now: datetime) -> Fact:
    kind = fields.word("kind", tuple(words.FACT_FIELDS))
    has = words.FACT_FIELDS.get(kind, ())
    at = fields.instant("at") or NEVER
    if at > now:
        fields.fault("at", "in_the_future", "A fact should have happened before it is told.")
    fact = Fact(
        kind=kind,
        at=at,
        key=_key(fields),
        address=_read_address(fields, delivery, required="address" in has),
        attempt=fields.number("attempt", least=1, most=MOST_ATTEMPTS, default=1),
        by=_read_person(fields, delivery) if "by" in has else None,
        reason=_read_reason(fields, kind) if "reason" in has else None,
        result=_read_result(fields, kind) if "result" in has else None,
        means=fields.word("means", words.CONTACT_MEANS) if "means" in has else None,
        carrier=fields.word("carrier", words.CARRIERS) if "carrier" in has else None,
        claim=fields.word("claim", words.CLAIMS) if "claim" in has else None,
        act=fields.word("act", words.ACTS) if "act" in has else None,
        decided_by=fields.word("decided_by", words.DECIDERS) if "decided_by" in has else None,
        noted_on=fields.day("noted_on") if "noted_on" in has else None,
        court_received_on=fields.day("court_received_on", required=True) if "court_received_on" in has else None,
        noted="noted" in has and fields.flag("noted"),
        id_on_receipt="id_on_receipt" in has and fields.flag("id_on_receipt"),
        relation_on_receipt="relation_on_receipt" in has and fields.flag("relation_on_receipt"),
        identity_proven="identity_proven" in has and fields.flag("identity_proven"),
        matches_document="matches_document" in has and fields.flag("matches_document"),
    )
    if kind:
        fields.unknown()
    return fact


def _key(fields: Fields) -> str:
    """Made from the fact alone, so that telling it twice is telling it once."""
    told = json.dumps(dict(fields.value), sort_keys=True, ensure_ascii=True, default=str)
    return f"told:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _read_address(fields: Fields, delivery: Delivery, *, required: bool) -> str | None:
    address = fields.text("address", most=40, required=required)
    if address is not None and address not in {known.id for known in delivery.recipient.addresses}:
        fields.fault("address", "unknown_address", "It should be the id of one of this recipient's addresses.")
    return address


def _read_reason(fields: Fields, kind: str) -> str:
    return fields.word("reason", words.RETURN_REASONS if kind == "returned" else words.CLAIMS)


def _read_result(fields: Fields, kind: str) -> str:
    return fields.word("result", ("nobody_home",) if kind == "delivery_attempt" else words.CONTACT_RESULTS)


def _read_person(fields: Fields, delivery: Delivery) -> Person | None:
    given = fields.object("by")
    if given is None:
        return None
    representative = given.text("representative", most=40, required=False)
    if representative and representative not in {known.id for known in delivery.recipient.representatives}:
        says = "It should be the id of one of this recipient's representatives."
        given.fault("representative", "unknown_representative", says)
    person = Person(
        relation=given.word("relation", words.RELATIONS),
        adult=given.flag("adult"),
        cohabiting=given.flag("cohabiting"),
        opposing_party=given.flag("opposing_party"),
        representative=representative,
        name=given.text("name", most=100, required=False),
    )
    given.unknown()
    return person


def _read_evidence(fields: Fields) -> Evidence | None:
    given = fields.object("evidence", required=False)
    if given is None:
        return None
    says = "A digest should be SHA-256 as 64 lower-case hex digits."
    content = given.get("content", required=False)
    if content is not None and not isinstance(content, str):
        given.fault("content", "wrong_type", "The content should be base64 text.")
    evidence = Evidence(
        sha256=given.text("sha256", most=64, fits=DIGEST.fullmatch, says=says) or "",
        media_type=given.word("media_type", EVIDENCE_TYPES),
        content=content,
    )
    given.unknown()
    return evidence
