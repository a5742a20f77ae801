"""What the tests of periods share: the shipped law, the published questions, and starts told in a word."""

from __future__ import annotations

import copy
import json
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from delivery import rulebooks
from delivery.core.calendars import read_calendar
from delivery.core.catalogue import read_catalogue
from delivery.core.period_answer import period_json
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.core.periods import Case, PeriodLaw, Start, compute

CN = rulebooks.period_law(rulebooks.SHIPPED, "cn")
SCENARIOS = json.loads((Path(__file__).parents[1] / "data" / "scenarios" / "periods.json").read_text(encoding="utf-8"))
CIVIL = Case(kind="civil")


def answer(scenario: dict[str, Any], law: PeriodLaw = CN) -> dict[str, Any]:
    question = read_period_question(scenario, "", {"cn": law}.get)
    assert isinstance(question, PeriodQuestion), question
    found = question.answer()
    return period_json(question.id, found, question.in_time(found), law.catalogue)


def service(day: str | None, outcome: str = "served") -> Start:
    return Start(fact="service", day=date.fromisoformat(day) if day else None, outcome=outcome)


def start(fact: str, day: str) -> Start:
    return Start(fact=fact, day=date.fromisoformat(day))


def ends(code: str, begins: Start, law: PeriodLaw = CN, **more: Any) -> tuple[str | None, str | None, str | None]:
    """Nominal last day, last day, and why not."""
    found = compute(code, begins, law, **{"case": CIVIL, **more})
    return _text(found.nominal_last_day), _text(found.last_day), found.why_not


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


def kind(name: str) -> dict[str, Any]:
    return {"case": Case(kind=name)}


known = st.dates(date(2010, 1, 1), date(2026, 12, 30))


def shanghai(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai"))


LAST = shanghai("2025-10-10T00:00")
INSTANT = timedelta(microseconds=1)


def period_tables(name: str) -> dict[str, Any]:
    file = rulebooks.SHIPPED / "rules" / "cn" / f"{name}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def calendar_files() -> dict[str, dict[str, Any]]:
    folder = rulebooks.SHIPPED / "calendars" / "cn"
    return {file.name: tomllib.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.toml")}


def edited(periods: dict[str, Any] | None = None, calendars: dict[str, Any] | None = None) -> PeriodLaw:
    return PeriodLaw(
        catalogue=read_catalogue("periods.toml", copy.deepcopy(periods or period_tables("periods")), CN.knobs),
        calendar=read_calendar(calendars or calendar_files()),
        knobs=CN.knobs,
        settings=CN.settings,
    )
