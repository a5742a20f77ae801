"""More than two hundred PDFs of thirteen producers, each written by the producer itself, to be sealed and judged.

Run `python -m tests.signing.corpus FOLDER` to make them: NAME.pdf for each, and index.json with producer and version.
It takes about half a minute, so tests keep the folder (`kept`). What a producer can vary is varied: PDF 1.3 to 2.0,
tables and streams of cross-references, hybrid files, object streams, linearised files, turned and cropped pages,
UserUnit, forms, annotations, earlier signatures and updates, many pages, empty pages, tags.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import typst
from pikepdf import Array, Dictionary, Name, ObjectStreamMode, String
from reportlab.pdfgen import canvas

from signing import fonts
from tests import servers
from tests.signing import documents, hand_made

EARLIER = datetime(2026, 1, 2, tzinfo=UTC)
WORDS = "The court gives notice of the hearing to all parties. "
SIZES = {
    "a4": (595, 842),
    "letter": (612, 792),
    "across": (842, 595),
    "a6": (298, 420),
    "a3": (1191, 842),
    "plan": (2384, 3370),
    "slip": (200, 200),
}
Named = Iterator[tuple[str, bytes]]


@dataclass(frozen=True)
class Specimen:
    """One PDF, and who wrote it."""

    name: str
    producer: str
    version: str
    content: bytes


def kept(folder: Path) -> list[Specimen]:
    """The corpus, made anew when this file or a producer's version has changed. Raises CalledProcessError."""
    wanted = hashlib.sha256(b"".join(source.read_bytes() for source in _sources()) + _locked()).hexdigest()[:16]
    index = folder / wanted / "index.json"
    if not index.exists():
        index.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.signing.corpus", str(index.parent)]
        subprocess.run(command, check=True, cwd=servers.PROJECT)
    return [
        Specimen(name, producer, made_with, (index.parent / f"{name}.pdf").read_bytes())
        for name, producer, made_with in json.loads(index.read_text())
    ]


def _sources() -> list[Path]:
    here = Path(__file__).parent
    scripts = servers.PROJECT / "tests" / "node"
    return [here / "corpus.py", here / "hand_made.py", here / "documents.py", scripts / "producers.js"]


def _locked() -> bytes:
    return " ".join(version(package) for package in PACKAGES.values()).encode()


PACKAGES = {
    "reportlab": "reportlab",
    "typst": "typst",
    "qpdf": "pikepdf",
    "pdfium": "pypdfium2",
    "fpdf2": "fpdf2",
    "pypdf": "pypdf",
    "weasyprint": "weasyprint",
    "pyhanko": "pyhanko",
}


def reportlab() -> Named:
    for minor in range(3, 8):
        yield f"1.{minor}", _canvas(_lines, pdfVersion=(1, minor))
    for word, size in SIZES.items():
        yield word, _canvas(_lines, pagesize=size)
    yield "plain", _canvas(_lines, pageCompression=0)
    yield "empty", _canvas(lambda page: None)
    yield "many-pages", documents.reportlab_letter(pages=120)
    yield "full", documents.reportlab_full_page()
    yield "link", _canvas(lambda page: page.linkURL("https://court.example/", (50, 50, 200, 80)))
    yield "bookmarks", _canvas(lambda page: (page.bookmarkPage("one"), page.addOutlineEntry("One", "one")))
    yield "form", _canvas(lambda page: page.acroForm.textfield(name="party", x=50, y=300, width=200, height=20))
    yield "boxes", _canvas(lambda page: page.acroForm.checkbox(name="CourtSeal1", x=50, y=300, checked=True))
    yield "turned", _canvas(lambda page: page.setPageRotation(90))
    yield "cropped", _canvas(lambda page: page.setCropBox((40, 60, 500, 700)))


def _lines(page: canvas.Canvas) -> None:
    for line in range(5):
        page.drawString(20, page._pagesize[1] - 40 - 14 * line, WORDS)


