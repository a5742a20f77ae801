"""The rulebook's types, and its loading. A rulebook is data under config/rules/<jurisdiction>/: TOML tables a lawyer
can review.

Reading files is wiring's work; `load` gets the parsed tables. A rulebook that contradicts itself, overlaps in time or
names an unknown finding does not load: `RulebookBroken` lists every fault with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from delivery.core.model import Outcome
from delivery.core.vocabulary import NEXT_STEPS

FINDINGS: Mapping[str, frozenset[str | bool]] = {
    "judgment_class": frozenset({True, False}),
    "consent_refused": frozenset({True, False}),
    "consent_any": frozenset({True, False}),
    "consent_covers": frozenset({True, False}),
    "consent_express": frozenset({True, False}),
    "address_class": frozenset({"given", "own", "unproven", "deemed", "found"}),
    "in_scope": frozenset({True, False}),
    "channel_known": frozenset({True, False}),
    "facts_known": frozenset({True, False}),
    "basis": frozenset({"confirmed", "volunteered", "agreed_for_litigation", "agreed_for_business", "own"}),
    "confirmed_earlier": frozenset({True, False}),
    "workplace_agreed": frozenset({True, False}),
    "annulled": frozenset({True, False}),
    "state_post": frozenset({True, False}),
    "sent": frozenset({True, False}),
    "arrived": frozenset({True, False}),
    "bounced": frozenset({True, False}),
    "read": frozenset({True, False}),
    "replied": frozenset({True, False}),
    "acted": frozenset({True, False}),
    "waited": frozenset({True, False}),
    "content_defect": frozenset({True, False}),
    "posted": frozenset({True, False}),
    "lost": frozenset({True, False}),
    "signed": frozenset({True, False}),
    "signer": frozenset(
        {
            "self",
            "representative",
            "family",
            "family_opposing",
            "family_minor",
            "mailroom",
            "other",
            "unlisted",
            "unverified",
        }
    ),
    "receipt_complete": frozenset({True, False}),
    "refused": frozenset({True, False}),
    "refuser": frozenset({"self", "representative", "family", "mailroom", "other", "unlisted", "unverified"}),
    "refusal_noted": frozenset({True, False}),
    "refuser_proven": frozenset({True, False}),
    "returned": frozenset({True, False}),
    "return_reason": frozenset(
        {"refused", "unknown_person", "no_such_address", "moved", "nobody_home", "content_mismatch", "unknown"}
    ),
    "tries_sufficient": frozenset({True, False}),
    "contact_failed": frozenset({True, False}),
    "recipient_kind": frozenset({"natural_person", "entity"}),
}
"""What a rule may ask of an attempt, and the values it may have. effect.py computes them all."""

INSTANTS = frozenset({"sent", "arrived", "read", "replied", "acted", "bounced", "signed", "returned"})
"""Findings that date an effect."""

TABLES = frozenset({"scope", "forbidden", "electronic", "mail"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row: when these findings hold, this is the answer. `says` explains it in English, `says_zh` in Chinese."""

    id: str
    table: str
    when: tuple[tuple[str, tuple[str | bool, ...]], ...]
    outcome: Outcome
    dated_by: str | None
    grounds: tuple[str, ...]
    next: str | None
    flags: tuple[tuple[str, bool | str], ...]
    says: str
    says_zh: str
    valid_from: date
    valid_to: date | None

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def fires(self, findings: Mapping[str, str | bool]) -> bool:
        return all(findings.get(name) in wanted for name, wanted in self.when)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """One rung of the ladder: addresses of this class and kind of channel, and how long they are given (seconds)."""

    media: str
    address_class: str
    wait: int
    reason: str
    grounds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What this rulebook was written for; everything else goes to a person. `facts`: the kinds it has been thought
    through for.
    """

    case_kinds: frozenset[str]
    domiciles: frozenset[str]
    standings: frozenset[str]
    documents_excluded: frozenset[str]
    channels: frozenset[str]
    facts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    name: str
    version: str
    scope: Scope
    rules: tuple[Rule, ...]
    ladder: tuple[RouteRule, ...]
    address_classes: Mapping[str, Mapping[str, str]]
    judgment_class: frozenset[str]
    attachable: frozenset[str]
    tries_needed: int
    tries_within_days: int
    hours: tuple[int, int]
    receipt_waits: Mapping[str, int]
    retry_delays: tuple[int, ...]
    ask_delays: tuple[int, ...]
    link_days: int
    presumption_patience: timedelta
    tasks: Mapping[str, tuple[str, int]]

    def table(self, name: str, day: date) -> Iterable[Rule]:
        """The rows of a table that were in force on that day, in their order."""
        return (rule for rule in self.rules if rule.table == name and rule.in_force(day))

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

    def address_class(self, media: str, basis: str, *, proven: bool) -> str:
        """law.md §1.5. `media`: electronic or mail. An unproven address that is provably the recipient's own counts
        as own.
        """
        found = self.address_classes[media].get(basis, "unproven" if media == "electronic" else "found")
        return "own" if found == "unproven" and proven else found


class RulebookBroken(ValueError):
    """The rulebook cannot be used. `faults`: every one, each with its place and what would be right."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def load(tables: Mapping[str, Any]) -> Rulebook:
    """A rulebook from its merged TOML tables. Raises RulebookBroken with every fault."""
    faults: list[str] = []
    rules = tuple(rule for row in tables.get("rule", []) if (rule := _rule(row, faults)))
    faults += _contradictions(rules)
    faults += _section_faults(tables)
    if faults:
        raise RulebookBroken(faults)
    return _assemble(tables, rules)


