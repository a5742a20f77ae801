"""Revocation data of certificates: for each the newest that was fetched, to be put into seals and packs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from delivery.journal.store import Store
from delivery.journal.tables import revocations
from delivery.journal.writing import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationRow:
    """`certificate`: SHA-256 of its DER, lower-case hex; `kind`: crl or ocsp; `content`: the DER; times in UTC."""

    certificate: str
    kind: str
    content: bytes = field(repr=False)
    this_update: datetime
    next_update: datetime
    revoked_at: datetime | None


class Revocations(Store):
    """The part of the journal that knows which certificates were alive when."""

    async def keep_revocation(self, row: RevocationRow) -> None:
        """In the place of what was there: a newer list tells of older times too (ETSI EN 319 102-1 §5.2.5)."""
        values: dict[str, Any] = {name: getattr(row, name) for name in row.__dataclass_fields__}

        async def job(batch: Batch) -> None:
            insert = batch.insert(revocations).values(values)
            there = (await batch.connection.execute(insert)).rowcount
            if not there:
                mine = revocations.c.certificate == row.certificate
                await batch.connection.execute(revocations.update().where(mine).values(values))

        await self._do(job)

    async def revocations_of(self, certificates: Sequence[str]) -> tuple[RevocationRow, ...]:
        """What is known of those, in any order."""
        rows = await self._rows(select(revocations).where(revocations.c.certificate.in_(certificates)))
        return tuple(RevocationRow(**row._mapping) for row in rows)
