"""The catalogue of periods: lengths, start facts, bounds and rolling, as a rulebook's `periods.toml` states them.

A catalogue that contradicts itself, leaves a day without a length between two others, or names an unknown fact, unit or
knob does not load, and says where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise, product
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from delivery.core.civil import UNITS
from delivery.core.fields import Fields
from delivery.core.knobs import Knobs
from delivery.core.tables import Reading, some_words, texts
from delivery.core.vocabulary import CASE_KINDS, PROCEDURES, STAGES

HOUR = "hour"
START_FACTS = (
    "service",
    "last_publication",
    "mail_signature",
    "posting",
    "notice_received",
    "judgment_effective",
    "performance_end",
    "obstacle_end",
    "application_received",
    "custody_start",
    "filing",
    "sent",
    "link_created",
)
MEANS = ("post", "courier", "e_filing")
HANDED_OVER, ARRIVED = "handed_over", "arrived"
START_EXCLUDED, FULL_HOURS, MONTH_END, ROLLED, OUTAGE = STEPS = (
    "start_excluded",
    "full_hours",
    "month_end",
    "rolled",
    "outage",
)
SUSPENDING = ("jurisdiction_objection",)
"""Facts that stop a period until they are over."""

MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class KnobIs:
    """A condition: the court's knob has this value."""

    knob: str
    value: str

    def holds(self, knobs: Mapping[str, str]) -> bool:
        return knobs[self.knob] == self.value


