"""What the effect engine and the period calculator take for the published scenarios, each answer checked."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from delivery import rulebooks
from delivery.core.effect import decide
from delivery.core.effect_answer import answer_json
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.core.scenario import Asked, read_scenario

SCENARIOS = Path(__file__).parents[1] / "data" / "scenarios"


def effects(rounds: int) -> Iterator[tuple[float, float]]:
    """Milliseconds for the verdict, and for the verdict with its explanation, of each scenario in turn."""
    book = rulebooks.rulebook_of(rulebooks.SHIPPED, "cn")
    for path in sorted((SCENARIOS / "effect").glob("*.json")):
        for scenario in json.loads(path.read_text("utf-8")):
            asked = read_scenario(scenario)
            assert isinstance(asked, Asked)
            assert str(decide(asked.question, book).effect.outcome) == scenario["expect"]["outcome"] or asked.knobs
            for _ in range(rounds):
                yield (
                    _milliseconds(lambda question=asked.question: decide(question, book)),
                    _milliseconds(lambda question=asked.question: answer_json("", decide(question, book))),
                )


def periods(rounds: int) -> Iterator[float]:
    """Milliseconds for each period scenario in turn."""
    law = rulebooks.period_law(rulebooks.SHIPPED, "cn")
    for scenario in json.loads((SCENARIOS / "periods.json").read_text("utf-8")):
        question = read_period_question(scenario, "", lambda _: law)
        assert isinstance(question, PeriodQuestion)
        assert question.answer().last_day == _day(scenario["expect"]["last_day"])
        for _ in range(rounds):
            yield _milliseconds(question.answer)


def _day(text: str | None) -> Any:
    return date.fromisoformat(text) if text else None


def _milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000
