"""When periods end: the published scenarios, lengths and starts, what a court sets, rolling, and what is cited."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.core.calendars import read_local
from delivery.core.civil import add
from delivery.core.periods import Case, Party, PeriodLaw, Span, Start, WhyNot, compute, finality
from tests.core.terms import CIVIL, CN, SCENARIOS, _text, answer, ends, kind, known, service, shanghai, start


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each["id"] for each in SCENARIOS])
def test_given_period(scenario: dict[str, Any]) -> None:
    found = answer(scenario)
    assert {name: found.get(name) for name in scenario["expect"]} == scenario["expect"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[each["id"] for each in SCENARIOS])
def test_what_a_test_expects_is_no_fact(scenario: dict[str, Any]) -> None:
    bare = {name: value for name, value in scenario.items() if name not in ("title", "expect")}
    assert answer(bare) == answer({**scenario, "expect": {"last_day": "1999-01-01"}})


# --- lengths and starts ----------------------------------------------------------------------------------------------

ABROAD = {"prc_domicile": False}


@pytest.mark.parametrize(
    ("code", "begins", "more", "nominal", "last"),
    [
        ("ANSWER_1", service("2025-09-01"), {}, "2025-09-16", "2025-09-16"),
        ("ANSWER_1", service("2025-09-01"), ABROAD, "2025-10-01", "2025-10-09"),
        ("ANSWER_1", service("2025-09-01"), {**ABROAD, **kind("administrative")}, "2025-09-16", "2025-09-16"),
        ("APPEAL_JUDGMENT", service("2025-09-01"), kind("criminal"), "2025-09-11", "2025-09-11"),
        ("APPEAL_RULING", service("2025-09-01"), kind("criminal"), "2025-09-06", "2025-09-08"),
        ("APPEAL_RULING", service("2025-09-01"), ABROAD, "2025-10-01", "2025-10-09"),
        ("APPEAL_RULING", service("2025-09-01"), {}, "2025-09-11", "2025-09-11"),
        ("RESTORATION", start("obstacle_end", "2025-09-01"), kind("criminal"), "2025-09-06", "2025-09-08"),
        ("RESTORATION", start("obstacle_end", "2025-09-01"), {}, "2025-09-11", "2025-09-11"),
        ("MAIL_MISMATCH", start("mail_signature", "2025-09-29"), {}, "2025-10-02", "2025-10-09"),
        ("FOREIGN_MAIL_SILENCE", start("posting", "2025-11-30"), {}, "2026-02-28", "2026-02-28"),
        ("ENFORCEMENT_APPLY", start("performance_end", "2024-02-29"), {}, "2026-02-28", "2026-02-28"),
        ("ENFORCEMENT_APPLY", start("judgment_effective", "2024-09-28"), {}, "2026-09-28", "2026-09-28"),
        ("NOTICE_FOR", start("last_publication", "2023-12-31"), {}, "2024-03-31", "2024-04-01"),
        ("NOTICE_FOR", start("last_publication", "2024-01-01"), {}, "2024-03-01", "2024-03-01"),
        ("NOTICE_DOM", start("last_publication", "2021-12-31"), {}, "2022-03-01", "2022-03-01"),
        ("NOTICE_DOM", start("last_publication", "2022-01-01"), {}, "2022-01-31", "2022-02-07"),
    ],
)
def test_worked_periods(code: str, begins: Start, more: dict[str, Any], nominal: str, last: str) -> None:
    assert ends(code, begins, **more) == (nominal, last, None)


@pytest.mark.parametrize("code", ["ANSWER_1", "ANSWER_APPEAL", "JURISDICTION_OBJ"])
@pytest.mark.parametrize("outcome", ["served", "annulled", "pending"])
def test_a_criminal_case_has_no_answer_period(code: str, outcome: str) -> None:
    for day in ("2025-09-01", None):
        assert ends(code, service(day, outcome), **kind("criminal")) == (None, None, WhyNot.WRONG_START_FACT)


@pytest.mark.parametrize("code", [code for code, rule in CN.catalogue.rules.items() if not rule.latest_of])
def test_nothing_but_its_own_fact_starts_a_period(code: str) -> None:
    given_ = {"given": Span(20, "day")} if CN.catalogue.rules[code].set_by_court else {}
    at = datetime(2025, 9, 1, 9, 40, tzinfo=UTC)
    for fact in ("service", "last_publication", "posting", "filing", "sent", "link_created"):
        starts = CN.catalogue.rules[code].starts
        right = fact not in ("sent", "link_created") if starts is None else fact in starts
        found = compute(code, Start(fact=fact, at=at), CN, case=CIVIL, **given_)
        assert (found.why_not is None) is right, fact
        assert right or found.why_not == WhyNot.WRONG_START_FACT


@pytest.mark.parametrize("outcome", ["served", "deemed", "presumed", "review", None])
def test_a_presumed_or_reviewed_start_is_provisional(outcome: str | None) -> None:
    found = compute("ANSWER_1", Start(fact="service", day=date(2025, 9, 1), outcome=outcome), CN, case=CIVIL)
    assert found.provisional is (outcome in ("presumed", "review"))
    assert found.last_day == date(2025, 9, 16)


@pytest.mark.parametrize(
    ("day", "outcome", "why"),
    [
        ("2025-09-01", "annulled", WhyNot.START_ANNULLED),
        (None, "annulled", WhyNot.START_ANNULLED),
        (None, "pending", WhyNot.NOT_SERVED),
        ("2025-09-01", "pending", WhyNot.NOT_SERVED),
        (None, "not_served", WhyNot.NOT_SERVED),
        (None, "review", WhyNot.NOT_SERVED),
        (None, "served", WhyNot.NOT_SERVED),
        ("2031-09-01", "review", WhyNot.NO_CALENDAR_DATA),
    ],
)
def test_a_start_that_is_none(day: str | None, outcome: str, why: WhyNot) -> None:
    found = compute("ANSWER_1", service(day, outcome), CN, case=CIVIL)
    assert (found.why_not, found.last_day, found.nominal_last_day, found.provisional) == (why, None, None, False)


def test_the_first_reason_counts() -> None:
    """wrong fact, annulled or not served, length, calendar: in this order."""
    evidence: dict[str, Any] = {"case": Case(kind="civil", procedure="ordinary", stage="first_instance")}
    short, long = Span(1, "day"), Span(90, "year")
    assert ends("EVIDENCE", start("posting", "2031-01-01"), given=short, **evidence)[2] == WhyNot.WRONG_START_FACT
    assert ends("EVIDENCE", service("2031-01-01", "annulled"), given=short, **evidence)[2] == WhyNot.START_ANNULLED
    assert ends("EVIDENCE", service(None, "pending"), given=short, **evidence)[2] == WhyNot.NOT_SERVED
    assert ends("EVIDENCE", service("2031-01-01"), given=short, **evidence)[2] == WhyNot.LENGTH_NOT_ALLOWED
    assert ends("EVIDENCE", service("2025-01-01"), given=long, **evidence)[2] == WhyNot.NO_CALENDAR_DATA


def test_what_a_code_needs_is_the_callers_to_bring() -> None:
    with pytest.raises(KeyError):
        compute("NONE", service("2025-09-01"), CN, case=CIVIL)
    with pytest.raises(ValueError, match="FINALITY_RULING needs parties"):
        compute("FINALITY_RULING", service("2025-09-01"), CN, case=CIVIL)
    with pytest.raises(ValueError, match="CUSTODY needs a given length"):
        compute("CUSTODY", start("custody_start", "2025-09-01"), CN, case=CIVIL)
    with pytest.raises(ValueError, match="single fact"):
        finality("ANSWER_1", [Party(id="a", prc_domicile=True, start=service("2025-09-01"))], CN, case=CIVIL)
    with pytest.raises(ValueError, match="single fact"):
        finality("FINALITY_RULING", [], CN, case=CIVIL)


# --- what a court sets -----------------------------------------------------------------------------------------------

ALLOWED = [
    ("civil", "ordinary", "first_instance", 15, None),
    ("civil", "simplified", "first_instance", None, 15),
    ("civil", "small_claims", "first_instance", None, 15),
    ("civil", "ordinary", "second_instance", 10, None),
    ("civil", "simplified", "second_instance", 10, None),
    ("civil", "ordinary", "retrial", 10, None),
    ("civil", "small_claims", "retrial", 10, None),
    ("administrative", "ordinary", "first_instance", None, None),
    ("administrative", "simplified", "first_instance", None, None),
    ("criminal", "expedited", "first_instance", None, None),
    ("civil", "enforcement", "enforcement", None, None),
]


@pytest.mark.parametrize(("case_kind", "procedure", "stage", "least", "most"), ALLOWED)
@pytest.mark.parametrize("n", [1, 7, 8, 9, 10, 11, 14, 15, 16, 30])
def test_evidence_periods_within_their_bounds(
    case_kind: str, procedure: str, stage: str, least: int | None, most: int | None, n: int
) -> None:
    case = Case(kind=case_kind, procedure=procedure, stage=stage)
    found = compute("EVIDENCE", service("2025-03-03"), CN, case=case, given=Span(n, "day"))
    allowed = n >= (least or 0) and n <= (most or n)
    assert found.why_not == (None if allowed else WhyNot.LENGTH_NOT_ALLOWED)
    assert found.nominal_last_day == (date(2025, 3, 3) + timedelta(days=n) if allowed else None)
    assert found.unusual is (procedure == "small_claims" and stage == "first_instance" and 7 < n <= 15)


@pytest.mark.parametrize(
    ("procedure", "span", "allowed"),
    [
        ("ordinary", Span(1, "month"), True),
        ("simplified", Span(1, "month"), False),
        ("small_claims", Span(1, "year"), False),
        ("ordinary", Span(1, "year"), True),
        ("simplified", Span(10**9, "year"), False),
    ],
)
def test_months_and_years_are_compared_by_their_days(procedure: str, span: Span, allowed: bool) -> None:
    case = Case(kind="civil", procedure=procedure, stage="first_instance")
    found = compute("EVIDENCE", service("2025-02-03"), CN, case=case, given=span)
    assert (found.why_not is None) is allowed


@pytest.mark.parametrize("unit", ["day", "month", "year"])
def test_a_length_beyond_all_calendars_has_no_data(unit: str) -> None:
    found = compute("CUSTOM", start("filing", "2025-09-01"), CN, case=CIVIL, given=Span(10**9, unit))
    assert found.why_not == WhyNot.NO_CALENDAR_DATA


def test_custody_never_rolls_yet_needs_its_year() -> None:
    begins = start("custody_start", "2025-09-05")
    assert ends("CUSTODY", begins, given=Span(1, "month"), **kind("criminal")) == ("2025-10-05", "2025-10-05", None)
    assert ends("CUSTODY", begins, given=Span(2, "year"), **kind("criminal"))[2] == WhyNot.NO_CALENDAR_DATA


def test_a_custom_period_rolls_from_any_fact() -> None:
    begins = start("filing", "2025-09-05")
    assert ends("CUSTOM", begins, given=Span(1, "month")) == ("2025-10-05", "2025-10-09", None)


plain_codes = st.sampled_from([c for c, r in CN.catalogue.rules.items() if r.lengths and r.rolls is True])


@given(plain_codes, known, st.booleans(), st.sampled_from(["civil", "administrative", "criminal"]))
def test_a_period_ends_on_the_first_working_day(code: str, day: date, home: bool, case_kind: str) -> None:
    rule = CN.catalogue.rules[code]
    begins = Start(fact=sorted(rule.starts or ())[0], day=day, outcome="served")
    found = compute(code, begins, CN, case=Case(kind=case_kind), prc_domicile=home)
    length = rule.length(case_kind, home, day)
    if length is None:
        assert found.why_not == WhyNot.WRONG_START_FACT
        return
    nominal = add(day, length.n, length.unit)
    if nominal.year > 2026:
        assert found.why_not == WhyNot.NO_CALENDAR_DATA
        return
    assert (found.start_day, found.first_day, found.nominal_last_day) == (day, day + timedelta(days=1), nominal)
    assert found.last_day == CN.calendar.roll(nominal)
    assert found.rolled_by == CN.calendar.rest_from(nominal)
    assert ("CPL 85(3)" in found.basis) == (bool(found.rolled_by) and case_kind != "criminal" and day.year >= 2022)
    assert set(length.sources) <= set(found.basis)
    assert len(set(found.basis)) == len(found.basis)
    assert found.calendar_version == CN.calendar.version


def test_rest_days_inside_a_period_count() -> None:
    assert ends("APPEAL_JUDGMENT", service("2025-09-25")) == ("2025-10-10", "2025-10-10", None)


def test_a_day_that_is_needed_from_an_unknown_year() -> None:
    assert ends("ANSWER_1", service("2026-12-16")) == ("2026-12-31", "2026-12-31", None)
    assert ends("ANSWER_1", service("2026-12-17"))[2] == WhyNot.NO_CALENDAR_DATA
    assert ends("ANSWER_1", service("2009-12-16"))[2] == WhyNot.NO_CALENDAR_DATA
    assert ends("ANSWER_1", service("2009-12-17")) == ("2010-01-01", "2010-01-04", None)
    assert ends("PRESERVATION_RULING", Start(fact="application_received", at=shanghai("2026-12-30T10:00")))[2]


@pytest.mark.parametrize(
    ("knobs", "last", "basis"),
    [
        ({}, "2025-10-11", set()),
        ({"K15": "yes"}, "2025-10-11", set()),
        ({"K15": "no"}, "2025-10-13", {"K15"}),
    ],
)
def test_a_make_up_day_ends_a_period_or_not(knobs: dict[str, str], last: str, basis: set[str]) -> None:
    found = compute("ANSWER_1", service("2025-09-26"), CN.with_knobs(knobs), case=CIVIL)
    assert _text(found.last_day) == last
    assert {each for each in found.basis if each.startswith("K")} == basis


def test_knobs_turned_one_after_the_other_add_up() -> None:
    law = CN.with_knobs({"K15": "no"}).with_knobs({"K16": "17:30"}).with_knobs({})
    assert (law.settings["K15"], law.settings["K16"]) == ("no", "17:30")
    assert CN.settings["K15"] == "yes"


@pytest.mark.parametrize("code", ["NOTICE_DOM", "NOTICE_FOR"])
def test_a_notice_names_its_knob_where_a_rest_day_asked(code: str) -> None:
    days = 30 if code == "NOTICE_DOM" else 60
    on_holiday = start("last_publication", _text(date(2025, 10, 2) - timedelta(days=days)) or "")
    working = start("last_publication", _text(date(2025, 10, 9) - timedelta(days=days)) or "")
    for value, last in (("roll", date(2025, 10, 9)), ("no_roll", date(2025, 10, 2))):
        law = CN.with_knobs({"K17": value})
        found = compute(code, on_holiday, law, case=CIVIL)
        assert (found.last_day, "K17" in found.basis) == (last, True)
        plain = compute(code, working, law, case=CIVIL)
        assert (plain.last_day, "K17" in plain.basis) == (date(2025, 10, 9), False)
        assert ("CPL 85(3)" in found.basis) is (value == "roll")


@pytest.mark.parametrize(
    ("published", "value", "nominal"),
    [
        ("2021-11-02", "issue_date", "2022-01-01"),
        ("2021-11-02", "end_date", "2021-12-02"),
        ("2021-11-01", "end_date", "2021-12-31"),
        ("2022-01-01", "end_date", "2022-01-31"),
    ],
)
def test_a_notice_that_runs_into_the_new_text(published: str, value: str, nominal: str) -> None:
    law = CN.with_knobs({"K14": value})
    found = compute("NOTICE_DOM", start("last_publication", published), law, case=CIVIL)
    assert _text(found.nominal_last_day) == nominal
    assert ("K14" in found.basis) is (nominal == "2021-12-02")


def test_a_courts_own_festival_rolls_there() -> None:
    local = {"version": "1", "days": [{"date": "2025-09-16", "festival": "那达慕"}]}
    here = PeriodLaw(
        catalogue=CN.catalogue,
        calendar=read_local("local", local, CN.calendar),
        knobs=CN.knobs,
        settings=CN.settings,
    )
    assert ends("ANSWER_1", service("2025-09-01"), here) == ("2025-09-16", "2025-09-17", None)


# --- what it rests on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "n", "unit", "cited"),
    [
        ("2025-08-31", 1, "month", True),
        ("2024-02-29", 1, "year", True),
        ("2025-08-30", 1, "month", False),
        ("2025-08-31", 2, "month", False),
        ("2025-02-28", 1, "month", False),
        ("2025-08-31", 30, "day", False),
        ("2025-08-01", 30, "day", False),
    ],
)
def test_the_end_of_a_month_is_cited_where_it_cut_the_period(day: str, n: int, unit: str, cited: bool) -> None:
    found = compute("CUSTOM", start("filing", day), CN, case=CIVIL, given=Span(n, unit))
    assert ("CC 202" in found.basis) is cited
    criminal = compute("CUSTODY", start("custody_start", day), CN, case=Case(kind="criminal"), given=Span(n, unit))
    assert ("CRI 202" in criminal.basis) is cited


@pytest.mark.parametrize(
    ("served", "last", "cited"),
    [
        ("2025-06-06", "2025-06-23", False),  # a plain Saturday
        ("2025-09-17", "2025-10-09", False),  # National Day
        ("2025-01-11", "2025-01-27", True),  # a make-up Sunday, alone
        ("2025-09-26", "2025-10-13", True),  # a make-up Saturday and the Sunday after it
        ("2025-09-01", "2025-09-16", False),
    ],
)
def test_the_knob_of_make_up_days_is_cited_where_one_was_passed_over(served: str, last: str, cited: bool) -> None:
    found = compute("ANSWER_1", service(served), CN.with_knobs({"K15": "no"}), case=CIVIL)
    assert (_text(found.last_day), "K15" in found.basis) == (last, cited)


def test_a_length_that_the_law_sets_is_not_replaced() -> None:
    assert ends("ANSWER_1", service("2025-09-01"), given=Span(3, "day")) == ("2025-09-16", "2025-09-16", None)


@given(st.sampled_from(["day", "month", "year"]), st.integers(1, 11))
def test_days_months_and_years_from_an_instant_are_no_hours(unit: str, n: int) -> None:
    at = Start(fact="filing", at=shanghai("2015-01-15T23:40"))
    found = compute("CUSTOM", at, CN, case=CIVIL, given=Span(n, unit))
    assert found == compute("CUSTOM", start("filing", "2015-01-15"), CN, case=CIVIL, given=Span(n, unit))
    assert found.last_instant is None
