"""What every part of the journal stands on: the engines, the writer, the clocks, and a few ways to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Executable, Row

from delivery.core.ports import Clock
from delivery.journal.engines import Engines
from delivery.journal.news import Bell
from delivery.journal.writing import Batch, Job, Work, Writer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim of ours: until when by the machine's clock, and at which version we last saw the delivery."""

    until: datetime
    version: int


class Store:
    """`machine_now`: the computer's time, by which leases run. `clock`: the time of facts, which a rehearsal bends."""

    def __init__(
        self, engines: Engines, writer: Writer, bell: Bell, clock: Clock, machine_now: Callable[[], datetime]
    ) -> None:
        self._engines, self._writer, self._bell = engines, writer, bell
        self._clock, self._machine_now = clock, machine_now
        self._leases: dict[str, Lease] = {}
        self.set_aside: set[str] = set()
        """Deliveries that a claim of ours met, and whose history cannot be read."""
        self._known_to: dict[str, int] = {}
        self._seen = bell.count

    async def _rows(self, statement: Executable) -> Sequence[Row[Any]]:
        async with self._engines.reading.connect() as connection:
            return (await connection.execute(statement)).all()

    async def _row(self, statement: Executable) -> Row[Any] | None:
        async with self._engines.reading.connect() as connection:
            return (await connection.execute(statement)).first()

    async def _scalar(self, statement: Executable) -> Any:
        row = await self._row(statement)
        return None if row is None else row[0]

    async def _write(self, work: Work[T]) -> T:
        return await self._writer.write(work)

    async def _do(self, job: Callable[[Batch], Awaitable[T]], *, news: bool = False) -> T:
        return await self._writer.write(Job(job, news=news))

    async def _execute(self, statement: Executable, *, news: bool = False) -> int:
        """Write one statement; returns the number of rows it met."""

        async def job(batch: Batch) -> int:
            return int((await batch.connection.execute(statement)).rowcount)

        return await self._do(job, news=news)


def padded(values: Sequence[T]) -> list[T]:
    """The values with the last one repeated up to a power of two: a database keeps few shapes of `IN (…)` prepared, not
    all.
    """
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))]
