"""Takes submissions, documents and raw receipts in, whoever carries them: HTTP, or an adapter's listen.

What is refused leaves nothing behind; what is answered with yes is on the disk (design.md §5.1). PDFs are looked at
first, the whole filing is judged next, and only then anything is stored: the documents, then the submission.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import msgspec
import structlog

from delivery.core import submission
from delivery.core.fields import Fault, Faults, is_plain
from delivery.core.learnt import Evidence, read_learnt, read_withdrawal
from delivery.core.model import Delivery
from delivery.core.ports import Clock, RawReceipt
from delivery.core.recipient_news import read_news
from delivery.core.recipients import ScriptPolicy
from delivery.core.submission import DocumentFacts, Submission
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.journal.submissions import Filing
from signing.pdf import Findings

log = structlog.get_logger()

Inspect = Callable[[bytes], Awaitable[Findings]]

REPEATED_KEY = Fault(
    pointer="/id",
    code="conflict",
    message="This source and id were used before for another content: a new submission should have a new id.",
)
_IMAGE_STARTS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """Bytes. `submission`: one over HTTP, with its contents; `document`: one PDF; `message`: one from a queue."""

    submission: int = 64 * 1024 * 1024
    document: int = 20 * 1024 * 1024
    message: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """new: kept. repeat: kept before, same answer. conflict: that key has another content. faulty: see `faults`."""

    kind: Literal["new", "repeat", "conflict", "faulty"]
    answer: bytes = b""
    faults: Faults = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """The PDFs that came with a filing, by their document's place; `facts`: what is known of those and of others."""

    bytes_at: Mapping[int, bytes]
    digests: Mapping[int, str]
    facts: Mapping[str, DocumentFacts]
    faults: Faults = ()


