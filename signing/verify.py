"""Is this file what it claims to be? Offline, without a database, trusting nothing but what the caller hands in.

Takes sealed documents, proofs, proof packs, and other people's sealed PDFs. The steps are numbered as in
docs/verifying.md, where a party does each by hand with public tools. No parser or encoder is shared with the modules
that write these files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from signing.verifying import evidence, pack, pdf
from signing.verifying.log import Held, NoCheckpoint, read_trusted
from signing.verifying.report import (
    CANNOT_TELL,
    INVALID,
    VALID,
    Notes,
    Number,
    Result,
    Says,
    Step,
    Verdict,
    somebody_trusted,
)
from signing.verifying.telling import Told, sections, summary
from signing.verifying.trust import NoCertificate, Trust, trusting

__all__ = [
    "CANNOT_TELL",
    "INVALID",
    "VALID",
    "NoCertificate",
    "NoCheckpoint",
    "Number",
    "Result",
    "Says",
    "Step",
    "Told",
    "Verdict",
    "sections",
    "summary",
    "verify",
]


def verify(
    files: Sequence[tuple[str, bytes]],
    *,
    trust: Sequence[bytes] = (),
    trust_time: Sequence[bytes] = (),
    checkpoint: bytes | None = None,
    at: datetime,
    withdrawn: Mapping[str, datetime] | None = None,
) -> Verdict:
    """Every step for every file (name for the report, content).

    `trust`: PEM or DER files of certificates that the caller believes; `trust_time`: such as he believes for timestamps
    alone; `checkpoint`: a checkpoint of the log that he got elsewhere; `at`: the instant to judge for, aware;
    `withdrawn`: from when he knows that seals of a certificate, named by its SHA-256 (hex), are not to be believed.

    Raises NoCertificate for a trust file without any, NoCheckpoint, and RuntimeError in a running event loop.
    """
    _apart_from_loops()
    believed = trusting(trust, at, trust_time, withdrawn)
    held = None if checkpoint is None else read_trusted(checkpoint)
    taken = [_one(name, content, believed, held) for name, content in files]
    trusted = bool(taken) and all(somebody_trusted(steps) for steps in taken)
    return Verdict(tuple(step for steps in taken for step in steps), trusted)


def _apart_from_loops() -> None:
    """pyHanko's coroutines are run to their end here; inside a loop each would fail, and each file seem unreadable."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("verify blocks: call it in a thread or a process of its own")


def _one(name: str, content: bytes, trust: Trust, checkpoint: Held | None) -> list[Step]:
    notes = Notes(name)
    if content[:2] == b"PK" or b"mimetype" in content[:64]:
        pack.check(notes, content, trust, checkpoint)
    else:
        _alone(notes, content, trust)
    return notes.steps


def _alone(notes: Notes, content: bytes, trust: Trust) -> None:
    """A PDF by itself, and where it is a proof of service, the evidence inside: for the time at which a seal over all
    of it is proven to have existed.
    """
    seals = pdf.check(notes, content, trust)
    if not seals:
        return
    known = [seal.at for seal in seals if seal.trusted and seal.unchanged and seal.at is not None]
    trust = replace(trust, at=min(known, default=trust.at))
    with notes.guarded(Number.CONTENTS):
        inside = pdf.attachment(content, "evidence.xml")
        if inside is not None and evidence.is_one(inside):
            evidence.check(notes.of(f"{notes.part} · evidence.xml"), inside, trust)
