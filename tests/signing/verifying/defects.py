"""Files with one defect each, by name: what somebody would send who wants a court to believe something else.

Each maker is given the court, a stranger of the same name, and an authority of time. The table says which step has to
fail, and where.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from warnings import catch_warnings

import pikepdf
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree
from pikepdf import Array, Dictionary, Name
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signing.verify import Number
from tests.signing import documents
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.pki import AT, Clock, Sealer, sealer


@dataclass(frozen=True)
class Scene:
    """Who takes part. `pack` is honest."""

    court: Sealer
    stranger: Sealer
    authority: Clock
    pack: packs.Pack

    @property
    def trust(self) -> list[bytes]:
        return [self.court.root_pem, self.authority.root_pem]

    @property
    def sealed_pack(self) -> bytes:
        return self.pack.sealed(self.court, self.authority)


@dataclass(frozen=True)
class Defect:
    """`says`: a word that the report must have; `checkpoint`: what the others hold of the log."""

    make: Callable[[Scene], bytes]
    step: Number
    part: str = ""
    says: str = ""
    checkpoint: Callable[[Scene], bytes] | None = None


# --- later revisions --------------------------------------------------------------------------------------------------


def updated(content: bytes, change: Callable[[IncrementalPdfFileWriter], object]) -> bytes:
    """An incremental update, by pyHanko."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content), strict=False)
    change(writer)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def _page(writer: IncrementalPdfFileWriter) -> generic.IndirectObject:
    found: generic.IndirectObject = writer.find_page_for_modification(0)[0]
    return found


