"""Carries out one step of a delivery: the only place where a provider is called.

The order is always: announce (committed), act, record the answer. If we die between the first and the last, the record
shows an announced attempt without an answer, and decide.py asks the provider. No database connection is held in
between.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol
from weakref import WeakValueDictionary

from delivery.core import events
from delivery.core.decide import Cancel, Inquire, Prove, Seal, Send
from delivery.core.evidence import RulebookUsed, evidence_of, raw_ids
from delivery.core.model import Attempt, Delivery, Document
from delivery.core.ports import Answer, Channel, Clock, Consignment, Enclosure, Later, Refused, Taken, Unknown
from delivery.core.progress import REMINDER
from delivery.core.proof import Certificate, certificate, certificate_number, known_from
from delivery.core.rulebook import Rulebook
from delivery.core.trusted_time import proofs_wait
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.journal.links import Link
from delivery.journal.stamps import DOCUMENT
from delivery.worker.evidencing import evidence_node
from delivery.worker.lasting import Lasting
from delivery.worker.proving import NO_TIMESTAMP, made_up_for, proof_content, stamped_by
from delivery.worker.stamping import Stamping
from signing import links
from signing.pool import SealPool
from signing.proof import Line

LOOK_AGAIN = timedelta(minutes=10)
"""After which a proof that waits for timestamps is tried again."""

READ = "read"
"""Purpose of the links that texts and mails carry."""


class Court(Protocol):
    """What the worker needs to know of a court."""

    @property
    def name_zh(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything the worker works with. `channels`: by the channel word of addresses."""

    journal: Journal
    clock: Clock
    book: Rulebook
    channels: Mapping[str, Channel]
    documents: Documents
    seals: SealPool
    courts: Mapping[str, Court]
    link_key: bytes
    base_url: str
    rehearsal: bool = False
    rulebook_files: tuple[tuple[str, str], ...] = ()
    """Name and SHA-256 of each file of the rulebook, which the evidence names."""
    stamping: Stamping | None = None
    """None where no timestamp authority is set."""
    lasting: Lasting | None = None
    """What seals carry beyond themselves; None where they carry nothing."""
    sealing: MutableMapping[tuple[str, str], asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """Whose turn it is to seal a document, by court and digest."""

    @property
    def inquirable(self) -> frozenset[str]:
        return frozenset(word for word, channel in self.channels.items() if channel.can_inquire)


class SealedDiffers(Exception):
    """Bytes about to leave the house are not the sealed ones (design.md §5.10). They do not leave."""


class NotYetTakenBack(Exception):
    """The provider could not say whether it takes an attempt back: it is asked again, as after any failure."""


# --- seal ------------------------------------------------------------------------------------------------------------


async def seal(bench: Bench, delivery: Delivery, step: Seal) -> events.DocumentsSealed:
    """One document that goes to many is sealed once: the first writer's bytes are everybody's."""
    sealed = [(document.id, await _sealed_digest(bench, delivery, document)) for document in delivery.documents]
    return events.DocumentsSealed(at=bench.clock.now(), sealed=tuple(sealed))


async def _sealed_digest(bench: Bench, delivery: Delivery, document: Document) -> str:
    ours = (delivery.court, document.sha256)
    # Siblings come here side by side: one of them seals, the others find it sealed.
    turn = bench.sealing.setdefault(ours, asyncio.Lock())
    async with turn:
        return await bench.journal.seal_of(*ours) or await _seal(bench, delivery, document)


async def _seal(bench: Bench, delivery: Delivery, document: Document) -> str:
    content = await bench.documents.get(document.sha256)
    lasting = bench.lasting if bench.lasting and bench.lasting.wants_timestamp(delivery.court) else None
    name = bench.courts[delivery.court].name_zh
    sealed = await bench.seals.seal(
        delivery.court, content, bench.clock.now(), "电子送达", name, to_be_stamped=lasting is not None
    )
    # Dying here leaves bytes nobody names: the next try seals again and its digest is the one that is kept.
    digest = await _kept(bench, delivery.court, sealed, lasting)
    return await bench.journal.keep_seal(delivery.court, document.sha256, digest)


async def _kept(bench: Bench, court: str, sealed: bytes, lasting: Lasting | None) -> str:
    """The digest of the file as it goes out. Where no authority answers it goes without a timestamp, as an interim
    proof does, and gets one beside it.
    """
    if lasting is None:
        return await bench.documents.put(sealed)
    if await lasting.stamping.missing_since() is None and (stamped := await lasting.stamped(court, sealed)):
        return await bench.documents.put(stamped)
    digest = await bench.documents.put(sealed)
    await lasting.stamping.make_up_for(digest, DOCUMENT)
    return digest


# --- send, ask, take back --------------------------------------------------------------------------------------------


def announcement(bench: Bench, step: Send) -> events.AttemptAnnounced:
    return events.AttemptAnnounced(
        at=bench.clock.now(),
        attempt=step.attempt,
        address=step.address,
        channel=step.channel,
        number=step.number,
        role=step.role,
    )


async def send(bench: Bench, delivery: Delivery, attempt_id: str) -> events.Event:
    """Hand the announced attempt to its channel; the event is the channel's answer."""
    attempt = _attempt(delivery, attempt_id)
    channel = bench.channels[attempt.channel]
    consignment = await consign(bench, delivery, attempt)
    return _answered(bench, attempt, await _certain(channel.send(consignment)))


async def inquire(bench: Bench, delivery: Delivery, step: Inquire) -> events.Event:
    attempt = _attempt(delivery, step.attempt)
    consignment = await consign(bench, delivery, attempt)
    return _answered(bench, attempt, await _certain(bench.channels[attempt.channel].inquire(consignment)))


async def cancel(bench: Bench, delivery: Delivery, step: Cancel) -> events.Event:
    """Where it cannot be taken back, that it went out is on record: the letter travels on, its receipts are kept and
    change nothing. Raises NotYetTakenBack.
    """
    attempt = _attempt(delivery, step.attempt)
    await bench.journal.revoke_links(delivery.id)
    consignment = await consign(bench, delivery, attempt)
    reference = attempt.references[0] if attempt.references else None
    answer = await _certain(bench.channels[attempt.channel].cancel(consignment, reference))
    if isinstance(answer, Later | Unknown):
        raise NotYetTakenBack(attempt.id)
    how = "taken back" if isinstance(answer, Taken) else answer.words or "not possible"
    words = f"{events.TAKING_BACK} {how}"
    return events.AttemptTaken(at=bench.clock.now(), attempt=attempt.id, references=attempt.references, words=words)


def _attempt(delivery: Delivery, attempt_id: str) -> Attempt:
    attempt = delivery.attempt(attempt_id)
    if attempt is None:
        raise KeyError(attempt_id)
    return attempt


async def _certain(call: Awaitable[Answer]) -> Answer:
    """A channel that raises has a fault of its own: whether the world was touched cannot be told."""
    try:
        return await call
    except Exception as fault:  # noqa: BLE001 — anything may have happened at the provider: the third answer
        return Unknown(words=type(fault).__name__)


def _answered(bench: Bench, attempt: Attempt, answer: Answer) -> events.Event:
    now = bench.clock.now()
    match answer:
        case Taken(references=references, words=words):
            return events.AttemptTaken(at=now, attempt=attempt.id, references=references, words=words)
        case Refused(code=code, words=words):
            return events.AttemptRefused(at=now, attempt=attempt.id, code=code, words=words)
        case Later(code=code, words=words, after=after):
            wait = timedelta(seconds=after) if after is not None else bench.book.retry_delay(attempt.tries)
            return events.AttemptDeferred(at=now, attempt=attempt.id, code=code, words=words, retry_at=now + wait)
        case Unknown(words=words, references=references):
            ask_at = _ask_at(bench, attempt)
            return events.AttemptDoubted(at=now, attempt=attempt.id, words=words, ask_at=ask_at, references=references)


def _ask_at(bench: Bench, attempt: Attempt) -> datetime:
    now = bench.clock.now()
    if attempt.channel in bench.inquirable:
        return now + bench.book.ask_delay(attempt.doubts + 1)
    return attempt.announced_at + bench.book.receipt_wait(attempt.channel)


def references_of(bench: Bench, delivery: Delivery, happened: Sequence[events.Event]) -> list[tuple[str, str, str]]:
    """(provider, its reference, our attempt) for every answer among these events: how receipts find their attempt."""
    found = []
    for event in happened:
        if isinstance(event, events.AttemptTaken | events.AttemptDoubted):
            provider = bench.channels[_attempt(delivery, event.attempt).channel].name
            found += [(provider, reference, event.attempt) for reference in event.references]
    return found


# --- what a channel is given -----------------------------------------------------------------------------------------


async def consign(bench: Bench, delivery: Delivery, attempt: Attempt) -> Consignment:
    """Everything the channel needs. A repeat after a crash makes the same link: it is derived from the attempt."""
    address = delivery.recipient.address(attempt.address)
    channel = bench.channels[attempt.channel]
    link, code = await _link(bench, delivery, _of_service(delivery, attempt)) if address.electronic else (None, "")
    return Consignment(
        attempt=attempt.id,
        delivery=delivery.id,
        court=delivery.court,
        court_name=bench.courts[delivery.court].name_zh,
        case_number=delivery.case.number,
        address=address,
        recipient=delivery.recipient,
        enclosures=await _enclosures(bench, delivery, channel),
        announced_at=attempt.announced_at,
        link=link,
        check_code=code,
        attach=channel.carries_documents and bench.book.class_of(address) in bench.book.attachable,
        reminder=attempt.role == REMINDER,
        tries=attempt.tries,
    )


def _of_service(delivery: Delivery, attempt: Attempt) -> Attempt:
    """The attempt whose link goes out: a reminder carries that of what it reminds of, so that reading counts there."""
    if attempt.role != REMINDER:
        return attempt
    there = [one for one in delivery.attempts if (one.address, one.role) == (attempt.address, "service")]
    return there[-1] if there else attempt


async def _link(bench: Bench, delivery: Delivery, attempt: Attempt) -> tuple[str, str]:
    key, now = bench.link_key, attempt.announced_at
    link = links.link_id(key, attempt.id)
    known = await bench.journal.link(link)
    if known is None:
        expires = now + timedelta(days=bench.book.link_days)
        known = Link(id=link, attempt=attempt.id, delivery=delivery.id, purpose=READ, expires_at=expires)
        await bench.journal.keep_link(known)
    token = links.make_token(key, link=link, attempt=attempt.id, purpose=READ, expires_at=known.expires_at)
    return f"{bench.base_url}/d/{token}", links.check_code(key, link)


async def _enclosures(bench: Bench, delivery: Delivery, channel: Channel) -> tuple[Enclosure, ...]:
    sealed = dict(delivery.sealed)
    found = []
    for document in delivery.documents:
        digest = sealed[document.id]
        content = await bench.documents.get(digest) if channel.carries_documents else b""
        if content and hashlib.sha256(content).hexdigest() != digest:
            raise SealedDiffers(document.id)
        found.append(
            Enclosure(id=document.id, type=document.type, title=document.title, sha256=digest, content=content)
        )
    return tuple(found)


# --- prove -----------------------------------------------------------------------------------------------------------


class ProofWaits(Exception):
    """The proof cannot be final yet: timestamps have been missing for too long. `until`: when to look again."""

    def __init__(self, until: datetime) -> None:
        super().__init__("timestamps are missing")
        self.until = until


async def prove(bench: Bench, delivery: Delivery, step: Prove) -> events.ProofIssued:
    """Draw, seal, stamp and keep the certificate. Dying before the event is written draws it again under the same
    number. Raises ProofWaits.
    """
    history, now = await bench.journal.load(delivery.id), bench.clock.now()
    since = await bench.stamping.missing_since() if bench.stamping else None
    if proofs_wait(since, now):
        raise ProofWaits(now + LOOK_AGAIN)
    content = certificate(
        delivery,
        court_name=bench.courts[delivery.court].name_zh,
        now=now,
        known=known_from(history),
        rulebook=f"{bench.book.name} {bench.book.version}",
        zone=bench.book.zone,
    )
    evidence = await _sealed_evidence(bench, delivery, history, content)
    digest = await _sealed_proof(bench, delivery.court, content, evidence, since)
    return events.ProofIssued(
        at=now,
        number=certificate_number(delivery),
        sha256=digest,
        replaces=delivery.proofs[-1][1] if delivery.proofs else None,
        evidence=await bench.documents.put(evidence),
    )


async def _sealed_evidence(
    bench: Bench, delivery: Delivery, history: Sequence[events.Recorded], content: Certificate
) -> bytes:
    raw = await bench.journal.raw_rows(raw_ids(history))
    evidence = evidence_of(
        delivery,
        history,
        content,
        known=known_from(history),
        rulebook=RulebookUsed(name=bench.book.name, version=bench.book.version, files=bench.rulebook_files),
        raw_digests={row.id: hashlib.sha256(row.receipt.body).hexdigest() for row in raw},
        zone=bench.book.zone,
        rehearsal=bench.rehearsal,
    )
    return await bench.seals.evidence(delivery.court, evidence_node(evidence), content.issued_at)


async def _sealed_proof(bench: Bench, court: str, content: Certificate, evidence: bytes, since: datetime | None) -> str:
    """The digest of the kept file. Without an authority that answers (`since`) it says so, and is stamped when one
    does.
    """
    draw = partial(_drawn_proof, bench, court, content, evidence)
    if bench.stamping is None:
        return await bench.documents.put(await draw(NO_TIMESTAMP))
    names = bench.stamping.names()
    if since is None and names:
        sealed = await draw(stamped_by(names), to_be_stamped=True)
        stamping = partial(bench.lasting.stamped, court) if bench.lasting else bench.stamping.stamped
        if stamped := await stamping(sealed):
            return await bench.documents.put(stamped)
    missing = made_up_for(since or content.issued_at, bench.book.zone)
    digest = await bench.documents.put(await draw(missing))
    await bench.stamping.make_up_for(digest)
    return digest


async def _drawn_proof(
    bench: Bench, court: str, content: Certificate, evidence: bytes, timestamp: Line, *, to_be_stamped: bool = False
) -> bytes:
    drawn, name = proof_content(content, rehearsal=bench.rehearsal, timestamp=timestamp), bench.courts[court].name_zh
    at, reason = content.issued_at, "送达证明"
    return await bench.seals.proof(court, drawn, at, reason, name, evidence=evidence, to_be_stamped=to_be_stamped)
