"""Key and secret files: whole or not there, and there after a power failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.servers import PROJECT

LISTENING = """
import os, sys
from pathlib import Path

real = os.fsync

def heard(descriptor):
    print("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
    real(descriptor)

os.fsync = heard
sys.addaudithook(lambda event, told: event == "os.rename" and print("rename", told[0], told[1]))

from delivery.keyring import write_private

write_private(Path(sys.argv[1]), b"secret")
"""


def done(path: Path) -> list[list[str]]:
    """What the system was asked to do, in its order."""
    command = [sys.executable, "-c", LISTENING, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=PROJECT)
    return [line.split(" ") for line in said.stdout.splitlines()]


def test_a_new_secret_lasts_with_its_name_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "password"
    folder, draft, rename, name = done(path)
    assert folder == ["fsync", str(tmp_path)], "the folder's own name, which is new"
    assert rename == ["rename", draft[1], str(path)], "the content was written before it got its name"
    assert name == ["fsync", str(path.parent)]
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"secret", 0o600)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [each.name for each in path.parent.iterdir()] == ["password"]


def test_in_a_folder_that_is_there(tmp_path: Path) -> None:
    assert [words[0] for words in done(tmp_path / "client-secret")] == ["fsync", "rename", "fsync"]
