"""Who works on what: due deliveries are claimed for a while, in batches, and given back.

A lease runs by the machine's clock, because it measures how long a worker may be silent; what is due is asked of the
domain's clock. A claim that was not given back in time (its worker died) is free again: there is no other recovery.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Select, case, func, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import ReturningUpdate

from delivery.core.model import Delivery
from delivery.journal.appending import Appending
from delivery.journal.errors import HistoryBroken
from delivery.journal.history import folded
from delivery.journal.store import Lease
from delivery.journal.tables import Instant, deliveries, events, raw_receipts

SET_ASIDE = timedelta(hours=1)
"""For how long nobody claims a delivery whose history cannot be read. A release that can read it gets it after that."""

row = deliveries.c
log = structlog.get_logger()


def _free(machine_now: datetime) -> ColumnElement[bool]:
    return or_(row.lease_until.is_(None), row.lease_until <= machine_now)


def take(now: datetime, machine_now: datetime, limit: int, until: datetime) -> ReturningUpdate[Any]:
    """Lease what is due and free. A CTE is evaluated once; a plain subquery may run again per row and lock too many."""
    due = select(row.id).where(row.due_at <= now, _free(machine_now)).order_by(row.due_at).limit(limit)
    ids = due.with_for_update(skip_locked=True, key_share=True).cte("due")
    leased = update(deliveries).where(row.id.in_(select(ids.c.id))).values(lease_until=until)
    return leased.returning(row.id, row.due_at)


def first_due(machine_now: datetime) -> Select[Any]:
    """What the worker sleeps to."""
    return select(row.due_at).where(row.due_at.is_not(None), _free(machine_now)).order_by(row.due_at).limit(1)


def first_reading() -> Select[Any]:
    """What the reader of receipts sleeps to."""
    return select(func.min(raw_receipts.c.read_at)).where(raw_receipts.c.read_at.is_not(None))


def first_to_run_out(machine_now: datetime) -> Select[Any]:
    """The claim that runs out next. Those that have are free already, and keep nobody awake."""
    return select(func.min(row.lease_until)).where(row.lease_until > machine_now)


class Claims(Appending):
    """The part of the journal that workers share."""

    async def claim(self, limit: int, lease: timedelta) -> list[Delivery]:
        """Up to `limit` due deliveries that nobody else has, the longest due first, for `lease` from now.

        One whose history cannot be read is set aside (`set_aside`), and the others are claimed.
        """
        until = self._machine_now() + lease

        if self._engines.postgres:
            # Apart from the writer: SKIP LOCKED lets workers claim beside each other, so they need not take turns.
            async with self._engines.writing.begin() as connection:
                ids = await self._take(connection, limit, until)
        else:
            ids = await self._do(lambda batch: self._take(batch.connection, limit, until))
        return await self._claimed(ids, until)

    async def _take(self, connection: AsyncConnection, limit: int, until: datetime) -> list[str]:
        taken = await connection.execute(take(self._clock.now(), self._machine_now(), limit, until))
        return [each.id for each in sorted(taken.all(), key=lambda each: (each.due_at, each.id))]

    async def _claimed(self, ids: Sequence[str], until: datetime) -> list[Delivery]:
        async with self._engines.reading.connect() as connection:
            found = await folded(connection, ids)
        told = [found.get(each, HistoryBroken(each, "no events")) for each in ids]
        readable = [each for each in told if isinstance(each, Delivery)]
        for delivery in readable:
            self._leases[delivery.id] = Lease(until, delivery.version)
            self.set_aside.discard(delivery.id)
        await self._set_aside([each for each in told if isinstance(each, HistoryBroken)], until)
        return readable

    async def _set_aside(self, broken: Sequence[HistoryBroken], until: datetime) -> None:
        """The claim is kept for longer than any worker would, so that the same is not met again and again."""
        for each in broken:
            log.error("delivery_set_aside", delivery=each.delivery, fault=each.fault)
            self.set_aside.add(each.delivery)
            await self._execute(
                update(deliveries)
                .where(row.id == each.delivery, row.lease_until == until)
                .values(lease_until=self._machine_now() + SET_ASIDE)
            )

    async def release(self, delivery_id: str, *, due_at: datetime | None) -> None:
        """Give a claim back without events, to be looked at again at `due_at` (None: when there is news).

        News that came meanwhile (a higher version) has set its own due time, which then stands. Nothing happens when
        the claim has run out and another worker has the delivery.
        """
        lease = self._leases.pop(delivery_id, None)
        if lease is None:
            return
        unchanged = row.version == lease.version
        await self._execute(
            update(deliveries)
            .where(row.id == delivery_id, row.lease_until == lease.until)
            .values(lease_until=null(), due_at=case((unchanged, literal(due_at, Instant)), else_=row.due_at)),
            news=True,
        )

    async def forget_leases(self) -> int:
        """Free every claim; returns how many there were. Only for a process that knows that it is the only worker."""
        self._leases.clear()
        return await self._execute(
            update(deliveries).where(row.lease_until.is_not(None)).values(lease_until=null()), news=True
        )

    async def next_due(self) -> datetime | None:
        """When the next delivery that nobody has claimed is due, by the domain's clock."""
        due: datetime | None = await self._scalar(first_due(self._machine_now()))
        return due

    async def next_reading(self) -> datetime | None:
        """When the next raw receipt is to be read, by the domain's clock: new ones at once, orphans again later."""
        due: datetime | None = await self._scalar(first_reading())
        return due

    @property
    def news(self) -> int:
        """Counts what was written. Read it before looking, and pass it to `wait_for_news`."""
        return self._bell.count

    async def wait_for_news(self, until: datetime | None, *, since: int | None = None, claims: bool = False) -> None:
        """Returns on news, when the domain's clock reaches `until`, or (`claims`) when one of some worker runs out.

        `since` is `news` as it was before the caller looked. Without it: the value at the end of the last such wait,
        which is right for one loop in a process; several loops must pass theirs.
        """
        seen = self._seen if since is None else since
        await self._bell.wait(seen, self._clock, await self._sooner(until) if claims else until)
        if since is None:
            self._seen = self._bell.count

    async def _sooner(self, until: datetime | None) -> datetime | None:
        """`until`, or when the earliest claim runs out, seen by the domain's clock."""
        machine_now = self._machine_now()
        lease = await self._scalar(first_to_run_out(machine_now))
        if lease is None:
            return until
        runs_out: datetime = self._clock.now() + (lease - machine_now)
        return runs_out if until is None else min(until, runs_out)

    def wake(self) -> None:
        """Let everybody in this process look again: the domain's clock has jumped."""
        self._bell.ring()

    async def last_record(self) -> datetime | None:
        """When the last event was recorded; a rehearsal goes on from there."""
        query = select(events.c.recorded_at).order_by(events.c.position.desc()).limit(1)
        recorded_at: datetime | None = await self._scalar(query)
        return recorded_at
