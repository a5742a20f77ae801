"""The court seal as vector art: a round red seal, the court's name on the arc, a star, the seal's purpose below it.

Drawn in millimetres around the origin and written once per seal as a PDF content stream. Letters are outlines, so
the seal needs no font in the document. Nothing is filled behind it: what lies under a seal stays visible.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from fontTools.misc.transform import Identity, Transform
from fontTools.pens.basePen import BasePen
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.ttGlyphSet import _TTGlyphSet

from signing import fonts

DIAMETER = 42.0
"""Millimetres, the size of a Chinese court's seal."""

RADIUS = DIAMETER / 2
RED = "0.80 0.07 0.09"
RING = 1.1
NAME_RADIUS = 15.7
NAME_HEIGHT = 5.6
NAME_WIDTH = 5.2
NAME_STEP = math.radians(26)
NAME_ARC = math.radians(236)
STAR_RADIUS = 6.6
LABEL_HEIGHT = 3.5
LABEL_LENGTH = 23.0
LABEL_CENTRE = -12.6


@dataclass(frozen=True)
class SealArt:
    """Two deflated content streams around the origin, `DIAMETER` mm wide: the seal, and outlines to lie over text."""

    full: bytes
    outlines: bytes


def upright(rotation: int) -> tuple[int, ...]:
    """The form's /Matrix (ISO 32000-1 §8.10.2) on a page turned clockwise by `rotation`: turned the other way."""
    return _TURNS[rotation % 360]


_TURNS = {0: (1, 0, 0, 1, 0, 0), 90: (0, 1, -1, 0, 0, 0), 180: (-1, 0, 0, -1, 0, 0), 270: (0, -1, 1, 0, 0, 0)}


class _PathPen(BasePen):  # type: ignore[misc]  # fontTools ships no types
    """Writes PDF path operators (ISO 32000-1 §8.5.2); quadratic TrueType curves arrive as cubic ones."""

    def __init__(self, glyphs: _TTGlyphSet | None) -> None:
        super().__init__(glyphs)
        self.operators: list[str] = []

    def _moveTo(self, pt: tuple[float, float]) -> None:
        self.operators.append(f"{_points(pt)} m")

    def _lineTo(self, pt: tuple[float, float]) -> None:
        self.operators.append(f"{_points(pt)} l")

    def _curveToOne(self, pt1: tuple[float, float], pt2: tuple[float, float], pt3: tuple[float, float]) -> None:
        self.operators.append(f"{_points(pt1, pt2, pt3)} c")

    def _closePath(self) -> None:
        self.operators.append("h")


@cache
def draw(court_name: str, label: str) -> SealArt:
    """The art of one seal. Takes a moment (the font is large): keep the result."""
    with TTFont(fonts.file(), lazy=True) as font:
        heavy, plain = font.getGlyphSet(location={"wght": 650}), font.getGlyphSet(location={"wght": 500})
        letters = _on_arc(font, heavy, court_name) + _on_line(font, plain, label)
    star = _star(STAR_RADIUS)
    full = [
        "q",
        f"{RED} rg {RED} RG",
        f"{RING:g} w",
        *_circle(RADIUS - RING / 2 - 0.2),
        "S",
        *star,
        "f",
        *letters,
        "f",
        "Q",
    ]
    thin = ["q", f"{RED} RG 0.3 w", *_circle(RADIUS - 0.35), "S 0.13 w", *star, "S", *letters, "S", "Q"]
    return SealArt(full=_deflated(full), outlines=_deflated(thin))


def _deflated(operators: list[str]) -> bytes:
    return zlib.compress("\n".join(operators).encode("ascii"), 9)


def _on_arc(font: TTFont, glyphs: _TTGlyphSet, text: str) -> list[str]:
    """`text` clockwise along the upper arc, each letter upright on its radius."""
    step = min(NAME_STEP, NAME_ARC / max(len(text), 1))
    width = min(NAME_WIDTH, step * (NAME_RADIUS - NAME_HEIGHT / 2) * 0.97)
    operators: list[str] = []
    for place, letter in enumerate(text):
        angle = (place - (len(text) - 1) / 2) * step
        spot = Identity.rotate(-angle).translate(0, NAME_RADIUS)
        operators += _letter(font, glyphs, letter, spot, width, NAME_HEIGHT)
    return operators


def _on_line(font: TTFont, glyphs: _TTGlyphSet, text: str) -> list[str]:
    step = min(LABEL_HEIGHT * 1.06, LABEL_LENGTH / max(len(text), 1))
    operators: list[str] = []
    for place, letter in enumerate(text):
        spot = Identity.translate((place - (len(text) - 1) / 2) * step, LABEL_CENTRE)
        operators += _letter(font, glyphs, letter, spot, step * 0.95, LABEL_HEIGHT)
    return operators


def _letter(
    font: TTFont, glyphs: _TTGlyphSet, letter: str, spot: Transform, width: float, height: float
) -> Sequence[str]:
    """One letter's outline, its em box centred on `spot` and pressed into `width` × `height` mm."""
    glyph = glyphs[font.getBestCmap().get(ord(letter), ".notdef")]
    em = font["head"].unitsPerEm
    bounds = BoundsPen(glyphs)
    glyph.draw(bounds)
    if bounds.bounds is None:
        return ()
    middle = (bounds.bounds[1] + bounds.bounds[3]) / 2 if not _is_wide(letter) else em * 0.38
    pen = _PathPen(glyphs)
    glyph.draw(TransformPen(pen, spot.scale(width / em, height / em).translate(-glyph.width / 2, -middle)))
    return pen.operators


def _is_wide(letter: str) -> bool:
    return ord(letter) >= 0x2E80  # CJK: the em box is the letter's box, 0.12 em below the base line to 0.88 above


def _star(radius: float) -> list[str]:
    inner = radius * math.sin(math.radians(18)) / math.sin(math.radians(54))
    corners = [_polar(radius if turn % 2 == 0 else inner, math.radians(36 * turn)) for turn in range(10)]
    return [f"{_points(corners[0])} m", *(f"{_points(corner)} l" for corner in corners[1:]), "h"]


def _circle(radius: float) -> list[str]:
    k = radius * 4 / 3 * math.tan(math.pi / 8)
    r = radius
    return [
        f"{_points((r, 0))} m",
        f"{_points((r, k), (k, r), (0, r))} c",
        f"{_points((-k, r), (-r, k), (-r, 0))} c",
        f"{_points((-r, -k), (-k, -r), (0, -r))} c",
        f"{_points((k, -r), (r, -k), (r, 0))} c",
        "h",
    ]


def _polar(radius: float, clockwise_from_top: float) -> tuple[float, float]:
    return radius * math.sin(clockwise_from_top), radius * math.cos(clockwise_from_top)


def _points(*points: tuple[float, float]) -> str:
    return " ".join(f"{x:.2f} {y:.2f}" for x, y in points)
