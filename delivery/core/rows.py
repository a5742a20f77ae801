"""The rows of a rulebook: what a rule asks, what it answers, and how it is read from a table a lawyer writes.

A row that names an unknown finding, value, moment, knob, outcome or next step does not load: every fault is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from delivery.core import findings as _registered  # noqa: F401 — importing it registers what may be asked
from delivery.core.civil import UNITS, add
from delivery.core.fields import Fields
from delivery.core.knobs import FORMS
from delivery.core.model import Outcome
from delivery.core.tables import texts
from delivery.core.trial import FINDINGS, INSTANTS, Value, When
from delivery.core.vocabulary import NEXT_STEPS, ROW_FLAGS

if TYPE_CHECKING:
    from delivery.core.knobs import Knob
    from delivery.core.trial import Trial

Wanted = tuple[tuple[str, tuple[Value, ...]], ...]
ASPECTS = ("over", "within", "outlives")
LONGEST_SENTENCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Dating:
    """Which moment dates an effect: the first known of `moments`, by the value of `knob` where one decides."""

    knob: str | None
    moments: Mapping[str, tuple[str, ...]]

    def of(self, trial: Trial) -> tuple[str, When] | None:
        value = str(trial.found(self.knob).value) if self.knob else ""
        known = ((name, trial.when(name)) for name in self.moments[value])
        return next(((name, when) for name, when in known if when), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What all rows have: the question, and the days in whose law they stand (both included)."""

    id: str
    when: Wanted
    grounds: tuple[str, ...]
    valid_from: date
    valid_to: date | None

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Row):
    """When its findings hold, this is the answer. `says` explains it in English, `says_zh` in Chinese."""

    table: str
    outcome: Outcome
    date: Dating | None
    proposes: tuple[Outcome, Dating] | None
    next: str | None
    flags: tuple[tuple[str, bool], ...]
    says: str
    says_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition(Row):
    """Grounds and flags that come on top where the rules named in `to` (or any of these tables) have answered."""

    to: tuple[str, ...]
    tables: tuple[str, ...]
    flags: tuple[tuple[str, bool], ...]

    def concerns(self, rule: Rule) -> bool:
        return rule.id in self.to or rule.table in self.tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence(Row):
    """What follows from the service as a whole. `outcome` replaces the answer's; `instants`: flags that tell when."""

    outcome: Outcome | None
    next: str | None
    flags: tuple[tuple[str, bool], ...]
    instants: tuple[tuple[str, str], ...]
    says: str
    says_zh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Term(Row):
    """A period inside the rules: `n` units from the moment `starts`. `act`: what must happen within it. `day`: the
    moments whose law decides. At `cutoff` (local time) or later, the start counts as the next day.
    """

    starts: str
    n: int
    unit: str
    rolls: bool
    rolls_when: Wanted
    cutoff: time | None
    act: str | None
    day: tuple[str, ...]

    def nominal(self, start: When, trial: Trial) -> date:
        """The last day before it may roll: it ends no earlier, whatever the calendar."""
        first = trial.day(start.at)
        if self._too_late(start, trial):
            first += timedelta(days=1)
        return add(first, self.n, self.unit)

    def last_day(self, start: When, trial: Trial) -> When:
        """Raises NoCalendarData."""
        nominal = self.nominal(start, trial)
        if self.rolls_when:
            trial.book.rest_days.need(nominal)  # P15: also where this court's knob keeps it from rolling
        rolls = self.rolls or (bool(self.rolls_when) and trial.fires(self.rolls_when))
        last = trial.rolled(nominal) if rolls else nominal
        return When(last, start.facts, self.grounds if last != nominal else ())

    def _too_late(self, start: When, trial: Trial) -> bool:
        if self.cutoff is None or not isinstance(start.at, datetime):
            return False
        return start.at.astimezone(trial.book.zone).time() >= self.cutoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(Row):
    """A period of the catalogue that the service of such a document starts. `appeal`: the one for appeal; `told`: to
    the case record and the recipient.
    """

    period: str
    appeal: bool
    told: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeHearing(Row):
    """How many days before the hearing's day such a document should take effect at the latest; None: as the rulebook
    counts the days before a hearing; 0: before it begins.
    """

    days: int | None


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The names a row may use, beside those that are registered."""

    tables: Collection[str]
    knobs: Mapping[str, Knob]
    terms: Collection[str]

    def values(self, name: str) -> Collection[Value] | None:
        kind, _, term = name.partition(".")
        if kind in ASPECTS:
            return (True, False) if term in self.terms else None
        if name in self.knobs:
            return self.knobs[name].values
        return FINDINGS[name][0] if name in FINDINGS else None

    @property
    def findings(self) -> list[str]:
        return sorted([*FINDINGS, *self.knobs, *(f"{kind}.{term}" for term in self.terms for kind in ASPECTS)])

    @property
    def moments(self) -> list[str]:
        return sorted([*INSTANTS, *self.terms])


def read_rule(row: Fields, known: Known) -> Rule:
    outcome = row.word("outcome", tuple(Outcome))
    dated = outcome in tuple(Outcome) and Outcome(outcome).dated
    if dated != (row.get("date", required=False) is not None):
        row.fault("date", "missing", "A dated outcome names the moment that dates it, another outcome names none.")
    rule = Rule(
        **_row(row, known),
        table=row.word("table", tuple(known.tables)),
        outcome=Outcome(outcome or "pending"),
        date=_dating(row, "date", known),
        proposes=_proposal(row, known),
        next=row.optional_word("next", NEXT_STEPS),
        flags=_flags(row),
        **_sentences(row),
    )
    row.unknown()
    return rule


def read_addition(row: Fields, known: Known) -> Addition:
    addition = Addition(**_row(row, known), to=_names(row, "to"), tables=_tables(row, known), flags=_flags(row))
    if not (addition.to or addition.tables):
        row.fault("to", "missing", "It should name the rules, or the tables, to whose answer it adds.")
    row.unknown()
    return addition


def read_consequence(row: Fields, known: Known) -> Consequence:
    outcome = row.optional_word("outcome", tuple(Outcome))
    instants = row.object("instants", required=False)
    consequence = Consequence(
        **_row(row, known),
        outcome=Outcome(outcome) if outcome else None,
        next=row.optional_word("next", NEXT_STEPS),
        flags=_flags(row),
        instants=tuple((name, instants.word(name, known.moments)) for name in instants.value) if instants else (),
        **_sentences(row),
    )
    row.unknown()
    return consequence


def read_term(row: Fields, known: Known) -> Term:
    if row.value.get("id") in INSTANTS:
        row.fault("id", "taken", "A term should not have the name of a moment: that would hide its last day.")
    cutoff = row.text("cutoff", most=5, required=False, fits=FORMS["HH:MM"], says="It should be a time, as 16:30.")
    term = Term(
        **_row(row, known),
        starts=row.word("from", tuple(INSTANTS)),
        n=row.number("n", least=0, most=10_000, default=0),
        unit=row.word("unit", UNITS, "day"),
        rolls=row.flag("rolls"),
        rolls_when=_when(row, known, "rolls_when"),
        cutoff=time.fromisoformat(cutoff) if cutoff else None,
        act=row.optional_word("act", tuple(INSTANTS)),
        day=_moments(row, "day", known) or ("began",),
    )
    row.unknown()
    return term


def read_running(row: Fields, known: Known, periods: Collection[str]) -> Running:
    running = Running(
        **_row(row, known),
        period=row.word("period", tuple(periods)),
        appeal=row.flag("appeal"),
        told=row.flag("told"),
    )
    row.unknown()
    return running


def read_before_hearing(row: Fields, known: Known) -> BeforeHearing:
    told = row.get("days", required=False)
    days = row.number("days", least=0, most=366, default=0)
    found = BeforeHearing(**_row(row, known), days=None if told is None else days)
    row.unknown()
    return found


def _row(row: Fields, known: Known) -> dict[str, Any]:
    begins, ends = row.day("valid_from", required=True), row.day("valid_to")
    if begins and ends and ends < begins:
        row.fault("valid_to", "before_start", "It should not lie before valid_from.")
    return {
        "id": row.text("id", most=60) or "",
        "when": _when(row, known),
        "grounds": texts(row, "grounds", required=False),
        "valid_from": begins or date.min,
        "valid_to": ends,
    }


def _sentences(row: Fields) -> dict[str, Any]:
    return {name: row.text(name, most=LONGEST_SENTENCE) or "" for name in ("says", "says_zh")}


def _when(row: Fields, known: Known, name: str = "when") -> Wanted:
    asked = row.object(name, required=False)
    return tuple((name, _wanted(asked, name, known)) for name in asked.value) if asked else ()


def _wanted(asked: Fields, name: str, known: Known) -> tuple[Value, ...]:
    values, told = known.values(name), asked.get(name)
    if values is None:
        asked.fault(name, "unknown_finding", f"No such finding. The findings are: {', '.join(known.findings)}.")
        return ()
    wanted = tuple(told) if isinstance(told, list) else (told,)
    if not wanted or any(not isinstance(one, str | bool) or one not in values for one in wanted):
        asked.fault(name, "unknown_word", f"It should be one of: {', '.join(map(str, values))}, or a list of them.")
    return wanted


def _flags(row: Fields) -> tuple[tuple[str, bool], ...]:
    flags = row.object("flags", required=False)
    if flags is None:
        return ()
    only_words(flags, ROW_FLAGS)
    return tuple((name, flags.flag(name)) for name in flags.value)


def only_words(table: Fields, words: Collection[str]) -> None:
    """Note every name of a table that is not one of these words."""
    for name in table.value:
        if name not in words:
            table.fault(name, "unknown_word", f"It should be one of: {', '.join(words)}.")


def _names(row: Fields, name: str) -> tuple[str, ...]:
    return texts(row, name, required=False)


def _tables(row: Fields, known: Known) -> tuple[str, ...]:
    return row.words("tables", tuple(known.tables)) if row.get("tables", required=False) is not None else ()


def _moments(row: Fields, name: str, known: Known) -> tuple[str, ...]:
    told = row.get(name, required=False)
    if told is None:
        return ()
    moments = tuple(told) if isinstance(told, list) else (told,)
    if not moments or any(one not in known.moments for one in moments):
        row.fault(name, "unknown_moment", f"It should be one or several of: {', '.join(known.moments)}.")
    return moments


def _dating(row: Fields, name: str, known: Known) -> Dating | None:
    told = row.get(name, required=False)
    if not isinstance(told, Mapping):
        moments = _moments(row, name, known)
        return Dating(knob=None, moments={"": moments}) if moments else None
    choice = row.object(name)
    knob = next(iter(told), "")
    options = choice.object(knob) if choice and knob in known.knobs else None
    if options is None or {*options.value} != {*known.knobs[knob].values}:
        row.fault(name, "unknown_knob", "It should name one knob, and the moments for each of its values.")
        return None
    return Dating(knob=knob, moments={value: _moments(options, value, known) for value in options.value})


def _proposal(row: Fields, known: Known) -> tuple[Outcome, Dating] | None:
    told = row.object("proposes", required=False)
    if told is None:
        return None
    outcome, dating = told.word("outcome", ("served", "presumed", "deemed")), _dating(told, "date", known)
    told.unknown()
    if dating is None:
        told.fault("date", "missing", "A proposal names the moment that would date it.")
    return (Outcome(outcome), dating) if outcome and dating else None


# --- contradictions --------------------------------------------------------------------------------------------------


def contradictions(rules: Iterable[Rule]) -> Iterable[str]:
    """Two rows with one question in one table may not be in force on one day, and no row may be out of reach."""
    every = tuple(rules)
    for index, rule in enumerate(every):
        for other in every[index + 1 :]:
            if rule.id == other.id and _overlap(rule, other):
                yield f"/rule/{other.id}: the id is used twice at one time"
            if rule.table != other.table or not _covers(rule, other):
                continue
            if _covers(other, rule) and _overlap(rule, other):
                yield f"/rule/{other.id}: asks the same as {rule.id} while that is in force"
            elif _outlasts(rule, other):
                yield f"/rule/{other.id}: is never reached, because {rule.id} before it asks for less"


def loose_ends(
    rules: Iterable[Rule], additions: Iterable[Addition], consequences: Iterable[Row], terms: Iterable[Term]
) -> Iterable[str]:
    """What names a rule that is not there, or a term in a way that it does not have."""
    rules, additions, terms = tuple(rules), tuple(additions), tuple(terms)
    ids, acted = {rule.id for rule in rules}, {term.id for term in terms if term.act}
    for addition in additions:
        yield from (f"/adds/{addition.id}/to: there is no rule {name}" for name in addition.to if name not in ids)
    for row in (*rules, *additions, *consequences):
        for name, _ in row.when:
            kind, _, asked = name.partition(".")
            if kind == "within" and asked not in acted:
                yield f"{row.id}: asks {name}, but no act stands with that term"
    for index, term in enumerate(terms):
        for other in terms[index + 1 :]:
            if term.id == other.id and _covers(term, other) and _overlap(term, other):
                yield f"/term/{term.id}: two rows hold for the same cases at one time"


def _covers(one: Row, other: Row) -> bool:
    """Whether `one` fires wherever `other` does."""
    wanted = dict(other.when)
    return all(name in wanted and {*wanted[name]} <= {*values} for name, values in one.when)


def _outlasts(one: Row, other: Row) -> bool:
    return one.valid_from <= other.valid_from and (one.valid_to or date.max) >= (other.valid_to or date.max)


def _overlap(one: Row, other: Row) -> bool:
    return one.valid_from <= (other.valid_to or date.max) and other.valid_from <= (one.valid_to or date.max)
