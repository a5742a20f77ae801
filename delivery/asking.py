"""The commands that answer scenarios from a file: one JSON object a line, in the order of the file.

A scenario that is not valid is told on standard error with its place; the others are answered all the same.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from delivery import rulebooks
from delivery.core.effect import decide
from delivery.core.effect_answer import answer_json
from delivery.core.fields import Fault, Faults
from delivery.core.knobs import Knobs
from delivery.core.period_answer import period_json
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.core.periods import PeriodLaw
from delivery.core.rulebook import Rulebook
from delivery.core.scenario import Asked, read_scenario
from delivery.core.tables import TablesBroken

ANSWERED, NOT_ALL, NOT_READ = 0, 1, 2
MOST_BYTES = 256 * 2**20
Answer = Callable[[Any, str], Mapping[str, Any] | Faults]
"""From a decoded scenario and its place to what is printed, or to its faults."""


def period(config: Path | None, file: Path, court: str | None = None) -> int:
    """`songda period`; at a court, by its code, with its own days off and outages. The exit status: 0 all answered,
    1 some scenario not valid, 2 file or rulebook not readable.
    """
    folder = _config(config)

    @cache
    def law_of(name: str) -> PeriodLaw | None:
        try:
            return rulebooks.period_law(folder, name, court)
        except (FileNotFoundError, NotADirectoryError):
            return None

    return answer_all(file, lambda scenario, place: _period(scenario, place, law_of))


def effect(config: Path | None, file: Path, court: str | None = None) -> int:
    """`songda effect`; at a court as in `period`, and so the exit status."""
    folder = _config(config)

    @cache
    def book_of(name: str) -> Rulebook | None:
        try:
            return rulebooks.rulebook_of(folder, name, court)
        except (FileNotFoundError, NotADirectoryError):
            return None

    return answer_all(file, lambda scenario, place: _effect(scenario, place, book_of))


def _effect(scenario: Any, place: str, book_of: Callable[[str], Rulebook | None]) -> Mapping[str, Any] | Faults:
    def knobs_of(name: str) -> Knobs | None:
        book = book_of(name)
        return Knobs(book.knobs) if book else None

    asked = read_scenario(scenario, place, knobs_of)
    if not isinstance(asked, Asked):
        return asked
    book = book_of(asked.jurisdiction)
    if book is None:  # said already, among the faults
        return ()
    return answer_json(asked.id, decide(replace(asked.question, knobs=asked.knobs), book))


def _period(scenario: Any, place: str, law_of: Callable[[str], PeriodLaw | None]) -> Mapping[str, Any] | Faults:
    question = read_period_question(scenario, place, law_of)
    if not isinstance(question, PeriodQuestion):
        return question
    found = question.answer()
    beside = question.beside(found)
    return period_json(question.id, found, question.in_time(found), question.law.catalogue, beside)


def _config(config: Path | None) -> Path:
    return (config or Path(os.environ.get("SONGDA_CONFIG") or rulebooks.SHIPPED / "local.toml")).parent


def answer_all(file: Path, answer: Answer) -> int:
    """Print the answer to every scenario of the file: a single one, or a list. The exit status as in `period`."""
    try:
        decoded = _decoded(file)
    except (OSError, ValueError) as wrong:
        return _complain(str(wrong), NOT_READ)
    alone = not isinstance(decoded, list)
    status = ANSWERED if alone or decoded else _complain(f"{file}: /: There should be at least one scenario.", NOT_ALL)
    try:
        for number, scenario in enumerate([decoded] if alone else decoded):
            found = answer(scenario, "" if alone else f"/{number}")
            if isinstance(found, Mapping):
                print(json.dumps(found, ensure_ascii=False))
            else:
                status = _complain("\n".join(f"{file}: {_sentence(fault)}" for fault in found), NOT_ALL)
    except TablesBroken as broken:
        return _complain("\n".join(broken.faults), NOT_READ)
    return status


def _decoded(file: Path) -> Any:
    """Raises OSError, and ValueError with the reason where it is no JSON."""
    if file.stat().st_size > MOST_BYTES:
        raise ValueError(f"{file}: is larger than {MOST_BYTES} bytes: split it")
    try:
        return msgspec.json.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ValueError(f"{file}: is not JSON: {wrong}") from None


def _sentence(fault: Fault) -> str:
    return f"{fault.pointer or '/'}: {fault.message}"


def _complain(says: str, status: int) -> int:
    print(says, file=sys.stderr)
    return status