def _canvas(draw: Callable[[canvas.Canvas], object], **options: Any) -> bytes:
    output = io.BytesIO()
    page = canvas.Canvas(output, **({"pagesize": (595, 842)} | options))
    draw(page)
    page.showPage()
    page.save()
    return output.getvalue()


def typst_() -> Named:
    for standard in ("1.4", "1.5", "1.6", "1.7", "2.0", "a-2b", "a-2u", "a-3b", "a-4"):
        yield standard, _typst("", pdf_standards=[standard])
    yield "ua-1", _typst('#set document(title: "t")\n', pdf_standards=["ua-1"])
    for word, (width, height) in SIZES.items():
        yield word, _typst(f"#set page(width: {width}pt, height: {height}pt, margin: 20pt)\n")
    yield "pages", _typst("#pagebreak()\n" * 30)
    yield "untagged", _typst("", pdf_tags=False)
    yield "columns", _typst("#set page(columns: 2, flipped: true)\n")


def _typst(before: str, **options: Any) -> bytes:
    compiler = typst.Compiler(font_paths=[fonts.folder()], ignore_system_fonts=True)
    source = '#set text(font: "Noto Sans SC", lang: "zh")\n' + before
    source += '#link("https://court.example/")[法院]\n民事起诉状：原告请求判令被告支付货款。'
    made = compiler.compile(source.encode(), format="pdf", timestamp=EARLIER, **options)
    assert isinstance(made, bytes)
    return made


def qpdf() -> Named:
    for mode in (ObjectStreamMode.disable, ObjectStreamMode.generate, ObjectStreamMode.preserve):
        yield f"streams-{mode.name}", _saved(object_stream_mode=mode)
        yield f"linear-{mode.name}", _saved(object_stream_mode=mode, linearize=True)
    for forced in ("1.3", "1.5", "1.7", "2.0"):
        yield f"version-{forced}", _saved(force_version=forced, object_stream_mode=ObjectStreamMode.disable)
    for degrees in (90, 180, 270):
        yield f"turned-{degrees}", documents.rotated(degrees)
        yield (
            f"turned-origin-{degrees}",
            documents.pikepdf_changed(
                lambda document, degrees=degrees: setattr(document.pages[0].obj, "Rotate", degrees),
                documents.odd_origin(),
            ),
        )
    yield "user-unit", _changed(_user_unit)
    yield "lists-apart", _changed(_lists_apart, object_stream_mode=ObjectStreamMode.generate)
    yield "form-in-catalogue", _changed(_form_in_catalogue)
    yield "extensions", _changed(_extensions, force_version="1.7")
    yield "inherited", _changed(_inherited)
    yield "odd-names", _changed(_odd_names)
    yield "normalised", _saved(normalize_content=True, qdf=True)


def _saved(**saving: Any) -> bytes:
    return documents.pikepdf_changed(lambda document: None, documents.reportlab_letter(8, 3), **saving)


def _changed(change: Callable[[pikepdf.Pdf], object], **saving: Any) -> bytes:
    return documents.pikepdf_changed(change, **saving)


def _user_unit(document: pikepdf.Pdf) -> None:
    document.pages[0].obj.UserUnit = 2


def _lists_apart(document: pikepdf.Pdf) -> None:
    """Annotations, form, its fields and the extensions, each an object of its own."""
    field = document.make_indirect(Dictionary(FT=Name.Tx, T=String("CourtSeal1"), V=String("x")))
    fields = document.make_indirect(Array([field]))
    document.Root.AcroForm = document.make_indirect(Dictionary(Fields=fields, DA=String("/Helv 0 Tf 0 g")))
    document.Root.Extensions = document.make_indirect(
        Dictionary(ADBE=Dictionary(BaseVersion=Name("/1.7"), ExtensionLevel=8))
    )
    link = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([9, 9, 99, 99]), Border=Array([0, 0, 0]))
    document.pages[0].obj.Annots = document.make_indirect(Array([document.make_indirect(link)]))


