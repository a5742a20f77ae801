"""A form for a fact learnt elsewhere, made from the shapes of the scenario format, and what is read out of it. Pure.

What the form says becomes the JSON that a case system would send, and goes through the same reader: the same faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from delivery.core import vocabulary
from delivery.core.events import Event, FactRecorded, RecipientLearnt, apply
from delivery.core.facts import FLAGS, LISTS, SHAPES, words_of
from delivery.core.fields import Fault
from delivery.core.learnt import read_told_fact
from delivery.core.model import Address, Delivery, Fact
from delivery.core.recipients import MOST_ADDRESSES
from delivery.web.fact_methods import Method
from delivery.web.fact_places import Chosen, choose
from delivery.web.slips import local_instant

Form = Mapping[str, str]
LONGEST_REASON = 500
PERSON_FLAGS = ("adult", "cohabiting", "opposing_party")
RELATIONS = tuple(relation for relation in vocabulary.RELATIONS if relation != "parcel_locker")
"""Nothing that a clerk learns elsewhere was signed for by a locker."""

_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """One field of the form. `what`: flag, many, choice, person, instant or day; `words`: those to choose from."""

    name: str
    kind: str
    field: str
    what: str
    words: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What the form says, or every fault in it: (the field's name, the code of the fault)."""

    facts: tuple[Fact, ...] = ()
    address: Address | None = None
    reason: str = ""
    faults: tuple[tuple[str, str], ...] = ()


def widgets(method: Method) -> list[Widget]:
    """The fields that the method asks for, kind by kind; what has to be said comes first."""
    return [widget for kind in method.kinds for widget in sorted(_of_kind(method, kind), key=_weight)]


def _of_kind(method: Method, kind: str) -> Iterator[Widget]:
    for name in SHAPES[kind].fields:
        full = f"{kind}.{name}"
        if full in method.omits or full in method.says or name == "decided_by":
            continue
        what, known = _what(kind, name)
        required = name in SHAPES[kind].needs and what not in ("flag", "many")
        yield Widget(
            name=full, kind=kind, field=name, what=what, words=method.offers.get(full) or known, required=required
        )


def _what(kind: str, name: str) -> tuple[str, tuple[str, ...]]:
    if name in FLAGS:
        return "flag", ()
    if name in LISTS:
        return "many", LISTS[name]
    if name in ("by", "raised_by"):
        return "person", RELATIONS
    if known := words_of(kind, name):
        return "choice", known
    return ("instant" if name == "proved_at" else "day"), ()


def _weight(widget: Widget) -> int:
    return ("person", "choice", "instant", "day", "many", "flag").index(widget.what)


def read_form(method: Method, delivery: Delivery, form: Form, role: str, now: datetime, zone: tzinfo) -> Entered:
    """All faults at once, as everywhere. `role`: of the account that enters it, for what an official has to decide."""
    chosen = choose(method, delivery, form)
    here = apply(delivery, RecipientLearnt(at=now, by="", addresses=(chosen.address,))) if chosen.address else delivery
    reason = " ".join(form.get("reason", "").split())[:LONGEST_REASON]
    faults = [*chosen.faults, *_overfull(delivery, chosen.address), *([] if reason else [("reason", "missing")])]
    facts: list[Fact] = []
    for kind in method.kinds:
        read = read_told_fact(_told(method, kind, form, chosen, role, zone), here, now)
        if isinstance(read, Fact):
            facts.append(read)
        else:  # where no place could be read, that has been said
            found = [(_field_of(kind, fault), fault.code) for fault in read]
            faults += [fault for fault in found if not (chosen.faults and fault[0] == "place")]
    if faults:
        return Entered(reason=reason, faults=tuple(dict.fromkeys(faults)))
    return Entered(facts=tuple(facts), address=chosen.address, reason=reason)


def _overfull(delivery: Delivery, address: Address | None) -> Sequence[tuple[str, str]]:
    known = {one.id for one in delivery.recipient.addresses}
    full = address is not None and address.id not in known and len(known) >= MOST_ADDRESSES
    return [("place", "too_many")] if full else []


def _told(method: Method, kind: str, form: Form, chosen: Chosen, role: str, zone: tzinfo) -> dict[str, Any]:
    """The fact as a case system would tell it."""
    told: dict[str, Any] = {"kind": kind, "at": told_instant(form.get("at", ""), zone)}
    if chosen.place:
        told |= {"address": chosen.place[0], "attempt": chosen.place[1]}
    for name in SHAPES[kind].fields:
        full = f"{kind}.{name}"
        if full not in method.omits:
            told[name] = role if name == "decided_by" else method.says.get(full) or _value(kind, name, form, zone)
    return {name: value for name, value in told.items() if value is not None}


def _value(kind: str, name: str, form: Form, zone: tzinfo) -> Any:
    full = f"{kind}.{name}"
    what, known = _what(kind, name)
    match what:
        case "flag":
            return full in form
        case "many":
            return [word for word in known if f"{full}.{word}" in form]
        case "person":
            return _person(full, form)
        case "instant":
            return told_instant(form.get(full, ""), zone)
    return form.get(full) or None


def _person(full: str, form: Form) -> dict[str, Any]:
    told: dict[str, Any] = {flag: True for flag in PERSON_FLAGS if f"{full}.{flag}" in form}
    for name in ("relation", "name", "representative"):
        if value := form.get(f"{full}.{name}", "").strip():
            told[name] = value
    return told


def told_instant(value: str, zone: tzinfo) -> str | None:
    """A form's local date and time in the court's zone as an instant; what is none is left to the reader to refuse."""
    moment = local_instant(value, zone) if _LOCAL.fullmatch(value) else None
    return moment.isoformat() if moment else value or None


def _field_of(kind: str, fault: Fault) -> str:
    """Where in the form the reader's fault belongs."""
    names = fault.pointer.lstrip("/").split("/")
    if names[0] in ("at", "address", "attempt", "kind"):
        return "place" if names[0] in ("address", "attempt") else names[0]
    known = names[:2] if names[0] in ("by", "raised_by") else names[:1]
    return ".".join((kind, *known))


def recorded(delivery: Delivery, entered: Entered, *, by: str, evidence: str | None, now: datetime) -> Sequence[Event]:
    """The events; nothing when all of it is known already (a double click)."""
    facts = [fact for fact in entered.facts if fact not in delivery.facts]
    events: list[Event] = []
    if facts and entered.address and entered.address not in delivery.recipient.addresses:
        learnt = RecipientLearnt(at=now, by=by, reason=entered.reason, evidence=evidence, addresses=(entered.address,))
        events.append(learnt)
    events += [FactRecorded(at=now, fact=fact, by=by, reason=entered.reason, evidence=evidence) for fact in facts]
    return events
