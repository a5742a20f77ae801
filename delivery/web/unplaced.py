"""Providers' messages that belong to no delivery yet: what came, why nobody can place it, and its own words.

No court can be told from such a message, and it may name anybody. So it is shown where the installation serves one
court; where it serves several, it is for the operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from delivery.core.model import Receipt
from delivery.journal.receipts import RawRow
from delivery.web import exhibits
from delivery.web.sessions import Answer, Desk

SHOWN = 200
CODES = 3
"""Of one message on the list; the message itself has them all."""
PLACE = "/console/receipts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """One line. `codes`, `references`: the provider's, as its adapter reads them; `why`: a key of the words."""

    id: str
    channel: str
    received_at: datetime
    codes: tuple[str, ...]
    references: tuple[str, ...]
    why: str


def routes(page: Callable[[str, Answer], web.RouteDef]) -> Iterator[web.RouteDef]:
    yield page(PLACE, _list)
    yield page(PLACE + "/{receipt}", _one)


async def count(desk: Desk) -> int:
    """How many wait, as far as this clerk may know."""
    return await desk.console.journal.unmatched_count() if _may_look(desk) else 0


def _may_look(desk: Desk) -> bool:
    return len(desk.console.courts) == 1


async def _list(desk: Desk) -> web.Response:
    if not _may_look(desk):
        return desk.problem("unknown", 404)
    rows = await desk.console.journal.unmatched(SHOWN)
    return desk.page("receipts", rows=[_line(desk, row) for row in rows], count=await count(desk))


async def _one(desk: Desk) -> web.Response:
    row = await _unmatched(desk) if _may_look(desk) else None
    if row is None:
        return desk.problem("unknown", 404)
    await exhibits.looked(desk, f"receipt {row.id}", None)
    return exhibits.raw_page(desk, row.receipt, back=PLACE)


async def _unmatched(desk: Desk) -> RawRow | None:
    """None for one that has been placed: that is below its delivery, with its court's wall around it."""
    try:
        row = await desk.console.journal.raw_row(desk.request.match_info["receipt"])
    except KeyError:
        return None
    return row if row.state in ("orphan", "unclear") else None


def _line(desk: Desk, row: RawRow) -> Unplaced:
    said = _said(desk, row)
    return Unplaced(
        id=row.id,
        channel=row.receipt.channel,
        received_at=row.receipt.received_at,
        codes=_some(receipt.code for receipt in said),
        references=_some(receipt.reference or receipt.attempt or "" for receipt in said),
        why=_why(row),
    )


def _some(words: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, words)))[:CODES]


def _why(row: RawRow) -> str:
    if row.state == "unclear":
        return "unclear"
    return "delivery" if row.delivery else "orphan"


def _said(desk: Desk, row: RawRow) -> tuple[Receipt, ...]:
    """As its adapter reads it; nothing where it cannot, or where it is of a channel that is no longer in use."""
    channel = desk.console.channels.get(row.receipt.channel)
    if channel is None or row.state == "unclear":
        return ()
    try:
        return channel.read(row.receipt)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return ()  # the list shows the others; this one's own words are one click away
