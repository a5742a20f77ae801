"""A filing → a submission with its deliveries, or the full list of its faults (contract.md §3).

What a PDF contains is found out elsewhere (signing/pdf.py) and handed in as facts, by digest. Nothing here depends on
the time of day: the same filing has the same faults tomorrow, or a repeat would be answered differently.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.core import numbers
from delivery.core import vocabulary as words
from delivery.core.events import Accepted
from delivery.core.fields import DIGEST, Fault, Faults, Fields, note_repeats
from delivery.core.model import Case, Document, Recipient
from delivery.core.recipients import MOST_RECIPIENTS, ScriptPolicy, read_recipient

TYPE = "songda.submission.v1"
MOST_DOCUMENTS = 100
LONGEST_EVENT_ID = 200
LONGEST_TITLE = 200
_SOURCE = re.compile(r"/courts/(?P<court>[A-Za-z0-9_-]{1,40})/(?P<client>[A-Za-z0-9_-]{1,60})", re.ASCII)
_ATTRIBUTE = re.compile(r"[a-z0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFacts:
    """What a look into a PDF found: `faults` are pairs of code and sentence; `size` in bytes."""

    pages: int
    size: int
    faults: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A filing without faults. `source` and `id` are its key; `time` is the event's own, where it has one.

    `content_hash` is over the data in canonical form, documents by digest: with the contents in it or apart, with its
    members in any order, it is the same filing.
    """

    source: str
    id: str
    time: datetime | None
    court: str
    client: str
    submission_id: str
    content_hash: str
    accepted: tuple[Accepted, ...]


def sender(event: Any) -> tuple[str, str] | None:
    """Court and client that a CloudEvent says it comes from; None where its source does not say so."""
    source = event.get("source") if isinstance(event, Mapping) else None
    found = _SOURCE.fullmatch(source) if isinstance(source, str) else None
    return (found["court"], found["client"]) if found else None


def enclosures(event: Any) -> dict[int, bytes]:
    """The contents that travel in the event, by their document's place in the list; unreadable ones are left out."""
    found: dict[int, bytes] = {}
    for index, document in enumerate(_documents(event)):
        content = document.get("content") if isinstance(document, Mapping) else None
        if isinstance(content, str):
            try:
                found[index] = base64.b64decode(content, validate=True)
            except (binascii.Error, ValueError):
                continue
    return found


def references(event: Any) -> set[str]:
    """The digests that the documents name, as far as they have the shape of one."""
    named = (document.get("sha256") for document in _documents(event) if isinstance(document, Mapping))
    return {digest for digest in named if isinstance(digest, str) and DIGEST.fullmatch(digest)}


def document_ids(event: Any) -> dict[str, int]:
    """The ids of the documents, each with its (first) place in the list."""
    places: dict[str, int] = {}
    for index, document in enumerate(_documents(event)):
        if isinstance(document, Mapping) and isinstance(document.get("id"), str):
            places.setdefault(document["id"], index)
    return places


def _documents(event: Any) -> list[Any]:
    data = event.get("data") if isinstance(event, Mapping) else None
    documents = data.get("documents") if isinstance(data, Mapping) else None
    return documents[:MOST_DOCUMENTS] if isinstance(documents, list) else []


def read_filing(
    event: Any,
    *,
    court: str,
    clients: Collection[str],
    enclosed: Mapping[int, str],
    findings: Mapping[str, DocumentFacts] | None,
    accepted_at: datetime,
    new_id: Callable[[], str],
    scripts: ScriptPolicy,
) -> Submission | Faults:
    """Read a decoded CloudEvent; `clients` are those of `court` that may file it.

    `enclosed`: the digest of what came with a document, by its place in the list; `findings`: what is known of contents
    by digest, whether they came along or were uploaded before. None asks for no contents at all (a dry run).
    """
    faults: list[Fault] = []
    if not isinstance(event, Mapping):
        return (Fault(pointer="", code="wrong_type", message="A submission should be a JSON object."),)
    envelope = Fields(event, "", faults)
    client = _read_source(envelope, court, clients)
    key = envelope.text("id", most=LONGEST_EVENT_ID) or ""
    data = envelope.object("data")
    time = _read_envelope(envelope)
    filed = _read_data(data, _Content(enclosed, findings), scripts) if data else None
    if faults or data is None or filed is None:
        return tuple(faults)
    submission_id = new_id()
    accepted = (
        Accepted(
            at=accepted_at,
            delivery=new_id(),
            court=court,
            client=client,
            submission=submission_id,
            case=filed.case,
            documents=filed.documents,
            recipient=recipient,
            needed_by=filed.needed_by,
        )
        for recipient in filed.recipients
    )
    return Submission(
        source=str(event["source"]),
        id=key,
        time=time,
        court=court,
        client=client,
        submission_id=submission_id,
        content_hash=_content_hash(data.value),
        accepted=tuple(accepted),
    )


