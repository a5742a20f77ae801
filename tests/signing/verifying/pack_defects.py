"""Packs with one defect each, beyond those of defects.py: names and places in the zip, XML that reads in two ways,
parts of several deliveries under one honest seal, and a ledger that is not the one that others hold.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signing import notes, xades
from signing.verify import Number
from tests.signing import naive
from tests.signing.verifying import national, packs
from tests.signing.verifying.defects import Defect, Scene, updated
from tests.signing.verifying.pki import AT

Make = Callable[[Scene], bytes]


# --- the zip ----------------------------------------------------------------------------------------------------------


def _with_member(name: str, content: bytes = b"id:9") -> Make:
    return lambda scene: packs.zipped([*packs.unzipped(scene.sealed_pack).items(), (name, content)])


def _with_mimetype(content: bytes) -> Make:
    return lambda scene: packs.zipped({**packs.unzipped(scene.sealed_pack), "mimetype": content}.items())


def _overlapping(scene: Scene) -> bytes:
    """One more entry of the directory, for bytes that another has already."""
    whole = scene.sealed_pack
    count, size, offset = struct.unpack("<H2I", whole[-12:-2])
    directory = whole[offset:-22]
    second = directory.index(b"PK\1\2", 4)
    name_size = struct.unpack("<H", directory[second + 28 : second + 30])[0]
    entry = directory[second : second + 46 + name_size]
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count + 1, count + 1, size + len(entry), offset, 0)
    return whole[:offset] + directory + entry + end


def _with_comment(scene: Scene) -> bytes:
    whole = scene.sealed_pack
    return whole[:-2] + struct.pack("<H", 4) + b"more"


def _flagged(scene: Scene) -> bytes:
    """The directory says that a member is encrypted."""
    whole = bytearray(scene.sealed_pack)
    offset = struct.unpack("<I", whole[-6:-2])[0]
    whole[offset + 8] |= 1
    return bytes(whole)


def _manifest_short(scene: Scene) -> bytes:
    members = packs.unzipped(scene.sealed_pack)
    data = [name for name in scene.pack.members if name != "receipts/1.bin"]
    return packs.zipped({**members, "META-INF/manifest.xml": packs.manifest(data)}.items())


def _manifest_of_other_types(scene: Scene) -> bytes:
    members = packs.unzipped(scene.sealed_pack)
    other = members["META-INF/manifest.xml"].replace(b"application/pdf", b"text/html")
    return packs.zipped({**members, "META-INF/manifest.xml": other}.items())


# --- XML --------------------------------------------------------------------------------------------------------------


def _changed_in(name: str, old: bytes, new: bytes) -> Make:
    """Somebody without a key who hopes that two readers see two things."""

    def make(scene: Scene) -> bytes:
        members = packs.unzipped(scene.sealed_pack)
        assert old in members[name]
        return packs.zipped({**members, name: members[name].replace(old, new, 1)}.items())

    return make


def _referring(uri: str) -> Make:
    """A stranger's seal whose reference points out of the pack."""

    def make(scene: Scene) -> bytes:
        members = packs.whole(scene.pack.members, scene.stranger)
        seal = members[packs.SEAL].replace(b'URI="receipts/1.bin"', f'URI="{uri}"'.encode())
        return packs.zipped({**members, packs.SEAL: seal}.items())

    return make


def _sealed_without(name: str) -> Make:
    """The court's own seal, over all but one of the members."""

    def make(scene: Scene) -> bytes:
        rest = {one: content for one, content in scene.pack.members.items() if one != name}
        members = packs.whole(scene.pack.members, scene.court, scene.authority)
        return packs.zipped({**members, packs.SEAL: packs.seal_over(rest, scene.court, scene.authority)}.items())

    return make


# --- parts of several deliveries, by the court's own hand -----------------------------------------------------------


def _resealed(scene: Scene, **changes: bytes) -> bytes:
    return packs.container({**scene.pack.members, **changes}, scene.court, scene.authority)


def _taken_from_another(*names: str) -> Make:
    def make(scene: Scene) -> bytes:
        other = packs.honest(scene.court, scene.authority, name="D2").members
        return _resealed(scene, **{name: other[name] for name in names})

    return make


def _receipt_exchanged(scene: Scene) -> bytes:
    """With an index that fits: only the evidence knows the words that it was built on."""
    receipts = {
        "receipts/1.bin": b"id:1 sub:001 stat:UNDELIV err:012",
        "receipts/2.bin": scene.pack.members["receipts/2.bin"],
    }
    return _resealed(scene, **receipts, **{"receipts/index.json": packs.receipts_json(receipts)})


def _explained_otherwise(scene: Scene) -> bytes:
    told = json.loads(scene.pack.members["explanation.json"])
    told["rulebook"]["version"] = "2099-1"
    return _resealed(scene, **{"explanation.json": json.dumps(told).encode()})