class Intake:
    """`inspect` looks into a PDF; `scripts` says which channels are rehearsed here."""

    def __init__(
        self,
        journal: Journal,
        documents: Documents,
        inspect: Inspect,
        clock: Clock,
        *,
        scripts: ScriptPolicy,
        limits: IntakeLimits | None = None,
    ) -> None:
        self._journal, self._documents = journal, documents
        self._inspect, self._clock = inspect, clock
        self._scripts = scripts
        self.limits = limits or IntakeLimits()

    async def submit(
        self, court: str, clients: Collection[str], event: Any, contents: Mapping[str, bytes] | None = None
    ) -> Outcome:
        """File a decoded CloudEvent for one of `clients`; `contents`: PDFs that came beside it, by document id."""
        found = await self._look(court, event, contents or {})
        read = self._read(court, clients, event, found.digests, found.facts)
        if not isinstance(read, Submission):
            return Outcome(kind="faulty", faults=(*found.faults, *read))
        if found.faults:
            return Outcome(kind="faulty", faults=found.faults)
        await self._store(court, found)
        return await self._accept(read)

    def dry_run(self, court: str, clients: Collection[str], event: Any) -> Submission | Faults:
        """The submission that this would be; contents are not asked for, and nothing is kept."""
        digests = {place: _digest(content) for place, content in submission.enclosures(event).items()}
        return self._read(court, clients, event, digests, None)

    async def put_document(self, court: str, sha256: str, content: bytes) -> Outcome:
        """Keep one PDF under its digest."""
        if len(content) > self.limits.document:
            return Outcome(kind="faulty", faults=(_too_large("", self.limits.document),))
        findings = await self._inspect(content)
        faults = [Fault(pointer="", code=fault.code, message=fault.message) for fault in findings.faults]
        if findings.sha256 != sha256:
            says = "The address should end with the SHA-256 digest of the content."
            faults.append(Fault(pointer="", code="digest_mismatch", message=says))
        if faults:
            return Outcome(kind="faulty", faults=tuple(faults))
        if await self._journal.known_document(court, sha256):
            return Outcome(kind="repeat")
        await self._keep(court, content, _facts(findings))
        return Outcome(kind="new")

    async def submit_message(self, court: str, body: bytes) -> tuple[bytes, ...]:
        """One message of a queue (ports.Submissions): kept, or told as rejected, and then reported where it is
        readable.
        """
        event, faults = self._decode(body)
        sender = None if faults else submission.sender(event)
        if not faults and not await self._is_known(court, sender):
            says = f"The source should be /courts/{court}/<client id> of a case system of this court."
            faults = (Fault(pointer="/source", code="wrong_source", message=says),)
        if faults or sender is None:
            return (self._rejection(court, body, faults),)
        outcome = await self.submit(court, (sender[1],), event)
        if outcome.kind in ("new", "repeat"):
            return ()
        faults = outcome.faults or (REPEATED_KEY,)
        await self._journal.reject(
            court=court,
            client=sender[1],
            submission_id=_event_id(event) or self._clock.new_id(),
            faults=[asdict(fault) for fault in faults],
            at=self._clock.now(),
        )
        return (self._rejection(court, body, faults),)

    async def receive(self, raw: RawReceipt) -> None:
        """Keep one raw receipt (ports.Sink)."""
        await self._journal.keep(raw)

    async def facts(self, delivery: Delivery, client: str, body: Any) -> Outcome:
        """Record a fact learnt elsewhere, with its evidence."""
        learnt = read_learnt(body, delivery, self._clock.now())
        if isinstance(learnt, tuple):
            return Outcome(kind="faulty", faults=learnt)
        faults = await self._keep_evidence(delivery.court, learnt.evidence) if learnt.evidence else ()
        if faults:
            return Outcome(kind="faulty", faults=faults)
        after = await self._journal.record(
            delivery.id, lambda before: learnt.recorded(before, client, self._clock.now())
        )
        return Outcome(kind="repeat" if learnt.fact in delivery.facts else "new", answer=str(after.version).encode())

    async def address(self, delivery: Delivery, client: str, body: Any) -> Outcome:
        """Record what became known of the recipient: an address, a consent, who stands for them, what they are."""
        now = self._clock.now()
        news = read_news(body, delivery, now, self._scripts)
        if isinstance(news, tuple):
            return Outcome(kind="faulty", faults=news)
        faults = await self._keep_evidence(delivery.court, news.evidence) if news.evidence else ()
        if faults:
            return Outcome(kind="faulty", faults=faults)
        after = await self._journal.record(delivery.id, lambda before: news.recorded(before, client, now))
        if news.unknown_to(after):  # somebody else told something that contradicts it, in the same moment
            return Outcome(kind="conflict")
        return Outcome(kind="new" if after.version > delivery.version else "repeat")

    async def withdraw(self, delivery: Delivery, client: str, body: Any) -> Outcome:
        """Withdraw a delivery; one that is concluded stays as it is."""
        withdrawn = read_withdrawal(body, client, self._clock.now())
        if isinstance(withdrawn, tuple):
            return Outcome(kind="faulty", faults=withdrawn)
        after = await self._journal.record(
            delivery.id, lambda before: () if before.withdrawn_at or before.concluded else (withdrawn,)
        )
        if after.withdrawn_at is None:
            return Outcome(kind="conflict")
        return Outcome(kind="repeat" if delivery.withdrawn_at else "new")

    # --- submissions -------------------------------------------------------------------------------------------------

    async def _look(self, court: str, event: Any, contents: Mapping[str, bytes]) -> _Contents:
        # Tens of megabytes may be decoded and digested here: in a thread, so that others are answered meanwhile.
        found, digests, faults = await asyncio.to_thread(_opened, event, contents)
        unique = {digests[place]: content for place, content in found.items()}
        looks = await asyncio.gather(*(self._inspected(content) for content in unique.values()))
        facts = dict(zip(unique, looks, strict=True))
        for sha256 in submission.references(event) - facts.keys():
            known = await self._journal.known_document(court, sha256)
            if known:
                facts[sha256] = DocumentFacts(pages=known.pages, size=known.size)
        return _Contents(bytes_at=found, digests=digests, facts=facts, faults=faults)

    async def _inspected(self, content: bytes) -> DocumentFacts:
        if len(content) > self.limits.document:
            fault = _too_large("", self.limits.document)
            return DocumentFacts(pages=0, size=len(content), faults=((fault.code, fault.message),))
        return _facts(await self._inspect(content))

    def _read(
        self,
        court: str,
        clients: Collection[str],
        event: Any,
        digests: Mapping[int, str],
        facts: Mapping[str, DocumentFacts] | None,
    ) -> Submission | Faults:
        return submission.read_filing(
            event,
            court=court,
            clients=clients,
            enclosed=digests,
            findings=facts,
            accepted_at=self._clock.now(),
            new_id=self._clock.new_id,
            scripts=self._scripts,
        )

    async def _store(self, court: str, found: _Contents) -> None:
        kept: set[str] = set()
        for place, content in found.bytes_at.items():
            sha256 = found.digests[place]
            if sha256 not in kept:
                await self._keep(court, content, found.facts[sha256])
                kept.add(sha256)

    async def _keep(self, court: str, content: bytes, facts: DocumentFacts) -> None:
        """The bytes first: a row says that they are there."""
        sha256 = await self._documents.put(content)
        await self._journal.keep_document(court, sha256, facts.size, facts.pages)

    async def _accept(self, read: Submission) -> Outcome:
        deliveries = [{"delivery_id": each.delivery, "recipient": each.recipient.id} for each in read.accepted]
        verdict = await self._journal.accept(
            Filing(
                source=read.source,
                id=read.id,
                court=read.court,
                client=read.client,
                submission_id=read.submission_id,
                content_hash=read.content_hash,
                accepted=read.accepted,
                answer=msgspec.json.encode({"submission_id": read.submission_id, "deliveries": deliveries}),
            )
        )
        if verdict.kind == "conflict":
            return Outcome(kind="conflict", faults=(REPEATED_KEY,))
        return Outcome(kind=verdict.kind, answer=verdict.answer)

    # --- messages of a queue -----------------------------------------------------------------------------------------

    def _decode(self, body: bytes) -> tuple[Any, Faults]:
        if len(body) > self.limits.message:
            return None, (_too_large("", self.limits.message),)
        return read_json(body)

    async def _is_known(self, court: str, sender: tuple[str, str] | None) -> bool:
        return sender is not None and sender[0] == court and await self._journal.client(*sender) is not None

    def _rejection(self, court: str, body: bytes, faults: Faults) -> bytes:
        """What could not be taken, for a person to list and replay: the faults and the original."""
        log.warning("submission_rejected", court=court, codes=sorted({fault.code for fault in faults}))
        data: dict[str, Any] = {"faults": [asdict(fault) for fault in faults], "sha256": _digest(body)}
        event = {
            "specversion": "1.0",
            "type": "songda.rejection.v1",
            "source": f"/courts/{court}/songda",
            "id": self._clock.new_id(),
            "time": self._clock.now().isoformat(),
            "datacontenttype": "application/json",
            "data": data | self._original(body),
        }
        return msgspec.json.encode(event)

    def _original(self, body: bytes) -> dict[str, str]:
        """As text where it is text, so that a person can read it; one beyond the limit stays with its sender."""
        if len(body) > self.limits.message:
            return {}
        try:
            return {"original": body.decode("utf-8")}
        except UnicodeDecodeError:
            return {"original_base64": base64.b64encode(body).decode()}

    # --- evidence ----------------------------------------------------------------------------------------------------

    async def _keep_evidence(self, court: str, evidence: Evidence) -> Faults:
        if evidence.content is None:
            known = await self._journal.known_document(court, evidence.sha256)
            says = "The content should come with the fact, or be uploaded before under its digest."
            return () if known else (Fault(pointer="/evidence/sha256", code="not_uploaded", message=says),)
        try:
            content = base64.b64decode(evidence.content, validate=True)
        except (binascii.Error, ValueError):
            says = "The content should be base64 (RFC 4648 §4), without line breaks."
            return (Fault(pointer="/evidence/content", code="not_base64", message=says),)
        faults = await self._evidence_faults(content, evidence)
        if not faults:
            await self._documents.put(content)
        return faults

    async def _evidence_faults(self, content: bytes, evidence: Evidence) -> Faults:
        if _digest(content) != evidence.sha256:
            says = "The digest should be that of the content that came with it."
            return (Fault(pointer="/evidence/sha256", code="digest_mismatch", message=says),)
        if len(content) > self.limits.document:
            return (_too_large("/evidence/content", self.limits.document),)
        if evidence.media_type in _IMAGE_STARTS:
            if content.startswith(_IMAGE_STARTS[evidence.media_type]):
                return ()
            says = f"The content should be of the type {evidence.media_type}."
            return (Fault(pointer="/evidence/content", code="wrong_media_type", message=says),)
        findings = await self._inspect(content)
        return tuple(
            Fault(pointer="/evidence/content", code=fault.code, message=fault.message) for fault in findings.faults
        )


