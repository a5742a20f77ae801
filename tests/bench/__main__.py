"""`make bench`: what this machine does, in figures that were checked. Fixed counts; about ten minutes, and rows can be
asked for by name: `make bench ROWS="seals ledger"`.

Each figure counts only what is really there: submissions that the case system was told were accepted, proofs that
pyHanko's validator accepts, seals that are each judged, pages that answered 200. The service runs in a process of its
own, the case system that measures beside it, on the same machine. The peers are pyHanko and pymerkle.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.counterparts.people import Browser
from delivery import wiring
from delivery.journal.encoding import instant
from delivery.worker.perform import READ
from signing.file_signer import Recipe
from signing.keys import open_key_file
from signing.links import link_id, make_token
from tests import servers
from tests.bench import engine, ledger, proofs, seal_corpus, seal_keys, seal_speed, sequencing
from tests.bench.filing import ID_NUMBER, TITLE, case_system, filings, over_nats, turn
from tests.bench.service import Service, machine, serving, settings_for
from tests.signing import judges


@dataclass(frozen=True)
class Counts:
    """How often each thing is done."""

    submissions: int = 200
    deliveries: int = 100
    warm_up: int = 10
    seals: int = 100
    keys: tuple[str, ...] = seal_keys.KEYS
    corpus_rounds: int = 2
    proofs: int = 50
    pages: int = 300
    rounds: int = 20
    pairs: int = 4
    turn: int = 40
    leaves: tuple[int, ...] = (10_000, 1_000_000)
    sequenced: int = 20_000
    inclusions: int = 100


BESIDE = "the same documents; in brackets: songda beside it"


def row(what: str, figure: str, how: str) -> None:
    print(f"  {what:<46} {figure:>22}   {how}", flush=True)


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="make bench ROWS=", description="What this machine does.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of {', '.join(ROWS)}; all unless told otherwise")
    parser.add_argument("--leaves", type=int, nargs="+", help="how long the ledgers are", default=Counts.leaves)
    told = parser.parse_args(words)
    if unknown := set(told.rows) - set(ROWS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    print(f"{machine()}\n", flush=True)
    for name in told.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
            ROWS[name](Path(folder), Counts(leaves=tuple(told.leaves)))


# --- submissions -----------------------------------------------------------------------------------------------------


def intake(folder: Path, counts: Counts) -> None:
    """No worker runs: what is measured is looking into a PDF, judging the filing, and keeping both."""
    with serving(settings_for(folder), frozenset({"web", "queue"})) as service:
        asyncio.run(_intake(service, counts))


async def _intake(service: Service, counts: Counts) -> None:
    async with case_system(service) as system:
        await system.file(filings(counts.warm_up, "warm"))
        bodies = filings(counts.submissions, "http")
        begun = time.perf_counter()
        await system.file(bodies)
        http = time.perf_counter() - begun
        queue = await over_nats(service, filings(counts.submissions, "nats"))
        assert await system.accepted() == counts.warm_up + 2 * counts.submissions
    how = f"{counts.submissions}, each with a PDF of its own, SQLite, 2 processes look"
    row("submissions accepted over HTTP", f"{counts.submissions / http:.0f} /s", f"{how}; 16 requests at once")
    row("submissions accepted over NATS", f"{counts.submissions / queue:.0f} /s", f"{how}; published to acknowledged")


# --- deliveries ------------------------------------------------------------------------------------------------------


def deliveries_on_sqlite(folder: Path, counts: Counts) -> None:
    with serving(settings_for(folder)) as service:
        deliveries(service, counts, "SQLite")
        asyncio.run(_pages(service, counts))


def deliveries_on_postgres(folder: Path, counts: Counts) -> None:
    with servers.postgres_server(durable=True) as postgres:
        settings = settings_for(folder, journal=postgres.url(postgres.create()))
        with serving(settings) as service:
            deliveries(service, counts, "PostgreSQL")


def deliveries(service: Service, counts: Counts, database: str) -> None:
    taken, proofs = asyncio.run(_deliveries(service, counts))
    anchor = (service.settings.data / "seal.pem").read_bytes()
    assert len(proofs) == counts.deliveries
    assert all(judges.pyhanko_accepts(proof, anchor) for proof in proofs)
    how = f"{counts.deliveries}; filed over HTTP, simulated provider, 2 seals each, 32 slots, all proofs valid"
    row(f"deliveries, submission to proof, {database}", f"{counts.deliveries / taken:.0f} /s", how)


async def _deliveries(service: Service, counts: Counts) -> tuple[float, list[bytes]]:
    """Seconds from the first submission to the last report of a proof, and the proofs."""
    async with case_system(service) as system:
        await turn(system, filings(counts.warm_up, "warm"))
        taken, filed = await turn(system, filings(counts.deliveries, "measured"))
        return taken, [await system.proof(delivery) for delivery in filed]


# --- what sequencing costs the main path -----------------------------------------------------------------------------


def beside_sequencing(folder: Path, counts: Counts) -> None:
    asked = {"warm_up": counts.warm_up, "deliveries": counts.turn}
    found = sequencing.measure(folder, pairs=counts.pairs, **asked)
    how = f"{counts.pairs} pairs of turns of {counts.turn}, SQLite; {found.leaves} events sequenced meanwhile"
    spread = f"{statistics.median(found.ratios):.2f} ({min(found.ratios):.2f} to {max(found.ratios):.2f})"
    row("deliveries /s, with the ledger : without it", spread, how)
    ours, theirs = found.processor
    row("the same, by processor time", f"{theirs / ours:.2f}", f"{ours:.1f} ms a delivery, without it {theirs:.1f} ms")


# --- pages -----------------------------------------------------------------------------------------------------------


async def _pages(service: Service, counts: Counts) -> None:
    link = _a_link(service)
    async with Browser(service.url) as browser:
        row("recipient page before the second factor", await _latency(browser, link, counts.pages), _one_by_one(counts))
        await browser.submit(await browser.get(link), "/identify", {"last6": ID_NUMBER[-6:]})
        documents = f"{link}/documents"
        assert TITLE in await browser.get(documents)
        row("recipient page with the documents", await _latency(browser, documents, counts.pages), _one_by_one(counts))


def _one_by_one(counts: Counts) -> str:
    return f"{counts.pages}, one after the other, all 200"


async def _latency(browser: Browser, address: str, count: int) -> str:
    """p50 and p99. A page that does not answer 200 raises PageNotAsExpected."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        await browser.get(address)
        times.append(1000 * (time.perf_counter() - begun))
    cuts = statistics.quantiles(times, n=100)
    return f"p50 {cuts[49]:.1f}, p99 {cuts[98]:.1f} ms"


