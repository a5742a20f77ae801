"""A short run with fixed seeds; the long ones are `python -m tests.fuzz --minutes N`."""

from __future__ import annotations

from itertools import islice

import pytest

from tests.fuzz.driving import one
from tests.fuzz.targets import targets

NAMES = [
    "revocation list", "OCSP answer", "certificate", "trust", "key file", "national key file", "SM2 signature",
    "SM2 certificate", "electronic seal", "cosignature", "note of several", "tile", "kept", "document keys",
    "link or pass", "evidence", "container", "renewal", "archive token", "verify a renewed pack",
    "verify what is stamped", "verify a second seal", "inspection", "seal a PDF", "verify a PDF",
    "verify a seal's container",
    "verify a pack", "verify a member", "verify what is sealed", "verify a checkpoint", "timestamp response",
    "timestamp token of ours", "timestamp token", "vkey", "e-mail report", "SMPP receipt", "EMS report", "submission",
]  # fmt: skip
SEEDS = 25


def test_every_target_is_run() -> None:
    assert list(targets()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_short_run(name: str) -> None:
    found = (one(name, targets()[name], f"short {number}") for number in range(SEEDS))
    assert list(islice((finding.says for finding in found if finding), 1)) == []
