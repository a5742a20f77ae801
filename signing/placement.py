"""Where a seal can stand without hiding anything.

Many pages are plainly not written on that far down, which their content stream tells without drawing (`plain_place`).
Most others are white where the seal would be best, so that corner alone is drawn next. Otherwise the whole page is
drawn small and grey, as a reader sees it: with its rotation, its crop box, its forms and earlier seals. Every dot that
differs from the paper is ink, and the boxes of the text are ink throughout. Each row of the picture is one integer, a
bit per dot; a free square is then a run of zeros in the union of rows, found with a few shifts.
"""

from __future__ import annotations

import ctypes
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pikepdf
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from signing import pages
from signing.lowest_mark import inherited, lowest_mark

MILLIMETRE = 72 / 25.4
SIZES = (42.0, 36.0, 30.0)
"""Diameters in mm, tried in this order on each page."""

EDGE = 9.0
"""Millimetres between seal and page edge: no printer cuts it off."""

CLEARANCE = 1.0
LARGEST_SHARE = 0.42
"""Of the shorter side of a small page: the most a seal takes."""

DOTS_PER_MM = 1.5
MOST_DOTS = 900
PAGES_TRIED = 12
PAPER_TOLERANCE = 20
"""Grey levels by which scanned paper differs from itself."""

_WHITE = bytes(range(255 - PAPER_TOLERANCE, 256))
_MAY_BE_TEXT = {raw.FPDF_PAGEOBJ_TEXT, raw.FPDF_PAGEOBJ_FORM}


@dataclass(frozen=True)
class Place:
    """A square for the seal. `box` is (left, bottom, right, top) in points of the page's own space, before rotation.

    `page` counts from 0; `rotation` is the page's, clockwise in degrees; `free` tells that nothing stands in the box.
    """

    page: int
    box: tuple[float, float, float, float]
    rotation: int
    free: bool


def find_place(content: bytes) -> Place:
    """The free place nearest the lower right corner of the last page, or of an earlier one where the last is full.

    Where no page has room: the corner of the last page, with `free` False. Raises PageNotShown on a document that
    cannot be read.
    """
    with pages.opened(content) as document:
        last = len(document) - 1
        for number in range(last, max(last - PAGES_TRIED, -1), -1):
            place = _free_place(document[number], number)
            if place is not None:
                return place
        return _corner(document[last], last)


def plain_place(document: pikepdf.Pdf) -> Place | None:
    """The place that `find_place` would find, where the last page's content stream alone shows that it is free.

    None says nothing: the page has to be drawn. Raises what pikepdf raises on a broken tree of pages.
    """
    number = len(document.pages) - 1
    page = document.pages[number].obj
    box = _plain_box(page)
    lowest = lowest_mark(page) if box else None
    if box is None or lowest is None:
        return None
    left, bottom, right, top = box
    across, down = right - left, top - bottom
    frame, size = _frame_of(across, down), _sizes_of(across, down)[0]
    side, edge = frame.dots(size + 2 * CLEARANCE), frame.dots(EDGE)
    x, y = frame.width - edge - side / 2, edge + side / 2
    height = bottom + (y + side / 2) / frame.height * down
    if min(frame.width, frame.height) < 2 * edge + side or lowest <= height:
        return None
    x, y, half = left + x / frame.width * across, bottom + y / frame.height * down, size * MILLIMETRE / 2
    return Place(number, (x - half, y - half, x + half, y + half), 0, True)


def _plain_box(page: Any) -> tuple[float, ...] | None:
    """What is shown of the page (ISO 32000-1 §14.11.2): left, bottom, right, top. None where it is turned, scaled or
    odd.
    """
    try:
        media, crop = inherited(page, "/MediaBox"), inherited(page, "/CropBox")
        if page.get("/UserUnit", 1) != 1 or inherited(page, "/Rotate"):
            return None
        box = tuple(float(side) for side in media)
        left, bottom, right, top = box
    except (LookupError, TypeError, ValueError):
        return None
    same = crop is None or [*crop] == [*media]
    return box if same and right - left > MILLIMETRE and top - bottom > MILLIMETRE else None


@dataclass(frozen=True)
class _Frame:
    """A drawing of the whole page: `scale` in dots per point."""

    width: int
    height: int
    scale: float

    def dots(self, millimetres: float) -> int:
        return max(1, round(millimetres * MILLIMETRE * self.scale))


@dataclass(frozen=True)
class _Picture(_Frame):
    """A page drawn small: `rows` from the top, bit 0 the leftmost dot."""

    rows: list[int]


def _free_place(page: pdfium.PdfPage, number: int) -> Place | None:
    return _white_corner(page, number) or _searched(page, number)


def _white_corner(page: pdfium.PdfPage, number: int) -> Place | None:
    """The best place for the largest seal, where it is white and no text reaches into it; None says nothing more."""
    frame, size = _frame(page), _sizes(page)[0]
    side, edge = frame.dots(size + 2 * CLEARANCE), frame.dots(EDGE)
    left, top = frame.width - edge - side, frame.height - edge - side
    if min(left, top) < edge or not _is_white(page, frame, side, edge) or _has_text(page, frame, left, top, side):
        return None
    return _place(page, number, frame, (left + side / 2, top + side / 2), size, free=True)


def _is_white(page: pdfium.PdfPage, frame: _Frame, side: int, edge: int) -> bool:
    # pdfium rounds what is cut off up to whole dots, so half a dot less is asked for
    cut = [(dots - 0.5) / frame.scale for dots in (frame.width - edge - side, edge, edge, frame.height - edge - side)]
    bitmap = page.render(scale=frame.scale, grayscale=True, crop=tuple(cut))
    pixels, stride = bytes(bitmap.buffer), bitmap.stride
    rows = (pixels[start : start + bitmap.width] for start in range(0, bitmap.height * stride, stride))
    return not b"".join(rows).translate(None, _WHITE)


def _has_text(page: pdfium.PdfPage, frame: _Frame, left: int, top: int, side: int) -> bool:
    """Whether text may stand in the square, pale or invisible text included: forms are not looked into."""
    x1, y1 = _to_page(page, frame, (left, top))
    x2, y2 = _to_page(page, frame, (left + side, top + side))
    square = min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)
    bounds = [ctypes.c_float() for _ in range(4)]
    for index in range(raw.FPDFPage_CountObjects(page.raw)):
        one = raw.FPDFPage_GetObject(page.raw, index)
        if raw.FPDFPageObj_GetType(one) in _MAY_BE_TEXT:
            known = raw.FPDFPageObj_GetBounds(one, *bounds)
            if not known or _overlap(square, [bound.value for bound in bounds]):
                return True
    return False


def _overlap(square: tuple[float, float, float, float], other: list[float]) -> bool:
    return other[0] < square[2] and other[2] > square[0] and other[1] < square[3] and other[3] > square[1]


def _searched(page: pdfium.PdfPage, number: int) -> Place | None:
    picture = _picture(page)
    edge = picture.dots(EDGE)
    for size in _sizes(page):
        side = picture.dots(size + 2 * CLEARANCE)
        spot = _nearest_corner(picture, side, edge)
        if spot is not None:
            middle = (spot[0] + side / 2, spot[1] + side / 2)
            return _place(page, number, picture, middle, size, free=True)
    return None


def _corner(page: pdfium.PdfPage, number: int) -> Place:
    frame, size = _frame(page), _sizes(page)[0]
    inset = frame.dots(EDGE + size / 2)
    return _place(page, number, frame, (frame.width - inset, frame.height - inset), size, free=False)


def _sizes(page: pdfium.PdfPage) -> list[float]:
    return _sizes_of(*page.get_size())


def _sizes_of(across: float, down: float) -> list[float]:
    largest = min(across, down) / MILLIMETRE * LARGEST_SHARE
    return [size for size in SIZES if size <= largest] or [largest]


def _frame(page: pdfium.PdfPage) -> _Frame:
    return _frame_of(*page.get_size())


def _frame_of(across: float, down: float) -> _Frame:
    """`across` and `down` in points."""
    scale = min(DOTS_PER_MM / MILLIMETRE, MOST_DOTS / max(across, down, 1.0))
    return _Frame(math.ceil(across * scale), math.ceil(down * scale), scale)


