"""The published ledger: what anybody can fetch, what caches may keep, what a witness may add; and Go's own reading."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from delivery import ledger_keys, settings
from delivery.worker.sequencing import Sequencing, consistency, inclusion
from signing.ledger import edge_tiles, proof_tiles, split_hashes, tile_path
from signing.notes import COSIGNATURE, ED25519, Key, cosign, open_checkpoint, read_note
from tests import servers
from tests.journal.world import HandClock, filing
from tests.signing import naive
from tests.web.office import Office, open_office

SIGNER, WITNESS_SIGNER = (
    Ed25519PrivateKey.from_private_bytes(bytes(32)),
    Ed25519PrivateKey.from_private_bytes(b"w" * 32),
)
LOG = Key("songda.local/632801", ED25519, SIGNER.public_key().public_bytes_raw())
WITNESS = Key("witness.example", COSIGNATURE, WITNESS_SIGNER.public_key().public_bytes_raw())
STRANGER = Key("stranger.example", COSIGNATURE, WITNESS.public)
SEEN = datetime(2025, 9, 16, 2, tzinfo=UTC)
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
GO = servers.PROJECT / "tests" / "go" / "ledger.go"


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    local = settings.load(servers.PROJECT / "config" / "local.toml", {})
    read = ledger_keys.cosigned_by(replace(local, witnesses=(str(WITNESS),)))
    url = f"sqlite+aiosqlite:///{tmp_path / 'journal'}"
    async with open_office(url, tmp_path / "documents", cosigned=read) as opened:
        yield opened


async def grow(office: Office, name: str, count: int) -> None:
    """So many events more, sequenced and signed."""
    await office.journal.accept(filing(name, deliveries=count))
    await Sequencing(journal=office.journal, clock=HandClock(), key=LOG, sign=SIGNER.sign).catch_up()


async def fetch(office: Office, path: str, status: int = 200) -> bytes:
    reply = await office.ask("GET", f"/log/{path}", who=None)
    assert reply.status == status, reply.body
    return reply.body


async def cosigned(office: Office, witness: Key = WITNESS, note: bytes | None = None) -> bytes:
    checkpoint = note or await fetch(office, "checkpoint")
    line = cosign(read_note(checkpoint).text, witness, SEEN, WITNESS_SIGNER.sign)
    return checkpoint + f"{line}\n".encode()


async def post(office: Office, body: bytes, status: int) -> None:
    reply = await office.ask("POST", "/log/cosignature", who=None, data=body, headers=TEXT)
    assert reply.status == status, reply.body


async def test_an_empty_log_has_no_checkpoint(office: Office) -> None:
    await fetch(office, "checkpoint", 404)
    await fetch(office, "tile/0/000", 404)


async def test_the_checkpoint_and_the_tiles_below_it(office: Office) -> None:
    await grow(office, "first", 259)
    reply = await office.ask("GET", "/log/checkpoint", who=None)
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Cache-Control"] == "public, max-age=5"
    checkpoint = open_checkpoint(reply.body, LOG)
    bundle = await fetch(office, "tile/entries/000") + await fetch(office, "tile/entries/001.p/3")
    entries = [bundle[at + 2 : at + 34] for at in range(0, len(bundle), 34)]
    assert {bundle[at : at + 2] for at in range(0, len(bundle), 34)} == {b"\x00\x20"}
    assert (checkpoint.size, checkpoint.root) == (259, naive.mth(entries))
    assert split_hashes(await fetch(office, "tile/0/001.p/3")) == tuple(naive.mth([each]) for each in entries[256:])
    assert await fetch(office, "tile/1/000.p/1") == naive.mth(entries[:256])


async def test_caches_keep_full_tiles_for_ever(office: Office) -> None:
    await grow(office, "first", 257)
    full = await office.ask("GET", "/log/tile/0/000", who=None)
    assert full.headers["Content-Type"] == "application/octet-stream"
    assert "immutable" in full.headers["Cache-Control"]
    partial = await office.ask("GET", "/log/tile/0/001.p/1", who=None)
    assert "immutable" not in partial.headers["Cache-Control"]
    assert await fetch(office, "tile/0/000.p/9") == full.body[: 9 * 32]


@pytest.mark.parametrize(
    "path",
    [
        *("0/001", "0/000.p/256", "0/000.p/0", "0/000.p/09", "0/0", "0/x000/001", "0/x001/00", "0/000.p/300", "1/000"),
        *("64/000", "00/000", "-1/000", "entry/000", "entries/001", "entries/000.p/3/", "0/../0/000.p/x", "99/000"),
        "0/x999/x999/x999/x999/999",
    ],
)
async def test_what_is_no_tile_is_not_found(office: Office, path: str) -> None:
    await grow(office, "first", 3)
    assert len(await fetch(office, "tile/0/000.p/3")) == 96
    await fetch(office, f"tile/{path}", 404)


async def test_the_checkpoint_carries_what_a_witness_signed(office: Office) -> None:
    await grow(office, "first", 3)
    body = await cosigned(office)
    await post(office, body, 204)
    await post(office, body, 204)
    assert await fetch(office, "checkpoint") == body


async def test_what_no_witness_signed_is_refused(office: Office) -> None:
    await grow(office, "first", 3)
    good = await cosigned(office)
    await post(office, await cosigned(office, STRANGER), 401)
    await post(office, await fetch(office, "checkpoint"), 401)
    await post(office, good[:-9] + b"AAAAAAA=\n", 400)
    await post(office, b"no note", 400)
    await post(office, b"x" * 17_000, 413)
    forked = good.split("— ".encode())[0].replace(b"\n3\n", b"\n2\n") + "— x AAAAAAAA\n".encode()
    await post(office, await cosigned(office, note=forked), 409)
    other = forked.replace(LOG.name.encode(), b"other.example")
    await post(office, await cosigned(office, note=other), 401)
    reply = await office.ask("POST", "/log/cosignature", who=None, data=good, headers={"Content-Type": "text/html"})
    assert reply.status == 415
    assert b"witness" not in await fetch(office, "checkpoint")


async def test_how_far_it_is_stands_in_the_figures(office: Office) -> None:
    await office.journal.accept(filing("first", deliveries=3))
    figures = (await office.ask("GET", "/metrics", who=None)).body.decode()
    assert "songda_ledger_size 0.0" in figures
    behind = next(line for line in figures.splitlines() if line.startswith("songda_ledger_seconds_behind "))
    assert float(behind.split()[1]) > 0
    await grow(office, "second", 2)
    figures = (await office.ask("GET", "/metrics", who=None)).body.decode()
    for line in ("songda_ledger_size 5.0", "songda_ledger_signed_size 5.0", "songda_ledger_seconds_behind 0.0"):
        assert f"\n{line}\n" in figures


# --- Go --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def go_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("go")


async def publish(office: Office, folder: Path, index: int) -> None:
    """All that a stranger fetches, saved under the names under which it is published, and what we claim about it."""
    await grow(office, "first", 300)
    older = await fetch(office, "checkpoint")
    await grow(office, "second", 500)
    await post(office, await cosigned(office), 204)
    newer = await fetch(office, "checkpoint")
    old_size, size = open_checkpoint(older, LOG).size, open_checkpoint(newer, LOG).size
    for tile in {*edge_tiles(size), *proof_tiles(index, size), *proof_tiles(old_size - 1, size)}:
        path = folder / tile_path(*tile)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await fetch(office, tile_path(*tile)))
    entry = (await office.journal.entries(index // 256, 256) or ())[index % 256]
    claims = {
        "Index": index,
        "Entry": _base64(entry),
        "RecordProof": [_base64(each) for each in await inclusion(office.journal, index, size)],
        "TreeProof": [_base64(each) for each in await consistency(office.journal, old_size, size)],
    }
    (folder / "claims.json").write_text(json.dumps(claims))
    (folder / "older").write_bytes(older)
    (folder / "checkpoint").write_bytes(newer)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def test_go_agrees(office: Office, tmp_path: Path, go_cache: Path) -> None:
    """Debian's golang.org/x/mod/sumdb (note, tlog): signatures, the proofs we make, and those it makes from our tiles;
    and it finds each thing that is bent.
    """
    await publish(office, tmp_path, 299)
    assert await _go(tmp_path, go_cache) == (
        0,
        "signed by 2: 800\nsigned by 1: 300\nour proofs hold\nthe tiles hold\n",
    )
    for name, says in (
        ("older", "note: "),
        ("checkpoint", "note: "),
        ("claims.json", "our record proof: "),
        ("tile/0/001", "record proof: "),
    ):
        path = tmp_path / name
        good = path.read_bytes()
        path.write_bytes(_bent(name, good))
        status, told = await _go(tmp_path, go_cache)
        assert status != 0
        assert says in told, (name, told)
        path.write_bytes(good)


def _bent(name: str, good: bytes) -> bytes:
    if name == "claims.json":
        return good.replace(b'"Index": 299', b'"Index": 298')
    return good.replace(b"00\n", b"01\n", 1) if name in ("older", "checkpoint") else bytes([good[0] ^ 1]) + good[1:]


async def _go(folder: Path, cache: Path) -> tuple[int, str]:
    done = await asyncio.to_thread(servers.go_run, GO, str(folder), str(LOG), str(WITNESS), cache=cache)
    return done.returncode, done.stdout or done.stderr
