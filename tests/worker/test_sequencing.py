"""Events become leaves, checkpoints are signed, and whoever changes what happened is found out."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from delivery.journal.journal import Journal
from delivery.journal.ledger import Cosigned, LeafRow
from delivery.worker import sequencing
from delivery.worker.sequencing import Sequencing, canonical_row, consistency, inclusion
from signing.errors import LedgerWrong
from signing.ledger import SALT_BYTES, TileReader, Tree, canonical, consistent, entry, included_root, leaf_hash
from signing.notes import ED25519, Checkpoint, Key, open_checkpoint
from tests.journal.world import HandClock, accepted, filing, past_the_journal, sending
from tests.outsider import Record, audit
from tests.signing import naive

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
LOG = Key("songda.local/632801", ED25519, SIGNER.public_key().public_bytes_raw())
PROJECT = Path(__file__).parent.parent.parent


class Salts:
    """Random to whoever looks, the same in each run: whoever makes the log anew knows them, as the court does."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, size: int) -> bytes:
        self.made += 1
        return self.made.to_bytes(size, "big")


def sequencing_of(journal: Journal) -> Sequencing:
    return Sequencing(journal=journal, clock=HandClock(), key=LOG, sign=SIGNER.sign, salts=Salts())


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[Journal]:
    journal = await Journal.open(database_url, HandClock())
    yield journal
    await journal.close()


async def happen(journal: Journal, first: int, count: int) -> None:
    """So many submissions of one delivery, each with three events."""
    for number in range(first, first + count):
        await journal.accept(filing(number))
        delivery = await journal.delivery(f"s{number}-d1")
        await journal.append(delivery, list(sending(delivery.id)), due_at=None)


async def write(database_url: str, statement: str, **values: object) -> None:
    async with past_the_journal(database_url) as connection:
        await connection.execute(text(statement), values)


async def many(journal: Journal, count: int) -> None:
    """One submission with so many deliveries of one event each."""
    await journal.accept(filing("many", deliveries=count))


async def checkpoint(journal: Journal) -> Checkpoint:
    return open_checkpoint(await journal.checkpoint() or b"", LOG)


async def entries_of(journal: Journal) -> list[bytes]:
    """All entries, as an outsider gets them."""
    size, found = (await journal.ledger_state()).size, list[bytes]()
    while len(found) < size:
        number = len(found) // 256
        found += await journal.entries(number, min(256, size - len(found))) or ()
    return found


async def test_every_event_is_a_leaf_in_the_order_of_commits(journal: Journal) -> None:
    await happen(journal, 1, 3)
    await sequencing_of(journal).catch_up()
    events = await journal.unsequenced(0, 100)
    assert (await journal.ledger_state()).size == len(events) == 9
    salts = [number.to_bytes(SALT_BYTES, "big") for number in range(1, 10)]
    expected = [entry(salt, canonical_row(row)) for salt, row in zip(salts, events, strict=True)]
    assert await entries_of(journal) == expected
    signed = await checkpoint(journal)
    assert (signed.size, signed.root) == (9, naive.mth(expected))
    for index, salt, row in await journal.leaves_of("s2-d1"):
        assert salt == salts[index]
        leaf = leaf_hash(entry(salts[index], canonical_row(row)))
        assert included_root(leaf, index, 9, await inclusion(journal, index, 9)) == signed.root
    assert [row.seq for _, _, row in await journal.leaves_of("s2-d1")] == [1, 2, 3]


async def test_what_is_written_down_is_what_the_table_holds(journal: Journal) -> None:
    await journal.accept(filing(1))
    (row,) = await journal.unsequenced(0, 10)
    (recorded,) = await journal.load("s1-d1")
    assert row.recorded_at == int(recorded.recorded_at.timestamp()) * 1_000_000
    said = canonical(delivery="s1-d1", seq=1, recorded_at=row.recorded_at, kind="accepted", data=row.data)
    assert canonical_row(row) == said
    assert accepted("s1-d1", "s1").recipient.name in row.data


