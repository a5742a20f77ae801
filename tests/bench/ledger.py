"""What the ledger costs when it is long: events sequenced, and proofs made, at 10^4, 10^6 and (asked for) 10^7 leaves.

The log is filled with made-up entries by our own arithmetic, straight into the store, and the store is brought to rest;
what is measured then goes the way that the service goes, with every commit on the disk. The rate counts all seconds,
those too in which the database tidies its log of writes up; so it takes many batches, or one such moment more or less
would make the figure. Every proof counted was checked against the root. `python -m tests.bench.ledger 10000000`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count, repeat
from pathlib import Path
from statistics import median

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymerkle import SqliteTree, verify_inclusion
from sqlalchemy import make_url

from delivery.journal.journal import Journal
from delivery.journal.ledger import WIDTH
from delivery.worker.sequencing import BATCH, Sequencing, inclusion, root
from signing.ledger import extend, included_root, leaf_hash
from signing.notes import ED25519, Key
from tests import servers
from tests.journal.world import HandClock, filing

STEP = WIDTH * WIDTH
"""Leaves filled in one go."""
EVENTS, PROOFS = 50_000, 200


PEER_TO = 1_000_000
"""Filling pymerkle's store with ten million takes a quarter of an hour."""
COLUMNS = {
    "ledger_leaves": ("number", "position", "entry", "hash", "salt"),
    "ledger_tiles": ("level", "number", "root", "hashes"),
    "events": ("position", "delivery", "seq", "recorded_at", "kind", "data"),
}

Rows = Iterable[tuple[object, ...]]


@dataclass(frozen=True)
class Measured:
    """`append`: events a second into the log; `processor`: milliseconds of this process's processor time for a thousand
    of them, which neighbours on the machine change little; `proof`: median milliseconds; `root`: for a checkpoint.
    """

    size: int
    append: float
    processor: float
    proof: float
    root: float


async def measure(size: int, *, events: int, proofs: int, url: str) -> Measured:
    """Ours, in the empty database at `url`."""
    journal = await Journal.open(url, HandClock())
    await journal.accept(filing(1))
    await _fill(url, size, events)
    signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = Key("bench.example", ED25519, signer.public_key().public_bytes_raw())
    ours = Sequencing(journal=journal, clock=HandClock(), key=key, sign=signer.sign)
    begun, worked = time.perf_counter(), time.process_time()
    while await ours.sequence(BATCH):
        pass
    append, processor = events / (time.perf_counter() - begun), 1e6 * (time.process_time() - worked) / events
    begun = time.perf_counter()
    await ours.sign_checkpoint()
    root_time = 1000 * (time.perf_counter() - begun)
    assert (await journal.ledger_state()).size == size + events
    proof = await _proof_time(journal, size + events, proofs)
    await journal.close()
    return Measured(size, append, processor, proof, root_time)