def _form_in_catalogue(document: pikepdf.Pdf) -> None:
    document.Root.AcroForm = Dictionary(Fields=Array([]), SigFlags=0)


def _extensions(document: pikepdf.Pdf) -> None:
    document.Root.Extensions = Dictionary(ESIC=Dictionary(BaseVersion=Name("/1.7"), ExtensionLevel=1))


def _inherited(document: pikepdf.Pdf) -> None:
    """The page has its size and turn from the tree above it."""
    page, pages = document.pages[0].obj, document.Root.Pages
    pages.MediaBox, pages.Rotate = page.MediaBox, 90
    del page.MediaBox, page.Rotate


def _odd_names(document: pikepdf.Pdf) -> None:
    """Names with blanks and Chinese, strings with every octet, numbers in odd dress: all must be carried over."""
    document.Root["/Odd Name#1"] = Dictionary({"/法 院": String(bytes(range(256)).decode("latin-1")), "/N": -0.5})
    document.pages[0].obj["/Piece Info"] = Array([None, True, "a)b(c\\", Name("/with blank")])


def pdfium_() -> Named:
    for minor in (13, 14, 15, 16, 17):
        yield f"1.{minor % 10}", _pdfium([documents.reportlab_letter(5)], version=minor)
    for word, size in SIZES.items():
        yield word, _pdfium([], [size])
    yield "many", _pdfium([documents.reportlab_letter(5, 80)])
    yield "two", documents.pdfium_two_pages()
    for degrees in (90, 180, 270):
        yield f"turned-{degrees}", _pdfium([documents.rotated(degrees)])
    yield "from-streams", _pdfium([documents.xref_streams()])
    yield "cropped", _pdfium([documents.odd_origin()])


def _pdfium(sources: Iterable[bytes], empty: Iterable[tuple[int, int]] = (), **saving: Any) -> bytes:
    target, output = pdfium.PdfDocument.new(), io.BytesIO()
    for content in sources:
        with pdfium.PdfDocument(content) as source:
            target.import_pages(source)
    for size in empty:
        target.new_page(*size)
    target.save(output, **saving)
    target.close()
    return output.getvalue()


def fpdf2() -> Named:
    from fpdf import FPDF

    def page(change: Callable[[Any], object] = lambda _: None, **options: Any) -> bytes:
        pdf = FPDF(unit="pt", **options)
        pdf.set_creation_date(EARLIER)
        pdf.add_page()
        pdf.set_font("Times", size=11)
        pdf.multi_cell(0, 14, WORDS * 4)
        change(pdf)
        return bytes(pdf.output())

    for word, size in SIZES.items():
        yield word, page(format=size)
    for minor in range(3, 8):
        yield f"1.{minor}", page(lambda pdf, minor=minor: setattr(pdf, "pdf_version", f"1.{minor}"))
    yield "plain", page(lambda pdf: pdf.set_compression(False))
    yield "pages", page(lambda pdf: [pdf.add_page() for _ in range(60)])
    yield "across", page(orientation="landscape")
    yield "link", page(lambda pdf: pdf.link(50, 50, 90, 20, "https://court.example/"))
    yield "note", page(lambda pdf: pdf.text_annotation(50, 80, "seen"))
    yield "embedded", page(lambda pdf: pdf.embed_file(basename="a.csv", bytes=b"a;b"))
    yield "picture", page(lambda pdf: pdf.rect(300, 600, 200, 180, style="F"))
    yield "lang", page(lambda pdf: (pdf.set_lang("zh-CN"), pdf.set_title("通知")))


