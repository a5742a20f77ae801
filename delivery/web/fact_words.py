"""A fact in words: its fields, what they say, who did it. For forms, timelines and reasons. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from delivery.core import words
from delivery.core.effect_answer import PUBLIC
from delivery.core.model import Delivery, Fact, Person
from delivery.web.pages import Text
from delivery.web.timeline import address_words, person_words, pick

TOLD_APART = frozenset({"kind", "at", "address", "attempt", "key", "role"})


def field_word(kind: str, name: str, text: Text) -> str:
    """What a field of that kind of fact is called."""
    special = f"{kind}_{name}"
    return text.word("field", special if special in text.catalogue["field"] else name)


def option_word(name: str, word: str, text: Text) -> str:
    """What a word of that field means."""
    special = f"{name}_{word}"
    if special in text.catalogue["option"]:
        return text.word("option", special)
    return pick(words.RELATIONS if name == "relation" else words.REASONS, word, text)


def fact_details(fact: Fact, text: Text) -> Iterator[tuple[str, str]]:
    """Each field that was recorded, with what it says."""
    for one in fields(fact):
        value = getattr(fact, one.name)
        if one.name in TOLD_APART or value in (None, False, "", ()) or value == one.default:
            continue
        name = PUBLIC.get(one.name, one.name)
        yield field_word(fact.kind, name, text), _said(name, value, text)


def _said(name: str, value: Any, text: Text) -> str:
    if isinstance(value, Person):
        flags = [text.word("field", flag) for flag in ("adult", "cohabiting", "opposing_party") if getattr(value, flag)]
        return "，".join([person_words(value, text), *flags]) if text.language == "zh" else _listed(value, flags, text)
    if isinstance(value, datetime):
        return text.time(value)
    if isinstance(value, date):
        return text.day(value)
    if value is True:
        return "✓"
    if isinstance(value, tuple):
        return ("、" if text.language == "zh" else ", ").join(option_word(name, word, text) for word in value)
    return option_word(name, str(value), text)


def _listed(person: Person, flags: list[str], text: Text) -> str:
    return ", ".join([person_words(person, text), *(flag.lower() for flag in flags)])


def place_words(fact: Fact, delivery: Delivery, text: Text) -> str:
    """Where, and which try; nothing for a fact of the whole delivery."""
    address = next((one for one in delivery.recipient.addresses if one.id == fact.address), None)
    if address is None:
        return ""
    return f"{address_words(address, text)} · {text('delivery.attempt', n=fact.attempt)}"