async def _proof_time(journal: Journal, size: int, wanted: int) -> float:
    """The median, each proof of a leaf drawn at random (the same ones in each run)."""
    now, draw, times = await root(journal, size), random.Random(size), []  # noqa: S311 — no secret
    for _ in range(wanted):
        index = draw.randrange(size)
        begun = time.perf_counter()
        proof = await inclusion(journal, index, size)
        times.append(1000 * (time.perf_counter() - begun))
        entries = await journal.entries(index // WIDTH, min(WIDTH, size - index // WIDTH * WIDTH))
        assert entries is not None
        assert included_root(leaf_hash(entries[index % WIDTH]), index, size, proof) == now
    return median(times)


async def _fill(url: str, size: int, events: int) -> None:
    """A log of `size`, and so many events that are not in it yet; then whatever the database would still do."""
    waiting = ((size + 2 + at, "s1-d1", 2 + at, 0, "attempt_taken", "x" * 300) for at in range(events))
    parts = chain(_log(size), [("events", waiting)])
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        await asyncio.to_thread(_into_sqlite, str(address.database), parts)
    else:
        await _into_postgres(address.set(drivername="postgresql").render_as_string(), parts)


def _log(size: int) -> Iterator[tuple[str, Rows]]:
    """Table and rows, in steps."""
    edge: dict[int, Sequence[bytes]] = {}
    for first in range(0, size, STEP):
        entries = [number.to_bytes(32, "big") for number in range(first, min(first + STEP, size))]
        hashes = [leaf_hash(each) for each in entries]
        leaves = zip(count(first), count(first + 2), entries, hashes, repeat(b""), strict=False)
        yield "ledger_leaves", leaves
        tiles = extend(first, edge, hashes)
        yield "ledger_tiles", ((tile.level, tile.number, tile.root, tile.hashes) for tile in tiles)
        edge = {
            level: [*edge.get(level, ()), *(tile.root for tile in tiles if tile.level == level - 1)]
            for level in range(1, 8)
        }
        edge = {level: row[len(row) - len(row) % WIDTH :] for level, row in edge.items()}


def _into_sqlite(path: str, parts: Iterable[tuple[str, Rows]]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("PRAGMA synchronous = OFF")
        for table, rows in parts:
            store.execute("BEGIN")
            marks = ", ".join("?" * len(COLUMNS[table]))
            store.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 — our own names
            store.execute("COMMIT")
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    os.sync()


async def _into_postgres(url: str, parts: Iterable[tuple[str, Rows]]) -> None:
    store = await asyncpg.connect(url)
    for table, rows in parts:
        await store.copy_records_to_table(table, records=rows, columns=COLUMNS[table])
    await store.execute("VACUUM ANALYZE")
    await store.execute("CHECKPOINT")
    await store.close()


def peer(size: int, *, events: int, proofs: int, folder: Path) -> Measured:
    """pymerkle's SqliteTree, filled and asked in the same way; entries are bare 32 bytes there."""
    tree = SqliteTree(str(folder / f"pymerkle-{size}.sqlite"), algorithm="sha256")
    for first in range(0, size, STEP):
        tree.append_entries([number.to_bytes(32, "big") for number in range(first, min(first + STEP, size))])
    begun, worked = time.perf_counter(), time.process_time()
    for first in range(0, events, BATCH):
        tree.append_entries([os.urandom(32) for _ in range(min(BATCH, events - first))])
    append, processor = events / (time.perf_counter() - begun), 1e6 * (time.process_time() - worked) / events
    total, draw, times = tree.get_size(), random.Random(size), []  # noqa: S311 — no secret
    begun = time.perf_counter()
    now = tree.get_root()
    root_time = 1000 * (time.perf_counter() - begun)
    for _ in range(proofs):
        index = draw.randrange(1, total)
        begun = time.perf_counter()
        proof = tree.prove_inclusion(index, total)
        times.append(1000 * (time.perf_counter() - begun))
        verify_inclusion(tree.get_leaf(index), now, proof)
    tree.close()
    return Measured(size, append, processor, median(times), root_time)


def each(size: int, *, events: int, proofs: int) -> Iterator[tuple[str, Measured]]:
    """Ours on SQLite and on PostgreSQL, and pymerkle where it can keep up."""
    with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
        url = f"sqlite+aiosqlite:///{folder}/journal.sqlite"
        yield "SQLite", asyncio.run(measure(size, events=events, proofs=proofs, url=url))
    with servers.postgres_server(durable=True) as postgres:
        url = postgres.url(postgres.create())
        yield "PostgreSQL", asyncio.run(measure(size, events=events, proofs=proofs, url=url))
    if size <= PEER_TO:
        with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
            yield "pymerkle", peer(size, events=events, proofs=max(1, proofs // 10), folder=Path(folder))


def main(*sizes: int) -> None:
    for size in sizes or (10_000, 1_000_000):
        for store, one in each(size, events=EVENTS, proofs=PROOFS):
            figures = (
                f"{one.append:.0f} /s ({one.processor:.0f} ms for 1000), proof {one.proof:.1f}, root {one.root:.1f} ms"
            )
            print(f"{size:>10}  {store:<10}  {figures}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
