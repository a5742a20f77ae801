"""The ledger's store: leaves, full tiles, checkpoints. It keeps and gives out hashes, and makes none.

Every row is written once. An unfinished tile is read from what stands below it: at level 0 the last leaves, above it
the roots of full tiles. So appending and proving read a few tiles, however long the log is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Row,
    Select,
    Text,
    and_,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from delivery.journal.encoding import micros
from delivery.journal.stamps import CHECKPOINT
from delivery.journal.store import Store, padded
from delivery.journal.tables import (
    events,
    ledger_checkpoints,
    ledger_cosignatures,
    ledger_leaves,
    ledger_tiles,
    stamps,
)
from delivery.journal.writing import Batch

WIDTH = 256
HASH_BYTES = 32

Coordinates = tuple[int, int, int]
"""Level, number, width of a tile."""

_SEQUENCING = 0x736F6E67_6461_0003
"""The lock of those who append leaves: theirs alone, so that no writer of events ever waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """A row of the event table as the ledger sees it. `recorded_at`: microseconds since 1970 in UTC."""

    position: int
    delivery: str
    seq: int
    recorded_at: int
    kind: str
    data: str


@dataclass(frozen=True, slots=True)
class LeafRow:
    """A leaf to append. `hash` is that of RFC 6962 over `entry`."""

    position: int
    entry: bytes
    hash: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class TileRow:
    """A full tile and the hash over it."""

    level: int
    number: int
    root: bytes
    hashes: bytes


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A checkpoint that was signed. `note` without cosignatures."""

    size: int
    root: bytes
    note: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A verified line of a witness under a checkpoint; `witness` is its vkey."""

    size: int
    root: bytes
    witness: str
    line: str


@dataclass(frozen=True, slots=True)
class LedgerState:
    """`size`: leaves. `position`: of the last event among them, 0 for none. `waiting_since`: when the oldest event
    that is no leaf yet was recorded.
    """

    size: int
    position: int
    waiting_since: datetime | None


class Ledger(Store):
    """The part of the journal that keeps the Merkle log over its events."""

    async def ledger_state(self) -> LedgerState:
        last = await self._row(
            select(ledger_leaves.c.number, ledger_leaves.c.position).order_by(ledger_leaves.c.number.desc()).limit(1)
        )
        size, position = (last.number + 1, last.position) if last else (0, 0)
        waiting = select(events.c.recorded_at).where(events.c.position > position).order_by(events.c.position).limit(1)
        return LedgerState(size, position, await self._scalar(waiting))

    async def unsequenced(self, position: int, limit: int) -> tuple[EventRow, ...]:
        """Events after that position, in the order of their commits: what has been seen once has nothing before it
        that comes later (writing.py).
        """
        rows = await self._rows(
            select(events).where(events.c.position > position).order_by(events.c.position).limit(limit)
        )
        return tuple(_event(row) for row in rows)

    async def ledger_edge(self, size: int) -> dict[int, Sequence[bytes]]:
        """By level, the hashes of the unfinished tile of a log of `size`."""
        wanted: list[Coordinates] = []
        level = 0
        while size:
            number, width = divmod(size, WIDTH)
            wanted.append((level, number, width))
            level, size = level + 1, number
        found = await self._tiles([tile for tile in wanted if tile[2]])
        return {tile[0]: _split(found.get(tile, b"")) for tile in wanted}

    async def append_leaves(self, first: int, leaves: Sequence[LeafRow], tiles: Sequence[TileRow]) -> bool:
        """Append them if the log has `first` leaves now; False when another was quicker, and nothing was written.

        In a transaction of its own. The lock spares two the same work; that the log cannot fork is the primary key's.
        """
        async with self._engines.writing.begin() as connection:
            if self._engines.postgres:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SEQUENCING})
            if await _size(connection) != first:
                return False
            rows = [_values(number, leaf) for number, leaf in enumerate(leaves, first)]
            await connection.execute(insert(ledger_leaves), rows)
            if tiles:
                await connection.execute(insert(ledger_tiles), [asdict(tile) for tile in tiles])
        return True

    async def tile(self, level: int, number: int, width: int) -> bytes | None:
        """The first `width` hashes of that tile, joined; None when it has not so many yet."""
        found = await self._tiles([(level, number, width)])
        return found.get((level, number, width))

    async def tiles(self, wanted: Sequence[Coordinates]) -> dict[Coordinates, Sequence[bytes]]:
        """Several, split into their hashes, for whoever makes a proof. Raises KeyError for one that is not there."""
        found = await self._tiles(wanted)
        return {coordinates: _split(found[coordinates]) for coordinates in wanted}

    async def _tiles(self, wanted: Sequence[Coordinates]) -> dict[Coordinates, bytes]:
        """Those that there are. Two questions, however many tiles and however long the log."""
        if not wanted:
            return {}
        async with self._engines.reading.connect() as connection:
            rows = await connection.execute(full_tiles(wanted))
            full = {(row.level, row.number): bytes(row.hashes) for row in rows}
            missing = [tile for tile in wanted if tile[:2] not in full and tile[2] < WIDTH]
            parts = (await connection.execute(unfinished_tiles(missing))).all() if missing else ()
        below = {tuple(place): bytes(one) for *place, one in parts}
        for (level, number), places in groupby(sorted(below), key=itemgetter(0, 1)):
            full[level, number] = b"".join(below[place] for place in places)
        found = {tile: full.get(tile[:2], b"")[: tile[2] * HASH_BYTES] for tile in wanted}
        return {tile: content for tile, content in found.items() if content and len(content) == tile[2] * HASH_BYTES}

    async def entries(self, number: int, width: int) -> tuple[bytes, ...] | None:
        """The entries of that tile of level 0; None when it has not so many yet."""
        rows = await self._rows(_leaves(ledger_leaves.c.entry, number, width))
        return tuple(bytes(row.entry) for row in rows) if len(rows) == width else None

    async def leaves_of(self, delivery_id: str) -> tuple[tuple[int, bytes | None, EventRow], ...]:
        """The leaves of a delivery's events: number in the log, salt (None once erased), the row it stands for. Events
        that are no leaf yet are left out.
        """
        joined = events.join(ledger_leaves, events.c.position == ledger_leaves.c.position)
        rows = await self._rows(
            select(ledger_leaves.c.number, ledger_leaves.c.salt, events)
            .select_from(joined)
            .where(events.c.delivery == delivery_id)
            .order_by(ledger_leaves.c.number)
        )
        return tuple((row.number, None if row.salt is None else bytes(row.salt), _event(row)) for row in rows)

    async def keep_checkpoint(self, checkpoint: CheckpointRow) -> None:
        """One for each size: whoever signs the same log twice signs the same, and the first one stays."""

        async def job(batch: Batch) -> None:
            await batch.connection.execute(batch.insert(ledger_checkpoints).values(asdict(checkpoint)))

        await self._do(job)

    async def last_checkpoint(self) -> CheckpointRow | None:
        """The newest one."""
        newest = select(ledger_checkpoints).order_by(ledger_checkpoints.c.size.desc()).limit(1)
        row = await self._row(newest)
        return None if row is None else CheckpointRow(row.size, bytes(row.root), bytes(row.note), row.at)

    async def checkpoint(self) -> bytes | None:
        """The newest signed note, with what witnesses signed below it."""
        last = await self.last_checkpoint()
        if last is None:
            return None
        below = select(ledger_cosignatures.c.line).where(ledger_cosignatures.c.size == last.size)
        lines = [row.line for row in await self._rows(below.order_by(ledger_cosignatures.c.witness))]
        return last.note + "".join(f"{line}\n" for line in lines).encode()

    async def anchored_checkpoint(self, leaf: int) -> bytes | None:
        """The first note that covers the leaf and carries a timestamp: the very bytes that were stamped."""
        stamped = (stamps.c.kind == CHECKPOINT, stamps.c.subject == cast(ledger_checkpoints.c.size, Text))
        query = select(ledger_checkpoints.c.note).where(
            ledger_checkpoints.c.size > leaf, exists().where(*stamped, stamps.c.token.is_not(None))
        )
        note = await self._scalar(query.order_by(ledger_checkpoints.c.size).limit(1))
        return None if note is None else bytes(note)

    async def keep_cosignature(self, cosigned: Cosigned) -> bool:
        """False when it is no checkpoint of ours that was signed. A witness's first line for a checkpoint stays."""
        mine = select(ledger_checkpoints.c.root).where(ledger_checkpoints.c.size == cosigned.size)
        root = await self._scalar(mine)
        if root is None or bytes(root) != cosigned.root:
            return False

        async def job(batch: Batch) -> None:
            row = {"size": cosigned.size, "witness": cosigned.witness, "line": cosigned.line, "at": batch.now}
            await batch.connection.execute(batch.insert(ledger_cosignatures).values(row))

        await self._do(job)
        return True


