"""Seals per second: ours beside plain pyHanko, on the same PDFs, keys and cores.

Ours draws the seal, looks for its place and signs. Plain pyHanko signs only, with the same PAdES subfilter and digest:
once with a signer that keeps its loaded key, and once as the example in its documentation does it: SimpleSigner.load
reads key (without a passphrase), certificate and chain from files, then sign_pdf signs one document. The ways take
turns, document by document, so that whatever else the machine does slows them alike; a way's time for a document is the
median of its turns, and ways are compared by the sums of these. A figure counts only when each output is rightly signed
and pyHanko's validator accepts the last one for each document; it tells how many seals of ours fell back to pyHanko.
Run: python -m tests.bench.seal_speed [COUNT]
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
from asn1crypto import pem, x509
from cryptography import x509 as x509_pem
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_cms import Signer as PyHankoSigner
from pyhanko.sign.signers.pdf_cms import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing import pdf
from signing.file_signer import PemKey, Recipe
from signing.signer import Signer
from tests.bench.checked import assert_signed
from tests.bench.seal_keys import RECIPES, on_token
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL

COUNT = 100
OURS, KEPT, DOCUMENTED = "songda", "pyHanko, key kept", "pyHanko, as documented"
MEMORY_SEALS = 3000
IN_A_ROW = 5
"""Where the ways change at each document, each finds the processor's caches full of the other's; a service does not."""
DOCUMENTED_EVERY = 10
"""It checks an RSA key at each seal, for up to half a second: it joins in every tenth turn."""

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


def documented(key: PemKey, folder: Path) -> Callable[[bytes], bytes]:
    """As pyHanko's documentation does it, with the files in `folder`."""
    own, *others = x509_pem.load_pem_x509_certificates(key.certificate_pem)
    files = [folder / name for name in ("key.pem", "certificate.pem", "chain.pem")]
    contents = [
        key.private_key_pem,
        *(b"".join(each.public_bytes(Encoding.PEM) for each in some) for some in ([own], others)),
    ]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)

    def sign(content: bytes) -> bytes:
        signer = SimpleSigner.load(*map(str, files[:2]), ca_chain_files=[str(files[2])])
        assert signer
        output = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), _meta(), signer=signer)
        result: bytes = output.getvalue()
        return result

    return sign


def plain_pyhanko(content: bytes, signer: PyHankoSigner) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    output = asyncio.run(signers.PdfSigner(_meta(), signer).async_sign_pdf(writer))
    result: bytes = output.getvalue()
    return result


def _meta() -> signers.PdfSignatureMetadata:
    return signers.PdfSignatureMetadata(field_name="S", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)


def ways(recipe: Recipe, made: Counter[pdf.Path] | None = None) -> dict[str, Callable[[bytes], bytes]]:
    """The ways to seal with one key; `made` counts which writer made ours."""
    signer = recipe()
    seal, counted = pdf.seal_of(signer, COURT_NAME, LABEL), Counter() if made is None else made

    def ours(content: bytes) -> bytes:
        sealed = pdf.sealed(content, seal, at=AT, reason="bench", location="bench")
        counted[sealed.path] += 1
        return sealed.content

    return {OURS: ours, KEPT: lambda content: plain_pyhanko(content, KeptKeySigner(signer))}


def measure(count: int = COUNT, recipes: Mapping[str, Recipe] | None = None, in_a_row: int = 1) -> list[SealSpeed]:
    """Seal each source, `count` documents in each way, `in_a_row` at each turn.

    Raises AssertionError for an output that is not rightly signed, and when the validator refuses.
    """
    return [speed for key, recipe in (recipes or RECIPES).items() for speed in _of_key(key, recipe, count, in_a_row)]


def _of_key(key: str, recipe: Recipe, count: int, in_a_row: int) -> list[SealSpeed]:
    counted: Counter[pdf.Path] = Counter()
    sources, made = [source() for source in SOURCES.values()], ways(recipe, counted)
    rounds = max(1, count // len(sources) // in_a_row)
    with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
        if isinstance(recipe, PemKey):  # a token's key is in no file
            made[DOCUMENTED] = documented(recipe, Path(folder))
        found = [_judged(made, source, rounds, in_a_row, recipe) for source in sources]
    fallbacks = counted[pdf.Path.FALLBACK] / counted.total()
    return [
        SealSpeed(key, name, len(sources) / sum(medians[name] for medians in found), fallbacks if name == OURS else 0.0)
        for name in made
    ]


def _judged(
    made: Mapping[str, Callable[[bytes], bytes]], source: bytes, rounds: int, in_a_row: int, recipe: Recipe
) -> dict[str, float]:
    medians, last = turns(made, source, rounds, in_a_row, recipe().chain[0])
    assert all(judges.pyhanko_accepts(output, root_of(recipe)) for output in last.values())
    return medians


def turns(
    made: Mapping[str, Callable[[bytes], bytes]], source: bytes, rounds: int, in_a_row: int, certificate: bytes
) -> tuple[dict[str, float], dict[str, bytes]]:
    """Median seconds of a seal and the last output of each way, the ways in turn, after one turn to warm up.

    Raises AssertionError for an output that is not rightly signed.
    """
    taken: dict[str, list[float]] = {name: [] for name in made}
    last = {}
    for turn in range(rounds + 1):
        for name, way in made.items():
            if name == DOCUMENTED and (rounds - turn) % DOCUMENTED_EVERY:
                continue
            times, outputs = _timed(way, source, in_a_row)
            taken[name] += times if turn else []
            last[name] = outputs[-1]
            for output in outputs:
                assert_signed(output, source, certificate)
    return {name: statistics.median(times) for name, times in taken.items()}, last


def _timed(way: Callable[[bytes], bytes], source: bytes, times: int) -> tuple[list[float], list[bytes]]:
    marks, outputs = [time.perf_counter()], []
    for _ in range(times):
        outputs.append(way(source))
        marks.append(time.perf_counter())
    return [after - before for before, after in pairwise(marks)], outputs


def root_of(recipe: Recipe) -> bytes:
    return pem.armor("CERTIFICATE", recipe().chain[-1])


def cold(recipe: Recipe) -> tuple[float, float]:
    """Seconds that a new process takes to its first seal, ours and kept-key pyHanko's; both import the same first."""
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
