"""A period scenario (tests/data/scenarios/README.md) → a question for periods.py, or every fault with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from delivery.core.acts import Act, in_time
from delivery.core.catalogue import MEANS, OUTAGE, START_FACTS, SUSPENDING, PeriodRule
from delivery.core.civil import UNITS
from delivery.core.fields import EVERY_YEAR, NEVER, Fault, Faults, Fields, note_repeats
from delivery.core.knobs import KnobsWrong
from delivery.core.outages import Outage, outage_json, read_outage, within
from delivery.core.periods import (
    ANNULLED,
    NONE_YET,
    Case,
    Party,
    Period,
    PeriodLaw,
    Span,
    Start,
    compute,
    finality,
)
from delivery.core.suspensions import Stay
from delivery.core.vocabulary import CASE_KINDS, PROCEDURES, STAGES

SERVICE = "service"
OUTCOMES = ("served", "presumed", "deemed", "review", ANNULLED, *sorted(NONE_YET, reverse=True))
JURISDICTION = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
LONGEST_ID = 200
MOST_PARTIES, MOST_ACTS, LONGEST_SPAN, MOST_BESIDE = 1000, 1000, 10**9, 100

LawOf = Callable[[str], PeriodLaw | None]
"""The law of a jurisdiction by its name; None where there is no such rulebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodQuestion:
    """One scenario without faults. Either `start` or `parties`; `law` has the scenario's knobs."""

    id: str
    code: str
    case: Case
    prc_domicile: bool
    given: Span | None
    start: Start | None
    parties: tuple[Party, ...]
    acts: tuple[Act, ...]
    law: PeriodLaw
    stays: tuple[Stay, ...] = ()
    outages: tuple[Outage, ...] = ()

    def answer(self) -> Period:
        if self.start is None:
            return finality(self.code, self.parties, self.law, case=self.case)
        return compute(
            self.code,
            self.start,
            self.law,
            case=self.case,
            prc_domicile=self.prc_domicile,
            given=self.given,
            stays=self.stays,
        )

    def in_time(self, period: Period) -> dict[str, bool | str]:
        """By the id of each act; empty where the period has no end."""
        found = {act.id: in_time(act, period, self.law) for act in self.acts}
        return {name: verdict for name, verdict in found.items() if verdict is not None}

    def beside(self, period: Period) -> list[dict[str, Any]]:
        """The outages that fall into the period: those of the question, and those that the court has on record."""
        starts = [part.first_day for _, part in period.parts] or [period.first_day]
        first, zone = min((day for day in starts if day), default=None), self.law.catalogue.zone
        if first is None or period.expiry is None:
            return []
        grounds = self.law.catalogue.counting(OUTAGE, self.case.kind, first)
        found = within((*self.law.outages, *self.outages), first, period.expiry, zone)
        return [outage_json(outage, zone, grounds) for outage in found]


def read_period_question(value: Any, pointer: str, law_of: LawOf) -> PeriodQuestion | Faults:
    """Read one decoded scenario that stands at `pointer` of its file."""
    if not isinstance(value, Mapping):
        return (Fault(pointer=pointer, code="wrong_type", message="A period scenario should be an object."),)
    faults: list[Fault] = []
    fields = Fields(value, pointer, faults)
    question = _question(fields, law_of)
    fields.unknown()
    return tuple(faults) if faults or question is None else question


def _question(fields: Fields, law_of: LawOf) -> PeriodQuestion | None:
    """None where the rulebook is not known, so that a code means nothing."""
    for name in ("title", "expect"):
        fields.get(name, required=False)  # what a test expects is no fact
    law = _law(fields, law_of)
    start, parties = _start_or_parties(fields)
    id_ = fields.text("id", most=LONGEST_ID) or ""
    case = Case(
        kind=fields.word("case_kind", CASE_KINDS),
        # What is not said is the usual case; only a period set by the court asks.
        procedure=fields.word("procedure", PROCEDURES, PROCEDURES[0]),
        stage=fields.word("stage", STAGES, STAGES[0]),
    )
    prc_domicile = fields.flag("prc_domicile") if "prc_domicile" in fields.value else True
    given, acts = _span(fields), _acts(fields)
    rows = fields.objects("suspensions", least=0, most=MOST_BESIDE)
    stays = tuple(_stay(row) for row in rows)
    outages = tuple(read_outage(row) for row in fields.objects("outages", least=0, most=MOST_BESIDE))
    code = fields.text("period", most=40)
    if law is None or code is None:
        return None
    _note_unfit(fields, law, code, start, given)
    _note_no_stay(rows, stays, law.catalogue.rules.get(code), case)
    return PeriodQuestion(
        id=id_,
        code=code,
        case=case,
        prc_domicile=prc_domicile,
        given=given,
        start=start,
        parties=parties,
        acts=acts,
        law=law,
        stays=stays,
        outages=outages,
    )