async def _size(connection: AsyncConnection) -> int:
    last = (await connection.execute(select(func.max(ledger_leaves.c.number)))).scalar()
    return 0 if last is None else last + 1


def full_tiles(wanted: Sequence[Coordinates]) -> Select[Any]:
    """Those of the tiles that are full. One by one: SQLite would look up no `(level, number) IN (…)` by the key, and
    read the table from end to end.
    """
    at = [and_(ledger_tiles.c.level == level, ledger_tiles.c.number == number) for level, number, _ in padded(wanted)]
    return select(ledger_tiles).where(or_(*at))


def unfinished_tiles(wanted: Sequence[Coordinates]) -> CompoundSelect[Any]:
    """What stands below each of them now, in one question: level and number of the tile, place and hash in it."""
    return union_all(*(_below(*tile) for tile in wanted))


def _below(level: int, number: int, width: int) -> Select[Any]:
    table, one = (ledger_tiles, ledger_tiles.c.root) if level else (ledger_leaves, ledger_leaves.c.hash)
    first = number * WIDTH
    query = select(literal(level), literal(number), table.c.number, one)
    query = query.where(table.c.number.between(first, first + width - 1))
    return query.where(ledger_tiles.c.level == level - 1) if level else query


def _leaves(column: ColumnElement[bytes], number: int, width: int) -> Select[Any]:
    first = number * WIDTH
    within = ledger_leaves.c.number.between(first, first + width - 1)
    return select(column).where(within).order_by(ledger_leaves.c.number)


def _event(row: Row[Any]) -> EventRow:
    return EventRow(
        position=row.position,
        delivery=row.delivery,
        seq=row.seq,
        recorded_at=micros(row.recorded_at),
        kind=row.kind,
        data=row.data,
    )


def _values(number: int, leaf: LeafRow) -> dict[str, Any]:
    return {"number": number, "position": leaf.position, "entry": leaf.entry, "hash": leaf.hash, "salt": leaf.salt}


def _split(content: bytes) -> list[bytes]:
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]
