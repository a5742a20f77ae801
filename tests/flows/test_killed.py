"""Killed with SIGKILL at any journal write, and started again: the same end, nothing taken twice, no report lost.

The processes are real, and so are the wires; the judges are the providers' own logs, the journal, and the case system's
queue. (tests/worker/test_crash.py plays a thousand histories of the same kind in one process.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.counterparts.case_system import CaseSystemCounterpart
from tests.flows.house import CLIENT, COURT, until
from tests.flows.lives import Deaths, Flow, furnish, lives, made_ready, play

STRIDE = 10
"""Writes between two deaths of a flow, about; the flows begin at each offset, so that together they die everywhere."""

LANES = 4


@asynccontextmanager
async def case_record(nats: str) -> AsyncIterator[set[str]]:
    """The ids of all reports that the case system has received from the queue."""
    told: set[str] = set()

    async def hear(report: dict[str, Any]) -> None:
        told.add(report["id"])

    system = CaseSystemCounterpart(nats, court=COURT, client=CLIENT)
    await system.start()
    hearing = asyncio.create_task(system.receive(hear))
    try:
        yield told
    finally:
        hearing.cancel()
        await asyncio.wait([hearing])
        await system.stop()


def plans() -> Iterator[Deaths]:
    """Before and after alternate from life to life and from flow to flow."""
    for first in range(1, STRIDE + 1):
        yield Deaths(first=first, later=STRIDE, after=first % 4 > 1)


async def lane(folder: Path, nats: str, ready: Path, todo: Iterator[Deaths]) -> list[Flow]:
    flows = []
    async with lives() as life:
        for plan in todo:
            furnish(folder / str(plan.first) / "data", ready)
            flows.append(await play(folder / str(plan.first), life, nats, plan))
    return flows


async def test_killed_at_each_write(tmp_path: Path, nats_url: str) -> None:
    calm, folder = tmp_path / "calm", tmp_path / "ready"
    calm.mkdir()
    folder.mkdir()
    async with lives() as life:
        undisturbed = await play(calm, life, nats_url)
    todo, ready = plans(), await made_ready(calm / "data", folder)
    async with case_record(nats_url) as told:
        played = await asyncio.gather(*(lane(tmp_path, nats_url, ready, todo) for _ in range(LANES)))
        flows = [flow for lane_of in played for flow in lane_of]
        wanted = {report["id"] for flow in (undisturbed, *flows) for report in flow.reports}

        async def all_told() -> bool | None:
            return wanted <= told or None

        await until(all_told)
    assert [flow.endings for flow in flows] == [undisturbed.endings] * len(flows)
    assert undisturbed.deaths == 0
    assert sum(flow.deaths for flow in flows) >= undisturbed.writes