def _drawn(writer: IncrementalPdfFileWriter, **more: object) -> generic.IndirectObject:
    """A white box over the page with other words on it."""
    content = b"1 1 1 rg 0 0 595 842 re f 0 g BT /F1 20 Tf 60 700 Td (The claim is dismissed.) Tj ET"
    box = generic.ArrayObject([generic.NumberObject(one) for one in (0, 0, 595, 842)])
    form = generic.StreamObject(
        {pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form"), pdf_name("/BBox"): box},
        stream_data=content,
    )
    return writer.add_object(form)


def annotated(content: bytes) -> bytes:
    def change(writer: IncrementalPdfFileWriter) -> None:
        appearance = generic.DictionaryObject({pdf_name("/N"): _drawn(writer)})
        box = generic.ArrayObject([generic.NumberObject(one) for one in (0, 0, 595, 842)])
        stamp = {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Stamp"),
            pdf_name("/Rect"): box,
            pdf_name("/AP"): appearance,
        }
        writer.register_annotation(_page(writer), writer.add_object(generic.DictionaryObject(stamp)))

    return updated(content, change)


def with_form(content: bytes) -> bytes:
    """A letter with a text field in it."""

    def change(document: pikepdf.Pdf) -> None:
        field = document.make_indirect(
            Dictionary(
                Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T="sum", V="100", Rect=Array([60, 60, 300, 90])
            )
        )
        document.pages[0].Annots = Array([field])
        document.Root.AcroForm = Dictionary(Fields=Array([field]))

    return documents.pikepdf_changed(change, content)


def filled(content: bytes) -> bytes:
    def change(writer: IncrementalPdfFileWriter) -> None:
        for reference in writer.root["/AcroForm"]["/Fields"]:
            field = reference.get_object()
            if field.get("/T") == "sum":
                field["/V"] = generic.pdf_string("1000000")
                field["/AP"] = generic.DictionaryObject({pdf_name("/N"): _drawn(writer)})
                writer.update_container(field)

    return updated(content, change)


def contents_replaced(content: bytes) -> bytes:
    """The page says something else now."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        page = _page(writer).get_object()
        words = generic.StreamObject(stream_data=b"BT /F1 20 Tf 60 700 Td (The claim is dismissed.) Tj ET")
        page["/Contents"] = writer.add_object(words)
        writer.update_container(page)

    return updated(content, change)


def _with_cover(content: bytes) -> bytes:
    """Prepared before the sealing: an image over the words, which a later update only has to take away."""

    def change(document: pikepdf.Pdf) -> None:
        cover = document.make_stream(b"1 1 1 rg 0 0 595 842 re f 0 g")
        cover.Type, cover.Subtype, cover.BBox = Name.XObject, Name.Form, Array([0, 0, 595, 842])
        page = document.pages[0]
        page.Resources.XObject = Dictionary(Cover=cover)
        page.contents_add(document.make_stream(b"q /Cover Do Q"))

    return documents.pikepdf_changed(change, content)


def hidden_shown(content: bytes) -> bytes:
    """Shadow attack, hide: the sealed page showed a cover; afterwards the cover is freed."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        cover = writer.root["/Pages"]["/Kids"][0]["/Resources"]["/XObject"].raw_get("/Cover").get_object()
        cover._data = cover._encoded_data = b" "
        writer.update_container(cover)

    return updated(content, change)


def appended_object(content: bytes, number: int, body: bytes, *, size: int) -> bytes:
    """One object more, or the same number again, by an update of our own hand."""
    at = len(content) + 1
    previous = int(content.rsplit(b"startxref", 1)[1].split()[0])
    with pikepdf.open(io.BytesIO(content)) as document:
        root = document.Root.objgen[0]
    update = b"\n%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    return content + update + table % (number, at, size, root, previous, len(content) + len(update))


def _font_replaced(content: bytes) -> bytes:
    """Shadow attack, replace: a font whose letters look like others."""
    with pikepdf.open(io.BytesIO(content)) as document:
        font = next(iter(document.pages[0].Resources.Font.as_dict().values()))
        number, size = font.objgen[0], int(document.trailer.Size)
    return appended_object(content, number, b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>", size=size)


def _catalogue_replaced(content: bytes) -> bytes:
    """Shadow attack, hide and replace: a second tree of pages lay ready, and the catalogue turns to it."""
    with pikepdf.open(io.BytesIO(content)) as document:
        root, size = document.Root, int(document.trailer.Size)
        kids = b"".join(b"%d 0 R " % page.obj.objgen[0] for page in reversed(document.pages))
        form = b"/AcroForm %d 0 R" % root.AcroForm.objgen[0] if root.AcroForm.is_indirect else b""
        number = root.objgen[0]
    body = b"<</Type/Catalog/Pages<</Type/Pages/Kids[%s]/Count 2>>%s>>" % (kids, form)
    return appended_object(content, number, body, size=size)


def empty_update(content: bytes) -> bytes:
    return content + b"\n%% nothing\nstartxref\n%d\n%%%%EOF\n" % int(content.rsplit(b"startxref", 1)[1].split()[0])


# --- weak or ended ----------------------------------------------------------------------------------------------------


def _md5(scene: Scene) -> bytes:
    key = rsa.generate_private_key(65537, 2048)  # ECDSA over MD5 has no name
    return sealing.foreign(sealer("示例市滨江区人民法院", key=key), sealing.letter(), "A", digest="md5")


def _weak_key(scene: Scene) -> bytes:
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 — weak on purpose
    return sealing.foreign(sealer("示例市滨江区人民法院", key=key), sealing.letter(), "A")


# --- packs ------------------------------------------------------------------------------------------------------------


def _members(scene: Scene) -> packs.Members:
    return packs.unzipped(scene.sealed_pack)


def _resealed(scene: Scene, by: Sealer, **changes: bytes) -> bytes:
    return packs.container({**scene.pack.members, **changes}, by, scene.authority)


def mixed(scene: Scene) -> bytes:
    """The receipts of another delivery's honest pack."""
    other = packs.unzipped(packs.honest(scene.court, scene.authority, name="D2").sealed(scene.court, scene.authority))
    return packs.zipped({**_members(scene), "receipts/2.bin": other["receipts/2.bin"]}.items())


def mixed_documents(scene: Scene) -> bytes:
    """By the court's own hand, so that every seal is right: a document that the ledger does not name."""
    return _resealed(scene, scene.court, **{"documents/d1.pdf": sealing.basic(scene.court, documents.typst_chinese())})


def mixed_evidence(scene: Scene) -> bytes:
    other = packs.honest(scene.court, scene.authority, at=AT + timedelta(minutes=1))
    return _resealed(scene, scene.court, **{"evidence.xml": other.members["evidence.xml"]})


def mixed_events(scene: Scene) -> bytes:
    other = packs.honest(scene.court, scene.authority, name="D2")
    logged = {name: content for name, content in other.members.items() if name.startswith("ledger/")}
    listed = json.loads(scene.pack.members["ledger/events.json"])
    theirs = json.loads(logged["ledger/events.json"])
    logged["ledger/events.json"] = json.dumps([*theirs[:3], *listed[3:]]).encode()
    return _resealed(scene, scene.court, **logged)


def _events(change: Callable[[list[dict[str, object]]], object]) -> Callable[[Scene], bytes]:
    def make(scene: Scene) -> bytes:
        listed = json.loads(scene.pack.members["ledger/events.json"])
        changed = change(listed)
        content = json.dumps(listed if changed is None else changed, ensure_ascii=False).encode()
        return _resealed(scene, scene.court, **{"ledger/events.json": content})

    return make


def _event_backdated(listed: list[dict[str, object]]) -> None:
    row = json.loads(str(listed[4]["entry"]))
    row["recorded_at"] -= 86_400_000_000
    listed[4]["entry"] = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def forked_checkpoint(scene: Scene) -> bytes:
    """What the others hold: the same log's key over another entry."""
    log = packs.Log(scene.pack.log.origin, scene.pack.log.secret, [b"x" * 32, *scene.pack.log.entries[1:]])
    return log.checkpoint()


def _checkpoint_of_another_key(scene: Scene) -> bytes:
    log = packs.Log(scene.pack.log.origin, entries=scene.pack.log.entries)
    return _resealed(scene, scene.court, **{"ledger/checkpoint": log.checkpoint()})


def _token_backdated(scene: Scene) -> bytes:
    token = scene.authority.over(scene.pack.members["ledger/checkpoint"], AT - timedelta(days=1))
    return _resealed(scene, scene.court, **{"timestamps/1.tsr": token})


def _token_of_another(scene: Scene) -> bytes:
    return _resealed(scene, scene.court, **{"timestamps/1.tsr": scene.authority.over(b"something else")})


def wrapped(scene: Scene) -> bytes:
    """XML signature wrapping: the honest seal moves into an Object of a seal over other members."""
    members = _members(scene)
    honest = etree.fromstring(members[packs.SEAL])
    forged = {**scene.pack.members, "receipts/1.bin": b"id:1 stat:UNDELIV"}
    seal = etree.fromstring(packs.seal_over(forged, scene.stranger))
    holder = etree.SubElement(seal[0], "{http://www.w3.org/2000/09/xmldsig#}Object")
    holder.append(honest[0])
    whole = packs.whole(forged, scene.stranger)
    whole[packs.SEAL] = etree.tostring(seal, xml_declaration=True, encoding="UTF-8")
    return packs.zipped(whole.items())


def second_seal(scene: Scene) -> bytes:
    """The stranger's seal first, the court's, over other bytes, behind it."""
    forged = {**scene.pack.members, "receipts/1.bin": b"id:1 stat:UNDELIV"}
    seal = etree.fromstring(packs.seal_over(forged, scene.stranger))
    seal.append(etree.fromstring(_members(scene)[packs.SEAL])[0])
    whole = packs.whole(forged, scene.stranger)
    whole[packs.SEAL] = etree.tostring(seal, xml_declaration=True, encoding="UTF-8")
    return packs.zipped(whole.items())


def evidence_wrapped(scene: Scene) -> bytes:
    """The sealed evidence inside a new root with other words before it."""
    honest = etree.fromstring(scene.pack.members["evidence.xml"])
    root = etree.Element(honest.tag)
    etree.SubElement(root, f"{{{etree.QName(honest).namespace}}}Effects").text = "not served"
    root.append(honest)
    content = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return packs.zipped({**_members(scene), "evidence.xml": content}.items())


def duplicate_name(scene: Scene) -> bytes:
    with catch_warnings(action="ignore"):
        return packs.zipped([*_members(scene).items(), ("receipts/9.bin", b"other"), ("receipts/9.bin", b"more")])


def duplicate_hidden(scene: Scene) -> bytes:
    """Two local headers for one member, one of them in no directory."""
    whole = scene.sealed_pack
    extra = packs.zipped([("receipts/1.bin", b"other")])
    local = extra[: extra.index(b"PK\1\2")]
    directory = struct.unpack("<I", whole[-6:-2])[0]
    grown = whole[:directory] + local + whole[directory:]
    return grown[:-6] + struct.pack("<I", directory + len(local)) + grown[-2:]


def bomb(scene: Scene) -> bytes:
    members = {**_members(scene), "receipts/9.bin": bytes(64 * 1024 * 1024)}
    return packs.zipped(members.items(), packed=True)


def reordered(scene: Scene) -> bytes:
    members = list(_members(scene).items())
    return packs.zipped([members[1], members[0], *members[2:]])


def more_in_meta(scene: Scene) -> bytes:
    return packs.zipped({**_members(scene), "META-INF/signatures1.xml": b"<a/>"}.items())


def uncovered(scene: Scene) -> bytes:
    return packs.zipped({**_members(scene), "receipts/9.bin": b"id:9"}.items())


def left_out(scene: Scene) -> bytes:
    return packs.zipped([(name, one) for name, one in _members(scene).items() if name != "receipts/1.bin"])


# --- PDFs made to exhaust ---------------------------------------------------------------------------------------------


def xref_loop(size: int) -> bytes:
    """Cross-reference sections that point at one another, in a circle."""
    head = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n"
    one = len(head)
    first = b"xref\n0 1\n0000000000 65535 f \ntrailer<</Size 2/Root 1 0 R/Prev %010d>>\n"
    length = len(first % 0)
    body = b"".join(first % (one + length * ((number + 1) % size)) for number in range(size))
    return head + body + b"startxref\n%d\n%%%%EOF\n" % one


def many_seals() -> bytes:
    fields = b" ".join(b"%d 0 R" % number for number in range(4, 5004))
    body = b"%PDF-1.4\n1 0 obj<</Type/Catalog/AcroForm<</Fields[" + fields + b"]>>>>endobj\n"
    body += b"3 0 obj<</Type/Sig/Filter/Adobe.PPKLite/Contents<00>/ByteRange[0 1 2 3]>>endobj\n"
    for number in range(4, 5004):
        body += b"%d 0 obj<</FT/Sig/T(%d)/V 3 0 R>>endobj\n" % (number, number)
    return body + b"trailer<</Size 5004/Root 1 0 R>>\nstartxref\n0\n%%EOF\n"


def _later(change: Callable[[bytes], bytes]) -> Callable[[Scene], bytes]:
    return lambda scene: change(sealing.basic(scene.court))


def _strangers_cover(scene: Scene) -> bytes:
    return sealing.foreign(scene.stranger, sealing.basic(scene.court), "Late", box=(0, 0, 595, 842))


BYTES, FORM, SIGNATURE, TRUST = Number.BYTES, Number.FORM, Number.SIGNATURE, Number.TRUST
CONTENTS, LEDGER, CHECKPOINT, TIME = Number.CONTENTS, Number.LEDGER, Number.CHECKPOINT, Number.TIME

DEFECTS: dict[str, Defect] = {
    # documents
    "cut-in-the-middle": Defect(_later(lambda content: content[: len(content) // 2]), FORM),
    "last-byte-cut": Defect(_later(lambda content: content[:-2]), FORM),
    "empty-update": Defect(_later(empty_update), BYTES),
    "annotation-added": Defect(_later(annotated), BYTES),
    "page-contents-replaced": Defect(_later(contents_replaced), BYTES),
    "form-filled": Defect(lambda scene: filled(sealing.basic(scene.court, with_form(sealing.letter()))), BYTES),
    "strangers-seal-over-the-page": Defect(_strangers_cover, BYTES),
    "strangers-document": Defect(lambda scene: sealing.basic(scene.stranger), TRUST),
    "shadow-hide": Defect(lambda scene: hidden_shown(sealing.basic(scene.court, _with_cover(sealing.letter()))), BYTES),
    "shadow-replace": Defect(_later(_font_replaced), BYTES),
    "shadow-hide-and-replace": Defect(
        lambda scene: _catalogue_replaced(sealing.basic(scene.court, documents.reportlab_letter(3, 2))), BYTES
    ),
    "changed-after-the-archive-timestamp": Defect(
        lambda scene: annotated(sealing.archived(scene.court, scene.authority)), BYTES
    ),
    "token-older-than-the-seal": Defect(
        lambda scene: sealing.stamped(scene.court, scene.authority, token_at=AT - timedelta(hours=1)), TIME
    ),
    "md5": Defect(_md5, SIGNATURE, says="MD5"),
    "sha-1": Defect(
        lambda scene: sealing.foreign(scene.court, sealing.letter(), "A", digest="sha1"), SIGNATURE, says="SHA-1"
    ),
    "rsa-1024": Defect(_weak_key, SIGNATURE, says="RSA-1024"),
    "revoked": Defect(
        lambda scene: sealing.long_term(scene.court, scene.authority, revoked_at=AT - timedelta(days=1)),
        Number.REVOCATION,
    ),
    "not-a-pdf": Defect(lambda scene: b"hello", FORM),
    "no-seal": Defect(lambda scene: sealing.letter(), FORM),
    "cross-references-in-a-circle": Defect(lambda scene: xref_loop(3), FORM),
    "thousand-cross-references": Defect(lambda scene: xref_loop(1000), FORM),
    "five-thousand-seals": Defect(lambda scene: many_seals(), FORM),
    # packs
    "pack-cut": Defect(lambda scene: scene.sealed_pack[:-1000], FORM),
    "pack-with-prefix": Defect(lambda scene: b"PK" + scene.sealed_pack, FORM),
    "pack-with-suffix": Defect(lambda scene: scene.sealed_pack + b"\n", FORM),
    "pack-behind-a-pdf": Defect(lambda scene: sealing.basic(scene.court) + scene.sealed_pack, FORM),
    "members-reordered": Defect(reordered, FORM),
    "two-members-of-one-name": Defect(duplicate_name, FORM, "receipts/9.bin"),
    "a-member-in-no-directory": Defect(duplicate_hidden, FORM),
    "bomb": Defect(bomb, FORM),
    "stranger-in-meta-inf": Defect(more_in_meta, FORM, "META-INF/signatures1.xml"),
    "member-not-covered": Defect(uncovered, CONTENTS, "receipts/9.bin"),
    "member-left-out": Defect(left_out, CONTENTS, "receipts/1.bin"),
    "two-packs-mixed": Defect(mixed, CONTENTS, "receipts/2.bin"),
    "document-of-another-delivery": Defect(mixed_documents, CONTENTS, "documents"),
    "evidence-of-another-proof": Defect(mixed_evidence, CONTENTS, "evidence.xml"),
    "events-of-another-delivery": Defect(mixed_events, LEDGER, "ledger/events.json"),
    "event-taken-out": Defect(_events(lambda listed: listed[:2] + listed[3:]), LEDGER, "ledger/events.json"),
    "events-reordered": Defect(_events(lambda listed: listed[::-1]), LEDGER, "ledger/events.json"),
    "event-backdated": Defect(_events(_event_backdated), LEDGER, "ledger/events.json"),
    "resealed-by-a-stranger": Defect(lambda scene: _resealed(scene, scene.stranger), TRUST, "META-INF/signatures0.xml"),
    "seal-wrapped": Defect(wrapped, SIGNATURE, "META-INF/signatures0.xml"),
    "second-seal": Defect(second_seal, SIGNATURE, "META-INF/signatures0.xml"),
    "evidence-wrapped": Defect(evidence_wrapped, SIGNATURE, "evidence.xml"),
    "forked-log": Defect(
        lambda scene: scene.sealed_pack, CHECKPOINT, "ledger/checkpoint", checkpoint=forked_checkpoint
    ),
    "checkpoint-of-another-key": Defect(_checkpoint_of_another_key, CHECKPOINT, "ledger/checkpoint"),
    "timestamp-older-than-the-events": Defect(_token_backdated, TIME, "timestamps/1.tsr"),
    "timestamp-of-something-else": Defect(_token_of_another, TIME, "timestamps/1.tsr"),
}
