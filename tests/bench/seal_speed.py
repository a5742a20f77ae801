"""Seals per second: ours beside plain pyHanko, on the same PDFs, keys and cores.

Ours draws the seal, looks for its place and signs. Plain pyHanko signs only: once with a signer that keeps its loaded
key, once with its own SimpleSigner, which loads the key for each signature. The ways take turns, document by document,
so that whatever else the machine does slows them alike; a way's time for a document is the median of its turns, and
ways are compared by the sums of these. A figure counts only when pyHanko's validator accepts the last output for each
document, and tells how many seals of ours fell back to pyHanko. Run: python -m tests.bench.seal_speed [COUNT]
"""

from __future__ import annotations

import asyncio
import io
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import psutil
from asn1crypto import keys as asn1_keys
from asn1crypto import pem, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_cms import Signer as PyHankoSigner
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing import pdf
from signing.file_signer import PemKey, Recipe
from signing.signer import Signer
from tests.bench.seal_keys import RECIPES, on_token
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL

COUNT = 100
OURS, KEPT, SIMPLE = "songda", "pyHanko, key kept", "pyHanko, SimpleSigner"
MEMORY_SEALS = 3000
IN_A_ROW = 5
"""Where the ways change at each document, each finds the processor's caches full of the other's; a service does not."""
SIMPLE_EVERY = 10
"""SimpleSigner checks an RSA key at each seal, for up to half a second: it joins in every tenth turn."""

SOURCES: dict[str, Callable[[], bytes]] = {
    "letter": documents.reportlab_letter,
    "typst": documents.typst_chinese,
    "xref-streams": documents.xref_streams,
    "pdf-2.0": documents.pdf_2_0,
}


@dataclass(frozen=True)
class SealSpeed:
    """Seals per second of one way to make them, with one kind of key; `fallbacks` of all its seals were pyHanko's."""

    key: str
    way: str
    per_second: float
    fallbacks: float = 0.0


class KeptKeySigner(PyHankoSigner):
    """The baseline: pyHanko with a key that is loaded once, or stays in its token."""

    def __init__(self, signer: Signer) -> None:
        own, *others = (x509.Certificate.load(der) for der in signer.chain)
        super().__init__(signing_cert=own, cert_registry=SimpleCertificateStore.from_certs(others))
        self._signer = signer

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        return self._signer.sign(data)


def simple_signer(key: PemKey) -> PyHankoSigner:
    own, *others = (x509.Certificate.load(der) for _, _, der in pem.unarmor(key.certificate_pem, multiple=True))
    _, _, der = pem.unarmor(key.private_key_pem)
    return SimpleSigner(own, asn1_keys.PrivateKeyInfo.load(der), SimpleCertificateStore.from_certs(others))


