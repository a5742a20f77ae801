"""How far down a plain page is written on, told from its content stream: what most pages of a court's files are.

Drawing such a page costs far more than reading it, since PDFium sets up fonts and colours first. So a small reader
follows only the vertical coordinate (ISO 32000-1, annex A lists the operators) and takes every mark as larger than
fonts and pens make it: what is white, clipped or invisible counts as ink. Whatever it does not know ends the reading
with None, which says nothing about the page; nothing that comes from a file makes it raise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pikepdf

LARGEST_STREAM = 16 * 1024
"""Octets as stored: deflated ones grow at most a thousandfold."""

LARGEST_CONTENT = 64 * 1024
MOST_STREAMS = 16
MOST_RESOURCES = 32
MOST_ANNOTATIONS = 64

REACH = 4.0
"""Ems that a glyph is granted on each side of its base line; the largest braces of mathematics hang down three."""

MITRE = 10.0
"""Line widths from a path's points to the tip of its mitre: twice what the limit at the start of a page allows."""

FURTHEST = 100_000.0
"""Points: what is further away is not followed, since readers that count with fewer digits may see it elsewhere."""

HAIR = 1.0
"""Points: the thinnest line that devices draw (§8.4.3.2), generously."""

_FILTERS = {"/FlateDecode", "/ASCII85Decode"}
_HARMLESS_STATE = {"/Type", "/ca", "/CA", "/BM", "/SA", "/AIS", "/OP", "/op", "/OPM", "/SMask"}
"""Entries of a graphics state that move no mark (§8.4.5); a soft mask only takes away."""

_SPACE = rb"[\0\t\n\f\r ]"
_OPERAND = (
    rb"(?:[-+]?(?:\d{1,5}+(?:\.\d*+)?|\.\d++)(?=[\0\t\n\f\r /\[\]()<>])|/[^\0\t\n\f\r /\[\]()<>{}%]*+"
    rb"|\([^()\\]*+(?:\\.[^()\\]*+)*+\)|<<|>>|<[0-9A-Fa-f\0\t\n\f\r ]*+>|\[|\])"
)
_OPERATION = re.compile(
    _SPACE + rb"*+((?:" + _OPERAND + _SPACE + rb"*+)*+)([A-Za-z'\"][A-Za-z0-9]*+\*?)(?=[\0\t\n\f\r /\[(<]|\Z)|.",
    re.DOTALL,
)
"""Operands, then the operator; neither where there is something else: nested parentheses, comments, inline images."""

_SILENT = frozenset(b"W W* BMC BDC EMC MP DP Tc Tw Tz Tr J j d ri i g G rg RG k K cs CS sc SC scn SCN".split())
"""Operators that neither mark nor move anything up or down."""


class _Unclear(Exception):
    """Something that this reader does not follow."""


class _Reader:
    """Follows the vertical coordinate: y on the page is `scale` * y + `shift`, and likewise for text inside that."""

    def __init__(self) -> None:
        self.lowest = math.inf
        self.scale, self.shift = 1.0, 0.0
        self.size = self.rise = self.leading = 0.0
        self.width = 1.0
        self.text_scale, self.text_shift = 1.0, 0.0
        self._path = math.inf
        self._kept: list[tuple[float, ...]] = []

    def save(self) -> None:
        self._kept.append((self.scale, self.shift, self.size, self.rise, self.leading, self.width))

    def restore(self) -> None:
        self.scale, self.shift, self.size, self.rise, self.leading, self.width = self._kept.pop()

    def transform(self, _a: float, b: float, _c: float, d: float, _e: float, f: float) -> None:
        if b:
            raise _Unclear
        self.scale, self.shift = self.scale * d, self.scale * f + self.shift
        if abs(self.scale) > FURTHEST or abs(self.shift) > FURTHEST:
            raise _Unclear

    def mark(self, y: float, reach: float) -> None:
        """Something between `reach` below and above `y`, both in the units of the moment, outlined or not."""
        self.lowest = min(self.lowest, self.scale * y + self.shift - abs(self.scale) * reach - self._pen())

    def _pen(self) -> float:
        """How far a line in the pen's width goes beyond its points."""
        return max(abs(self.scale) * self.width, HAIR) * MITRE

    # Paths (§8.5): the points of a curve enclose it.

    def points(self, *numbers: float) -> None:
        for y in numbers[1::2]:
            self._path = min(self._path, self.scale * y + self.shift)

    def rectangle(self, _x: float, y: float, _width: float, height: float) -> None:
        self.points(0, y, 0, y + height)

    def paint(self) -> None:
        self.lowest = min(self.lowest, self._path - self._pen())
        self.drop()

    def drop(self) -> None:
        self._path = math.inf

    def image(self) -> None:
        self.mark(0, 0)
        self.mark(1, 0)

    def set_width(self, width: float) -> None:
        self.width = abs(width)

    def set_mitre(self, limit: float) -> None:
        if limit > MITRE:
            raise _Unclear

    # Text (§9.4): lines run level, so only the line's start counts.

    def begin_text(self) -> None:
        self.text_scale, self.text_shift = 1.0, 0.0

    def text_matrix(self, _a: float, b: float, _c: float, d: float, _e: float, f: float) -> None:
        if b:
            raise _Unclear
        self.text_scale, self.text_shift = d, f

    def next_line(self, _x: float, y: float) -> None:
        self.text_shift += self.text_scale * y

    def next_line_leading(self, x: float, y: float) -> None:
        self.leading = -y
        self.next_line(x, y)

    def new_line(self) -> None:
        self.next_line(0, -self.leading)

    def set_rise(self, rise: float) -> None:
        self.rise = rise

    def set_leading(self, leading: float) -> None:
        self.leading = leading

    def show(self) -> None:
        self.mark(self.text_shift, abs(self.text_scale) * (abs(self.size) * REACH + abs(self.rise)))

    def show_on_new_line(self) -> None:
        self.new_line()
        self.show()


