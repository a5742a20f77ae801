"""A delivery's history as a clerk reads it: each event with its three times, in words. Pure.

The third time is computed: the day that the law counts, as it stood after that event (design.md §5.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from delivery.core import events, words
from delivery.core.effect import document_effects
from delivery.core.events import Event, Recorded, apply, born
from delivery.core.model import Address, Delivery, Effect, Fact, Person, Proposal, Receipt
from delivery.core.rulebook import Rulebook
from delivery.web.news_words import learnt_words
from delivery.web.pages import Text
from delivery.web.sayings import fault_word, task_reason

Details = tuple[tuple[str, str], ...]
WEIGHTY = (events.Concluded, events.ProofIssued, events.Withdrawn, events.TaskClosed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event. `effective`: the last date of service among the documents after it; `weighty`: that changed, or
    something ended.
    """

    seq: int
    at: datetime
    recorded_at: datetime
    effective: date | None
    weighty: bool
    title: str
    tag: str = ""
    details: Details = ()
    raw: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event, the delivery after it, and how its documents stood then."""

    row: Recorded
    delivery: Delivery
    effects: tuple[tuple[str, Effect], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A document's date came, moved or fell: what was known from `recorded_at` on, and by which event of `at`."""

    recorded_at: datetime
    at: datetime
    effect: Effect
    title: str
    tag: str
    by: str


def steps(history: Sequence[Recorded], book: Rulebook) -> list[Step]:
    """Oldest first. Raises ValueError for a history that does not begin with `Accepted`."""
    return [
        Step(row=row, delivery=delivery, effects=document_effects(delivery, book, row.recorded_at))
        for row, delivery in _states(history)
    ]


def timeline(taken: Sequence[Step], book: Rulebook, text: Text) -> list[Line]:
    """Oldest first."""
    lines, before = [], None
    for step in taken:
        effective = _last_date(step.effects)
        changed = effective != before or isinstance(step.row.event, WEIGHTY)
        lines.append(_line(step.row, step.delivery, effective, changed, book, text))
        before = effective
    return lines


def changes(taken: Sequence[Step], document: str, text: Text) -> list[Change]:
    """How the date of that document came about, where it did not stay as it was first; else nothing. Oldest first."""
    found: list[Change] = []
    before: date | None = None
    for step in taken:
        effect = dict(step.effects)[document]
        if effect.effective_date != before:
            found.append(_change(step, effect, text))
        before = effect.effective_date
    return found if len(found) > 1 else []


def _change(step: Step, effect: Effect, text: Text) -> Change:
    event = step.row.event
    fact, by = _fact_of(event), getattr(event, "by", "")
    return Change(
        recorded_at=step.row.recorded_at,
        at=fact.at if fact else event.at,
        effect=effect,
        title=_title(event, text),
        tag=fact_word(fact.kind, text) if fact else "",
        by=by_word(by, text) if by else "",
    )


def _states(history: Iterable[Recorded]) -> Iterator[tuple[Recorded, Delivery]]:
    """Each event with the delivery after it."""
    delivery: Delivery | None = None
    for row in history:
        if delivery is not None:
            delivery = apply(delivery, row.event)
        elif isinstance(row.event, events.Accepted):
            delivery = born(row.event)
        else:
            raise ValueError("a history begins with Accepted")
        yield row, delivery


def _last_date(effects: Sequence[tuple[str, Effect]]) -> date | None:
    return max((effect.effective_date for _, effect in effects if effect.effective_date), default=None)


def _line(row: Recorded, delivery: Delivery, effective: date | None, weighty: bool, book: Rulebook, text: Text) -> Line:
    event = row.event
    receipt = event.receipt if isinstance(event, events.ReceiptReceived) else None
    fact = _fact_of(event)
    return Line(
        seq=row.seq,
        at=fact.at if fact else receipt.at if receipt else event.at,
        recorded_at=row.recorded_at,
        effective=effective,
        weighty=weighty,
        title=_title(event, text),
        tag=fact_word(fact.kind, text) if fact else "",
        details=tuple(
            (text(f"line.{label}"), value) for label, value in _details(event, delivery, book, text) if value
        ),
        raw=receipt.raw if receipt else "",
        evidence=_evidence(event) or "",
    )


def _evidence(event: Event) -> str | None:
    match event:
        case events.FactRecorded() | events.RecipientLearnt():
            return event.evidence
        case events.FactProposed(proposal=proposal):
            return proposal.evidence
    return None


def _fact_of(event: Event) -> Fact | None:
    match event:
        case events.ReceiptReceived(receipt=receipt):
            return receipt.fact
        case events.FactRecorded(fact=fact):
            return fact
    return None


def _title(event: Event, text: Text) -> str:
    if isinstance(event, events.Concluded) and event.revised:
        return text("event.revised")
    return text.word("event", events.kind(event))


