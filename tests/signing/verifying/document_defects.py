"""PDFs with one defect each, of the kinds that are published: what follows the seal (shadow and incremental-saving
attacks), what the seal points at (universal forgery, wrapping), and seals, certificates and stamps of the wrong kind.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pikepdf
from asn1crypto import algos, cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from pikepdf import Array, Dictionary
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from signing import pdf
from signing.verify import Number
from tests.signing import documents
from tests.signing.authorities import authority
from tests.signing.verifying import pki, sealing
from tests.signing.verifying.defects import Defect, Scene, appended_object, updated
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer

Changed = Callable[[bytes], bytes]


# --- after the seal ---------------------------------------------------------------------------------------------------


def _with_data(writer: IncrementalPdfFileWriter, sealer: Sealer) -> None:
    """Validation data as anybody may add: it makes an update look as honest as can be."""
    kept = writer.add_object(generic.StreamObject(stream_data=sealer.chain[0]))
    store = generic.DictionaryObject({pdf_name("/Certs"): generic.ArrayObject([kept])})
    writer.root["/DSS"] = writer.add_object(store)
    writer.update_root()


def _with_title(content: bytes) -> bytes:
    """What the window says above the document."""
    with pikepdf.open(io.BytesIO(content)) as document:
        number, size = document.trailer.Info.objgen[0], int(document.trailer.Size)
    whole = appended_object(content, number, b"<</Title(The claim is dismissed)>>", size=size)
    return content + whole[len(content) :].replace(b"/Prev", b"/Info %d 0 R/Prev" % number)


def _with_other_words(scene: Scene) -> bytes:
    """The same in XMP."""

    def entitled(document: pikepdf.Pdf) -> None:
        with document.open_metadata(set_pikepdf_as_editor=False) as words:
            words["dc:title"] = "Judgment"

    sealed = sealing.basic(scene.court, documents.pikepdf_changed(entitled, sealing.letter()))
    with pikepdf.open(io.BytesIO(sealed)) as document:
        words = document.Root.Metadata
        told = words.read_bytes().replace(b"Judgment", b"Dismissed")
        number, size, info = words.objgen[0], int(document.trailer.Size), document.trailer.Info.objgen[0]
    body = b"<</Type/Metadata/Subtype/XML/Length %d>>\nstream\n%s\nendstream" % (len(told), told)
    whole = appended_object(sealed, number, body, size=size)
    return sealed + whole[len(sealed) :].replace(b"/Prev", b"/Info %d 0 R/Prev" % info)


def _stamped_by(clock: Clock, content: bytes) -> bytes:
    """Anybody can have a timestamp made over anything."""
    prepared = pdf.prepared_for_timestamp(content)
    return pdf.with_document_timestamp(prepared, clock.token(prepared.imprint, AT))


def _catalogue(name: str, value: Callable[[], generic.PdfObject]) -> Changed:
    def change(writer: IncrementalPdfFileWriter) -> None:
        writer.root[pdf_name(name)] = value()
        writer.update_root()

    return lambda content: updated(content, change)


def _script() -> generic.PdfObject:
    words = {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("app.alert('dismissed')")}
    return generic.DictionaryObject(words)


def _xfa(content: bytes) -> bytes:
    """A form that takes the place of the pages (ISO 32000-1 §12.7.8)."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        writer.root["/AcroForm"]["/XFA"] = writer.add_object(generic.StreamObject(stream_data=b"<xdp/>"))
        writer.update_container(writer.root["/AcroForm"])

    return updated(content, change)


def _store_with_more(scene: Scene) -> bytes:
    """Something else under the cover of validation data."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        _with_data(writer, scene.court)
        writer.root["/DSS"][pdf_name("/OpenAction")] = _script()

    return updated(sealing.basic(scene.court), change)


def _objects_in_no_table(content: bytes) -> bytes:
    """Incremental saving without cross-references: a reader that repairs takes the last object of each number."""
    with pikepdf.open(io.BytesIO(content)) as document:
        number = document.pages[0].Contents.objgen[0]
    return content + b"\n%d 0 obj\n<</Length 5>>\nstream\nq Q q\nendstream\nendobj\n" % number


def _table_that_nobody_finds(scene: Scene) -> bytes:
    """Honest validation data, whose table stands some bytes from where the file says: who repairs finds more."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        _with_data(writer, scene.court)

    whole = updated(sealing.basic(scene.court), change)
    begin = int(whole.rsplit(b"startxref", 1)[1].split()[0])
    return whole[:begin] + b"  " + whole[begin:]


