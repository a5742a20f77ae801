"""What is to carry a trusted timestamp, and the tokens that came: a queue that outlasts an authority's absence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from delivery.journal.store import Store
from delivery.journal.tables import stamps
from delivery.journal.writing import Batch

CHECKPOINT = "checkpoint"
"""Of the ledger: the subject is the number of leaves, the imprint that of the signed note."""

PROOF = "proof"
"""A proof of service whose seal carries no timestamp: the subject is the SHA-256 of the file, as the imprint is."""

DOCUMENT = "document"
"""A sealed document that should carry one and does not: subject and imprint as for proofs."""

SEAL = "seal"
"""The timestamp inside a seal (PAdES B-T): the subject is the SHA-256 of the stamped file, the imprint
that of the signature's value.
"""

CONTAINER = "container"
"""The timestamp on a proof pack's seal (XAdES B-T): the subject is the SHA-256 of the kept container without it, the
imprint that of the signature's value.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Something that has no token yet. `imprint`: SHA-256, 32 bytes."""

    kind: str
    subject: str
    imprint: bytes
    wanted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A kept token (DER TimeStampToken). `stamped_at`: the authority's time."""

    kind: str
    subject: str
    imprint: bytes
    token: bytes
    stamped_at: datetime
    authority: str


class Stamps(Store):
    """The part of the journal that knows what was stamped when, and by whom."""

    async def want_stamp(self, kind: str, subject: str, imprint: bytes, *, failed: bool = False) -> None:
        """Ask for a token; asking twice is asking once. `failed`: one was tried for just now, in vain."""

        async def job(batch: Batch) -> None:
            row = {"kind": kind, "subject": subject, "imprint": imprint, "wanted_at": batch.now}
            row["failed_at"] = batch.now if failed else None
            await batch.connection.execute(batch.insert(stamps).values(row))

        await self._do(job, news=True)

    async def unstamped(self, limit: int) -> tuple[Wanted, ...]:
        """What waits for its token, the longest first."""
        query = select(stamps.c.kind, stamps.c.subject, stamps.c.imprint, stamps.c.wanted_at).where(_OPEN)
        rows = await self._rows(query.order_by(stamps.c.wanted_at, stamps.c.kind, stamps.c.subject).limit(limit))
        return tuple(Wanted(**row._mapping) for row in rows)

    async def stamp_failed(self, kind: str, subject: str) -> None:
        """No authority gave a token for it: from when it was wanted, timestamps are missing."""

        async def job(batch: Batch) -> None:
            here = stamps.update().where(*_one(kind, subject), _OPEN)
            await batch.connection.execute(here.values(failed_at=batch.now))

        await self._do(job)

    async def keep_stamp(self, kind: str, subject: str, token: bytes, *, stamped_at: datetime, authority: str) -> None:
        """The first token for a thing stays: it has the earliest time."""
        here = stamps.update().where(*_one(kind, subject), _OPEN)
        await self._execute(here.values(token=token, stamped_at=stamped_at, authority=authority))

    async def stamp_of(self, kind: str, subject: str) -> Stamp | None:
        columns = [column for column in stamps.c if column.name not in ("wanted_at", "failed_at")]
        row = await self._row(select(*columns).where(*_one(kind, subject), stamps.c.token.is_not(None)))
        return None if row is None else Stamp(**row._mapping)

    async def last_wanted(self, kind: str) -> tuple[str, datetime] | None:
        """The thing of that kind for which a token was asked for last, and when."""
        query = select(stamps.c.subject, stamps.c.wanted_at).where(stamps.c.kind == kind)
        row = await self._row(query.order_by(stamps.c.wanted_at.desc()).limit(1))
        return None if row is None else (row.subject, row.wanted_at)

    async def timestamps_missing_since(self) -> datetime | None:
        """Since when something has waited for a token that was tried for in vain; None when nothing does."""
        since: datetime | None = await self._scalar(
            select(func.min(stamps.c.wanted_at)).where(_OPEN, stamps.c.failed_at.is_not(None))
        )
        return since


_OPEN: ColumnElement[bool] = stamps.c.token.is_(None)


def _one(kind: str, subject: str) -> tuple[Any, Any]:
    return stamps.c.kind == kind, stamps.c.subject == subject
