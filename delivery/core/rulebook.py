"""The rulebook: data under config/rules/<jurisdiction>/, tables a lawyer can review, read once at the start.

Reading files is wiring's work; `load` gets the parsed tables. A rulebook that contradicts itself, overlaps in time or
names what nobody knows does not load: `RulebookBroken` lists every fault with its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from delivery.core import vocabulary as words
from delivery.core.civil import Calendar
from delivery.core.facts import LISTS, SHAPES
from delivery.core.fields import Fields
from delivery.core.findings.people import CLASSES
from delivery.core.knobs import Knob, Knobs, knobs_in
from delivery.core.ladder import Ladder, RouteRule, read_ladder
from delivery.core.model import Address
from delivery.core.periods import PeriodLaw
from delivery.core.rows import (
    Addition,
    Consequence,
    Known,
    Rule,
    Running,
    Term,
    contradictions,
    loose_ends,
    only_words,
    read_addition,
    read_consequence,
    read_rule,
    read_running,
    read_term,
)
from delivery.core.tables import Reading, TablesBroken, texts
from delivery.core.trial import INSTANTS

RulebookBroken = TablesBroken
"""The rulebook cannot be used. `faults`: every one, each with its place and what would be right."""

MOST_ROWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """R8: what candidates that compete add to the grounds, which of them counts, and what is asked of people first."""

    electronic: tuple[str, ...]
    media: tuple[str, ...]
    agent: tuple[str, ...]
    domicile: Mapping[str, tuple[str, ...]]
    knob: str
    falls_with: tuple[str, ...]
    first_next: tuple[str, ...]
    no_calendar: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """`zone`: whose days count. `rest_days`: the calendar by which terms roll. `knobs`: the open questions.
    `period_law`: what the periods that a service starts are computed with; None without a catalogue. `courts`: the same
    rules as they are at the courts that have days off, or outages, of their own.
    """

    name: str
    version: str
    zone: ZoneInfo
    rest_days: Calendar
    make_up_knob: str
    knobs: Mapping[str, Knob]
    rules: tuple[Rule, ...]
    additions: tuple[Addition, ...]
    consequences: tuple[Consequence, ...]
    terms: Mapping[str, tuple[Term, ...]]
    running: tuple[Running, ...]
    period_law: PeriodLaw | None
    channels: Mapping[str, tuple[str, ...]]
    law_days: Mapping[str, tuple[str, ...]]
    combination: Combination
    address_classes: Mapping[str, Mapping[str, str]]
    judgment_class: frozenset[str]
    attachable: frozenset[str]
    notice_texts: Mapping[str, frozenset[str]]
    tries_needed: int
    tries_within_days: int
    hearing_knob: str
    hearing_days: Mapping[str, int]
    routing: Ladder
    receipt_waits: Mapping[str, int]
    retry_delays: tuple[int, ...]
    ask_delays: tuple[int, ...]
    link_days: int
    presumption_patience: timedelta
    tasks: Mapping[str, tuple[str, int]]

    @property
    def ladder(self) -> tuple[RouteRule, ...]:
        """The rungs, in the order of trying."""
        return self.routing.rungs

    courts: Mapping[str, Rulebook] = field(default_factory=dict, repr=False)
    by_table: Mapping[str, tuple[Rule, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        tables: dict[str, list[Rule]] = {}
        for rule in self.rules:
            tables.setdefault(rule.table, []).append(rule)
        object.__setattr__(self, "by_table", {name: tuple(rules) for name, rules in tables.items()})

    def at(self, court: str) -> Rulebook:
        """The rules as that court, by its code, counts with them: with its own days off and outages."""
        return self.courts.get(court, self)

    def table(self, name: str, day: date) -> Iterable[Rule]:
        """The rows of a table that were in force on that day, in their order."""
        return (rule for rule in self.by_table.get(name, ()) if rule.in_force(day))

    def terms_act(self, term: str) -> str:
        """What must happen within that term."""
        return next(row.act for row in self.terms[term] if row.act)

    def notice_contents(self, document: str) -> frozenset[str]:
        """CPLI 139: what a public notice of such a document must say."""
        return self.notice_texts["every"] | self.notice_texts.get(document, frozenset())

    def task_policy(self, kind: str) -> tuple[str, int]:
        """Owner's role and days until due."""
        return self.tasks.get(kind, self.tasks["default"])

    def receipt_wait(self, channel: str) -> timedelta:
        """How long a lost answer waits for a receipt before a clerk is asked."""
        return timedelta(seconds=self.receipt_waits.get(channel, self.receipt_waits["default"]))

    def retry_delay(self, tries: int) -> timedelta:
        """How long after the nth "not now" the same attempt is tried again."""
        return timedelta(seconds=self.retry_delays[min(tries, len(self.retry_delays)) - 1])

    def ask_delay(self, times: int) -> timedelta:
        """How long after the nth answer that told nothing the provider is asked again."""
        return timedelta(seconds=self.ask_delays[min(times, len(self.ask_delays)) - 1])

    def class_of(self, address: Address) -> str:
        """law.md §1.5: given, own, unproven, deemed or found. What is provably the recipient's own counts as own; an
        own address without the proof as unproven; an address off the ladder without evidence of dodging as found.
        """
        media = "electronic" if address.electronic or address.channel == "phone" else "mail"
        found = self.address_classes[media].get(address.basis, "unproven" if media == "electronic" else "found")
        if media == "electronic":
            return self._owned(found, address)
        needs = self.address_classes["without_dodging_evidence"]
        return found if address.dodging_evidence_on_file else needs.get(address.basis, found)

    def _owned(self, found: str, address: Address) -> str:
        if found == "unproven" and address.ownership_proof is not None:
            return "own"
        return "unproven" if address.basis == "own" and address.ownership_proof is None else found


