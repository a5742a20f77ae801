"""Until when the proof pack of each delivery holds: the marks by which the renewal goes on where it was stopped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from delivery.journal.store import Store
from delivery.journal.tables import archives, deliveries
from delivery.journal.writing import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A mark. `version`: of the delivery, when it was looked at; `proof`: digest of its proof, None where there is no
    pack; `holds_until`: the last day on which the pack proves anything by itself, None while no end is known; `pack`:
    digest of the kept container, None while none was renewed.
    """

    delivery: str
    version: int
    proof: str | None = None
    holds_until: date | None = None
    pack: str | None = None
    renewed_at: datetime | None = None


class Archives(Store):
    """The part of the journal that knows what has to be renewed when."""

    async def archive(self, delivery: str) -> Archive | None:
        row = await self._row(select(archives).where(archives.c.delivery == delivery))
        return None if row is None else Archive(**row._mapping)

    async def keep_archive(self, mark: Archive) -> None:
        """In the place of the older mark."""
        values: dict[str, Any] = {name: getattr(mark, name) for name in mark.__dataclass_fields__}

        async def job(batch: Batch) -> None:
            there = (await batch.connection.execute(batch.insert(archives).values(values))).rowcount
            if not there:
                mine = archives.c.delivery == mark.delivery
                await batch.connection.execute(archives.update().where(mine).values(values))

        await self._do(job)

    async def to_look_at(self, horizon: date, *, after: str, limit: int) -> tuple[str, ...]:
        """Concluded deliveries without a mark, changed since, or with a pack that holds until `horizon` at most; by
        their ids, those behind `after`.
        """
        query = select(deliveries.c.id).select_from(_MARKED).where(deliveries.c.id > after, _open(horizon))
        return tuple(row.id for row in await self._rows(query.order_by(deliveries.c.id).limit(limit)))

    async def count_to_look_at(self, horizon: date) -> int:
        return int(await self._scalar(select(func.count()).select_from(_MARKED).where(_open(horizon))))


_MARKED = deliveries.outerjoin(archives, archives.c.delivery == deliveries.c.id)


def _open(horizon: date) -> ColumnElement[bool]:
    unseen = or_(archives.c.delivery.is_(None), archives.c.version < deliveries.c.version)
    return and_(deliveries.c.outcome.is_not(None), or_(unseen, archives.c.holds_until <= horizon))
