"""Facts as the published scenario format writes them: every kind of event, with the fields each has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.core import vocabulary as words
from delivery.core.fields import NEVER, Fields
from delivery.core.model import Fact, Person

MOST_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What a kind of fact has. `needs`: fields that may not be absent; `may`: others. `placed`: it is of an address."""

    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    placed: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        return (*self.needs, *self.may)


_UNPLACED = Shape(placed=False)
SHAPES: Mapping[str, Shape] = {
    "send_planned": Shape(),
    "sent": Shape(may=("role",)),
    "gateway_accepted": Shape(),
    "arrived": Shape(may=("content_defect",)),
    "bounced": Shape(needs=("reason",)),
    "read": Shape(needs=("by",)),
    "replied": Shape(needs=("by",)),
    "procedural_act": Shape(needs=("act", "matches_document")),
    "wait_elapsed": Shape(),
    "arrival_proved": Shape(needs=("proved_at", "proof")),
    "audit_finding": Shape(needs=("finding",)),
    "phone_call": Shape(needs=("by", "answered", "content_read_out", "call_recorded")),
    "e_service_refused": _UNPLACED,
    "address_changed": Shape(needs=("new_address", "in_writing")),
    "objection": Shape(needs=("claim",)),
    "objection_rejected": Shape(needs=("decided_by",)),
    "annulled": Shape(needs=("reason", "decided_by")),
    "official_confirmation": Shape(needs=("decided_by",), placed=False),
    "paper_requested": _UNPLACED,
    "paper_handed_over": _UNPLACED,
    "repudiated": _UNPLACED,
    "hearing_missed": _UNPLACED,
    "posted": Shape(needs=("carrier",)),
    "delivery_attempt": Shape(needs=("result",)),
    "contact_attempt": Shape(needs=("means", "result")),
    "signed": Shape(needs=("by",), may=("id_on_receipt", "relation_on_receipt", "service_return_signed")),
    "refused": Shape(
        needs=("by",), may=("noted", "identity_proven", "witness", "filmed", "place", "note_signed_by_official")
    ),
    "returned": Shape(needs=("reason", "court_received_on"), may=("noted_on",)),
    "content_mismatch": Shape(needs=("raised_by", "raised_to", "in_writing", "documents_returned")),
    "lost": Shape(),
    "left": Shape(needs=("place", "noted")),
    "handed_over": Shape(needs=("to",)),
    "circumstances_found": Shape(needs=("sufficient", "facts", "decided_by")),
    "collection_window": Shape(needs=("from", "to", "told_on_record")),
    "pronounced": Shape(needs=("scheduled", "recipient_present"), may=("good_cause",)),
    "notice_ordered": Shape(needs=("reason", "steps_on_file", "file_note")),
    "published": Shape(needs=("medium", "contents")),
}

REASONS: Mapping[str, tuple[str, ...]] = {
    "bounced": ("mailbox_unknown", "number_void", "mailbox_full", "blocked"),
    "annulled": words.CLAIMS,
    "returned": words.RETURN_REASONS,
    "notice_ordered": ("whereabouts_unknown", "other_methods_failed"),
}
PLACES = {"refused": ("domicile", "court", "elsewhere"), "left": ("domicile", "given_address")}
WORDS: Mapping[str, tuple[str, ...]] = {
    "role": ("service", "reminder"),
    "content_defect": ("document_missing", "other_case"),
    "act": words.ACTS,
    "proof": ("provider_log", "expert_report"),
    "finding": ("never_left_court",),
    "claim": words.CLAIMS,
    "decided_by": words.DECIDERS,
    "carrier": words.CARRIERS,
    "means": words.CONTACT_MEANS,
    "raised_to": ("courier", "court"),
    "medium": ("court_board", "domicile", "newspaper", "network"),
}
FLAGS = frozenset(
    {
        *("matches_document", "answered", "content_read_out", "call_recorded", "in_writing", "id_on_receipt"),
        *("relation_on_receipt", "service_return_signed", "noted", "identity_proven", "witness", "filmed"),
        *("note_signed_by_official", "documents_returned", "sufficient", "told_on_record", "scheduled"),
        *("recipient_present", "good_cause", "file_note"),
    }
)
LISTS: Mapping[str, tuple[str, ...]] = {
    "steps_on_file": ("mail", "phone", "direct", "e_service", "register_lookup", "treaty", "judicial_assistance"),
    "contents": (
        *("reason", "gist", "answer_period", "consequence", "time", "place", "appeal_right", "appeal_period"),
        "court",
    ),
    "facts": ("mentions_content", "performed", "other_proof"),
}
HOLDERS = ("prison", "institution", "military_unit", "court")
RENAMED = {"to": "handed_to", "facts": "shown"}


