"""Time per proof and per proof pack, as the service makes them: its pool, in this process. Judges look at every one."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from signing import pdf
from signing.file_signer import PemKey
from signing.keys import make_key_file, open_key_file
from signing.pack import LedgerEvent, LedgerPart, PackContent, RawMessage
from signing.pool import SealKeys, SealPool
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL, PASSWORD
from tests.signing.containers import digidoc, unpacked, xmlsec_accepts
from tests.signing.test_evidence import anchor_pem, evidence
from tests.signing.test_proof import PLAIN

COURT = "632801"
MOMENT = "2026-03-04 10:00:00"
EVENTS, PROOF_LENGTH = 12, 20
"""Of one delivery; and the hashes from a leaf to the root where the log holds a million events."""


@dataclass(frozen=True)
class Made:
    """Milliseconds of each proof (evidence sealed, drawn with it inside, sealed) and of each pack around it."""

    proofs: tuple[float, ...]
    packs: tuple[float, ...]
    fallbacks: float


def measure(count: int) -> Made:
    """Raises AssertionError when pyHanko refuses a proof, xmlsec1 a pack, or libdigidocpp the last pack."""
    validity = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
    file = make_key_file(PASSWORD, court=COURT, court_name=COURT_NAME, not_before=validity[0], not_after=validity[1])
    opened = open_key_file(file.content, PASSWORD)
    recipe = PemKey(opened.private_key_pem, opened.certificate_pem)
    keys = SealKeys(recipe, opened.certificate_pem, COURT_NAME, LABEL)
    with _pool(keys) as pool:
        times, outputs = asyncio.run(_made(pool, count))
        fallbacks = pool.made[pdf.Path.FALLBACK] / pool.made.total()
    for number, (proof, pack) in enumerate(outputs, 1):
        assert judges.pyhanko_accepts(proof, opened.certificate_pem)
        _judge(pack, anchor_pem(recipe()), by_digidoc=number == len(outputs))
    of_proofs, of_packs = zip(*times, strict=True)
    return Made(of_proofs, of_packs, fallbacks)


@contextmanager
def _pool(keys: SealKeys) -> Iterator[SealPool]:
    pool = SealPool({COURT: (keys,)}, processes=0)
    try:
        yield pool
    finally:
        pool.close()


async def _made(pool: SealPool, count: int) -> tuple[list[tuple[float, float]], list[tuple[bytes, bytes]]]:
    """Milliseconds of each proof and pack, and the files; without the first, which reads fonts and schemas."""
    sources = (documents.reportlab_letter(), documents.typst_chinese())
    served = tuple([(f"d{n}", await pool.seal(COURT, one, AT, "", "")) for n, one in enumerate(sources)])
    times, outputs = [], []
    for number in range(count + 1):
        begun = time.perf_counter()
        xml = await pool.evidence(COURT, evidence(), AT)
        content = replace(PLAIN, certificate_no=f"SD-2026-{number:06}-1")
        proof = await pool.proof(COURT, content, AT, "送达", "示例市", evidence=xml, to_be_stamped=True)
        between = time.perf_counter()
        pack = await pool.pack(COURT, _content(served, proof, xml), AT)
        times.append((1000 * (between - begun), 1000 * (time.perf_counter() - between)))
        outputs.append((proof, pack))
    return times[1:], outputs[1:]


def _content(served: tuple[tuple[str, bytes], ...], proof: bytes, xml: bytes) -> PackContent:
    receipts = tuple(RawMessage(f"r{n}", "email", AT, b"raw " * 500, {"n": str(n)}, event=n) for n in range(4))
    hashes = tuple(bytes([n]) * 32 for n in range(PROOF_LENGTH))
    leaves = tuple(LedgerEvent(n, bytes([n]) * 16, '{"delivery":"D1"}', hashes) for n in range(EVENTS))
    note = "songda.local/632801\n1\nAA==\n\n— note\n".encode()
    return PackContent(served, proof, xml, receipts, LedgerPart(note, "songda.local/632801+00+AA", leaves))


def _judge(pack: bytes, anchor: bytes, *, by_digidoc: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="songda-bench-") as name:
        accepted, said = xmlsec_accepts(unpacked(pack, Path(name) / "pack"), anchor, MOMENT)
        assert accepted, said
        if by_digidoc:
            assert digidoc(pack, Path(name)).faults == ()
