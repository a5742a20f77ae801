"""Events become leaves of the ledger, and checkpoints are signed: beside the main path, in transactions of their own.

Nothing is remembered between two rounds, so a start is a recovery: whatever a dead process left is found in the
journal. Several processes may sequence; one of them is quicker, and the others look again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from delivery.core.ports import Clock
from delivery.journal.journal import Journal
from delivery.journal.ledger import CheckpointRow, EventRow, LeafRow, TileRow
from signing.errors import LedgerWrong
from signing.ledger import (
    SALT_BYTES,
    Coordinates,
    Tree,
    canonical,
    edge_tiles,
    entry,
    extend,
    leaf_hash,
    proof_tiles,
)
from signing.notes import Checkpoint, Key, sign_note

BATCH = 1000
"""Leaves of one transaction: some milliseconds, as on SQLite writers of events wait for it."""
EVERY = 2.0
"""Seconds, of the machine, between two checkpoints while there is news."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequencing:
    """`sign` makes the raw Ed25519 signature of `key`. `salts` makes that many random bytes."""

    journal: Journal
    clock: Clock
    key: Key
    sign: Callable[[bytes], bytes] = field(repr=False)
    salts: Callable[[int], bytes] = secrets.token_bytes

    async def run(self) -> None:
        """Until cancelled. When the stored ledger is not what was signed, somebody changed it: nothing more is signed,
        which would cover that up, and deliveries go on.
        """
        while True:
            seen = self.journal.news
            try:
                await self.catch_up()
            except LedgerWrong as wrong:
                log.critical("ledger_not_signed", fault=str(wrong))
            await asyncio.sleep(EVERY)
            await self.journal.wait_for_news(None, since=seen)

    async def catch_up(self) -> None:
        """Sequence all there is, then sign."""
        while await self.sequence(BATCH):
            pass
        await self.sign_checkpoint()

    async def sequence(self, limit: int) -> bool:
        """One batch; whether there may be more."""
        state = await self.journal.ledger_state()
        rows = await self.journal.unsequenced(state.position, limit)
        if not rows:
            return False
        leaves = [self._leaf(row) for row in rows]
        edge = await self.journal.ledger_edge(state.size)
        tiles = extend(state.size, edge, [leaf.hash for leaf in leaves])
        await self.journal.append_leaves(
            state.size, leaves, [TileRow(tile.level, tile.number, tile.root, tile.hashes) for tile in tiles]
        )
        return True

    def _leaf(self, row: EventRow) -> LeafRow:
        salt = self.salts(SALT_BYTES)
        content = entry(salt, canonical_row(row))
        return LeafRow(row.position, content, leaf_hash(content), salt)

    async def sign_checkpoint(self) -> None:
        """Sign the log as it is, if it has grown. Raises LedgerWrong when its beginning is not what was signed."""
        size, last = (await self.journal.ledger_state()).size, await self.journal.last_checkpoint()
        if size == (last.size if last else 0):
            return
        if last and await root(self.journal, last.size) != last.root:
            raise LedgerWrong(f"the first {last.size} leaves of the ledger are not those that were signed")
        now = await root(self.journal, size)
        note = sign_note(Checkpoint(self.key.name, size, now).text(), self.key, self.sign)
        await self.journal.keep_checkpoint(CheckpointRow(size, now, note, self.clock.now()))


def canonical_row(row: EventRow) -> bytes:
    """What the leaf of that row stands for."""
    return canonical(delivery=row.delivery, seq=row.seq, recorded_at=row.recorded_at, kind=row.kind, data=row.data)


async def root(journal: Journal, size: int) -> bytes:
    """The root of the log when it had that size."""
    return (await _tree(journal, size, edge_tiles(size))).root()


async def inclusion(journal: Journal, index: int, size: int) -> tuple[bytes, ...]:
    """The proof that the leaf `index` is in the log of `size`. Raises ValueError and KeyError for what there is not."""
    return (await _tree(journal, size, proof_tiles(index, size))).inclusion(index)


async def consistency(journal: Journal, old: int, new: int) -> tuple[bytes, ...]:
    """The proof that the log of size `new` begins with that of size `old`. Raises as `inclusion` does."""
    return (await _tree(journal, new, proof_tiles(old - 1, new) if old else [])).consistency(old)


async def _tree(journal: Journal, size: int, wanted: Sequence[Coordinates]) -> Tree:
    tiles = await journal.tiles(wanted)
    return Tree(size, lambda level, number, width: tiles[level, number, width])
