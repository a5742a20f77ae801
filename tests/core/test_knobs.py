"""Knobs: open questions as data, those of the published format letter by letter; a wrong override is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delivery import rulebooks
from delivery.core.knobs import Knobs, KnobsWrong, read_knobs
from delivery.core.tables import TablesBroken

SCHEMA = Path(__file__).parents[1] / "data" / "scenarios" / "schema.json"


def knobs() -> Knobs:
    return rulebooks.knobs_of(rulebooks.SHIPPED, "cn")


def test_the_knobs_are_those_of_the_scenario_format() -> None:
    published = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]["knobs"]["properties"]
    assert set(knobs().by_id) == set(published)
    for name, knob in knobs().by_id.items():
        assert list(knob.values) == published[name].get("enum", []), name
        assert knob.question
        assert knob.question_zh
        assert knob.ground == name.split("_")[0]


def test_the_first_value_of_a_list_is_its_default() -> None:
    assert all(knob.default == knob.values[0] for knob in knobs().by_id.values() if knob.values)
    assert knobs().turned()["K13"] == "08:00-21:00"
    assert knobs().turned()["K16"] == "24:00"


def test_an_override_changes_that_knob_alone() -> None:
    plain, turned = knobs().turned(), knobs().turned({"K15": "no", "K16": "17:30"})
    assert {name for name in plain if plain[name] != turned[name]} == {"K15", "K16"}
    assert (turned["K15"], turned["K16"]) == ("no", "17:30")


@pytest.mark.parametrize("value", ["00:00", "09:05", "17:30", "23:59", "24:00"])
def test_hours_that_are_hours(value: str) -> None:
    assert knobs().turned({"K16": value})["K16"] == value
    assert knobs().turned({"K13": f"00:00-{value}"})["K13"] == f"00:00-{value}"


@pytest.mark.parametrize("value", ["24:01", "25:00", "9:00", "17:60", "17:30:00", "", "noon", "17:30\n", 1730, None])
def test_hours_that_are_none(value: object) -> None:
    with pytest.raises(KnobsWrong):
        knobs().turned({"K16": value})
    with pytest.raises(KnobsWrong):
        knobs().turned({"K13": f"08:00-{value}"})


def test_every_wrong_override_is_told() -> None:
    with pytest.raises(KnobsWrong) as caught:
        knobs().turned({"K15": "perhaps", "K99": "yes", "K17": "roll", "K16": True})
    assert [name for name, _ in caught.value.faults] == ["K15", "K99", "K16"]
    assert "yes, no" in caught.value.faults[0][1]
    assert "K1, K2" in caught.value.faults[1][1]
    assert "HH:MM" in caught.value.faults[2][1]
    assert "K99" in str(caught.value)


def test_a_broken_file_names_every_fault() -> None:
    good = {"question": "q", "question_zh": "问", "values": ["a", "b"], "default": "a"}
    tables = {
        "knob": {
            "A": good,
            "B": {**good, "default": "c"},
            "C": {**good, "form": "HH:MM"},
            "D": {"question": "q", "question_zh": "问", "default": "a"},
            "E": {**good, "values": ["a", "a"]},
            "F": {**good, "why": "?"},
            "G": "yes",
            "H": {"question": "q", "question_zh": "问", "form": "HH:MM", "default": "25:00"},
            "I": {"values": ["a"], "question": " "},
        },
        "other": 1,
    }
    with pytest.raises(TablesBroken) as caught:
        read_knobs("cn/knobs.toml", tables)
    assert sorted(fault.split(": ")[1] for fault in caught.value.faults) == [
        "/knob/B/default",
        "/knob/C",
        "/knob/D",
        "/knob/E",
        "/knob/E/values",
        "/knob/F/why",
        "/knob/G",
        "/knob/H/default",
        "/knob/I/default",
        "/knob/I/question",
        "/knob/I/question_zh",
        "/other",
    ]