def pypdf() -> Named:
    from pypdf import PdfReader, PdfWriter
    from pypdf.annotations import FreeText

    def made(change: Callable[[Any], object], content: bytes = b"", **options: Any) -> bytes:
        writer, output = PdfWriter(io.BytesIO(content or documents.reportlab_letter(6)), **options), io.BytesIO()
        change(writer)
        writer.write(output)
        return output.getvalue()

    def full(change: Callable[[Any], object], content: bytes = b"") -> bytes:
        writer, output = PdfWriter(clone_from=io.BytesIO(content or documents.reportlab_letter(6))), io.BytesIO()
        change(writer)
        writer.write(output)
        return output.getvalue()

    def note(writer: Any) -> None:
        writer.add_annotation(0, FreeText(text="seen", rect=(50, 500, 200, 550)))

    yield "copied", full(lambda writer: None)
    for number, (word, size) in enumerate(SIZES.items()):
        yield f"blank-{word}", full(lambda writer, size=size: writer.add_blank_page(*size))
        yield f"merged-{number}", full(lambda writer: writer.append(PdfReader(io.BytesIO(documents.typst_chinese()))))
    for degrees in (90, 180, 270):
        yield f"turned-{degrees}", full(lambda writer, degrees=degrees: writer.pages[0].rotate(degrees))
        yield (
            f"update-turned-{degrees}",
            made(lambda writer, degrees=degrees: writer.pages[0].rotate(degrees), incremental=True),
        )
    yield "note", full(note)
    yield "update-note", made(note, incremental=True)
    yield "update-of-streams", made(note, documents.xref_streams(), incremental=True)
    yield "version", full(lambda writer: setattr(writer, "pdf_header", "%PDF-2.0"))


def cairo() -> Named:
    servers.debian("libcairo2", "/usr/lib/x86_64-linux-gnu/libcairo.so.2")
    import cairocffi

    def surface(sizes: Iterable[tuple[int, int]], words: str = WORDS, minor: str = "") -> bytes:
        output = io.BytesIO()
        page = cairocffi.PDFSurface(output, 595, 842)
        if minor:
            page.restrict_to_version(getattr(cairocffi, f"PDF_VERSION_{minor}"))
        pen = cairocffi.Context(page)
        for size in sizes:
            page.set_size(*size)
            pen.move_to(30, 40)
            pen.show_text(words)
            page.show_page()
        page.finish()
        return output.getvalue()

    for word, size in SIZES.items():
        yield word, surface([size])
        yield f"{word}-empty", surface([size], "")
    for minor in ("1_4", "1_5"):
        yield minor, surface([SIZES["a4"]], minor=minor)
    yield "pages", surface([SIZES["a4"]] * 50)
    yield "mixed", surface(SIZES.values())


def weasyprint() -> Named:
    servers.debian("libpangoft2-1.0-0", "/usr/lib/x86_64-linux-gnu/libpangoft2-1.0.so.0")
    from weasyprint import HTML

    def page(style: str = "", body: str = "", **options: Any) -> bytes:
        html = f'<html lang="en"><title>t</title><style>{style}</style><h1>Notice</h1><p>{WORDS * 5}</p>{body}</html>'
        return bytes(HTML(string=html).write_pdf(**options))

    for minor in ("1.4", "1.5", "1.6", "1.7", "2.0"):
        yield minor, page(pdf_version=minor)
    for variant in ("pdf/a-1b", "pdf/a-2b", "pdf/a-3b", "pdf/a-4u", "pdf/ua-1"):
        yield variant.replace("/", "-"), page(pdf_variant=variant)
    for word, (width, height) in SIZES.items():
        yield word, page(f"@page {{ size: {width}px {height}px; margin: 10px }}")
    yield "form", page(body='<form><input name="party"><input type="checkbox" name="b"></form>', pdf_forms=True)
    yield "plain", page(uncompressed_pdf=True)
    yield "pages", page("p { break-before: page }", f"<p>{WORDS}</p>" * 30)
    yield "links", page(body='<a href="https://court.example/">court</a>')


