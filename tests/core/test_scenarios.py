"""The published effect scenarios, each answered in full; and what plays no part in an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core.effect import Verdict, decide
from delivery.core.explaining import Explanation, Reasons, explain
from delivery.core.model import Fact
from delivery.core.question import Question
from delivery.core.standing import ONE_FACT
from tests.core.questions import EVERY, GIVEN, Json, answer, differences, legal, question, verdict
from tests.core.world import book


@pytest.mark.parametrize("name", GIVEN)
def test_a_given_scenario_is_answered_in_full(name: str) -> None:
    assert differences(answer(GIVEN[name]), GIVEN[name]["expect"]) == {}


def test_every_difference_is_seen() -> None:
    """The comparison itself: all parts of an answer are looked at, and an absent flag reads as false."""
    told = answer(GIVEN["E08"])
    assert differences({**told, "flags": {}}, {**GIVEN["E08"]["expect"], "flags": {"incident": False}}) == {}
    other = {"outcome": "served", "effective_date": None, "grounds": ["X"], "next": None, "flags": {"binding": True}}
    assert [*differences(told, other)] == ["outcome", "effective_date", "next", "grounds without", "binding"]


# --- order, repetition and lateness ----------------------------------------------------------------------------------


def recorded(event: Json) -> datetime:
    return datetime.fromisoformat(event.get("recorded_at") or event["at"])


def later(event: Json, by: timedelta, as_of: datetime) -> Json:
    """The same event, recorded later, but in time to be known."""
    at = recorded(event)
    return event if at > as_of else {**event, "recorded_at": min(at + by, as_of).isoformat()}


def one_fact(event: Json) -> object:
    """Records of one fact complete each other in the order of recording: they are delayed together."""
    parts = (event["kind"], event["at"], event.get("address"), event.get("attempt", 1))
    return parts if event["kind"] in ONE_FACT else id(event)


def same(scenario: Json, events: list[Json]) -> bool:
    return legal(verdict({**scenario, "events": events}).effect) == legal(verdict(scenario).effect)


def shuffled(events: list[Json], dice: Any) -> list[Json]:
    return dice.sample(events, k=len(events))


def doubled(scenario: Json, dice: Any, *, recorded_again: bool) -> list[Json]:
    as_of = datetime.fromisoformat(scenario["as_of"])
    twice = dice.choices(scenario["events"], k=2)
    if recorded_again:
        # a repeat of one of several records of a fact would be the latest of them: repeat them all, in their order
        twice = [other for event in twice for other in scenario["events"] if one_fact(other) == one_fact(event)]
        twice = [later(event, timedelta(minutes=1), as_of) for event in twice]
    return [*scenario["events"], *twice]


def delayed(scenario: Json, dice: Any) -> list[Json]:
    as_of = datetime.fromisoformat(scenario["as_of"])
    by = {one_fact(event): timedelta(hours=dice.randrange(2000)) for event in scenario["events"]}
    return [later(event, by[one_fact(event)], as_of) for event in scenario["events"]]


SCENARIOS = st.sampled_from(sorted(EVERY)).map(EVERY.__getitem__)
DICE = st.randoms(use_true_random=False)


@given(SCENARIOS, DICE)
@settings(max_examples=250, deadline=None)
def test_shuffling_changes_nothing(scenario: Json, dice: Any) -> None:
    assert same(scenario, shuffled(scenario["events"], dice))


@given(SCENARIOS, DICE, st.booleans())
@settings(max_examples=250, deadline=None)
def test_doubling_changes_nothing(scenario: Json, dice: Any, recorded_again: bool) -> None:
    assert same(scenario, shuffled(doubled(scenario, dice, recorded_again=recorded_again), dice))


@given(SCENARIOS, DICE)
@settings(max_examples=250, deadline=None)
def test_delaying_changes_nothing(scenario: Json, dice: Any) -> None:
    assert same(scenario, delayed(scenario, dice))


@pytest.mark.parametrize("name", GIVEN)
@given(dice=DICE, recorded_again=st.booleans())
@settings(max_examples=10, deadline=None)
def test_of_the_given_ones_each_bears_all_three(name: str, dice: Any, recorded_again: bool) -> None:
    scenario = {**GIVEN[name], "events": delayed(GIVEN[name], dice)}
    events = shuffled(doubled(scenario, dice, recorded_again=recorded_again), dice)
    assert differences(answer({**scenario, "events": events}), scenario["expect"]) == {}


@pytest.mark.parametrize("name", EVERY)
def test_what_is_recorded_after_the_question_does_not_exist(name: str) -> None:
    scenario = EVERY[name]
    as_of = datetime.fromisoformat(scenario["as_of"])
    for number, event in enumerate(scenario["events"]):
        rest = [*scenario["events"][:number], *scenario["events"][number + 1 :]]
        at = (as_of + timedelta(seconds=1)).isoformat()
        hidden = verdict({**scenario, "events": [*rest, {**event, "recorded_at": at}]})
        without = question(scenario)
        known = () if not rest else question({**scenario, "events": rest}).facts
        assert hidden.effect == decide(replace(without, facts=known), book()).effect
        at_last = {**event, "recorded_at": scenario["as_of"]}
        if recorded(event) <= as_of and one_fact(event) not in map(one_fact, rest):
            assert same(scenario, [*rest, at_last])


# --- the explanation -------------------------------------------------------------------------------------------------


SHORT_OF = ("tries_sufficient", "contact_failed", "reached_representative", "notice_justified")
"""Findings that what happened fell short of: where less happened they fail as before."""


def named(told: Explanation) -> set[Fact]:
    return {*told.decided.facts, *(fact for reasons in told.consequences for fact in reasons.facts)}


def bare(reasons: Reasons) -> Reasons:
    return replace(reasons, facts=())


def without(asked: Question, kind: str) -> Question:
    return replace(asked, facts=tuple(fact for fact in asked.facts if fact.kind != kind))


def idle(asked: Question, whole: Verdict, kind: str) -> bool:
    """Whether answer and reasons stay as they are when such facts are gone, and no other fact takes their place."""
    rest = decide(without(asked, kind), book())
    told, before = explain(rest), explain(whole)
    if rest.effect != whole.effect or bare(told.decided) != bare(before.decided):
        return False
    return [*map(bare, told.consequences)] == [*map(bare, before.consequences)] and named(told) <= named(before)


@pytest.mark.parametrize("name", EVERY)
def test_no_fact_that_the_explanation_names_is_idle(name: str) -> None:
    asked = question(EVERY[name])
    found = decide(asked, book())
    told = explain(found)
    assert named(told) <= {*asked.facts}
    short = any(told.decided.because.get(finding) is False for finding in SHORT_OF)
    for fact in named(told):
        fewer = replace(asked, facts=tuple(one for one in asked.facts if one != fact))
        assert explain(decide(fewer, book())) != told
        if not short and told.decided.rule != "no_calendar":
            assert not idle(asked, found, fact.kind), fact.kind


@pytest.mark.parametrize("name", EVERY)
def test_the_explanation_fits_the_answer(name: str) -> None:
    """Its sentences are those of the row that decided; what nearly decided lacked what it says; nothing is hidden."""
    found = verdict(EVERY[name])
    told = explain(found)
    assert (told.decided.says, told.decided.says_zh) == (found.effect.explanation, found.effect.explanation_zh)
    assert told.decided.says
    assert told.decided.says_zh
    assert len(told.others) == len(found.attempts) - (found.by is not None)
    assert [reasons.rule for reasons in told.consequences] == [row.id for row in found.consequences]
    for near in told.nearly:
        assert near.found not in near.wanted
        assert near.rule != told.decided.rule
