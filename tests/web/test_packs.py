"""Who gets a proof pack: the case system that filed, a clerk of the court, and a clerk's look is on record."""

from __future__ import annotations

import pytest

from delivery.core import events
from delivery.core.trusted_time import PackWaits
from signing.errors import NoSealEnabled
from tests.filings import filing, summons
from tests.web.browsing import Visitor
from tests.web.desk import letter
from tests.web.filed import conclude
from tests.web.office import Office
from tests.web.stage import START, Stage

PACK = "application/vnd.etsi.asic-e+zip"


async def issued(office: Office, number: str) -> str:
    delivery = await office.accepted(filing(summons()))
    await conclude(office, delivery)
    proof = events.ProofIssued(at=office.clock.now(), number=number, sha256=await office.files.put(b"%PDF"))
    await office.journal.record(delivery, lambda _: (proof,))
    return f"/v1/deliveries/{delivery}/proof-pack"


async def test_the_reason_while_there_is_no_proof(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    reply = await office.ask("GET", f"/v1/deliveries/{delivery}/proof-pack")
    assert (reply.status, reply.json["detail"]) == (404, "The delivery is not concluded yet.")


async def test_a_case_system_gets_the_pack_of_its_delivery(office: Office) -> None:
    reply = await office.ask("GET", await issued(office, "632801-1"))
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, b"pack of 632801-1", PACK)
    assert (reply.headers["Cache-Control"], ".asice" in reply.headers["Content-Disposition"]) == ("no-store", True)


async def test_a_proof_from_before_packs_has_none(office: Office) -> None:
    reply = await office.ask("GET", await issued(office, "old"))
    assert reply.status == 404
    assert "evidence" in reply.json["detail"]


async def test_while_nothing_can_be_sealed_a_case_system_is_told_so(office: Office) -> None:
    reply = await office.ask("GET", await issued(office, "unsealed"))
    assert (reply.status, "NoSealEnabled" in reply.json["detail"]) == (503, True)


async def test_a_pack_that_waits_for_a_timestamp_says_since_when(office: Office) -> None:
    reply = await office.ask("GET", await issued(office, "young"))
    assert (reply.status, reply.json["type"].rpartition(":")[2]) == (404, "no_pack")
    assert "Timestamps are missing since 20" in reply.json["detail"]


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (NoSealEnabled("this court has no key that may seal now"), "暂时无法签章"),
        (PackWaits(START), "证据包暂时不能封装"),
    ],
)
async def test_a_clerk_is_told_why_there_is_none_now(why: Exception, told: str, stage: Stage) -> None:
    delivery, _ = await letter(stage)
    await stage.conclude(delivery)
    stage.no_pack = why
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/proof-pack.asice")
    assert (page.status, page.says(told)) == (503, True)


async def test_a_clerk_finds_it_beside_the_proof_and_the_look_is_on_record(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    await stage.conclude(delivery)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        (link,) = page.tree().xpath("//a[starts-with(text(), '送达证据包')]/@href")
        pack = await visitor.get(link)
        audit = await visitor.get("/console/looks")
    assert (pack.status, pack.content[:8]) == (200, b"pack of ")
    assert next(look.what for look in await stage.journal.looks("632801")) == "pack"
    assert audit.says("送达证据包")


async def test_nobody_else_s_clerk_gets_it_and_nobody_gets_a_broken_one(stage: Stage) -> None:
    delivery, _ = await letter(stage)
    path = f"/console/deliveries/{delivery}/proof-pack.asice"
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        assert (await visitor.get(path)).status == 404
        await stage.conclude(delivery)
        digest = (await stage.journal.delivery(delivery)).proofs[-1][1]
        (stage.folder / "documents" / digest[:2] / digest[2:]).write_bytes(b"something else")
        assert (await visitor.get(path)).status == 503
    async with Visitor(stage) as stranger:
        await stranger.sign_in("other")
        assert (await stranger.get(path)).status == 404
