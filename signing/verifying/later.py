"""What follows the last seal of a PDF: validation data and timestamps, which change nothing that a reader sees.

A second reader (qpdf) looks at the file as it was when it was sealed and as it is now, object by object: the first
one (pyHanko) lets titles and other words about the document change, and two readers are harder to fool than one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf
from lxml import etree

from signing.verifying.report import Says

MARK = b"startxref"
ADDED = frozenset({"/DSS", "/Extensions", "/Version"})
"""Entries of the catalogue that belong to validation (ETSI EN 319 142-1 §5.4, ISO 32000-2 §7.12)."""

TOUCHED = frozenset({"/ModDate", "/Producer"})
"""What writers of updates put down about themselves."""

DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"

LARGEST_WORDS = 256 * 1024
"""Bytes of metadata as they stand in the file; unpacked they may be a thousand times as many."""

GROWING = ("/Annots", "/Fields")
"""Lists to which a document timestamp adds its field."""

_EMPTY = Says(
    "最后一枚签章之后附有空的更新或无人读取的字节",
    "an empty update, or bytes that no reader looks at, follow the last seal",
)
_DAMAGED = Says("签章之后的更新损坏了文件结构", "an update after the seal damages the structure of the file")
_OTHER = Says("签章之后追加了改动内容的更新", "an update was added after the seal, and it changes the document")
_WORDS = Says(
    "签章之后，标题等关于文件的说明被改动", "the title, or other words about the document, were changed after the seal"
)


def faults(content: bytes, end: int, updates: int, empty: int) -> Iterator[Says]:
    """What is wrong with the bytes from `end` on, where the last seal's own revision ends. `updates`: how many
    revisions the first reader found there; `empty`: those of them in which nothing stands.

    Raises pikepdf.PdfError, ValueError and others for what cannot be read.
    """
    tail = content[end:].strip()
    if not tail:
        return
    if empty or not updates or tail.count(MARK) != updates or not tail.endswith(b"%%EOF"):
        yield _EMPTY
        return
    repaired = _needs_repair(content[:end])
    if not repaired and _needs_repair(content):
        yield _DAMAGED  # then each reader guesses for itself, and what one guesses need not be what another shows
        return
    with _opened(content[:end], repaired) as sealed, _opened(content, repaired) as now:
        yield from _differences(sealed, now)


def _needs_repair(content: bytes) -> bool:
    try:
        _opened(content, False).close()
    except pikepdf.PdfError:
        return True
    return False


def _opened(content: bytes, repaired: bool) -> pikepdf.Pdf:
    return pikepdf.open(io.BytesIO(content), attempt_recovery=repaired, suppress_warnings=True)


def _differences(sealed: pikepdf.Pdf, now: pikepdf.Pdf) -> Iterator[Says]:
    apart = ADDED | {"/AcroForm", "/Metadata"}
    forms = _plain(sealed.Root.get("/AcroForm")), _plain(now.Root.get("/AcroForm"))
    if not _same((_plain(sealed.Root, apart), _plain(now.Root, apart)), forms):
        yield _OTHER
    info = _plain(sealed.trailer.get("/Info"), TOUCHED), _plain(now.trailer.get("/Info"), TOUCHED)
    if not _same(info) or _words(sealed.Root.get("/Metadata")) != _words(now.Root.get("/Metadata")):
        yield _WORDS


def _plain(entry: Any, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    return {} if entry is None else {name: entry[name] for name in entry.keys() if name not in without}  # noqa: SIM118


def _same(*pairs: tuple[Any, Any]) -> bool:
    """Whether the graphs from there on are alike, but for fields of timestamps that came after."""
    seen, todo = set(), [*pairs]
    while todo:
        one, other = todo.pop()
        place = (getattr(one, "objgen", _DIRECT), getattr(other, "objgen", _DIRECT))
        if place in seen:
            continue
        if place != (_DIRECT, _DIRECT):
            seen.add(place)
        inside = _inside(one, other)
        if inside is None:
            return False
        todo += inside
    return True


_DIRECT = (0, 0)


def _inside(one: Any, other: Any) -> list[tuple[Any, Any]] | None:
    """The pairs that have to be alike for these two to be; none where they differ."""
    if _kind(one) != _kind(other):
        return None
    if isinstance(one, pikepdf.Array):
        return [*zip(one, other, strict=True)] if len(one) == len(other) else None
    if isinstance(one, pikepdf.Stream) and one.read_raw_bytes() != other.read_raw_bytes():
        return None
    if not isinstance(one, dict | pikepdf.Dictionary | pikepdf.Stream):
        return [] if one == other else None
    ours, theirs = _plain(one), _plain(other)
    pairs: list[tuple[Any, Any]] = []
    for name in GROWING:
        begun, grown = [*ours.pop(name, [])], [*theirs.pop(name, [])]
        if len(begun) > len(grown) or not all(map(_is_timestamp, grown[len(begun) :])):
            return None
        pairs += zip(begun, grown, strict=False)
    return [*pairs, *((ours[name], theirs[name]) for name in ours)] if ours.keys() == theirs.keys() else None


def _kind(one: Any) -> object:
    return getattr(one, "_type_code", type(one))


def _is_timestamp(field: Any) -> bool:
    """A field of a document timestamp (ISO 32000-2 §12.8.5) that takes no room on the page and does nothing."""
    left, bottom, right, top = field.get("/Rect", [0, 0, 0, 0])
    value = field.get("/V", {})
    acts = {"/A", "/AA", "/Kids"} & {*field.keys()}
    return bool(left == right and bottom == top and value.get("/Type") == "/DocTimeStamp" and not acts)


def _words(metadata: Any) -> list[tuple[str, str]]:
    """What XMP (ISO 16684-1) tells a reader: title, creator, description …, however it is written down."""
    if metadata is None:
        return []
    if len(metadata.read_raw_bytes()) > LARGEST_WORDS:
        raise ValueError("metadata should not be that large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(metadata.read_bytes(), parser)
    return sorted(words for element in root.iter(etree.Element) for words in _said(element))


def _said(element: etree._Element) -> Iterator[tuple[str, str]]:
    """As attribute of a description, as element, or as one of a list in an element."""
    yield from ((str(name), str(value)) for name, value in element.items() if str(name).startswith(DUBLIN_CORE))
    above = [str(one.tag) for one in (element, *element.iterancestors())]
    words = (element.text or "").strip()
    yield from ((tag, words) for tag in above if words and tag.startswith(DUBLIN_CORE))
