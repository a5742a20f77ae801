"""Civil days: no count of hours moves them, in any zone; a calendar says when a court rests, or that it cannot tell."""

from __future__ import annotations

import calendar as month_lengths
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar
import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery import rulebooks
from delivery.core.calendars import read_calendar, read_local
from delivery.core.civil import CHINA, NOT_MADE_UP, UNITS, WEEKLY_REST, Calendar, NoCalendarData, add, local_day
from delivery.core.tables import TablesBroken

ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",  # goes back for Ramadan
    "America/Asuncion",
    "America/Caracas",  # half an hour, 2007 and 2016
    "America/Chicago",
    "America/Godthab",
    "America/Havana",  # changes at midnight
    "America/Los_Angeles",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",  # midnights that did not exist, until 2018
    "America/St_Johns",
    "America/Toronto",
    "Antarctica/Troll",  # two hours
    "Asia/Amman",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Pyongyang",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Atlantic/Azores",
    "Australia/Lord_Howe",  # half an hour each year
    "Australia/Sydney",
    "Europe/Chisinau",
    "Europe/Dublin",
    "Europe/Istanbul",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Apia",  # had no 2011-12-30
    "Pacific/Auckland",
    "Pacific/Chatham",
]
zones = st.sampled_from(ZONES).map(ZoneInfo)
days = st.dates(date(1990, 1, 1), date(2060, 12, 31))
moments = st.times().map(lambda found: found.replace(fold=0))


def test_there_are_thirty_zones_with_clock_changes() -> None:
    assert len(set(ZONES)) >= 30


# --- days and instants -----------------------------------------------------------------------------------------------


@given(zones, st.datetimes(datetime(1990, 1, 1), datetime(2060, 12, 31)))  # noqa: DTZ001 - made aware below
def test_an_instants_day_is_what_the_wall_shows_whatever_offset_it_is_written_with(
    zone: ZoneInfo, naive: datetime
) -> None:
    instant = naive.replace(tzinfo=UTC)
    wall = instant.astimezone(zone)
    assert local_day(instant, zone) == wall.date()
    for other in ("Pacific/Kiritimati", "Etc/GMT+12", "Asia/Kathmandu"):
        assert local_day(instant.astimezone(ZoneInfo(other)), zone) == wall.date()


@given(zones, days, moments, st.integers(0, 800))
def test_days_are_added_to_days_however_many_hours_they_have(zone: ZoneInfo, day: date, moment: time, n: int) -> None:
    """The start's hour, and any clock change between, moves nothing: a date is n days on, never n times 24 hours."""
    instant = datetime.combine(day, moment, tzinfo=zone).astimezone(UTC)
    begins = local_day(instant, zone)
    ends = add(begins, n, "day")
    assert (ends - begins).days == n
    assert ends == date.fromordinal(begins.toordinal() + n)
    assert add(begins, n // 30, "month").day <= begins.day


def test_a_day_of_twenty_three_or_twenty_five_hours_is_one_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    late = datetime(2025, 3, 29, 23, 30, tzinfo=berlin)
    assert add(local_day(late, berlin), 1, "day") == date(2025, 3, 30)
    assert local_day(late + timedelta(hours=24), berlin) == date(2025, 3, 30)
    after = late.astimezone(UTC) + timedelta(hours=24)
    assert local_day(after, berlin) == date(2025, 3, 31)  # what n times 24 hours would have said


def test_the_court_is_eight_hours_ahead_of_utc() -> None:
    assert local_day(datetime(2025, 9, 16, 15, 59, 59, tzinfo=UTC)) == date(2025, 9, 16)
    assert local_day(datetime(2025, 9, 16, 16, 0, tzinfo=UTC)) == date(2025, 9, 17)
    assert CHINA.key == "Asia/Shanghai"


def test_an_instant_without_an_offset_has_no_day() -> None:
    with pytest.raises(ValueError, match="offset"):
        local_day(datetime(2025, 9, 16, 12, 0))  # noqa: DTZ001


# --- months and years ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "n", "unit", "end"),
    [
        ("2025-08-31", 6, "month", "2026-02-28"),
        ("2023-08-31", 6, "month", "2024-02-29"),
        ("2025-01-31", 1, "month", "2025-02-28"),
        ("2025-03-31", 1, "month", "2025-04-30"),
        ("2025-02-28", 1, "month", "2025-03-28"),
        ("2025-12-15", 1, "month", "2026-01-15"),
        ("2025-11-30", 3, "month", "2026-02-28"),
        ("2025-01-01", 11, "month", "2025-12-01"),
        ("2025-01-01", 12, "month", "2026-01-01"),
        ("2024-02-29", 1, "year", "2025-02-28"),
        ("2024-02-29", 4, "year", "2028-02-29"),
        ("2024-05-10", 2, "year", "2026-05-10"),
        ("2025-12-31", 1, "day", "2026-01-01"),
        ("2024-02-28", 1, "day", "2024-02-29"),
    ],
)
def test_a_month_ends_on_the_same_day_or_with_the_month(day: str, n: int, unit: str, end: str) -> None:
    assert add(date.fromisoformat(day), n, unit) == date.fromisoformat(end)


