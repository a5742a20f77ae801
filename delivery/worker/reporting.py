"""Reports go out: at least once, in order per delivery, with an id that stays the same (design.md §5.9)."""

from __future__ import annotations

import json
from collections.abc import Mapping

import structlog

from delivery.core.ports import CaseSystem, Clock, Outgoing
from delivery.core.report import cloud_event
from delivery.journal.journal import Journal
from delivery.journal.reading import ReportRow

BATCH = 200

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
        self.busy = False

    async def run(self, sink: str) -> None:
        """Until cancelled. Dying after publishing and before marking publishes again, under the same id."""
        while True:
            self.busy = True
            rows = await self._journal.unpublished(sink, BATCH)
            sent = await self._publish(sink, rows)
            self.busy = False
            if not rows:
                await self._journal.wait_for_reports()
            elif not sent:
                await self._journal.wait_for_reports(retry=True)

    async def _publish(self, sink: str, rows: list[ReportRow]) -> bool:
        """In order; the first that fails holds back what follows it. True when all went out."""
        for row in rows:
            try:
                await self._sinks[sink].publish(outgoing(row))
            except (OSError, TimeoutError) as fault:
                log.warning("report_not_published", report=row.id, sink=sink, fault=type(fault).__name__)
                return False
            await self._journal.published(sink, row.position)
        return True
