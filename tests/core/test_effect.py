"""The effect: the published scenarios, the properties of R8, and a small case for each row that no scenario covers."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.core.effect import document_effects
from delivery.core.report import effect_json
from tests.core.world import book, from_scenario

FOLDER = Path(__file__).parents[1] / "data" / "scenarios" / "effect"
SCENARIOS: dict[str, dict[str, Any]] = {
    scenario["id"]: scenario
    for path in sorted(FOLDER.glob("*.json"))
    for scenario in json.loads(path.read_text(encoding="utf-8"))
}
COVERED = (
    *("E01", "E03", "E06", "E07", "E08", "E09", "E10", "E10b", "E11", "E20", "E21", "E26", "E28", "E30", "E53", "E122"),
    *("M02", "M03", "M07", "M08", "M14", "M17", "M22", "M25", "M39"),
    *("C101", "C103", "C107", "C112", "T05e"),
)
"""Scenarios that rulebook cn answers in full."""

BARE = ("E20b", "E34", "E55", "K110")
"""Same outcome and date, but next step, grounds or flags of R3.2, R9.2, R9.3 and R9.4 are for the rulebook to come."""

KNOBS = ("K101", "K103", "K106", "K107")
"""A court's knob is turned: another rulebook than this one."""


def answer(scenario: dict[str, Any]) -> dict[str, Any]:
    as_of = datetime.fromisoformat(scenario["as_of"])
    ((document, effect),) = document_effects(from_scenario(scenario), book(), as_of)
    return effect_json(document, effect)


@pytest.mark.parametrize("name", COVERED)
def test_a_scenario_in_scope_is_answered_in_full(name: str) -> None:
    got, expected = answer(SCENARIOS[name]), SCENARIOS[name]["expect"]
    for key in ("outcome", "effective_date", "next"):
        assert got[key] == expected[key], key
    assert set(expected["grounds"]) <= set(got["grounds"])
    assert {name: got["flags"].get(name, False) or None for name in expected["flags"]} == {
        name: value or None for name, value in expected["flags"].items()
    }


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - set(COVERED) - set(KNOBS)))
def test_a_scenario_out_of_scope_goes_to_a_person_or_waits(name: str) -> None:
    got, expected = answer(SCENARIOS[name]), SCENARIOS[name]["expect"]
    if name in BARE:
        assert (got["outcome"], got["effective_date"]) == (expected["outcome"], expected["effective_date"])
    else:
        assert got["outcome"] in ("review", "pending")
        assert got["effective_date"] is None