def _law(fields: Fields, law_of: LawOf) -> PeriodLaw | None:
    overrides = fields.object("knobs", required=False)
    name = fields.text("jurisdiction", most=40)
    if name is None:
        return None
    law = law_of(name) if JURISDICTION.fullmatch(name) else None
    if law is None:
        fields.fault("jurisdiction", "unknown_word", "There is no rulebook for periods with this name.")
        return None
    try:
        return law.with_knobs(overrides.value if overrides else {})
    except KnobsWrong as wrong:
        for knob, says in wrong.faults:
            fields.fault_at(f"{fields.place('knobs')}/{knob}", "unknown_knob_or_value", says)
        return law


def _note_unfit(fields: Fields, law: PeriodLaw, code: str, start: Start | None, given: Span | None) -> None:
    """What the code needs and has not got."""
    rule = law.catalogue.rules.get(code)
    if rule is None:
        says = f"The period should be one of: {', '.join(law.catalogue.rules)}."
        fields.fault("period", "unknown_word", says)
    elif rule.latest_of is not None and "start" in fields.value:
        fields.fault("start", "not_here", "This period runs from the services on all parties: give parties instead.")
    elif rule.latest_of is None and "parties" in fields.value:
        fields.fault("parties", "not_here", "This period runs from one fact: give start instead.")
    elif not rule.set_by_court and given is not None:
        fields.fault("length", "not_here", "The law sets the length of this period: leave it out.")
    elif rule.set_by_court and "length" not in fields.value:
        fields.fault("length", "missing", "The court sets this period: its length is required.")


def _start_or_parties(fields: Fields) -> tuple[Start | None, tuple[Party, ...]]:
    both, none = ("start" in fields.value) and ("parties" in fields.value), not {"start", "parties"} & {*fields.value}
    if both or none:
        fields.fault(None, "start_or_parties", "There should be either start or parties.")
    start = fields.object("start", required="start" in fields.value)
    rows = fields.objects("parties", least=1 if "parties" in fields.value else 0, most=MOST_PARTIES)
    return _start(start) if start else None, tuple(_party(row) for row in rows)


def _start(row: Fields) -> Start:
    fact = row.word("fact", START_FACTS)
    outcome = row.optional_word("outcome", OUTCOMES, required=fact == SERVICE)
    if ("date" in row.value) == ("at" in row.value):
        row.fault(None, "date_or_at", "There should be either date or at.")
    day = row.day("date", years=EVERY_YEAR)
    at = row.instant("at", required="at" in row.value, years=EVERY_YEAR)
    row.unknown()
    return Start(fact=fact, day=day, at=at, outcome=outcome)


def _party(row: Fields) -> Party:
    id_ = row.text("id", most=LONGEST_ID, least=0) or ""
    row.get("prc_domicile")
    prc_domicile = row.flag("prc_domicile")
    start = row.object("start")
    row.unknown()
    return Party(id=id_, prc_domicile=prc_domicile, start=_start(start) if start else Start(fact=SERVICE))


def _span(fields: Fields) -> Span | None:
    row = fields.object("length", required="length" in fields.value)
    if row is None:
        return None
    row.get("n")
    span = Span(row.number("n", least=1, most=LONGEST_SPAN, default=1), row.word("unit", UNITS))
    row.unknown()
    return span


def _stay(row: Fields) -> Stay:
    stay = Stay(
        fact=row.word("fact", SUSPENDING),
        begins=row.day("from", required=True) or NEVER.date(),
        ends=row.day("to"),
    )
    row.unknown()
    if stay.ends is not None and stay.ends < stay.begins:
        row.fault("to", "contradiction", "The day should not lie before from.")
    return stay


def _note_no_stay(rows: list[Fields], stays: tuple[Stay, ...], rule: PeriodRule | None, case: Case) -> None:
    for row, stay in zip(rows, stays, strict=True):
        if rule is not None and rule.suspension(stay.fact, case.kind, stay.begins) is None:
            row.fault("fact", "not_here", "This fact does not stop this period in such a case: leave it out.")


def _acts(fields: Fields) -> tuple[Act, ...]:
    rows = fields.objects("questions", least=0, most=MOST_ACTS)
    acts = tuple(_act(row) for row in rows)
    note_repeats(rows, [act.id for act in acts])
    return acts


def _act(row: Fields) -> Act:
    act = Act(
        id=row.text("id", most=LONGEST_ID, least=0) or "",
        means=row.word("means", MEANS),
        at=row.instant("at") or NEVER,
        arrives_at=row.instant("arrives_at", required="arrives_at" in row.value),
    )
    row.unknown()
    return act
