"""PDFs that no producer at hand writes: hybrid files byte by byte, and documents that others signed before."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime

from asn1crypto import keys as asn1_keys
from asn1crypto import pem, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.fields import FieldMDPAction, FieldMDPSpec, MDPPerm, SigFieldSpec
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.keys import make_key_file, open_key_file
from tests.signing import documents

Named = Iterator[tuple[str, bytes]]


def files() -> Named:
    """Hybrid files (ISO 32000-1 §7.5.8.4), generations above 0, ends of line of all kinds, empty sections."""
    yield "hybrid", hybrid()
    yield "hybrid-form", hybrid(b"/AcroForm<</Fields[]>>")
    yield "generation", classic(generation=3)
    yield "carriage-returns", classic(line=b"\r")
    yield "both-ends", classic(line=b"\r\n")
    yield "no-last-line", classic().rstrip(b"\n")
    yield "text-behind", classic() + b"\n\n  \n"
    yield "pages-in-pages", classic(deep=True)


def classic(*, generation: int = 0, line: bytes = b"\n", deep: bool = False) -> bytes:
    """A one-page file with a table; `generation` is that of the page, whose number was used before."""
    parent, kid = (6, b"6 0 R") if deep else (2, b"3 %d R" % generation)
    page = b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>" % parent
    bodies = [
        (1, 0, b"<</Type/Catalog/Pages 2 0 R>>"),
        (2, 0, b"<</Type/Pages/Kids[%s]/Count 1>>" % kid),
        (3, generation, page),
        (4, 0, _stream(b"BT /F 12 Tf 40 780 Td (Notice) Tj ET", line)),
        (5, 0, b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"),
        (6, 0, b"<</Type/Pages/Kids[3 %d R]/Count 1/Parent 2 0 R>>" % generation),
    ]
    out, places = bytearray(b"%PDF-1.4" + line + b"%\xe2\xe3\xcf\xd3" + line), []
    for number, version, body in bodies:
        places.append((len(out), version))
        out += b"%d %d obj" % (number, version) + line + body + line + b"endobj" + line
    start, end = len(out), b" \n" if len(line) == 1 and line == b"\n" else (b" \r" if line == b"\r" else b"\r\n")
    out += b"xref" + line + b"0 7" + line + b"0000000000 65535 f" + end
    for at, version in places:
        out += b"%010d %05d n" % (at, version) + end
    return bytes(out) + line.join([b"trailer", b"<</Size 7/Root 1 0 R>>", b"startxref", b"%d" % start, b"%%EOF", b""])


def _stream(data: bytes, line: bytes) -> bytes:
    line = b"\n" if line == b"\r" else line  # §7.3.8.1: never a carriage return alone
    return b"<</Length %d>>stream" % len(data) + line + data + line + b"endstream"


def hybrid(catalogue: bytes = b"") -> bytes:
    """A table for old readers, and a stream that lists what stands in an object stream: here the font."""
    out, places = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n"), {}
    packed = b"5 0 <</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    bodies = {
        1: b"<</Type/Catalog/Pages 2 0 R" + catalogue + b">>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        4: _stream(b"BT /F 12 Tf 40 780 Td (Notice) Tj ET", b"\n"),
        6: b"<</Type/ObjStm/N 1/First 4/Length %d>>stream\n" % len(packed) + packed + b"\nendstream",
    }
    for number, body in bodies.items():
        places[number] = len(out)
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    places[7] = len(out)
    listed = bytes((2, 0, 0, 6, 0)) + bytes((1,)) + places[6].to_bytes(3, "big") + b"\0"
    listed += bytes((1,)) + places[7].to_bytes(3, "big") + b"\0"
    head = b"<</Type/XRef/Size 8/W[1 3 1]/Index[5 3]/Root 1 0 R/Length %d>>stream\n" % len(listed)
    out += b"7 0 obj\n" + head + listed + b"\nendstream\nendobj\n"
    start = len(out)
    out += b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % places[n] for n in (1, 2, 3, 4))
    out += b"trailer\n<</Size 8/Root 1 0 R/XRefStm %d>>\nstartxref\n%d\n%%%%EOF\n" % (places[7], start)
    return bytes(out)


def signed_before() -> Named:
    """Documents that a party signed, with pyHanko: seen or not, once or twice, with restrictions or an empty field."""
    sources = {
        "letter": documents.reportlab_letter(5),
        "streams": documents.xref_streams(),
        "typst": documents.typst_chinese(),
        "turned": documents.rotated(90),
        "2.0": documents.pdf_2_0(),
    }
    signer = stranger()
    for word, content in sources.items():
        yield f"unseen-{word}", _signed(content, signer, SigFieldSpec("Party"))
        yield f"seen-{word}", _signed(content, signer, SigFieldSpec("Party", box=(50, 300, 250, 400)))
    once = _signed(sources["letter"], signer, SigFieldSpec("Party"))
    yield "twice", _signed(once, signer, SigFieldSpec("CourtSeal1"))
    yield "empty-field", _with_empty_field(sources["letter"])
    form = MDPPerm.FILL_FORMS
    yield (
        "certified-forms",
        _signed(sources["letter"], signer, SigFieldSpec("P"), certify=True, docmdp_permissions=form),
    )
    lock = FieldMDPSpec(FieldMDPAction.ALL)
    yield "locked-all", _signed(sources["letter"], signer, SigFieldSpec("P", field_mdp_spec=lock))
    lock = FieldMDPSpec(FieldMDPAction.INCLUDE, ["Other"])
    yield "locked-one", _signed(sources["letter"], signer, SigFieldSpec("P", field_mdp_spec=lock))


def stranger() -> signers.SimpleSigner:
    """A party's signer, whom nobody trusts."""
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
    file = make_key_file(b"party", court="p", court_name="party", not_before=start, not_after=end)
    opened = open_key_file(file.content, b"party")
    own, *others = (x509.Certificate.load(der) for _, _, der in pem.unarmor(opened.certificate_pem, multiple=True))
    key = asn1_keys.PrivateKeyInfo.load(pem.unarmor(opened.private_key_pem)[2])
    return signers.SimpleSigner(own, key, SimpleCertificateStore.from_certs(others))


def _signed(content: bytes, signer: signers.Signer, spec: SigFieldSpec, **meta: object) -> bytes:
    details = signers.PdfSignatureMetadata(field_name=spec.sig_field_name, md_algorithm="sha256", **meta)  # type: ignore[arg-type]
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    output: io.BytesIO = signers.PdfSigner(details, signer, new_field_spec=spec).sign_pdf(writer)
    return output.getvalue()


def _with_empty_field(content: bytes) -> bytes:
    writer, output = IncrementalPdfFileWriter(io.BytesIO(content)), io.BytesIO()
    fields.append_signature_field(writer, SigFieldSpec("Clerk", box=(50, 300, 250, 400)))
    writer.write(output)
    return output.getvalue()
