"""Marks on packs: the first of two who write counts; and who renews what, for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from delivery.journal.archives import Archive
from delivery.journal.journal import Journal
from tests.journal.world import START, HandClock, filing

LEASE = timedelta(minutes=15)
MARK = Archive(delivery="s1-d1", version=1, proof="p", pack="k", renewed_at=START, former="f")


async def test_a_mark_is_written_over_the_one_that_it_was_made_from(journal: Journal) -> None:
    await journal.accept(filing(1))
    assert await journal.keep_archive(MARK, instead_of=None)
    assert await journal.archive("s1-d1") == MARK
    assert not await journal.keep_archive(replace(MARK, pack="other"), instead_of=None)
    newer = replace(MARK, version=2)
    assert await journal.keep_archive(newer, instead_of=MARK)
    assert not await journal.keep_archive(MARK, instead_of=MARK)
    assert await journal.archive("s1-d1") == newer


def test_what_a_new_proof_s_pack_brings_along() -> None:
    assert (MARK.is_renewed("p"), MARK.before("p")) == (True, "f")
    assert (MARK.is_renewed("q"), MARK.before("q")) == (False, "k")
    young = replace(MARK, renewed_at=None)
    assert (young.is_renewed("p"), young.before("q")) == (False, "f")


async def test_each_delivery_is_one_worker_s_until_it_is_given_back(journal: Journal, clock: HandClock) -> None:
    for number in (1, 2, 3):
        await journal.accept(filing(number))
    one, two, three = "s1-d1", "s2-d1", "s3-d1"
    first = await journal.claim_renewals([one, two], LEASE)
    assert first.deliveries == (one, two)
    second = await journal.claim_renewals([one, two, three], LEASE)
    assert second.deliveries == (three,)
    await journal.release_renewals(first)
    assert (await journal.claim_renewals([one, two, three], LEASE)).deliveries == (one, two)
    none = await journal.claim_renewals([one], LEASE)
    assert none.deliveries == ()
    await journal.release_renewals(none)


async def test_a_claim_runs_out_and_is_not_given_back_for_another(journal: Journal, clock: HandClock) -> None:
    await journal.accept(filing(1))
    dead = await journal.claim_renewals(["s1-d1"], LEASE)
    clock.pass_time(minutes=14, seconds=59)
    assert (await journal.claim_renewals(["s1-d1"], LEASE)).deliveries == ()
    clock.pass_time(seconds=1)
    assert (await journal.claim_renewals(["s1-d1"], LEASE)).deliveries == ("s1-d1",)
    await journal.release_renewals(dead)
    assert (await journal.claim_renewals(["s1-d1"], LEASE)).deliveries == ()