def _listed_twice(*, other_first: bool, generation: int = 0) -> Callable[[Scene], bytes]:
    """Beside honest validation data, a page's content stands twice in one table: as it was, and with other words. Some
    readers take the first entry, some the last.
    """

    def make(scene: Scene) -> bytes:
        sealed = sealing.basic(scene.court)
        with pikepdf.open(io.BytesIO(sealed)) as document:
            words, root, size = document.pages[0].Contents.objgen[0], document.Root, int(document.trailer.Size)
            number, catalogue, info = root.objgen[0], root.unparse(resolved=True), document.trailer.Info.objgen[0]
        places, grown, certificate = {}, sealed + b"\n", scene.court.chain[0]
        told = b"BT /F1 20 Tf 60 700 Td (The claim is dismissed.) Tj ET"
        for name, body in {
            size: b"<</Length %d>>\nstream\n%s\nendstream" % (len(certificate), certificate),
            number: catalogue[:-2] + b"/DSS<</Certs[%d 0 R]>>>>" % size,
            words: b"<</Length %d>>\nstream\n%s\nendstream" % (len(told), told),
        }.items():
            places[name] = len(grown)
            grown += b"%d 0 obj\n%s\nendobj\n" % (name, body)
        both = [(words, places.pop(words), generation), (words, sealed.rindex(b"\n%d 0 obj" % words) + 1, 0)]
        rows = [*(both if other_first else reversed(both)), *((name, at, 0) for name, at in places.items())]
        table = b"".join(b"%d 1\n%010d %05d n \n" % row for row in rows)
        before = int(sealed.rsplit(b"startxref", 1)[1].split()[0])
        trailer = b"<</Size %d/Root %d 0 R/Info %d 0 R/Prev %d>>" % (size + 1, number, info, before)
        return grown + b"xref\n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (table, trailer, len(grown))

    return make


def _stamp_with_a_face(scene: Scene) -> bytes:
    """A document timestamp that covers the page with other words."""
    stamped = sealing.archived(scene.court, scene.authority, sealing.basic(scene.court))
    with pikepdf.open(io.BytesIO(stamped)) as document:
        field = document.Root.AcroForm.Fields[-1]
        number, size = field.objgen[0], int(document.trailer.Size)
        field.Rect = Array([0, 0, 595, 842])
        body = field.unparse(resolved=True)
    return appended_object(stamped, number, body, size=size)


def _stamp_made_before(scene: Scene) -> bytes:
    """A document timestamp lay ready in what was sealed: over its own surroundings alone, a year before the seal."""
    letter = sealing.letter()
    with pikepdf.open(io.BytesIO(letter)) as document:
        number = int(document.trailer.Size) + 40
    begin = int(letter.rsplit(b"startxref", 1)[1].split()[0])
    head = b"%d 0 obj\n<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/ByteRange[0 " % number
    first = begin + len(head) + len(b"0123456789 0123456789 0123456789]/Contents ")
    behind, room = b">>\nendobj\n", 16384
    ranges = b"%010d %010d %010d]/Contents " % (first, first + room + 2, len(behind))
    before = letter[:begin] + head + ranges
    token = scene.authority.over(before + behind, AT - timedelta(days=365))
    ready = before + b"<" + token.hex().encode().ljust(room, b"0") + b">" + behind
    table = letter[begin:].replace(b"startxref\n%d" % begin, b"startxref\n%d" % len(ready))
    return _field_for(sealing.basic(scene.court, ready + table), number, begin)


def _field_for(sealed: bytes, number: int, at: int) -> bytes:
    """An update that makes a field of a timestamp out of an object that stands at that place already."""
    with pikepdf.open(io.BytesIO(sealed)) as document:
        root, page, info = document.Root.objgen[0], document.pages[0].objgen[0], document.trailer.Info.objgen[0]
        fields = [one.objgen[0] for one in document.Root.AcroForm.Fields]
        size, form = number + 2, document.Root.AcroForm
        listed = b"/Fields[%s]/SigFlags 3" % b" ".join(b"%d 0 R" % one for one in [*fields, size - 1])
        where = form.objgen[0] if form.is_indirect else root
        document.Root.AcroForm = Dictionary(Fields=Array(), SigFlags=3)
        body = b"<<%s>>" % listed if form.is_indirect else document.Root.unparse(resolved=True)
        body = body.replace(b"/Fields [ ] /SigFlags 3", listed)
    field = b"<</FT/Sig/T(late)/Type/Annot/Subtype/Widget/F 132/Rect[0 0 0 0]/P %d 0 R/V %d 0 R>>" % (page, number)
    places, grown = {number: at}, sealed + b"\n"
    for name, content in ((size - 1, field), (where, body)):
        places[name] = len(grown)
        grown += b"%d 0 obj\n%s\nendobj\n" % (name, content)
    rows = b"".join(b"%d 1\n%010d 00000 n \n" % (name, places[name]) for name in sorted(places))
    prev = int(sealed.rsplit(b"startxref", 1)[1].split()[0])
    trailer = b"<</Size %d/Root %d 0 R/Info %d 0 R/Prev %d>>" % (size, root, info, prev)
    return grown + b"xref\n%strailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (rows, trailer, len(grown))


