"""Reading decoded JSON into the core's values, noting every fault at its place instead of stopping at the first.

A reader asks a `Fields` for what it knows; what nobody asked for is an unknown field. Where something is wrong the
answer is a stand-in of the right type: whoever reads throws everything away when there are faults.

No message repeats a value: what was filed may be personal (design.md §5.12).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeVar

T = TypeVar("T")

ID = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)
"""Ids become part of attempt ids, which the wires bound: short, and no dot in them."""

DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
YEARS = range(1900, 2200)
"""Years that a court's papers may speak of; far from where the arithmetic of offsets ends."""
EVERY_YEAR = range(1, 10_000)
"""For questions alone: a year without a calendar is an answer there, however far away it lies (law.md P15)."""

MOST_FAULTS = 1000
"""After so many the sender has read enough; it bounds the answer to a hostile filing."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The stand-in for an instant that could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong: where (JSON pointer, RFC 6901), its name for programs, and one sentence: what would be right."""

    pointer: str
    code: str
    message: str


Faults = tuple[Fault, ...]


class Fields:
    """The members of one JSON object at `pointer`; all objects of one document share the list of `faults`."""

    def __init__(self, value: Mapping[str, Any], pointer: str, faults: list[Fault]) -> None:
        self.value, self.pointer = value, pointer
        self._faults = faults
        self._asked: set[str] = set()

    def fault(self, name: str | None, code: str, message: str) -> None:
        """Something is wrong with the member of that name; None: with the object itself."""
        self.fault_at(self.pointer if name is None else self.place(name), code, message)

    def fault_at(self, pointer: str, code: str, message: str) -> None:
        if len(self._faults) < MOST_FAULTS:
            self._faults.append(Fault(pointer=pointer, code=code, message=message))

    def place(self, name: str | int) -> str:
        return f"{self.pointer}/{_escaped(str(name))}"

    def get(self, name: str, *, required: bool = True) -> Any:
        """The member as it is; None where it is absent or null, which is a fault when it is required."""
        self._asked.add(name)
        found = self.value.get(name)
        if found is None and required:
            self.fault(name, "missing", f"The field {name} is required.")
        return found

    def text(
        self,
        name: str,
        *,
        most: int,
        least: int = 1,
        required: bool = True,
        fits: Callable[[str], object] | None = None,
        says: str = "",
    ) -> str | None:
        """Text of `least` to `most` characters, none of them a control character, that `fits`; `says`: what would."""
        found = self.get(name, required=required)
        if found is None:
            return None
        wrong = _wrong_text(found, least, most)
        if wrong is None and fits is not None and not fits(found):
            wrong = ("malformed", says)
        if wrong:
            self.fault(name, *wrong)
            return None
        return str(found)

    def id(self, name: str = "id") -> str:
        says = "An id should be 1 to 40 letters, digits, - or _."
        return self.text(name, most=40, fits=ID.fullmatch, says=says) or ""

    def word(self, name: str, words: Collection[str], default: str | None = None) -> str:
        """One word of a closed list; `default` stands for an absent one and makes it optional."""
        return self.optional_word(name, words, required=default is None) or default or ""

    def optional_word(self, name: str, words: Collection[str], *, required: bool = False) -> str | None:
        found = self.get(name, required=required)
        if found is None or (isinstance(found, str) and found in words):
            return found
        self.fault(name, "unknown_word", f"The field {name} should be one of: {', '.join(words)}.")
        return None

    def words(self, name: str, words: Sequence[str]) -> tuple[str, ...]:
        """A list of words of a closed list, each once, at least one."""
        found = self._list(name, least=1, most=len(words))
        for index, item in enumerate(found):
            if not (isinstance(item, str) and item in words):
                says = f"Each of {name} should be one of: {', '.join(words)}."
                self.fault_at(f"{self.place(name)}/{index}", "unknown_word", says)
        known = [item for item in found if isinstance(item, str)]
        for index in _repeats(known) if len(known) == len(found) else ():
            self.fault_at(f"{self.place(name)}/{index}", "repeated", f"Each of {name} should stand there once.")
        return tuple(known)

    def flag(self, name: str) -> bool:
        """A boolean; an absent one was not recorded and reads as false."""
        self._asked.add(name)
        found = self.value.get(name, False)
        if not isinstance(found, bool):
            self.fault(name, "wrong_type", f"The field {name} should be true or false.")
        return found is True

    def number(self, name: str, *, least: int, most: int, default: int) -> int:
        """A whole number; an absent one reads as `default`."""
        found = self.get(name, required=False)
        if found is None:
            return default
        if isinstance(found, int) and not isinstance(found, bool) and least <= found <= most:
            return found
        self.fault(name, "out_of_range", f"The field {name} should be a whole number from {least} to {most}.")
        return default

    def instant(self, name: str, *, required: bool = True, years: range = YEARS) -> datetime | None:
        """An instant with offset (RFC 3339)."""
        found = self.get(name, required=required)
        if found is None:
            return None
        instant = read_instant(found, years)
        if instant is None:
            says = f"The field {name} should be an instant with offset, as 2025-09-16T09:30:00+08:00 (RFC 3339)."
            self.fault(name, "not_an_instant", says)
        return instant

    def day(self, name: str, *, required: bool = False, years: range = YEARS) -> date | None:
        found = self.get(name, required=required)
        if found is None:
            return None
        day = _read_day(found, years)
        if day is None:
            self.fault(name, "not_a_day", f"The field {name} should be a day that exists, as 2025-09-16.")
        return day

    def object(self, name: str, *, required: bool = True) -> Fields | None:
        found = self.get(name, required=required)
        if found is None:
            return None
        if isinstance(found, Mapping):
            return Fields(found, self.place(name), self._faults)
        self.fault(name, "wrong_type", f"The field {name} should be an object.")
        return None

    def objects(self, name: str, *, least: int, most: int) -> list[Fields]:
        """The objects of a list of `least` to `most`; an absent list reads as empty where it may be."""
        found = []
        for index, item in enumerate(self._list(name, least=least, most=most)):
            place = f"{self.place(name)}/{index}"
            if isinstance(item, Mapping):
                found.append(Fields(item, place, self._faults))
            else:
                self.fault_at(place, "wrong_type", f"Each of {name} should be an object.")
        return found

    def _list(self, name: str, *, least: int, most: int) -> Sequence[Any]:
        found = self.get(name, required=least > 0)
        if found is None:
            return ()
        if not isinstance(found, (list, tuple)):
            self.fault(name, "wrong_type", f"The field {name} should be a list.")
            return ()
        if not least <= len(found) <= most:
            code = "too_few" if len(found) < least else "too_many"
            self.fault(name, code, f"The list {name} should have {least} to {most} entries.")
        return found[:most]

    def unknown(self, *, except_for: re.Pattern[str] | None = None) -> None:
        """Note every member that nobody asked for. Called last."""
        for name in self.value:
            if name not in self._asked and not (except_for and except_for.fullmatch(name)):
                says = f"There is no such field here: leave it out. The fields are: {', '.join(sorted(self._asked))}."
                self.fault(str(name)[:64], "unknown_field", says)