@given(days, st.integers(0, 600))
def test_months_keep_the_day_where_the_month_has_it(day: date, n: int) -> None:
    end = add(day, n, "month")
    assert (end.year * 12 + end.month) - (day.year * 12 + day.month) == n
    assert end.day == min(day.day, month_lengths.monthrange(end.year, end.month)[1])


@given(days, st.integers(0, 40))
def test_a_year_is_twelve_months(day: date, n: int) -> None:
    assert add(day, n, "year") == add(day, 12 * n, "month")


@given(days, days, st.integers(0, 60), st.sampled_from(UNITS))
def test_who_starts_later_does_not_end_earlier(one: date, other: date, n: int, unit: str) -> None:
    first, second = sorted((one, other))
    assert add(first, n, unit) <= add(second, n, unit)


@pytest.mark.parametrize("unit", UNITS)
def test_what_leaves_the_calendar_is_an_overflow(unit: str) -> None:
    with pytest.raises(OverflowError):
        add(date(2025, 1, 1), 10**7, unit)
    assert add(date(9998, 12, 31), 1, "year") == date(9999, 12, 31)
    assert add(date(2, 1, 1), -1, "year") == date(1, 1, 1)
    with pytest.raises(OverflowError):
        add(date(1, 1, 1), -1, "month")


def test_another_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="day, month, year"):
        add(date(2025, 1, 1), 1, "hour")


# --- calendars -------------------------------------------------------------------------------------------------------


def china() -> Calendar:
    return rulebooks.calendar_of(rulebooks.SHIPPED, "cn")


def every_day(first: int, last: int) -> list[date]:
    begins, ends = date(first, 1, 1), date(last, 12, 31)
    return [begins + timedelta(days=n) for n in range((ends - begins).days + 1)]


def test_our_calendar_agrees_with_two_libraries_on_every_day() -> None:
    ours, theirs = china(), holidays.country_holidays("CN", years=range(2010, 2027))
    for day in every_day(2010, 2026):
        assert ours.is_rest_day(day) is not chinese_calendar.is_workday(day), day
        assert ours.is_rest_day(day) is not theirs.is_working_day(day), day


def test_make_up_days_are_those_of_the_library() -> None:
    theirs = {day for day in chinese_calendar.constants.workdays if day.year >= 2010}
    assert china().make_up == theirs
    assert not china().make_up & {*china().off}


def test_without_make_up_days_every_weekend_is_free() -> None:
    ours = china()
    for day in every_day(2010, 2026):
        free = day in ours.off or day.isoweekday() in (6, 7)
        assert ours.is_rest_day(day, make_up_is_workday=False) is free, day


@pytest.mark.parametrize("year", [2009, 2027, 2031])
def test_a_year_without_data_is_an_error_not_a_guess(year: int) -> None:
    for day in (date(year, 1, 1), date(year, 6, 18), date(year, 12, 31)):
        for ask in (china().is_rest_day, china().roll, china().rest_from, china().need):
            with pytest.raises(NoCalendarData) as caught:
                ask(day)
            assert caught.value.year == year


def test_why_a_day_is_free() -> None:
    ours = china()
    assert ours.why_rest(date(2025, 10, 6)) == "中秋节"
    assert ours.why_rest(date(2025, 6, 21)) == WEEKLY_REST
    assert ours.why_rest(date(2025, 10, 11)) is None
    assert ours.why_rest(date(2025, 10, 11), make_up_is_workday=False) == NOT_MADE_UP
    assert ours.why_rest(date(2025, 10, 9)) is None


def test_december_belongs_to_the_next_years_plan() -> None:
    ours = china()
    assert not ours.is_rest_day(date(2011, 12, 31))  # a Saturday that 2012's plan made a working day
    assert ours.is_rest_day(date(2018, 12, 31))
    assert not ours.is_rest_day(date(2018, 12, 29))
    assert ours.roll(date(2018, 12, 30)) == date(2019, 1, 2)


known_days = st.dates(date(2010, 1, 1), date(2026, 12, 31))


@given(known_days, st.booleans())
def test_rolling_finds_the_first_working_day(day: date, make_up: bool) -> None:
    ours = china_once
    end = ours.roll(day, make_up_is_workday=make_up)
    assert not ours.is_rest_day(end, make_up_is_workday=make_up)
    passed = ours.rest_from(day, make_up_is_workday=make_up)
    assert [each for each, _ in passed] == [day + timedelta(days=n) for n in range((end - day).days)]
    assert all(ours.is_rest_day(each, make_up_is_workday=make_up) for each, _ in passed)
    assert ours.roll(end, make_up_is_workday=make_up) == end