def _assemble(tables: Mapping[str, Any], rules: tuple[Rule, ...]) -> Rulebook:
    policy, scope = tables["policy"], tables["scope"]
    return Rulebook(
        name=tables["rulebook"]["name"],
        version=tables["rulebook"]["version"],
        scope=Scope(**{name: frozenset(values) for name, values in scope.items()}),
        rules=rules,
        ladder=tuple(RouteRule(**{**rung, "grounds": tuple(rung["grounds"])}) for rung in tables["ladder"]),
        address_classes=tables["address_class"],
        judgment_class=frozenset(tables["documents"]["judgment_class"]),
        attachable=frozenset(tables["documents"]["attachable"]),
        tries_needed=tables["mail"]["tries_needed"],
        tries_within_days=tables["mail"]["tries_within_days"],
        hours=(policy["sending_from_minute"], policy["sending_to_minute"]),
        receipt_waits=policy["receipt_wait"],
        retry_delays=tuple(policy["retry_delays"]),
        ask_delays=tuple(policy["ask_delays"]),
        link_days=policy["link_days"],
        presumption_patience=timedelta(seconds=policy["presumption_patience"]),
        tasks={kind: (row["owner"], row["days"]) for kind, row in tables["task"].items()},
    )


SECTIONS: Mapping[str, Mapping[str, type]] = {
    "rulebook": {"name": str, "version": str},
    "scope": dict.fromkeys((field.name for field in fields(Scope)), list),
    "address_class": {"electronic": dict, "mail": dict},
    "documents": {"judgment_class": list, "attachable": list},
    "mail": {"tries_needed": int, "tries_within_days": int},
    "policy": {
        "sending_from_minute": int,
        "sending_to_minute": int,
        "receipt_wait": dict,
        "retry_delays": list,
        "ask_delays": list,
        "link_days": int,
        "presumption_patience": int,
    },
    "task": {"default": dict},
}
RUNG = {"media": str, "address_class": str, "wait": int, "reason": str, "grounds": list}
WORDS = {str: "a text", int: "a whole number", list: "a list that is not empty", dict: "a table that is not empty"}


def _section_faults(tables: Mapping[str, Any]) -> Iterable[str]:
    for name in (*SECTIONS, "ladder"):
        if name not in tables:
            yield f"/{name}: is missing"
        elif name in SECTIONS:
            yield from _shape_faults(tables[name], SECTIONS[name], f"/{name}")
    for number, rung in enumerate(tables.get("ladder", ())):
        yield from _shape_faults(rung, RUNG, f"/ladder/{number}")
        yield from _class_faults(rung.get("address_class"), f"/ladder/{number}/address_class")
    for media, classes in _table(tables, "address_class").items():
        for basis, found in classes.items() if isinstance(classes, dict) else ():
            yield from _class_faults(found, f"/address_class/{media}/{basis}")
    for kind, row in _table(tables, "task").items():
        yield from _shape_faults(row, {"owner": str, "days": int}, f"/task/{kind}")
    waits = _table(tables, "policy").get("receipt_wait")
    if isinstance(waits, dict) and waits and "default" not in waits:
        yield "/policy/receipt_wait/default: is missing"


