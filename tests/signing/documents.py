"""PDFs of several producers and shapes, made on the spot: good ones to be sealed, bad ones named by their defect."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable

import pikepdf
import pypdfium2 as pdfium
import typst
from pikepdf import Array, Dictionary, Name, Stream, String
from reportlab.pdfgen import canvas

from signing import fonts

A4 = (595.0, 842.0)


def reportlab_letter(lines: int = 20, pages: int = 1) -> bytes:
    """Text lines from the top; 40 fill the page from edge to edge."""
    output = io.BytesIO()
    page = canvas.Canvas(output, pagesize=A4)
    for _ in range(pages):
        for line in range(lines):
            page.drawString(
                20, 815 - 20 * line, f"{line:02d} The court gives notice of the hearing to all parties. " * 2
            )
        page.showPage()
    page.save()
    return output.getvalue()


def reportlab_full_page() -> bytes:
    return reportlab_letter(lines=41)


def reportlab_small_page() -> bytes:
    """A6, across."""
    output = io.BytesIO()
    page = canvas.Canvas(output, pagesize=(420, 298))
    page.drawString(30, 250, "A short note")
    page.save()
    return output.getvalue()


def reportlab_coloured_paper() -> bytes:
    output = io.BytesIO()
    page = canvas.Canvas(output, pagesize=A4)
    page.setFillColorRGB(0.96, 0.93, 0.85)
    page.rect(0, 0, *A4, stroke=0, fill=1)
    page.setFillColorRGB(0, 0, 0)
    page.drawString(72, 700, "On coloured paper")
    page.rect(400, 40, 150, 150, stroke=1, fill=0)
    page.save()
    return output.getvalue()


def reportlab_pale_text() -> bytes:
    """Fine print so pale that a small drawing of the page does not show it."""
    output = io.BytesIO()
    page = canvas.Canvas(output, pagesize=A4)
    page.drawString(72, 780, "Notice")
    page.setFillGray(0.95)
    for line in range(6):
        page.drawString(300, 160 - 20 * line, "Appeals within fifteen days of service of this judgment.")
    page.save()
    return output.getvalue()


def typst_chinese() -> bytes:
    compiler = typst.Compiler(font_paths=[fonts.folder()], ignore_system_fonts=True)
    source = '#set text(font: "Noto Sans SC", size: 14pt)\n' + "民事起诉状：原告请求判令被告支付货款。\n\n" * 18
    document = compiler.compile(source.encode(), format="pdf")
    assert isinstance(document, bytes)
    return document


def pdfium_two_pages() -> bytes:
    """Pages of other documents put together and written by PDFium."""
    target = pdfium.PdfDocument.new()
    for content in (reportlab_letter(5), typst_chinese()):
        source = pdfium.PdfDocument(content)
        target.import_pages(source)
        source.close()
    output = io.BytesIO()
    target.save(output)
    target.close()
    return output.getvalue()


def pikepdf_changed(change: Callable[[pikepdf.Pdf], object], content: bytes | None = None, **saving: object) -> bytes:
    """A letter, or `content`, changed and saved by qpdf."""
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(content or reportlab_letter())) as document:
        change(document)
        document.save(output, **saving)  # type: ignore[arg-type]
    return output.getvalue()


def rotated(degrees: int) -> bytes:
    return pikepdf_changed(lambda document: setattr(document.pages[0].obj, "Rotate", degrees))


def odd_origin() -> bytes:
    """A MediaBox that starts far from zero, and a CropBox inside it."""

    def change(document: pikepdf.Pdf) -> None:
        page = document.pages[0]
        page.MediaBox = Array([-200, 300, 395, 1142])
        page.CropBox = Array([-180, 330, 380, 1120])
        page.contents_add(b"q 1 0 0 1 -200 300 cm", prepend=True)
        page.contents_add(b"Q")

    return pikepdf_changed(change)


def turned_odd_origin() -> bytes:
    return pikepdf_changed(lambda document: setattr(document.pages[0].obj, "Rotate", 270), odd_origin())


def xref_streams() -> bytes:
    return pikepdf_changed(lambda _: None, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def pdf_1_3() -> bytes:
    return pikepdf_changed(lambda _: None, force_version="1.3", object_stream_mode=pikepdf.ObjectStreamMode.disable)


def pdf_2_0() -> bytes:
    return pikepdf_changed(lambda _: None, force_version="2.0")


def linearized() -> bytes:
    return pikepdf_changed(lambda _: None, linearize=True)


def scanned() -> bytes:
    """One grey picture over the whole page, with dark lines in its upper half: text that no text layer tells of."""
    width, height = 298, 421
    rows = [b"\x30" * width if y < 250 and y % 12 < 4 else b"\xf2" * width for y in range(height)]

    def change(document: pikepdf.Pdf) -> None:
        picture = Stream(
            document, zlib.compress(b"".join(rows)), Type=Name.XObject, Subtype=Name.Image, Width=width, Height=height
        )
        picture.ColorSpace, picture.BitsPerComponent, picture.Filter = Name.DeviceGray, 8, Name.FlateDecode
        page = document.add_blank_page(page_size=A4)
        page.Resources = Dictionary(XObject=Dictionary(Scan=document.make_indirect(picture)))
        page.Contents = Stream(document, b"q 595 0 0 842 0 0 cm /Scan Do Q")
        del document.pages[0]

    return pikepdf_changed(change)


def broken_xref() -> bytes:
    """The table of contents points nowhere; readers repair that, and so do we."""
    content = reportlab_letter()
    return content.replace(b"startxref\n", b"startxref\n9")


GOOD: dict[str, Callable[[], bytes]] = {
    "reportlab-letter": reportlab_letter,
    "reportlab-full-page": reportlab_full_page,
    "reportlab-small-page": reportlab_small_page,
    "reportlab-coloured-paper": reportlab_coloured_paper,
    "reportlab-pale-text": reportlab_pale_text,
    "typst-chinese": typst_chinese,
    "pdfium-two-pages": pdfium_two_pages,
    "rotated-90": lambda: rotated(90),
    "rotated-180": lambda: rotated(180),
    "rotated-270": lambda: rotated(270),
    "odd-origin": odd_origin,
    "turned-odd-origin": turned_odd_origin,
    "xref-streams": xref_streams,
    "pdf-1.3": pdf_1_3,
    "pdf-2.0": pdf_2_0,
    "linearized": linearized,
    "scanned": scanned,
    "broken-xref": broken_xref,
}


def _script() -> Dictionary:
    return Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))


def _catalogue(**entries: object) -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        for key, value in entries.items():
            document.Root[f"/{key}"] = value  # type: ignore[assignment]

    return pikepdf_changed(change)


def _annotation(**entries: object) -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        one = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), **entries)  # type: ignore[arg-type]
        document.pages[0].Annots = Array([document.make_indirect(one)])

    return pikepdf_changed(change)


def _script_in_names() -> bytes:
    names = Dictionary(JavaScript=Dictionary(Names=Array([String("go"), _script()])))
    return _catalogue(Names=names)


def _script_in_stream() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        code = document.make_indirect(Stream(document, b"app.alert(1)"))
        document.Root.OpenAction = Dictionary(S=Name.JavaScript, JS=code)

    return pikepdf_changed(change)


def _script_at_the_end_of_a_ring() -> bytes:
    """Actions that follow each other in a circle, a script among them."""

    def change(document: pikepdf.Pdf) -> None:
        first = document.make_indirect(Dictionary(S=Name.GoTo, D=Array([document.pages[0].obj, Name.Fit])))
        second = document.make_indirect(Dictionary(S=Name.JavaScript, JS=String("x"), Next=first))
        first.Next = Array([second])
        document.Root.OpenAction = first

    return pikepdf_changed(change)


def _script_in_page_events() -> bytes:
    return pikepdf_changed(lambda document: setattr(document.pages[0].obj, "AA", Dictionary(O=_script())))


def _script_in_form_field() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        field = Dictionary(FT=Name.Tx, T=String("name"), Kids=Array([]), AA=Dictionary(K=_script()))
        document.Root.AcroForm = Dictionary(Fields=Array([document.make_indirect(field)]))

    return pikepdf_changed(change)


def _script_in_xfa() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        packet = zlib.compress(b'<template><event><script contentType="application/x-javascript">1</script></event>')
        stream = document.make_indirect(Stream(document, packet, Filter=Name.FlateDecode))
        document.Root.AcroForm = Dictionary(Fields=Array([]), XFA=Array([String("template"), stream]))

    return pikepdf_changed(change)


def _script_nobody_points_at() -> bytes:
    """Kept in the trailer, where no tree of the document leads."""
    return pikepdf_changed(lambda document: setattr(document.trailer, "Spare", document.make_indirect(_script())))


def attachment(name: str, body: bytes) -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        stream = Stream(document, zlib.compress(body), Type=Name.EmbeddedFile, Filter=Name.FlateDecode)
        spec = Dictionary(
            Type=Name.Filespec, F=String(name), UF=String(name), EF=Dictionary(F=document.make_indirect(stream))
        )
        document.Root.Names = Dictionary(
            EmbeddedFiles=Dictionary(Names=Array([String(name), document.make_indirect(spec)]))
        )

    return pikepdf_changed(change)


def _archive(member: str) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        archive.writestr(member, b"MZ")
    return output.getvalue()


def _encrypted(user: str) -> bytes:
    return pikepdf_changed(lambda _: None, encryption=pikepdf.Encryption(owner="owner", user=user))


def _no_pages() -> bytes:
    output = io.BytesIO()
    pikepdf.new().save(output)
    return output.getvalue()


def _blank() -> bytes:
    def change(document: pikepdf.Pdf) -> None:
        document.add_blank_page(page_size=A4)
        del document.pages[0]

    return pikepdf_changed(change)


def _doubling_page_tree() -> bytes:
    """Thirty nodes, each with the next one twice as its kids: a thousand million pages in two kilobytes."""
    body = [b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj"]
    for number in range(2, 32):
        kid = number + 1
        body.append(b"%d 0 obj<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 9>>endobj" % (number, kid, kid))
    body.append(b"32 0 obj<</Type/Page/Parent 31 0 R/MediaBox[0 0 99 99]>>endobj")
    return b"%PDF-1.4\n" + b"\n".join(body) + b"\ntrailer<</Root 1 0 R/Size 33>>\n%%EOF\n"


def _object_stream_bomb() -> bytes:
    """An object stream of two megabytes that unpacks to 512 MiB."""
    packing = zlib.compressobj(1)
    bomb = b"".join(packing.compress(b" " * 1024 * 1024) for _ in range(512)) + packing.flush()
    stream = b"5 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n" % len(bomb)
    head = b"%PDF-1.5\n"
    entries = b"\x00\x00\x00" + b"\x02\x05\x00" + bytes((1, len(head), 0))
    tail_at = len(head) + len(stream) + len(bomb) + len(b"\nendstream endobj\n")
    xref = b"6 0 obj<</Type/XRef/Size 7/W[1 1 1]/Root 1 0 R/Index[0 2 5 1]/Length %d>>stream\n" % len(entries)
    tail = xref + entries + b"\nendstream endobj\nstartxref\n%d\n%%%%EOF\n" % tail_at
    return head + stream + bomb + b"\nendstream endobj\n" + tail


def _nested_too_deep() -> bytes:
    return reportlab_letter().replace(b"/PageMode", b"/Deep " + b"[" * 300 + b"]" * 300 + b" /PageMode")


BAD: dict[str, tuple[Callable[[], bytes], set[str]]] = {
    "empty-file": (lambda: b"", {"empty"}),
    "blank-page": (_blank, {"empty"}),
    "word-document": (lambda: _archive("word/document.xml"), {"not_pdf"}),
    "cut-off": (lambda: typst_chinese()[:900], {"unreadable"}),
    "only-a-header": (lambda: b"%PDF-1.7\n", {"unreadable"}),
    "doubling-page-tree": (_doubling_page_tree, {"unreadable"}),
    "object-stream-bomb": (_object_stream_bomb, {"unreadable"}),
    "nested-too-deep": (_nested_too_deep, {"unreadable"}),
    "no-pages": (_no_pages, {"no_pages"}),
    "encrypted-with-password": (lambda: _encrypted("user"), {"encrypted"}),
    "encrypted-against-printing": (lambda: _encrypted(""), {"encrypted"}),
    "script-on-opening": (lambda: _catalogue(OpenAction=_script()), {"javascript"}),
    "script-in-stream": (_script_in_stream, {"javascript"}),
    "script-in-names": (_script_in_names, {"javascript"}),
    "script-on-closing": (lambda: _catalogue(AA=Dictionary(WC=_script())), {"javascript"}),
    "script-in-page-events": (_script_in_page_events, {"javascript"}),
    "script-in-annotation": (lambda: _annotation(A=_script()), {"javascript"}),
    "script-in-annotation-events": (lambda: _annotation(AA=Dictionary(E=_script())), {"javascript"}),
    "script-in-form-field": (_script_in_form_field, {"javascript"}),
    "script-in-xfa": (_script_in_xfa, {"javascript"}),
    "script-in-rendition": (
        lambda: _annotation(A=Dictionary(S=Name.Rendition, JS=String("x"))),
        {"javascript"},
    ),
    "script-as-link": (
        lambda: _annotation(A=Dictionary(S=Name.URI, URI=String(" JavaScript:alert(1)"))),
        {"javascript"},
    ),
    "script-at-the-end-of-a-ring": (_script_at_the_end_of_a_ring, {"javascript"}),
    "script-nobody-points-at": (_script_nobody_points_at, {"javascript"}),
    "launch-on-opening": (lambda: _catalogue(OpenAction=Dictionary(S=Name.Launch, F=String("a"))), {"launch_action"}),
    "launch-after-a-jump": (
        lambda: _annotation(A=Dictionary(S=Name.GoTo, Next=Dictionary(S=Name.Launch, F=String("a")))),
        {"launch_action"},
    ),
    "attached-exe-by-name": (lambda: attachment("Bill.PDF.exe ", b"hello"), {"embedded_executable"}),
    "attached-windows-program": (lambda: attachment("bill.pdf", b"MZ\x90"), {"embedded_executable"}),
    "attached-linux-program": (lambda: attachment("bill", b"\x7fELF\x02"), {"embedded_executable"}),
    "attached-mac-program": (lambda: attachment("bill", b"\xcf\xfa\xed\xfe"), {"embedded_executable"}),
    "attached-shell-script": (lambda: attachment("bill", b"#!/bin/sh\n"), {"embedded_executable"}),
    "attached-zip-with-program": (lambda: attachment("bills.zip", _archive("x/bill.scr")), {"embedded_executable"}),
    "script-and-launch": (
        lambda: _catalogue(OpenAction=_script(), AA=Dictionary(WC=Dictionary(S=Name.Launch, F=String("a")))),
        {"javascript", "launch_action"},
    ),
}

HARMLESS: dict[str, Callable[[], bytes]] = {
    "attached-table": lambda: attachment("bills.csv", b"a;b\n1;2\n"),
    "attached-zip-of-pictures": lambda: attachment("photos.zip", _archive("photo.jpg")),
    "web-link": lambda: _annotation(A=Dictionary(S=Name.URI, URI=String("https://court.example/"))),
    "font-named-js": lambda: pikepdf_changed(
        lambda document: setattr(document.pages[0].Resources.Font, "JS", document.pages[0].Resources.Font["/F1"])
    ),
}