def _evidence_of_other_times(scene: Scene) -> bytes:
    documents = {
        name.removeprefix("documents/").removesuffix(".pdf"): content
        for name, content in scene.pack.members.items()
        if name.startswith("documents/")
    }
    node = packs.told_in_evidence(documents, scene.pack.members, at=AT.replace(hour=1))
    evidence = packs.sealed_evidence(node, scene.court.signer, at=AT)
    return _resealed(scene, **{"evidence.xml": evidence, "proof.pdf": packs.proof_with(evidence, scene.court)})


def _proof_revised(scene: Scene) -> bytes:
    """Other evidence is put into the proof after it was sealed."""
    node = packs.told_in_evidence({"d1": b"other"}, scene.pack.members, name="D9")
    evidence = packs.sealed_evidence(node, scene.court.signer, at=AT)

    def change(writer: IncrementalPdfFileWriter) -> None:
        (_, file) = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
        file.get_object()["/EF"][generic.pdf_name("/F")] = writer.add_object(generic.StreamObject(stream_data=evidence))
        writer.update_container(file.get_object())

    return _resealed(scene, **{"evidence.xml": evidence, "proof.pdf": updated(scene.pack.members["proof.pdf"], change)})


# --- the ledger -------------------------------------------------------------------------------------------------------


def _events(change: Callable[[list[dict[str, object]]], object]) -> Make:
    def make(scene: Scene) -> bytes:
        listed = json.loads(scene.pack.members["ledger/events.json"])
        change(listed)
        return _resealed(scene, **{"ledger/events.json": json.dumps(listed, ensure_ascii=False).encode()})

    return make


def _of_another_leaf(listed: list[dict[str, object]]) -> None:
    listed[3]["index"], listed[3]["proof"] = listed[4]["index"], listed[4]["proof"]


def _told_twice(listed: list[dict[str, object]]) -> None:
    listed.insert(3, listed[2])


def _with_checkpoint(text: Callable[[Scene], str]) -> Make:
    """Signed by the log's key, whatever it says."""

    def make(scene: Scene) -> bytes:
        log = scene.pack.log
        return _resealed(scene, **{"ledger/checkpoint": notes.sign_note(text(scene), log.key, log.secret.sign)})

    return make


def _empty(scene: Scene) -> str:
    return notes.Checkpoint(scene.pack.log.origin, 0, naive.mth([])).text()


def _of_another_origin(scene: Scene) -> str:
    entries = scene.pack.log.entries
    return notes.Checkpoint("songda.example/other", len(entries), naive.mth(entries)).text()


def _held(origin: str | None = None, *, more: int = 0, own_key: bool = False) -> Make:
    """What the others hold: another log of whatever name."""

    def make(scene: Scene) -> bytes:
        mine = scene.pack.log
        entries = [*mine.entries, *([b"z" * 32] * more)]
        log = packs.Log(origin or mine.origin, entries=entries)
        return (log if own_key else replace(log, secret=mine.secret)).checkpoint()

    return make


def _unindexed(scene: Scene) -> bytes:
    token = scene.authority.over(b"something else")
    return _resealed(scene, **{"timestamps/2.tsr": token})


def _of_another_identifier(scene: Scene) -> bytes:
    """A second seal by the right key for somebody called otherwise (GM/T 0009 §10)."""
    members = national.sealed_twice(scene.pack, national.ours())
    members["seals/proof.pdf.sm2"] = national.signed_as(b"ALICE123@YAHOO.COM", members["proof.pdf"])
    return packs.container(members, scene.court, scene.authority)


def _whole(scene: Scene) -> bytes:
    return scene.sealed_pack


FORM, SIGNATURE, CONTENTS = Number.FORM, Number.SIGNATURE, Number.CONTENTS
LEDGER, CHECKPOINT, TIME, TRUST = Number.LEDGER, Number.CHECKPOINT, Number.TIME, Number.TRUST
EVIDENCE, EVENTS, OURS = "evidence.xml", "ledger/events.json", xades.SHA256.encode()