@given(known_days, known_days)
def test_rolling_keeps_the_order(one: date, other: date) -> None:
    first, second = sorted((one, other))
    assert china_once.roll(first) <= china_once.roll(second)


china_once = china()


def test_rolling_into_a_year_without_data_is_an_error() -> None:
    ours = read_calendar({"2025.toml": year_file(2025, [{"date": date(2025, 12, 31), "kind": "off"}])})
    assert ours.roll(date(2025, 12, 30)) == date(2025, 12, 30)
    with pytest.raises(NoCalendarData) as caught:
        ours.roll(date(2025, 12, 31))
    assert (caught.value.year, str(caught.value)) == (2026, "there is no calendar for 2026")


# --- the files -------------------------------------------------------------------------------------------------------


def year_file(year: int, rows: list[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    return {"year": year, "version": f"{year}-1", "days": [{"festival": "元旦", **row} for row in rows], **more}


def faults_of(files: Mapping[str, Any]) -> list[str]:
    with pytest.raises(TablesBroken) as caught:
        read_calendar(files)
    return caught.value.faults


def test_every_fault_of_every_calendar_file_is_told_with_its_place() -> None:
    first = year_file(
        2025,
        [
            {"date": date(2025, 1, 1), "kind": "off"},
            {"date": date(2025, 1, 1), "kind": "make_up"},
            {"date": date(2026, 1, 1), "kind": "off"},
            {"date": date(2024, 11, 30), "kind": "off"},
            {"date": date(2025, 1, 25), "kind": "holiday"},
            {"kind": "off"},
            {"date": date(2025, 2, 3), "kind": "make_up", "festival": "", "note": "?"},
        ],
        colour="red",
    )
    second = {"year": 2025, "days": [{"date": date(2025, 3, 1), "kind": "off", "festival": "x"}]}
    found = faults_of({"cn/2025.toml": first, "cn/again.toml": second, "cn/none.toml": {}})
    assert [fault.split(": ")[:2] for fault in found] == [
        ["cn/2025.toml", "/days/1/date"],
        ["cn/2025.toml", "/days/1/date"],
        ["cn/2025.toml", "/days/2/date"],
        ["cn/2025.toml", "/days/3/date"],
        ["cn/2025.toml", "/days/4/kind"],
        ["cn/2025.toml", "/days/5/date"],
        ["cn/2025.toml", "/days/6/festival"],
        ["cn/2025.toml", "/days/6/note"],
        ["cn/2025.toml", "/days/6/date"],
        ["cn/2025.toml", "/colour"],
        ["cn/again.toml", "/year"],
        ["cn/again.toml", "/version"],
        ["cn/none.toml", "/year"],
        ["cn/none.toml", "/version"],
        ["cn/none.toml", "/days"],
    ]


def test_no_file_is_a_fault() -> None:
    assert faults_of({}) == ["calendars: there should be a file for each year"]


def test_a_day_more_is_another_version() -> None:
    plain = read_calendar({"a": year_file(2025, [{"date": date(2025, 1, 1), "kind": "off"}])})
    other = read_calendar({"a": year_file(2025, [{"date": date(2025, 1, 2), "kind": "off"}])})
    same = read_calendar({"b": year_file(2025, [{"date": date(2025, 1, 1), "kind": "off"}])})
    made_up = read_calendar({"a": year_file(2025, [{"date": date(2025, 1, 4), "kind": "make_up"}])})
    free = read_calendar({"a": year_file(2025, [{"date": date(2025, 1, 4), "kind": "off", "festival": "x"}])})
    assert plain.version == same.version
    assert len({plain.version, other.version, made_up.version, free.version}) == 4
    assert plain.version.startswith("2025-1+")


def local_file(*rows: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": "632801-2025", "days": [{"festival": "古尔邦节", **row} for row in rows]}


def test_a_courts_own_festival_is_a_day_off_there_alone() -> None:
    here = read_local("local.toml", local_file({"date": date(2025, 6, 6)}, {"date": date(2025, 10, 11)}), china())
    assert here.why_rest(date(2025, 6, 6)) == "古尔邦节"
    assert here.roll(date(2025, 6, 6)) == date(2025, 6, 9)
    assert here.is_rest_day(date(2025, 10, 11))  # though the national plan made it a working day
    assert not china().is_rest_day(date(2025, 6, 6))
    assert here.version.startswith(china().version + " 632801-2025+")
    assert here.years == china().years


def test_a_local_file_has_every_fault_told() -> None:
    rows = local_file(
        {"date": date(2031, 1, 1)}, {"date": date(2025, 6, 6)}, {"date": date(2025, 6, 6)}, {"kind": "off"}
    )
    with pytest.raises(TablesBroken) as caught:
        read_local("local/632801.toml", rows, china())
    assert [fault.split(": ")[1] for fault in caught.value.faults] == [
        "/days/0/date",
        "/days/2/date",
        "/days/3/date",
        "/days/3/kind",
    ]
