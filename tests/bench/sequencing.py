"""What the ledger costs the main path: deliveries per second of two services, one of which sequences nothing.

They take turns, and who begins alternates, so that whatever else the machine does slows them alike. Between two turns
the ledger catches up: what is left over would burden the other's turn.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.bench.filing import LOOK_EVERY, case_system, filings, turn
from tests.bench.service import Service, serving, settings_for


@dataclass(frozen=True)
class Compared:
    """`ratios`: of each pair of turns, the rate with sequencing over that without it. `processor`: milliseconds of
    processor time for a delivery, with and without, all turns together and the ledger caught up; neighbours on the
    machine change them little. `leaves`: how many events were sequenced.
    """

    ratios: tuple[float, ...]
    processor: tuple[float, float]
    leaves: int


def measure(folder: Path, *, pairs: int, warm_up: int, deliveries: int) -> Compared:
    with (
        serving(settings_for(folder / "with")) as sequencing,
        serving(settings_for(folder / "without"), sequencing=False) as resting,
    ):
        ratios, took = asyncio.run(_turns(sequencing, resting, [warm_up, *[deliveries] * pairs]))
        assert _leaves(resting) == 0
        ours, theirs = (1000 * seconds / pairs / deliveries for seconds in took)
        return Compared(ratios, (ours, theirs), _leaves(sequencing))


async def _turns(sequencing: Service, resting: Service, counts: list[int]) -> tuple[tuple[float, ...], list[float]]:
    """The ratios, and the seconds of processor time that each took; without the first turn, which warms up."""
    both, ratios, marks = (sequencing, resting), [], []
    async with case_system(sequencing) as ours, case_system(resting) as theirs:
        for number, count in enumerate(counts):
            taken = {}
            for system in (ours, theirs) if number % 2 else (theirs, ours):
                taken[system], _ = await turn(system, filings(count, f"turn{number}"))
                await _caught_up(sequencing)
            ratios.append(taken[theirs] / taken[ours])
            marks.append([service.worked() for service in both])
    return tuple(ratios[1:]), [last - first for first, last in zip(marks[0], marks[-1], strict=True)]


async def _caught_up(service: Service) -> None:
    """Until each event of that service is a leaf."""
    while _leaves(service) < service.asked("SELECT count(*) FROM events")[0]:  # noqa: ASYNC110 — another process
        await asyncio.sleep(LOOK_EVERY)


def _leaves(service: Service) -> int:
    return int(service.asked("SELECT count(*) FROM ledger_leaves")[0])
