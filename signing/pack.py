"""The proof pack: one ASiC-E container (ETSI EN 319 162-1) with all that is needed to check a delivery, years later.

::

    mimetype · META-INF/manifest.xml · META-INF/signatures0.xml     the court's XAdES seal over every file below
    documents/<id>.pdf                          the sealed documents, byte for byte as sent
    proof.pdf · evidence.xml                    the sealed proof; the sealed evidence, which also lies inside the proof
    explanation.json                            effect per document, why, and the rulebook with its digests
    receipts/index.json · receipts/<n>.bin      what providers said, as it came in
    ledger/checkpoint · ledger/key · ledger/events.json     every event of the delivery, and that the log has it
    timestamps/index.json · timestamps/<n>.tsr  RFC 3161 tokens (DER), and over what each is
    certificates/<n>.der · revocation/<n>.crl · revocation/<n>.ocsp     by which the seals are judged
    seals/<member>.sm2                          the national seal of a member, where there is one
    former.asice                                the pack of the proof that this one replaces, where that was renewed
    META-INF/ASiCArchiveManifest*.xml · META-INF/timestamp*.tst    archive timestamps (signing.renewal)

Nothing in it depends on the clock or on chance, except the signing time and the signature value. The timestamp on that
value comes from outside, when there is one: `seal_imprint`, `with_seal_timestamp`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from signing import xades
from signing.errors import SigningError
from signing.evidence import explanation_of
from signing.signer import Signer
from signing.xades import DataFile

MIMETYPE = "application/vnd.etsi.asic-e+zip"
ASIC = "http://uri.etsi.org/02918/v1.2.1#"
MANIFEST = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
SIGNATURES = "META-INF/signatures0.xml"
PROOF = "proof.pdf"
FORMER = "former.asice"
NATIONAL_CERTIFICATE = "certificates/sm2.der"
ARCHIVE = "META-INF/ASiCArchiveManifest"
"""How the names of archive manifests begin."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every member: the earliest that zip can tell. The times that count are inside."""

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
_DOCUMENT = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)


@dataclass(frozen=True)
class RawMessage:
    """One message of a provider as it came in. `event`: the number in the history of the event that it became."""

    id: str
    channel: str
    received_at: datetime
    body: bytes
    meta: Mapping[str, str]
    event: int | None = None


@dataclass(frozen=True)
class LedgerEvent:
    """One event as a leaf: its index in the log, its salt (16 bytes), its canonical JSON, the proof up to the root."""

    index: int
    salt: bytes
    entry: str
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class LedgerPart:
    """`checkpoint`: the signed note with its cosignatures. `key`: the vkey line, which proves nothing by itself."""

    checkpoint: bytes
    key: str
    events: tuple[LedgerEvent, ...]


@dataclass(frozen=True)
class Stamp:
    """A TimeStampToken (DER) over the member of that name."""

    over: str
    token: bytes


@dataclass(frozen=True)
class NationalSeals:
    """`certificate` of the SM2 key (DER); member name and signature (DER); the SES_Signature over the proof (DER)."""

    certificate: bytes
    sm2: tuple[tuple[str, bytes], ...]
    ses: bytes


@dataclass(frozen=True)
class PackContent:
    """What goes in. `documents`: id and sealed bytes. `national`: second seals over `pdfs(content)`. `former`: the
    renewed pack of an earlier proof, with its archive timestamps.

    The certificates of whoever seals the pack come by themselves; `certificates` are those of older seals.
    """

    documents: tuple[tuple[str, bytes], ...]
    proof: bytes
    evidence: bytes
    receipts: tuple[RawMessage, ...] = ()
    ledger: LedgerPart | None = None
    timestamps: tuple[Stamp, ...] = ()
    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    national: NationalSeals | None = None
    former: bytes | None = None


def sealed_pack(content: PackContent, signer: Signer, *, at: datetime) -> bytes:
    """The container, sealed at `at` (aware).

    Raises ValueError for a document id that cannot name a file and for evidence that is none, SigningError when the
    key cannot be used.
    """
    files = [*covered(content, signer.chain)]
    signatures = etree.Element(f"{{{ASIC}}}XAdESSignatures", nsmap={"asic": ASIC})
    signatures.append(xades.detached(files, signer, at=at))
    return zipped(
        [
            ("mimetype", MIMETYPE.encode()),
            ("META-INF/manifest.xml", _manifest(files)),
            *((one.name, one.content) for one in files),
            (SIGNATURES, _written(signatures)),
        ]
    )


def seal_imprint(container: bytes) -> bytes | None:
    """What a timestamp on the container's seal has to be over (SHA-256); None where there is one already, and where an
    archive timestamp covers the seal, which may not change any more. Raises SigningError for what is no pack.
    """
    members = opened(container)
    (signature,) = etree.fromstring(members[SIGNATURES], _PARSER)
    stamped = signature.find(".//{*}SignatureTimeStamp") is not None
    return None if stamped or any(name.startswith(ARCHIVE) for name in members) else xades.timestamp_imprint(signature)


def with_seal_timestamp(container: bytes, token: bytes) -> bytes:
    """The container with the token (DER, judged by the caller) in its seal: XAdES B-T. Equal tokens, equal bytes.

    Raises SigningError for what is no pack, or none that wants a token.
    """
    if seal_imprint(container) is None:
        raise SigningError("the seal of this pack carries a timestamp already")
    members = opened(container)
    signatures = etree.fromstring(members[SIGNATURES], _PARSER)
    xades.add_timestamp(signatures[0], token)
    return zipped([*(members | {SIGNATURES: _written(signatures)}).items()])


