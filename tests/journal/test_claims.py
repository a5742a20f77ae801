"""Who works on what: due deliveries, leases, and giving back."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from delivery.core.events import FactRecorded
from delivery.core.model import Delivery, Fact
from delivery.journal.errors import VersionConflict
from delivery.journal.journal import Journal
from tests.journal.world import LEASE, START, HandClock, filing, planned, raw

HOUR = timedelta(hours=1)


def _read() -> FactRecorded:
    return FactRecorded(at=START, fact=Fact(kind="read", at=START, address="a1"), by="recipient")


async def _claimed(journal: Journal) -> Delivery:
    await journal.accept(filing(1))
    (claimed,) = await journal.claim(1, LEASE)
    return claimed


async def test_a_claim_brings_the_folded_delivery(journal: Journal) -> None:
    claimed = await _claimed(journal)
    assert claimed == await journal.delivery("s1-d1")


async def test_what_is_due_longest_comes_first_and_no_more_than_asked_for(journal: Journal, clock: HandClock) -> None:
    for number in (3, 1, 2):
        await journal.accept(filing(number))
        clock.pass_time(seconds=1)
    assert [each.id for each in await journal.claim(2, LEASE)] == ["s3-d1", "s1-d1"]
    assert [each.id for each in await journal.claim(2, LEASE)] == ["s2-d1"]
    assert await journal.claim(2, LEASE) == []


async def test_what_is_not_due_is_not_claimed(journal: Journal, clock: HandClock) -> None:
    claimed = await _claimed(journal)
    await journal.append(claimed, [planned()], due_at=START + HOUR, release=True)
    assert await journal.claim(1, LEASE) == []
    assert await journal.next_due() == START + HOUR
    clock.pass_time(hours=1)
    assert [each.version for each in await journal.claim(1, LEASE)] == [2]


async def test_what_waits_for_news_is_claimed_after_news_alone(journal: Journal) -> None:
    claimed = await _claimed(journal)
    await journal.append(claimed, [planned()], due_at=None, release=True)
    assert await journal.claim(1, LEASE) == []
    assert await journal.next_due() is None
    await journal.record(claimed.id, lambda _: [_read()])
    assert [each.version for each in await journal.claim(1, LEASE)] == [3]


async def test_an_append_without_release_keeps_the_claim(journal: Journal) -> None:
    claimed = await _claimed(journal)
    after = await journal.append(claimed, [planned()], due_at=START)
    assert await journal.claim(1, LEASE) == []
    await journal.release(after.id, due_at=START)
    assert [each.version for each in await journal.claim(1, LEASE)] == [2]


async def test_a_lease_runs_out(journal: Journal, clock: HandClock) -> None:
    await _claimed(journal)
    clock.time += LEASE - timedelta(microseconds=1)
    assert await journal.claim(1, LEASE) == []
    clock.pass_time(microseconds=1)
    assert [each.id for each in await journal.claim(1, LEASE)] == ["s1-d1"]


async def test_leases_run_by_the_machines_clock(database_url: str, clock: HandClock) -> None:
    """A rehearsal jumps over days while a worker holds a claim for seconds."""
    machine = HandClock()
    journal = await Journal.open(database_url, clock, machine_now=machine.now)
    await _claimed(journal)
    clock.pass_time(days=30)
    assert await journal.claim(1, LEASE) == []
    machine.time += LEASE
    assert len(await journal.claim(1, LEASE)) == 1
    await journal.close()


async def test_news_that_came_meanwhile_stays_due_after_a_release(journal: Journal) -> None:
    claimed = await _claimed(journal)
    await journal.record(claimed.id, lambda _: [_read()])
    await journal.release(claimed.id, due_at=START + HOUR)
    assert [each.version for each in await journal.claim(1, LEASE)] == [2]


async def test_the_holder_is_told_that_others_wrote_and_keeps_the_claim(journal: Journal) -> None:
    claimed = await _claimed(journal)
    await journal.record(claimed.id, lambda _: [_read()])
    with pytest.raises(VersionConflict):
        await journal.append(claimed, [planned()], due_at=None, release=True)
    assert await journal.claim(1, LEASE) == []
    await journal.release(claimed.id, due_at=None)
    assert [each.version for each in await journal.claim(1, LEASE)] == [2]


async def test_whoever_lost_the_claim_cannot_give_it_back(database_url: str, clock: HandClock) -> None:
    slow = await Journal.open(database_url, clock)
    quick = await Journal.open(database_url, HandClock(time=START + LEASE, prefix="quick"), migrate=False)
    claimed = await _claimed(slow)
    assert len(await quick.claim(1, LEASE)) == 1
    await slow.release(claimed.id, due_at=None)
    clock.time += LEASE
    assert await slow.claim(1, LEASE) == []
    for journal in (slow, quick):
        await journal.close()


async def test_no_delivery_is_claimed_twice_by_many_at_once(database_url: str) -> None:
    workers = [await Journal.open(database_url, HandClock(prefix=f"w{n}")) for n in range(4)]
    await asyncio.gather(*[workers[0].accept(filing(n)) for n in range(60)])

    async def drain(journal: Journal) -> list[str]:
        taken: list[str] = []
        while batch := await journal.claim(3, LEASE):
            taken += [each.id for each in batch]
        return taken

    taken = [each for part in await asyncio.gather(*map(drain, workers)) for each in part]
    assert len(taken) == len(set(taken))
    # A row that another claim holds at that moment is skipped, so somebody may stop early; what is left is claimed now.
    taken += await drain(workers[0])
    assert sorted(taken) == sorted(f"s{n}-d1" for n in range(60))
    for journal in workers:
        await journal.close()


async def test_the_only_worker_may_forget_what_it_held_before_it_died(journal: Journal) -> None:
    await _claimed(journal)
    assert await journal.forget_leases() == 1
    assert len(await journal.claim(1, LEASE)) == 1


async def test_the_next_reading_is_when_a_receipt_came(journal: Journal, clock: HandClock) -> None:
    assert await journal.next_reading() is None
    clock.pass_time(seconds=1)
    await journal.keep(raw())
    assert await journal.next_reading() == START + timedelta(seconds=1)


async def test_a_claimed_delivery_is_not_due_for_others(journal: Journal) -> None:
    await _claimed(journal)
    assert await journal.next_due() is None


async def test_the_last_record(journal: Journal, clock: HandClock) -> None:
    assert await journal.last_record() is None
    clock.pass_time(days=3)
    await journal.accept(filing(1))
    assert await journal.last_record() == clock.now()
