"""RFC 6962 §2.1 word by word: recursive, over all leaves, slow. And a log of tiles that keeps everything in a dict."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from signing.ledger import TILE_WIDTH, Coordinates, Tree, edge_tiles, extend, leaf_hash, split_hashes


def mth(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = _k(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = _k(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    return subproof(m, leaves, known=True)


def subproof(m: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    n = len(leaves)
    if m == n:
        return [] if known else [mth(leaves)]
    k = _k(n)
    if m <= k:
        return [*subproof(m, leaves[:k], known=known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], known=False), mth(leaves[:k])]


def _k(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


class Log:
    """Grows in batches and is read by tiles, as the stored one is. `reads` counts the tiles asked for."""

    def __init__(self) -> None:
        self.size = 0
        self.full: dict[tuple[int, int], bytes] = {}
        self.edge: dict[int, list[bytes]] = {}
        self.reads: set[Coordinates] = set()

    def append(self, entries: Sequence[bytes]) -> None:
        hashes = [leaf_hash(each) for each in entries]
        tiles = extend(self.size, self.edge, hashes)
        for level in range(8):
            fresh = hashes if level == 0 else [tile.root for tile in tiles if tile.level == level - 1]
            row = [*self.edge.get(level, []), *fresh]
            self.edge[level] = row[len(row) - len(row) % TILE_WIDTH :]
        self.full |= {(tile.level, tile.number): tile.hashes for tile in tiles}
        self.size += len(entries)

    def read(self, level: int, number: int, width: int) -> Sequence[bytes]:
        self.reads.add((level, number, width))
        if (level, number) in self.full:
            return split_hashes(self.full[level, number])[:width]
        assert (level, number, width) in edge_tiles(self.size)
        return self.edge[level][:width]

    def tree(self) -> Tree:
        return Tree(self.size, self.read)
