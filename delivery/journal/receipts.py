"""Providers' messages as they came in, and the providers' ids of our attempts by which they are matched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, Select, exists, func, select, tuple_, update

from delivery.core.ports import RawReceipt
from delivery.journal.encoding import decode_json, encode_json
from delivery.journal.store import Store, padded
from delivery.journal.tables import raw_receipts, receipt_keys, references
from delivery.journal.writing import Batch, Work

State = Literal["new", "read", "orphan", "unclear"]
_UNMATCHED: tuple[State, ...] = ("orphan", "unclear")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """A kept receipt and what became of it. orphan: no attempt has its reference yet. unclear: a person has to look."""

    id: str
    receipt: RawReceipt
    state: State
    delivery: str | None


@dataclass(frozen=True, slots=True)
class Keep(Work[str]):
    id: str
    raw: RawReceipt

    @classmethod
    async def write(cls, batch: Batch, works: Sequence[Keep]) -> Sequence[str | Exception]:
        await batch.connection.execute(raw_receipts.insert(), [_row(work, batch.now) for work in works])
        return [work.id for work in works]


def _row(work: Keep, now: datetime) -> dict[str, Any]:
    return {
        "id": work.id,
        "channel": work.raw.channel,
        "received_at": work.raw.received_at,
        "sha256": hashlib.sha256(work.raw.body).hexdigest(),
        "body": work.raw.body,
        "meta": encode_json(dict(work.raw.meta)),
        "state": "new",
        "read_at": now,
    }


def _raw(row: Row[Any]) -> RawReceipt:
    return RawReceipt(channel=row.channel, body=row.body, received_at=row.received_at, meta=decode_json(row.meta))


def _raw_row(row: Row[Any]) -> RawRow:
    return RawRow(id=row.id, receipt=_raw(row), state=row.state, delivery=row.delivery)


class Receipts(Store):
    """The part of the journal that keeps raw receipts."""

    async def keep(self, raw: RawReceipt) -> str:
        """Keep it; returns its id once it is on the disk. The same message again is kept again: it did come twice."""
        return await self._write(Keep(self._clock.new_id(), raw))

    async def unread(self, limit: int) -> list[tuple[str, RawReceipt]]:
        """Receipts to be read now, in the order in which they came: new ones, and orphans whose time has come again."""
        rows = await self._rows(to_read(self._clock.now(), limit))
        self._known_to |= {row.id: row.known_to for row in rows}
        return [(row.id, _raw(row)) for row in rows]

    async def settle(
        self,
        receipt_id: str,
        *,
        state: Literal["read", "orphan", "unclear"],
        delivery: str | None,
        keys: Sequence[tuple[str, str]] = (),
        retry_at: datetime | None = None,
    ) -> None:
        """Say what became of it. `keys`: the (channel, reference) pairs an orphan waits for; `retry_at`: read it again
        then.
        """
        known_to = self._known_to.pop(receipt_id, 0)

        async def job(batch: Batch) -> None:
            # A reference may have been written between the reader's look and now; then nobody would wake this orphan.
            again = state == "orphan" and await _any_known(batch, keys, since=known_to)
            values = {
                "state": "new" if again else state,
                "delivery": delivery,
                "read_at": batch.now if again else retry_at,
            }
            await batch.connection.execute(update(raw_receipts).where(raw_receipts.c.id == receipt_id).values(values))
            await _wait_for(batch, receipt_id, keys)

        await self._do(job, news=True)

    async def attempt_of(self, channel: str, reference: str) -> str | None:
        """The id of the attempt that the provider knows under that reference; the latest, as providers use numbers
        again.
        """
        found = (references.c.channel == channel, references.c.reference == reference)
        latest = references.c.position.desc()
        attempt: str | None = await self._scalar(select(references.c.attempt).where(*found).order_by(latest).limit(1))
        return attempt

    async def raw_receipt(self, receipt_id: str) -> RawReceipt:
        """Raises KeyError when there is none."""
        return (await self.raw_row(receipt_id)).receipt

    async def raw_row(self, receipt_id: str) -> RawRow:
        """The receipt, and what became of it. Raises KeyError when there is none."""
        row = await self._row(select(raw_receipts).where(raw_receipts.c.id == receipt_id))
        if row is None:
            raise KeyError(receipt_id)
        return _raw_row(row)

    async def raw_rows(self, ids: Sequence[str]) -> list[RawRow]:
        """Those of these receipts that there are, in the order in which they came."""
        if not ids:
            return []
        here = raw_receipts.c.id.in_(padded(ids))
        rows = await self._rows(select(raw_receipts).where(here).order_by(raw_receipts.c.position))
        return [_raw_row(row) for row in rows]

    async def unmatched_count(self) -> int:
        """How many a clerk has to look at."""
        count: int = await self._scalar(select(func.count()).where(raw_receipts.c.state.in_(_UNMATCHED)))
        return count

    async def unmatched(self, limit: int, states: Iterable[State] = _UNMATCHED) -> list[RawRow]:
        """What a clerk has to look at, the newest first."""
        wanted = raw_receipts.c.state.in_(list(states))
        rows = await self._rows(
            select(raw_receipts).where(wanted).order_by(raw_receipts.c.position.desc()).limit(limit)
        )
        return [_raw_row(row) for row in rows]


def to_read(now: datetime, limit: int) -> Select[Any]:
    """`known_to`: the last reference that was known at this look."""
    known_to = select(func.coalesce(func.max(references.c.position), 0)).scalar_subquery().label("known_to")
    order = (raw_receipts.c.read_at, raw_receipts.c.position)
    return select(raw_receipts, known_to).where(raw_receipts.c.read_at <= now).order_by(*order).limit(limit)


async def _any_known(batch: Batch, keys: Sequence[tuple[str, str]], *, since: int) -> bool:
    if not keys:
        return False
    known = tuple_(references.c.channel, references.c.reference).in_(padded(keys))
    return bool(await batch.connection.scalar(select(exists().where(known, references.c.position > since))))


async def _wait_for(batch: Batch, receipt_id: str, keys: Sequence[tuple[str, str]]) -> None:
    rows = [{"receipt": receipt_id, "channel": channel, "reference": reference} for channel, reference in keys]
    if rows:
        await batch.connection.execute(batch.insert(receipt_keys), rows)
