"""Builds deliveries for tests: from the published scenario format, and small ones by hand."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from delivery.core import rulebook
from delivery.core.civil import Calendar
from delivery.core.model import (
    Address,
    Attempt,
    Case,
    Delivery,
    Document,
    PostalAddress,
    Recipient,
    attempt_id,
)
from delivery.rulebooks import calendar_of, rulebook_of

CONFIG = Path(__file__).parents[2] / "config"


def rule_tables(name: str = "cn") -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in sorted((CONFIG / "rules" / name).glob("*.toml")):
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            merged[key] = merged.get(key, []) + value if isinstance(value, list) else value
    return merged


@cache
def rest_days(name: str = "cn") -> Calendar:
    return calendar_of(CONFIG, name)


@cache
def book(name: str = "cn") -> rulebook.Rulebook:
    return rulebook_of(CONFIG, name)


def _document(row: dict[str, Any]) -> Document:
    return Document(id="doc", type=row["type"], title=row["type"], sha256="0" * 64, pages=1, size=1)


POSTAL = PostalAddress(
    name="李四",
    phone="13900000003",
    province="青海省",
    city="海西蒙古族藏族自治州",
    county="格尔木市",
    detail="八一路1号",
    postcode="816000",
)


def address(channel: str, basis: str = "confirmed", id: str = "a1", **more: Any) -> Address:
    value = {"email": "li.si@mail.example", "sms": "+8613900000003", "post": POSTAL}.get(channel, "0979-8412345")
    proof = "telecom_real_name" if basis == "own" else None
    return Address(id=id, channel=channel, basis=basis, value=value, ownership_proof=proof, **more)


def delivery(*addresses: Address, at: datetime, **more: Any) -> Delivery:
    """One summons for one person, accepted just now."""
    recipient = Recipient(
        id="r1",
        role="defendant",
        kind="natural_person",
        name="李四",
        id_number="11010519491231002X",
        addresses=addresses,
    )
    whole: dict[str, Any] = {
        "documents": (_document({"type": "summons"}),),
        "recipient": recipient,
        "case": Case(number="（2024）青2801民初123号", kind="civil", procedure="ordinary", stage="first_instance"),
    }
    return Delivery(id="d1", court="632801", client="case-system", submission="s1", accepted_at=at, **{**whole, **more})


def attempted(channel: str, at: datetime, references: tuple[str, ...] = ()) -> Delivery:
    """The same, sealed, and taken by the provider of its one address."""
    made = delivery(address(channel), at=at)
    sent = Attempt(
        id=attempt_id("d1", "a1", 1),
        address="a1",
        channel=channel,
        number=1,
        announced_at=at,
        answer="taken",
        answered_at=at,
        references=references,
    )
    return replace(made, sealed=(("doc", "1" * 64),), attempts=(sent,))
