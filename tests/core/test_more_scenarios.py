"""More effect scenarios, in the published format: each a legal situation of its own, solved from the law alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from delivery.core.effect import decide
from delivery.core.model import Effect
from delivery.core.scenario import Asked, read_scenario
from tests.core.world import book

DATA = Path(__file__).parents[1] / "data"
SCENARIOS: list[dict[str, Any]] = [
    scenario
    for path in sorted((DATA / "more" / "effect").glob("*.json"))
    for scenario in json.loads(path.read_text(encoding="utf-8"))
]


def answered(scenario: dict[str, Any]) -> Effect:
    asked = read_scenario(scenario)
    assert isinstance(asked, Asked), asked
    return decide(replace(asked.question, knobs=asked.knobs), book()).effect


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["id"])
def test_each_is_answered_as_the_law_says(scenario: dict[str, Any]) -> None:
    effect, expected = answered(scenario), scenario["expect"]
    told = effect.effective_date.isoformat() if effect.effective_date else None
    assert (effect.outcome, told, effect.next) == (
        expected["outcome"],
        expected["effective_date"],
        expected["next"],
    ), effect
    assert {*expected["grounds"]} <= {*effect.grounds}
    assert {name: effect.flag(name) or None for name in expected["flags"]} == {
        name: value or None for name, value in expected["flags"].items()
    }


def test_each_has_an_id_of_its_own() -> None:
    names = [scenario["id"] for scenario in SCENARIOS]
    assert len(names) == len({*names}) > 0


def test_all_are_written_as_the_schema_says() -> None:
    schema = json.loads((DATA / "scenarios" / "schema.json").read_text(encoding="utf-8"))
    valid = Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/effect"})
    assert not [(one["id"], fault.message) for one in SCENARIOS for fault in valid.iter_errors(one)]