def opened(container: bytes) -> dict[str, bytes]:
    """The members in their order. Raises SigningError for what is no pack."""
    try:
        with zipfile.ZipFile(io.BytesIO(container)) as archive:
            found = {one.filename: archive.read(one) for one in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise SigningError("this is no proof pack") from error
    if SIGNATURES not in found:
        raise SigningError("this is no proof pack")
    return found


def pdfs(content: PackContent) -> Iterator[DataFile]:
    """Sealed documents and proof under their names in the pack. Raises ValueError for an id that can name no file."""
    for document, sealed in content.documents:
        if not _DOCUMENT.fullmatch(document):
            raise ValueError("a document's id should be letters, digits, - and _")
        yield DataFile(f"documents/{document}.pdf", sealed, "application/pdf")
    yield DataFile(PROOF, content.proof, "application/pdf")


def covered(content: PackContent, chain: Sequence[bytes] = ()) -> Iterator[DataFile]:
    """All that the seal is to cover, with the certificates of who seals. Raises ValueError as `sealed_pack`."""
    yield from pdfs(content)
    yield DataFile("evidence.xml", content.evidence, "application/xml")
    yield _json("explanation.json", explanation_of(content.evidence))
    yield from _receipts(content.receipts)
    if content.ledger:
        yield from _ledger(content.ledger)
    yield from _timestamps(content.timestamps)
    yield from _numbered("certificates", "der", "application/pkix-cert", dict.fromkeys([*chain, *content.certificates]))
    yield from _numbered("revocation", "crl", "application/pkix-crl", content.crls)
    yield from _numbered("revocation", "ocsp", "application/ocsp-response", content.ocsps)
    if content.national:
        yield from _national(content.national)
    if content.former is not None:
        yield DataFile(FORMER, content.former, MIMETYPE)


def _national(seals: NationalSeals) -> Iterator[DataFile]:
    yield DataFile(NATIONAL_CERTIFICATE, seals.certificate, "application/pkix-cert")
    for member, seal in seals.sm2:
        yield DataFile(f"seals/{member}.sm2", seal, "application/octet-stream")
    yield DataFile(f"seals/{PROOF}.ses", seals.ses, "application/octet-stream")


def _receipts(receipts: Sequence[RawMessage]) -> Iterator[DataFile]:
    index = [
        {
            "file": f"receipts/{number}.bin",
            "id": one.id,
            "channel": one.channel,
            "received_at": one.received_at.isoformat(),
            "sha256": _sha256(one.body),
            "meta": dict(one.meta),
            "event": one.event,
        }
        for number, one in enumerate(receipts, 1)
    ]
    yield _json("receipts/index.json", index)
    yield from _numbered("receipts", "bin", "application/octet-stream", (one.body for one in receipts))


def _ledger(ledger: LedgerPart) -> Iterator[DataFile]:
    events = [
        {
            "index": one.index,
            "salt": one.salt.hex(),
            "entry": one.entry,
            "proof": [node.hex() for node in one.proof],
        }
        for one in ledger.events
    ]
    yield DataFile("ledger/checkpoint", ledger.checkpoint, "text/plain")
    yield DataFile("ledger/key", f"{ledger.key}\n".encode(), "text/plain")
    yield _json("ledger/events.json", events)


def _timestamps(stamps: Sequence[Stamp]) -> Iterator[DataFile]:
    if not stamps:
        return
    index = [
        {"file": f"timestamps/{number}.tsr", "over": one.over, "sha256": _sha256(one.token)}
        for number, one in enumerate(stamps, 1)
    ]
    yield _json("timestamps/index.json", index)
    yield from _numbered("timestamps", "tsr", "application/vnd.etsi.timestamp-token", (one.token for one in stamps))


def _numbered(folder: str, ending: str, media_type: str, contents: Iterable[bytes]) -> Iterator[DataFile]:
    for number, content in enumerate(contents, 1):
        yield DataFile(f"{folder}/{number}.{ending}", content, media_type)


def _json(name: str, value: object) -> DataFile:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)
    return DataFile(name, f"{text}\n".encode(), "application/json")


def _manifest(files: Sequence[DataFile]) -> bytes:
    """As OpenDocument 1.2 part 3 §3.2 has it, which EN 319 162-1 §4.4.3.2 takes over."""
    root = etree.Element(f"{{{MANIFEST}}}manifest", {f"{{{MANIFEST}}}version": "1.2"}, nsmap={"manifest": MANIFEST})
    for name, media_type in (("/", MIMETYPE), *((one.name, one.media_type) for one in files)):
        attributes = {f"{{{MANIFEST}}}full-path": name, f"{{{MANIFEST}}}media-type": media_type}
        etree.SubElement(root, f"{{{MANIFEST}}}file-entry", attributes)
    return _written(root)


def _written(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def zipped(members: Sequence[tuple[str, bytes]]) -> bytes:
    """The container of these members, in their order. Stored, not packed: what is large is packed already, and equal
    parts give equal bytes whatever zlib is used.
    """
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as container:
        for name, content in members:
            member = zipfile.ZipInfo(name, EPOCH)
            member.create_system, member.external_attr = 3, 0o644 << 16
            container.writestr(member, content)
    return output.getvalue()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
