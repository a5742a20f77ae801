"""The court's seal as an SVG, for the seal structure of GB/T 38540: the same outlines as on a sealed PDF."""

from __future__ import annotations

import zlib

from signing.seal_art import DIAMETER, draw

RED = "#CC1217"
_PATHS = {"m": "M", "l": "L", "c": "C"}


def svg(court_name: str, label: str) -> bytes:
    """A picture of `DIAMETER` mm each way."""
    half = DIAMETER / 2
    shapes = "".join(_shapes(zlib.decompress(draw(court_name, label).full).decode("ascii").splitlines()))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{DIAMETER:g}mm" height="{DIAMETER:g}mm" '
        f'viewBox="{-half:g} {-half:g} {DIAMETER:g} {DIAMETER:g}"><g transform="scale(1 -1)">{shapes}</g></svg>'
    ).encode()


def _shapes(operators: list[str]) -> list[str]:
    """Each path with the way in which it is painted (ISO 32000-1 §8.5): the art uses S and f alone."""
    shapes: list[str] = []
    path: list[str] = []
    width = "1"
    for line in operators:
        *numbers, operator = line.split()
        if operator in _PATHS:
            path.append(_PATHS[operator] + " ".join(numbers))
        elif operator == "h":
            path.append("Z")
        elif operator == "w":
            width = numbers[0]
        elif operator in ("S", "f"):
            paint = f'fill="{RED}"' if operator == "f" else f'fill="none" stroke="{RED}" stroke-width="{width}"'
            shapes.append(f'<path d="{"".join(path)}" {paint}/>')
            path = []
    return shapes
