"""Our own reading of ISO 19005-3 (PDF/A-3), of what can be told from objects: there is no free validator to install.

qpdf judges the structure beside it. What is left out: glyph widths and the content streams' operators.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf
from lxml import etree
from pikepdf import Dictionary, Name

AIIM = "{http://www.aiim.org/pdfa/ns/id/}"
_FORBIDDEN_ACTIONS = {
    "/Launch",
    "/Sound",
    "/Movie",
    "/ResetForm",
    "/ImportData",
    "/JavaScript",
    "/Hide",
    "/SetOCGState",
}
_FORBIDDEN_ANNOTATIONS = {"/Sound", "/Screen", "/3D", "/Movie"}
PRINT, HIDDEN_ONES = 1 << 2, 1 << 0 | 1 << 1 | 1 << 5 | 1 << 8


def pdfa_faults(content: bytes) -> list[str]:
    """What forbids calling the file PDF/A-3a; empty when nothing was found."""
    with pikepdf.open(io.BytesIO(content)) as document:
        return [*_file(document), *_metadata(document), *_colour(document), *_structure(document), *_all(document)]


def _file(document: pikepdf.Pdf) -> Iterator[str]:
    if "/Encrypt" in document.trailer:
        yield "6.1.3 encrypted"
    if len(document.trailer.get("/ID", [])) != 2:
        yield "6.1.3 no file identifier"
    for forbidden in ("/NeedsRendering", "/OpenAction", "/AA", "/Requirements"):
        if forbidden in document.Root:
            yield f"6.4 catalogue holds {forbidden}"
    form = document.Root.get("/AcroForm", Dictionary())
    if "/XFA" in form or form.get("/NeedAppearances", False):
        yield "6.4.1 form without appearances"


def _metadata(document: pikepdf.Pdf) -> Iterator[str]:
    stream: Any = document.Root.get("/Metadata")
    if stream is None or "/Filter" in stream:
        yield "6.6.2.1 metadata missing or packed"
        return
    packet = stream.read_bytes()
    tree = etree.fromstring(packet)
    said = {name: tree.findtext(f".//{AIIM}{name}") for name in ("part", "conformance")}
    if said != {"part": "3", "conformance": "A"}:
        yield f"6.6.4 claims {said}"
    title = document.docinfo.get("/Title")
    if title is not None and str(title) not in packet.decode():
        yield "6.6.3 title differs from the information dictionary"
    modified = str(document.docinfo.get("/ModDate", ""))[2:10]
    if modified and modified not in packet.decode().replace("-", ""):
        yield "6.6.3 date differs from the information dictionary"


def _colour(document: pikepdf.Pdf) -> Iterator[str]:
    intents = [one for one in document.Root.get("/OutputIntents", []) if one.get("/S") == Name.GTS_PDFA1]
    if len(intents) != 1 or intents[0].DestOutputProfile.N != 3:
        yield "6.2.3 one output intent for RGB should be there"


def _structure(document: pikepdf.Pdf) -> Iterator[str]:
    root = document.Root
    if not root.get("/MarkInfo", Dictionary()).get("/Marked", False):
        yield "6.7.2 not marked as tagged"
    if "/StructTreeRoot" not in root or "/K" not in root.StructTreeRoot:
        yield "6.7.3 no structure tree"
    if not str(root.get("/Lang", "")).startswith("zh"):
        yield "6.7.4 no language"
    associated = [*root.get("/AF", [])]
    named = [*root.get("/Names", Dictionary()).get("/EmbeddedFiles", Dictionary()).get("/Names", [])][1::2]
    for spec in named:
        if spec not in associated:
            yield "6.8 an embedded file is not associated"
        if "/AFRelationship" not in spec or "/UF" not in spec or "/Subtype" not in spec.EF.F:
            yield "6.8 an embedded file without relationship, name or type"


def _all(document: pikepdf.Pdf) -> Iterator[str]:
    for one in document.objects:
        if isinstance(one, pikepdf.Stream):
            yield from _stream(one)
        if isinstance(one, Dictionary):
            yield from _dictionary(one)


def _stream(one: pikepdf.Stream) -> Iterator[str]:
    if "/LZWDecode" in str(one.get("/Filter", "")) or "/F" in one:
        yield "6.1.7 LZW or an external stream"
    if one.get("/Subtype") == Name.PS or one.get("/Interpolate", False):
        yield "6.2 PostScript or interpolation"


def _dictionary(one: Dictionary) -> Iterator[str]:
    if one.get("/S") is not None and str(one.get("/S")) in _FORBIDDEN_ACTIONS and "/Type" in one:
        yield f"6.5.1 action {one.S}"
    if one.get("/Type") == Name.FontDescriptor and not {"/FontFile", "/FontFile2", "/FontFile3"} & {*one.keys()}:
        yield "6.2.11.4 a font is not embedded"
    if one.get("/Type") == Name.Font and "/ToUnicode" not in one and one.get("/Subtype") == Name.Type0:
        yield "6.2.11.7 a font without Unicode"
    if one.get("/Type") == Name.Annot or one.get("/Subtype") == Name.Widget:
        yield from _annotation(one)


def _annotation(one: Dictionary) -> Iterator[str]:
    flags = int(one.get("/F", 0))
    if str(one.get("/Subtype")) in _FORBIDDEN_ANNOTATIONS:
        yield f"6.3.1 annotation {one.Subtype}"
    if not flags & PRINT or flags & HIDDEN_ONES:
        yield f"6.3.2 annotation flags {flags}"
    if [*one.get("/AP", Dictionary()).keys()] != ["/N"]:
        yield "6.3.3 annotation without its one appearance"
    if "/A" in one or "/AA" in one:
        yield "6.4.1 a field with an action"