def _details(event: Event, delivery: Delivery, book: Rulebook, text: Text) -> Iterator[tuple[str, str]]:
    match event:
        case events.Accepted():
            return
        case events.AttemptAnnounced(address=address):
            yield "address", address_words(delivery.recipient.address(address), text)
        case events.AttemptTaken(references=references, words=said):
            yield "references", " ".join(references)
            yield "words", said
        case events.AttemptRefused(code=code, words=said) | events.AttemptDeferred(code=code, words=said):
            yield "code", code
            yield "words", said
        case events.AttemptDoubted(ask_at=ask_at, words=said, references=references):
            yield "references", " ".join(references)
            yield "words", said
            yield "retry", text.time(ask_at)
        case events.ReceiptReceived(receipt=receipt):
            yield from _receipt_details(receipt, delivery, text)
        case events.FactRecorded(fact=fact, by=by, reason=reason):
            yield from _fact_details(fact, text)
            yield "by", by_word(by, text)
            yield "reason", reason
        case events.FactProposed(proposal=proposal):
            for fact in proposal.facts:
                yield "words", fact_word(fact.kind, text)
            yield from _moves(proposal, delivery, text)
            yield "by", by_word(proposal.by, text)
            yield "reason", proposal.reason
        case events.RecipientLearnt():
            yield from learnt_words(event, text)
            yield "by", by_word(event.by, text)
            yield "reason", event.reason
        case events.FactWithdrawn() | events.Withdrawn():
            by, reason = event.by, event.reason
            yield "by", by_word(by, text)
            yield "reason", reason
        case events.RenewalAsked(address=address):
            yield "address", address_words(delivery.recipient.address(address), text)
        case events.TaskOpened(task=task):
            yield "task", text.word("task", task.kind)
            yield "reason", task_reason(task.kind, task.reason, book, text)[0]
            yield "due", text.time(task.due_at)
        case events.TaskClosed(decision=decision, by=by, reason=reason):
            yield "decision", text.word("decision", decision)
            yield "by", by_word(by, text)
            yield "reason", reason
        case events.StepFailed(step=step, fault=fault):
            yield "words", fault_word(fault, text) or f"{step}: {fault}"
        case events.Concluded(effects=effects):
            titles = {document.id: document.title for document in delivery.documents}
            for document, effect in effects:
                day = f" · {text.day(effect.effective_date)}" if effect.effective_date else ""
                yield "words", f"{titles.get(document, document)}: {outcome_word(effect.outcome, text)}{day}"
        case events.ProofIssued(number=number, sha256=digest):
            yield "number", number
            yield "digest", digest


def _moves(proposal: Proposal, delivery: Delivery, text: Text) -> Iterator[tuple[str, str]]:
    titles = {document.id: document.title for document in delivery.documents}
    for document, before, after in proposal.moves:
        days = [text.day(day) if day else text("second.undated") for day in (before, after)]
        yield "effective", text("second.from_to", title=titles.get(document, document), before=days[0], after=days[1])


def _receipt_details(receipt: Receipt, delivery: Delivery, text: Text) -> Iterator[tuple[str, str]]:
    attempt = delivery.attempt(receipt.attempt or "")
    if attempt:
        yield "address", address_words(delivery.recipient.address(attempt.address), text)
    yield "code", f"{receipt.channel} {receipt.code}".strip()
    yield "words", receipt.words
    yield "cancels", receipt.cancels or ""
    yield "unclear", receipt.unclear or ""
    if receipt.fact:
        yield from _fact_details(receipt.fact, text)


def _fact_details(fact: Fact, text: Text) -> Iterator[tuple[str, str]]:
    yield "person", person_words(fact.by, text) if fact.by else ""
    reason = fact.reason or fact.result or fact.claim
    yield "reason", pick(words.REASONS, reason, text) if reason else ""


def pick(table: dict[str, tuple[str, str]], key: str, text: Text) -> str:
    """The word of the core's vocabulary in the reader's language."""
    both = words.named(table, key)
    return both.zh if text.language == "zh" else both.en


def fact_word(kind: str, text: Text) -> str:
    """The word for a kind of fact."""
    return pick(words.FACTS, kind, text)


def outcome_word(outcome: str, text: Text) -> str:
    """The word for an outcome."""
    return pick(words.OUTCOMES, outcome, text)


def address_words(address: Address, text: Text) -> str:
    """Which way, to where, on which basis. A clerk of the court may see where its letters go."""
    parts = [pick(words.CHANNELS, address.channel, text), str(address.value)]
    if address.basis != "none":  # a place where something was done, and nobody's address
        parts.append(pick(words.BASES, address.basis, text))
    return " · ".join(parts)


def person_words(person: Person, text: Text) -> str:
    """Relation, and the name where one is known."""
    relation = pick(words.RELATIONS, person.relation, text)
    return f"{relation} {person.name}" if person.name else relation


def by_word(by: str, text: Text) -> str:
    """Who entered it: a clerk by name, the recipient's page, or the service itself."""
    return text.word("line", by)