# --- what the seal points at ------------------------------------------------------------------------------------------


def _named(pattern: bytes, other: bytes) -> Callable[[Scene], bytes]:
    """Universal forgery: a seal that says nothing about what it covers, or holds nothing."""

    def make(scene: Scene) -> bytes:
        content = sealing.basic(scene.court)
        return re.sub(pattern, lambda found: other.ljust(len(found[0])), content, count=1)

    return make


def _moved(scene: Scene) -> bytes:
    """Wrapping: the second part that the seal covers moves back, and what the attacker wants stands between."""
    content = sealing.basic(scene.court)
    said = re.search(rb"/ByteRange ?\[(\d+) (\d+) (\d+) (\d+)\]", content)
    assert said is not None
    zero, first, second, length = map(int, said.groups())
    between = b"\n9 0 obj\n<</Length 5>>\nstream\nq Q q\nendstream\nendobj\n"
    moved = b"/ByteRange [%d %d %d %d]" % (zero, first, second + len(between), length)
    whole = content[:second] + between + content[second:]
    return whole.replace(said[0], moved.ljust(len(said[0]))[: max(len(said[0]), len(moved))], 1)


# --- seals, certificates and stamps of the wrong kind -----------------------------------------------------------------


def _under_the_courts_root(
    scene: Scene, *uses: ObjectIdentifier, key: pki.Key | None = None, usage: x509.KeyUsage | None = None
) -> Sealer:
    """The same name, issued by the same root, for something else."""
    court, mine = scene.court, key or pki.p256()
    begun = pki.begun(court.certificate.subject, court.root.subject, mine, (AT - timedelta(days=9), LATER))
    begun = begun.add_extension(usage or pki.usage(issues=False), critical=True)
    begun = begun.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    if uses:
        begun = begun.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    return Sealer(court.root_key, court.root, mine, begun.sign(court.root_key, hashes.SHA256()))


def _sealed_by(*uses: ObjectIdentifier, usage: x509.KeyUsage | None = None) -> Callable[[Scene], bytes]:
    return lambda scene: sealing.foreign(_under_the_courts_root(scene, *uses, usage=usage), sealing.letter(), "A")


def _issued_by_itself(scene: Scene) -> bytes:
    """The root's name as subject and as issuer, and a key of the attacker."""
    court, mine = scene.court, pki.p256()
    begun = pki.begun(court.root.subject, court.root.subject, mine, (AT - timedelta(days=9), LATER))
    begun = begun.add_extension(pki.usage(issues=False), critical=True)
    return sealing.foreign(Sealer(mine, court.root, mine, begun.sign(mine, hashes.SHA256())), sealing.letter(), "A")


def _revoked_in_a_list_that_ended(scene: Scene) -> bytes:
    """What was revoked stays so, though the list that says it is no longer the newest."""
    old = AT - timedelta(days=90)
    told = scene.court.revocations(revoked_at=old - timedelta(days=1), at=old)
    return pdf.with_validation_data(sealing.basic(scene.court), scene.court.chain, [], [told])


def _container(content: bytes) -> bytes:
    found = re.findall(rb"/Contents ?<([0-9a-fA-F]+)>", content)[-1]
    return bytes.fromhex(found.decode())


def _other_container(content: bytes, change: Callable[[cms.SignerInfo], None]) -> bytes:
    """The seal's container with another word in it, in the same room."""
    held = _container(content)
    info = cms.ContentInfo.load(held)
    change(info["content"]["signer_infos"][0])
    made = info.dump(force=True).hex().encode().ljust(len(held) * 2, b"0")
    return re.sub(rb"(/Contents ?<)[0-9a-fA-F]+>", lambda found: found[1] + made + b">", content, count=1)


def _with_signature(value: bytes) -> Callable[[Scene], bytes]:
    def change(signer: cms.SignerInfo) -> None:
        signer["signature"] = value

    return lambda scene: _other_container(sealing.basic(scene.court), change)


def _of_algorithm(name: str) -> Callable[[Scene], bytes]:
    def change(signer: cms.SignerInfo) -> None:
        signer["signature_algorithm"] = algos.SignedDigestAlgorithm({"algorithm": name})

    return lambda scene: _other_container(sealing.basic(scene.court), change)


def _weak_imprint(digest: str) -> Callable[[Scene], bytes]:
    """The authority signs with strong means a digest that two contents can share."""

    def make(scene: Scene) -> bytes:
        roomy = pdf.seal(sealing.letter(), scene.court.stamped_seal, at=AT, reason="送达 Service", location="示例市")
        signature = cms.ContentInfo.load(_container(roomy))["content"]["signer_infos"][0]["signature"].native
        imprint = {
            "hash_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
            "hashed_message": hashlib.new(digest, signature).digest(),
        }
        asked = tsp.TimeStampReq({"version": 1, "message_imprint": imprint, "cert_req": True})
        return pdf.with_timestamp(roomy, authority(AT, scene.authority.keys).token(asked, AT).dump())

    return make


