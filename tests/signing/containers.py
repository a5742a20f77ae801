"""Third parties that judge containers: libdigidocpp (pydigidoc) and xmlsec1."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests import servers

UNKNOWN_AUTHORITY = frozenset(
    {
        "Signature validation",
        "Unable to verify signing certificate",
        "unable to get local issuer certificate",
        "QualifyingProperties block 'UnsignedProperties' is missing.",
        "Certificate status: unknown",
        "error:17800064:time stamp routines::certificate verify error",
        "RevocationValues object is missing",
    }
)
"""What libdigidocpp says of a sound signature whose authority is on no European list: without a timestamp, and with one
of an authority that is on none either.
"""


@dataclass(frozen=True)
class DigidocVerdict:
    """`faults`: what it says beyond `UNKNOWN_AUTHORITY`, such as that a digest or a signature value does not fit."""

    files: tuple[str, ...]
    signatures: int
    faults: tuple[str, ...]


def digidoc(container: bytes, folder: Path) -> DigidocVerdict:
    """In a process of its own: the library writes a log beside its schemas, and asks the network for that list."""
    file = folder / "judged.asice"
    file.write_bytes(container)
    judge = Path(__file__).with_name("digidoc_judge.py")
    command = [sys.executable, "-W", "ignore", str(judge), str(file), str(folder / "digidoc")]
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "HOME": str(folder)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **nowhere}
    )
    if done.returncode:
        return DigidocVerdict((), 0, tuple(done.stderr.splitlines()))
    said = json.loads(done.stdout)
    lines = [line for words in said["signatures"] for line in words.splitlines()]
    return DigidocVerdict(
        tuple(said["files"]),
        len(said["signatures"]),
        tuple(line for line in lines if line != "valid" and line not in UNKNOWN_AUTHORITY),
    )


def unpacked(container: bytes, folder: Path) -> Path:
    """The members as files."""
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        opened.extractall(folder)
    return folder


def xmlsec_accepts(folder: Path, anchor: bytes, moment: str) -> tuple[bool, str]:
    """xmlsec1's judgement of an unpacked container, and its words. `anchor`: PEM."""
    (folder / "ca.pem").write_bytes(anchor)
    program = servers.debian("xmlsec1", "xmlsec1")
    options = ["--trusted-pem", "ca.pem", "--id-attr:Id", "SignedProperties", "--verification-time", moment]
    command = [program, "--verify", *options, "META-INF/signatures0.xml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr
