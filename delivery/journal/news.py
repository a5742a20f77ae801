"""Waking up when something was written: in this process at once, from other processes by PostgreSQL's LISTEN and
NOTIFY.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import make_url

from delivery.core.ports import Clock

CHANNEL = "songda_journal"
RECONNECT_SECONDS = 1.0
"""Between two tries to hear a database that is away; while it is away nobody can write news either."""


class Bell:
    """Counts what was written, so that news between a look and a wait is never slept through."""

    def __init__(self) -> None:
        self.count = 0
        self._heard = asyncio.Event()

    def ring(self) -> None:
        self.count += 1
        self._heard.set()
        self._heard = asyncio.Event()

    async def wait(self, since: int, clock: Clock, until: datetime | None) -> None:
        """Returns when the count is not `since` any more, or when `clock` has reached `until`."""
        while self.count == since:
            seconds = None if until is None else (until - clock.now()).total_seconds()
            if seconds is not None and seconds <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._heard.wait()


class Ear:
    """Hears what other processes wrote. `name` tells our own notices apart: those have rung already."""

    def __init__(self, url: str, name: str, bell: Bell) -> None:
        self._url, self._name, self._bell = url, name, bell
        self._listening = asyncio.Event()
        self._task = asyncio.create_task(self._listen(), name="journal: listen for news")

    async def ready(self) -> None:
        """Returns once the database notifies us. Raises what made it impossible, at the start alone."""
        ready = asyncio.create_task(self._listening.wait())
        await asyncio.wait((ready, self._task), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if not self._listening.is_set():
                    raise
            self._bell.ring()  # what was written while nobody listened is unknown: look
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        ended = asyncio.Event()
        url = make_url(self._url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(url)
        try:
            connection.add_termination_listener(lambda _: ended.set())
            await connection.add_listener(CHANNEL, self._hear)
            self._listening.set()
            self._bell.ring()
            await ended.wait()
        finally:
            connection.terminate()

    def _hear(self, connection: Any, process: int, channel: str, sender: str) -> None:
        if sender != self._name:
            self._bell.ring()
