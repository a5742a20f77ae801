"""Until when the proof pack of each delivery holds: the marks by which the renewal goes on where it was stopped, and
the claims by which several workers share it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from delivery.journal.store import Store, padded
from delivery.journal.tables import archives, deliveries, renewals
from delivery.journal.writing import Batch

UNSEEN = 0
"""The version of a mark that nobody has looked at yet: every delivery is of a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A mark. `version`: of the delivery, when it was looked at; `proof`: digest of its proof, None where there is no
    pack; `holds_until`: the last day on which the pack proves anything by itself, None while no end is known; `pack`:
    digest of the kept container, None while none is kept; `renewed_at`: None while no archive timestamp is on it;
    `content`: of what the kept container was made, until it is renewed; `former`: digest of the renewed container of
    an earlier proof.
    """

    delivery: str
    version: int
    proof: str | None = None
    holds_until: date | None = None
    pack: str | None = None
    renewed_at: datetime | None = None
    content: str | None = None
    former: str | None = None

    def is_renewed(self, proof: str | None) -> bool:
        """Whether the kept container is of that proof and carries an archive timestamp."""
        return self.pack is not None and self.renewed_at is not None and self.proof == proof

    def before(self, proof: str | None) -> str | None:
        """What a pack of that proof has to bring along: the renewed container of an earlier one."""
        superseded = self.renewed_at is not None and self.proof != proof
        return self.pack if superseded else self.former


@dataclass(frozen=True, slots=True)
class Claimed:
    """Deliveries that are ours to renew. `until`: by the machine's clock."""

    deliveries: tuple[str, ...]
    until: datetime


class Archives(Store):
    """The part of the journal that knows what has to be renewed when."""

    async def archive(self, delivery: str) -> Archive | None:
        row = await self._row(select(archives).where(archives.c.delivery == delivery))
        return None if row is None else Archive(**row._mapping)

    async def keep_archive(self, mark: Archive, *, instead_of: Archive | None) -> bool:
        """In the place of the mark that the new one was made from; False when it is not that one any more."""
        values: dict[str, Any] = {name: getattr(mark, name) for name in mark.__dataclass_fields__}
        mine = archives.c.delivery == mark.delivery

        async def job(batch: Batch) -> bool:
            row = (await batch.connection.execute(select(archives).where(mine))).first()
            if (None if row is None else Archive(**row._mapping)) != instead_of:
                return False
            write = archives.update().where(mine) if row else archives.insert()
            await batch.connection.execute(write.values(values))
            return True

        return await self._do(job)

    async def to_look_at(self, horizon: date, *, after: str, limit: int) -> tuple[str, ...]:
        """Concluded deliveries without a mark, changed since, or with a pack that holds until `horizon` at most; by
        their ids, those behind `after`.
        """
        query = select(deliveries.c.id).select_from(_MARKED).where(deliveries.c.id > after, _open(horizon))
        return tuple(row.id for row in await self._rows(query.order_by(deliveries.c.id).limit(limit)))

    async def count_to_look_at(self, horizon: date) -> int:
        return int(await self._scalar(select(func.count()).select_from(_MARKED).where(_open(horizon))))

    async def claim_renewals(self, wanted: Sequence[str], lease: timedelta) -> Claimed:
        """Those of the deliveries that nobody else renews now; they are ours for `lease` from now, by the machine's
        clock.
        """
        now = self._machine_now()

        async def job(batch: Batch) -> Claimed:
            run_out = renewals.c.delivery.in_(padded(wanted)) & (renewals.c.lease_until <= now)
            await batch.connection.execute(delete(renewals).where(run_out))
            return Claimed(tuple([one for one in wanted if await _take(batch, one, now + lease)]), now + lease)

        return await self._do(job)

    async def release_renewals(self, claimed: Claimed) -> None:
        """Give claims back, but for those that ran out and are somebody else's now."""
        if claimed.deliveries:
            mine = renewals.c.delivery.in_(padded(claimed.deliveries)) & (renewals.c.lease_until == claimed.until)
            await self._execute(delete(renewals).where(mine))


async def _take(batch: Batch, delivery: str, until: datetime) -> bool:
    row = {"delivery": delivery, "lease_until": until}
    return bool((await batch.connection.execute(batch.insert(renewals).values(row))).rowcount)


_MARKED = deliveries.outerjoin(archives, archives.c.delivery == deliveries.c.id)


def _open(horizon: date) -> ColumnElement[bool]:
    unseen = or_(archives.c.delivery.is_(None), archives.c.version < deliveries.c.version)
    return and_(deliveries.c.outcome.is_not(None), or_(unseen, archives.c.holds_until <= horizon))
