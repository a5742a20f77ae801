"""The proof of service as a page: one A4 sheet, Chinese with English beneath, made by typst from plain words.

What the proof says is decided elsewhere; here is only how it looks. The lower right corner is left free for the
court's seal, which `signing.pdf.seal` puts there on its own. Typst compiles with its own fonts and a given time, so
equal content gives equal bytes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.resources
import io
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import segno
import typst

from signing import fonts, pages
from signing.errors import ProofNotRendered

LONGEST_VALUE = 400
"""Characters of one value; a provider's longer words end with an ellipsis, and the whole stands in the journal."""

SCALES = (1.06, 1.0, 0.94, 0.88, 0.82, 0.76)
"""Type sizes tried until everything fits on one page; the smallest prints main text at 6.5 points."""

ON_SEVERAL_PAGES = 0.88

STANDARD: Literal["a-3a"] = "a-3a"
"""ISO 19005-3, level A: it can be read in thirty years, carries its evidence inside, and a screen reader can follow it.
PDF/UA is not claimed: the field of the seal, which comes later, is not in the structure tree."""


@dataclass(frozen=True)
class Line:
    """The same words in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True)
class Row:
    """One labelled value. The value is shown as given: mask it before."""

    label: Line
    value: str


@dataclass(frozen=True)
class Section:
    """A titled group of rows, such as recipient, address, three times, decision."""

    title: Line
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class DocumentRow:
    """One served document. `sha256` is lower-case hex; `sealed` is when and by which seal."""

    title: str
    type: Line
    pages: int
    sha256: str
    sealed: str


@dataclass(frozen=True)
class Step:
    """One step of the way: when (local, written out), what happened, and the provider's own words if any."""

    at: str
    what: Line
    words: str = ""


@dataclass(frozen=True)
class ProofContent:
    """Everything on a proof of service, in reading order. All text is ready to print and already masked.

    `title` is 电子送达凭证 or 送达回证; `issued_at` (aware) is also the PDF's own time; `effective_on` is the civil
    day, or a dash where nothing was served; `rehearsal` prints a band that takes away all legal effect; `notes`
    stand beside the QR code.
    """

    title: Line
    certificate_no: str
    court: Line
    case_no: str
    issued_at: datetime
    issued_on: str
    outcome: Line
    served: bool
    effective_on: str
    grounds: tuple[Line, ...]
    documents: tuple[DocumentRow, ...]
    sections: tuple[Section, ...]
    steps: tuple[Step, ...] = ()
    head: tuple[Row, ...] = ()
    notes: tuple[Line, ...] = ()
    rehearsal: bool = False


def render_proof(content: ProofContent, evidence: bytes = b"") -> bytes:
    """The proof as PDF/A-3a: one page, unless its content is truly long. Raises ProofNotRendered.

    `evidence` is the sealed XML (UTF-8) that lies inside as `evidence.xml`; empty: none does.
    """
    inputs = {"content": _words(content), "qr": _qr(content), "evidence": evidence.decode()}
    try:
        return _fitted(inputs, content.issued_at)
    except ProofNotRendered:
        # PDF/A refuses letters that no font has. A rare name must not cost anybody the proof: its letters are named.
        return _fitted({**inputs, "content": _words(content, named=True)}, content.issued_at)


def _fitted(inputs: dict[str, str], issued_at: datetime) -> bytes:
    for scale in SCALES:
        document = _compiled(inputs, scale, issued_at)
        if _page_count(document) == 1:
            return document
    return _compiled(inputs, ON_SEVERAL_PAGES, issued_at)


def content_digest(content: ProofContent) -> str:
    """SHA-256 (hex) over the words of the proof: what the QR code carries beside the certificate number."""
    return hashlib.sha256(_words(content).encode()).hexdigest()


def verification_text(content: ProofContent) -> str:
    """What the QR code says: certificate number and digest, nothing about any person."""
    return f"SONGDA:1:{content.certificate_no}:{content_digest(content)}"


def _compiled(inputs: dict[str, str], scale: float, issued_at: datetime) -> bytes:
    sized = {**inputs, "scale": f"{scale:g}"}
    try:
        # typst takes whole seconds and a fixed offset, nothing else
        issued = issued_at.astimezone(UTC).replace(microsecond=0)
        compiled = _compiler().compile(
            _template(), sys_inputs=sized, format="pdf", timestamp=issued, pdf_standards=[STANDARD]
        )
    except typst.TypstError as error:
        raise ProofNotRendered(f"the template of the proof failed: {error.message}") from error
    if not isinstance(compiled, bytes):
        raise ProofNotRendered("the template of the proof gave no PDF")
    return compiled


@functools.cache
def _compiler() -> typst.Compiler:
    """One per process: a fresh one would read the fonts again for each page."""
    return typst.Compiler(font_paths=[fonts.folder()], ignore_system_fonts=True)


@functools.cache
def _template() -> bytes:
    return importlib.resources.files("signing").joinpath("templates", "proof.typ").read_bytes()


def _words(content: ProofContent, *, named: bool = False) -> str:
    plain = asdict(content)
    plain["issued_at"] = content.issued_at.isoformat()
    return json.dumps(_shortened(plain, named=named), ensure_ascii=False, sort_keys=True)


def _shortened(value: object, *, named: bool) -> object:
    if isinstance(value, str):
        cut = value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"
        return _named(cut) if named else cut
    if isinstance(value, dict):
        return {key: _shortened(one, named=named) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shortened(one, named=named) for one in value]
    return value


def _named(text: str) -> str:
    """Letters that the font lacks are told by number, as [U+20BB7]: better than a box that hides which it was."""
    known = fonts.letters()
    return "".join(one if ord(one) in known or one == "\n" else f"[U+{ord(one):04X}]" for one in text)


def _qr(content: ProofContent) -> str:
    picture = io.BytesIO()
    # A fixed mask: trying all eight costs more than typesetting the page, and any of them can be read.
    code = segno.make_qr(verification_text(content), error="m", mask=3)
    code.save(picture, kind="svg", border=0, dark="#1a1a1a", xmldecl=False, svgns=True)
    return picture.getvalue().decode("utf-8")


def _page_count(document: bytes) -> int:
    with pages.opened(document) as opened:
        return len(opened)
