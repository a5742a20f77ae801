"""How facts look in the published description of the HTTP interface."""

from __future__ import annotations

from delivery.core import vocabulary as words
from delivery.core.facts import FLAGS, LISTS, MOST_ATTEMPTS, SHAPES, words_of
from delivery.core.learnt import EVIDENCE_TYPES, LONGEST_REASON, TOLD
from delivery.core.recipient_news import PARTS
from delivery.web.schema_blocks import DIGEST, FLAG, INSTANT, TEXT, Json, line, object_of, or_null, ref


def fact_told() -> Json:
    """A fact that stands: what was not recorded of it is left out."""
    parts = {"kind": TEXT, "at": INSTANT, "recorded_at": or_null(INSTANT)}
    return object_of(parts, closed=False)


def person() -> Json:
    """Who signed, refused, read."""
    flags = dict.fromkeys(("adult", "cohabiting", "opposing_party"), FLAG)
    more = {"representative": or_null(line(40)), "name": or_null(line(100))}
    return object_of({"relation": {"enum": list(words.RELATIONS)}} | flags | more, optional=(*flags, *more))


def learnt() -> Json:
    """A fact as a case system tells it, with who vouches for it and the scan that shows it."""
    return object_of(
        {
            "fact": {"oneOf": [_fact(kind) for kind in TOLD]},
            "by": line(100),
            "reason": or_null(line(LONGEST_REASON)),
            "evidence": or_null(_evidence()),
        },
        optional=("reason", "evidence"),
    )


def recipient_news() -> Json:
    """What became known of the recipient, at least one part of it; `replaces` tells that `address` is a change."""
    parts = {name: or_null(ref(name)) for name in PARTS}
    change = {"replaces": or_null(line(40)), "in_writing": FLAG, "at": or_null(ref("instant"))}
    vouched = {"by": line(100), "reason": line(LONGEST_REASON), "evidence": or_null(_evidence())}
    told = object_of(vouched | parts | change, optional=("evidence", *parts, *change))
    something = {"anyOf": [{"required": [name], "properties": {name: ref(name)}} for name in PARTS]}
    return told | something | {"dependentRequired": {"replaces": ["address", "at"]}}


def _evidence() -> Json:
    parts = {"sha256": DIGEST, "media_type": {"enum": list(EVIDENCE_TYPES)}, "content": or_null(TEXT)}
    return object_of(parts, optional=("content",))


def _fact(kind: str) -> Json:
    shape = SHAPES[kind]
    own = {name: _part(kind, name) for name in shape.fields}
    attempt = or_null({"type": "integer", "minimum": 1, "maximum": MOST_ATTEMPTS, "default": 1})
    address = line(40) if shape.placed else or_null(line(40))
    parts = {"kind": {"const": kind}, "at": ref("instant"), "address": address, "attempt": attempt} | own
    loose = [name for name in own if name in FLAGS or name in shape.may]
    more = ("recorded_at", "attempt", *loose, *(() if shape.placed else ("address",)))
    return object_of(parts | {"recorded_at": or_null(ref("instant"))}, optional=more)


def _part(kind: str, name: str) -> Json:
    if name in FLAGS:
        return FLAG
    if name in LISTS:
        return {"type": "array", "items": {"enum": list(LISTS[name])}, "uniqueItems": True}
    if known := words_of(kind, name):
        schema: Json = {"enum": list(known)}
    else:
        schema = {"by": ref("Person"), "raised_by": ref("Person"), "proved_at": ref("instant")}.get(name) or (
            line(40) if name == "new_address" else ref("date")
        )
    return or_null(schema) if name in SHAPES[kind].may else schema