def plain_pyhanko(content: bytes, signer: PyHankoSigner) -> bytes:
    meta = signers.PdfSignatureMetadata(field_name="S", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    output = asyncio.run(signers.PdfSigner(meta, signer).async_sign_pdf(writer))
    result: bytes = output.getvalue()
    return result


def ways(recipe: Recipe, made: Counter[pdf.Path] | None = None) -> dict[str, Callable[[bytes], bytes]]:
    """The ways to seal with one key; `made` counts which writer made ours. SimpleSigner needs the key itself, so a
    token's key has two ways only.
    """
    signer = recipe()
    seal, counted = pdf.seal_of(signer, COURT_NAME, LABEL), Counter() if made is None else made

    def ours(content: bytes) -> bytes:
        sealed = pdf.sealed(content, seal, at=AT, reason="bench", location="bench")
        counted[sealed.path] += 1
        return sealed.content

    found = {OURS: ours, KEPT: lambda content: plain_pyhanko(content, KeptKeySigner(signer))}
    if isinstance(recipe, PemKey):
        simple = simple_signer(recipe)
        found[SIMPLE] = lambda content: plain_pyhanko(content, simple)
    return found


def measure(count: int = COUNT, recipes: Mapping[str, Recipe] | None = None, in_a_row: int = 1) -> list[SealSpeed]:
    """Seal each source, `count` documents in each way, `in_a_row` at each turn.

    Raises AssertionError when the validator refuses.
    """
    return [speed for key, recipe in (recipes or RECIPES).items() for speed in _of_key(key, recipe, count, in_a_row)]


def _of_key(key: str, recipe: Recipe, count: int, in_a_row: int) -> list[SealSpeed]:
    counted: Counter[pdf.Path] = Counter()
    sources, made = [source() for source in SOURCES.values()], ways(recipe, counted)
    rounds = max(1, count // len(sources) // in_a_row)
    taken: dict[str, list[float]] = {name: [] for name in made}
    for source in sources:
        for name, times in _turns(made, source, rounds, in_a_row, root_of(recipe)).items():
            taken[name].append(statistics.median(times))
    fallbacks = counted[pdf.Path.FALLBACK] / counted.total()
    return [
        SealSpeed(key, name, len(sources) / sum(medians), fallbacks if name == OURS else 0.0)
        for name, medians in taken.items()
    ]


def _turns(
    made: Mapping[str, Callable[[bytes], bytes]], source: bytes, rounds: int, in_a_row: int, root: bytes
) -> dict[str, list[float]]:
    """Seconds of each seal, the ways in turn, after one turn to warm up."""
    taken: dict[str, list[float]] = {name: [] for name in made}
    for turn in range(rounds + 1):
        for name, way in made.items():
            if name == SIMPLE and (rounds - turn) % SIMPLE_EVERY:
                continue
            times, last = _timed(way, source, in_a_row)
            taken[name] += times if turn else []
            if turn == rounds:
                assert judges.pyhanko_accepts(last, root)
    return taken


def _timed(way: Callable[[bytes], bytes], source: bytes, times: int) -> tuple[list[float], bytes]:
    marks = [time.perf_counter()]
    for _ in range(times):
        last = way(source)
        marks.append(time.perf_counter())
    return [after - before for before, after in pairwise(marks)], last


def root_of(recipe: Recipe) -> bytes:
    return pem.armor("CERTIFICATE", recipe().chain[-1])


def cold(recipe: Recipe) -> tuple[float, float]:
    """Seconds that a new process takes to its first seal, ours and pyHanko's; both import the same libraries first."""
    source = documents.reportlab_letter()
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as process:
        return process.submit(_first, recipe, source, OURS).result(), process.submit(
            _first, recipe, source, KEPT
        ).result()


def _first(recipe: Recipe, source: bytes, way: str) -> float:
    begun = time.perf_counter()
    ways(recipe)[way](source)
    return time.perf_counter() - begun


def together(recipe: Recipe, count: int, processes: int = 2) -> dict[str, float]:
    """Seals per second of `processes` processes at once, warm."""
    rates = {}
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for way in (OURS, KEPT):
            list(pool.map(_many, [recipe] * processes, [way] * processes, [2] * processes))
            begun = time.perf_counter()
            list(pool.map(_many, [recipe] * processes, [way] * processes, [count] * processes))
            rates[way] = processes * count / (time.perf_counter() - begun)
    return rates


@cache
def _ready(recipe: Recipe) -> tuple[dict[str, Callable[[bytes], bytes]], list[bytes]]:
    return ways(recipe), [source() for source in SOURCES.values()]


def _many(recipe: Recipe, way: str, count: int) -> None:
    made, sources = _ready(recipe)
    for number in range(count):
        made[way](sources[number % len(sources)])


def growth(recipe: Recipe, seals: int = MEMORY_SEALS) -> tuple[int, int]:
    """How many octets Python's objects and the process have grown by over `seals` seals, after as many to warm up."""
    way, source = ways(recipe)[OURS], documents.xref_streams()
    process = psutil.Process()
    tracemalloc.start()
    for _ in range(seals // 10):
        way(source)
    before = tracemalloc.get_traced_memory()[0], process.memory_info().rss
    for _ in range(seals):
        way(source)
    after = tracemalloc.get_traced_memory()[0], process.memory_info().rss
    tracemalloc.stop()
    return after[0] - before[0], after[1] - before[1]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder, on_token(Path(folder)) as tokens:
        for key, recipe in {**RECIPES, **tokens}.items():
            _tell(key, recipe, count)
    objects, resident = growth(RECIPES["P-256"])
    print(f"KiB more after {MEMORY_SEALS} seals: Python objects {objects / 1024:+.0f}, process {resident / 1024:+.0f}")


def _tell(key: str, recipe: Recipe, count: int) -> None:
    ours, *others = measure(count, {key: recipe})
    print(f"{key:<18} {ours.way:<22} {ours.per_second:7.1f} seals/s   {ours.fallbacks:.0%} by the fallback")
    for other in others:
        ratio = ours.per_second / other.per_second
        print(f"{key:<18} {other.way:<22} {other.per_second:7.1f} seals/s   ours is {ratio:5.1f} x")
    ours, kept, *_ = measure(count, {key: recipe}, IN_A_ROW)
    ratio = ours.per_second / kept.per_second
    rates = f"{ours.per_second:.1f} /s, pyHanko {kept.per_second:.1f} /s, {ratio:.1f} x"
    print(f"{key:<18} {IN_A_ROW} in a row: {rates}")
    pair, (first, theirs) = together(recipe, count), cold(recipe)
    rates = f"{pair[OURS]:.1f} /s, pyHanko {pair[KEPT]:.1f} /s, {pair[OURS] / pair[KEPT]:.1f} x"
    print(f"{key:<18} 2 processes: {rates}")
    print(f"{key:<18} cold: first seal after {first * 1000:.0f} ms, pyHanko {theirs * 1000:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