def _read_source(envelope: Fields, court: str, clients: Collection[str]) -> str:
    """`/courts/<court>/<client id>`: the caller's own court, and a client of it that may file."""
    source = envelope.get("source")
    named = sender(envelope.value)
    if source is not None and (named is None or named[0] != court or named[1] not in clients):
        says = "The source should be /courts/<court>/<client id> of the case system that files."
        envelope.fault("source", "wrong_source", says)
    return named[1] if named else ""


def _read_envelope(envelope: Fields) -> datetime | None:
    """CloudEvents 1.0 §3.1; attributes that we do not know are extensions, and welcome under the names of §3.1."""
    envelope.word("specversion", ("1.0",))
    envelope.word("type", (TYPE,))
    envelope.word("datacontenttype", ("application/json",), "application/json")
    envelope.text("subject", most=200, required=False)
    envelope.text("dataschema", most=500, required=False)
    envelope.unknown(except_for=_ATTRIBUTE)
    return envelope.instant("time", required=False)


@dataclass(frozen=True, slots=True)
class _Data:
    case: Case
    documents: tuple[Document, ...]
    recipients: tuple[Recipient, ...]
    needed_by: datetime | None


def _read_data(data: Fields, content: _Content, scripts: ScriptPolicy) -> _Data:
    filed = _Data(
        case=_read_case(data),
        documents=_read_documents(data, content),
        recipients=_read_recipients(data, scripts),
        needed_by=data.instant("needed_by", required=False),
    )
    data.unknown()
    return filed


def _read_case(data: Fields) -> Case:
    given = data.object("case")
    if given is None:
        return Case(number="", kind="", procedure="", stage="")
    case = Case(
        number=_read_case_number(given),
        kind=given.word("kind", words.CASE_KINDS),
        procedure=given.word("procedure", words.PROCEDURES),
        stage=given.word("stage", words.STAGES),
        court=given.word("court", words.COURTS, "ordinary"),
    )
    given.unknown()
    return case


def _read_case_number(case: Fields) -> str:
    filed = case.text("number", most=100)
    number = numbers.normal_case_number(filed) if filed else ""
    if number is None:
        says = (
            "It should be a case number: year in brackets, court code, type, number and 号, as （2024）青2801民初123号."
        )
        case.fault("number", "not_a_case_number", says)
    return number or ""


def _read_recipients(data: Fields, scripts: ScriptPolicy) -> tuple[Recipient, ...]:
    parts = data.objects("recipients", least=1, most=MOST_RECIPIENTS)
    recipients = tuple(read_recipient(part, scripts) for part in parts)
    note_repeats(parts, [recipient.id for recipient in recipients])
    return recipients


# --- documents -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Content:
    """What is known of the contents: see read_filing."""

    enclosed: Mapping[int, str]
    findings: Mapping[str, DocumentFacts] | None


def _read_documents(data: Fields, content: _Content) -> tuple[Document, ...]:
    parts = data.objects("documents", least=1, most=MOST_DOCUMENTS)
    documents = tuple(_read_document(part, content) for part in parts)
    note_repeats(parts, [document.id for document in documents])
    return documents


def _read_document(fields: Fields, content: _Content) -> Document:
    says = "A digest should be SHA-256 as 64 lower-case hex digits."
    sha256 = fields.text("sha256", most=64, fits=DIGEST.fullmatch, says=says) or ""
    found = _read_content(fields, sha256, content)
    document = Document(
        id=fields.id(),
        type=fields.word("type", words.DOCUMENT_TYPES),
        title=fields.text("title", most=LONGEST_TITLE) or "",
        sha256=sha256,
        pages=found.pages,
        size=found.size,
        media_type=fields.word("media_type", ("application/pdf",)),
        hearing_at=fields.instant("hearing_at", required=False),
        issued_on=fields.day("issued_on"),
    )
    fields.unknown()
    return document


_NOTHING = DocumentFacts(pages=0, size=0)


def _read_content(fields: Fields, sha256: str, content: _Content) -> DocumentFacts:
    inside = fields.get("content", required=False)
    came = content.enclosed.get(int(fields.pointer.rsplit("/", 1)[1]))
    if inside is not None and came is None:
        fields.fault("content", "not_base64", "The content should be base64 (RFC 4648 §4), without line breaks.")
        return _NOTHING
    if inside == "":
        fields.fault("content", "empty", "The content should be a document: leave the field out to upload it apart.")
        return _NOTHING
    if content.findings is None:
        return _NOTHING
    if came and sha256 and came != sha256:
        fields.fault("sha256", "digest_mismatch", "The digest should be that of the content that came with it.")
    found = content.findings.get(came or sha256)
    if found is None and sha256:
        says = "The content should come with the submission, or be uploaded before under its digest."
        fields.fault("sha256", "not_uploaded", says)
    for code, message in found.faults if found else ():
        fields.fault("content", code, message)
    return found or _NOTHING


def _content_hash(data: Mapping[str, Any]) -> str:
    documents = [{name: value for name, value in each.items() if name != "content"} for each in data["documents"]]
    canonical = json.dumps({**data, "documents": documents}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
