"""Letters on their way are asked about now and then: a push may be lost, and a track query is the other half of the
truth.

What a query brings is kept as a raw receipt and read like any other; asking twice brings repeats, which change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import structlog

from delivery.core.model import Attempt, Delivery, State
from delivery.core.ports import Consignment, RawReceipt
from delivery.worker.perform import Bench, consign

EVERY = 6 * 3600.0
"""Seconds, of the machine, between two rounds; the first one is at the start, for what was lost with the last
process.
"""
BATCH = 200

log = structlog.get_logger()


@runtime_checkable
class Trackable(Protocol):
    """A channel that can be asked where a thing is."""

    async def track(self, consignment: Consignment, reference: str) -> list[RawReceipt]: ...


async def run(bench: Bench) -> None:
    """Until cancelled."""
    while True:
        for court in bench.courts:
            await ask_about(bench, court)
        await asyncio.sleep(EVERY)


async def ask_about(bench: Bench, court: str) -> None:
    """One round over the deliveries of a court that wait for a letter."""
    after = None
    while rows := await bench.journal.deliveries(court, state=State.WAITING, after=after, limit=BATCH):
        for row in rows:
            await _ask_of(bench, row.id)
        after = rows[-1].id


async def _ask_of(bench: Bench, delivery_id: str) -> None:
    try:
        delivery = await bench.journal.delivery(delivery_id)
        for attempt in _on_their_way(delivery):
            await _ask(bench, delivery, attempt)
    except Exception as fault:  # noqa: BLE001 — one delivery whose bytes are broken must not stop the others
        log.error("not_tracked", delivery=delivery_id, fault=type(fault).__name__)  # noqa: TRY400 — its text may quote


def _on_their_way(delivery: Delivery) -> Iterable[Attempt]:
    return (attempt for attempt in delivery.attempts if attempt.channel == "post" and attempt.answer == "taken")


async def _ask(bench: Bench, delivery: Delivery, attempt: Attempt) -> None:
    channel = bench.channels.get(attempt.channel)
    if not isinstance(channel, Trackable):
        return
    consignment = await consign(bench, delivery, attempt)
    for reference in attempt.references:
        try:
            reports = await channel.track(consignment, reference)
        except (OSError, ValueError) as fault:
            log.warning("not_tracked", attempt=attempt.id, fault=type(fault).__name__)
            continue
        for raw in reports:
            await bench.journal.keep(raw)
