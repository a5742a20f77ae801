"""What the case record is told: pulled by cursor, pushed through sinks, and proved complete (design.md §5.9)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Row, Select, delete, func, select, tuple_

from delivery.journal.encoding import decode_json
from delivery.journal.store import Store, padded
from delivery.journal.tables import publications, reports, sinks
from delivery.journal.writing import Batch

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """`position` is the cursor; `sequence` counts per delivery without gaps, and is None for reports about a
    submission.

    `at` is when it happened, `recorded_at` when we learnt it.
    """

    position: int
    id: str
    court: str
    client: str
    delivery: str | None
    submission: str
    sequence: int | None
    kind: str
    at: datetime
    recorded_at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What was recorded from `from_` on and before `to`. `digest`: SHA-256 over the ids in order, each with a line
    feed.
    """

    from_: datetime
    to: datetime
    count: int
    kinds: dict[str, int]
    digest: str
    last: int | None
    """The cursor of the last one."""


def _readable(rows: Sequence[Row[Any]]) -> Iterator[ReportRow]:
    """Those that can be told. One that is damaged is logged and left out: its gap in `sequence` shows, and it stops
    nobody.
    """
    for row in rows:
        try:
            yield ReportRow(**{**row._mapping, "data": decode_json(row.data)})
        except (ValueError, RecursionError) as fault:
            log.error("report_unreadable", report=row.id, delivery=row.delivery, fault=type(fault).__name__)  # noqa: TRY400 — its text may quote


class Reports(Store):
    """The part of the journal that reports are read from."""

    async def reports_after(self, court: str, client: str, cursor: int, limit: int) -> list[ReportRow]:
        """Reports of one client after the cursor (0: from the start), in the order of their commits."""
        mine = (reports.c.court == court, reports.c.client == client, reports.c.position > cursor)
        return await self._told(select(reports).where(*mine).order_by(reports.c.position), limit)

    async def unpublished(self, sink: str, limit: int, *, skip: Collection[tuple[str, str]] = ()) -> list[ReportRow]:
        """What that sink has not confirmed, oldest first, so in order per delivery. Leaves out the (court, client) in
        `skip`.
        """
        query = still_open(sink)
        if skip:
            query = query.where(tuple_(reports.c.court, reports.c.client).not_in(padded(list(skip))))
        return await self._told(query, limit)

    async def _told(self, query: Select[Any], limit: int) -> list[ReportRow]:
        """The first that can be told. A page of damaged ones alone is passed over: an empty one would be the end."""
        rows = await self._rows(query.limit(limit))
        while rows and not (told := list(_readable(rows))):
            rows = await self._rows(query.where(reports.c.position > rows[-1].position).limit(limit))
        return told if rows else []

    async def published(self, sink: str, *positions: int) -> None:
        """That sink has confirmed the reports at those positions. Saying it twice does no harm."""

        async def job(batch: Batch) -> None:
            rows = [{"sink": sink, "position": position} for position in positions]
            await batch.connection.execute(batch.insert(publications), rows)
            await _move_on(batch, sink)

        await self._do(job)

    async def reconciliation(self, court: str, client: str, from_: datetime, to: datetime) -> Reconciliation:
        """Counts and a digest of what was recorded in `from_ <= recorded_at < to`, to be compared with what arrived."""
        mine = (reports.c.court == court, reports.c.client == client)
        period = (reports.c.recorded_at >= from_, reports.c.recorded_at < to)
        query = select(reports.c.position, reports.c.id, reports.c.kind).where(*mine, *period)
        rows = await self._rows(query.order_by(reports.c.position))
        return Reconciliation(
            from_=from_,
            to=to,
            count=len(rows),
            kinds=dict(Counter(row.kind for row in rows)),
            digest=hashlib.sha256("".join(f"{row.id}\n" for row in rows).encode()).hexdigest(),
            last=rows[-1].position if rows else None,
        )


def _done_to(sink: str) -> Any:
    return func.coalesce(select(sinks.c.done_to).where(sinks.c.sink == sink).scalar_subquery(), 0)


def still_open(sink: str) -> Select[Any]:
    """The reports that a sink has not confirmed, oldest first."""
    confirmed = (publications.c.sink == sink) & (publications.c.position == reports.c.position)
    return (
        select(reports)
        .outerjoin(publications, confirmed)
        .where(reports.c.position > _done_to(sink), publications.c.position.is_(None))
        .order_by(reports.c.position)
    )


async def _move_on(batch: Batch, sink: str) -> None:
    """Everything before the first open report needs no row of its own any more."""
    first = await batch.connection.scalar(still_open(sink).with_only_columns(reports.c.position).limit(1))
    last = await batch.connection.scalar(select(func.max(reports.c.position)))
    done_to = (last or 0) if first is None else first - 1
    await batch.connection.execute(batch.insert(sinks).values(sink=sink, done_to=0))
    await batch.connection.execute(sinks.update().where(sinks.c.sink == sink).values(done_to=done_to))
    below = (publications.c.sink == sink, publications.c.position <= done_to)
    await batch.connection.execute(delete(publications).where(*below))
