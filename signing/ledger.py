"""The ledger's arithmetic: a Merkle log over all events, read by tiles (RFC 6962 §2.1; C2SP tlog-tiles).

Pure: whoever keeps the log hands in a reader of tiles. Signed notes, checkpoints and cosignatures are in
signing/notes.py.

Heights count from the leaves: a node of height h covers 2**h leaves. A tile of level L holds up to 256 neighbouring
nodes of height 8·L, so a node between two levels is folded from its tile, and no proof reads more than two tiles a
level.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from signing.errors import LedgerWrong
from signing.notes import vkey

__all__ = [
    "EMPTY_ROOT",
    "SALT_BYTES",
    "TILE_WIDTH",
    "Coordinates",
    "Tile",
    "TileReader",
    "Tree",
    "canonical",
    "consistent",
    "edge_tiles",
    "entry",
    "extend",
    "included_root",
    "leaf_hash",
    "node_hash",
    "proof_tiles",
    "split_hashes",
    "tile_path",
    "vkey",
]

SALT_BYTES = 16
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256().digest()

TileReader = Callable[[int, int, int], Sequence[bytes]]
"""(level, number, width) → the first `width` hashes of that tile. Raises LookupError for what it has not."""

Coordinates = tuple[int, int, int]
"""Level, number, width of a tile."""


# --- leaves ----------------------------------------------------------------------------------------------------------


def canonical(*, delivery: str, seq: int, recorded_at: int, kind: str, data: str) -> bytes:
    """One row of the event table as everybody writes it down: JSON with sorted keys and no spaces, in UTF-8.

    `recorded_at`: microseconds since 1970 in UTC. `data`: the event's JSON as stored, kept as one text so that no
    second encoder can disagree about it.
    """
    row = {"data": data, "delivery": delivery, "kind": kind, "recorded_at": recorded_at, "seq": seq}
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def entry(salt: bytes, event: bytes) -> bytes:
    """The 32 bytes that stand in the log for a canonical event. Without the salt nobody can try out guesses, so once
    salt and event are erased the entry tells nothing.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(b"songda:event:1\n" + salt + event).digest()


def leaf_hash(content: bytes) -> bytes:
    """RFC 6962 §2.1."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 §2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- tiles -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A full tile. `root` is its hash, one of the hashes of a tile one level up."""

    level: int
    number: int
    root: bytes
    hashes: bytes


