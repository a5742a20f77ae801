"""Which periods a service starts, and when they end: rows of the rulebook over the catalogue of periods (law.md §8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

from delivery.core.catalogue import OUTAGE, Length
from delivery.core.civil import DAY
from delivery.core.model import Deadline, Effect, Outcome
from delivery.core.outages import Outage, end_of, within
from delivery.core.periods import Case, Period, PeriodLaw, Start, compute
from delivery.core.question import Question
from delivery.core.trial import Trial

if TYPE_CHECKING:
    from delivery.core.rows import Running
    from delivery.core.rulebook import Rulebook


def deadlines(whole: Trial) -> tuple[Deadline, ...]:
    """The periods that the dated service of this document starts; none while it has no date."""
    effect, law = whole.answer, whole.book.period_law
    if effect is None or effect.effective_date is None or law is None:
        return ()
    return tuple(_deadline(_period(row, whole, law), law) for row in running(whole) if row.told)


def running(whole: Trial) -> Iterable[Running]:
    """The rows that hold for this document, by the law of its day of service."""
    day = whole.law_day(("effect",))
    return (row for row in whole.book.running if row.in_force(day) and whole.fires(row.when))


def days_given(question: Question, book: Rulebook) -> Mapping[str, int]:
    """How many days each period has that this document's service would start, by code, were it served now."""
    whole = Trial(question, book, None, 1, (), lambda _: None)
    today = whole.day(question.as_of)
    found = {row.period: _length(row.period, question, book, today) for row in running(whole)}
    return {code: length.n for code, length in found.items() if length and length.unit == DAY}


def _length(code: str, question: Question, book: Rulebook, day: date) -> Length | None:
    law = book.period_law
    here = question.recipient.domicile == "mainland"
    return law.catalogue.rules[code].length(question.case.kind, here, day) if law else None


def appeal_period(whole: Trial) -> Period | None:
    """The period for appeal that this service starts; None where there is none."""
    law = whole.book.period_law
    row = next((row for row in running(whole) if row.appeal), None)
    return _period(row, whole, law) if row and law else None


def appeal_nominal(whole: Trial) -> date | None:
    """The last day of that period before it may roll, which needs no calendar; None where there is no such period."""
    row, effect = next((row for row in running(whole) if row.appeal), None), whole.answer
    length = _length(row.period, whole.question, whole.book, whole.law_day(("effect",))) if row else None
    if effect is None or effect.effective_date is None or length is None or length.unit != DAY:
        return None
    return effect.effective_date + timedelta(days=length.n)


def _period(row: Running, whole: Trial, law: PeriodLaw) -> Period:
    effect, case, knobs = whole.answer, whole.question.case, whole.question.knobs
    outcome, day = (effect.outcome, effect.effective_date) if effect else (Outcome.PENDING, None)
    return compute(
        row.period,
        Start(fact="service", day=day, outcome=str(outcome)),
        law.with_knobs(knobs) if knobs else law,
        case=Case(kind=case.kind, procedure=case.procedure, stage=case.stage),
        prc_domicile=whole.question.recipient.domicile == "mainland",
    )


def outages_beside(effect: Effect, book: Rulebook) -> dict[str, tuple[Outage, ...]]:
    """By the code of each period that has a last day: the court's outages that fall into it. They are shown beside it
    and move nothing (law.md P14), so they are no part of an effect, and one entered later revises none.
    """
    law, day = book.period_law, effect.effective_date
    if law is None or day is None:
        return {}
    ends = {one.period: end_of(one.last_day, book.zone) for one in effect.deadlines if one.last_day}
    return {code: within(law.outages, day + timedelta(days=1), end, book.zone) for code, end in ends.items()}


def outage_grounds(effect: Effect, case_kind: str, book: Rulebook) -> tuple[str, ...]:
    """The articles on restoration by which a judge may weigh an outage, by the law of the day of service."""
    law, day = book.period_law, effect.effective_date
    return law.catalogue.counting(OUTAGE, case_kind, day) if law and day else ()


def _deadline(period: Period, law: PeriodLaw) -> Deadline:
    rule = law.catalogue.rules[period.code]
    return Deadline(
        period=period.code,
        name=rule.name_en,
        name_zh=rule.name_zh,
        last_day=period.last_day,
        why_not=str(period.why_not) if period.why_not else None,
        basis=period.basis,
        calendar_version=period.calendar_version,
        provisional=period.provisional,
    )
