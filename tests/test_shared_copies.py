"""The acceptance data in tests/data are exact copies of what the issue's authors published beside this repository."""

from __future__ import annotations

from filecmp import dircmp
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SHARED = HERE.parent.parent / "shared"


def differences(compared: dircmp[str]) -> list[str]:
    """Names that stand on one side only, or differ, in the whole tree."""
    names = compared.left_only + compared.right_only + compared.diff_files + compared.funny_files
    return names + [name for below in compared.subdirs.values() for name in differences(below)]


@pytest.mark.parametrize(("copy", "origin"), [("scenarios", "scenarios"), ("ems-codes", "data/ems-codes")])
def test_copy_is_exact(copy: str, origin: str) -> None:
    if not (SHARED / origin).is_dir():
        pytest.skip(f"no originals of {copy} beside this repository")
    assert differences(dircmp(HERE / "data" / copy, SHARED / origin)) == []
