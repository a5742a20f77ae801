"""Reports go out: at least once, in order per delivery, with an id that stays the same (design.md §5.9)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

import structlog

from delivery.core.ports import CaseSystem, Clock, Outgoing
from delivery.core.report import cloud_event
from delivery.journal.journal import Journal
from delivery.journal.reports import ReportRow

BATCH = 200
TOGETHER = 20
"""Marked as published in one transaction: so many may go out twice when the process dies in between."""
LONGEST_PAUSE = 300
"""Seconds between two tries to reach a case system that is away. The machine's time: nothing here is a fact."""

log = structlog.get_logger()


def outgoing(row: ReportRow) -> Outgoing:
    """The report as every sink sends it; `GET /v1/reports` shows the same."""
    event = cloud_event(
        report_id=row.id,
        court=row.court,
        kind=row.kind,
        at=row.at,
        recorded_at=row.recorded_at,
        sequence=row.sequence,
        data=row.data,
    )
    return Outgoing(id=row.id, court=row.court, client=row.client, body=json.dumps(event, ensure_ascii=False).encode())


Client = tuple[str, str]
"""Court and client."""


class Reporting:
    """`sinks`: where reports go, by a name that the journal remembers what was published under."""

    def __init__(self, journal: Journal, clock: Clock, sinks: Mapping[str, CaseSystem]) -> None:
        self._journal = journal
        self._clock = clock
        self._sinks = sinks
        self._away: dict[str, dict[Client, tuple[int, float]]] = {sink: {} for sink in sinks}
        self.sinks = tuple(sinks)
        self.busy: set[str] = set()

    async def run(self, sink: str) -> None:
        """Until cancelled. Dying after publishing and before marking publishes again, under the same id."""
        while True:
            seen = self._journal.news
            self.busy.add(sink)
            sent, held = await self.publish(sink)
            self.busy.discard(sink)
            if not (sent or held):
                await self._rest(sink, seen)

    async def publish(self, sink: str) -> tuple[int, int]:
        """Send what that sink has not confirmed: how many went out, how many clients were not reached.

        A client whose endpoint is away holds back its own reports, so that its order stays, and nobody else's: they
        are left out until its pause is over.
        """
        rows = await self._journal.unpublished(sink, BATCH, skip=self._paused(sink))
        sent, held = 0, set[Client]()
        for start in range(0, len(rows), TOGETHER):
            sent += await self._publish(sink, rows[start : start + TOGETHER], held)
        return sent, len(held)

    async def _publish(self, sink: str, rows: Sequence[ReportRow], held: set[Client]) -> int:
        """Send those, but for clients in `held`, which grows by those not reached; how many went out."""
        confirmed: list[int] = []
        try:
            for row in rows:
                client = (row.court, row.client)
                if client in held:
                    continue
                if await self._sent(sink, row):
                    confirmed.append(row.position)
                    self._away[sink].pop(client, None)
                else:
                    self._pause(sink, client)
                    held.add(client)
        finally:  # also when we are being ended: what is marked is not sent again
            if confirmed:
                await self._journal.published(sink, *confirmed)
        return len(confirmed)

    async def _sent(self, sink: str, row: ReportRow) -> bool:
        try:
            await self._sinks[sink].publish(outgoing(row))
        except Exception as fault:  # noqa: BLE001 — whatever it was, this one is not confirmed, and others are not to blame
            log.warning("report_not_published", report=row.id, sink=sink, fault=type(fault).__name__)
            return False
        return True

    def _pause(self, sink: str, client: Client) -> None:
        failures = self._away[sink].get(client, (0, 0.0))[0] + 1
        until = asyncio.get_running_loop().time() + min(2**failures, LONGEST_PAUSE)
        self._away[sink][client] = (failures, until)

    def _paused(self, sink: str) -> dict[Client, float]:
        """Who is not to be tried yet, each with the end of its pause by the loop's clock."""
        now = asyncio.get_running_loop().time()
        return {client: until for client, (_, until) in self._away[sink].items() if until > now}

    async def _rest(self, sink: str, seen: int) -> None:
        """Until news, or until the first pause is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(self._paused(sink).values(), default=None)):
                await self._journal.wait_for_news(None, since=seen)
