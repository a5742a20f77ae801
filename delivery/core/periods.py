"""When a period ends: pure arithmetic over the catalogue and the calendar (law.md §8).

How long, from which fact, rolling or not, within which bounds: all that is data (catalogue.py). Here are days that are
added and rest days that are passed over; what stops a period is in suspensions.py, acts are in acts.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

from delivery.core.catalogue import (
    FULL_HOURS,
    HOUR,
    MONTH_END,
    ROLLED,
    START_EXCLUDED,
    Bound,
    Catalogue,
    KnobIs,
    PeriodRule,
)
from delivery.core.civil import DAY, NOT_MADE_UP, Calendar, NoCalendarData, add, local_day
from delivery.core.knobs import Knobs
from delivery.core.outages import Outage
from delivery.core.suspensions import Stay, StillStopped, run_on

ONE_DAY, ONE_HOUR = timedelta(days=1), timedelta(hours=1)


class WhyNot(StrEnum):
    """Why a period has no end, in the order in which the reasons count."""

    WRONG_START_FACT = "wrong_start_fact"
    START_ANNULLED = "start_annulled"
    NOT_SERVED = "not_served"
    RECIPIENT_NOT_SERVED = "recipient_not_served"
    LENGTH_NOT_ALLOWED = "length_not_allowed"
    NO_CALENDAR_DATA = "no_calendar_data"
    SUSPENDED = "suspended"


PROVISIONAL = frozenset({"presumed", "review"})
NONE_YET = frozenset({"pending", "not_served"})
ANNULLED = "annulled"


@dataclass(frozen=True, slots=True)
class Span:
    """A length: `n` of a unit (day, month, year or hour)."""

    n: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The fact that starts a period: on a civil day, or at an aware instant; neither where it has not happened.

    `outcome`: that of the service, where the fact is one.
    """

    fact: str
    day: date | None = None
    at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What of a case decides a length. `procedure` and `stage`: for what a court sets; None: not known."""

    kind: str
    procedure: str | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    id: str
    prc_domicile: bool
    start: Start


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodLaw:
    """What a period is computed with. `settings`: the value of every knob; `told`: those set for this question.
    `outages`: of the court's systems, as far as they are on record.
    """

    catalogue: Catalogue
    calendar: Calendar
    knobs: Knobs
    settings: Mapping[str, str]
    told: frozenset[str] = frozenset()
    outages: tuple[Outage, ...] = ()

    def with_knobs(self, overrides: Mapping[str, Any]) -> PeriodLaw:
        """The same with these knobs turned. Raises KnobsWrong with every fault."""
        settings = self.knobs.turned({**self.settings, **overrides})
        return replace(self, settings=settings, told=self.told.union(overrides))

    def on(self, day: date) -> Mapping[str, str]:
        """The value of every knob on that day: what the court had set by then, unless told for this question."""
        by_id = self.knobs.by_id.items()
        return {name: self.settings[name] if name in self.told else knob.at(day) for name, knob in by_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The answer. Days are civil days of the court's zone; `nominal_last_day` is the one before rolling.

    `expiry`: the first instant that is too late. `last_instant`: hour periods only. `rolled_by`: the rest days passed
    over, each with why it is one. `basis`: articles and knobs. `unusual`: allowed, but worth a second look.
    With `why_not` there are no days. `stays`: what stopped it on the way. `parts`: of a finality, each party's own
    appeal period.
    """

    code: str
    calendar_version: str
    why_not: WhyNot | None = None
    start_day: date | None = None
    span: Span | None = None
    first_day: date | None = None
    nominal_last_day: date | None = None
    last_day: date | None = None
    first_instant: datetime | None = None
    last_instant: datetime | None = None
    expiry: datetime | None = None
    rolled_by: tuple[tuple[date, str], ...] = ()
    basis: tuple[str, ...] = ()
    provisional: bool = False
    unusual: bool = False
    stays: tuple[Stay, ...] = ()
    parts: tuple[tuple[str, Period], ...] = ()

    @property
    def effective_on(self) -> date | None:
        """Of a finality: the day on which the judgment takes effect, if nobody appeals (R10)."""
        return self.last_day + ONE_DAY if self.parts and self.last_day else None


class _CannotEnd(Exception):
    def __init__(self, why: WhyNot) -> None:
        super().__init__(why)
        self.why = why


