"""What to do next and by when: the days are those of the rulebook, for that case and that person."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from delivery.core import rulebook
from delivery.core.catalogue import read_catalogue
from delivery.core.rulebook import Rulebook
from delivery.web.advice import advice
from delivery.web.pages import Text, catalogue
from tests.core.world import address, book, delivery, rest_days, rule_tables

NOW = datetime.fromisoformat("2025-09-16T12:00:00+08:00")


def said(
    document: str,
    *,
    rules: Rulebook | None = None,
    domicile: str = "mainland",
    kind: str = "civil",
    procedure: str = "ordinary",
) -> str:
    made = delivery(address("email"), at=NOW)
    told = replace(
        made,
        case=replace(made.case, kind=kind, procedure=procedure),
        documents=(replace(made.documents[0], type=document),),
        recipient=replace(made.recipient, domicile=domicile),
    )
    ((_, sentence),) = advice(told, rules or book(), NOW, Text("en", catalogue("recipient")))
    return sentence


@pytest.mark.parametrize(
    ("document", "kind", "domicile", "days"),
    [
        ("complaint_copy", "civil", "mainland", 15),
        ("complaint_copy", "civil", "hong_kong", 30),
        ("complaint_copy", "administrative", "hong_kong", 15),
        ("judgment", "civil", "foreign", 30),
        ("judgment", "criminal", "mainland", 10),
        ("ruling", "administrative", "mainland", 10),
        ("payment_order", "civil", "mainland", 15),
    ],
)
def test_the_days_are_those_of_the_case_and_the_person(document: str, kind: str, domicile: str, days: int) -> None:
    assert f"ithin {days} days" in said(document, kind=kind, domicile=domicile)


@pytest.mark.parametrize("document", ["judgment", "ruling"])
def test_a_small_claim_is_decided_for_good(document: str) -> None:
    assert "final" in said(document, procedure="small_claims")


def test_where_no_period_is_known_none_is_told() -> None:
    assert "within the time it states" in said("complaint_copy", kind="criminal")


def test_another_length_in_the_rulebook_is_another_sentence() -> None:
    law = book().period_law
    assert law
    tables = rule_tables()
    (row,) = (row for row in tables["period"] if row["code"] == "APPEAL_JUDGMENT")
    for length in row["lengths"]:
        length["n"] += 2
    edited = {name: tables[name] for name in ("periods", "means", "counting", "period")}
    longer = replace(law, catalogue=read_catalogue("periods.toml", edited, law.knobs))
    rules = rulebook.load(rule_tables(), rest_days(), longer)
    assert "within 17 days" in said("judgment", rules=rules)
