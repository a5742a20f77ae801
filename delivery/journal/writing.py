"""Group commit: whoever wants to write queues up, and one task writes all that is queued in one transaction.

A commit costs one flush to the disk however much is in it, so under load many appends share that cost, and alone an
append waits for nobody. A refusal (a version conflict, say) concerns one work; its neighbours are written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Insert, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from delivery.core.ports import Clock
from delivery.journal.engines import Engines
from delivery.journal.errors import JournalClosed
from delivery.journal.news import CHANNEL, Bell

T = TypeVar("T")
MAX_WORKS = 500
"""Works of one transaction: bounds how long the first of them waits for the last."""

_ORDER = 0x736F6E67_6461_0002
"""The lock under which all processes write, one after the other. Numbers (`position`) are given out under it, and
PostgreSQL lets go of it only once the rows are visible: so the order of numbers is the order of commits, and a reader
that has seen number n will never find a smaller one later. Without it a slow transaction could hold a low number back
and a cursor would skip it for ever. SQLite has one writer anyway.
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """The open transaction. `now` is the `recorded_at` of everything in it."""

    connection: AsyncConnection
    now: datetime
    postgres: bool

    def insert(self, table: Table) -> Insert:
        """An INSERT that leaves a row alone which is there already."""
        return (postgresql.insert if self.postgres else sqlite.insert)(table).on_conflict_do_nothing()


class Work(Generic[T]):
    """Something to write. Works of one class that meet in a transaction are written together, by few statements."""

    news = True
    """Whether others should look once it is written."""

    @classmethod
    async def write(cls, batch: Batch, works: Sequence[Any]) -> Sequence[T | Exception]:
        """One answer per work, in their order: an exception refuses that work alone, and nothing of it was written."""
        raise NotImplementedError


class Job(Work[T]):
    """A work of few statements of its own."""

    def __init__(self, do: Callable[[Batch], Awaitable[T]], *, news: bool = False) -> None:
        self._do = do
        self.news = news

    @classmethod
    async def write(cls, batch: Batch, works: Sequence[Any]) -> Sequence[T | Exception]:
        return [await work._do(batch) for work in works]


Queued = tuple[Work[Any], "asyncio.Future[Any]"]


class Writer:
    """The one who commits. `commits` counts the transactions."""

    def __init__(self, engines: Engines, clock: Clock, bell: Bell, name: str) -> None:
        self._engines, self._clock, self._bell, self._name = engines, clock, bell, name
        self._queue: deque[Queued] = deque()
        self._called = asyncio.Event()
        self._closing = False
        self.commits = 0
        self._task = asyncio.create_task(self._run(), name="journal: write")
        self._task.add_done_callback(lambda _: self._fail(self._queue))

    async def write(self, work: Work[T]) -> T:
        """Returns when it is committed. Raises what refused it, or JournalClosed; a caller who is cancelled cannot
        know.
        """
        if self._closing or self._task.done():
            raise JournalClosed("the journal is closed")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append((work, future))
        self._called.set()
        return await future

    async def close(self) -> None:
        """Writes what is queued, and nothing after that."""
        self._closing = True
        self._called.set()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._queue or not self._closing:
            self._called.clear()
            if self._queue:
                await self._settle([self._queue.popleft() for _ in range(min(len(self._queue), MAX_WORKS))])
            elif not self._closing:
                await self._called.wait()

    async def _settle(self, queued: Sequence[Queued]) -> None:
        wanted = [(work, future) for work, future in queued if not future.done()]
        try:
            await self._answer(wanted)
        finally:
            self._fail(deque(wanted))  # only what has no answer: the writer is being ended

    async def _answer(self, queued: Sequence[Queued]) -> None:
        """Every waiter gets an answer, whatever happens."""
        transaction = Transaction(self._engines, self._clock, self._name)
        try:
            answers = await transaction.run([work for work, _ in queued])
        except Exception as error:  # noqa: BLE001 — it belongs to those who wait, not to this task
            await self._sort_out(queued, error, rolled_back=not transaction.committing)
            return
        self.commits += 1
        if any(work.news for work, _ in queued):
            self._bell.ring()
        for (_, future), answer in zip(queued, answers, strict=True):
            _resolve(future, answer)

    async def _sort_out(self, queued: Sequence[Queued], error: Exception, *, rolled_back: bool) -> None:
        """Nothing was written: find the one that the database would not take. When the commit itself failed, nobody can
        tell.
        """
        if rolled_back and len(queued) > 1:
            for each in queued:
                await self._answer([each])
            return
        for _, future in queued:
            _resolve(future, error)

    def _fail(self, queued: deque[Queued]) -> None:
        while queued:
            _resolve(queued.popleft()[1], JournalClosed("the journal's writer ended before this was written"))


def _resolve(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)


class Transaction:
    """One transaction of many works. `committing` tells whether a failure may have left them written."""

    def __init__(self, engines: Engines, clock: Clock, name: str) -> None:
        self._engines, self._clock, self._name = engines, clock, name
        self.committing = False

    async def run(self, works: Sequence[Work[Any]]) -> list[Any]:
        async with self._engines.writing.connect() as connection, connection.begin() as transaction:
            if self._engines.postgres:
                await self._take_turn(connection, news=any(work.news for work in works))
            batch = Batch(connection, self._clock.now(), self._engines.postgres)
            answers = await _write_by_class(batch, works)
            self.committing = True
            await transaction.commit()
        return answers

    async def _take_turn(self, connection: AsyncConnection, *, news: bool) -> None:
        notice = f", pg_notify('{CHANNEL}', :name)" if news else ""
        values = {"key": _ORDER} | ({"name": self._name} if news else {})
        await connection.execute(text(f"SELECT pg_advisory_xact_lock(:key){notice}"), values)


async def _write_by_class(batch: Batch, works: Sequence[Work[Any]]) -> list[Any]:
    answers: list[Any] = [None] * len(works)
    places: dict[type[Work[Any]], list[int]] = {}
    for place, work in enumerate(works):
        places.setdefault(type(work), []).append(place)
    for kind, at in places.items():
        for place, answer in zip(at, await kind.write(batch, [works[i] for i in at]), strict=True):
            answers[place] = answer
    return answers
