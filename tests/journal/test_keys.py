"""The inventory of seal keys: two people enable, one revokes, whatever they do at once; rows never change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from delivery.clock import COURT_ZONE
from delivery.core.seal_keys import ENABLED, MADE, REVOKED, KeyAct, KeyState, Refusal, SealKey, sealing, state_of
from delivery.journal.engines import open_engines
from delivery.journal.journal import Journal
from tests.journal.world import HandClock

T = datetime(2026, 3, 2, 9, tzinfo=COURT_ZONE)
END = T + timedelta(days=365)


def key(name: str = "a" * 16, court: str = "632801") -> SealKey:
    return SealKey(
        id=name,
        court=court,
        source='{"kind": "file", "file": "632801.pem"}',
        algorithm="ecdsa-p256-sha256",
        bits=256,
        subject="CN=示例市法院",
        fingerprint=name * 4,
        certificate="-----BEGIN CERTIFICATE-----",
        not_before=T,
        not_after=END,
    )


def act(what: str, by: str, role: str = "clerk", at: datetime = T, since: datetime | None = None) -> KeyAct:
    return KeyAct(at=at, act=what, by=by, role=role, reason="例行", since=since)


@pytest.fixture
async def journal(database_url: str) -> AsyncIterator[Journal]:
    opened = await Journal.open(database_url, HandClock())
    yield opened
    await opened.close()


async def test_a_key_goes_its_way(journal: Journal) -> None:
    assert await journal.keep_key(key(), act(MADE, "operator", "operator"))
    assert not await journal.keep_key(key(), act(MADE, "another", "operator"))
    assert await journal.act_on_key("632801", "a" * 16, act(ENABLED, "clerk")) is None
    assert await journal.act_on_key("632801", "a" * 16, act(ENABLED, "judge", "judge", T + timedelta(hours=1))) is None
    (kept,) = await journal.keys("632801")
    assert [(one.act, one.by) for one in kept.acts] == [(MADE, "operator"), (ENABLED, "clerk"), (ENABLED, "judge")]
    assert kept.seals_from == T + timedelta(hours=1)
    assert await journal.act_on_key("632801", "a" * 16, act(REVOKED, "judge", "judge", since=T)) is None
    (kept,) = await journal.keys()
    assert state_of(kept, [kept], T) is KeyState.REVOKED
    assert await journal.keys("632802") == []


async def test_another_courts_key_does_not_exist(journal: Journal) -> None:
    await journal.keep_key(key(), act(MADE, "operator", "operator"))
    assert await journal.act_on_key("632802", "a" * 16, act(ENABLED, "judge", "judge")) is Refusal.UNKNOWN
    with pytest.raises(ValueError, match="painted"):
        await journal.act_on_key("632801", "a" * 16, act("painted", "judge", "judge"))


async def test_two_clicks_of_one_person_are_one(journal: Journal) -> None:
    await journal.keep_key(key(), act(MADE, "operator", "operator"))
    answers = await asyncio.gather(
        *[journal.act_on_key("632801", "a" * 16, act(ENABLED, "judge", "judge")) for _ in range(5)]
    )
    assert sorted(map(str, answers)) == ["None", *["same_person"] * 4]
    (kept,) = await journal.keys()
    assert kept.seals_from is None


async def test_rows_never_change(journal: Journal, database_url: str) -> None:
    await journal.keep_key(key(), act(MADE, "operator", "operator"))
    engines = open_engines(database_url)
    for statement in ("UPDATE keys SET court = 'x'", "DELETE FROM key_acts", "UPDATE key_acts SET act = 'enabled'"):
        with pytest.raises(SQLAlchemyError, match="append-only"):
            async with engines.writing.begin() as connection:
                await connection.execute(text(statement))
    await engines.dispose()
    assert sealing(await journal.keys(), "632801", T) is None
