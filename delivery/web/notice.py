"""Public notice, the last resort (CPL 95, CPLI 138-140): may it be ordered, what must it say, how far has it run. Pure.

What a notice must say and how long it runs are the rulebook's; here they are only put beside what is on record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from delivery.core.civil import NoCalendarData, local_day
from delivery.core.effect import Verdict, questions, verdicts
from delivery.core.facts import MOST_ATTEMPTS
from delivery.core.judging import Judged, planned
from delivery.core.model import Address, Delivery, Document, Effect, Fact, Outcome
from delivery.core.question import Question
from delivery.core.rulebook import Rulebook
from delivery.core.standing import standing_facts

PLANNED = Address(id="notice-planned", channel="notice", basis="none", value="notice")
STEPS: Mapping[str, frozenset[str]] = {
    "mail": frozenset({"post"}),
    "e_service": frozenset({"email", "sms", "im", "platform", "fax"}),
    "direct": frozenset({"in_person", "entrusted", "institution"}),
    "phone": frozenset({"phone"}),
}
"""Steps before a notice that songda has on record by itself, by the channels they go; look-ups are noted by hand."""

CONTACTS = frozenset({"phone_call", "contact_attempt"})
ORDER = ("reason", "gist", "time", "place", "answer_period", "appeal_right", "appeal_period", "court", "consequence")
"""In which a notice says what it has to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forbidden:
    """Why that document may not go by notice."""

    document: Document
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What has to be so before a notice may be ordered. `missing`: names of what is not; `steps`: on record, with the
    day of the last; `untried`: addresses that the recipient gave and that nobody tried, or whose result is awaited.
    """

    forbidden: tuple[Forbidden, ...]
    steps: Mapping[str, date | None]
    untried: tuple[Address, ...]
    ordered: Fact | None
    missing: tuple[str, ...]

    @property
    def ready(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """How far a notice has run for one document. Days are civil days of the court. `last_day`: None where no calendar
    has it. `lacking`: what a publication left out; `publications` and their media, by time.
    """

    document: Document
    effect: Effect
    publications: tuple[Fact, ...]
    last_publication: date | None
    last_day: date | None
    days_left: int | None
    lacking: tuple[str, ...]


def contents(document: Document, book: Rulebook) -> tuple[str, ...]:
    """What the notice of such a document must say, in the order of the text."""
    return tuple(name for name in ORDER if name in book.notice_contents(document.type))


def check(delivery: Delivery, book: Rulebook, now: datetime) -> Check:
    """The question before the order; an order on record that says less than it must is still asked about."""
    facts = tuple(fact for fact in standing_facts(delivery) if fact.at <= now)
    forbidden = tuple(_forbidden(delivery, book, now))
    steps = {step: _last_step(step, facts, delivery, book) for step in STEPS}
    ordered = next((fact for fact in reversed(facts) if fact.kind == "notice_ordered"), None)
    untried = tuple(_untried(delivery, book, now))
    says = {
        "forbidden": bool(forbidden),
        "untried": bool(untried),
        "steps": not (any(steps.values()) or (ordered and ordered.steps_on_file)),
        "order": ordered is None,
        "steps_on_file": bool(ordered and not ordered.steps_on_file),
        "file_note": bool(ordered and not ordered.file_note),
    }
    missing = tuple(name for name, lacks in says.items() if lacks)
    return Check(forbidden=forbidden, steps=steps, untried=untried, ordered=ordered, missing=missing)


def _forbidden(delivery: Delivery, book: Rulebook, now: datetime) -> Iterator[Forbidden]:
    if PLANNED.channel not in book.channels:
        return
    for document, question in questions(delivery, now):
        judged = planned(question, book, PLANNED)
        if judged and judged.effect.outcome is Outcome.FORBIDDEN:
            yield Forbidden(document=document, effect=judged.effect)


def _last_step(step: str, facts: Sequence[Fact], delivery: Delivery, book: Rulebook) -> date | None:
    channels = {address.id: address.channel for address in delivery.recipient.addresses}
    mine = [
        local_day(fact.at, book.zone)
        for fact in facts
        if fact.kind != "send_planned"
        and (channels.get(fact.address or "") in STEPS[step] or (step == "phone" and fact.kind in CONTACTS))
    ]
    return max(mine, default=None)


def _untried(delivery: Delivery, book: Rulebook, now: datetime) -> Iterator[Address]:
    """A notice does not run beside an attempt at an address that the recipient gave (law.md R6)."""
    failed = {
        judged.trial.place.id
        for _, verdict in verdicts(delivery, book, now)
        for judged in verdict.attempts
        if judged.effect.outcome in (Outcome.NOT_SERVED, Outcome.FORBIDDEN)
    }
    asked = [question for _, question in questions(delivery, now)]
    for address in delivery.recipient.addresses:
        sendable = address.electronic or address.channel == "post"
        given = sendable and book.class_of(address) == "given" and address.id not in failed
        if given and any(_may_be_tried(question, book, address) for question in asked):
            yield address


def _may_be_tried(question: Question, book: Rulebook, address: Address) -> bool:
    judged = planned(question, book, address, MOST_ATTEMPTS)
    return judged is None or judged.effect.outcome not in (Outcome.NOT_SERVED, Outcome.FORBIDDEN)


def clocks(delivery: Delivery, book: Rulebook, now: datetime) -> tuple[Clock, ...]:
    """How far the notice has run, document by document; nothing before a notice is on record."""
    titles = {document.id: document for document in delivery.documents}
    found = ((titles[name], _notice(verdict)) for name, verdict in verdicts(delivery, book, now))
    return tuple(_clock(document, judged, book, now) for document, judged in found if judged)


def _notice(verdict: Verdict) -> Judged | None:
    """The latest attempt by notice."""
    found = [one for one in verdict.attempts if one.trial.place.channel == "notice"]
    return max(found, key=lambda one: one.last, default=None)


def _clock(document: Document, judged: Judged, book: Rulebook, now: datetime) -> Clock:
    trial, needed = judged.trial, book.notice_contents(document.type)
    published = trial.all("published")
    last = trial.when("last_publication")
    last_day = _last_day(judged)
    lacking = [name for name in ORDER if any(name in needed and name not in fact.contents for fact in published)]
    return Clock(
        document=document,
        effect=judged.effect,
        publications=published,
        last_publication=trial.day(last.at) if last else None,
        last_day=last_day,
        days_left=max(0, (last_day - trial.day(now)).days) if last_day else None,
        lacking=tuple(lacking),
    )


def _last_day(judged: Judged) -> date | None:
    try:
        ends = judged.trial.when("notice")
    except NoCalendarData:
        return None
    return judged.trial.day(ends.at) if ends else None