def note_repeats(parts: Sequence[Fields], ids: Sequence[str]) -> None:
    """Note each id that an earlier part of the same list has already."""
    for index in _repeats(ids):
        parts[index].fault("id", "repeated", "Each id should stand once in its list.")


def _repeats(items: Iterable[str]) -> list[int]:
    seen: set[str] = set()
    repeats = []
    for index, item in enumerate(items):
        if item and item in seen:
            repeats.append(index)
        seen.add(item)
    return repeats


def read_instant(value: object, years: range = YEARS) -> datetime | None:
    """The instant of an RFC 3339 text with offset; None for anything else."""
    if not isinstance(value, str) or _INSTANT.fullmatch(value) is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.year in years else None


def _read_day(value: object, years: range) -> date | None:
    if not isinstance(value, str) or _DAY.fullmatch(value) is None:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        return None
    return day if day.year in years else None


def _wrong_text(value: object, least: int, most: int) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return "wrong_type", "This should be text."
    if not least <= len(value) <= most:
        return "too_short" if len(value) < least else "too_long", f"This should have {least} to {most} characters."
    if not is_plain(value):
        return "control_character", "This should be one line of text without control characters."
    if least and not value.strip():
        return "blank", "This should not be blank."
    return None


def is_plain(text: str) -> bool:
    """No line break, no NUL, no half of a surrogate pair: nothing that changes what a header or a page means."""
    return not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text)


def _escaped(name: str) -> str:
    """A reference token (RFC 6901 §3), in characters that every encoder takes."""
    plain = name.encode("utf-8", "replace").decode("utf-8")
    return plain.replace("~", "~0").replace("/", "~1")
