"""Proof packs written by the tests' own hand, so that each of them can also be written wrong."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from lxml import etree

from signing import ledger, notes, proof, xades
from signing.evidence import Node, explanation_of, sealed_evidence
from tests.signing import naive
from tests.signing.test_evidence import EVENT, evidence
from tests.signing.test_proof import PLAIN
from tests.signing.verifying import sealing
from tests.signing.verifying.pki import AT, Clock, Sealer

ASIC = "http://uri.etsi.org/02918/v1.2.1#"
MANIFEST = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
MIMETYPE = "application/vnd.etsi.asic-e+zip"
SEAL = "META-INF/signatures0.xml"
MEDIA = {
    "pdf": "application/pdf",
    "xml": "application/xml",
    "json": "application/json",
    "tsr": "application/vnd.etsi.timestamp-token",
    "der": "application/pkix-cert",
    "crl": "application/pkix-crl",
    "asice": MIMETYPE,
}
Members = dict[str, bytes]


@dataclass
class Log:
    """A log with a key; entries of others among ours."""

    origin: str = "songda.example/demo"
    secret: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    entries: list[bytes] = field(default_factory=list)

    @property
    def key(self) -> notes.Key:
        return notes.Key(self.origin, notes.ED25519, self.secret.public_key().public_bytes_raw())

    def checkpoint(self, size: int | None = None) -> bytes:
        covered = self.entries[: len(self.entries) if size is None else size]
        said = notes.Checkpoint(self.origin, len(covered), naive.mth(covered)).text()
        return notes.sign_note(said, self.key, self.secret.sign)


@dataclass(frozen=True)
class Told:
    """The row of an event, its salt, and where it stands in the log."""

    index: int
    salt: bytes
    row: bytes


def delivered(log: Log, sealed: Mapping[str, bytes], *, name: str = "D1", at: datetime = AT) -> list[Told]:
    """Six events of a delivery in the log, others' entries before, between and behind."""
    digests = json.dumps({"sealed": {one: hashlib.sha256(content).hexdigest() for one, content in sealed.items()}})
    told = []
    for seq, kind in enumerate(("planned", "documents_sealed", "sent", "accepted", "arrived", "decided"), start=1):
        log.entries += [hashlib.sha256(f"{name} {seq} {n}".encode()).digest() for n in range(seq % 3)]
        micros = int((at + timedelta(minutes=seq)).timestamp() * 1_000_000)
        data = digests if kind == "documents_sealed" else "{}"
        row = ledger.canonical(delivery=name, seq=seq, recorded_at=micros, kind=kind, data=data)
        salt = hashlib.sha256(f"salt {name} {seq}".encode()).digest()[:16]
        told.append(Told(len(log.entries), salt, row))
        log.entries.append(ledger.entry(salt, row))
    log.entries += [hashlib.sha256(f"{name} after {n}".encode()).digest() for n in range(5)]
    return told


def events_json(log: Log, told: Iterable[Told]) -> bytes:
    listed = [
        {
            "index": one.index,
            "salt": one.salt.hex(),
            "entry": one.row.decode(),
            "proof": [each.hex() for each in naive.path(one.index, log.entries)],
        }
        for one in told
    ]
    return json.dumps(listed, ensure_ascii=False).encode()


def proof_with(evidence_xml: bytes, by: Sealer) -> bytes:
    return sealing.basic(by, proof.render_proof(PLAIN, evidence_xml))


@dataclass(frozen=True)
class Pack:
    """The data members of a pack (all but mimetype and META-INF), and the log behind them."""

    members: Members
    log: Log
    told: Sequence[Told]

    def sealed(self, by: Sealer, clock: Clock | None = None) -> bytes:
        return container(self.members, by, clock)


def honest(by: Sealer, clock: Clock, *, name: str = "D1", at: datetime = AT) -> Pack:
    documents = {"d1": sealing.basic(by), "d2": sealing.stamped(by, clock)}
    receipts = {"receipts/1.bin": b"id:1 sub:001 stat:DELIVRD err:000", "receipts/2.bin": name.encode() * 20}
    evidence_xml = sealed_evidence(told_in_evidence(documents, receipts, name=name, at=at), by.signer, at=at)
    log = Log()
    told = delivered(log, documents, name=name, at=at)
    checkpoint = log.checkpoint()
    token = clock.over(checkpoint, at + timedelta(hours=1))
    stamps = [{"file": "timestamps/1.tsr", "over": "ledger/checkpoint", "sha256": hashlib.sha256(token).hexdigest()}]
    members = {
        **{f"documents/{one}.pdf": content for one, content in documents.items()},
        "proof.pdf": proof_with(evidence_xml, by),
        "evidence.xml": evidence_xml,
        "explanation.json": json.dumps(explanation_of(evidence_xml)).encode(),
        "receipts/index.json": receipts_json(receipts, at),
        **receipts,
        "ledger/checkpoint": checkpoint,
        "ledger/key": f"{log.key}\n".encode(),
        "ledger/events.json": events_json(log, told),
        "timestamps/1.tsr": token,
        "timestamps/index.json": json.dumps(stamps).encode(),
        "certificates/1.der": by.chain[1],
        "certificates/2.der": clock.certificates[0],
        "revocation/1.crl": by.revocations(at=at),
    }
    return Pack(members, log, told)


