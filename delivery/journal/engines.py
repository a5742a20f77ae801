"""How the engines are opened. SQLite: one connection writes, others read beside it. PostgreSQL: one pool for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

BUSY_MILLISECONDS = 15_000
"""How long SQLite waits for another process (`songda show` beside a running service) before it gives up."""

_DISCREET: dict[str, Any] = {"hide_parameters": True}
"""An error's text goes to logs; what was to be written (names, addresses, answers) does not."""


@dataclass(frozen=True, slots=True)
class Engines:
    """`reading` sees what is committed; `writing` is for the one who commits."""

    reading: AsyncEngine
    writing: AsyncEngine

    @property
    def postgres(self) -> bool:
        return self.writing.dialect.name == "postgresql"

    async def dispose(self) -> None:
        await self.reading.dispose()
        await self.writing.dispose()


def open_engines(url: str) -> Engines:
    """Engines for `sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://…`. Raises ValueError for anything else."""
    kind = make_url(url).get_backend_name()
    if kind == "postgresql":
        engine = create_async_engine(url, pool_size=10, max_overflow=10, pool_pre_ping=True, **_DISCREET)
        return Engines(reading=engine, writing=engine)
    if kind == "sqlite" and make_url(url).database not in (None, "", ":memory:"):
        return Engines(reading=_sqlite(url), writing=_one_writer(url))
    raise ValueError("the journal is kept in a SQLite file or in PostgreSQL")


def _sqlite(url: str, **options: Any) -> AsyncEngine:
    """For reading: whoever reads asks one question, which needs no transaction around it to see one state."""
    engine = create_async_engine(url, **options, **_DISCREET)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _one_writer(url: str) -> AsyncEngine:
    engine = _sqlite(url, pool_size=1, max_overflow=0)

    @event.listens_for(engine.sync_engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    """FULL: a commit is on the disk before anybody hears of it. The driver's own, incomplete, BEGIN is switched off."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
