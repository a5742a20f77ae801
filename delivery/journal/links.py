"""The signed links that recipients hold, and the tries at their second factor (contract.md §4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from delivery.journal.store import Store
from delivery.journal.tables import links, tries
from delivery.journal.writing import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`id` is what the token carries; the token itself is never kept."""

    id: bytes
    attempt: str
    delivery: str
    purpose: str
    expires_at: datetime
    revoked_at: datetime | None = None


class Links(Store):
    """The part of the journal that knows links."""

    async def keep_link(self, link: Link) -> None:
        """Keep it; a link that is known already stays as it is."""

        async def job(batch: Batch) -> None:
            await batch.connection.execute(batch.insert(links).values(asdict(link)))

        await self._do(job)

    async def link(self, link_id: bytes) -> Link | None:
        row = await self._row(select(links).where(links.c.id == link_id))
        return None if row is None else Link(**row._mapping)

    async def revoke_links(self, delivery: str) -> int:
        """Revoke all links of a delivery; returns how many were not revoked before."""
        standing = (links.c.delivery == delivery, links.c.revoked_at.is_(None))
        return await self._execute(update(links).where(*standing).values(revoked_at=self._clock.now()))

    async def tries(self, delivery: str, since: datetime) -> int:
        """Tries at the second factor from `since` on."""
        query = select(func.count()).where(tries.c.delivery == delivery, tries.c.at >= since)
        return int(await self._scalar(query))

    async def count_try(self, delivery: str, at: datetime) -> None:
        """Count one try. Count first and then compare `tries` with the bound, or tries at one time slip past it."""
        await self._execute(tries.insert().values(delivery=delivery, at=at))