def read_json(body: bytes) -> tuple[Any, Faults]:
    """Decoded JSON, or what is wrong with it."""
    try:
        return msgspec.json.decode(body), ()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        says = "The body should be one JSON text (RFC 8259) in UTF-8, not nested deeply."
        return None, (Fault(pointer="", code="unreadable", message=says),)


def _opened(event: Any, contents: Mapping[str, bytes]) -> tuple[Mapping[int, bytes], Mapping[int, str], Faults]:
    """All contents by place, inside the event and beside it, and their digests."""
    inside = submission.enclosures(event)
    beside, faults = _beside(event, contents, inside)
    found = inside | beside
    return found, {place: _digest(content) for place, content in found.items()}, faults


def _beside(event: Any, contents: Mapping[str, bytes], inside: Mapping[int, bytes]) -> tuple[dict[int, bytes], Faults]:
    """Contents that came as parts of their own, by place; each part has to belong to one document without content."""
    places = submission.document_ids(event)
    found: dict[int, bytes] = {}
    faults: list[Fault] = []
    for name, content in contents.items():
        place = places.get(name)
        if place is None:
            says = "Each part beside submission should be named by the id of a document."
            faults.append(Fault(pointer="/data/documents", code="unknown_part", message=says))
        elif place in inside:
            says = "The content should come once: inside the submission, or as a part of its own."
            faults.append(Fault(pointer=f"/data/documents/{place}/content", code="content_twice", message=says))
        else:
            found[place] = content
    return found, tuple(faults)


def _facts(findings: Findings) -> DocumentFacts:
    faults = tuple((fault.code, fault.message) for fault in findings.faults)
    return DocumentFacts(pages=findings.pages, size=findings.size, faults=faults)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _too_large(pointer: str, limit: int) -> Fault:
    return Fault(pointer=pointer, code="too_large", message=f"The content should have at most {limit} bytes.")


def _event_id(event: Mapping[str, Any]) -> str:
    """The sender's own id, by which it knows what was refused; cut to the length that an id may have."""
    found = event.get("id")
    return found[: submission.LONGEST_EVENT_ID] if isinstance(found, str) and is_plain(found) else ""
