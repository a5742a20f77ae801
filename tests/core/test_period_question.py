"""Period scenarios as they come: what the format allows is read, all else is told with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import rulebooks
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.core.periods import Span, WhyNot
from tests.core.terms import CN, SCENARIOS

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "scenarios" / "schema.json").read_text(encoding="utf-8"))
PERIOD = jsonschema.Draft202012Validator({**SCHEMA["$defs"]["period"], "$defs": SCHEMA["$defs"]})
GOOD: dict[str, Any] = {
    "id": "X01",
    "jurisdiction": "cn",
    "period": "APPEAL_JUDGMENT",
    "case_kind": "civil",
    "start": {"fact": "service", "outcome": "served", "date": "2025-09-16"},
}
PARTY = {"id": "p1", "prc_domicile": True, "start": GOOD["start"]}
FINAL = {**{name: value for name, value in GOOD.items() if name != "start"}, "period": "FINALITY_RULING"}
ACT = {"id": "q1", "means": "post", "at": "2025-09-16T10:00:00+08:00"}


def read(scenario: Any, place: str = "") -> Any:
    return read_period_question(scenario, place, {"cn": CN}.get)


def question(scenario: Mapping[str, Any]) -> PeriodQuestion:
    found = read(scenario)
    assert isinstance(found, PeriodQuestion), found
    return found


def places(scenario: Any, place: str = "") -> list[str]:
    found = read(scenario, place)
    assert not isinstance(found, PeriodQuestion)
    assert all(fault.message for fault in found)
    return [fault.pointer for fault in found]


def without(name: str) -> dict[str, Any]:
    return {each: value for each, value in GOOD.items() if each != name}


def test_a_small_question_is_read() -> None:
    found = question(GOOD)
    assert (found.id, found.code, found.prc_domicile, found.given) == ("X01", "APPEAL_JUDGMENT", True, None)
    assert found.start is not None
    assert (found.start.fact, found.start.outcome, found.start.day) == ("service", "served", date(2025, 9, 16))
    assert (found.parties, found.acts) == ((), ())


def test_everything_that_may_be_said_is_read() -> None:
    start = {"fact": "filing", "at": "2025-09-16T16:30:00Z"}
    act = {**ACT, "arrives_at": "2025-09-17T10:00:00Z"}
    more = {"title": "t", "procedure": "simplified", "stage": "retrial", "prc_domicile": False, "questions": [act]}
    length = {"n": 3, "unit": "month"}
    found = question({**GOOD, **more, "period": "CUSTOM", "start": start, "length": length, "knobs": {"K15": "no"}})
    assert (found.case.procedure, found.case.stage, found.prc_domicile) == ("simplified", "retrial", False)
    assert found.given == Span(3, "month")
    assert found.start is not None
    assert found.start.at == datetime(2025, 9, 16, 16, 30, tzinfo=UTC)
    assert [(each.id, each.means) for each in found.acts] == [("q1", "post")]
    assert found.acts[0].arrives_at == datetime(2025, 9, 17, 10, 0, tzinfo=UTC)
    assert found.law.settings["K15"] == "no"


def test_what_is_not_said_is_the_usual_case() -> None:
    """An evidence period without procedure and stage is held to the bounds of the ordinary first instance."""
    scenario = {**GOOD, "period": "EVIDENCE", "length": {"n": 14, "unit": "day"}}
    assert question(scenario).answer().why_not == "length_not_allowed"
    assert question({**scenario, "stage": "second_instance"}).answer().why_not is None


def test_acts_are_answered_where_the_period_has_an_end() -> None:
    acts = [{**ACT, "at": "2025-10-09T15:59:59Z"}, {**ACT, "id": "q2", "at": "2025-10-09T16:00:00Z"}]
    asked = question({**GOOD, "questions": acts})
    assert asked.in_time(asked.answer()) == {"q1": True, "q2": False}
    pending = question({**GOOD, "questions": acts, "start": {"fact": "service", "outcome": "pending", "date": None}})
    assert pending.in_time(pending.answer()) == {}


@pytest.mark.parametrize(
    "when",
    [
        {"date": "0001-01-01"},
        {"date": "1899-12-31"},
        {"date": "2200-01-01"},
        {"date": "9999-12-31"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": "9999-12-31T23:59:59Z"},
    ],
)
def test_a_year_without_a_calendar_is_an_answer_however_far_it_lies(when: dict[str, str]) -> None:
    """law.md P15: a period that cannot be computed is answered with its error, it is no fault of the scenario."""
    start = {"fact": "service", "outcome": "served", **when}
    assert question({**GOOD, "start": start}).answer().why_not == WhyNot.NO_CALENDAR_DATA
    parties = [PARTY, {**PARTY, "id": "p2", "start": start}]
    assert question({**FINAL, "parties": parties}).answer().why_not == WhyNot.NO_CALENDAR_DATA


def test_parties_are_read() -> None:
    found = question({**FINAL, "parties": [PARTY, {**PARTY, "id": "p2", "prc_domicile": False}]})
    assert [(each.id, each.prc_domicile) for each in found.parties] == [("p1", True), ("p2", False)]
    assert found.start is None


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        (without("id"), ["/id"]),
        (without("jurisdiction"), ["/jurisdiction"]),
        (without("period"), ["/period"]),
        (without("case_kind"), ["/case_kind"]),
        (without("start"), [""]),
        ({**GOOD, "parties": [PARTY]}, ["", "/parties"]),
        ({**FINAL, "start": GOOD["start"]}, ["/start"]),
        ({**without("start"), "parties": [PARTY]}, ["/parties"]),
        ({**FINAL, "parties": []}, ["/parties"]),
        ({**FINAL, "parties": [{"id": "p1"}]}, ["/parties/0/prc_domicile", "/parties/0/start"]),
        ({**FINAL, "parties": [{**PARTY, "prc_domicile": 1}]}, ["/parties/0/prc_domicile"]),
        ({**FINAL, "parties": [{**PARTY, "id": 7, "name": "x"}]}, ["/parties/0/id", "/parties/0/name"]),
        ({**FINAL, "parties": [PARTY, 5]}, ["/parties/1"]),
        ({**GOOD, "jurisdiction": "xx"}, ["/jurisdiction"]),
        ({**GOOD, "jurisdiction": "../cn"}, ["/jurisdiction"]),
        ({**GOOD, "jurisdiction": 3}, ["/jurisdiction"]),
        ({**GOOD, "period": "NONE"}, ["/period"]),
        ({**GOOD, "period": ["APPEAL_RULING"]}, ["/period"]),
        ({**GOOD, "case_kind": "tax"}, ["/case_kind"]),
        ({**GOOD, "procedure": "quick"}, ["/procedure"]),
        ({**GOOD, "stage": "third"}, ["/stage"]),
        ({**GOOD, "prc_domicile": "no"}, ["/prc_domicile"]),
        ({**GOOD, "prc_domicile": None}, ["/prc_domicile"]),
        ({**GOOD, "colour": "red"}, ["/colour"]),
        ({**GOOD, "length": {"n": 3, "unit": "day"}}, ["/length"]),
        ({**GOOD, "period": "CUSTOM"}, ["/length"]),
        ({**GOOD, "period": "CUSTOM", "length": None}, ["/length"]),
        ({**GOOD, "period": "CUSTOM", "length": {"n": 0, "unit": "hour"}}, ["/length/n", "/length/unit"]),
        ({**GOOD, "period": "CUSTOM", "length": {"days": 3}}, ["/length/n", "/length/unit", "/length/days"]),
        ({**GOOD, "period": "CUSTOM", "length": 3}, ["/length"]),
        ({**GOOD, "start": {**GOOD["start"], "fact": "rumour"}}, ["/start/fact"]),
        ({**GOOD, "start": {**GOOD["start"], "outcome": "perhaps"}}, ["/start/outcome"]),
        ({**GOOD, "start": {"fact": "service", "date": "2025-09-16"}}, ["/start/outcome"]),
        ({**GOOD, "start": {"fact": "posting"}}, ["/start"]),
        ({**GOOD, "start": {**GOOD["start"], "at": "2025-09-16T10:00:00Z"}}, ["/start"]),
        ({**GOOD, "start": {**GOOD["start"], "date": "2025-02-30"}}, ["/start/date"]),
        ({**GOOD, "start": {**GOOD["start"], "date": "16.9.2025"}}, ["/start/date"]),
        ({**GOOD, "start": {"fact": "posting", "at": "2025-09-16T10:00:00"}}, ["/start/at"]),
        ({**GOOD, "start": {"fact": "posting", "at": None}}, ["/start/at"]),
        ({**GOOD, "start": {**GOOD["start"], "why": "?"}}, ["/start/why"]),
        ({**GOOD, "start": "2025-09-16"}, ["/start"]),
        ({**GOOD, "start": None}, ["/start"]),
        ({**GOOD, "knobs": {"K15": "perhaps", "K99": "yes"}}, ["/knobs/K15", "/knobs/K99"]),
        ({**GOOD, "knobs": "none"}, ["/knobs"]),
        ({**GOOD, "questions": [{**ACT, "means": "pigeon"}]}, ["/questions/0/means"]),
        ({**GOOD, "questions": [{"id": "q"}]}, ["/questions/0/means", "/questions/0/at"]),
        ({**GOOD, "questions": [{**ACT, "arrives_at": None}]}, ["/questions/0/arrives_at"]),
        ({**GOOD, "questions": [ACT, ACT]}, ["/questions/1/id"]),
        ({**GOOD, "questions": [ACT, {**ACT, "id": "q2", "by": "me"}]}, ["/questions/1/by"]),
        ({**GOOD, "questions": ACT}, ["/questions"]),
        ([], [""]),
        ("X01", [""]),
        (None, [""]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(scenario: Any, expected: list[str]) -> None:
    assert places(scenario) == expected
    assert places(scenario, "/7") == [f"/7{place}" for place in expected]


def test_every_fault_is_told_at_once() -> None:
    scenario = {"period": "NONE", "case_kind": "tax", "start": {"fact": "x"}, "questions": [{}], "y": 1}
    assert sorted(places(scenario)) == [
        "/case_kind",
        "/id",
        "/jurisdiction",
        "/questions/0/at",
        "/questions/0/id",
        "/questions/0/means",
        "/start",
        "/start/fact",
        "/y",
    ]


def test_no_fault_repeats_what_was_filed() -> None:
    for fault in read({**GOOD, "id": 5, "period": "SECRET", "knobs": {"K15": "SECRET"}}):
        assert "SECRET" not in fault.message


# --- the published format --------------------------------------------------------------------------------------------

starts = st.fixed_dictionaries(
    {"fact": st.sampled_from(SCHEMA["$defs"]["start"]["properties"]["fact"]["enum"])},
    optional={
        "outcome": st.sampled_from(SCHEMA["$defs"]["start"]["properties"]["outcome"]["enum"]),
        "date": st.one_of(st.none(), st.dates(date(2009, 1, 1), date(2028, 1, 1)).map(date.isoformat)),
        "at": st.datetimes(datetime(2009, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - Z is put behind it
            lambda found: found.replace(microsecond=0).isoformat() + "Z"
        ),
    },
)
parties = st.lists(
    st.fixed_dictionaries({"id": st.text("ab", max_size=2), "prc_domicile": st.booleans(), "start": starts}),
    min_size=1,
    max_size=3,
)
scenarios = st.fixed_dictionaries(
    {
        "id": st.just("X01"),
        "jurisdiction": st.just("cn"),
        "period": st.sampled_from(SCHEMA["$defs"]["period"]["properties"]["period"]["enum"]),
        "case_kind": st.sampled_from(["civil", "administrative", "criminal"]),
    },
    optional={
        "prc_domicile": st.booleans(),
        "procedure": st.sampled_from(SCHEMA["$defs"]["period"]["properties"]["procedure"]["enum"]),
        "stage": st.sampled_from(SCHEMA["$defs"]["period"]["properties"]["stage"]["enum"]),
        "start": starts,
        "parties": parties,
        "length": st.fixed_dictionaries({"n": st.integers(1, 40), "unit": st.sampled_from(["day", "month", "year"])}),
    },
)


@given(scenarios)
def test_whatever_the_schema_refuses_is_refused_and_whatever_is_read_is_answered(scenario: dict[str, Any]) -> None:
    found = read(scenario)
    if not PERIOD.is_valid(scenario):
        assert not isinstance(found, PeriodQuestion)
    elif not isinstance(found, PeriodQuestion):
        # Beyond the schema: README.md says which codes have parties, and which a length.
        assert {fault.pointer for fault in found} <= {"/start", "/parties", "/length"}
    else:
        period = found.answer()
        assert (period.why_not is None) is (period.last_day is not None)
        errors = SCHEMA["$defs"]["period"]["properties"]["expect"]["properties"]["error"]["oneOf"][0]["enum"]
        assert period.why_not in (None, *errors)


def test_the_given_scenarios_are_valid() -> None:
    for scenario in SCENARIOS:
        PERIOD.validate(scenario)


def test_a_rulebook_by_its_name_alone() -> None:
    asked: list[str] = []

    def law_of(name: str) -> None:
        asked.append(name)

    for name in ("cn", "a/b", "..", "CN", "cn\n"):
        read_period_question({**GOOD, "jurisdiction": name}, "", law_of)
    assert asked == ["cn"]
    assert rulebooks.period_law(rulebooks.SHIPPED, "cn").calendar.years == frozenset(range(2010, 2027))
