"""Acknowledged means kept (design.md §5.1): a process is killed while it writes; what it was told is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from delivery.journal.journal import Journal
from tests.journal.world import CLIENT, COURT, LEASE, HandClock

PROJECT = Path(__file__).parent.parent.parent

VICTIM = """
import asyncio, sys
from itertools import count
from delivery.journal.journal import Journal
from tests.journal.world import HandClock, announced, filing, raw, taken

async def one_slot(journal: Journal, slot: int) -> None:
    for number in count():
        await journal.accept(filing(f"{slot}-{number}"))
        delivery = await journal.delivery(f"s{slot}-{number}-d1")
        print("version", delivery.id, delivery.version, flush=True)
        for attempt in (1, 2, 3):
            act = [announced(delivery.id, attempt), taken(delivery.id, attempt)]
            reference = ("smpp", f"{delivery.id}.{attempt}", f"{delivery.id}.a1.{attempt}")
            delivery = await journal.append(delivery, act, due_at=None, references=[reference])
            print("version", delivery.id, delivery.version, flush=True)
        print("receipt", await journal.keep(raw()), "-", flush=True)

async def main() -> None:
    journal = await Journal.open(sys.argv[1], HandClock(prefix="victim"))
    await asyncio.gather(*[one_slot(journal, slot) for slot in range(8)])

asyncio.run(main())
"""


def _acknowledged(database_url: str, lines: int) -> list[tuple[str, str, str]]:
    """What the process had been told when it was killed, after so many answers."""
    command = [sys.executable, "-c", VICTIM, database_url]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        heard = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        heard += process.stdout.readlines()
    whole = [line.split() for line in heard if line.endswith("\n")]
    return [(kind, name, value) for kind, name, value in whole]


@pytest.mark.parametrize("lines", [1, 30, 171])
async def test_what_was_acknowledged_is_there_after_a_kill(database_url: str, lines: int) -> None:
    told = _acknowledged(database_url, lines)
    assert len(told) >= lines
    journal = await Journal.open(database_url, HandClock(prefix="heir"))
    versions = {name: int(value) for kind, name, value in told if kind == "version"}
    for name, version in versions.items():
        history = await journal.load(name)
        assert len(history) >= version
        assert [each.seq for each in history] == list(range(1, len(history) + 1))
        attempts = (len(history) - 1) // 2
        for attempt in range(1, attempts + 1):
            assert await journal.attempt_of("smpp", f"{name}.{attempt}") == f"{name}.a1.{attempt}"
    for _, name, _ in (each for each in told if each[0] == "receipt"):
        await journal.raw_receipt(name)
    await _is_whole(journal)
    await journal.close()


async def _is_whole(journal: Journal) -> None:
    """No half of a transaction is there: rows, events and reports agree for every delivery."""
    reports = await journal.reports_after(COURT, CLIENT, 0, 100_000)
    for row in await journal.deliveries(COURT, limit=10_000):
        history = await journal.load(row.id)
        assert row.version == len(history)
        sequences = [each.sequence for each in reports if each.delivery == row.id]
        assert sequences == list(range(1, (len(history) - 1) // 2 + 1))


async def test_the_heir_goes_on_where_the_dead_one_stopped(database_url: str) -> None:
    """Nothing of the dead process stands in the way: no lock, no lease that does not run out."""
    _acknowledged(database_url, 40)
    clock = HandClock(prefix="heir")
    journal = await Journal.open(database_url, clock)
    clock.time += LEASE
    due = await journal.claim(100, LEASE)
    for delivery in due:
        await journal.release(delivery.id, due_at=None)
    assert await journal.next_due() is None
    await journal.close()
