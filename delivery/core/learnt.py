"""A fact learnt elsewhere (signed at the counter, objection upheld …), as a case system tells it, in scenario words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from delivery.core.events import Event, FactRecorded, Withdrawn
from delivery.core.facts import SHAPES, Around, read_fact
from delivery.core.fields import DIGEST, NEVER, Fault, Faults, Fields
from delivery.core.model import Delivery, Fact

OURS = frozenset({"send_planned", "sent", "gateway_accepted", "arrived", "bounced", "wait_elapsed"})
EVIDENCE_TYPES = ("application/pdf", "image/jpeg", "image/png")
TOLD = tuple(kind for kind in SHAPES if kind not in OURS)
"""Facts that may be learnt elsewhere. What a channel of ours reports by itself is not told from outside."""

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
    fields = body_fields(body, faults)
    given = fields.object("fact")
    learnt = Learnt(
        fact=_read_fact(given, delivery, now) if given else Fact(kind="", at=NEVER),
        by=fields.text("by", most=100) or "",
        reason=fields.text("reason", most=LONGEST_REASON, required=False) or "",
        evidence=read_evidence(fields),
    )
    fields.unknown()
    return tuple(faults) or learnt


def read_told_fact(told: Mapping[str, Any], delivery: Delivery, now: datetime) -> Fact | Faults:
    """The fact alone, as a form tells it; pointers begin at the fact."""
    faults: list[Fault] = []
    fact = _read_fact(Fields(told, "", faults), delivery, now)
    return tuple(faults) or fact


def read_withdrawal(body: Any, client: str, now: datetime) -> Withdrawn | Faults:
    """`{"by", "reason"}`: who withdraws it, and why."""
    faults: list[Fault] = []
    fields = body_fields(body, faults)
    by, reason = fields.text("by", most=100) or "", fields.text("reason", most=LONGEST_REASON) or ""
    fields.unknown()
    return tuple(faults) or Withdrawn(at=now, by=f"{by} ({client})", reason=reason)


def body_fields(body: Any, faults: list[Fault]) -> Fields:
    """The members of a decoded body, which should be an object."""
    if not isinstance(body, dict):
        faults.append(Fault(pointer="", code="wrong_type", message="The body should be a JSON object."))
    return Fields(body if isinstance(body, dict) else {}, "", faults)


def _read_fact(fields: Fields, delivery: Delivery, now: datetime) -> Fact:
    around = Around(
        addresses=[known.id for known in delivery.recipient.addresses],
        representatives=[known.id for known in delivery.recipient.representatives],
    )
    fact, _ = read_fact(fields, around, TOLD)
    if fact.at > now:
        fields.fault("at", "in_the_future", "A fact should have happened before it is told.")
    return replace(fact, key=told_key(fields.value))


def told_key(fact: Mapping[str, Any]) -> str:
    """Made from the fact alone, so that telling it twice is telling it once."""
    told = json.dumps(dict(fact), sort_keys=True, ensure_ascii=True, default=str)
    return f"told:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def read_evidence(fields: Fields) -> Evidence | None:
    """The file that shows it; None where none came."""
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
