"""What makes a PDF show one thing today and another tomorrow without a changed byte: scripts, XFA forms, layers.

A seal over such a file is good, and says less than a reader thinks; so it is told, and nothing fails for it.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pikepdf

from signing.verifying.report import Says

ACTIONS = frozenset({"/JavaScript", "/Launch", "/ImportData", "/Rendition", "/SetOCGState"})
"""Kinds of action (ISO 32000-2 §12.6.4) that run something or change what is seen."""

_SCRIPT = Says(
    "文件含有程序（脚本等）：打开时所见可能与签章时不同，本核验不运行程序",
    "the file holds scripts: what is shown may differ from what was sealed; nothing is run here",
)
_FORM = Says(
    "文件含有动态表单（XFA）：有的软件显示表单，有的显示页面",
    "the file holds an XFA form: some programs show the form, others the pages",
)
_LAYERS = Says(
    "文件含有可显示或隐藏的图层：屏幕与打印所见可能不同",
    "the file holds layers that can be shown or hidden: screen and paper may differ",
)


def told(content: bytes) -> list[Says]:
    """Each kind that is there. Raises pikepdf.PdfError and others for what cannot be read."""
    with pikepdf.open(io.BytesIO(content), suppress_warnings=True) as document:
        return [*dict.fromkeys(says for one in document.objects for says in _inside(one))]


def _inside(one: Any) -> Iterator[Says]:
    """In one object and what stands directly in it; what it refers to has its own turn."""
    todo = [one]
    while todo:
        current = todo.pop()
        if isinstance(current, pikepdf.Array):
            todo += [each for each in current if _direct(each)]
        elif isinstance(current, pikepdf.Dictionary | pikepdf.Stream):
            yield from _kinds(current)
            todo += [each for _, each in current.items() if _direct(each)]


def _direct(one: Any) -> bool:
    return isinstance(one, pikepdf.Array | pikepdf.Dictionary) and not one.is_indirect


def _kinds(entry: Any) -> Iterator[Says]:
    if "/JS" in entry or str(entry.get("/S", "")) in ACTIONS:
        yield _SCRIPT
    if "/XFA" in entry:
        yield _FORM
    if "/OCProperties" in entry:
        yield _LAYERS