async def test_tiles_and_proofs_across_their_borders(journal: Journal) -> None:
    ours = sequencing_of(journal)
    await many(journal, 700)
    for limit in (1, 254, 1, 1, 255):  # 1, 255, 256, 257, 512
        await ours.sequence(limit)
        await ours.sign_checkpoint()
    await ours.catch_up()
    everything = await entries_of(journal)
    assert (await checkpoint(journal)).root == naive.mth(everything)
    sizes = (1, 255, 256, 257, 512, 700)
    for old in sizes:
        assert await sequencing.root(journal, old) == naive.mth(everything[:old])
        proof = await consistency(journal, old, 700)
        assert consistent(old, naive.mth(everything[:old]), 700, naive.mth(everything), proof)
        assert list(await inclusion(journal, old - 1, old)) == naive.path(old - 1, everything[:old])
    assert await journal.tile(0, 2, 189) is None
    assert await journal.tile(0, 3, 1) is None
    assert await journal.tile(1, 0, 3) is None
    assert len(await journal.tile(1, 0, 2) or b"") == 64
    assert await journal.tile(0, 1, 7) == (await journal.tile(0, 1, 256) or b"")[: 7 * 32]
    assert await journal.entries(2, 256) is None


async def test_nothing_new_signs_nothing_new(journal: Journal) -> None:
    ours = sequencing_of(journal)
    await ours.catch_up()
    assert await journal.checkpoint() is None
    await happen(journal, 1, 1)
    await ours.catch_up()
    before = await journal.checkpoint()
    await ours.catch_up()
    assert await journal.checkpoint() == before


async def test_two_at_once_make_one_log(database_url: str) -> None:
    first, second = await Journal.open(database_url, HandClock()), await Journal.open(database_url, HandClock())
    await many(first, 600)
    a, b = sequencing_of(first), sequencing_of(second)
    await asyncio.gather(*[each.sequence(50) for _ in range(12) for each in (a, b)])
    await asyncio.gather(a.catch_up(), b.catch_up())
    positions = [row.position for row in await first.unsequenced(0, 1000)]
    assert (await first.ledger_state()).position == positions[-1]
    everything = await entries_of(first)
    assert len(everything) == 600
    assert (await checkpoint(first)).root == naive.mth(everything)
    await first.close()
    await second.close()


async def test_a_fork_is_refused_by_the_database_itself(journal: Journal, database_url: str) -> None:
    await happen(journal, 1, 2)
    ours = sequencing_of(journal)
    await ours.sequence(3)
    stale = [LeafRow(4, bytes(32), bytes(32), bytes(16))]
    assert not await journal.append_leaves(2, stale, [])
    for number, position in ((2, 99), (3, 1)):
        leaf = "INSERT INTO ledger_leaves VALUES (:n, :p, :b, :b, :b)"
        with pytest.raises(IntegrityError):
            await write(database_url, leaf, n=number, p=position, b=b"x")
    assert (await journal.ledger_state()).size == 3


CHANGES = (
    "UPDATE ledger_leaves SET entry = hash",
    "UPDATE ledger_leaves SET number = number + 1000",
    "UPDATE ledger_leaves SET salt = entry",
    "DELETE FROM ledger_leaves",
    "UPDATE ledger_tiles SET root = hashes",
    "DELETE FROM ledger_tiles",
    "UPDATE ledger_checkpoints SET root = note",
    "DELETE FROM ledger_checkpoints",
    "UPDATE ledger_cosignatures SET line = ''",
    "DELETE FROM ledger_cosignatures",
)


async def test_the_database_refuses_to_change_the_ledger(journal: Journal, database_url: str) -> None:
    await many(journal, 257)
    await sequencing_of(journal).catch_up()
    signed = await checkpoint(journal)
    await journal.keep_cosignature(Cosigned(signed.size, signed.root, "w", "line"))
    for change in CHANGES:
        with pytest.raises(DBAPIError, match="append-only"):
            await write(database_url, change)