@dataclass(frozen=True, slots=True)
class Validity:
    """First and last day on which a row is in force; None: no end on that side."""

    first: date
    last: date

    def covers(self, day: date) -> bool:
        return self.first <= day <= self.last

    def overlaps(self, other: Validity) -> bool:
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How long, for whom, while it is in force on the day of the start fact. `unit`: day, month, year or hour."""

    n: int
    unit: str
    case_kinds: tuple[str, ...]
    domiciles: tuple[bool, ...]
    validity: Validity
    sources: tuple[str, ...]

    def fits(self, case_kind: str, prc_domicile: bool, day: date) -> bool:
        return case_kind in self.case_kinds and prc_domicile in self.domiciles and self.validity.covers(day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a court may set, in days, both ends included; None: no bound on that side."""

    case_kinds: tuple[str, ...]
    procedures: tuple[str, ...]
    stages: tuple[str, ...]
    least: int | None
    most: int | None
    usually_most: int | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A fact that stops a period while it lasts, by the law of the day on which it began."""

    fact: str
    case_kinds: tuple[str, ...]
    validity: Validity
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRule:
    """One code. `starts`: None for any fact that starts something. `latest_of`: the code whose latest end it is."""

    code: str
    name_zh: str
    name_en: str
    starts: frozenset[str] | None
    rolls: bool | KnobIs
    lengths: tuple[Length, ...]
    set_by_court: bool
    bounds: tuple[Bound, ...]
    length_of_end_if: KnobIs | None
    suspended_by: tuple[Suspension, ...]
    latest_of: str | None
    sources: tuple[str, ...]

    def length(self, case_kind: str, prc_domicile: bool, day: date) -> Length | None:
        """The length in force on that day; None where the code does not exist for such a case."""
        return next((row for row in self.lengths if row.fits(case_kind, prc_domicile, day)), None)

    def suspension(self, fact: str, case_kind: str, day: date) -> Suspension | None:
        """The row by which a fact of that day stops this period; None where it does not."""
        rows = (row for row in self.suspended_by if row.fact == fact and case_kind in row.case_kinds)
        return next((row for row in rows if row.validity.covers(day)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """What a step of the counting rests on."""

    step: str
    case_kinds: tuple[str, ...]
    validity: Validity
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """How an act reaches the court: which moment counts. `late_arrival_if`: when a late arrival does no harm.
    `until`: the knob with the hour at which the last day ends for it.
    """

    counts: str
    late_arrival_if: KnobIs | None
    until: str | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """`calendar`: its name; `make_up_ends`: when a make-up working day ends a period."""

    zone: ZoneInfo
    calendar: str
    starts_nothing: frozenset[str]
    make_up_ends: KnobIs
    rules: Mapping[str, PeriodRule]
    means: Mapping[str, Means]
    countings: tuple[Counting, ...]

    def counting(self, step: str, case_kind: str, day: date) -> tuple[str, ...]:
        """The articles of a step, as of the day of the start fact."""
        rows = (c for c in self.countings if c.step == step and case_kind in c.case_kinds and c.validity.covers(day))
        return tuple(source for row in rows for source in row.sources)


def read_catalogue(name: str, tables: Mapping[str, Any], knobs: Knobs) -> Catalogue:
    """The catalogue of a decoded file. Raises TablesBroken with every fault."""
    reading = Reading()
    with reading.file(name, tables) as fields:
        catalogue = _Reader(knobs).catalogue(fields)
    reading.end()
    return catalogue


class _Reader:
    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs

    def catalogue(self, fields: Fields) -> Catalogue:
        head = fields.object("periods") or Fields({}, "/periods", [])
        rows = fields.objects("period", least=1, most=MOST_ROWS)
        rules = [self._rule(row) for row in rows]
        _note_wrong_references(rows, rules)
        catalogue = Catalogue(
            zone=_zone(head),
            calendar=head.id("calendar"),
            starts_nothing=frozenset(head.words("starts_nothing", START_FACTS)),
            make_up_ends=self._knob_is(head, "make_up_ends") or KnobIs("", ""),
            rules={rule.code: rule for rule in rules},
            means=self._means(fields),
            countings=tuple(_counting(row) for row in fields.objects("counting", least=1, most=MOST_ROWS)),
        )
        head.unknown()
        return catalogue

    def _rule(self, row: Fields) -> PeriodRule:
        latest_of = row.text("latest_of", most=40, required=False)
        own = latest_of is None
        rule = PeriodRule(
            code=row.id("code"),
            name_zh=row.text("name_zh", most=60) or "",
            name_en=row.text("name_en", most=80) or "",
            starts=_starts(row) if own else None,
            rolls=self._rolls(row) if own else False,
            lengths=tuple(_length(part) for part in row.objects("lengths", least=0, most=MOST_ROWS)),
            set_by_court=row.flag("set_by_court"),
            bounds=tuple(_bound(part) for part in row.objects("bounds", least=0, most=MOST_ROWS)),
            length_of_end_if=self._knob_is(row, "length_of_end_if", required=False),
            suspended_by=tuple(_suspension(part) for part in row.objects("suspended_by", least=0, most=MOST_ROWS)),
            latest_of=latest_of,
            sources=texts(row, "sources", required=False),
        )
        row.unknown()
        if [bool(rule.lengths), rule.set_by_court, not own].count(True) != 1:
            says = "A period should have exactly one of lengths, set_by_court and latest_of."
            row.fault(None, "no_length", says)
        if rule.bounds and not rule.set_by_court:
            row.fault("bounds", "no_use", "Only what a court sets has bounds.")
        for says in (*_overlaps(rule.lengths), *_gaps(rule.lengths)):
            row.fault("lengths", "contradiction", says)
        return rule

    def _rolls(self, row: Fields) -> bool | KnobIs:
        found = row.get("rolls")
        if isinstance(found, Mapping):
            return self._knob_is(row, "rolls") or False
        return row.flag("rolls")

    def _knob_is(self, row: Fields, name: str, *, required: bool = True) -> KnobIs | None:
        part = row.object(name, required=required)
        if part is None:
            return None
        knob, value = part.text("knob", most=40) or "", part.text("value", most=40) or ""
        part.unknown()
        self._note_wrong_knob(part, "knob", knob)
        if knob in self._knobs.by_id and not self._knobs.by_id[knob].takes(value):
            part.fault("value", "unknown_word", f"The value should be one of: {self._knobs.by_id[knob].allowed}.")
        return KnobIs(knob, value)

    def _note_wrong_knob(self, row: Fields, name: str, knob: str) -> None:
        if knob and knob not in self._knobs.by_id:
            row.fault(name, "unknown_word", f"The knob should be one of: {', '.join(self._knobs.by_id)}.")

    def _means(self, fields: Fields) -> Mapping[str, Means]:
        table = fields.object("means")
        if table is None:
            return {}
        found = {name: self._one_means(row) for name in MEANS if (row := table.object(name))}
        table.unknown()
        return found

    def _one_means(self, row: Fields) -> Means:
        until = row.text("until", most=40, required=False)
        self._note_wrong_knob(row, "until", until or "")
        if until is not None and until in self._knobs.by_id and self._knobs.by_id[until].form != "HH:MM":
            row.fault("until", "unknown_word", "The knob should be one whose value is an hour, HH:MM.")
        means = Means(
            counts=row.word("counts", (HANDED_OVER, ARRIVED)),
            late_arrival_if=self._knob_is(row, "late_arrival_if", required=False),
            until=until,
            sources=texts(row, "sources"),
        )
        row.unknown()
        return means


def _zone(head: Fields) -> ZoneInfo:
    name = head.text("zone", most=60) or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        head.fault("zone", "unknown_word", "The zone should be one of the time zone database, as Asia/Shanghai.")
        return ZoneInfo("UTC")


def _starts(row: Fields) -> frozenset[str] | None:
    return None if row.get("starts") == "any" else frozenset(row.words("starts", START_FACTS))


def _validity(row: Fields) -> Validity:
    first, last = row.day("valid_from") or date.min, row.day("valid_to") or date.max
    if last < first:
        row.fault("valid_to", "contradiction", "The day should not lie before valid_from.")
    return Validity(first, last)


def _length(row: Fields) -> Length:
    prc_domicile = row.get("prc_domicile", required=False)
    length = Length(
        n=_count(row, "n") or 1,
        unit=row.word("unit", (*UNITS, HOUR)),
        case_kinds=some_words(row, "case_kinds", CASE_KINDS),
        domiciles=(True, False) if prc_domicile is None else (row.flag("prc_domicile"),),
        validity=_validity(row),
        sources=texts(row, "sources"),
    )
    row.unknown()
    return length


def _count(row: Fields, name: str, *, required: bool = True) -> int | None:
    if row.get(name, required=required) is None:
        return None
    return row.number(name, least=1, most=10_000, default=1)


def _bound(row: Fields) -> Bound:
    bound = Bound(
        case_kinds=some_words(row, "case_kinds", CASE_KINDS),
        procedures=some_words(row, "procedures", PROCEDURES),
        stages=some_words(row, "stages", STAGES),
        least=_count(row, "least", required=False),
        most=_count(row, "most", required=False),
        usually_most=_count(row, "usually_most", required=False),
        sources=texts(row, "sources"),
    )
    row.unknown()
    if bound.least is None and bound.most is None:
        row.fault(None, "no_use", "A bound should have least or most.")
    if bound.least is not None and bound.most is not None and bound.most < bound.least:
        row.fault("most", "contradiction", "The bound should not be less than least.")
    return bound


def _suspension(row: Fields) -> Suspension:
    suspension = Suspension(
        fact=row.word("fact", SUSPENDING),
        case_kinds=some_words(row, "case_kinds", CASE_KINDS),
        validity=_validity(row),
        sources=texts(row, "sources"),
    )
    row.unknown()
    return suspension


def _counting(row: Fields) -> Counting:
    counting = Counting(
        step=row.word("step", STEPS),
        case_kinds=some_words(row, "case_kinds", CASE_KINDS),
        validity=_validity(row),
        sources=texts(row, "sources"),
    )
    row.unknown()
    return counting


# --- what contradicts itself -----------------------------------------------------------------------------------------


def _overlaps(lengths: Iterable[Length]) -> Iterator[str]:
    for one, other in combinations(lengths, 2):
        kinds, homes = {*one.case_kinds} & {*other.case_kinds}, {*one.domiciles} & {*other.domiciles}
        if kinds and homes and one.validity.overlaps(other.validity):
            first = max(one.validity.first, other.validity.first)
            yield f"From {first} on two lengths hold at one time for: {', '.join(sorted(kinds))}."


def _gaps(lengths: tuple[Length, ...]) -> Iterator[str]:
    for kind, home in product(CASE_KINDS, (True, False)):
        rows = [row.validity for row in lengths if kind in row.case_kinds and home in row.domiciles]
        for one, following in pairwise(sorted(rows, key=lambda validity: validity.first)):
            if (following.first - one.last).days > 1:
                yield f"Between {one.last} and {following.first} there is no length for: {kind}."


def _note_wrong_references(rows: list[Fields], rules: list[PeriodRule]) -> None:
    seen: set[str] = set()
    simple = {rule.code for rule in rules if rule.lengths}
    for row, rule in zip(rows, rules, strict=True):
        if rule.code in seen:
            row.fault("code", "repeated", "Each code should stand once.")
        seen.add(rule.code)
        if rule.latest_of is not None and rule.latest_of not in simple:
            row.fault("latest_of", "unknown_word", "This should be the code of a period with lengths.")
