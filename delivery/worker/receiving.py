"""Raw receipts → receipts on their delivery. The raw message was kept before anybody read it; here it is read.

Every receipt finds its attempt by our own id, or by the provider's reference. One that finds none is an orphan: it
waits for the reference to become known (a receipt may come before the answer that names it), and in the end for a
clerk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import structlog

from delivery.core import events
from delivery.core.model import Delivery, Receipt
from delivery.core.ports import Channel, Clock, RawReceipt
from delivery.journal.errors import HistoryBroken
from delivery.journal.journal import Journal

BATCH = 100
ORPHAN_PATIENCE = timedelta(hours=48)
"""How long an SMS status may be under way; after that the orphan is shown to a clerk."""

OUR_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the same message would raise again: a person looks at it, and the others are read. Anything else is the
journal's, and may be gone the next time.
"""

log = structlog.get_logger()


class Receiving:
    """`channels`: by provider name, as in raw receipts."""

    def __init__(self, journal: Journal, clock: Clock, channels: Mapping[str, Channel]) -> None:
        self._journal = journal
        self._clock = clock
        self._channels = channels
        self.busy = False

    async def run(self) -> None:
        """Until cancelled. Dying between reading and settling reads the message again: a repeat changes nothing."""
        while True:
            seen = self._journal.news
            self.busy = True
            count = await self.read_all()
            self.busy = False
            if not count:
                await self._journal.wait_for_news(await self._journal.next_reading(), since=seen)

    async def read_all(self) -> int:
        """Read what is unread, up to a batch; how many there were."""
        rows = await self._journal.unread(BATCH)
        for receipt_id, raw in rows:
            await self._read(receipt_id, raw)
        return len(rows)

    async def _read(self, receipt_id: str, raw: RawReceipt) -> None:
        try:
            receipts = self._channels[raw.channel].read(raw)
            placed = [await self._place(replace(receipt, raw=receipt_id), raw) for receipt in receipts]
        except OUR_MISTAKES as fault:
            log.warning("receipt_unclear", receipt=receipt_id, channel=raw.channel, fault=type(fault).__name__)
            await self._journal.settle(receipt_id, state="unclear", delivery=None)
            return
        except HistoryBroken as broken:
            # Its delivery, not the message, is at fault: a release that can read the one places the other.
            log.error("receipt_waits", receipt=receipt_id, delivery=broken.delivery)  # noqa: TRY400 — nothing to trace
            again = self._clock.now() + ORPHAN_PATIENCE
            await self._journal.settle(receipt_id, state="orphan", delivery=broken.delivery, retry_at=again)
            return
        if all(placed):
            await self._journal.settle(receipt_id, state="read", delivery=placed[0] if placed else None)
            return
        keys = [(raw.channel, r.reference) for r in receipts if r.reference]
        await self._journal.settle(
            receipt_id, state="orphan", delivery=None, keys=keys, retry_at=self._clock.now() + ORPHAN_PATIENCE
        )

    async def _place(self, receipt: Receipt, raw: RawReceipt) -> str | None:
        """Write it on its delivery; the delivery's id, or None when the attempt is not known."""
        attempt = receipt.attempt
        if attempt is None and receipt.reference:
            attempt = await self._journal.attempt_of(raw.channel, receipt.reference)
        if attempt is None:
            return None
        found = replace(receipt, attempt=attempt)
        delivery_id = attempt.split(".", 1)[0]
        try:
            await self._journal.record(delivery_id, lambda delivery: self._news(delivery, found))
        except KeyError:
            return None
        return delivery_id

    def _news(self, delivery: Delivery, receipt: Receipt) -> tuple[events.Event, ...]:
        """Nothing for an attempt that does not exist, nothing for a repeat."""
        event = events.ReceiptReceived(at=self._clock.now(), receipt=receipt)
        if (
            delivery.attempt(receipt.attempt or "") is None
            or events.apply(delivery, event).receipts == delivery.receipts
        ):
            return ()
        return (event,)