def told_in_evidence(
    documents: Mapping[str, bytes], receipts: Mapping[str, bytes], *, name: str = "D1", at: datetime = AT
) -> Node:
    """Evidence that speaks of those documents, of one of the receipts, and of the arrival that `delivered` records."""
    arrived, raw = at + timedelta(minutes=5), hashlib.sha256(receipts["receipts/1.bin"]).hexdigest()
    cited = Node("Raw", (("id", "receipts/1.bin"), ("sha256", raw)))
    event = Node("Event", _with(EVENT, number="5", recordedAt=arrived.isoformat()), (*EVENT.children, cited))
    plain = evidence(event)
    (document,) = next(one for one in plain.children if one.name == "Documents").children
    listed = tuple(
        Node("Document", _with(document, id=one, sealedSha256=hashlib.sha256(content).hexdigest()), document.children)
        for one, content in documents.items()
    )
    other = {
        "Documents": Node("Documents", children=listed),
        "Delivery": Node("Delivery", (("id", name), ("submission", "S1"))),
    }
    return replace(plain, children=tuple(other.get(one.name, one) for one in plain.children))


def _with(node: Node, **changes: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((name, changes.get(name, value)) for name, value in node.attributes)


def receipts_json(receipts: Mapping[str, bytes], at: datetime = AT) -> bytes:
    listed = [
        {
            "id": name,
            "file": name,
            "channel": "sms",
            "received_at": at.isoformat(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "meta": {},
            "event": 5,
        }
        for name, content in receipts.items()
    ]
    return json.dumps(listed, ensure_ascii=False).encode()


# --- the container ----------------------------------------------------------------------------------------------------


def media_type(name: str) -> str:
    return MEDIA.get(name.rpartition(".")[2], "application/octet-stream")


def container(members: Members, by: Sealer, clock: Clock | None = None, *, at: datetime = AT) -> bytes:
    return zipped(whole(members, by, clock, at=at).items())


def whole(members: Members, by: Sealer, clock: Clock | None = None, *, at: datetime = AT) -> Members:
    """All members in order, with manifest and seal."""
    return {
        "mimetype": MIMETYPE.encode(),
        **members,
        "META-INF/manifest.xml": manifest(members),
        SEAL: seal_over(members, by, clock, at=at),
    }


def manifest(members: Iterable[str]) -> bytes:
    root = etree.Element(f"{{{MANIFEST}}}manifest", {f"{{{MANIFEST}}}version": "1.2"}, nsmap={"manifest": MANIFEST})
    for path, media in [("/", MIMETYPE), *((name, media_type(name)) for name in members)]:
        values = {f"{{{MANIFEST}}}full-path": path, f"{{{MANIFEST}}}media-type": media}
        etree.SubElement(root, f"{{{MANIFEST}}}file-entry", values)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def seal_over(members: Members, by: Sealer, clock: Clock | None = None, *, at: datetime = AT) -> bytes:
    files = [xades.DataFile(name, content, media_type(name)) for name, content in members.items()]
    signature = xades.detached(files, by.signer, at=at)
    root = etree.Element(f"{{{ASIC}}}XAdESSignatures", nsmap={"asic": ASIC})
    root.append(signature)
    if clock is not None:
        xades.add_timestamp(root[0], clock.token(xades.timestamp_imprint(root[0]), at))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def zipped(members: Iterable[tuple[str, bytes]], *, packed: bool = False) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, content in members:
            one = zipfile.ZipInfo(name)
            one.create_system, one.external_attr = 3, 0o644 << 16
            one.compress_type = zipfile.ZIP_DEFLATED if packed and name != "mimetype" else zipfile.ZIP_STORED
            archive.writestr(one, content)
    return output.getvalue()


def unzipped(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


def base64_of(content: bytes) -> bytes:
    return base64.b64encode(content)