def load(tables: Mapping[str, Any], rest_days: Calendar, period_law: PeriodLaw | None = None) -> Rulebook:
    """A rulebook from its merged TOML tables, the calendar of its jurisdiction, and its periods.

    Raises RulebookBroken with every fault.
    """
    reading = Reading()
    knobs = knobs_in(reading, "knobs", {"knob": tables.get("knob", {})})
    with reading.file("rulebook", {name: value for name, value in tables.items() if name in SECTIONS}) as fields:
        parts = _parts(fields, knobs, tuple(period_law.catalogue.rules) if period_law else ())
    rows = (parts["rules"], parts["additions"], parts["consequences"], [*chain(*parts["terms"].values())])
    reading.faults += [f"rulebook: {fault}" for fault in (*contradictions(rows[0]), *loose_ends(*rows))]
    reading.end()
    return Rulebook(**parts, rest_days=rest_days, period_law=period_law)


SECTIONS = frozenset(
    {
        *("rulebook", "channels", "table", "documents", "address_class", "mail", "notice", "hearing", "combination"),
        *("rule", "adds", "consequence", "term", "running", "ladder", "routing", "policy", "task"),
        *("before_hearing", "embargo"),
    }
)
"""What `load` reads; further tables of the folder are read elsewhere (periods, knobs)."""


def _parts(fields: Fields, knobs: Knobs, periods: tuple[str, ...]) -> dict[str, Any]:
    law_days = _lists(fields, "table", tuple(INSTANTS))
    terms = [str(row.value.get("id", "")) for row in _rows(fields, "term", least=0)]
    known = Known(tables=tuple(law_days), knobs=knobs.by_id, terms=tuple(dict.fromkeys(terms)))
    parts = {
        **_head(fields, knobs),
        "knobs": knobs.by_id,
        "law_days": law_days,
        "channels": _channels(fields, tuple(law_days)),
        "rules": tuple(read_rule(row, known) for row in _rows(fields, "rule")),
        "additions": tuple(read_addition(row, known) for row in _rows(fields, "adds", least=0)),
        "consequences": tuple(read_consequence(row, known) for row in _rows(fields, "consequence", least=0)),
        "terms": _terms(fields, known),
        "running": tuple(read_running(row, known, periods) for row in _rows(fields, "running", least=0)),
        "combination": _combination(fields, knobs),
        "routing": read_ladder(fields, known),
        **_policy(fields),
    }
    rows = (*parts["rules"], *parts["additions"], *parts["consequences"], *chain(*parts["terms"].values()))
    asked = {name for row in rows for name, _ in row.when}
    return {**parts, **_documents(fields, knobs, asked | parts["routing"].asks)}


def _rows(fields: Fields, name: str, least: int = 1) -> list[Fields]:
    return fields.objects(name, least=least, most=MOST_ROWS)