async def test_a_salt_can_be_erased_and_the_log_stays(journal: Journal, database_url: str) -> None:
    await happen(journal, 1, 1)
    ours = sequencing_of(journal)
    await ours.catch_up()
    await write(database_url, "UPDATE ledger_leaves SET salt = NULL WHERE number = 1")
    assert [salt is None for _, salt, _ in await journal.leaves_of("s1-d1")] == [False, True, False]
    await happen(journal, 2, 1)
    await ours.catch_up()
    assert (await checkpoint(journal)).root == naive.mth(await entries_of(journal))


async def test_cosignatures_stand_below_their_checkpoint_alone(journal: Journal) -> None:
    ours = sequencing_of(journal)
    await happen(journal, 1, 1)
    await ours.catch_up()
    signed = await checkpoint(journal)
    assert await journal.keep_cosignature(Cosigned(3, signed.root, "w+1", "— w one"))
    assert await journal.keep_cosignature(Cosigned(3, signed.root, "w+1", "— w two"))
    assert not await journal.keep_cosignature(Cosigned(3, bytes(32), "w+2", "— w other root"))
    assert not await journal.keep_cosignature(Cosigned(2, signed.root, "w+2", "— w other size"))
    assert (await journal.checkpoint() or b"").endswith("\n— w one\n".encode())
    await happen(journal, 2, 1)
    await ours.catch_up()
    assert "— w".encode() not in (await journal.checkpoint() or b"")


async def test_a_changed_ledger_is_not_signed_again(journal: Journal, database_url: str) -> None:
    ours = sequencing_of(journal)
    await happen(journal, 1, 1)
    await ours.catch_up()
    await tamper(database_url, "UPDATE ledger_leaves SET hash = entry WHERE number = 1")
    await happen(journal, 2, 1)
    with pytest.raises(LedgerWrong, match="first 3 leaves"):
        await ours.catch_up()
    assert (await checkpoint(journal)).size == 3


# --- killed ----------------------------------------------------------------------------------------------------------

VICTIM = """
import asyncio, sys
from delivery.journal.journal import Journal
from delivery.worker import sequencing
from tests.worker.test_sequencing import HandClock, sequencing_of

async def main() -> None:
    journal = await Journal.open(sys.argv[1], HandClock())
    ours = sequencing_of(journal)
    while await ours.sequence(7):
        await ours.sign_checkpoint()
        print("a round", flush=True)

asyncio.run(main())
"""


def _kill_after(rounds: int, database_url: str) -> None:
    command = [sys.executable, "-c", VICTIM, database_url]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(rounds):
            process.stdout.readline()
        process.kill()


@pytest.mark.parametrize("rounds", [1, 17, 40])
async def test_whoever_is_killed_is_followed_by_the_same_code(database_url: str, rounds: int) -> None:
    journal = await Journal.open(database_url, HandClock())
    await many(journal, 600)
    await asyncio.to_thread(_kill_after, rounds, database_url)
    before = await checkpoint(journal)
    assert before.size >= 7 * rounds
    await sequencing_of(journal).catch_up()
    everything = await entries_of(journal)
    assert len(everything) == 600
    assert (await checkpoint(journal)).root == naive.mth(everything)
    assert before.root == naive.mth(everything[: before.size])
    await journal.close()


# --- the outsider ----------------------------------------------------------------------------------------------------

EMPTIED = ("DELETE FROM ledger_checkpoints", "DELETE FROM ledger_tiles", "DELETE FROM ledger_leaves")
TAMPERINGS = {
    "deleted": ("DELETE FROM events WHERE position = {at}",),
    "backdated": ("UPDATE events SET recorded_at = recorded_at - 86400000000 WHERE position = {at}",),
    "changed": ("UPDATE events SET data = replace(data, '2025', '2024') WHERE position = {at}",),
    "given to another": ("UPDATE events SET delivery = 's1-d1', seq = 900 WHERE position = {at}",),
    "reordered": (
        "UPDATE events SET position = -1 WHERE position = {at}",
        "UPDATE events SET position = {at} WHERE position = {at} + 1",
        "UPDATE events SET position = {at} + 1 WHERE position = -1",
    ),
    "inserted": (
        "UPDATE events SET position = -position WHERE position >= {at}",
        "UPDATE events SET position = 1 - position WHERE position < 0",
        "INSERT INTO events (position, delivery, seq, recorded_at, kind, data) "
        "SELECT {at}, delivery, 900, recorded_at, kind, data FROM events WHERE position = {at} + 1",
    ),
}


