"""songda at a shell: its commands, and a service that is up when its context is entered."""

from __future__ import annotations

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import structlog

from delivery import logs
from delivery.__main__ import main
from tests.servers import PROJECT, running, wait_until


def environment(**more: str) -> dict[str, str]:
    """Nothing of songda's from outside; English; Python in UTF-8."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SONGDA_", "LC_", "LANG"))}
    return {**kept, "LANG": "C.UTF-8", "PYTHONUTF8": "1", **more}


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "delivery", *map(str, words)]


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


def songda(*words: str | Path, **more: str) -> Said:
    """One command, to its end, in this process (a new one would spend its seconds on imports)."""
    out, err = io.StringIO(), io.StringIO()
    with logs_as_before(), _environ(environment(**more)), redirect_stdout(out), redirect_stderr(err):
        try:
            status = main([str(word) for word in words])
        except SystemExit as end:  # argparse
            status = int(end.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


@contextmanager
def _environ(only: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(only)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def logs_as_before() -> Iterator[None]:
    """What `delivery.logs.configure` changes is changed back."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs.HEARD}
    try:
        yield
    finally:
        structlog.configure(**before)
        root.handlers[:], root.level = handlers, level
        for name, each in levels.items():
            logging.getLogger(name).setLevel(each)


@contextmanager
def service(
    words: Sequence[str | Path], log: Path, *, stop: int = signal.SIGTERM, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A service or a worker, at work; its output is in `log`. It is stopped in the end."""
    with (
        log.open("ab") as output,
        running(
            command(*words), stop=stop, cwd=PROJECT, env=environment(**env or {}), stdout=output, stderr=output
        ) as process,
    ):
        began = log.stat().st_size
        if not wait_until(lambda: b"songda is at work" in log.read_bytes()[began:], process):
            raise RuntimeError(log.read_text(errors="replace"))
        yield process