PACKS: dict[str, Defect] = {
    # the zip
    "name-in-capitals": Defect(_with_member("Receipts/1.bin"), CONTENTS, "Receipts/1.bin"),
    "name-beyond-ascii": Defect(_with_member("receipts/e\u0301.bin"), FORM),
    "name-that-climbs": Defect(_with_member("../receipts/1.bin"), FORM),
    "name-from-the-root": Defect(_with_member("/receipts/1.bin"), FORM),
    "name-with-a-backslash": Defect(_with_member("receipts\\1.bin"), FORM),
    "folder-as-a-member": Defect(_with_member("receipts/", b""), FORM),
    "entries-that-overlap": Defect(_overlapping, FORM),
    "comment-of-the-zip": Defect(_with_comment, FORM),
    "member-said-to-be-encrypted": Defect(_flagged, FORM),
    "mimetype-of-another-kind": Defect(_with_mimetype(b"application/vnd.etsi.asic-s+zip"), FORM, "mimetype"),
    "mimetype-with-a-line-end": Defect(_with_mimetype(b"application/vnd.etsi.asic-e+zip\n"), FORM, "mimetype"),
    "manifest-leaves-out": Defect(_manifest_short, FORM, "META-INF/manifest.xml"),
    "manifest-of-other-types": Defect(_manifest_of_other_types, FORM, "META-INF/manifest.xml"),
    # XML
    "comment-in-the-evidence": Defect(_changed_in(EVIDENCE, b"OLR 31", b"OLR<!-- --> 31"), SIGNATURE, EVIDENCE),
    "entity-in-the-evidence": Defect(
        _changed_in(EVIDENCE, b"<Evidence", b'<!DOCTYPE Evidence [<!ENTITY x "y">]><Evidence'), SIGNATURE, EVIDENCE
    ),
    "name-space-in-the-evidence": Defect(
        _changed_in(EVIDENCE, b"<Evidence", b'<Evidence xmlns:x="urn:x"'), CONTENTS, EVIDENCE
    ),
    "other-transform": Defect(_changed_in(EVIDENCE, b"#enveloped-signature", b"#base64"), SIGNATURE, EVIDENCE),
    "transform-by-xpath": Defect(
        _changed_in(
            EVIDENCE,
            b"http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            b"http://www.w3.org/TR/1999/REC-xpath-19991116",
        ),
        SIGNATURE,
        EVIDENCE,
    ),
    "canonical-with-comments": Defect(
        _changed_in(packs.SEAL, b"xml-exc-c14n#", b"xml-exc-c14n#WithComments"), SIGNATURE, packs.SEAL
    ),
    "digests-by-sha-1": Defect(
        _changed_in(packs.SEAL, OURS, b"http://www.w3.org/2000/09/xmldsig#sha1"), SIGNATURE, packs.SEAL
    ),
    "signature-method-none": Defect(_changed_in(packs.SEAL, b"#ecdsa-sha256", b"#none"), SIGNATURE, packs.SEAL),
    "signature-by-a-shared-secret": Defect(
        _changed_in(packs.SEAL, b"#ecdsa-sha256", b"#hmac-sha256"), SIGNATURE, packs.SEAL
    ),
    "second-id": Defect(_changed_in(packs.SEAL, b"<ds:KeyInfo>", b'<ds:KeyInfo Id="r1">'), SIGNATURE, packs.SEAL),
    "reference-to-elsewhere": Defect(_referring("https://court.example/receipt"), CONTENTS, "receipts/1.bin"),
    "reference-out-of-the-pack": Defect(_referring("../receipts/1.bin"), CONTENTS, "receipts/1.bin"),
    "explanation-not-covered": Defect(_sealed_without("explanation.json"), CONTENTS, "explanation.json"),
    "ledger-not-covered": Defect(_sealed_without("ledger/checkpoint"), CONTENTS, "ledger/checkpoint"),
    # several deliveries
    "evidence-and-proof-of-another-delivery": Defect(
        _taken_from_another(EVIDENCE, "proof.pdf", "explanation.json"), CONTENTS, EVIDENCE, "another delivery"
    ),
    "proof-of-another-delivery": Defect(_taken_from_another("proof.pdf"), CONTENTS, EVIDENCE),
    "receipt-exchanged": Defect(_receipt_exchanged, CONTENTS, "receipts", "cites"),
    "explained-otherwise": Defect(_explained_otherwise, CONTENTS, "explanation.json"),
    "evidence-of-other-times": Defect(_evidence_of_other_times, CONTENTS, EVIDENCE, "times"),
    "evidence-put-in-later": Defect(_proof_revised, Number.BYTES, "proof.pdf"),
    # the ledger
    "inclusion-of-another-leaf": Defect(_events(_of_another_leaf), LEDGER, EVENTS),
    "event-told-twice": Defect(_events(_told_twice), LEDGER, EVENTS),
    "checkpoint-of-an-empty-log": Defect(_with_checkpoint(_empty), LEDGER, EVENTS),
    "checkpoint-of-another-origin": Defect(_with_checkpoint(_of_another_origin), CHECKPOINT, "ledger/checkpoint"),
    "log-of-another-name": Defect(_whole, CHECKPOINT, "ledger/checkpoint", "another log", _held("songda.example/x")),
    "log-of-another-key": Defect(_whole, CHECKPOINT, "ledger/checkpoint", "another key", _held(more=2, own_key=True)),
    "timestamp-in-no-index": Defect(_unindexed, TIME, "timestamps/2.tsr"),
    "second-seal-for-another-name": Defect(_of_another_identifier, Number.NATIONAL, "seals/proof.pdf.sm2"),
}