def _table(tables: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = tables.get(name)
    return found if isinstance(found, dict) else {}


def _shape_faults(section: Any, shape: Mapping[str, type], place: str) -> Iterable[str]:
    if not isinstance(section, dict):
        yield f"{place}: should be a table"
        return
    for name, kind in shape.items():
        if name not in section:
            yield f"{place}/{name}: is missing"
        elif type(section[name]) is not kind or (kind is not int and not section[name]):
            yield f"{place}/{name}: should be {WORDS[kind]}"


def _class_faults(found: Any, place: str) -> Iterable[str]:
    if isinstance(found, str) and found not in FINDINGS["address_class"]:
        yield f"{place}: one of {', '.join(sorted(str(name) for name in FINDINGS['address_class']))}"


def _rule(row: Mapping[str, Any], faults: list[str]) -> Rule | None:
    place = f"/rule/{row.get('id', '?')}"
    found = [*_unknown_findings(row, place), *_wrong_answer(row, place)]
    if found:
        faults += found
        return None
    return Rule(
        id=row["id"],
        table=row["table"],
        when=tuple((name, _values(wanted)) for name, wanted in row["when"].items()),
        outcome=Outcome(row["outcome"]),
        dated_by=row.get("date"),
        grounds=tuple(row["grounds"]),
        next=row.get("next"),
        flags=tuple(row.get("flags", {}).items()),
        says=row["says"],
        says_zh=row["says_zh"],
        valid_from=row["valid_from"],
        valid_to=row.get("valid_to"),
    )


def _values(wanted: Any) -> tuple[str | bool, ...]:
    return tuple(wanted) if isinstance(wanted, list) else (wanted,)


def _unknown_findings(row: Mapping[str, Any], place: str) -> list[str]:
    faults = []
    for name, wanted in row.get("when", {}).items():
        if name not in FINDINGS:
            faults.append(f"{place}/when/{name}: no such finding; one of {', '.join(sorted(FINDINGS))}")
            continue
        known = FINDINGS[name]
        faults += [f"{place}/when/{name}: {value!r} is never found" for value in _values(wanted) if value not in known]
    return faults


ROW = {"id": str, "table": str, "when": dict, "outcome": str, "grounds": list, "says": str, "says_zh": str}


def _wrong_answer(row: Mapping[str, Any], place: str) -> list[str]:
    faults = [*_shape_faults(row, ROW, place), *_day_faults(row, place)]
    if faults:
        return faults
    if row["table"] not in TABLES:
        faults.append(f"{place}/table: one of {', '.join(sorted(TABLES))}")
    if row.get("next") is not None and row["next"] not in NEXT_STEPS:
        faults.append(f"{place}/next: one of {', '.join(NEXT_STEPS)}")
    if row["outcome"] not in set(Outcome):
        return [*faults, f"{place}/outcome: one of {', '.join(Outcome)}"]
    if Outcome(row["outcome"]).dated != ("date" in row):
        faults.append(f"{place}/date: a dated outcome names the finding that dates it, another names none")
    if "date" in row and row["date"] not in INSTANTS:
        faults.append(f"{place}/date: one of {', '.join(sorted(INSTANTS))}")
    return faults


def _day_faults(row: Mapping[str, Any], place: str) -> Iterable[str]:
    begins, ends = row.get("valid_from"), row.get("valid_to")
    if begins is None:
        yield f"{place}/valid_from: is missing"
    for name, day in (("valid_from", begins), ("valid_to", ends)):
        if day is not None and type(day) is not date:
            yield f"{place}/{name}: should be a day"
    if type(begins) is date and type(ends) is date and ends < begins:
        yield f"{place}/valid_to: lies before valid_from"


def _contradictions(rules: tuple[Rule, ...]) -> list[str]:
    """Two rows with one question in one table may not be in force on one day, and no row may be out of reach."""
    faults = []
    for index, rule in enumerate(rules):
        for other in rules[index + 1 :]:
            if rule.id == other.id and _overlap(rule, other):
                faults.append(f"/rule/{other.id}: the id is used twice at one time")
            if rule.table != other.table or not _covers(rule, other):
                continue
            if _covers(other, rule) and _overlap(rule, other):
                faults.append(f"/rule/{other.id}: asks the same as {rule.id} while that is in force")
            elif _outlasts(rule, other):
                faults.append(f"/rule/{other.id}: is never reached, because {rule.id} before it asks for less")
    return faults


def _covers(one: Rule, other: Rule) -> bool:
    """Whether `one` fires wherever `other` does."""
    wanted = dict(other.when)
    return all(name in wanted and {*wanted[name]} <= {*values} for name, values in one.when)


def _outlasts(one: Rule, other: Rule) -> bool:
    return one.valid_from <= other.valid_from and (one.valid_to or date.max) >= (other.valid_to or date.max)


def _overlap(one: Rule, other: Rule) -> bool:
    return one.valid_from <= (other.valid_to or date.max) and other.valid_from <= (one.valid_to or date.max)