def _lists(fields: Fields, name: str, known: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """A table of lists of known words."""
    table = fields.object(name)
    return {key: table.words(key, known) for key in table.value} if table else {}


def _channels(fields: Fields, tables: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The tables of every channel: what is tried on it has to be judged."""
    table = fields.object("channels") or Fields({}, "/channels", [])
    only_words(table, words.CHANNELS)
    return {channel: table.words(channel, tables) for channel in words.CHANNELS}


def _terms(fields: Fields, known: Known) -> Mapping[str, tuple[Term, ...]]:
    rows = [read_term(row, known) for row in _rows(fields, "term", least=0)]
    return MappingProxyType({name: tuple(row for row in rows if row.id == name) for name in known.terms})


def _head(fields: Fields, knobs: Knobs) -> dict[str, Any]:
    head = fields.object("rulebook") or Fields({}, "/rulebook", [])
    zone = head.text("zone", most=40) or "UTC"
    parts = {
        "name": head.text("name", most=40) or "",
        "version": head.text("version", most=40) or "",
        "zone": _zone(head, zone),
        "make_up_knob": head.word("make_up_knob", tuple(knobs.by_id)),
    }
    head.text("calendar", most=40)  # its files are read by whoever reads ours
    head.unknown()
    return parts


def _zone(head: Fields, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        head.fault("zone", "unknown_zone", "It should be a time zone of the IANA database, as Asia/Shanghai.")
        return ZoneInfo("UTC")


def _combination(fields: Fields, knobs: Knobs) -> Combination:
    part = fields.object("combination") or Fields({}, "/combination", [])
    domicile = part.object("domicile", required=False)
    found = Combination(
        electronic=texts(part, "electronic", required=False),
        media=texts(part, "media", required=False),
        agent=texts(part, "agent", required=False),
        domicile={name: texts(domicile, name) for name in domicile.value} if domicile else {},
        knob=part.word("knob", tuple(knobs.by_id)),
        falls_with=part.words("falls_with", tuple(SHAPES)),
        first_next=part.words("first_next", words.NEXT_STEPS),
        no_calendar=texts(part, "no_calendar"),
    )
    part.unknown()
    return found


NEEDED_FOR = {"mail": "tries_sufficient", "hearing": "clear_days_left", "notice": "notice_complete"}
"""Parts that one finding alone looks at: a rulebook whose rows never ask for it has none."""


def _part(fields: Fields, name: str, asked: Collection[str]) -> Fields:
    return fields.object(name, required=NEEDED_FOR[name] in asked) or Fields({}, f"/{name}", [])


def _documents(fields: Fields, knobs: Knobs, asked: Collection[str]) -> dict[str, Any]:
    documents = fields.object("documents") or Fields({}, "/documents", [])
    mail, hearing, notices = (_part(fields, name, asked) for name in NEEDED_FOR)
    knob = hearing.word("knob", tuple(knobs.by_id))
    days = hearing.object("days")
    parts = {
        "judgment_class": frozenset(documents.words("judgment_class", words.DOCUMENT_TYPES)),
        "attachable": frozenset(documents.words("attachable", CLASSES)),
        "address_classes": _address_classes(fields),
        "tries_needed": _whole(mail, "tries_needed"),
        "tries_within_days": _whole(mail, "tries_within_days"),
        "hearing_knob": knob,
        "hearing_days": {value: _whole(days, value) for value in _values(knobs, knob)} if days else {},
        "notice_texts": _notice_texts(notices),
    }
    for part in (documents, mail, hearing, *([days] if days else [])):
        part.unknown()
    return parts


def _values(knobs: Knobs, knob: str) -> tuple[str, ...]:
    return knobs.by_id[knob].values if knob in knobs.by_id else ()


def _notice_texts(notices: Fields) -> dict[str, frozenset[str]]:
    only_words(notices, ("every", *words.DOCUMENT_TYPES))
    return {name: frozenset(notices.words(name, LISTS["contents"])) for name in {"every", *notices.value}}


def _address_classes(fields: Fields) -> dict[str, dict[str, str]]:
    classes = fields.object("address_class") or Fields({}, "/address_class", [])
    found = {}
    for media in ("electronic", "mail", "without_dodging_evidence"):
        part = classes.object(media, required=media != "without_dodging_evidence")
        only_words(part or Fields({}, "", []), words.ADDRESS_BASES)
        found[media] = {basis: part.word(basis, CLASSES) for basis in part.value} if part else {}
    classes.unknown()
    return found


def _policy(fields: Fields) -> dict[str, Any]:
    policy = fields.object("policy") or Fields({}, "/policy", [])
    waits = policy.object("receipt_wait")
    tasks = fields.object("task")
    parts = {
        "receipt_waits": {name: _whole(waits, name) for name in {"default", *waits.value}} if waits else {},
        "retry_delays": _delays(policy, "retry_delays"),
        "ask_delays": _delays(policy, "ask_delays"),
        "link_days": _whole(policy, "link_days"),
        "presumption_patience": timedelta(seconds=_whole(policy, "presumption_patience")),
        "tasks": _tasks(tasks) if tasks else {},
    }
    policy.unknown()
    return parts


def _whole(fields: Fields, name: str) -> int:
    if fields.get(name) is None:
        return 0
    return fields.number(name, least=0, most=366 * 86400, default=0)


def _delays(fields: Fields, name: str) -> tuple[int, ...]:
    told = fields.get(name)
    good = isinstance(told, list) and told and all(isinstance(one, int) and one > 0 for one in told)
    if told is not None and not good:
        fields.fault(name, "wrong_type", f"The field {name} should be a list of seconds that is not empty.")
    return tuple(told) if good else (60,)


def _tasks(tasks: Fields) -> dict[str, tuple[str, int]]:
    rows = {kind: tasks.object(kind) for kind in {"default", *tasks.value}}
    return {kind: _task(row) for kind, row in rows.items() if row}


def _task(row: Fields) -> tuple[str, int]:
    task = (row.word("owner", ("clerk", "judge", "admin")), row.number("days", least=0, most=366, default=1))
    row.unknown()
    return task
