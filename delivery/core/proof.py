"""History → the content of the proof of service (送达回证 / 电子送达凭证), before it is drawn and sealed.

Fields: CPL 87, OLR 31(3), OP17 11-12, ESL 6. Personal data are masked here: a name stays, numbers keep their ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from delivery.core.civil import local_day
from delivery.core.events import DocumentsSealed, FactRecorded, ReceiptReceived, Recorded
from delivery.core.model import Address, Attempt, Delivery, Effect, Fact, PostalAddress, Receipt
from delivery.core.standing import all_attempts, standing_facts
from delivery.core.words import (
    BASES,
    CHANNELS,
    DOCUMENTS,
    FACTS,
    OUTCOMES,
    REASONS,
    RELATIONS,
    ROLES,
    Words,
    named,
)

Rows = tuple[tuple[Words, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDocument:
    title: str
    type: Words
    pages: int
    sealed_sha256: str
    sealed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One line of the course of events (全程留痕): local time, what, and the provider's own words."""

    at: datetime
    what: Words
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a proof says. `effects` has one entry per document; `effect` is the one that comes last in time."""

    number: str
    electronic: bool
    court: str
    case_number: str
    issued_at: datetime
    outcome: Words
    effect: Effect
    effects: tuple[tuple[str, Effect], ...]
    documents: tuple[ServedDocument, ...]
    sections: tuple[tuple[Words, Rows], ...]
    course: tuple[Happening, ...]
    replaces: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the history tells beside the delivery. `learnt`: (kind, instant) of a fact → when its last part was
    recorded.

    `confirmed_by`: the named official (law.md R9.1), with the role after the name.
    """

    sealed_at: datetime
    learnt: Mapping[tuple[str, datetime], datetime]
    confirmed_by: str | None = None


def known_from(history: Iterable[Recorded]) -> Known:
    """Raises ValueError when nothing was sealed yet."""
    sealed_at, confirmed_by, learnt = None, None, dict[tuple[str, datetime], datetime]()
    for row in history:
        match row.event:
            case DocumentsSealed(at=at):
                sealed_at = at
            case ReceiptReceived(receipt=Receipt(fact=Fact(kind=kind, at=at))):
                learnt[kind, at] = row.recorded_at
            case FactRecorded(fact=Fact(kind=kind, at=at, decided_by=role), by=name):
                learnt[kind, at] = row.recorded_at
                if kind == "official_confirmation":
                    confirmed_by = f"{name}（{role}）" if role and role != name else name
    if sealed_at is None:
        raise ValueError("a proof speaks of sealed documents")
    return Known(sealed_at=sealed_at, learnt=learnt, confirmed_by=confirmed_by)


def certificate_number(delivery: Delivery) -> str:
    """Made from the delivery and the number of the conclusion: a repeat after a crash has the same."""
    return f"{delivery.id}-{len(delivery.proofs) + 1}".upper()


def certificate(
    delivery: Delivery,
    *,
    court_name: str,
    now: datetime,
    known: Known,
    rulebook: str,
    zone: tzinfo,
) -> Certificate:
    """The content of the next proof, all its instants on the clock of `zone`, the rulebook's."""
    effects = delivery.concluded
    effect = max((e for _, e in effects), key=lambda e: (e.effective_date is not None, str(e.effective_date)))
    attempt = _decisive(delivery, effect, zone)
    return Certificate(
        number=certificate_number(delivery),
        electronic=bool(attempt and delivery.recipient.address(attempt.address).electronic),
        court=court_name,
        case_number=delivery.case.number,
        issued_at=now.astimezone(zone),
        outcome=named(OUTCOMES, effect.outcome),
        effect=effect,
        effects=effects,
        documents=_documents(delivery, known.sealed_at.astimezone(zone)),
        sections=_sections(delivery, effect, attempt, known, rulebook, zone),
        course=tuple(_course(delivery, zone)),
        replaces=delivery.proofs[-1][0] if delivery.proofs else None,
    )


def _decisive(delivery: Delivery, effect: Effect, zone: tzinfo) -> Attempt | None:
    """The attempt that dates the service, made by us or elsewhere: at the effective address, with the dating fact."""
    address = effect.flag("effective_address")
    there = [a for a in all_attempts(delivery, standing_facts(delivery)) if a.address == address]
    dating = [attempt for attempt in there if _dating_fact(delivery, effect, attempt, zone)]
    return next(iter(dating or there[::-1]), None)


def dating_fact(delivery: Delivery, effect: Effect, zone: tzinfo) -> Fact | None:
    """The fact that gave `effect` its day, in the rulebook's `zone`, where one fact did."""
    return _dating_fact(delivery, effect, _decisive(delivery, effect, zone), zone)


def _documents(delivery: Delivery, sealed_at: datetime) -> tuple[ServedDocument, ...]:
    sealed = dict(delivery.sealed)
    return tuple(
        ServedDocument(
            title=document.title,
            type=named(DOCUMENTS, document.type),
            pages=document.pages,
            sealed_sha256=sealed[document.id],
            sealed_at=sealed_at,
        )
        for document in delivery.documents
    )


def _sections(
    delivery: Delivery, effect: Effect, attempt: Attempt | None, known: Known, rulebook: str, zone: tzinfo
) -> tuple[tuple[Words, Rows], ...]:
    sections = [(Words("受送达人", "Recipient"), _recipient_rows(delivery))]
    if attempt:
        sections.append((Words("送达地址", "Address"), _address_rows(delivery, attempt)))
    sections.append((Words("三个时间", "Three times"), _times(delivery, effect, attempt, known, zone)))
    sections.append((Words("认定", "Decision"), _decision_rows(effect, known, rulebook)))
    return tuple(sections)


