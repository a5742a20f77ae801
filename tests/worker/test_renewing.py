"""The run over all packs: marks, archive timestamps before it is too late, and going on where it was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from adapters.counterparts.tsa import TsaCounterpart, make_keys
from adapters.http import HttpClient
from adapters.timestamping import Authority, Timestamping
from delivery.core import events
from delivery.journal.journal import Journal
from delivery.worker.packing import Packing
from delivery.worker.renewing import LEASE, NoAuthority, Renewing, Tally
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing.verify import VALID, Number, Result, Verdict, verify
from tests.signing.authorities import der
from tests.signing.verifying.packs import unzipped
from tests.stage import START, Stage, address, recipient, seal_keys, stage
from tests.worker.test_sequencing import LOG, sequencing_of

KEYS = seal_keys()
YEAR = timedelta(days=365)
FIRST_ENDS = START + 4 * YEAR
"""When the certificate of the first authority ends; the second serves from the third year on."""


class World:
    """A stage with authorities that follow each other."""

    def __init__(self, play: Stage, authorities: Sequence[TsaCounterpart], asked: Timestamping) -> None:
        self.play, (self.first, self.second, self.third) = play, authorities
        self.stamping = Stamping(play.journal, play.clock, asked)
        play.bench = replace(play.bench, stamping=self.stamping)
        seals = play.bench.seals
        self.packing = Packing(
            journal=play.journal,
            documents=play.files,
            seals=seals,
            clock=play.clock,
            log_key=str(LOG),
            revocations=RevocationData(play.journal, play.clock, None, seals.chains),
            stamping=self.stamping,
        )
        self.renewing = Renewing(self.packing)

    async def concluded(self, key: str) -> str:
        (delivery,) = await self.play.submit(recipient(address("email", "taken; 1h arrived")), key=key)
        await self.play.play(timedelta(hours=2))
        await sequencing_of(self.play.journal).catch_up()
        await self.stamping.catch_up()
        return delivery

    async def pack(self, delivery: str) -> bytes:
        found = await self.packing.pack(await self.play.delivery(delivery))
        assert found is not None
        return found

    async def verdict(self, pack: bytes, at: datetime) -> Verdict:
        trust = [KEYS.certificate_pem, *(one.root_pem for one in (self.first, self.second, self.third))]
        return await asyncio.to_thread(verify, [("pack.asice", pack)], trust=trust, at=at)

    async def revised(self, delivery: str) -> None:
        """Its proof is not current any more: another follows as soon as the worker is at it."""
        told, at = await self.play.delivery(delivery), self.play.clock.now()
        await self.play.record(delivery, events.Concluded(at=at, effects=told.concluded, revised=True))

    async def proved(self) -> None:
        await self.play.play(timedelta(hours=2))
        await sequencing_of(self.play.journal).catch_up()
        await self.stamping.catch_up()

    def years_later(self, years: float) -> None:
        self.play.clock.jump(START + years * YEAR)


@asynccontextmanager
async def world_of(url: str, folder: Path) -> AsyncIterator[World]:
    async with stage(url, folder, keys=KEYS) as play:
        terms = (("甲", 0, 4, None), ("乙", 3, 10, date(2028, 9, 16)), ("丙", 12, 12, date(2037, 9, 16)))
        there, rows = [], []
        for name, begin, life, since in terms:
            keys = make_keys(name, START + begin * YEAR, life=life * YEAR)
            there.append(TsaCounterpart(clock=play.clock, keys=keys))
            await there[-1].start()
            rows.append(Authority(name=name, url=there[-1].url, trust=(der(keys.root),), since=since))
        http = HttpClient("timestamping", timeout=5, first_pause=0.0)
        asked = Timestamping(rows[::-1], clock=play.clock, http=http)
        try:
            yield World(play, there, asked)
        finally:
            await asked.close()
            for one in there:
                await one.stop()


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(database_url, tmp_path) as world:
        yield world


async def test_a_pack_is_marked_and_left_alone_while_it_holds(world: World) -> None:
    delivery = await world.concluded("s-1")
    tally = await world.renewing.renew_all()
    assert (tally.total, tally.looked, tally.due) == (1, 1, 0)
    mark = await world.play.journal.archive(delivery)
    assert mark is not None
    assert (mark.holds_until, mark.pack) == (FIRST_ENDS.date(), None)
    assert (await world.renewing.renew_all()).total == 0


async def test_it_is_renewed_in_time_and_verifies_after_ten_years(world: World) -> None:
    delivery = await world.concluded("s-1")
    young = await world.pack(delivery)
    await world.renewing.renew_all()
    world.years_later(3.9)
    tally = await world.renewing.renew_all()
    assert (tally.due, tally.renewed) == (1, 1)
    mark = await world.play.journal.archive(delivery)
    assert mark is not None
    assert mark.pack is not None
    assert mark.holds_until is not None
    assert mark.holds_until > FIRST_ENDS.date()
    kept = await world.pack(delivery)
    assert kept == await world.play.files.get(mark.pack)
    later = START + 10 * YEAR
    assert (await world.verdict(kept, later)).exit == VALID
    assert (await world.renewing.renew_all()).total == 0
    # What was handed out young has the first authority's word alone, which ended.
    steps = (await world.verdict(young, later)).steps
    assert not any(step.result is Result.PASSED for step in steps if step.number is Number.TIME)


async def test_a_dry_run_names_what_is_due_and_changes_nothing(world: World) -> None:
    delivery = await world.concluded("s-1")
    world.years_later(3.9)
    given = world.second.given
    tally = await world.renewing.renew_all(dry_run=True)
    assert (tally.due, tally.renewed) == (1, 0)
    assert "the certificate of" in tally.why[delivery]
    assert await world.play.journal.archive(delivery) is None
    assert world.second.given == given


async def test_it_goes_on_where_it_was_stopped(world: World) -> None:
    deliveries = [await world.concluded(f"s-{n}") for n in range(3)]
    world.years_later(3.9)

    def stop(tally: Tally) -> None:
        world.second.away = world.first.away = tally.renewed >= 1

    with pytest.raises(NoAuthority):
        await world.renewing.renew_all(told=stop)
    kept = [await world.play.journal.archive(one) for one in deliveries]
    assert [mark is not None for mark in kept] == [True, False, False]
    world.second.away = False
    tally = await world.renewing.renew_all()
    assert (tally.total, tally.renewed) == (2, 2)
    assert await world.play.journal.archive(deliveries[0]) == kept[0]


async def test_an_authority_that_holds_no_longer_is_of_no_use(sqlite_url: str, tmp_path: Path) -> None:
    async with world_of(sqlite_url, tmp_path) as world:
        delivery = await world.concluded("s-1")
        world.years_later(3.9)
        world.second.away = True
        with pytest.raises(NoAuthority, match="holds until"):
            await world.renewing.renew_all()
        assert await world.play.journal.archive(delivery) is None


async def test_a_broken_part_leaves_the_others_alone(world: World, tmp_path: Path) -> None:
    broken, whole = await world.concluded("s-1"), await world.concluded("s-2")
    proof = (await world.play.delivery(broken)).proofs[-1][1]
    (tmp_path / "documents" / proof[:2] / proof[2:]).write_bytes(b"something else")
    world.years_later(3.9)
    tally = await world.renewing.renew_all()
    assert (tally.failed, tally.renewed, tally.why[broken]) == (1, 1, "DocumentBroken")
    assert (await world.verdict(await world.pack(whole), START + 10 * YEAR)).exit == VALID
    assert (await world.renewing.renew_all()).total == 1  # it is tried again, and again


async def test_a_new_proof_is_looked_at_again(world: World) -> None:
    delivery = await world.concluded("s-1")
    world.years_later(3.9)
    await world.renewing.renew_all()
    told = await world.play.delivery(delivery)
    last = (await world.play.journal.load(delivery))[-1].event
    assert isinstance(last, events.ProofIssued)
    again = await world.play.files.put(await world.play.files.get(last.sha256) + b"\n")
    await world.play.record(delivery, replace(last, sha256=again, replaces=told.proofs[-1][1]))
    told, mark = await world.play.delivery(delivery), await world.play.journal.archive(delivery)
    assert await world.packing.renewed(told, mark) is None
    assert (await world.renewing.renew_all()).renewed == 1


async def test_a_proof_issued_again_brings_the_renewed_pack_along(world: World) -> None:
    delivery = await world.concluded("s-1")
    world.years_later(3.9)
    await world.renewing.renew_all()
    old = await world.pack(delivery)
    await world.revised(delivery)
    assert (await world.renewing.renew_all()).looked == 1
    await world.proved()
    assert len((await world.play.delivery(delivery)).proofs) == 2
    new = await world.pack(delivery)
    assert unzipped(new)["former.asice"] == old
    assert (await world.renewing.renew_all()).due == 0
    assert unzipped(await world.pack(delivery))["former.asice"] == old
    verdict = await world.verdict(new, START + 10 * YEAR)
    assert verdict.exit == VALID
    (link,) = [step for step in verdict.steps if step.number is Number.RENEWAL]
    assert (link.result, link.part.split(" · ")[1]) == (Result.PASSED, "former.asice")


async def test_a_renewed_pack_without_a_current_proof_is_renewed_further(world: World) -> None:
    delivery = await world.concluded("s-1")
    world.years_later(3.9)
    await world.renewing.renew_all()
    await world.revised(delivery)
    await world.renewing.renew_all()
    world.years_later(12.9)
    tally = await world.renewing.renew_all()
    assert (tally.due, tally.renewed) == (1, 1)
    mark = await world.play.journal.archive(delivery)
    assert mark is not None
    assert (mark.proof, mark.pack) == (None, None)
    former = await world.play.files.get(mark.former or "")
    assert (await world.verdict(former, START + 20 * YEAR)).exit == VALID
    await world.proved()
    assert unzipped(await world.pack(delivery))["former.asice"] == former


async def test_a_seal_gets_its_timestamp_before_the_first_renewal(world: World) -> None:
    delivery = await world.concluded("s-1")
    world.years_later(3.9)
    await world.renewing.renew_all()
    steps = (await world.verdict(await world.pack(delivery), START + 4 * YEAR)).steps
    (told,) = [one for one in steps if one.number is Number.TIME and one.part.endswith("signatures0.xml")]
    assert told.result is Result.PASSED
    assert "“乙” proves" in told.says.en


async def test_workers_share_the_work(world: World, database_url: str) -> None:
    deliveries = [await world.concluded(f"s-{n}") for n in range(4)]
    world.years_later(3.9)
    given = world.second.given
    other = await Journal.open(database_url, world.play.clock)
    try:
        tallies = await asyncio.gather(
            world.renewing.renew_all(),
            Renewing(replace(world.packing, journal=other)).renew_all(),
            world.renewing.renew_all(),
        )
    finally:
        await other.close()
    assert sum(tally.renewed for tally in tallies) == len(deliveries)
    assert world.second.given - given == 2 * len(deliveries), "one for the seal of each pack, one for its archive"
    assert (await world.renewing.renew_all()).total == 0


async def test_what_a_dead_worker_had_in_hand_is_free_again(world: World) -> None:
    delivery = await world.concluded("s-1")
    await world.play.journal.claim_renewals([delivery], LEASE)
    assert (await world.renewing.renew_all()).looked == 0
    world.play.clock.jump(world.play.clock.now() + LEASE)
    assert (await world.renewing.renew_all()).looked == 1


async def test_no_pack_no_renewal(world: World) -> None:
    delivery = await world.concluded("s-1")
    await world.revised(delivery)
    assert (await world.renewing.renew_all()).looked == 1
    mark = await world.play.journal.archive(delivery)
    assert mark is not None
    assert (mark.holds_until, mark.pack) == (None, None)
