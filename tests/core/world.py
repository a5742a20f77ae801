"""Builds deliveries for tests: from the published scenario format, and small ones by hand."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from delivery.core import rulebook
from delivery.core.model import (
    Address,
    Case,
    Consent,
    Delivery,
    Document,
    Fact,
    Person,
    Recipient,
    Representative,
    Standing,
)

RULES = Path(__file__).parents[2] / "config" / "rules"


def rule_tables(name: str = "cn") -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in sorted((RULES / name).glob("*.toml")):
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            merged[key] = merged.get(key, []) + value if key == "rule" else value
    return merged


@cache
def book() -> rulebook.Rulebook:
    return rulebook.load(rule_tables())


def instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def from_scenario(scenario: dict[str, Any]) -> Delivery:
    """One delivery with one document, as it is known at `as_of`. Its attempts are those that its facts tell of."""
    as_of = datetime.fromisoformat(scenario["as_of"])
    return Delivery(
        id="d1",
        court="632801",
        client="case-system",
        submission="s1",
        case=Case(number="", **scenario["case"]),
        documents=(_document(scenario["document"]),),
        recipient=_recipient(scenario),
        accepted_at=as_of,
        facts=tuple(_fact(e) for e in scenario["events"] if _known_at(e) <= as_of),
    )


def _known_at(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event.get("recorded_at") or event["at"])


def _document(row: dict[str, Any]) -> Document:
    return Document(id="doc", type=row["type"], title=row["type"], sha256="0" * 64, pages=1, size=1)


def _recipient(scenario: dict[str, Any]) -> Recipient:
    row = scenario["recipient"]
    return Recipient(
        id="r1",
        role=row["role"],
        kind=row["kind"],
        name="",
        domicile=row["domicile"],
        standing=Standing(kind=row["standing"]["kind"], since=instant(row["standing"]["since"])),
        consents=tuple(
            Consent(
                id=c["id"],
                basis=c["basis"],
                documents=tuple(c["documents"]),
                stages=tuple(c["stages"]),
                given_at=datetime.fromisoformat(c["given_at"]),
                withdrawn_at=instant(c["withdrawn_at"]),
            )
            for c in scenario["consents"]
        ),
        representatives=tuple(Representative(**r) for r in row.get("representatives", ())),
        addresses=tuple(
            Address(**{**a, "value": "", "given_at": instant(a.get("given_at"))}) for a in scenario["addresses"]
        ),
    )


def _fact(row: dict[str, Any]) -> Fact:
    known = {k: v for k, v in row.items() if k in Fact.__dataclass_fields__}
    by = row.get("by")
    person = Person(**{k: v for k, v in by.items() if k in Person.__dataclass_fields__}) if by else None
    return Fact(
        **{
            **known,
            "at": datetime.fromisoformat(row["at"]),
            "by": person,
            "noted_on": day(row.get("noted_on")),
            "court_received_on": day(row.get("court_received_on")),
            "key": f"{row['kind']}@{row['at']}",
        }
    )
