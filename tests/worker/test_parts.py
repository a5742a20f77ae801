"""A text of two parts, of which the SMSC took one and nobody knows about the other: receipts on the first are ours."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.counterparts.smsc import SmscCounterpart
from adapters.simulated import parse_script
from adapters.smpp import SmppChannel, SmppSettings
from delivery.core import events
from delivery.core.standing import standing_facts
from delivery.journal.migrations import migrate
from tests.stage import JumpingClock, Stage, ToReceiving, address, recipient, stage

MOBILE = address("sms", basis="own")
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("then", ["lost_before", "refused:ESME_RSUBMITFAIL"])
async def test_receipts_on_the_part_that_was_taken_are_attributed(sqlite_url: str, tmp_path: Path, then: str) -> None:
    await migrate(sqlite_url)
    clock = JumpingClock()
    scripts = {str(MOBILE.value): parse_script(f"taken {then}; 1h arrived")}
    smsc = SmscCounterpart(clock=clock, scripts=scripts, password="geheim")
    await smsc.start()
    given = {"password": "geheim", "source_address": "10690000", "pause_first": 0.01}
    channel = SmppChannel(
        SmppSettings(host="127.0.0.1", port=smsc.port, system_id="songda", **given),  # type: ignore[arg-type]
        clock=clock,
    )
    async with stage(sqlite_url, tmp_path, clock=clock, channels={"sms": channel}) as play:
        play.bench = replace(play.bench, base_url="https://songda." + "long-name." * 6 + "court.test")
        listening = asyncio.create_task(channel.listen(ToReceiving(play.journal)))
        try:
            await smsc.bound.wait()
            await judge(play, smsc)
        finally:
            listening.cancel()
            with suppress(asyncio.CancelledError):
                await listening
            await channel.close()
            await smsc.stop()


async def judge(play: Stage, smsc: SmscCounterpart) -> None:
    (name,) = await play.submit(recipient(MOBILE, consented=True))
    await play.settle()
    doubted = [row.event for row in await play.journal.load(name) if isinstance(row.event, events.AttemptDoubted)]
    assert [len(event.references) for event in doubted] == [1], "one of two parts was taken"
    await smsc.bound.wait()
    play.clock.jump(play.clock.now() + HOUR)
    await smsc.advance()
    await play.settle()
    delivery = await play.delivery(name)
    assert [receipt.part for receipt in delivery.receipts] == [*doubted[0].references]
    assert await play.journal.unmatched(10) == []
    assert delivery.attempts[0].answer == "in_doubt", "a part says nothing of the others"
    assert "arrived" not in {fact.kind for fact in standing_facts(delivery)}