def chromium() -> Named:
    made: list[tuple[str, bytes]] = asyncio.run(_printed())
    yield from made


async def _printed() -> list[tuple[str, bytes]]:
    from playwright.async_api import async_playwright

    program, made = servers.debian("chromium", "chromium"), []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.set_content(f"<h1>民事起诉状</h1><p>{WORDS * 9}</p><a href='https://court.example/'>court</a>")
        for word, (width, height) in SIZES.items():
            options: dict[str, Any] = {"width": f"{width}px", "height": f"{height}px"}
            made.append((word, await page.pdf(**options)))
            made.append((f"{word}-tagged", await page.pdf(**options, tagged=True, outline=True)))
        await page.set_content(f"<p style='break-after: page'>{WORDS}</p>" * 25)
        made.append(("pages", await page.pdf()))
        await browser.close()
        return made


def ghostscript() -> Named:
    program = servers.debian("ghostscript", "gs")

    def distilled(source: bytes, *options: str) -> bytes:
        command = [program, "-q", "-dSAFER", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pdfwrite", *options]
        done = subprocess.run([*command, "-sOutputFile=-", "-"], input=source, capture_output=True, check=True)
        return done.stdout

    for level in ("1.3", "1.4", "1.5", "1.6", "1.7", "2.0"):
        yield level, distilled(_postscript(), f"-dCompatibilityLevel={level}")
    for word, (width, height) in SIZES.items():
        yield word, distilled(_postscript(), f"-dDEVICEWIDTHPOINTS={width}", f"-dDEVICEHEIGHTPOINTS={height}")
    for level in ("1", "2", "3"):
        yield f"pdfa-{level}", distilled(_postscript(), f"-dPDFA={level}", "-sColorConversionStrategy=RGB")
    yield "pages", distilled(_postscript(20))
    yield "plain", distilled(_postscript(), "-dCompressPages=false")


def _postscript(pages: int = 1) -> bytes:
    page = b"/Times-Roman findfont 10 scalefont setfont 30 150 moveto (" + WORDS.encode() + b") show showpage\n"
    return b"%!PS\n" + page * pages


def pyhanko() -> Named:
    yield from hand_made.signed_before()


def by_hand() -> Named:
    yield from hand_made.files()


def _npm(folder: Path) -> Iterator[tuple[str, str, str]]:
    modules = servers.npm_packages()
    script = servers.PROJECT / "tests" / "node" / "producers.js"
    command = [str(servers.node()), str(script), str(folder)]
    subprocess.run(command, check=True, env={"NODE_PATH": str(modules)})
    for producer in ("pdf-lib", "pdfkit"):
        made_with = json.loads((modules / producer / "package.json").read_text())["version"]
        for file in folder.glob(f"{producer}-*.pdf"):
            yield file.stem, producer, made_with


def _version(producer: str) -> str:
    if producer in PACKAGES:
        return version(PACKAGES[producer])
    package = {"cairo": "libcairo2"}.get(producer, producer)
    told = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
    return told.stdout or "-"


PRODUCERS: dict[str, Callable[[], Named]] = {
    "reportlab": reportlab,
    "typst": typst_,
    "qpdf": qpdf,
    "pdfium": pdfium_,
    "fpdf2": fpdf2,
    "pypdf": pypdf,
    "cairo": cairo,
    "weasyprint": weasyprint,
    "chromium": chromium,
    "ghostscript": ghostscript,
    "pyhanko": pyhanko,
    "by-hand": by_hand,
}


def make(folder: Path) -> None:
    """All of it into `folder`; index.json last, so that half a corpus is never taken for one."""
    index = sorted(_npm(folder))
    for producer, names in PRODUCERS.items():
        for name, content in names():
            (folder / f"{producer}-{name}.pdf").write_bytes(content)
            index.append((f"{producer}-{name}", producer, _version(producer)))
    (folder / "index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
