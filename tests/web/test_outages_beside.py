"""Outages of a court's systems, beside the deadlines on the clerk's page and in the answer to a case system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.clock import COURT_ZONE
from delivery.core.model import Fact
from delivery.core.outages import Outage
from delivery.core.rulebook import Rulebook
from delivery.web.answers import effect_view
from tests.core.world import book
from tests.web.browsing import Visitor
from tests.web.stage import Stage, open_stage, person

DOWN = Outage(
    system="在线诉讼平台",
    begins=datetime(2025, 10, 9, 15, tzinfo=COURT_ZONE),
    ends=datetime(2025, 10, 9, 18, 30, tzinfo=COURT_ZONE),
)


def rules() -> Rulebook:
    """Only the court of these deliveries had an outage."""
    plain = book()
    assert plain.period_law is not None
    there = replace(plain, period_law=replace(plain.period_law, outages=(DOWN,)))
    return replace(plain, courts={"632801": there})


async def served(stage: Stage) -> str:
    """A judgment that arrived on the 17th: it may be appealed until 9 October."""
    delivery = await stage.delivery(person(), types=("judgment",))
    attempt = await stage.send(delivery, "a2")
    stage.clock.move(days=1)
    fact = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn")
    await stage.raw_receipt(attempt, fact, code="250", words="delivered")
    return delivery


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("法院系统故障：在线诉讼平台，2025-10-09 15:00 至 2025-10-09 18:30", "（CPL 86）", "2025年10月9日")),
        ("en", ("Outage of the court's systems: 在线诉讼平台", "for the judge (CPL 86)", "9 Oct 2025")),
    ],
)
async def test_the_clerk_sees_it_beside_the_period(tmp_path: Path, language: str, words: tuple[str, ...]) -> None:
    async with open_stage(tmp_path, rules=rules()) as stage:
        delivery = await served(stage)
        async with Visitor(stage) as visitor:
            await visitor.sign_in()
            page = await visitor.get(f"/console/deliveries/{delivery}?lang={language}")
    told = " ".join("".join(page.tree().xpath("//section[@aria-labelledby='effect-title']//text()")).split())
    for each in words:
        assert each in told, (each, told)


async def effect_at(stage: Stage, delivery: str, rules: Rulebook) -> Mapping[str, Any]:
    found, history = await stage.journal.delivery(delivery), await stage.journal.load(delivery)
    view = effect_view(found, history, rules.at(found.court), stage.clock.now())
    (document,) = view["documents"]
    appeal: Mapping[str, Any] = next(one for one in document["deadlines"] if one["period"] == "APPEAL_JUDGMENT")
    return appeal


async def test_a_case_system_is_told_and_the_day_stays(stage: Stage) -> None:
    delivery = await served(stage)
    appeal = await effect_at(stage, delivery, rules())
    assert appeal["last_day"] == (await effect_at(stage, delivery, book()))["last_day"] == "2025-10-09"
    (beside,) = appeal["outages"]
    assert (beside["system"], beside["grounds"]) == ("在线诉讼平台", ["CPL 86"])
    assert (beside["from"], beside["to"]) == ("2025-10-09T15:00:00+08:00", "2025-10-09T18:30:00+08:00")
    assert (await effect_at(stage, delivery, book()))["outages"] == []