def tile_path(level: int | str, number: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is published, below the log's prefix: `tile/0/x001/x234/067`, `tile/1/000.p/5`. `level` may be
    "entries".
    """
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(groups)}{partial}"


def split_hashes(content: bytes) -> tuple[bytes, ...]:
    """The hashes of a tile. Raises LedgerWrong when it is no whole number of them."""
    if len(content) % HASH_BYTES or not 0 < len(content) <= TILE_WIDTH * HASH_BYTES:
        raise LedgerWrong("a tile holds 1 to 256 hashes of 32 bytes")
    return tuple(content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES))


def extend(size: int, edge: Mapping[int, Sequence[bytes]], leaves: Sequence[bytes]) -> list[Tile]:
    """The tiles that become full when leaf hashes are appended to a log of `size`, lowest level first.

    `edge`: by level, the hashes of the last, unfinished tile. Raises LedgerWrong when it does not fit the size.
    """
    tiles: list[Tile] = []
    level, fresh = 0, list(leaves)
    while fresh:
        last = edge.get(level, ())
        if len(last) != size % TILE_WIDTH:
            raise LedgerWrong(f"the edge of level {level} has {len(last)} hashes, not {size % TILE_WIDTH}")
        row = [*last, *fresh]
        whole = range(0, len(row) - TILE_WIDTH + 1, TILE_WIDTH)
        full = [_tile(level, (size + at) // TILE_WIDTH, row[at : at + TILE_WIDTH]) for at in whole]
        tiles += full
        level, size, fresh = level + 1, size // TILE_WIDTH, [tile.root for tile in full]
    return tiles


def _tile(level: int, number: int, hashes: Sequence[bytes]) -> Tile:
    return Tile(level, number, _fold(hashes), b"".join(hashes))


def edge_tiles(size: int) -> list[Coordinates]:
    """The unfinished tiles of a log of `size`: its right edge."""
    edges: list[Coordinates] = []
    level = 0
    while size:
        number, width = divmod(size, TILE_WIDTH)
        if width:
            edges.append((level, number, width))
        level, size = level + 1, number
    return edges


def proof_tiles(index: int, size: int) -> list[Coordinates]:
    """All that a proof about the leaf `index` in a log of `size` reads: tiles above the leaf, and the right edge."""
    wanted = edge_tiles(size)
    level, nodes = 0, size
    while nodes > index:
        number = index // TILE_WIDTH
        above = (level, number, min(TILE_WIDTH, nodes - number * TILE_WIDTH))
        wanted += [above] if above not in wanted else []
        level, nodes, index = level + 1, nodes // TILE_WIDTH, number
    return wanted


def _fold(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of neighbours."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


# --- roots and proofs ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tree:
    """A log of `size` leaves, read by its tiles. What the reader raises goes through."""

    size: int
    read: TileReader

    def root(self) -> bytes:
        """MTH of RFC 6962 §2.1."""
        return self._hash(0, self.size) if self.size else EMPTY_ROOT

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """PATH of RFC 6962 §2.1.1, from the leaf up. Raises ValueError when there is no such leaf."""
        if not 0 <= index < self.size:
            raise ValueError(f"a log of {self.size} has no leaf {index}")
        return tuple(self._path(index, 0, self.size))

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """PROOF of RFC 6962 §2.1.2 between the log as it was with `old` leaves and this one; empty where there is
        nothing to show. Raises ValueError when it never had so many.
        """
        if not 0 <= old <= self.size:
            raise ValueError(f"a log of {self.size} never had {old} leaves")
        return tuple(self._subproof(old, 0, self.size, whole=True)) if old else ()

    def _hash(self, low: int, high: int) -> bytes:
        count = high - low
        if count & (count - 1) == 0:
            return self._node(count.bit_length() - 1, low // count)
        middle = low + _split(count)
        return node_hash(self._hash(low, middle), self._hash(middle, high))

    def _node(self, height: int, index: int) -> bytes:
        level, within = divmod(height, TILE_HEIGHT)
        number, offset = divmod(index << within, TILE_WIDTH)
        width = min(TILE_WIDTH, (self.size >> TILE_HEIGHT * level) - number * TILE_WIDTH)
        return _fold(self.read(level, number, width)[offset : offset + (1 << within)])

    def _path(self, index: int, low: int, high: int) -> list[bytes]:
        if high - low == 1:
            return []
        middle = low + _split(high - low)
        if index < middle:
            return [*self._path(index, low, middle), self._hash(middle, high)]
        return [*self._path(index, middle, high), self._hash(low, middle)]

    def _subproof(self, old: int, low: int, high: int, *, whole: bool) -> list[bytes]:
        """SUBPROOF; `whole`: the old tree's root is this very node, which the verifier knows already."""
        if old == high:
            return [] if whole else [self._hash(low, high)]
        middle = low + _split(high - low)
        if old <= middle:
            return [*self._subproof(old, low, middle, whole=whole), self._hash(middle, high)]
        return [*self._subproof(old, middle, high, whole=False), self._hash(low, middle)]


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


# --- judging proofs --------------------------------------------------------------------------------------------------


def included_root(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root of the log of `size` in which `leaf` (its hash) has that index, if the proof is right: compare it with
    the checkpoint's. Raises LedgerWrong for a proof of another length.
    """
    if not 0 <= index < size:
        raise LedgerWrong(f"a log of {size} has no leaf {index}")
    rest = list(proof)
    root = _climb(leaf, index, size, rest)
    _used_up(rest)
    return root


def _climb(leaf: bytes, index: int, size: int, rest: list[bytes]) -> bytes:
    if size == 1:
        return leaf
    middle, sibling = _split(size), _taken(rest)
    if index < middle:
        return node_hash(_climb(leaf, index, middle, rest), sibling)
    return node_hash(sibling, _climb(leaf, index - middle, size - middle, rest))


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the log of size `new` begins with the one of size `old`. Raises LedgerWrong for a proof of another
    length, and when `new` is smaller.
    """
    if not 0 <= old <= new:
        raise LedgerWrong("a log never shrinks")
    rest = list(proof)
    if not old:
        _used_up(rest)
        return old_root == EMPTY_ROOT and (new > 0 or new_root == EMPTY_ROOT)
    found = _both(old, new, old_root, rest, whole=True)
    _used_up(rest)
    return found == (old_root, new_root)


def _both(old: int, new: int, old_root: bytes, rest: list[bytes], *, whole: bool) -> tuple[bytes, bytes]:
    """The hash of the old tree's part and of the new one's, in the range that SUBPROOF is looking at."""
    if old == new:
        node = old_root if whole else _taken(rest)
        return node, node
    middle, sibling = _split(new), _taken(rest)
    if old <= middle:
        before, after = _both(old, middle, old_root, rest, whole=whole)
        return before, node_hash(after, sibling)
    before, after = _both(old - middle, new - middle, old_root, rest, whole=False)
    return node_hash(sibling, before), node_hash(sibling, after)


def _taken(rest: list[bytes]) -> bytes:
    if not rest or len(rest[-1]) != HASH_BYTES:
        raise LedgerWrong("the proof is too short")
    return rest.pop()


def _used_up(rest: Sequence[bytes]) -> None:
    if rest:
        raise LedgerWrong("the proof is too long")
