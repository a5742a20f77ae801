"""A form for what became known of the recipient, and what is read out of it. Pure.

What the form says becomes the JSON that a case system posts to `/v1/deliveries/{id}/address`, and goes through the same
reader: the same parts, the same faults.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from delivery.core import vocabulary
from delivery.core.fields import Fault
from delivery.core.model import Address, Consent, Delivery, PostalAddress, Representative
from delivery.core.recipient_news import PARTS, News, read_news
from delivery.web.fact_form import Form, told_instant
from delivery.web.fact_places import NO_SCRIPTS

OnFile = Address | Consent | Representative

NEW_HOLDER = "new"
"""The one who is entered in the same form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One field of a part. `what`: choice, text, instant, flag or many; `group`: fields that stand together."""

    name: str
    what: str
    words: tuple[str, ...] = ()
    required: bool = False
    group: str = "main"
    most: int = 254


def _choice(name: str, words: tuple[str, ...], *, required: bool = False, group: str = "main") -> Asked:
    return Asked(name=name, what="choice", words=words, required=required, group=group)


POSTAL = tuple(
    Asked(name=name, what="text", group="post", most=most)
    for name, most in (
        *(("name", 100), ("phone", 20), ("province", 40), ("city", 40)),
        *(("county", 40), ("detail", 200), ("postcode", 6)),
    )
)
ASKED: Mapping[str, tuple[Asked, ...]] = {
    "address": (
        _choice("channel", vocabulary.CHANNELS, required=True),
        _choice("basis", vocabulary.ADDRESS_BASES, required=True),
        Asked(name="value", what="text", group="value"),
        *POSTAL,
        _choice("holder", (), group="known"),
        Asked(name="given_at", what="instant", group="known"),
        _choice("confirmed_in", vocabulary.STAGES, group="known"),
        _choice("ownership_proof", vocabulary.OWNERSHIP_PROOFS, group="known"),
        _choice("fault", vocabulary.ADDRESS_FAULTS, group="known"),
        _choice("place", vocabulary.PLACES, group="known"),
        Asked(name="refused_after_warning", what="flag", group="known"),
        Asked(name="warning_on_record", what="flag", group="known"),
        Asked(name="dodging_evidence_on_file", what="flag", group="known"),
        Asked(name="receipt_there_agreed", what="flag", group="known"),
    ),
    "consent": (
        _choice("basis", vocabulary.CONSENT_BASES, required=True),
        Asked(name="given_at", what="instant", required=True),
        Asked(name="withdrawn_at", what="instant"),
        Asked(name="documents", what="many", words=("all", *vocabulary.DOCUMENT_TYPES), required=True),
        Asked(name="stages", what="many", words=("all", *vocabulary.STAGES), required=True),
    ),
    "representative": (
        _choice("kind", vocabulary.REPRESENTATIVE_KINDS, required=True),
        Asked(name="name", what="text", most=200),
        _choice("receipt_authority", vocabulary.RECEIPT_AUTHORITIES),
        Asked(name="named_receiver", what="flag"),
    ),
    "standing": (_choice("kind", vocabulary.STANDINGS, required=True), Asked(name="since", what="instant")),
}


_CHANGE = ("replaces", "at", "in_writing")
_ORDER = (
    "part",
    *(name for part in PARTS for name in (part, *(f"{part}.{one.name}" for one in ASKED[part]), *_CHANGE)),
    *("reason", "by"),
)
"""Of the fields on the page: faults are told in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What the form says, or every fault in it: (the field's name, the code of the fault)."""

    news: News | None = None
    faults: tuple[tuple[str, str], ...] = ()


def read_form(delivery: Delivery, form: Form, by: str, now: datetime, zone: tzinfo) -> Entered:
    """All faults at once. `by`: the account that enters it; `zone`: of the court, whose times the form has. A script is
    for a filing (contract.md §6).
    """
    read = read_news(_body(delivery, form, by, zone), delivery, now, NO_SCRIPTS)
    if isinstance(read, News):
        return Entered(news=read)
    faults = dict.fromkeys((_field_of(fault), _code(fault)) for fault in read)
    return Entered(faults=tuple(sorted(faults, key=lambda fault: _ORDER.index(fault[0]))))


def _body(delivery: Delivery, form: Form, by: str, zone: tzinfo) -> dict[str, Any]:
    """The body as a case system would send it. A part is told where any field of it is filled in."""
    known = known_parts(delivery)
    parts = {part: told for part in PARTS if (told := _part(part, form, zone))}
    for part in known.keys() & parts.keys():
        given = form.get(f"{part}.id", "")
        parts[part]["id"] = given if given in known[part] else _id_of(parts[part])
    if parts.get("address", {}).get("holder") == NEW_HOLDER and "representative" in parts:
        parts["address"]["holder"] = parts["representative"]["id"]
    body = {"by": by, "reason": " ".join(form.get("reason", "").split()) or None, **parts}
    body |= {"replaces": form.get("replaces") or None, "at": told_instant(form.get("at", ""), zone)}
    return body | ({"in_writing": True} if "in_writing" in form else {})


def known_parts(delivery: Delivery) -> Mapping[str, Mapping[str, OnFile]]:
    """What is on file of the parts that have ids, by id."""
    who = delivery.recipient
    return {
        "address": {one.id: one for one in who.addresses},
        "consent": {one.id: one for one in who.consents},
        "representative": {one.id: one for one in who.representatives},
    }


def _part(part: str, form: Form, zone: tzinfo) -> dict[str, Any]:
    told = {one.name: value for one in ASKED[part] if (value := _value(f"{part}.{one.name}", one, form, zone))}
    if part == "address" and told.get("channel") == "post":
        told.pop("value", None)
        told["value"] = {one.name: told.pop(one.name, "" if one.name == "county" else None) for one in POSTAL}
        return told
    for one in POSTAL if part == "address" else ():
        told.pop(one.name, None)
    return told


def _value(name: str, one: Asked, form: Form, zone: tzinfo) -> Any:
    match one.what:
        case "flag":
            return name in form
        case "many":
            return [word for word in one.words if f"{name}.{word}" in form]
        case "instant":
            return told_instant(form.get(name, ""), zone)
    return " ".join(form.get(name, "").split())


def _id_of(told: Mapping[str, Any]) -> str:
    """Made from what is told, so that a double click tells it once, and two clerks never overwrite each other."""
    return f"desk-{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]}"


def _field_of(fault: Fault) -> str:
    """Where in the form the reader's fault belongs; a part as a whole has its own name."""
    part, *rest = fault.pointer.lstrip("/").split("/")
    if not part:
        return "part"
    if rest[:1] == ["value"] and len(rest) == 2:  # of a postal address
        rest = rest[1:]
    return f"{part}.{rest[0]}" if rest and rest[0] != "id" else part


def _code(fault: Fault) -> str:
    return "missing" if fault.code in ("too_short", "blank") else fault.code


# --- what is on file, as the form shows it -------------------------------------------------------------------------


def on_file(delivery: Delivery, asked: Mapping[str, str], zone: tzinfo) -> dict[str, str]:
    """The fields of what the address of the page names (`address=a1`): to be changed, not typed again."""
    given: dict[str, str] = {}
    for part, known in known_parts(delivery).items():
        if one := known.get(asked.get(part, "")):
            given |= {f"{part}.id": one.id, **dict(_shown(part, one, zone))}
    return given


def _shown(part: str, one: OnFile, zone: tzinfo) -> Iterator[tuple[str, str]]:
    value = getattr(one, "value", None)
    for asked in ASKED[part]:
        whole = value if asked.group == "post" and isinstance(value, PostalAddress) else one
        found = getattr(whole, asked.name, None)
        name = f"{part}.{asked.name}"
        if isinstance(found, tuple):
            yield from ((f"{name}.{word}", "yes") for word in found)
        elif isinstance(found, datetime):
            yield name, _local(found, zone)
        elif found and not isinstance(found, PostalAddress):
            yield name, "yes" if found is True else str(found)


def _local(moment: datetime, zone: tzinfo) -> str:
    """As a form writes it; seconds only where there are any, so that nothing changes that nobody touched."""
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(timespec="seconds" if moment.second else "minutes")
