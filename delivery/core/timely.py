"""Until when a service is of use: before the hearing that it summons to, and before the day it is needed by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from delivery.core.effect import questions
from delivery.core.judging import judge_effect
from delivery.core.model import Delivery
from delivery.core.question import Question
from delivery.core.rows import BeforeHearing
from delivery.core.rulebook import Rulebook
from delivery.core.trial import Trial


@dataclass(frozen=True, slots=True)
class Latest:
    """The last moment at which taking effect is of use, and what says so."""

    at: datetime
    grounds: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """For a sentence."""
        return told(self.at)


def told(at: datetime) -> str:
    """A moment for a sentence, in the zone that it has."""
    return at.strftime("%Y-%m-%d %H:%M")


def latest_useful(delivery: Delivery, book: Rulebook, now: datetime) -> Latest | None:
    """The earliest of these moments; None where nothing is said. Which rows are in force is looked up for `now`."""
    return latest_of(delivery, [question for _, question in questions(delivery, now)], book)


def latest_of(delivery: Delivery, asked: Iterable[Question], book: Rulebook) -> Latest | None:
    """The same, of a delivery whose questions are known."""
    found = [each for question in asked if (each := _before_hearing(question, book))]
    if delivery.needed_by:
        found.append(Latest(delivery.needed_by.astimezone(book.zone)))
    return min(found, key=lambda one: one.at, default=None)


def _before_hearing(question: Question, book: Rulebook) -> Latest | None:
    hearing = question.document.hearing_at
    if hearing is None:
        return None
    whole = Trial(question, book, None, 1, (), judge_effect)
    today = whole.day(question.as_of)
    rows = (row for row in book.routing.before_hearing if row.in_force(today) and whole.fires(row.when))
    row = next(rows, None)
    return _counted(row, hearing, whole) if row else None


def _counted(row: BeforeHearing, hearing: datetime, whole: Trial) -> Latest:
    """CPL 139, K18: the last minute of the last civil day that is early enough; without days, the hearing itself."""
    book = whole.book
    days = book.hearing_days[str(whole.found(book.hearing_knob).value)] if row.days is None else row.days
    if days == 0:
        return Latest(hearing.astimezone(book.zone), row.grounds)
    last = whole.day(hearing) - timedelta(days=days)
    return Latest(datetime.combine(last, time(23, 59), tzinfo=book.zone), row.grounds)
