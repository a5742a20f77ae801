"""The ledger's arithmetic beside RFC 6962 read word by word, and beside published figures."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.errors import LedgerWrong
from signing.ledger import (
    EMPTY_ROOT,
    Tree,
    canonical,
    consistent,
    entry,
    extend,
    included_root,
    leaf_hash,
    proof_tiles,
    split_hashes,
    tile_path,
)
from tests.signing import naive

CT = [bytes.fromhex(each) for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
CT.append(bytes.fromhex("606162636465666768696a6b6c6d6e6f"))
"""The leaves by which implementations of RFC 6962 are commonly compared, and their root."""
CT_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"

SIZES = st.integers(1, 1500) | st.sampled_from([1, 2, 255, 256, 257, 511, 512, 513, 1024])


def entries(count: int) -> list[bytes]:
    return [f"entry {number}".encode() for number in range(count)]


def log_of(count: int, *steps: int) -> naive.Log:
    log, all_of_it = naive.Log(), entries(count)
    for low, high in pairwise(sorted({0, count, *(step for step in steps if step < count)})):
        log.append(all_of_it[low:high])
    return log


def test_published_figures() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    log = naive.Log()
    assert log.tree().root() == EMPTY_ROOT
    log.append(CT)
    assert log.tree().root().hex() == CT_ROOT


@given(SIZES, st.lists(st.integers(0, 1500), max_size=6))
def test_the_root_however_it_grew(size: int, steps: list[int]) -> None:
    assert log_of(size, *steps).tree().root() == naive.mth(entries(size))


@given(SIZES, st.integers(0, 1499))
def test_inclusion(size: int, at: int) -> None:
    index, all_of_it = at % size, entries(size)
    log = log_of(size)
    proof = log.tree().inclusion(index)
    assert list(proof) == naive.path(index, all_of_it)
    assert log.reads <= set(proof_tiles(index, size))
    assert included_root(leaf_hash(all_of_it[index]), index, size, proof) == naive.mth(all_of_it)
    assert included_root(leaf_hash(b"other"), index, size, proof) != naive.mth(all_of_it)


@given(SIZES, st.integers(0, 1499))
def test_consistency(size: int, at: int) -> None:
    old, all_of_it = at % size + 1, entries(size)
    log = log_of(size)
    proof = log.tree().consistency(old)
    assert list(proof) == naive.proof(old, all_of_it)
    assert log.reads <= set(proof_tiles(old - 1, size))
    before, after = naive.mth(all_of_it[:old]), naive.mth(all_of_it)
    assert consistent(old, before, size, after, proof)
    assert not consistent(old, leaf_hash(b"other"), size, after, proof)
    assert old == size or not consistent(old, before, size, leaf_hash(b"other"), proof)


@given(st.integers(2, 600), st.integers(0, 599), st.integers(0, 599), st.integers(0, 31))
def test_a_proof_with_one_byte_changed_proves_nothing(size: int, at: int, which: int, byte: int) -> None:
    tree, all_of_it = log_of(size).tree(), entries(size)
    index = at % size
    proof = list(tree.inclusion(index))
    bent = bytearray(proof[which % len(proof)])
    bent[byte] ^= 1
    proof[which % len(proof)] = bytes(bent)
    assert included_root(leaf_hash(all_of_it[index]), index, size, proof) != tree.root()


@given(st.integers(1, 300), st.integers(0, 299), st.integers(1, 300))
def test_a_proof_of_another_length_is_refused(size: int, at: int, other: int) -> None:
    tree = log_of(size).tree()
    index, old = at % size, other % size
    for proof in ((*tree.inclusion(index), bytes(32)), tree.inclusion(index)[1:], (b"short",)):
        if len(proof) != len(tree.inclusion(index)) or b"short" in proof:
            with pytest.raises(LedgerWrong):
                included_root(bytes(32), index, size, proof)
    with pytest.raises(LedgerWrong):
        consistent(old, EMPTY_ROOT, size, tree.root(), (*tree.consistency(old), bytes(32)))


def test_what_no_log_can_be_asked() -> None:
    tree = log_of(5).tree()
    for ask in (lambda: tree.inclusion(5), lambda: tree.inclusion(-1), lambda: tree.consistency(6)):
        with pytest.raises(ValueError, match="a log of 5"):
            ask()
    with pytest.raises(LedgerWrong, match="shrinks"):
        consistent(6, EMPTY_ROOT, 5, tree.root(), ())
    with pytest.raises(LedgerWrong, match="no leaf"):
        included_root(bytes(32), 5, 5, ())
    assert tree.consistency(0) == tree.consistency(5) == ()
    assert consistent(0, EMPTY_ROOT, 5, tree.root(), ())
    assert not consistent(0, bytes(32), 5, tree.root(), ())
    assert not consistent(0, EMPTY_ROOT, 0, bytes(32), ())


def test_an_edge_that_does_not_fit_is_refused() -> None:
    with pytest.raises(LedgerWrong, match="edge of level 0"):
        extend(3, {0: [bytes(32)]}, [bytes(32)])


def test_tiles_of_ten_million_are_few() -> None:
    assert len(proof_tiles(1_234_567, 10_000_000)) == 5
    hashes = [bytes([number]) * 32 for number in range(256)]
    tree = Tree(10_000_000, lambda level, number, width: hashes[:width])
    assert len(tree.inclusion(1_234_567)) == 24


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 1234067, 256), "tile/0/x001/x234/067"),
        ((1, 1000, 5), "tile/1/x001/000.p/5"),
        (("entries", 273, 112), "tile/entries/273.p/112"),
    ],
)
def test_paths(tile: tuple[int | str, int, int], path: str) -> None:
    assert tile_path(*tile) == path


@pytest.mark.parametrize("size", [0, 31, 33, 257 * 32])
def test_what_is_no_tile(size: int) -> None:
    with pytest.raises(LedgerWrong, match="1 to 256"):
        split_hashes(bytes(size))


def test_an_event_as_everybody_writes_it_down() -> None:
    event = canonical(delivery="D1", seq=1, recorded_at=1758000000000000, kind="accepted", data='{"name":"王小明"}')
    said = r'{"data":"{\"name\":\"王小明\"}","delivery":"D1","kind":"accepted","recorded_at":1758000000000000,"seq":1}'
    assert event == said.encode()
    assert entry(bytes(16), event).hex() == "dd1e29197552026fa5c386f2e4d436a1d7b6407c2872ae7078d17d954f2b8fe8"
    assert entry(bytes(15) + b"\x01", event) != entry(bytes(16), event)
    with pytest.raises(ValueError, match="16 bytes"):
        entry(b"", event)
