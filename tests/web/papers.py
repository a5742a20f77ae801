"""Court papers that look like court papers, made with typst and the font of the proofs. Equal words, equal bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import typst

from signing import fonts

MADE_AT = datetime(2025, 9, 16, tzinfo=UTC)

_LOOK = """
#set page(paper: "a4", margin: (x: 3cm, y: 3.2cm))
#set text(font: "Noto Sans SC", size: 14pt, lang: "zh")
#set par(leading: 1.1em, first-line-indent: 2em, justify: true)
#let seal(name) = place(bottom + right, dx: -1cm, dy: -2cm, circle(radius: 2cm, stroke: 2.5pt + rgb("#c3281c"))[
  #align(center + horizon)[#text(fill: rgb("#c3281c"), size: 9pt, weight: "bold")[#name \\ ★ \\ 电子送达]]])
"""


@cache
def _compiler() -> typst.Compiler:
    return typst.Compiler(font_paths=[fonts.folder()], ignore_system_fonts=True)


@cache
def paper(title: str, *paragraphs: str, pages: int = 1, sealed: bool = False) -> bytes:
    """A PDF of `pages` pages; `sealed` shows a drawn seal on each (a picture of one, no signature)."""
    seal = '#seal("示范市人民法院")' if sealed else ""
    leaf = "\n\n".join((f'#align(center)[#text(size: 22pt, weight: "bold")[{title}]]', "#v(1em)", *paragraphs, seal))
    source = _LOOK + "\n#pagebreak()\n".join([leaf] * pages)
    return bytes(_compiler().compile(input=source.encode(), format="pdf", timestamp=MADE_AT))


PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b8"
    "0000000049454e44ae426082"
)
"""The smallest PNG: evidence for a slip."""