def compute(
    code: str,
    start: Start,
    law: PeriodLaw,
    *,
    case: Case,
    prc_domicile: bool = True,
    given: Span | None = None,
    stays: Sequence[Stay] = (),
) -> Period:
    """One period. `given`: the length that the court set, for the codes whose length it sets. `stays`: what stops it,
    where the catalogue says that it does; others change nothing.

    Raises KeyError for an unknown code, ValueError for one that needs parties (finality) or a given length without one.
    """
    rule = law.catalogue.rules[code]
    if rule.latest_of is not None or (rule.set_by_court and given is None):
        raise ValueError(f"{code} needs {'a given length' if rule.set_by_court else 'parties'}")
    try:
        return _Counting(rule, start, law, case, prc_domicile, stays).period(given)
    except _CannotEnd as cannot:
        return Period(code=code, calendar_version=law.calendar.version, why_not=cannot.why, basis=rule.sources)
    except (NoCalendarData, OverflowError):
        why = WhyNot.NO_CALENDAR_DATA
        return Period(code=code, calendar_version=law.calendar.version, why_not=why, basis=rule.sources)


class _Counting:
    """One computation: gathers what it rests on while it goes."""

    def __init__(
        self, rule: PeriodRule, start: Start, law: PeriodLaw, case: Case, prc_domicile: bool, stays: Sequence[Stay]
    ) -> None:
        self._rule, self._start, self._law = rule, start, law
        self._case, self._prc_domicile, self._stays = case, prc_domicile, stays
        self._begun = Period(code=rule.code, calendar_version=law.calendar.version)
        self._basis: list[str] = []
        self._unusual = False

    def period(self, given: Span | None) -> Period:
        self._check_fact()
        day = self._start_day()
        span = self._allowed(day, given) if self._rule.set_by_court and given else self._in_force(day)
        at = self._start.at
        found = self._hours(day, at, span) if at is not None and span.unit == HOUR else self._days(day, span)
        return replace(
            found,
            start_day=day,
            span=span,
            basis=tuple(dict.fromkeys((*self._rule.sources, *self._basis))),
            provisional=self._start.outcome in PROVISIONAL,
            unusual=self._unusual,
        )

    # --- may it start ---

    def _check_fact(self) -> None:
        fact, starts = self._start.fact, self._rule.starts
        nothing = fact in self._law.catalogue.starts_nothing
        no_time = self._start.at is None and any(row.unit == HOUR for row in self._rule.lengths)
        if nothing or no_time or not self._exists() or (starts is not None and fact not in starts):
            raise _CannotEnd(WhyNot.WRONG_START_FACT)

    def _exists(self) -> bool:
        """Whether there is such a period for this kind of case: on the day, or at all where there is no day yet."""
        if self._rule.set_by_court:
            return True
        day, kind = self._day(), self._case.kind
        if day is not None:
            return self._rule.length(kind, self._prc_domicile, day) is not None
        return any(kind in row.case_kinds and self._prc_domicile in row.domiciles for row in self._rule.lengths)

    def _day(self) -> date | None:
        at = self._start.at
        return self._start.day if at is None else local_day(at, self._law.catalogue.zone)

    def _holds(self, condition: KnobIs, day: date | None) -> bool:
        """A period that runs keeps the settings of the day it started."""
        return condition.holds(self._law.on(day) if day else self._law.settings)

    def _start_day(self) -> date:
        day = self._day()
        if self._start.outcome == ANNULLED:
            raise _CannotEnd(WhyNot.START_ANNULLED)
        if day is None or self._start.outcome in NONE_YET:
            raise _CannotEnd(WhyNot.NOT_SERVED)
        return day

    # --- how long ---

    def _in_force(self, day: date) -> Span:
        length = self._rule.length(self._case.kind, self._prc_domicile, day)
        if length is None:
            raise _CannotEnd(WhyNot.WRONG_START_FACT)
        condition = self._rule.length_of_end_if
        if condition is not None and self._holds(condition, day):
            at_end = self._rule.length(self._case.kind, self._prc_domicile, add(day, length.n, length.unit))
            if at_end not in (length, None):
                length = at_end or length
                self._cite_knob(condition)
        self._cite(length.sources)
        return Span(length.n, length.unit)

    def _allowed(self, day: date, given: Span) -> Span:
        bound = next((b for b in self._rule.bounds if self._binds(b)), None)
        if bound is not None:
            days = _days_in(day, given)
            if days < (bound.least or 0) or days > (bound.most or math.inf):
                raise _CannotEnd(WhyNot.LENGTH_NOT_ALLOWED)
            self._unusual = days > (bound.usually_most or math.inf)
            self._cite(bound.sources)
        return given

    def _binds(self, bound: Bound) -> bool:
        case = self._case
        return case.kind in bound.case_kinds and case.procedure in bound.procedures and case.stage in bound.stages

    # --- when it ends ---

    def _days(self, day: date, span: Span) -> Period:
        nominal = add(day, span.n, span.unit)
        self._cite_step(START_EXCLUDED, day)
        if span.unit != DAY and nominal.day != day.day:
            self._cite_step(MONTH_END, day)
        nominal, stopped = self._run_on(day + ONE_DAY, nominal)
        rested = self._rest_days(nominal)
        if rested:
            self._cite_step(ROLLED, day)
        last = nominal + ONE_DAY * len(rested)
        return replace(
            self._begun,
            first_day=day + ONE_DAY,
            nominal_last_day=nominal,
            last_day=last,
            expiry=datetime.combine(last + ONE_DAY, time(), tzinfo=self._law.catalogue.zone),
            rolled_by=rested,
            stays=stopped,
        )

    def _run_on(self, first: date, nominal: date) -> tuple[date, tuple[Stay, ...]]:
        kind, rule = self._case.kind, self._rule
        rows = {stay: rule.suspension(stay.fact, kind, stay.begins) for stay in self._stays}
        try:
            stopping = [stay for stay, row in rows.items() if row]
            last, stopped = run_on(stopping, first, nominal, lambda day: day + ONE_DAY * len(self._rest_days(day)))
        except StillStopped:
            raise _CannotEnd(WhyNot.SUSPENDED) from None
        for stay in stopped:
            if row := rows[stay]:
                self._cite(row.sources)
        return last, stopped

    def _rest_days(self, nominal: date) -> tuple[tuple[date, str], ...]:
        """The unbroken rest days from the nominal last day on; none where this period does not roll."""
        calendar, rolls = self._law.calendar, self._rule.rolls
        made_up_ends = self._law.catalogue.make_up_ends
        calendar.need(nominal)  # P15: also for what never rolls
        if not isinstance(rolls, KnobIs) and not rolls:
            return ()
        passed = calendar.rest_from(nominal, make_up_is_workday=self._holds(made_up_ends, self._day()))
        if any(why == NOT_MADE_UP for _, why in passed):
            self._cite_knob(made_up_ends)
        if isinstance(rolls, KnobIs) and passed:
            self._cite_knob(rolls)
            return passed if self._holds(rolls, self._day()) else ()
        return passed

    def _hours(self, day: date, at: datetime, span: Span) -> Period:
        """P2: from the next full hour of the clock on the wall, then hours as they pass."""
        zone = self._law.catalogue.zone
        begins = at.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC) + ONE_HOUR
        ends = (begins + ONE_HOUR * span.n).astimezone(zone)
        last = local_day(ends - timedelta.resolution, zone)  # 00:00 ends the day before, as 24:00
        self._law.calendar.need(last)
        self._cite_step(FULL_HOURS, day)
        first = begins.astimezone(zone)
        return replace(
            self._begun,
            first_day=first.date(),
            nominal_last_day=last,
            last_day=last,
            first_instant=first,
            last_instant=ends,
            expiry=ends,
        )

    # --- what it rests on ---

    def _cite(self, sources: Sequence[str]) -> None:
        self._basis += sources

    def _cite_step(self, step: str, day: date) -> None:
        self._cite(self._law.catalogue.counting(step, self._case.kind, day))

    def _cite_knob(self, condition: KnobIs) -> None:
        self._cite((self._law.knobs.by_id[condition.knob].ground,))


