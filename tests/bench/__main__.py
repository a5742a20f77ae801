"""`make bench`: what this machine does, in figures that were checked. Fixed counts; about two minutes.

Each figure counts only what is really there: submissions that the case system was told were accepted, proofs that
pyHanko's validator accepts, pages that answered 200. The service runs in a process of its own, the case system that
measures beside it, on the same machine. There is no race in here: plain pyHanko is the only peer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.counterparts.people import Browser
from delivery import wiring
from delivery.journal.encoding import instant
from delivery.settings import Settings
from delivery.worker.perform import READ
from signing.file_signer import Recipe
from signing.keys import open_key_file
from signing.links import link_id, make_token
from tests import servers
from tests.bench import engine, ledger, proofs, seal_keys, seal_speed
from tests.bench.filing import ID_NUMBER, TITLE, case_system, filings, over_nats
from tests.bench.service import Service, machine, serving, settings_for
from tests.signing import judges


@dataclass(frozen=True)
class Counts:
    """How often each thing is done."""

    submissions: int = 200
    deliveries: int = 100
    warm_up: int = 10
    seals: int = 100
    proofs: int = 50
    pages: int = 300
    rounds: int = 20
    leaves: tuple[int, ...] = (10_000, 1_000_000)
    sequenced: int = 5000
    inclusions: int = 100


def row(what: str, figure: str, how: str) -> None:
    print(f"  {what:<46} {figure:>22}   {how}", flush=True)


def main(counts: Counts | None = None) -> None:
    counts = counts or Counts()
    print(f"{machine()}\n", flush=True)
    with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
        intake(Path(folder) / "intake", counts)
        deliveries_on_sqlite(Path(folder) / "sqlite", counts)
        deliveries_on_postgres(Path(folder) / "postgres", counts)
    seals(counts)
    proofs_and_packs(counts)
    law(counts)
    the_ledger(counts)


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
        await system.file(filings(counts.warm_up, "warm"))
        await system.wait_for("proof_issued", counts.warm_up)
        bodies = filings(counts.deliveries, "measured")
        begun = time.perf_counter()
        filed = await system.file(bodies)
        proven = await system.wait_for("proof_issued", counts.deliveries)
        taken = time.perf_counter() - begun
        assert sorted(proven) == sorted(filed)
        return taken, [await system.proof(delivery) for delivery in filed]


# --- pages -----------------------------------------------------------------------------------------------------------


async def _pages(service: Service, counts: Counts) -> None:
    link = _a_link(service.settings)
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


def _a_link(settings: Settings) -> str:
    """The link that one message of the measured deliveries carried, made again as the worker made it."""
    keys = open_key_file(
        (settings.data / "keys" / "632801.pem").read_bytes(), (settings.data / "keys" / "password").read_bytes().strip()
    )
    with _reading(settings.data / "journal.sqlite") as journal:
        attempt, expires = journal.execute("SELECT attempt, expires_at FROM links LIMIT 1").fetchone()
    key = keys.link_key
    link = link_id(key, attempt)
    token = make_token(key, link=link, attempt=attempt, purpose=READ, expires_at=instant(expires))
    return f"/d/{token}"


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


# --- seals -----------------------------------------------------------------------------------------------------------


def seals(counts: Counts) -> None:
    with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder, seal_keys.on_token(Path(folder)) as tokens:
        for key, recipe in {**seal_keys.RECIPES, **tokens}.items():
            _seals_of(key, recipe, counts)


def _seals_of(key: str, recipe: Recipe, counts: Counts) -> None:
    ours, *others = seal_speed.measure(counts.seals, {key: recipe})
    how = f"{counts.seals} documents of four kinds, one process"
    row(f"seals, {key}: {ours.way}", f"{ours.per_second:.0f} /s", f"{how}; {ours.fallbacks:.0%} made by the fallback")
    for other in others:
        ratio = f"{other.per_second:.0f} /s ({ours.per_second / other.per_second:.1f} times)"
        row(f"seals, {key}: {other.way}", ratio, "the same documents in turn; in brackets: songda beside it")


# --- proofs and packs ------------------------------------------------------------------------------------------------


def proofs_and_packs(counts: Counts) -> None:
    made = proofs.measure(counts.proofs)
    how = f"{counts.proofs}, P-256, one process, all accepted; {made.fallbacks:.0%} of seals made by the fallback"
    row("proof: evidence sealed, drawn, sealed", _middle(made.proofs), how)
    row("proof pack", _middle(made.packs), f"{how.split(';')[0]}; 2 documents, 4 receipts, 12 events in the ledger")


def _middle(milliseconds: Sequence[float]) -> str:
    return f"median {statistics.median(milliseconds):.1f}, worst {max(milliseconds):.1f} ms"


# --- the law ---------------------------------------------------------------------------------------------------------


def law(counts: Counts) -> None:
    """Engine time alone: no reading of files, no start of a program."""
    verdicts, explained = zip(*engine.effects(counts.rounds), strict=True)
    how = f"{len(verdicts) // counts.rounds} published scenarios, each {counts.rounds} times, one process"
    row("effects: verdict", _spread(verdicts), how)
    row("effects: verdict with its explanation", _spread(explained), how)
    row("periods", _spread([*engine.periods(counts.rounds)]), how.replace(how.split()[0], "all", 1))


def _spread(milliseconds: Sequence[float]) -> str:
    return f"mean {statistics.mean(milliseconds):.2f}, worst {max(milliseconds):.1f} ms"


# --- the ledger ------------------------------------------------------------------------------------------------------


def the_ledger(counts: Counts) -> None:
    """`python -m tests.bench.ledger 10000000` does the same for ten million leaves, in some minutes."""
    for size in counts.leaves:
        with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
            asked = {"events": counts.sequenced, "folder": Path(folder)}
            ours = asyncio.run(ledger.measure(size, proofs=counts.inclusions, **asked))
            theirs = ledger.peer(size, proofs=max(1, counts.inclusions // 10), **asked)
        how = f"{counts.sequenced} events into a log of {size}, SQLite, each batch on the disk"
        row(f"ledger of {size}: events sequenced", f"{ours.append:.0f} /s", how)
        how = f"median of {counts.inclusions}, each checked; pymerkle in the same run: {theirs.proof:.1f} ms"
        row(f"ledger of {size}: proof of inclusion", f"{ours.proof:.1f} ms", how)


if __name__ == "__main__":
    assert wiring.DEFAULT.exists(), "run it from the project's folder"
    main()
