"""Letters on their way are asked about now and then: a push may be lost, and a track query is the other half of the
truth.

What a query brings is kept as a raw receipt and read like any other; what is on record already is not kept again. A
person who is needed, or a conclusion, does not stop the letter: its result may still come, or be taken back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog

from delivery.core.model import Attempt, Delivery, State
from delivery.core.ports import Channel, Consignment, RawReceipt
from delivery.journal.lists import DeliveryRow
from delivery.worker.perform import Bench, consign
from delivery.worker.receiving import OUR_MISTAKES

EVERY = 6 * 3600.0
"""Seconds, of the machine, between two rounds; the first one is at the start, for what was lost with the last
process.
"""
BATCH = 200

UNDER_WAY = (State.WAITING, State.NEEDS_PERSON, State.IN_DOUBT, State.ATTEMPTING)
"""Where something may be on its way beside whatever else is going on. Bounded by the work in progress."""

LATE = timedelta(days=30)
"""How long after the day of service a carrier may still correct what it said: a letter left with the wrong person."""
OLDEST = timedelta(days=120)
"""Concluded deliveries grow without bound; those accepted earlier than this are not even looked at."""

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
    """One round over the deliveries of a court whose letters may still be told something of."""
    now = bench.clock.now()
    for state in UNDER_WAY:
        async for row in _rows(bench, court, state):
            await _ask_of(bench, row.id)
    async for row in _rows(bench, court, State.CONCLUDED):
        if row.accepted_at < now - OLDEST:
            break
        if _may_be_corrected(row, now):
            await _ask_of(bench, row.id)


async def _rows(bench: Bench, court: str, state: State) -> AsyncIterator[DeliveryRow]:
    """The newest first."""
    after = None
    while rows := await bench.journal.deliveries(court, state=state, after=after, limit=BATCH):
        for row in rows:
            yield row
        after = rows[-1].id


def _may_be_corrected(row: DeliveryRow, now: datetime) -> bool:
    return row.effective_date is not None and row.effective_date >= (now - LATE).date()


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
            if not _on_record(delivery, attempt, channel, raw):
                await bench.journal.keep(raw)


def _on_record(delivery: Delivery, attempt: Attempt, channel: Channel, raw: RawReceipt) -> bool:
    """Whether it tells nothing but what the receipts of that attempt tell. What cannot be read is for a person."""
    known = {(receipt.channel, receipt.key) for receipt in delivery.receipts if receipt.attempt == attempt.id}
    try:
        told = channel.read(raw)
    except OUR_MISTAKES:
        return False
    return bool(told) and all((receipt.channel, receipt.key) in known for receipt in told)