def _days_in(day: date, span: Span) -> float:
    """How many days a length from that day amounts to; without end where it leaves the calendar of the computer."""
    try:
        return (add(day, span.n, span.unit) - day).days
    except OverflowError:
        return math.inf


# --- all parties -----------------------------------------------------------------------------------------------------


def finality(code: str, parties: Sequence[Party], law: PeriodLaw, *, case: Case) -> Period:
    """The latest appeal deadline of all parties; one missing service blocks it (CPLI 244). At least one party.

    Raises KeyError for an unknown code, ValueError for one that runs from a single fact.
    """
    rule = law.catalogue.rules[code]
    if rule.latest_of is None or not parties:
        raise ValueError(f"{code} runs from a single fact")
    own = rule.latest_of
    parts = tuple((p.id, compute(own, p.start, law, case=case, prc_domicile=p.prc_domicile)) for p in parties)
    periods = [period for _, period in parts]
    found = Period(code=code, calendar_version=law.calendar.version, basis=rule.sources, parts=parts)
    reasons = {_of_a_party(period.why_not) for period in periods if period.why_not}
    if reasons:
        return replace(found, why_not=min(reasons, key=list(WhyNot).index))
    latest = max(periods, key=lambda period: period.last_day or date.min)
    return replace(
        found,
        last_day=latest.last_day,
        expiry=latest.expiry,
        rolled_by=latest.rolled_by,
        basis=tuple(dict.fromkeys((*rule.sources, *latest.basis))),
        provisional=any(period.provisional for period in periods),
    )


def _of_a_party(why: WhyNot) -> WhyNot:
    return WhyNot.RECIPIENT_NOT_SERVED if why in (WhyNot.START_ANNULLED, WhyNot.NOT_SERVED) else why