async def tamper(database_url: str, *changes: str) -> None:
    """By whoever owns the database: triggers out of the way first."""
    async with past_the_journal(database_url) as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SET session_replication_role = replica"))
        else:
            await connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            triggers = await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
            for (name,) in triggers.all():
                await connection.execute(text(f"DROP TRIGGER {name}"))
        for change in changes:
            await connection.execute(text(change))


async def reader(journal: Journal, size: int) -> TileReader:
    """All tiles that the court shows, as a function."""
    shown = {}
    level, nodes = 0, min(size, (await journal.ledger_state()).size)
    while nodes:
        for number in range(-(-nodes // 256)):
            width = min(256, nodes - number * 256)
            shown |= await journal.tiles([(level, number, width)])
        level, nodes = level + 1, nodes // 256
    return lambda level, number, width: shown[level, number, width]


async def records(journal: Journal, salts: Sequence[bytes]) -> list[Record]:
    """The event table as the court shows it, with the salts in the order of the log."""
    rows = await journal.unsequenced(0, 10_000)
    return [Record(salt, canonical_row(row)) for salt, row in zip(salts, rows, strict=False)]


async def two_checkpoints(journal: Journal) -> tuple[Checkpoint, Checkpoint, list[bytes]]:
    """What the outsider holds, and the salts."""
    ours = sequencing_of(journal)
    await journal.accept(filing(1, deliveries=300))
    await ours.catch_up()
    old = await checkpoint(journal)
    await journal.accept(filing(2, deliveries=60))
    await ours.catch_up()
    salts = [number.to_bytes(SALT_BYTES, "big") for number in range(1, 361)]
    return old, await checkpoint(journal), salts


async def test_the_outsider_is_content_when_nothing_was_changed(journal: Journal) -> None:
    old, new, salts = await two_checkpoints(journal)
    shown = await records(journal, salts)
    assert audit(old, new, await reader(journal, new.size), shown) == ()
    shown[7] = Record(None, None)
    assert audit(old, new, await reader(journal, new.size), shown) == ()


@pytest.mark.parametrize("where", [20, 330], ids=["before the first", "between the two"])
@pytest.mark.parametrize("how", TAMPERINGS)
async def test_whoever_changes_the_events_and_leaves_the_log(
    journal: Journal, database_url: str, how: str, where: int
) -> None:
    old, new, salts = await two_checkpoints(journal)
    await tamper(database_url, *[change.format(at=where) for change in TAMPERINGS[how]])
    found = audit(old, new, await reader(journal, new.size), await records(journal, salts))
    assert f"event {where - 1} is not the one that was logged" in found


@pytest.mark.parametrize("where", [20, 330], ids=["before the first", "between the two"])
@pytest.mark.parametrize("how", TAMPERINGS)
async def test_whoever_changes_the_events_and_makes_the_log_anew(
    journal: Journal, database_url: str, how: str, where: int
) -> None:
    """With the same code, key and salts; the events then fit the log, but not what the outsider holds."""
    old, new, salts = await two_checkpoints(journal)
    await tamper(database_url, *[change.format(at=where) for change in TAMPERINGS[how]], *EMPTIED)
    await sequencing_of(journal).catch_up()
    forged = await checkpoint(journal)
    assert forged.root != new.root
    shown = await reader(journal, new.size)
    assert any("the log shown" in each for each in audit(old, new, shown, await records(journal, salts)))
    if where < old.size:
        tree = Tree(forged.size, await reader(journal, forged.size))
        assert not consistent(old.size, old.root, forged.size, forged.root, tree.consistency(old.size))