RESULTS = {"delivery_attempt": ("nobody_home",), "contact_attempt": words.CONTACT_RESULTS}


def words_of(kind: str, name: str) -> tuple[str, ...] | None:
    """The closed list of words of that field of that kind of fact; None where it is no word."""
    by_kind = {"reason": REASONS, "place": PLACES, "result": RESULTS}.get(name)
    if by_kind is not None:
        return by_kind[kind]
    return HOLDERS if (kind, name) == ("handed_over", "to") else WORDS.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The ids that a fact may name."""

    addresses: Collection[str]
    representatives: Collection[str]


def read_fact(fields: Fields, around: Around, kinds: Collection[str] = tuple(SHAPES)) -> tuple[Fact, datetime]:
    """The fact, and when it was recorded (its own time where that is not told). `kinds`: those that may be told."""
    kind = fields.word("kind", kinds)
    at = fields.instant("at") or NEVER
    recorded = fields.instant("recorded_at", required=False) or at
    shape = SHAPES.get(kind, _UNPLACED)
    told = {name: _read(fields, kind, name, around) for name in shape.fields}
    told["attempt"] = fields.number("attempt", least=1, most=MOST_ATTEMPTS, default=1)
    told["address"] = _known(fields, "address", around.addresses, required=shape.placed)
    if kind:
        fields.unknown()
    return Fact(kind=kind, at=at, **_named(kind, told)), recorded


def _named(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    if kind == "collection_window":
        return {
            **{name: value for name, value in told.items() if name not in ("from", "to")},
            "window_from": told["from"],
            "window_to": told["to"],
        }
    return {RENAMED.get(name, name): value for name, value in told.items()}


def _read(fields: Fields, kind: str, name: str, around: Around) -> Any:
    required = name in SHAPES[kind].needs
    if name in FLAGS:
        return fields.flag(name)
    if name in LISTS:
        return _list(fields, name)
    if name in ("by", "raised_by"):
        return read_person(fields, name, around)
    if known := words_of(kind, name):
        return fields.optional_word(name, known, required=required)
    if name == "proved_at":
        return fields.instant(name)
    return fields.text(name, most=40) if name == "new_address" else fields.day(name, required=required)


def _list(fields: Fields, name: str) -> tuple[str, ...]:
    """A list of known words, which may be empty: nothing on file is a fact too."""
    told = fields.get(name)
    return () if told in (None, []) else fields.words(name, LISTS[name])


def _known(fields: Fields, name: str, ids: Collection[str], *, required: bool) -> str | None:
    told = fields.text(name, most=40, required=required)
    if told is not None and told not in ids:
        fields.fault(name, "unknown_address", "It should be the id of one of this recipient's addresses.")
    return told


def read_person(fields: Fields, name: str, around: Around) -> Person | None:
    """Who signed, refused, read, called or raised something."""
    given = fields.object(name)
    if given is None:
        return None
    representative = given.text("representative", most=40, required=False)
    if representative and representative not in around.representatives:
        says = "It should be the id of one of this recipient's representatives."
        given.fault("representative", "unknown_representative", says)
    person = Person(
        relation=given.word("relation", words.RELATIONS),
        adult=given.flag("adult"),
        cohabiting=given.flag("cohabiting"),
        opposing_party=given.flag("opposing_party"),
        representative=representative,
        name=given.text("name", most=100, required=False),
    )
    given.unknown()
    return person
