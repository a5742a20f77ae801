"""The database may be away for a while: the parts that live on it wait and go on, and their start is their recovery."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from delivery.journal.errors import AWAY

PAUSE = 2.0
"""Seconds, of the machine, until the next try."""

log = structlog.get_logger()


async def through_outages(part: str, run: Callable[[], Awaitable[None]], *, pause: float = PAUSE) -> None:
    """Runs that part, again when the database was away. Raises whatever else ends it."""
    while True:
        try:
            return await run()
        except AWAY as fault:
            log.error("journal_away", part=part, fault=type(fault).__name__)  # noqa: TRY400 — its text may quote
            await asyncio.sleep(pause)