def _picture(page: pdfium.PdfPage) -> _Picture:
    scale = _frame(page).scale
    bitmap = page.render(scale=scale, grayscale=True)
    pixels, width, height, stride = bytes(bitmap.buffer), bitmap.width, bitmap.height, bitmap.stride
    inked = pixels.translate(_ink_table(pixels))
    rows = [_bits(inked[start : start + width]) for start in range(0, height * stride, stride)]
    picture = _Picture(width, height, scale, rows)
    for box in _text_boxes(page, picture):
        _blacken(picture, box)
    return picture


def _ink_table(pixels: bytes) -> bytes:
    """Grey level → "0" for paper (what most of the page looks like), "1" for ink."""
    mostly_white = 2 * pixels.count(255) > len(pixels)
    paper = 255 if mostly_white else Counter(pixels[::7]).most_common(1)[0][0]
    return bytes(ord("1") if abs(level - paper) > PAPER_TOLERANCE else ord("0") for level in range(256))


def _bits(row: bytes) -> int:
    return int(row[::-1], 2)


def _text_boxes(page: pdfium.PdfPage, picture: _Picture) -> Iterator[tuple[int, int, int, int]]:
    """Each text box in dots: (left, top, right, bottom)."""
    text = page.get_textpage()
    for index in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(index)
        x1, y1 = _to_dots(page, picture, left, bottom)
        x2, y2 = _to_dots(page, picture, right, top)
        yield min(x1, x2), min(y1, y2), max(x1, x2) + 1, max(y1, y2) + 1


def _blacken(picture: _Picture, box: tuple[int, int, int, int]) -> None:
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], picture.width), min(box[3], picture.height)
    if right > left:
        run = ((1 << (right - left)) - 1) << left
        for row in range(top, bottom):
            picture.rows[row] |= run


def _nearest_corner(picture: _Picture, side: int, edge: int) -> tuple[int, int] | None:
    """Left and top of the free square whose lower right corner comes nearest to the page's, or None."""
    right, bottom = picture.width - edge - side, picture.height - edge - side
    best: tuple[int, int] | None = None
    nearest = (right + 1) ** 2 + (bottom + 1) ** 2
    for top in range(bottom, edge - 1, -1):
        if (bottom - top) ** 2 >= nearest:
            break  # every square further up is further away than the one we have
        left = _last_run(reduce(int.__or__, picture.rows[top : top + side]), side, edge, right)
        if left is not None and (right - left) ** 2 + (bottom - top) ** 2 < nearest:
            best, nearest = (left, top), (right - left) ** 2 + (bottom - top) ** 2
    return best


def _last_run(ink: int, length: int, first: int, last: int) -> int | None:
    """The rightmost start, between `first` and `last`, of `length` dots without ink."""
    if last < first:
        return None
    covered = 1
    while covered < length:  # afterwards bit i of `ink` is set where any of the dots i … i+length-1 is
        step = min(covered, length - covered)
        ink |= ink >> step
        covered += step
    starts = ~ink & ((1 << (last + 1)) - 1)
    left = starts.bit_length() - 1
    return left if left >= first else None


def _place(
    page: pdfium.PdfPage, number: int, frame: _Frame, middle: tuple[float, float], size: float, *, free: bool
) -> Place:
    x, y = _to_page(page, frame, middle)
    half = size * MILLIMETRE / 2
    return Place(number, (x - half, y - half, x + half, y + half), page.get_rotation(), free)


def _to_dots(page: pdfium.PdfPage, picture: _Picture, x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    frame = (0, 0, picture.width, picture.height, 0)
    raw.FPDF_PageToDevice(page.raw, *frame, x, y, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value


def _to_page(page: pdfium.PdfPage, frame: _Frame, dot: tuple[float, float]) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    fine = 64  # the interface takes whole dots: ask on a finer picture, so that the seal's centre is not rounded
    whole = (0, 0, frame.width * fine, frame.height * fine, 0)
    raw.FPDF_DeviceToPage(
        page.raw, *whole, round(dot[0] * fine), round(dot[1] * fine), ctypes.byref(x), ctypes.byref(y)
    )
    return x.value, y.value
