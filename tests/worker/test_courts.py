"""Two courts in one installation: each counts with its own days off, and with nobody else's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from delivery.core.model import Delivery, Document
from delivery.journal.migrations import migrate
from delivery.rulebooks import installed_rulebook
from signing.pool import SealPool
from tests.core.world import CONFIG
from tests.stage import COURT, address, pdf, recipient, stage

HERE, THERE = COURT.code, "632802"
LAST_DAY = date(2025, 10, 9)
"""Fifteen days from 16 September end in the holidays of October."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The shipped rules and years, and a festival of the second court on the last day of the first one's period."""
    config = tmp_path / "config"
    shutil.copytree(CONFIG / "rules", config / "rules")
    local = config / "calendars" / "cn" / "local"
    local.mkdir(parents=True)
    (local / f"{THERE}.toml").write_text(
        'version = "1"\ndays = [{ date = 2025-10-09, festival = "那达慕" }]\n', encoding="utf-8"
    )
    return config


def test_only_a_court_with_days_of_its_own_has_a_rulebook_of_its_own(config: Path) -> None:
    book = installed_rulebook(config, "cn", [HERE, THERE])
    assert set(book.courts) == {THERE}
    assert book.at(HERE) is book
    assert book.at(THERE).rest_days.is_rest_day(LAST_DAY)
    assert not book.rest_days.is_rest_day(LAST_DAY)


async def test_the_same_service_ends_its_period_on_another_day(sqlite_url: str, config: Path, tmp_path: Path) -> None:
    await migrate(sqlite_url)
    async with stage(sqlite_url, tmp_path) as at:
        keys = at.bench.seals._courts[HERE]
        pool = SealPool({HERE: keys, THERE: keys}, processes=0)
        at.bench = replace(
            at.bench,
            book=installed_rulebook(config, "cn", [HERE, THERE]),
            courts={HERE: COURT, THERE: replace(COURT, code=THERE)},
            seals=pool,
        )
        digest = await at.files.put(pdf("判决书"))
        paper = Document(id="d1", type="judgment", title="判决书", sha256=digest, pages=1, size=len(pdf("判决书")))
        filed = {}
        for court in (HERE, THERE):
            who = recipient(address("email"), consented=True)
            (filed[court],) = await at.submit(who, documents=[paper], key=court, court=court)
        await at.play(timedelta(days=1))
        ends = {court: last_days(await at.delivery(name)) for court, name in filed.items()}
    pool.close()
    assert ends == {HERE: [LAST_DAY], THERE: [date(2025, 10, 10)]}


def last_days(delivery: Delivery) -> list[date | None]:
    ((_, effect),) = delivery.concluded
    return [deadline.last_day for deadline in effect.deadlines]
