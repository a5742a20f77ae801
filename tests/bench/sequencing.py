"""What the ledger costs the main path: deliveries per second of two services, one of which sequences nothing.

They take turns, and who begins alternates, so that whatever else the machine does slows them alike. Between two turns
the ledger catches up: what is left over would burden the other's turn.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.bench.filing import LOOK_EVERY, case_system, filings, turn
from tests.bench.service import Service, serving, settings_for


def measure(folder: Path, *, pairs: int, warm_up: int, deliveries: int) -> tuple[list[float], int]:
    """For each pair of turns the rate with sequencing over that without it; and how many events were sequenced."""
    with (
        serving(settings_for(folder / "with")) as sequencing,
        serving(settings_for(folder / "without"), sequencing=False) as resting,
    ):
        ratios = asyncio.run(_ratios(sequencing, resting, [warm_up, *[deliveries] * pairs]))
        assert _leaves(resting) == 0
        return ratios[1:], _leaves(sequencing)


async def _ratios(sequencing: Service, resting: Service, counts: list[int]) -> list[float]:
    async with case_system(sequencing) as ours, case_system(resting) as theirs:
        ratios = []
        for number, count in enumerate(counts):
            taken = {}
            for system in (ours, theirs) if number % 2 else (theirs, ours):
                taken[system], _ = await turn(system, filings(count, f"turn{number}"))
                await _caught_up(sequencing)
            ratios.append(taken[theirs] / taken[ours])
        return ratios


async def _caught_up(service: Service) -> None:
    """Until each event of that service is a leaf."""
    while _leaves(service) < service.asked("SELECT count(*) FROM events")[0]:  # noqa: ASYNC110 — another process
        await asyncio.sleep(LOOK_EVERY)


def _leaves(service: Service) -> int:
    return int(service.asked("SELECT count(*) FROM ledger_leaves")[0])
