"""Reading what happened: the events of a delivery, and the delivery that they tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from delivery.core.events import Recorded, fold
from delivery.core.model import Delivery
from delivery.journal.encoding import decode
from delivery.journal.errors import HistoryBroken
from delivery.journal.store import Store, padded
from delivery.journal.tables import events

_UNTOLD = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What decoding or folding raises on events that this release does not understand."""


def _history(ids: Sequence[str]) -> Select[Any]:
    return select(events).where(events.c.delivery.in_(padded(ids))).order_by(events.c.delivery, events.c.seq)


def _recorded(row: Row[Any]) -> Recorded:
    return Recorded(
        delivery=row.delivery,
        seq=row.seq,
        position=row.position,
        recorded_at=row.recorded_at,
        event=decode(row.kind, row.data),
    )


@contextmanager
def _telling(delivery: str) -> Iterator[None]:
    """Raises HistoryBroken for whatever its events stumble over, without words that may quote them."""
    try:
        yield
    except _UNTOLD as fault:
        raise HistoryBroken(delivery, type(fault).__name__) from None


async def folded(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Delivery | HistoryBroken]:
    """Those deliveries, all read by one query; where a history is broken, that it is. One never hides the others."""
    if not ids:
        return {}
    rows = (await connection.execute(_history(ids))).all()
    return {delivery: _folded(delivery, group) for delivery, group in groupby(rows, key=lambda row: row.delivery)}


def _folded(delivery: str, rows: Iterable[Row[Any]]) -> Delivery | HistoryBroken:
    try:
        with _telling(delivery):
            return fold(decode(row.kind, row.data) for row in rows)
    except HistoryBroken as broken:
        return broken


class Histories(Store):
    """The part of the journal that reads events."""

    async def load(self, delivery_id: str) -> tuple[Recorded, ...]:
        """The whole history, oldest first. Raises KeyError when there is no such delivery, HistoryBroken when it cannot
        be understood.
        """
        rows = await self._rows(_history([delivery_id]))
        if not rows:
            raise KeyError(delivery_id)
        with _telling(delivery_id):
            return tuple(_recorded(row) for row in rows)

    async def delivery(self, delivery_id: str) -> Delivery:
        """The delivery as its history tells it. Raises KeyError when there is none, HistoryBroken as `load` does."""
        history = await self.load(delivery_id)
        with _telling(delivery_id):
            return fold(each.event for each in history)

    async def events_after(self, position: int, limit: int) -> tuple[Recorded, ...]:
        """Events of all deliveries in the order of their commits; `position` is the last one seen, 0 for none."""
        rows = await self._rows(
            select(events).where(events.c.position > position).order_by(events.c.position).limit(limit)
        )
        return tuple(_recorded(row) for row in rows)
