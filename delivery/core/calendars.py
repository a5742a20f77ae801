"""Calendars from their tables: one file a year, as the State Council publishes it, and a court's own festival days.

The union of the files counts: the days off around 1 January are in the plan of the year that begins (2012's holds
2011-12-31), so that December is complete only with the file after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

from delivery.core.civil import WEEKLY_REST_DAYS, Calendar
from delivery.core.fields import Fields
from delivery.core.tables import Reading, texts

OFF, MAKE_UP = "off", "make_up"
MOST_DAYS = 200
DECEMBER = 12


def read_calendar(files: Mapping[str, Mapping[str, Any]]) -> Calendar:
    """The calendar of all year files, by name. Raises TablesBroken with every fault."""
    reading, plans = Reading(), _Plans()
    for name, tables in sorted(files.items()):
        with reading.file(name, tables) as fields:
            plans.take(fields)
    if not files:
        reading.faults.append("calendars: there should be a file for each year")
    reading.end()
    return plans.calendar()


def read_local(name: str, tables: Mapping[str, Any], calendar: Calendar) -> Calendar:
    """The calendar with a court's own festival days (HOL 4). Raises TablesBroken with every fault."""
    reading = Reading()
    with reading.file(name, tables) as fields:
        version = _version(fields)
        off: dict[date, str] = {}
        for row in fields.objects("days", least=1, most=MOST_DAYS):
            day, festival = row.day("date", required=True), _festival(row)
            if day and day.year not in calendar.years:
                row.fault("date", "no_calendar", "The day should lie in a year that has a national calendar.")
            if day in off:
                row.fault("date", "repeated", "The day should stand here once.")
            off[day or date.min] = festival
            row.unknown()
    reading.end()
    return calendar.with_local(off, _versioned(version, off.items()))


class _Plans:
    def __init__(self) -> None:
        self._versions: dict[int, str] = {}
        self._off: dict[date, str] = {}
        self._make_up: set[date] = set()

    def take(self, fields: Fields) -> None:
        year = fields.number("year", least=1950, most=2199, default=0)
        if not year:
            fields.fault("year", "missing", "The file should say which year it is for.")
        elif year in self._versions:
            fields.fault("year", "repeated", "Each year should have one file.")
        self._versions[year] = _version(fields)
        texts(fields, "gazettes", required=False)
        for row in fields.objects("days", least=1, most=MOST_DAYS):
            self._take_day(row, year)

    def _take_day(self, row: Fields, year: int) -> None:
        day, kind = row.day("date", required=True), row.word("kind", (OFF, MAKE_UP))
        festival = _festival(row)
        row.unknown()
        if day is None:
            return
        if day.year != year and (day.year, day.month) != (year - 1, DECEMBER):
            row.fault("date", "wrong_year", "The day should lie in the file's year or in the December before it.")
        if day in self._off or day in self._make_up:
            row.fault("date", "repeated", "Each day should stand once in all the files.")
        if kind == MAKE_UP and day.isoweekday() not in WEEKLY_REST_DAYS:
            row.fault("date", "no_rest_day", "Only a day of weekly rest can be made up.")
        if kind == MAKE_UP:
            self._make_up.add(day)
        else:
            self._off[day] = festival

    def calendar(self) -> Calendar:
        newest = self._versions[max(self._versions)]
        days = [*self._off.items(), *((day, "") for day in self._make_up), *self._versions.items()]
        return Calendar(
            version=_versioned(newest, days),
            years=frozenset(self._versions),
            off=self._off,
            make_up=frozenset(self._make_up),
        )


def _version(fields: Fields) -> str:
    return fields.text("version", most=40) or ""


def _festival(row: Fields) -> str:
    return row.text("festival", most=40) or ""


def _versioned(name: str, days: Any) -> str:
    """The name with a digest of every day, so that a changed day is another version even where nobody renamed it."""
    content = "\n".join(sorted(f"{day} {what}" for day, what in days))
    return f"{name}+{hashlib.sha256(content.encode()).hexdigest()[:8]}"
