"""An objection to jurisdiction stops the evidence period until the ruling on it takes effect (CPL 130, EVR 55(1))."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import rulebooks
from delivery.core.fields import Fault
from delivery.core.period_answer import period_json
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.core.periods import Period, WhyNot
from delivery.core.suspensions import Stay, run_on

LAW = rulebooks.period_law(rulebooks.SHIPPED, "cn")
OBJECTION = "jurisdiction_objection"


def stay(begins: str, ends: str | None = None) -> dict[str, Any]:
    return {"fact": OBJECTION, "from": begins, "to": ends}


def read(*stays: dict[str, Any], day: str = "2025-09-01", **more: Any) -> PeriodQuestion | Sequence[Fault]:
    scenario = {
        "id": "s",
        "jurisdiction": "cn",
        "period": "EVIDENCE",
        "case_kind": "civil",
        "length": {"n": 30, "unit": "day"},
        "start": {"fact": "service", "outcome": "served", "date": day},
        "suspensions": list(stays),
    }
    return read_period_question({**scenario, **more}, "", lambda _: LAW)


def ends(*stays: dict[str, Any], **more: Any) -> Period:
    asked = read(*stays, **more)
    assert isinstance(asked, PeriodQuestion), asked
    return asked.answer()


@pytest.mark.parametrize(
    ("stays", "nominal", "last"),
    [
        # Thirty days from 1 September end on 1 October, in the holidays.
        ([], "2025-10-01", "2025-10-09"),
        # Eight days had passed; the other twenty-two begin on the day after 20 October.
        ([stay("2025-09-10", "2025-10-20")], "2025-11-11", "2025-11-11"),
        # Raised and rejected for good on one day: that day is not counted.
        ([stay("2025-09-10", "2025-09-10")], "2025-10-02", "2025-10-09"),
        # Raised on the first day, and before it: the whole period is left.
        ([stay("2025-09-02", "2025-10-20")], "2025-11-19", "2025-11-19"),
        ([stay("2025-08-20", "2025-10-20")], "2025-11-19", "2025-11-19"),
        ([stay("2025-08-20", "2025-09-01")], "2025-10-01", "2025-10-09"),
        # Raised while the period was running on only because of rest days; and when it was over.
        ([stay("2025-10-09", "2025-10-20")], "2025-10-21", "2025-10-21"),
        ([stay("2025-10-10", "2025-10-20")], "2025-10-01", "2025-10-09"),
        ([stay("2025-10-10")], "2025-10-01", "2025-10-09"),
        # Two objections count once where they are side by side.
        ([stay("2025-09-10", "2025-10-20"), stay("2025-09-15", "2025-10-10")], "2025-11-11", "2025-11-11"),
        ([stay("2025-10-15", "2025-10-25"), stay("2025-09-10", "2025-10-20")], "2025-11-16", "2025-11-17"),
    ],
)
def test_what_was_left_of_the_period_runs_on(stays: list[dict[str, Any]], nominal: str, last: str) -> None:
    found = ends(*stays)
    assert (str(found.nominal_last_day), str(found.last_day)) == (nominal, last)


def test_an_objection_without_a_ruling_leaves_no_last_day() -> None:
    found = ends(stay("2025-09-10"))
    assert (found.why_not, found.last_day, found.nominal_last_day) == (WhyNot.SUSPENDED, None, None)


def test_the_articles_are_those_of_the_day_of_the_objection() -> None:
    assert {"CPL 130", "EVR 55(1)"} <= {*ends(stay("2025-09-10", "2025-10-20")).basis}
    assert "CPL 130" not in ends().basis
    old = ends(stay("2021-09-10", "2021-10-20"), day="2021-09-01")
    assert {"CPL-old 127", "EVR 55(1)"} <= {*old.basis}
    assert "CPL 130" not in old.basis


def test_the_answer_says_what_stopped_it() -> None:
    asked = read(stay("2025-09-10", "2025-10-20"))
    assert isinstance(asked, PeriodQuestion)
    told = period_json("s", asked.answer(), {}, LAW.catalogue)["explanation"]
    assert told["suspended_by"] == [{"fact": OBJECTION, "from": "2025-09-10", "to": "2025-10-20"}]
    zh = " ".join(step["zh"] for step in told["steps"])
    for words in ("届满日为 2025-10-01", "2025-09-10 提出管辖权异议", "2025-10-20 生效", "届满日为 2025-11-11"):
        assert words in zh, words


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"period": "ANSWER_1", "length": None}, "/suspensions/0/fact"),
        ({"case_kind": "administrative"}, "/suspensions/0/fact"),
        ({"suspensions": [{"fact": "holiday", "from": "2025-09-10"}]}, "/suspensions/0/fact"),
        ({"suspensions": [{"fact": OBJECTION}]}, "/suspensions/0/from"),
        ({"suspensions": [stay("2025-09-10", "2025-09-09")]}, "/suspensions/0/to"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(more: dict[str, Any], pointer: str) -> None:
    more = {name: value for name, value in more.items() if value is not None} | (
        {"length": None} if more.get("period") else {}
    )
    faults = read(stay("2025-09-10", "2025-10-20"), **more)
    assert not isinstance(faults, PeriodQuestion)
    assert pointer in [fault.pointer for fault in faults]


DAYS = st.dates(date(2025, 1, 1), date(2025, 12, 31))


@given(DAYS, st.integers(1, 60), st.lists(st.tuples(DAYS, st.integers(0, 30)), max_size=4))
def test_as_many_days_run_as_without_a_stay(first: date, length: int, stays: list[tuple[date, int]]) -> None:
    """Counted day by day: those on which nothing stopped it are as many as the court gave."""
    known = [Stay(fact=OBJECTION, begins=day, ends=day + timedelta(days=n)) for day, n in stays]
    last, stopped = run_on(known, first, first + timedelta(days=length - 1), lambda day: day)
    span = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    running = [day for day in span if not any(s.begins <= day <= (s.ends or date.max) for s in stopped)]
    assert len(running) == length
    assert not any(s.begins <= last <= (s.ends or date.max) for s in stopped)
