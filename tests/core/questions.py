"""Effect scenarios for tests: those given, those of our own, and what the engine answers to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from delivery.core.effect import Verdict, decide
from delivery.core.effect_answer import answer_json
from delivery.core.model import Effect
from delivery.core.question import Question
from delivery.core.rulebook import Rulebook
from delivery.core.scenario import Asked, read_scenario
from tests.core.world import book

DATA = Path(__file__).parents[1] / "data"
GIVEN_FILES = tuple(sorted((DATA / "scenarios" / "effect").glob("*.json")))
Json = dict[str, Any]


def _all(files: tuple[Path, ...]) -> dict[str, Json]:
    return {one["id"]: one for file in files for one in json.loads(file.read_text(encoding="utf-8"))}


GIVEN = _all(GIVEN_FILES)
MORE = _all(tuple(sorted((DATA / "more" / "effect").glob("*.json"))))
EVERY = {**GIVEN, **MORE}


def question(scenario: Mapping[str, Any]) -> Question:
    asked = read_scenario(scenario)
    assert isinstance(asked, Asked), asked
    return replace(asked.question, knobs=asked.knobs)


def verdict(scenario: Mapping[str, Any], rules: Rulebook | None = None) -> Verdict:
    return decide(question(scenario), rules or book())


def answer(scenario: Mapping[str, Any], rules: Rulebook | None = None) -> Json:
    return answer_json(scenario["id"], verdict(scenario, rules))


def legal(effect: Effect) -> tuple[object, ...]:
    """What a case system is told, without the sentences: outcome, date, grounds, next step, flags."""
    return effect.outcome, effect.effective_date, {*effect.grounds}, effect.next, dict(effect.flags)


def differences(answer: Json, expect: Json) -> Json:
    """Where an answer is not as expected, compared as the scenario format says; what the answer has there."""
    wrong = {name: answer[name] for name in ("outcome", "effective_date", "next") if answer[name] != expect[name]}
    if missing := {*expect["grounds"]} - {*answer["grounds"]}:
        wrong["grounds without"] = sorted(missing)
    flags = {name: answer["flags"].get(name) for name in expect["flags"]}
    return wrong | {name: told for name, told in flags.items() if (told or None) != (expect["flags"][name] or None)}
