"""Reports go out: at least once, in order per delivery, with an id that stays the same (design.md §5.9)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import structlog

from delivery.core.ports import CaseSystem, Clock, Outgoing
from delivery.core.report import cloud_event
from delivery.journal.journal import Journal
from delivery.journal.reports import ReportRow

BATCH = 200
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


class Reporting:
    """`sinks`: where reports go, by a name that the journal remembers what was published under."""

    def __init__(self, journal: Journal, clock: Clock, sinks: Mapping[str, CaseSystem]) -> None:
        self._journal = journal
        self._clock = clock
        self._sinks = sinks
        self.sinks = tuple(sinks)
        self.busy: set[str] = set()

    async def run(self, sink: str) -> None:
        """Until cancelled. Dying after publishing and before marking publishes again, under the same id."""
        failures = 0
        while True:
            seen = self._journal.news
            self.busy.add(sink)
            sent, held = await self.publish(sink)
            self.busy.discard(sink)
            failures = failures + 1 if held else 0
            if held:
                await asyncio.sleep(min(2**failures, LONGEST_PAUSE))
            elif not sent:
                await self._journal.wait_for_news(None, since=seen)

    async def publish(self, sink: str) -> tuple[int, int]:
        """Send what that sink has not confirmed: how many went out, how many were held back.

        A client whose endpoint is away holds back its own reports, so that its order stays, and nobody else's.
        """
        sent, away = 0, set[tuple[str, str]]()
        for row in await self._journal.unpublished(sink, BATCH):
            client = (row.court, row.client)
            if client in away:
                continue
            try:
                await self._sinks[sink].publish(outgoing(row))
            except (OSError, TimeoutError, ValueError) as fault:
                log.warning("report_not_published", report=row.id, sink=sink, fault=type(fault).__name__)
                away.add(client)
            else:
                await self._journal.published(sink, row.position)
                sent += 1
        return sent, len(away)
