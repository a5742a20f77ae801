"""The timestamp on a pack's seal: asked for when the pack is, made up for later, and never lost by dying in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.counterparts.tsa import TsaCounterpart
from delivery.core.trusted_time import PackWaits
from delivery.journal.journal import Journal
from delivery.journal.stamps import CONTAINER
from delivery.worker.packing import Packing
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing.pack import SIGNATURES, seal_imprint
from signing.verify import VALID, Number, Result, Step, Verdict, verify
from tests.signing.verifying.packs import unzipped
from tests.stage import Stage, address, recipient
from tests.worker.test_crash import Deaths, Died
from tests.worker.test_sequencing import LOG, sequencing_of
from tests.worker.test_stamping import KEYS, concluded, stamped_stage


def packing_of(play: Stage, stamping: Stamping | None, journal: Journal | None = None) -> Packing:
    journal, seals = journal or play.journal, play.bench.seals
    return Packing(
        journal=journal,
        documents=play.files,
        seals=seals,
        clock=play.clock,
        log_key=str(LOG),
        revocations=RevocationData(journal, play.clock, None, seals.chains),
        stamping=stamping,
    )


@dataclass(frozen=True)
class World:
    """A delivery with a proof whose events are in the anchored log, and its authority."""

    play: Stage
    stamping: Stamping
    there: TsaCounterpart
    delivery: str

    async def pack(self, packing: Packing | None = None) -> bytes:
        packing = packing or packing_of(self.play, self.stamping)
        found = await packing.pack(await self.play.delivery(self.delivery))
        assert found is not None
        return found

    async def verdict(self, pack: bytes) -> Verdict:
        trust, at = [KEYS.certificate_pem, self.there.root_pem], self.play.clock.now() + timedelta(days=1)
        return await asyncio.to_thread(verify, [("pack.asice", pack)], trust=trust, at=at)

    async def time_of_seal(self, pack: bytes) -> Step:
        verdict = await self.verdict(pack)
        assert verdict.exit == VALID
        part = f"pack.asice · {SIGNATURES}"
        (found,) = [step for step in verdict.steps if (step.part, step.number) == (part, Number.TIME)]
        return found

    async def has_timestamp(self, pack: bytes) -> bool:
        return (await self.time_of_seal(pack)).result is Result.PASSED


@asynccontextmanager
async def world_of(url: str, folder: Path) -> AsyncIterator[World]:
    async with stamped_stage(url, folder) as (play, stamping, there):
        delivery = await concluded(play)
        await sequencing_of(play.journal).catch_up()
        assert await stamping.catch_up()
        yield World(play, stamping, there, delivery)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(database_url, tmp_path) as made:
        yield made


async def test_a_pack_s_seal_carries_a_timestamp_and_the_pack_stays_the_same(world: World) -> None:
    pack, given = await world.pack(), world.there.given
    told = await world.time_of_seal(pack)
    assert told.result is Result.PASSED
    assert "“甲” proves that this seal existed at" in told.says.en
    world.play.clock.jump(world.play.clock.now() + timedelta(days=9))
    assert await world.pack() == pack
    assert await world.pack(packing_of(world.play, None)) == pack
    assert world.there.given == given, "one token for one seal"


async def test_where_no_authority_is_set_there_is_none_and_nothing_is_kept(world: World) -> None:
    assert not await world.has_timestamp(await world.pack(packing_of(world.play, None)))
    assert await world.play.journal.archive(world.delivery) is None


async def test_a_seal_of_a_short_gap_is_made_up_for(world: World) -> None:
    world.there.away = True
    plain = await world.pack()
    assert not await world.has_timestamp(plain)
    assert await world.stamping.missing_since() == world.play.clock.now()
    assert await world.pack() == plain
    assert not await world.stamping.catch_up()
    world.there.away = False
    assert await world.stamping.catch_up()
    pack = await world.pack()
    assert await world.has_timestamp(pack)
    before, after = unzipped(plain), unzipped(pack)
    assert [name for name in after if after[name] != before[name]] == [SIGNATURES]


async def test_in_a_gap_no_authority_is_asked_for_a_pack(world: World) -> None:
    await world.play.journal.want_stamp(CONTAINER, "00", bytes(32), failed=True)
    given = world.there.given
    await world.pack()
    assert world.there.given == given


async def test_after_four_hours_new_packs_wait_and_old_ones_are_handed_out(world: World) -> None:
    world.there.away = True
    plain = await world.pack()
    world.play.clock.jump(world.play.clock.now() + timedelta(hours=4))
    assert await world.pack() == plain
    receipt = recipient(address("email", "taken; 1h arrived"))
    since = await world.stamping.missing_since()
    (other,) = await world.play.submit(receipt, key="s-2")
    late = replace(world, delivery=other)
    world.play.bench = replace(world.play.bench, stamping=None)  # its proof is made all the same
    await world.play.play(timedelta(hours=2))
    with pytest.raises(PackWaits) as waits:
        await late.pack()
    assert waits.value.since == since
    world.there.away = False
    assert await world.stamping.catch_up()
    await sequencing_of(world.play.journal).catch_up()
    assert await late.has_timestamp(await late.pack())


class Doomed(Journal):
    """A journal whose process is killed around one of its writes."""

    deaths: Deaths

    async def _do(self, job: Any, *, news: bool = False) -> Any:
        return await self.deaths.write(self, super()._do, job)


@asynccontextmanager
async def doomed(url: str, world: World, deaths: Deaths) -> AsyncIterator[Packing]:
    journal = await Doomed.open(url, world.play.clock)
    assert isinstance(journal, Doomed)
    journal.deaths = deaths
    try:
        stamping = Stamping(journal, world.play.clock, world.stamping._timestamper)
        yield packing_of(world.play, stamping, journal)
    finally:
        await journal.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("write", [1, 2, 3])
async def test_dying_at_any_write_is_recovered_by_asking_again(
    write: int, after: bool, database_url: str, tmp_path: Path
) -> None:
    async with world_of(database_url, tmp_path) as world:
        async with doomed(database_url, world, Deaths([(write, after)])) as packing:
            with pytest.raises(Died):
                await world.pack(packing)
        assert await world.stamping.catch_up()
        pack = await world.pack()
        assert await world.has_timestamp(pack)
        assert await world.pack() == pack
        assert await world.play.journal.unstamped(9) == ()


async def test_two_who_ask_at_once_get_the_same(world: World) -> None:
    one, other = await asyncio.gather(world.pack(), world.pack())
    assert one == other
    assert await world.has_timestamp(one)


async def test_what_the_world_has_learnt_since_makes_another_pack(world: World) -> None:
    first = await world.pack()
    world.play.clock.jump(world.play.clock.now() + timedelta(minutes=20))
    digest = (await world.play.delivery(world.delivery)).proofs[-1][1]
    await world.stamping.make_up_for(digest)
    assert await world.stamping.catch_up()
    second = await world.pack()
    assert len(unzipped(second)) == len(unzipped(first)) + 1
    assert await world.has_timestamp(second)


async def test_a_kept_pack_is_looked_at_by_the_renewal(world: World) -> None:
    await world.pack()
    mark = await world.play.journal.archive(world.delivery)
    assert mark is not None
    horizon = (world.play.clock.now() + timedelta(days=90)).date()
    assert await world.play.journal.to_look_at(horizon, after="", limit=9) == (world.delivery,)
    assert seal_imprint(await world.play.files.get(mark.pack or "")) is not None, "kept without its token"
