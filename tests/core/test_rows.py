"""Every row of rulebook cn is needed: without it some scenario is answered otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from types import MappingProxyType

import pytest

from delivery.core.civil import NoCalendarData
from delivery.core.effect import Verdict, decide
from delivery.core.rows import Row, Term
from delivery.core.rulebook import Rulebook
from delivery.core.trial import Trial
from tests.core.questions import EVERY, legal, question
from tests.core.world import book

LISTS = ("rules", "additions", "consequences")
ROWS: list[Row] = [
    *(row for name in LISTS for row in getattr(book(), name)),
    *(t for ts in book().terms.values() for t in ts),
]


@cache
def verdict(name: str) -> Verdict:
    return decide(question(EVERY[name]), book())


def trials(found: Verdict) -> Iterator[Trial]:
    yield found.whole
    yield from (one.trial for one in found.attempts)


def used(found: Verdict) -> Iterable[Row]:
    """The rows that had a part in an answer, or were asked for one."""
    yield from found.consequences
    for one in found.attempts:
        if one.rule:
            yield one.rule
            yield from (row for row in book().additions if row.concerns(one.rule))
    yield from (row for trial in trials(found) for rows in book().terms.values() for row in rows if runs(row, trial))


def runs(term: Term, trial: Trial) -> bool:
    try:
        return trial.address is not None and trial.when(term.id) is not None
    except NoCalendarData:
        return True


@cache
def users() -> dict[int, list[str]]:
    """The scenarios by the rows they use."""
    found = defaultdict(list)
    for name in EVERY:
        for row in {id(row) for row in used(verdict(name))}:
            found[row].append(name)
    return found


def without(row: Row) -> Rulebook:
    if isinstance(row, Term):
        rest = {name: tuple(term for term in terms if term is not row) for name, terms in book().terms.items()}
        return replace(book(), terms=MappingProxyType(rest))
    return replace(book(), **{name: tuple(one for one in getattr(book(), name) if one is not row) for name in LISTS})


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{type(row).__name__}:{row.id}:{row.valid_from.year}")
def test_without_a_row_some_scenario_is_answered_otherwise(row: Row) -> None:
    rest = without(row)
    answers = ((legal(decide(question(EVERY[name]), rest).effect), verdict(name)) for name in users()[id(row)])
    assert any(other != legal(found.effect) for other, found in answers)
