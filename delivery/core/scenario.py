"""Questions as the published scenario format writes them (`songda effect`): read with every fault at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.core import vocabulary as words
from delivery.core.facts import Around, read_fact
from delivery.core.fields import NEVER, Fault, Faults, Fields, note_repeats
from delivery.core.knobs import Knobs, KnobsWrong
from delivery.core.model import Address, Case, Document, Fact, Recipient
from delivery.core.question import Question
from delivery.core.recipients import read_basis, read_consents, read_foreign_law, read_representatives, read_standing
from delivery.core.standing import merged

RULEBOOK = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
MOST_EVENTS = 1000
KnobsOf = Callable[[str], Knobs | None]
"""The knobs of a rulebook by its name; None where there is no such rulebook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A scenario: its id, the rulebook it names, and the question. `knobs`: as told."""

    id: str
    jurisdiction: str
    question: Question
    knobs: Mapping[str, Any]


def read_scenario(body: Any, place: str = "", knobs_of: KnobsOf | None = None) -> Asked | Faults:
    """The scenario at that place of its file, or what is wrong with it. `expect` is ignored. Without `knobs_of` the
    rulebook it names and its knobs are not checked.
    """
    faults: list[Fault] = []
    if not isinstance(body, Mapping):
        return (Fault(pointer=place, code="wrong_type", message="A scenario should be an object."),)
    fields = Fields(body, place, faults)
    fields.get("expect", required=False)
    fields.text("title", most=1000, required=False)
    name = fields.text("id", most=200) or ""
    jurisdiction = fields.text("jurisdiction", most=40, fits=RULEBOOK.fullmatch, says="It names a folder of rules.")
    knobs = fields.object("knobs", required=False)
    asked = Asked(
        id=name, jurisdiction=jurisdiction or "", question=_question(fields), knobs=dict(knobs.value) if knobs else {}
    )
    fields.unknown()
    if jurisdiction and knobs_of:
        _note_knobs(fields, jurisdiction, asked.knobs, knobs_of)
    return tuple(faults) or asked


def _note_knobs(fields: Fields, jurisdiction: str, told: Mapping[str, Any], knobs_of: KnobsOf) -> None:
    known = knobs_of(jurisdiction)
    if known is None:
        fields.fault("jurisdiction", "unknown_rulebook", f"There is no rulebook {jurisdiction}.")
        return
    try:
        known.turned(told)
    except KnobsWrong as wrong:
        for name, says in wrong.faults:
            fields.fault_at(f"{fields.place('knobs')}/{name}", "unknown_word", says)


def _question(fields: Fields) -> Question:
    as_of = fields.instant("as_of") or NEVER
    recipient = _recipient(fields)
    around = Around(
        addresses=[address.id for address in recipient.addresses],
        representatives=[one.id for one in recipient.representatives],
    )
    told = [read_fact(part, around) for part in fields.objects("events", least=1, most=MOST_EVENTS)]
    return Question(
        case=_case(fields),
        document=_document(fields),
        recipient=recipient,
        facts=known_facts(told, as_of),
        as_of=as_of,
    )


def known_facts(told: list[tuple[Fact, datetime]], as_of: datetime) -> tuple[Fact, ...]:
    """What is known at `as_of`, and has happened by then. Events that differ in nothing but when they were recorded
    are one fact; of those that complete each other the later record counts, in whatever order they are listed.
    """
    known = [(recorded, repr(fact), fact) for fact, recorded in told if recorded <= as_of and fact.at <= as_of]
    return merged(fact for _, _, fact in sorted(known, key=lambda one: one[:2]))


def _case(fields: Fields) -> Case:
    given = fields.object("case") or Fields({}, "/case", [])
    case = Case(
        number="",
        kind=given.word("kind", words.CASE_KINDS),
        procedure=given.word("procedure", words.PROCEDURES),
        stage=given.word("stage", words.STAGES),
        court=given.word("court", words.COURTS),
    )
    given.unknown()
    return case


def _document(fields: Fields) -> Document:
    given = fields.object("document") or Fields({}, "/document", [])
    kind = given.word("type", words.DOCUMENT_TYPES)
    document = Document(
        id="document",
        type=kind,
        title=kind,
        sha256="",
        pages=0,
        size=0,
        hearing_at=given.instant("hearing_at", required=False),
        issued_on=given.day("issued_on"),
    )
    given.unknown()
    return document


def _recipient(fields: Fields) -> Recipient:
    given = fields.object("recipient") or Fields({}, "/recipient", [])
    representatives = read_representatives(given)
    holders = ("recipient", *(one.id for one in representatives))
    domicile = given.word("domicile", words.DOMICILES)
    parts = fields.objects("addresses", least=1, most=100)
    recipient = Recipient(
        id="recipient",
        role=given.word("role", words.ROLES),
        kind=given.word("kind", words.RECIPIENT_KINDS),
        name="",
        domicile=domicile,
        standing=read_standing(given),
        consents=read_consents(fields),
        addresses=tuple(_address(part, holders) for part in parts),
        representatives=representatives,
        foreign_law=read_foreign_law(given, required=domicile == "foreign"),
    )
    note_repeats(parts, [address.id for address in recipient.addresses])
    given.unknown()
    return recipient


def _address(fields: Fields, holders: tuple[str, ...]) -> Address:
    address = Address(
        id=fields.text("id", most=40) or "",
        channel=fields.word("channel", words.CHANNELS),
        value="",
        holder=fields.word("holder", holders),
        **read_basis(fields),
    )
    fields.unknown()
    return address
