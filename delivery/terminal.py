"""Tables on a terminal, where a Chinese character takes two columns."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence


def width(text: str) -> int:
    """Columns that the text takes (Unicode UAX 11: wide and fullwidth characters take two)."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table whose columns are as wide as their widest cell."""
    columns = [max(width(row[i]) for row in (head, *rows)) for i in range(len(head))]
    rule = ["-" * width(cell) for cell in head]
    for row in (head, rule, *rows):
        cells = (cell + " " * (column - width(cell)) for cell, column in zip(row, columns, strict=True))
        yield "  ".join(cells).rstrip()
