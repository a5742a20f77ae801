"""The one font of seals and proofs: Noto Sans SC (OFL), brought by the wheel `justmytype-intl-cjk`."""

from __future__ import annotations

import importlib.resources
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont

FAMILY = "Noto Sans SC"


@cache
def folder() -> Path:
    """Where the wheel keeps Noto Sans SC and nothing else: typst scans it in no time."""
    return Path(str(importlib.resources.files("justmytype_intl_cjk"))) / "fonts" / "ofl" / "notosanssc"


def file() -> Path:
    """The variable font, weights 100 to 900."""
    return folder() / "NotoSansSC[wght].ttf"


@cache
def letters() -> frozenset[int]:
    """The code points that it can draw. Reading them takes most of a second, once per process."""
    with TTFont(file(), lazy=True) as font:
        return frozenset(font.getBestCmap())
