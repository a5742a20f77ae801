"""Tables of law that people write (TOML, already decoded), read with every fault and its place.

What reads a filing reads them too (fields.py): a word that is not in its list, a field that nobody knows and a day that
does not exist are faults here as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any

from delivery.core.fields import Fault, Fields


class TablesBroken(ValueError):
    """The tables cannot be used. `faults`: every one, each with file, place and what would be right."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class Reading:
    """Collects the faults of several files, and raises them together at the end."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    @contextmanager
    def file(self, name: str, tables: Mapping[str, Any]) -> Iterator[Fields]:
        """The members of one file; what was not asked for when the block ends is an unknown field."""
        faults: list[Fault] = []
        fields = Fields(_as_json(tables), "", faults)
        yield fields
        fields.unknown()
        self.faults += [f"{name}: {_by_id(fault.pointer, tables) or '/'}: {fault.message}" for fault in faults]

    def end(self) -> None:
        """Raises TablesBroken with every fault there was."""
        if self.faults:
            raise TablesBroken(self.faults)


def _by_id(pointer: str, tables: Mapping[str, Any]) -> str:
    """The place of a fault, with a row's id for its number: rows of one table may stand in several files."""
    _, *steps = pointer.split("/")
    rows = tables.get(steps[0]) if len(steps) > 1 and steps[1].isdecimal() else None
    row = rows[int(steps[1])] if isinstance(rows, list) and int(steps[1]) < len(rows) else None
    id_ = row.get("id") if isinstance(row, Mapping) else None
    return "/".join(("", steps[0], id_, *steps[2:])) if isinstance(id_, str) and id_ else pointer


def _as_json(value: Any) -> Any:
    """TOML's own days and times as the texts that a reader of JSON knows."""
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _as_json(item) for name, item in value.items()}
    return [_as_json(item) for item in value] if isinstance(value, list) else value


def texts(fields: Fields, name: str, *, required: bool = True) -> tuple[str, ...]:
    """A list of texts, each once; not empty where it is required."""
    found = fields.get(name, required=required)
    if found is None:
        return ()
    good = isinstance(found, list) and all(isinstance(item, str) and item.strip() for item in found)
    if not good or not found or len(set(found)) < len(found):
        fields.fault(name, "wrong_type", f"The field {name} should be a list of texts, each once.")
        return ()
    return tuple(found)


def some_words(fields: Fields, name: str, words: Sequence[str]) -> tuple[str, ...]:
    """Words of a closed list; all of them where the field is absent."""
    return tuple(words) if fields.get(name, required=False) is None else fields.words(name, words)
