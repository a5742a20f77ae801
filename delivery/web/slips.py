"""A mail slip read by a clerk: who signed, who refused, why it came back. From form fields to the fact.

What the carrier reports is thin; the slip completes it. A record of the same attempt, kind and time is the same fact
(scenario format, "Conventions"), so the time is taken over from the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from delivery.core.events import Event, FactRecorded
from delivery.core.model import Attempt, Delivery, Fact, Person
from delivery.core.standing import standing_facts
from delivery.core.words import REASONS, RELATIONS

KINDS = ("signed", "refused", "returned")
RETURN_REASONS = tuple(
    reason
    for reason in REASONS
    if reason in ("refused", "unknown_person", "no_such_address", "moved", "nobody_home", "content_mismatch")
)
LONGEST_REASON = 500
LONGEST_NAME = 80

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A fact that the carrier reported and a slip can complete; `value` names it in the form."""

    value: str
    attempt: Attempt
    fact: Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """What the form says, or every fault in it (keys of the words of section `slip`)."""

    fact: Fact | None = None
    reason: str = ""
    faults: tuple[str, ...] = ()


def letters(delivery: Delivery) -> list[Attempt]:
    """The attempts that can have a slip."""
    return [attempt for attempt in delivery.attempts if attempt.channel == "post"]


def reports(delivery: Delivery) -> list[Report]:
    """What the carrier reported of them, the latest first."""
    by_place = {(attempt.address, attempt.number): attempt for attempt in letters(delivery)}
    found = [
        Report(value=f"{attempt.id}|{fact.kind}|{fact.at.isoformat()}", attempt=attempt, fact=fact)
        for fact in standing_facts(delivery)
        if fact.kind in KINDS and (attempt := by_place.get((fact.address or "", fact.attempt)))
    ]
    return sorted(found, key=lambda report: report.fact.at, reverse=True)


def read_slip(delivery: Delivery, fields: Fields, zone: tzinfo) -> Slip:
    """All faults at once, as everywhere."""
    what = _what(delivery, fields, zone)
    person = _person(delivery, fields)
    kind = what[1] if what else fields.get("kind", "")
    reason = " ".join(fields.get("reason", "").split())[:LONGEST_REASON]
    faults = [
        *([] if what else ["fault_when" if fields.get("kind") in KINDS else "fault_what"]),
        *([] if person or kind == "returned" else ["fault_who"]),
        *([] if reason else ["fault_why"]),
    ]
    if faults or what is None:
        return Slip(reason=reason, faults=tuple(faults))
    return Slip(fact=_fact(*what, person, fields), reason=reason)


def record(
    delivery: Delivery, fact: Fact, *, by: str, reason: str, evidence: str | None, now: datetime
) -> Sequence[Event]:
    """The event; nothing when that is known already (a double click)."""
    if fact in delivery.facts:
        return ()
    return (FactRecorded(at=now, fact=fact, by=by, reason=reason, evidence=evidence),)


def _what(delivery: Delivery, fields: Fields, zone: tzinfo) -> tuple[Attempt, str, datetime] | None:
    chosen = next((report for report in reports(delivery) if report.value == fields.get("completes")), None)
    if chosen:
        return chosen.attempt, chosen.fact.kind, chosen.fact.at
    attempt = next((one for one in letters(delivery) if one.id == fields.get("attempt")), None)
    at = local_instant(fields.get("at", ""), zone)
    if attempt is None or at is None or fields.get("kind") not in KINDS:
        return None
    return attempt, fields["kind"], at


def local_instant(value: str, zone: tzinfo) -> datetime | None:
    """A form's local date and time, at the court."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=zone)
    except ValueError:
        return None


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def _person(delivery: Delivery, fields: Fields) -> Person | None:
    relation = fields.get("relation", "")
    if relation not in RELATIONS:
        return None
    agent = next((one for one in delivery.recipient.representatives if one.kind == relation), None)
    return Person(
        relation=relation,
        adult="adult" in fields,
        cohabiting="cohabiting" in fields,
        opposing_party="opposing_party" in fields,
        representative=agent.id if agent else None,
        name=fields.get("name", "").strip()[:LONGEST_NAME] or None,
    )


def _fact(attempt: Attempt, kind: str, at: datetime, person: Person | None, fields: Fields) -> Fact:
    returned = kind == "returned"
    reason = fields.get("return_reason", "")
    return Fact(
        kind=kind,
        at=at,
        address=attempt.address,
        attempt=attempt.number,
        key=f"slip:{attempt.id}:{kind}:{at.isoformat()}",
        by=person,
        reason=reason if returned and reason in RETURN_REASONS else None,
        noted="noted" in fields,
        noted_on=_day(fields.get("noted_on", "")),
        court_received_on=_day(fields.get("court_received_on", "")),
        id_on_receipt="id_on_receipt" in fields,
        relation_on_receipt="relation_on_receipt" in fields,
        identity_proven="identity_proven" in fields,
    )