def _a_link(service: Service) -> str:
    """The link that one message of the measured deliveries carried, made again as the worker made it."""
    settings = service.settings
    keys = open_key_file(
        (settings.data / "keys" / "632801.pem").read_bytes(), (settings.data / "keys" / "password").read_bytes().strip()
    )
    attempt, expires = service.asked("SELECT attempt, expires_at FROM links LIMIT 1")
    key = keys.link_key
    link = link_id(key, attempt)
    token = make_token(key, link=link, attempt=attempt, purpose=READ, expires_at=instant(expires))
    return f"/d/{token}"


# --- seals -----------------------------------------------------------------------------------------------------------


def seals(folder: Path, counts: Counts) -> None:
    with seal_keys.on_token(folder) as tokens:
        for key in counts.keys:
            _seals_of(key, {**seal_keys.RECIPES, **tokens}[key], counts)


def _seals_of(key: str, recipe: Recipe, counts: Counts) -> None:
    ours, *others = seal_speed.measure(counts.seals, {key: recipe})
    how = f"{counts.seals} documents of four kinds, one process, each output checked"
    row(f"seals, {key}: {ours.way}", f"{ours.per_second:.0f} /s", f"{how}; {ours.fallbacks:.0%} made by the fallback")
    for other in others:
        row(f"seals, {key}: {other.way}", _beside(other.per_second, ours.per_second), BESIDE)
    pair = seal_speed.together(recipe, counts.seals // 2 or 1)
    ours_too, kept = pair[seal_speed.OURS], pair[seal_speed.KEPT]
    row(f"seals, {key}: songda, 2 processes", f"{ours_too:.0f} /s", f"2 x {counts.seals // 2 or 1} documents, warm")
    row(f"seals, {key}: pyHanko, key kept, 2 processes", _beside(kept, ours_too), BESIDE)
    first, theirs = seal_speed.cold(recipe)
    cold = f"{1000 * first:.0f} ms, pyHanko {1000 * theirs:.0f} ms"
    row(f"seals, {key}: the first of a new process", cold, "after the imports, which are the same")


def _beside(theirs: float, ours: float) -> str:
    return f"{theirs:.0f} /s ({ours / theirs:.1f} times)"


def seals_of_the_corpus(_folder: Path, counts: Counts) -> None:
    for key, recipe in seal_keys.RECIPES.items():
        found = seal_corpus.measure(recipe, counts.corpus_rounds)
        ours, theirs = (found.whole.count / seconds for seconds in (found.whole.ours, found.whole.theirs))
        how = f"{found.whole.count} PDFs by {len(found.by_producer)} producers, each output checked"
        row(f"seals of the corpus, {key}: songda", f"{ours:.0f} /s", f"{how}; {found.fallbacks} made by the fallback")
        how = f"{BESIDE}; {len(found.refused)} more it does not sign"
        row(f"seals of the corpus, {key}: pyHanko, key kept", _beside(theirs, ours), how)


# --- proofs and packs ------------------------------------------------------------------------------------------------


def proofs_and_packs(_folder: Path, counts: Counts) -> None:
    made = proofs.measure(counts.proofs)
    how = f"{counts.proofs}, P-256, one process, all accepted; {made.fallbacks:.0%} of seals made by the fallback"
    row("proof: evidence sealed, drawn, sealed", _middle(made.proofs), how)
    row("proof pack", _middle(made.packs), f"{how.split(';')[0]}; 2 documents, 4 receipts, 12 events in the ledger")


def _middle(milliseconds: Sequence[float]) -> str:
    return f"median {statistics.median(milliseconds):.1f}, worst {max(milliseconds):.1f} ms"


# --- the law ---------------------------------------------------------------------------------------------------------


def law(_folder: Path, counts: Counts) -> None:
    """Engine time alone: no reading of files, no start of a program."""
    verdicts, explained = zip(*engine.effects(counts.rounds), strict=True)
    how = f"{len(verdicts) // counts.rounds} published scenarios, each {counts.rounds} times, one process"
    row("effects: verdict", _spread(verdicts), how)
    row("effects: verdict with its explanation", _spread(explained), how)
    row("periods", _spread([*engine.periods(counts.rounds)]), how.replace(how.split()[0], "all", 1))


def _spread(milliseconds: Sequence[float]) -> str:
    return f"mean {statistics.mean(milliseconds):.2f}, worst {max(milliseconds):.1f} ms"


# --- the ledger ------------------------------------------------------------------------------------------------------


def the_ledger(_folder: Path, counts: Counts) -> None:
    """Ten million leaves take some minutes: `make bench ROWS="ledger --leaves 10000000"`."""
    for size in counts.leaves:
        for store, one in ledger.each(size, events=counts.sequenced, proofs=counts.inclusions):
            how = f"{counts.sequenced} events into a log of {size}, each batch on the disk"
            figure = f"{one.append:.0f} /s"
            row(f"ledger of {size}, {store}: sequenced", figure, f"{how}; processor {one.processor:.0f} ms per 1000")
            how = "each checked; the root took"
            row(f"ledger of {size}, {store}: inclusion", f"median {one.proof:.1f} ms", f"{how} {one.root:.1f} ms")


ROWS: dict[str, Callable[[Path, Counts], None]] = {
    "intake": intake,
    "sqlite": deliveries_on_sqlite,
    "postgres": deliveries_on_postgres,
    "sequencing": beside_sequencing,
    "seals": seals,
    "corpus": seals_of_the_corpus,
    "proofs": proofs_and_packs,
    "law": law,
    "ledger": the_ledger,
}

if __name__ == "__main__":
    assert wiring.DEFAULT.exists(), "run it from the project's folder"
    main(sys.argv[1:])