_WITH_NUMBERS: dict[bytes, Callable[..., None]] = {
    b"q": _Reader.save,
    b"Q": _Reader.restore,
    b"cm": _Reader.transform,
    b"w": _Reader.set_width,
    b"M": _Reader.set_mitre,
    b"m": _Reader.points,
    b"l": _Reader.points,
    b"c": _Reader.points,
    b"v": _Reader.points,
    b"y": _Reader.points,
    b"re": _Reader.rectangle,
    b"h": lambda _: None,
    b"n": _Reader.drop,
    **dict.fromkeys((b"S", b"s", b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"), _Reader.paint),
    b"BT": _Reader.begin_text,
    b"ET": lambda _: None,
    b"Tm": _Reader.text_matrix,
    b"Td": _Reader.next_line,
    b"TD": _Reader.next_line_leading,
    b"T*": _Reader.new_line,
    b"Ts": _Reader.set_rise,
    b"TL": _Reader.set_leading,
}
_SHOWING = {b"Tj": _Reader.show, b"TJ": _Reader.show, b"'": _Reader.show_on_new_line, b'"': _Reader.show_on_new_line}


def lowest_mark(page: Any) -> float | None:
    """The lowest y, in the page's own space, that anything on this page (a pikepdf dictionary) may reach.

    Infinity for an empty page. None: this page has to be drawn to know.
    """
    try:
        annotations = _annotations(page.get("/Annots", ()))
        resources = inherited(page, "/Resources")
        _check_fonts(resources.get("/Font", {}))
        return min(annotations, _read(_content(page.get("/Contents", [])), resources))
    except (_Unclear, pikepdf.PdfError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def inherited(page: Any, key: str) -> Any:
    """An entry of the page or of the nodes above it (§7.7.3.4); None where there is none. Raises LookupError."""
    for _ in range(MOST_RESOURCES):
        if page is None or key in page:
            return None if page is None else page[key]
        page = page.get("/Parent")
    raise LookupError("the tree of pages is deep")


def _annotations(annotations: Any) -> float:
    """How far down links and fields reach: what is drawn of them is fitted into their rectangle (§12.5.5), but for a
    border. Other kinds may be drawn elsewhere, as an icon or a window.
    """
    if len(annotations) > MOST_ANNOTATIONS:
        raise _Unclear
    return min(map(_annotation, annotations), default=math.inf)


def _annotation(one: Any) -> float:
    if one["/Subtype"] not in ("/Link", "/Widget"):
        raise _Unclear
    left, bottom, right, top = map(float, one["/Rect"])
    if left == right and bottom == top:  # a signature that is not shown (§12.7.4.5)
        return math.inf
    border = one["/BS"].get("/W", 1) if "/BS" in one else one["/Border"][2] if "/Border" in one else 1
    return min(bottom, top) - max(float(border), HAIR) * MITRE


def _check_fonts(fonts: Any) -> None:
    """Only horizontal writing, and no glyphs that are content streams of their own (Type 3)."""
    if len(fonts) > MOST_RESOURCES:
        raise _Unclear
    for _, font in fonts.items():
        kind = font["/Subtype"]
        if kind == "/Type0":
            if not str(font["/Encoding"]).endswith("-H"):
                raise _Unclear
        elif kind not in ("/Type1", "/TrueType", "/MMType1"):
            raise _Unclear


def _content(contents: Any) -> bytes:
    streams = list(contents) if isinstance(contents, pikepdf.Array) else [contents] if contents != [] else []
    if len(streams) > MOST_STREAMS:
        raise _Unclear
    content = b"\n".join([_decoded(stream) for stream in streams])
    if len(content) > LARGEST_CONTENT:
        raise _Unclear
    return content


def _decoded(stream: Any) -> bytes:
    given = stream.get("/Filter", [])
    filters = [str(one) for one in given] if isinstance(given, pikepdf.Array) else [str(given)] if given != [] else []
    if len(filters) != len(_FILTERS & {*filters}) or len(stream.get_raw_stream_buffer()) > LARGEST_STREAM:
        raise _Unclear
    decoded: bytes = stream.read_bytes()
    return decoded


def _read(content: bytes, resources: Any) -> float:
    reader = _Reader()
    for operands, operator in _OPERATION.findall(content.strip(b"\0\t\n\f\r ")):
        if operator in _WITH_NUMBERS:
            _WITH_NUMBERS[operator](reader, *map(float, operands.split()))
        elif operator in _SHOWING:
            _SHOWING[operator](reader)
        elif operator not in _SILENT:
            _named(reader, operator, operands.split(), resources)
    return reader.lowest


def _named(reader: _Reader, operator: bytes, operands: list[bytes], resources: Any) -> None:
    """Operators that name a resource: fonts, images, graphics states. Raises LookupError where nothing is named."""
    name = operands[0].decode("ascii")
    if operator == b"Tf":
        _, size = operands
        reader.size = float(size)
    elif operator == b"Do" and resources["/XObject"][name]["/Subtype"] == "/Image":
        reader.image()
    elif operator != b"gs" or {*resources["/ExtGState"][name].keys()} - _HARMLESS_STATE:
        raise _Unclear
