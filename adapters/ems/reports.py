"""A track report of the carrier becomes a receipt. Pure; the codes are data: adapters/ems_codes.toml.

One report is one JSON object, pushed (040002) or taken from the list that a track query (040001) answers.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Literal
from zoneinfo import ZoneInfo

from delivery.core.model import Fact, Person, Receipt
from delivery.core.ports import RawReceipt

CHANNEL = "ems"
ZONE = ZoneInfo("Asia/Shanghai")
MAX_ORDER_NUMBER = 50

Parcel = Literal["letter", "slip"]
_KINDS: Mapping[str, Parcel] = {"L": "letter", "H": "letter", "R": "slip", "S": "slip"}


def order_number(attempt: str, parcel: Parcel = "letter") -> str:
    """At most 50 characters. L and R (return) carry the attempt id itself; one that is too long is digested: H, S."""
    if re.fullmatch(rf"[A-Za-z0-9._-]{{1,{MAX_ORDER_NUMBER - 1}}}", attempt):
        return ("L" if parcel == "letter" else "R") + attempt
    return ("H" if parcel == "letter" else "S") + hashlib.sha256(attempt.encode()).hexdigest()[:40]


def _origin(number: str) -> tuple[str | None, Parcel]:
    """The attempt id that an order number carries (None where it does not), and which of the two parcels it is."""
    return (number[1:] if number[:1] in ("L", "R") else None) or None, _KINDS.get(number[:1], "letter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An opCode."""

    says: str
    stage: str
    fact: str | None = None
    cancels: tuple[str, ...] = ()
    person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """A deliverCode or an attemptDeliveryCode."""

    says: str
    by: str | None = None
    reason: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Codes:
    operation: Mapping[str, Operation]
    delivered: Mapping[str, Detail]
    not_delivered: Mapping[str, Detail]


@cache
def codes() -> Codes:
    """The table. Raises TypeError when a row has a field that nobody reads."""
    table = tomllib.loads((resources.files("adapters") / "ems_codes.toml").read_text("utf-8"))
    return Codes(
        {
            code: Operation(**{**row, "cancels": tuple(row.get("cancels", ()))})
            for code, row in table["operation"].items()
        },
        {code: Detail(**row) for code, row in table["delivered"].items()},
        {code: Detail(**row) for code, row in table["not_delivered"].items()},
    )


DETAILED: Mapping[str, str] = {"704": "deliverCode", "705": "attemptDeliveryCode", "711": "attemptDeliveryCode"}
"""Operations that a second code explains, and the field it comes in."""

