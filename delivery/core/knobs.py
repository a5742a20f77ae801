"""Knobs: questions that the law leaves open, each with the values a court may choose from (law.md §11).

They are data (`knobs.toml`). An override that names an unknown knob or value is refused, with every fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from delivery.core.fields import Fields
from delivery.core.tables import Reading, texts

MOST_CHANGES = 50
_TIME = r"(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
FORMS: Mapping[str, Callable[[str], object]] = {
    "HH:MM": re.compile(_TIME, re.ASCII).fullmatch,
    "HH:MM-HH:MM": re.compile(f"{_TIME}-{_TIME}", re.ASCII).fullmatch,
}
"""What a knob's value may look like where the values are not a list. 24:00 is the end of the day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One open question. It has either `values` or the `form` of its values; `ground` is its key among the grounds.
    `since`: later defaults, each with the first day it holds, in their order.
    """

    id: str
    question: str
    question_zh: str
    default: str
    values: tuple[str, ...]
    form: str | None
    ground: str
    sources: tuple[str, ...]
    since: tuple[tuple[date, str], ...] = ()

    def at(self, day: date) -> str:
        """The default on that day: the last one that a court had set by then, else the first."""
        return next((value for begins, value in reversed(self.since) if begins <= day), self.default)

    def takes(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        return bool(FORMS[self.form](value)) if self.form else value in self.values

    @property
    def allowed(self) -> str:
        """What would be right, for a message."""
        return self.form or ", ".join(self.values)


class KnobsWrong(ValueError):
    """Overrides that cannot be used. `faults`: every one, as pairs of the knob's name and what would be right."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("\n".join(f"{name}: {says}" for name, says in faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Knobs:
    """The knobs of a rulebook by id."""

    by_id: Mapping[str, Knob]

    def turned(self, overrides: Mapping[str, Any] = MappingProxyType({})) -> Mapping[str, str]:
        """The value of every knob: its default unless overridden. Raises KnobsWrong with every fault."""
        faults = [(name, says) for name, value in overrides.items() if (says := self._wrong(name, value))]
        if faults:
            raise KnobsWrong(faults)
        return MappingProxyType({name: str(overrides.get(name, knob.default)) for name, knob in self.by_id.items()})

    def _wrong(self, name: str, value: Any) -> str | None:
        if name not in self.by_id:
            return f"There is no such knob. The knobs are: {', '.join(self.by_id)}."
        knob = self.by_id[name]
        return None if knob.takes(value) else f"The knob should be one of: {knob.allowed}."


def read_knobs(name: str, tables: Mapping[str, Any]) -> Knobs:
    """The knobs of a decoded file. Raises TablesBroken with every fault."""
    reading = Reading()
    knobs = knobs_in(reading, name, tables)
    reading.end()
    return knobs


def knobs_in(reading: Reading, name: str, tables: Mapping[str, Any]) -> Knobs:
    """The same, as part of a larger reading: also those with a fault, which what asks for them need not repeat."""
    with reading.file(name, tables) as fields:
        table = fields.object("knob")
        rows = [(id_, table.object(id_)) for id_ in table.value] if table else []
        return Knobs(MappingProxyType({id_: _knob(id_, row) for id_, row in rows if row}))


def _knob(id_: str, row: Fields) -> Knob:
    form = row.optional_word("form", tuple(FORMS))
    knob = Knob(
        id=id_,
        question=row.text("question", most=200) or "",
        question_zh=row.text("question_zh", most=200) or "",
        default=row.text("default", most=40) or "",
        values=texts(row, "values", required=False),
        form=form,
        ground=id_.partition("_")[0],
        sources=texts(row, "sources", required=False),
        since=_since(row),
    )
    row.unknown()
    if bool(knob.values) == bool(form):
        row.fault(None, "values_or_form", "A knob should have either values or a form.")
    elif knob.default and not all(map(knob.takes, (knob.default, *(value for _, value in knob.since)))):
        row.fault("default", "unknown_word", f"The defaults should be one of: {knob.allowed}.")
    return knob


def _since(row: Fields) -> tuple[tuple[date, str], ...]:
    found = []
    for change in row.objects("since", least=0, most=MOST_CHANGES):
        found.append((change.day("from", required=True) or date.min, change.text("value", most=40) or ""))
        change.unknown()
    days = [day for day, _ in found]
    if days != sorted(set(days)):
        row.fault("since", "not_in_order", "Later defaults should stand in the order of their days, each day once.")
    return tuple(found)