BYTES, FORM, SIGNATURE, TRUST, TIME = Number.BYTES, Number.FORM, Number.SIGNATURE, Number.TRUST, Number.TIME


def _later(change: Changed) -> Callable[[Scene], bytes]:
    return lambda scene: change(sealing.basic(scene.court))


def _number() -> generic.PdfObject:
    return generic.DictionaryObject({pdf_name("/Marked"): generic.BooleanObject(True)})


RANGE, HELD = rb"/ByteRange ?\[[^\]]*\]", rb"/Contents ?<[0-9a-f]*>"
USES = ExtendedKeyUsageOID

DOCUMENTS: dict[str, Defect] = {
    # after the seal
    "title-changed": Defect(_later(_with_title), BYTES, says="title"),
    "title-changed-in-xmp": Defect(_with_other_words, BYTES, says="title"),
    "title-changed-and-stamped": Defect(
        lambda scene: _stamped_by(scene.authority, _with_title(sealing.basic(scene.court))), BYTES, says="title"
    ),
    "script-on-opening": Defect(_later(_catalogue("/OpenAction", _script)), BYTES),
    "tagging-changed": Defect(_later(_catalogue("/MarkInfo", _number)), BYTES),
    "form-of-xfa": Defect(_later(_xfa), BYTES),
    "more-than-validation-data": Defect(_store_with_more, BYTES),
    "comment-appended": Defect(_later(lambda content: content + b"% and more\n"), BYTES),
    "objects-in-no-table": Defect(_later(_objects_in_no_table), BYTES),
    "table-that-nobody-finds": Defect(_table_that_nobody_finds, BYTES),
    "object-twice-other-words-first": Defect(_listed_twice(other_first=True), BYTES),
    "object-twice-other-words-last": Defect(_listed_twice(other_first=False), BYTES),
    "object-of-a-later-generation": Defect(_listed_twice(other_first=False, generation=1), BYTES),
    "stamp-with-a-face": Defect(_stamp_with_a_face, BYTES),
    "stamp-made-before-the-seal": Defect(_stamp_made_before, BYTES, "timestamp 1", "does not cover"),
    # what the seal points at
    "no-byte-range": Defect(_named(RANGE, b""), FORM),
    "byte-range-null": Defect(_named(RANGE, b"/ByteRange null"), BYTES),
    "byte-range-negative": Defect(_named(RANGE, b"/ByteRange [0 -1 5 5]"), BYTES),
    "byte-range-of-three-parts": Defect(_named(RANGE, b"/ByteRange [0 1 2 3 4 5]"), BYTES),
    "byte-range-beyond-the-end": Defect(_named(RANGE, b"/ByteRange [0 9 99999999 9]"), BYTES),
    "seal-without-contents": Defect(_named(HELD, b""), FORM),
    "contents-null": Defect(_named(HELD, b"/Contents null"), FORM),
    "contents-zero": Defect(_named(HELD, b"/Contents <00>"), FORM),
    "signed-part-moved": Defect(_moved, FORM),
    # wrong kinds
    "certificate-of-a-web-site": Defect(_sealed_by(USES.SERVER_AUTH), TRUST, says="web sites"),
    "certificate-for-programs": Defect(_sealed_by(USES.CODE_SIGNING), TRUST, says="programs"),
    "certificate-of-an-authority-of-time": Defect(_sealed_by(USES.TIME_STAMPING), TRUST, says="time"),
    "revoked-in-a-list-that-ended": Defect(_revoked_in_a_list_that_ended, Number.REVOCATION),
    "key-for-encryption": Defect(_sealed_by(usage=pki.usage(issues=True)), TRUST),
    "issued-by-itself": Defect(_issued_by_itself, TRUST),
    "ecdsa-of-zeros": Defect(_with_signature(bytes.fromhex("3006020100020100")), SIGNATURE),
    "digest-of-another-name": Defect(_of_algorithm("sha1_ecdsa"), BYTES),
    "algorithm-of-another-key": Defect(_of_algorithm("sha256_rsa"), BYTES),
    "imprint-by-md5": Defect(_weak_imprint("md5"), TIME, says="MD5"),
    "imprint-by-sha-1": Defect(_weak_imprint("sha1"), TIME, says="SHA-1"),
    "stamp-of-the-future": Defect(
        lambda scene: sealing.stamped(scene.court, scene.authority, token_at=LATER + timedelta(days=1)),
        TIME,
        says="future",
    ),
}