_NEEDS_DETAIL = frozenset({"704", "705"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One operation on one parcel. `detail` is empty where the carrier gave none; `final`: it had the chance to."""

    waybill: str
    order: str
    operation: str
    detail: str
    name: str
    at: datetime
    final: bool

    @property
    def code(self) -> str:
        return f"{self.operation}/{self.detail}" if self.detail else self.operation

    @property
    def parcel(self) -> Parcel:
        return _origin(self.order)[1]

    @property
    def bare(self) -> bool:
        """A push that does not say yet who signed, or why nobody did."""
        return self.operation in _NEEDS_DETAIL and not self.detail and not self.final

    @property
    def explained(self) -> bool:
        return self.operation in _NEEDS_DETAIL and bool(self.detail)


def report(raw: RawReceipt) -> Report:
    """Raises ValueError when it is no report. What a query's answer leaves out is known from the question (`meta`)."""
    said = json_object(raw.body)
    operation = text(said, "opCode", 20)
    waybill = text(said, "waybillNo", 40) or raw.meta.get("waybillNo", "")
    if not (operation and waybill):
        raise ValueError("an EMS report names a waybill and an operation")
    return Report(
        waybill=waybill,
        order=text(said, "orderNo", 64) or raw.meta.get("orderNo", ""),
        operation=operation,
        detail=text(said, DETAILED[operation], 10) if operation in DETAILED else "",
        name=text(said, "opName", 200),
        at=datetime.strptime(text(said, "opTime", 19), "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE),
        final=raw.meta.get("source") == "query",
    )


def json_value(body: bytes | str) -> Any:
    """Raises ValueError."""
    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def json_object(body: bytes | str) -> dict[str, Any]:
    """Raises ValueError."""
    said = json_value(body)
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - a wrong message is a wrong value
    return said


def text(said: Mapping[str, Any], name: str, longest: int) -> str:
    """A short text or number; empty where it is absent or null. Raises ValueError for anything else."""
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | None):
        raise ValueError(f"{name} is no text")  # noqa: TRY004 - a wrong message is a wrong value
    written = "" if value is None else str(value).strip()
    if len(written) > longest:
        raise ValueError(f"{name} is too long")
    return written


def receipt(told: Report) -> Receipt:
    """A slip's own way, and a push that will be explained, move nothing in law: their codes begin with another word."""
    attempt, parcel = _origin(told.order)
    known = codes().operation.get(told.operation)
    found = Receipt(
        channel=CHANNEL,
        key=f"{told.waybill} {told.code} {told.at:%Y%m%d%H%M%S}",
        at=told.at,
        code=told.code,
        words=told.name or (known.says if known else ""),
        attempt=attempt,
        reference=told.waybill,
    )
    if parcel == "slip":
        return replace(found, code=f"slip/{told.code}")
    if told.bare:
        return replace(found, code=f"incomplete/{told.operation}", key=f"{found.key} incomplete")
    if known is None:
        return replace(found, unclear=f"operation {told.operation} is not in our table")
    return _judged(found, told, known)


def _judged(found: Receipt, told: Report, known: Operation) -> Receipt:
    detail = _detail(told)
    # A deletion of one of several operations names no single one; none of those is looked at by the law.
    cancels = known.cancels[0] if len(known.cancels) == 1 else None
    person = known.person or _puzzle(told, detail)
    return replace(found, fact=_fact(found, told, known, detail), unclear=person, cancels=cancels)


def _detail(told: Report) -> Detail | None:
    table = codes().delivered if told.operation == "704" else codes().not_delivered
    return table.get(told.detail)


def _puzzle(told: Report, detail: Detail | None) -> str | None:
    """Why a person has to look at the second code, if anybody has to."""
    if not told.detail:
        return None
    if detail is None:
        return f"{DETAILED[told.operation]} {told.detail} is not in our table"
    if told.operation == "704" and detail.by is None:
        return f"delivered, but who received it is not clear: {detail.says}"
    return detail.person


def _fact(found: Receipt, told: Report, known: Operation, detail: Detail | None) -> Fact | None:
    reason = detail.reason if detail else None
    match known.fact:
        case "posted":
            return Fact(kind="posted", at=told.at, key=found.key, carrier="state_post")
        case "lost":
            return Fact(kind="lost", at=told.at, key=found.key)
        case "signed":
            return _signature(found, told, detail)
        case "delivery_attempt":
            return _try(found, told, reason)
        case "returned":
            # Without a reason of its own a return has that of the last try before it, which the core knows.
            received = told.at.date()
            return Fact(kind="returned", at=told.at, key=found.key, reason=reason, court_received_on=received)
        case _:
            return None


def _signature(found: Receipt, told: Report, detail: Detail | None) -> Fact | None:
    """Who it was by name, and the number of the document shown, stand on the slip alone."""
    relation = detail.by if detail else "unverified"
    if relation is None or (told.detail and detail is None):
        return None
    return Fact(kind="signed", at=told.at, key=found.key, by=Person(relation=relation))


def _try(found: Receipt, told: Report, reason: str | None) -> Fact:
    if reason == "refused":
        # The code is the courier's note that it was refused; by whom stands on the slip.
        by = Person(relation="unverified")
        return Fact(kind="refused", at=told.at, key=found.key, by=by, noted=True, reason=reason)
    result = "nobody_home" if reason == "nobody_home" else None
    return Fact(kind="delivery_attempt", at=told.at, key=found.key, result=result, reason=reason)
