"""Civil time: which day an instant falls on, on which day a count of days or months ends, and which days a court rests.

Nothing here counts hours: a day is a day, however often its zone has changed its clocks.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

CHINA: Final = ZoneInfo("Asia/Shanghai")

DAY, MONTH, YEAR = "day", "month", "year"
UNITS = (DAY, MONTH, YEAR)

WEEKLY_REST_DAYS = frozenset({6, 7})
"""ISO weekdays (P5)."""

WEEKLY_REST, NOT_MADE_UP = "weekly_rest", "make_up"
"""Why a day that is no festival is a rest day: Saturday or Sunday; a make-up day that counts as one (K15)."""


def local_day(instant: datetime, zone: tzinfo = CHINA) -> date:
    """The civil day of an aware instant in a zone (P17)."""
    if instant.tzinfo is None:
        raise ValueError("an instant without an offset has no day of its own")
    return instant.astimezone(zone).date()


def add(day: date, n: int, unit: str) -> date:
    """The day `n` days, months or years after `day`: the same-numbered day, else the month's last one (CC 202).

    Raises OverflowError outside the years 1 to 9999, ValueError for another unit.
    """
    if unit == DAY:
        return day + timedelta(days=n)
    if unit not in (MONTH, YEAR):
        raise ValueError(f"a length is counted in {', '.join(UNITS)}")
    year, month = divmod(day.year * 12 + day.month - 1 + n * (12 if unit == YEAR else 1), 12)
    if not date.min.year <= year <= date.max.year:
        raise OverflowError("the day lies outside the years 1 to 9999")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class NoCalendarData(ValueError):
    """The days off of `year` have not been published, or are not on file: no guess (P15)."""

    def __init__(self, year: int) -> None:
        super().__init__(f"there is no calendar for {year}")
        self.year = year


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The rest days of whole years, as published.

    `years`: those whose days are all known. `off`: festival by day off; `make_up`: days of weekly rest that were
    declared working days. `version` changes whenever a day of it does.
    """

    version: str
    years: frozenset[int]
    off: Mapping[date, str]
    make_up: frozenset[date]

    def need(self, day: date) -> None:
        """Raises NoCalendarData where the day's year is not known."""
        if day.year not in self.years:
            raise NoCalendarData(day.year)

    def why_rest(self, day: date, *, make_up_is_workday: bool = True) -> str | None:
        """What makes it a rest day: a festival, or the weekly rest; None for a working day. Raises NoCalendarData."""
        self.need(day)
        if day in self.off:
            return self.off[day]
        if day in self.make_up:
            return None if make_up_is_workday else NOT_MADE_UP
        return WEEKLY_REST if day.isoweekday() in WEEKLY_REST_DAYS else None

    def is_rest_day(self, day: date, *, make_up_is_workday: bool = True) -> bool:
        """`make_up_is_workday`: knob K15. Raises NoCalendarData."""
        return self.why_rest(day, make_up_is_workday=make_up_is_workday) is not None

    def rest_from(self, day: date, *, make_up_is_workday: bool = True) -> tuple[tuple[date, str], ...]:
        """The unbroken rest days from `day` on, each with what makes it one; none where `day` is a working day.

        Raises NoCalendarData where it needs an unknown year.
        """
        found = []
        while (why := self.why_rest(day, make_up_is_workday=make_up_is_workday)) is not None:
            found.append((day, why))
            day += timedelta(days=1)
        return tuple(found)

    def roll(self, day: date, *, make_up_is_workday: bool = True) -> date:
        """The first working day on or after `day` (CPL 85(3)). Raises NoCalendarData where it needs an unknown year."""
        return day + timedelta(days=len(self.rest_from(day, make_up_is_workday=make_up_is_workday)))

    def with_local(self, off: Mapping[date, str], version: str) -> Calendar:
        """With a court's own festival days (HOL 4); such a day is off whatever the national plan says of it."""
        together = {**self.off, **off}
        return replace(
            self, version=f"{self.version} {version}", off=together, make_up=self.make_up.difference(together)
        )
