"""Receipts that belong to no delivery: a clerk finds them, reads why and what, and is seen to have looked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery.core.ports import RawReceipt
from tests.journal.world import break_history
from tests.web.browsing import Visitor
from tests.web.desk import letter
from tests.web.stage import COURTS, Stage, open_stage, person

LIST = "/console/receipts"


@pytest.fixture
async def one_court(tmp_path: Path) -> AsyncIterator[Stage]:
    """An installation as it is: one court."""
    async with open_stage(tmp_path, {"632801": COURTS["632801"]}) as opened:
        yield opened


async def _keep(stage: Stage, state: str = "orphan", body: bytes = b"", *, channel: str = "simulated") -> str:
    at = stage.clock.now()
    report = {"attempt": "nobodys.a1.1", "key": "k", "at": at.isoformat(), "what": "bounced:5.1.1", "cancels": None}
    content = body or json.dumps(report).encode()
    raw = RawReceipt(channel=channel, body=content, received_at=at, meta={"peer": "<b>carrier</b>"})
    kept = await stage.journal.keep(raw)
    if state != "new":
        await stage.journal.settle(kept, state=state, delivery=None)  # type: ignore[arg-type]
    stage.clock.move(seconds=1)
    return kept


async def test_they_are_found_from_the_tasks_with_their_number_and_reason(one_court: Stage) -> None:
    kept = [await _keep(one_court), await _keep(one_court, "unclear", b"what?"), await _keep(one_court, channel="gone")]
    for state in ("read", "new"):
        await _keep(one_court, state)
    async with Visitor(one_court) as visitor:
        tasks = await visitor.sign_in()
        assert tasks.says("未能归入的回执 3 条")
        page = await visitor.get(tasks.tree().xpath(f"//a[@href='{LIST}']/@href")[0])
        rows = [" ".join(row.text_content().split()) for row in page.tree().xpath("//tbody/tr")]
        links = page.tree().xpath("//tbody//a/@href")
    assert links == [f"{LIST}/{name}" for name in reversed(kept)]
    assert [row.split()[2] for row in rows] == ["gone", "simulated", "simulated"]
    assert "– – 没有哪次投递使用这个编号" in rows[0]
    assert "– – 程序无法识别" in rows[1]
    assert "2025年9月16日 09:30:00" in rows[2]
    assert "bounced:5.1.1 S-nobodys.a1.1 没有哪次投递使用这个编号" in rows[2]


async def test_nothing_waits_and_nothing_is_said_of_it(one_court: Stage) -> None:
    async with Visitor(one_court) as visitor:
        tasks = await visitor.sign_in()
        assert LIST not in tasks.text
        assert (await visitor.get(LIST)).says("没有未能归入的回执")


async def test_its_own_words_are_one_click_away_and_the_look_is_on_record(one_court: Stage) -> None:
    kept = await _keep(one_court, "unclear", b'{"opDesc":"<script>alert(1)</script>"}')
    async with Visitor(one_court) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{LIST}/{kept}")
        looks = await visitor.get("/console/looks")
    assert "<script>alert(1)</script>" in page.tree().text_content()
    assert "<script>alert" not in page.text
    assert "<b>carrier" not in page.text
    assert page.tree().xpath("//main//a/@href") == [LIST]
    (look,) = await one_court.journal.looks("632801")
    assert (look.clerk, look.what, look.delivery) == ("clerk", f"receipt {kept}", None)
    assert looks.says(kept)


async def test_what_was_placed_is_behind_its_delivery_alone(one_court: Stage) -> None:
    delivery, _ = await letter(one_court)
    placed = (await one_court.journal.delivery(delivery)).receipts[0].raw
    async with Visitor(one_court) as visitor:
        await visitor.sign_in()
        for name in (placed, "none"):
            assert (await visitor.get(f"{LIST}/{name}")).status == 404
    assert await one_court.journal.looks("632801") == []


async def test_where_courts_share_an_installation_no_clerk_sees_them(stage: Stage) -> None:
    """Nothing says whose they are."""
    kept = await _keep(stage)
    async with Visitor(stage) as visitor:
        assert LIST not in (await visitor.sign_in()).text
        for path in (LIST, f"{LIST}/{kept}"):
            assert (await visitor.get(path)).status == 404


async def test_strangers_are_asked_to_sign_in(one_court: Stage) -> None:
    kept = await _keep(one_court)
    async with Visitor(one_court) as visitor:
        for path in (LIST, f"{LIST}/{kept}"):
            assert (await visitor.get(path)).path == "/console/sign-in"


async def test_a_long_list_says_that_it_is_cut(one_court: Stage) -> None:
    for _ in range(201):
        await _keep(one_court, "unclear", b"x")
    async with Visitor(one_court, "en-GB") as visitor:
        await visitor.sign_in()
        page = await visitor.get(LIST)
    assert page.says("201 waiting")
    assert len(page.tree().xpath("//tbody/tr")) == 200
    assert page.says("Only the latest 200 are shown.")


async def test_a_receipt_of_a_delivery_that_cannot_be_read_says_so(one_court: Stage) -> None:
    kept = await _keep(one_court, "new")
    await one_court.journal.settle(kept, state="orphan", delivery="d1")
    async with Visitor(one_court, "en-GB") as visitor:
        assert (await visitor.sign_in()).says("Receipts without a delivery: 1")
        assert (await visitor.get(LIST)).says("The record of its delivery cannot be read for now")


async def test_a_delivery_that_cannot_be_read_says_so_to_its_own_court_alone(stage: Stage) -> None:
    delivery = await stage.delivery(person())
    await break_history(f"sqlite+aiosqlite:///{stage.folder / 'journal.sqlite'}", delivery, seq=99)
    one = f"/console/deliveries/{delivery}"
    async with Visitor(stage) as visitor, Visitor(stage) as stranger:
        await visitor.sign_in()
        await stranger.sign_in("other")
        pages = [await visitor.get(one + path) for path in ("", "/slip", "/proofs/1.pdf")]
        assert [page.status for page in pages] == [503] * 3
        assert all(page.says("其他送达不受影响") for page in pages)
        assert (await visitor.get("/console/deliveries")).says("王小明")
        assert (await stranger.get(one)).status == 404
