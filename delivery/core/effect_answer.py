"""The answer to an effect question as JSON: what `songda effect` prints, with the explanation beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from delivery.core.effect import Verdict
from delivery.core.explaining import Explanation, Near, OtherAttempt, Reasons, explain
from delivery.core.model import Fact, Person

Json = dict[str, Any]


def answer_json(name: str, verdict: Verdict) -> Json:
    """One object: id, outcome, effective_date, grounds, next, flags, explanation."""
    effect = verdict.effect
    return {
        "id": name,
        "outcome": str(effect.outcome),
        "effective_date": effect.effective_date.isoformat() if effect.effective_date else None,
        "grounds": list(effect.grounds),
        "next": effect.next,
        "flags": dict(effect.flags),
        "explanation": explanation_json(explain(verdict)),
    }


def explanation_json(told: Explanation) -> Json:
    """The explanation in plain data: what decided, what nearly did, what follows, and what became of other attempts."""
    return {
        **_reasons(told.decided),
        "law_of": told.law_of.isoformat() if told.law_of else None,
        "nearly": [_near(near) for near in told.nearly],
        "consequences": [_reasons(reasons) for reasons in told.consequences],
        "other_attempts": [_other(other) for other in told.others],
    }


def _reasons(told: Reasons) -> Json:
    return {
        "rule": told.rule,
        "says": told.says,
        "says_zh": told.says_zh,
        "because": dict(told.because),
        "facts": [fact_json(fact) for fact in told.facts],
    }


def _near(near: Near) -> Json:
    lacks = {"finding": near.finding, "wanted": list(near.wanted), "found": near.found}
    return {"rule": near.rule, "says": near.says, "says_zh": near.says_zh, "lacks": lacks}


def _other(other: OtherAttempt) -> Json:
    effect = other.effect
    return {
        "address": other.address,
        "attempt": other.attempt,
        "outcome": str(effect.outcome),
        "effective_date": effect.effective_date.isoformat() if effect.effective_date else None,
        "grounds": list(effect.grounds),
        "rule": effect.rule,
        "says": effect.explanation,
        "says_zh": effect.explanation_zh,
    }


OUR_OWN = frozenset({"key"})
PUBLIC = {"handed_to": "to", "shown": "facts", "window_from": "from", "window_to": "to"}


def fact_json(fact: Fact) -> Json:
    """A fact in the words of the scenario format; what was not recorded of it is left out."""
    told = ((field.name, getattr(fact, field.name), field.default) for field in fields(fact))
    return {
        PUBLIC.get(name, name): _plain(value)
        for name, value, default in told
        if name not in OUR_OWN and value is not None and value != default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Person):
        told: Mapping[str, Any] = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: part for name, part in told.items() if part not in (None, False) and name != "name"}
    return list(value) if isinstance(value, tuple) else value
