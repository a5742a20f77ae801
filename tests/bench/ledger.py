"""What the ledger costs when it is long: events sequenced, and proofs made, at 10^4, 10^6 and (asked for) 10^7 leaves.

The log is filled with made-up entries by our own arithmetic, straight into the store; what is measured then goes the
way that the service goes. Every proof counted was checked against the root. `python -m tests.bench.ledger 10000000`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pymerkle import SqliteTree, verify_inclusion

from delivery.journal.journal import Journal
from delivery.journal.ledger import WIDTH
from delivery.worker.sequencing import BATCH, Sequencing, inclusion, root
from signing.ledger import extend, included_root, leaf_hash
from signing.notes import ED25519, Key
from tests.journal.world import HandClock, filing

STEP = WIDTH * WIDTH
"""Leaves filled in one go."""


@dataclass(frozen=True)
class Measured:
    """`append`: events a second into the log; `proof`: median milliseconds; `sign`: milliseconds for a checkpoint."""

    size: int
    append: float
    proof: float
    sign: float


async def measure(size: int, *, events: int, proofs: int, folder: Path) -> Measured:
    """Ours, on SQLite with every commit on the disk."""
    path = folder / f"ledger-{size}.sqlite"
    journal = await Journal.open(f"sqlite+aiosqlite:///{path}", HandClock())
    await journal.accept(filing(1))
    await asyncio.to_thread(_fill, path, size, events)
    signer = Ed25519PrivateKey.from_private_bytes(bytes(32))
    key = Key("bench.example", ED25519, signer.public_key().public_bytes_raw())
    ours = Sequencing(journal=journal, clock=HandClock(), key=key, sign=signer.sign)
    begun = time.perf_counter()
    while await ours.sequence(BATCH):
        pass
    append = events / (time.perf_counter() - begun)
    begun = time.perf_counter()
    await ours.sign_checkpoint()
    sign = 1000 * (time.perf_counter() - begun)
    proof = await _proof_time(journal, size + events, proofs)
    await journal.close()
    path.unlink()
    return Measured(size, append, proof, sign)


async def _proof_time(journal: Journal, size: int, count: int) -> float:
    """The median, each proof of a leaf drawn at random (the same ones in each run)."""
    now, draw, times = await root(journal, size), random.Random(size), []  # noqa: S311 — no secret
    for _ in range(count):
        index = draw.randrange(size)
        begun = time.perf_counter()
        proof = await inclusion(journal, index, size)
        times.append(1000 * (time.perf_counter() - begun))
        entries = await journal.entries(index // WIDTH, min(WIDTH, size - index // WIDTH * WIDTH))
        assert entries is not None
        assert included_root(leaf_hash(entries[index % WIDTH]), index, size, proof) == now
    return sorted(times)[count // 2]


def _fill(path: Path, size: int, events: int) -> None:
    """A log of `size`, and so many events that are not in it yet."""
    store = sqlite3.connect(path, isolation_level=None)
    store.execute("PRAGMA synchronous = OFF")
    edge: dict[int, Sequence[bytes]] = {}
    for first in range(0, size, STEP):
        entries = [number.to_bytes(32, "big") for number in range(first, min(first + STEP, size))]
        hashes = [leaf_hash(each) for each in entries]
        rows = zip(range(first, size), range(first + 2, size + 2), entries, hashes, strict=False)
        tiles = extend(first, edge, hashes)
        store.execute("BEGIN")
        store.executemany("INSERT INTO ledger_leaves VALUES (?, ?, ?, ?, X'00')", rows)
        store.executemany(
            "INSERT INTO ledger_tiles VALUES (?, ?, ?, ?)",
            ((tile.level, tile.number, tile.root, tile.hashes) for tile in tiles),
        )
        store.execute("COMMIT")
        edge = {
            level: [*edge.get(level, ()), *(tile.root for tile in tiles if tile.level == level - 1)]
            for level in range(1, 8)
        }
        edge = {level: row[len(row) - len(row) % WIDTH :] for level, row in edge.items()}
    kinds = ((size + 2 + at, "s1-d1", 2 + at, 0, "attempt_taken", "x" * 300) for at in range(events))
    store.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", kinds)
    store.close()


def peer(size: int, *, events: int, proofs: int, folder: Path) -> Measured:
    """pymerkle's SqliteTree, filled and asked in the same way; entries are bare 32 bytes there."""
    tree = SqliteTree(str(folder / f"pymerkle-{size}.sqlite"), algorithm="sha256")
    for first in range(0, size, STEP):
        tree.append_entries([number.to_bytes(32, "big") for number in range(first, min(first + STEP, size))])
    begun = time.perf_counter()
    for first in range(0, events, BATCH):
        tree.append_entries([os.urandom(32) for _ in range(min(BATCH, events - first))])
    append = events / (time.perf_counter() - begun)
    total, draw, times = tree.get_size(), random.Random(size), []  # noqa: S311 — no secret
    begun = time.perf_counter()
    now = tree.get_root()
    sign = 1000 * (time.perf_counter() - begun)
    for _ in range(proofs):
        index = draw.randrange(1, total)
        begun = time.perf_counter()
        proof = tree.prove_inclusion(index, total)
        times.append(1000 * (time.perf_counter() - begun))
        verify_inclusion(tree.get_leaf(index), now, proof)
    tree.close()
    return Measured(size, append, sorted(times)[proofs // 2], sign)


def told(one: Measured) -> str:
    return f"{one.append:.0f} /s, proof {one.proof:.1f} ms"


def main(*sizes: int) -> None:
    for size in sizes or (10_000, 1_000_000):
        with tempfile.TemporaryDirectory(prefix="songda-bench-") as folder:
            ours = asyncio.run(measure(size, events=5000, proofs=100, folder=Path(folder)))
            theirs = peer(size, events=5000, proofs=10, folder=Path(folder))
        print(f"{size:>10}  songda {told(ours)}, checkpoint {ours.sign:.1f} ms   pymerkle {told(theirs)}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