def _recipient_rows(delivery: Delivery) -> Rows:
    recipient = delivery.recipient
    role = named(ROLES, recipient.role)
    rows = [
        (Words("姓名（名称）", "Name"), recipient.name),
        (Words("诉讼地位", "Role"), f"{role.zh} {role.en}"),
    ]
    if recipient.id_number:
        rows.append((Words("证件号码", "Identity number"), mask(recipient.id_number, 0, 4)))
    return tuple(rows)


def _address_rows(delivery: Delivery, attempt: Attempt) -> Rows:
    address = delivery.recipient.address(attempt.address)
    channel, basis = named(CHANNELS, address.channel), named(BASES, address.basis)
    return (
        (Words("方式", "Channel"), f"{channel.zh} {channel.en}"),
        (Words("地址", "Address"), masked_address(address)),
        (Words("地址来源", "Basis"), f"{basis.zh} {basis.en}"),
        (Words("送达编号", "Attempt"), attempt.id),
    )


def mask(text: str, head: int, tail: int) -> str:
    """Keep the ends, cover the middle; what has no middle is covered whole."""
    covered = len(text) - head - tail
    if covered <= 0:
        return "*" * len(text)
    return text[:head] + "*" * covered + text[head + covered :]


def masked_address(address: Address) -> str:
    """A number keeps its ends, a mailbox its first letter and its host; a postal address stays: it is where the paper
    went.
    """
    value = address.value
    if isinstance(value, PostalAddress):
        return f"{value.province}{value.city}{value.county}{value.detail}"
    local, at, host = value.partition("@")
    return f"{mask(local, 1, 0)}{at}{host}" if at else mask(value, 3, 4)


DATING = ("arrived", "replied", "procedural_act", "read", "signed", "returned")
"""Facts that can date a service; of conclusions that do not name theirs (the field is younger than the journal)."""


def _times(delivery: Delivery, effect: Effect, attempt: Attempt | None, known: Known, zone: tzinfo) -> Rows:
    """When it happened, when we learnt it, the day the law counts (design.md §5.6)."""
    fact = _dating_fact(delivery, effect, attempt, zone)
    happened = _local(fact.at, zone) if fact else "—"
    learnt = known.learnt.get((fact.kind, fact.at)) if fact else None
    return (
        (Words("发生时间", "Happened"), happened),
        (Words("获知时间", "Learnt"), _local(learnt, zone) if learnt else happened),
        (Words("法律认定之日", "Day the law counts"), str(effect.effective_date or "—")),
    )


def _dating_fact(delivery: Delivery, effect: Effect, attempt: Attempt | None, zone: tzinfo) -> Fact | None:
    if attempt is None:
        return None
    mine = [f for f in standing_facts(delivery) if (f.address, f.attempt) == (attempt.address, attempt.number)]
    kinds = (effect.dated_by,) if effect.dated_by else DATING
    on_day = [f for f in mine if f.kind in kinds and _counts_on(f, effect, zone)]
    return on_day[0] if on_day else None


def _counts_on(fact: Fact, effect: Effect, zone: tzinfo) -> bool:
    return effect.effective_date in (fact.noted_on, fact.court_received_on, local_day(fact.at, zone))


def _decision_rows(effect: Effect, known: Known, rulebook: str) -> Rows:
    rows = [
        (Words("理由", "Reason"), f"{effect.explanation_zh}\n{effect.explanation}"),
        (Words("规则", "Rule"), f"{effect.rule} · {rulebook}"),
    ]
    if known.confirmed_by:
        rows.append((Words("确认人", "Confirmed by"), known.confirmed_by))
    return (*rows, *_deadline_rows(effect))


def _local(instant: datetime, zone: tzinfo) -> str:
    return instant.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _deadline_rows(effect: Effect) -> Iterable[tuple[Words, str]]:
    """What begins to run, and until when. A year whose days off nobody knows yet has no last day (law.md P15)."""
    for deadline in effect.deadlines:
        days = deadline.last_day.isoformat() if deadline.last_day else "放假安排公布后计算 to be computed"
        yield Words(f"{deadline.name_zh}届满", f"End of the period: {deadline.name}"), days


def _course(delivery: Delivery, zone: tzinfo) -> Iterable[Happening]:
    words = {f"{r.attempt}|{r.at}": _provider_words(r) for r in delivery.receipts}
    numbers = {(a.address, a.number): a.id for a in delivery.attempts}
    for fact in standing_facts(delivery):
        if fact.kind == "send_planned":
            continue  # that it was announced is our bookkeeping
        what = named(FACTS, fact.kind)
        attempt = numbers.get((fact.address or "", fact.attempt), "")
        yield Happening(
            at=fact.at.astimezone(zone), what=_with_detail(what, fact), words=words.get(f"{attempt}|{fact.at}", "")
        )


def _provider_words(receipt: Receipt) -> str:
    return f"{receipt.code} {receipt.words}".strip()


def _with_detail(what: Words, fact: Fact) -> Words:
    details = [named(RELATIONS, fact.by.relation)] if fact.by else []
    details += [named(REASONS, fact.reason)] if fact.reason else []
    if not details:
        return what
    zh, en = "，".join(d.zh for d in details), ", ".join(d.en for d in details)
    return Words(f"{what.zh}（{zh}）", f"{what.en} ({en})")
