"""What the repository promises about itself: it names no place it was made in, and it stays small to read."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
PACKAGES = ("delivery", "adapters", "signing")
LOCK_FILES = ("requirements.lock", "requirements-dev.lock")
# Put together here, so that this file does not find itself.
REGISTRIES = ("pypi" + ".org", "python" + "hosted", "npm" + "js", "debian" + ".org", "index" + "-url")
HOME = re.compile(r"(?<![\w.}])/(?:root|home/\w+|Users/\w+)/")


def tracked() -> list[Path]:
    """Every file that git knows of."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, check=True, capture_output=True, text=True).stdout
    paths = [PROJECT / name for name in names.split("\0") if name]
    return [path for path in paths if path.is_file()]


def lines(path: Path) -> list[tuple[int, str]]:
    return list(enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1))


def places(found: Iterator[tuple[Path, int]]) -> list[str]:
    return [f"{path.relative_to(PROJECT)}:{number}" for path, number in found]


def code_lines(path: Path) -> int:
    return sum(1 for _, line in lines(path) if line.strip() and not line.lstrip().startswith("#"))


def modules() -> list[Path]:
    return [path for name in PACKAGES for path in sorted((PROJECT / name).rglob("*.py"))]


def test_no_file_names_a_registry() -> None:
    hits = ((p, n) for p in tracked() for n, line in lines(p) if any(name in line for name in REGISTRIES))
    assert places(hits) == []


def test_no_file_names_a_home() -> None:
    hits = ((p, n) for p in tracked() for n, line in lines(p) if HOME.search(line))
    assert places(hits) == []


@pytest.mark.parametrize("name", LOCK_FILES)
def test_lock_file_is_pinned_by_hash_and_by_nothing_else(name: str) -> None:
    text = (PROJECT / name).read_text()
    pinned = re.compile(
        r"[a-z0-9-]+(?:\[[a-z0-9,-]+\])?==[\w.+!]+(?: ; [^\\]+)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
    )
    rest = [line for line in pinned.sub("", text).splitlines() if not line.startswith("    #")]
    assert rest == []


def test_the_lock_files_agree() -> None:
    runtime, everything = (set(re.findall(r"^\S+==\S+", (PROJECT / name).read_text(), re.M)) for name in LOCK_FILES)
    assert runtime < everything


def test_every_library_we_ask_for_is_locked() -> None:
    asked = re.findall(r'^    "([a-z0-9-]+)(?:\[.*\])?(?:>=.*)?",$', (PROJECT / "pyproject.toml").read_text(), re.M)
    locked = set(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", (PROJECT / "requirements-dev.lock").read_text(), re.M))
    assert len(asked) > 20
    assert sorted(set(asked) - locked) == []


@pytest.mark.parametrize("folder", [*PACKAGES, "tests"])
def test_no_module_is_above_400_lines_of_code(folder: str) -> None:
    sizes = {str(path.relative_to(PROJECT)): code_lines(path) for path in (PROJECT / folder).rglob("*.py")}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_the_median_function_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in modules()]
    functions = [
        node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]
    with capsys.disabled():
        print(f"\n{len(trees)} modules, {len(lengths)} functions, median {statistics.median(lengths):g} lines")
    assert statistics.median(lengths) <= 12
