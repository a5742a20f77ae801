"""Why a document counts as served or not, as a clerk reads it: date, ground, facts used, what was nearly met. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from delivery.core import words
from delivery.core.deadlines import outage_grounds, outages_beside
from delivery.core.effect import Verdict, verdicts
from delivery.core.explaining import GIVEN, Near, explain
from delivery.core.judging import proposal
from delivery.core.model import Delivery, Effect, Fact, Task
from delivery.core.rulebook import Rulebook
from delivery.core.trial import Value
from delivery.web.pages import Text
from delivery.web.timeline import pick

MOST_NEAR = 3
"""Of the rules that nearly fired: what a reader can take in."""

TABLES = {
    "document": words.DOCUMENTS,
    "channel": words.CHANNELS,
    "basis": words.BASES,
    "return_reason": words.REASONS,
    "outcome": words.OUTCOMES,
    "would_be": words.OUTCOMES,
    "signer": words.RELATIONS,
    "refuser": words.RELATIONS,
    "holder": words.RELATIONS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss:
    """A rule that would have fired, and in words what it lacked."""

    rule: str
    says: str
    lacks: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasoned:
    """An effect, the documents that share it, and why. `because`: what was found, in words. `lacking`: the rules that
    would give a date, if something happened which still can. `outages`: of the court's systems, in words, by the code
    of the period that they fall into.
    """

    effect: Effect
    documents: tuple[str, ...]
    facts: tuple[Fact, ...]
    because: tuple[str, ...]
    nearly: tuple[NearMiss, ...]
    lacking: tuple[NearMiss, ...]
    says: tuple[str, ...]
    outages: Mapping[str, tuple[str, ...]]


def reasoned(delivery: Delivery, book: Rulebook, now: datetime, text: Text) -> list[Reasoned]:
    """One for each different effect: most deliveries have one for all documents."""
    groups: list[tuple[Verdict, list[str]]] = []
    for document, verdict in verdicts(delivery, book, now):
        same = next((names for known, names in groups if known.effect == verdict.effect), None)
        if same is None:
            groups.append((verdict, [document]))
        else:
            same.append(document)
    return [_reasoned(verdict, names, text) for verdict, names in groups]


def _reasoned(verdict: Verdict, documents: Sequence[str], text: Text) -> Reasoned:
    told = explain(verdict)
    return Reasoned(
        effect=verdict.effect,
        documents=tuple(documents),
        facts=told.decided.facts,
        because=tuple(_found(name, value, text) for name, value in told.decided.because.items()),
        nearly=tuple(_near_miss(near, text) for near in told.nearly[:MOST_NEAR]),
        lacking=tuple(_near_miss(near, text) for near in told.nearly if _can_come(near, verdict))[:MOST_NEAR],
        says=tuple(_flags(verdict.effect, text)),
        outages=_outages(verdict, text),
    )


def _outages(verdict: Verdict, text: Text) -> Mapping[str, tuple[str, ...]]:
    effect, whole = verdict.effect, verdict.whole
    grounds = outage_grounds(effect, whole.question.case.kind, whole.book)
    mark = f"（{'、'.join(grounds)}）" if text.language == "zh" else f" ({', '.join(grounds)})"
    return {
        code: tuple(getattr(one.says(whole.book.zone), text.language) + (mark if grounds else "") for one in found)
        for code, found in outages_beside(effect, whole.book).items()
    }


def about(task: Task, found: Sequence[Reasoned]) -> Reasoned | None:
    """The effect that this task asks about."""
    return next(
        (
            one
            for one in found
            if task.reason == one.effect.explanation or (task.proposal and proposal(one.effect) == task.proposal)
        ),
        None,
    )


def _flags(effect: Effect, text: Text) -> Iterator[str]:
    for name, value in effect.flags:
        key = name if value else f"not_{name}"
        if key in text.catalogue["flag"]:
            yield text(f"flag.{key}")


def _can_come(near: Near, verdict: Verdict) -> bool:
    """What case, recipient, address or a setting of the court exclude is no gap that anybody could fill; and what would
    forbid the service or end it is nothing to wish for.
    """
    book = verdict.by.trial.book if verdict.by else None
    if book is None or near.wanted == (False,) or near.finding in GIVEN or near.finding in book.knobs:
        return False
    return any(rule.id == near.rule and rule.outcome.dated for rule in book.rules)


def _near_miss(near: Near, text: Text) -> NearMiss:
    says = near.says_zh if text.language == "zh" else near.says
    return NearMiss(rule=near.rule, says=says, lacks=_lacks(near, text))


def _lacks(near: Near, text: Text) -> str:
    what = finding_words(near.finding, text)
    if near.wanted in ((True,), (False,)):
        return text("why_not.lacks" if near.wanted[0] else "why_not.but", what=what)
    wanted = (" / " if text.language == "en" else "、").join(
        value_words(near.finding, one, text) for one in near.wanted
    )
    return text("why_not.other", what=what, found=value_words(near.finding, near.found, text), wanted=wanted)


def _found(finding: str, value: Value, text: Text) -> str:
    what = finding_words(finding, text)
    if isinstance(value, bool):
        return text("why_not.yes" if value else "why_not.no", what=what)
    return text("why_not.is", what=what, found=value_words(finding, value, text))


def finding_words(finding: str, text: Text) -> str:
    """What a rule asks, in words: a term that is over or kept, a setting of the court, or a finding."""
    kind, dot, term = finding.partition(".")
    if dot:
        return text(f"why_not.{kind}", term=text.word("term", term))
    if finding[:1] == "K" and finding not in text.catalogue["finding"]:
        return text("why_not.knob", name=finding)
    return text.word("finding", finding)


def value_words(finding: str, value: Value, text: Text) -> str:
    """An answer in words; a term nobody wrote words for speaks for itself."""
    if isinstance(value, bool):
        return text("why_not.true" if value else "why_not.false")
    for key in (f"{finding}_{value}", value):
        if key in text.catalogue["value"] and not (key == value and value in TABLES.get(finding, {})):
            return text.word("value", key)
    return pick(TABLES[finding], value, text) if finding in TABLES else value
