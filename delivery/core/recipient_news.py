"""What becomes known of a recipient after the filing, as a case system tells it (contract.md §2, `/address`).

A changed or further address, a consent given or withdrawn, who stands for the recipient, what the recipient has become.
Only a change in writing moves the address of service (CPLI 137, OP17 6): so a change is a fact of its own, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.core.events import Event, FactRecorded, RecipientLearnt, apply
from delivery.core.fields import Fault, Faults, Fields
from delivery.core.learnt import LONGEST_REASON, Evidence, body_fields, read_evidence, told_key
from delivery.core.model import Address, Consent, Delivery, Fact, Recipient, Representative, Standing
from delivery.core.recipients import (
    MOST_ADDRESSES,
    MOST_CONSENTS,
    MOST_REPRESENTATIVES,
    ScriptPolicy,
    read_address,
    read_consent,
    read_representative,
    read_standing,
)

PARTS = ("address", "consent", "representative", "standing")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """At least one of the parts. `changed`: the fact that one address took the place of another."""

    by: str
    reason: str
    evidence: Evidence | None = None
    address: Address | None = None
    consent: Consent | None = None
    representative: Representative | None = None
    standing: Standing | None = None
    changed: Fact | None = None

    def recorded(self, delivery: Delivery, client: str, now: datetime) -> Sequence[Event]:
        """The events; none where all of it is on record, or where what was tried meanwhile contradicts it."""
        digest = self.evidence.sha256 if self.evidence else None
        return self.recorded_by(f"{self.by} ({client})", delivery, digest, now)

    def recorded_by(self, by: str, delivery: Delivery, digest: str | None, now: datetime) -> Sequence[Event]:
        """The same on the word of `by`, who has an account here; `digest`: of the evidence that was kept."""
        if self.address and _is_another_place(self.address, delivery):
            return ()
        learnt = self._learnt(by, digest, now)
        events: list[Event] = []
        if apply(delivery, learnt).recipient != delivery.recipient:
            events.append(learnt)
        if self.changed and self.changed not in delivery.facts:
            events.append(FactRecorded(at=now, fact=self.changed, by=by, reason=self.reason, evidence=digest))
        return events

    def unknown_to(self, delivery: Delivery) -> bool:
        """Whether something of it is not on record there."""
        learnt = self._learnt(self.by, None, delivery.accepted_at)
        missing = apply(delivery, learnt).recipient != delivery.recipient
        return missing or (self.changed is not None and self.changed not in delivery.facts)

    def _learnt(self, by: str, evidence: str | None, now: datetime) -> RecipientLearnt:
        return RecipientLearnt(
            at=now,
            by=by,
            reason=self.reason,
            evidence=evidence,
            addresses=(self.address,) if self.address else (),
            consents=(self.consent,) if self.consent else (),
            representatives=(self.representative,) if self.representative else (),
            standing=self.standing,
        )


def read_news(body: Any, delivery: Delivery, now: datetime, scripts: ScriptPolicy) -> News | Faults:
    """`{"by", "reason", "evidence", "address", "replaces", "in_writing", "at", "consent", "representative",
    "standing"}`, or everything that is wrong with it.
    """
    faults: list[Fault] = []
    fields = body_fields(body, faults)
    representative = _read_representative(fields, delivery.recipient)
    address = _read_address(fields, delivery, representative, scripts)
    news = News(
        by=fields.text("by", most=100) or "",
        reason=fields.text("reason", most=LONGEST_REASON) or "",
        evidence=read_evidence(fields),
        address=address,
        consent=_read_consent(fields, delivery.recipient, now),
        representative=representative,
        standing=_read_standing(fields, now),
        changed=_read_change(fields, delivery.recipient, address, now),
    )
    if all(fields.get(part, required=False) is None for part in PARTS):
        fields.fault(None, "nothing_told", f"At least one of these should be told: {', '.join(PARTS)}.")
    fields.unknown()
    return tuple(faults) or news


def _read_representative(fields: Fields, known: Recipient) -> Representative | None:
    given = fields.object("representative", required=False)
    if given is None:
        return None
    representative = read_representative(given)
    _bounded(given, representative.id, known.representatives, MOST_REPRESENTATIVES)
    return representative


def _read_address(
    fields: Fields, delivery: Delivery, representative: Representative | None, scripts: ScriptPolicy
) -> Address | None:
    given = fields.object("address", required=False)
    if given is None:
        return None
    known = (*delivery.recipient.representatives, *([representative] if representative else []))
    address = read_address(given, {"recipient", *(one.id for one in known)}, scripts)
    _bounded(given, address.id, delivery.recipient.addresses, MOST_ADDRESSES)
    if _is_another_place(address, delivery):
        says = "Something was sent or done at the address with this id: another place should have an id of its own."
        given.fault("id", "address_in_use", says)
    return address


def _is_another_place(address: Address, delivery: Delivery) -> bool:
    """Whether the id is that of an address that was used, and the place another: its tries would be told of the wrong
    one.
    """
    known = next((one for one in delivery.recipient.addresses if one.id == address.id), None)
    used = {attempt.address for attempt in delivery.attempts} | {fact.address for fact in delivery.facts}
    moved = known is not None and (known.channel, known.value) != (address.channel, address.value)
    return moved and address.id in used


def _read_consent(fields: Fields, known: Recipient, now: datetime) -> Consent | None:
    given = fields.object("consent", required=False)
    if given is None:
        return None
    consent = read_consent(given)
    _bounded(given, consent.id, known.consents, MOST_CONSENTS)
    _not_to_come(given, "given_at", consent.given_at, now)
    _not_to_come(given, "withdrawn_at", consent.withdrawn_at, now)
    return consent


def _read_standing(fields: Fields, now: datetime) -> Standing | None:
    if fields.get("standing", required=False) is None:
        return None
    standing = read_standing(fields)
    if standing.since and standing.since > now:
        fields.fault_at(f"{fields.place('standing')}/since", *_TO_COME)
    return standing


def _read_change(fields: Fields, known: Recipient, address: Address | None, now: datetime) -> Fact | None:
    """`replaces`, `in_writing`, `at`: when the change reached the court; oral ones are on record and move nothing."""
    replaced = fields.text("replaces", most=40, required=False)
    in_writing = fields.flag("in_writing")
    at = fields.instant("at", required=replaced is not None)
    if replaced is None:
        if in_writing or at:
            fields.get("replaces")  # of what would that be?
        return None
    if replaced not in {one.id for one in known.addresses} or (address and replaced == address.id):
        says = "It should be the id of an address of this recipient that the new one takes the place of."
        fields.fault("replaces", "unknown_address", says)
    if fields.get("address") is None or address is None or at is None:
        return None
    _not_to_come(fields, "at", at, now)
    told = {"kind": "address_changed", "at": at.isoformat(), "address": replaced, "new_address": address.id}
    key = told_key(told | {"in_writing": in_writing})
    return Fact(kind="address_changed", at=at, address=replaced, new_address=address.id, in_writing=in_writing, key=key)


_TO_COME = ("in_the_future", "It should have happened before it is told.")


def _not_to_come(fields: Fields, name: str, at: datetime | None, now: datetime) -> None:
    if at and at > now:
        fields.fault(name, *_TO_COME)


def _bounded(fields: Fields, name: str, known: Sequence[Address | Consent | Representative], most: int) -> None:
    """A delivery does not grow without end."""
    if len(known) >= most and name not in {one.id for one in known}:
        fields.fault("id", "too_many", f"A recipient should have at most {most} of these: use the id of one of them.")
