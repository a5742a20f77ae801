"""What workers ask all day goes through an index, however long the history and the backlog are."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Executable, event, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ClauseElement

from delivery.journal.claims import first_due, first_reading, first_to_run_out, take
from delivery.journal.encoding import micros
from delivery.journal.engines import open_engines
from delivery.journal.journal import Journal
from delivery.journal.ledger import full_tiles, unfinished_tiles
from delivery.journal.receipts import to_read
from delivery.journal.reports import still_open
from tests.journal.world import LEASE, START, HandClock, filing

FILL = (
    "CREATE TEMPORARY TABLE numbers AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
    "SELECT i FROM n",
    "INSERT INTO deliveries (id, court, client, submission, case_number, party, accepted_at, version, reported, state, "
    "due_at) SELECT 'd' || i, 'c', 'k', 's1', 'n', 'p', 0, 1, 0, 'waiting', "
    "CASE WHEN i % 2 = 0 THEN CAST(:due AS BIGINT) + i END FROM numbers",
    "INSERT INTO reports (id, court, client, submission, kind, at, recorded_at, data) "
    "SELECT 'r' || i, 'c', 'k', 's1', 'x', 0, 0, '{}' FROM numbers",
    "INSERT INTO sinks (sink, done_to) SELECT 'queue', max(position) - 10 FROM reports",
    "INSERT INTO raw_receipts (id, channel, received_at, sha256, body, meta, state) "
    "SELECT 'w' || i, 'smpp', 0, '', :empty, '{}', 'read' FROM numbers",
    "INSERT INTO ledger_tiles (level, number, root, hashes) SELECT 0, i, :empty, :empty FROM numbers",
    "INSERT INTO ledger_leaves (number, position, entry, hash) SELECT i, i, :empty, :empty FROM numbers",
    "ANALYZE",
)
FROM_END_TO_END = re.compile(
    r"(Seq Scan on|^SCAN) (deliveries|reports|raw_receipts|ledger_tiles|ledger_leaves)\b(?!.*USING)"
)
"""How the engines say it, of the tables that grow. (A table of one row is read from end to end, and rightly.)"""
QUERIES: dict[str, Executable] = {
    "take": take(START, START, 20, START + LEASE),
    "first due": first_due(START),
    "first to run out": first_to_run_out(START),
    "first reading": first_reading(),
    "to read": to_read(START, 100),
    "still open": still_open("queue").limit(100),
    "tiles": full_tiles([(0, 7, 256), (1, 2, 9), (2, 0, 1)]),
    "unfinished tiles": unfinished_tiles([(0, 7, 200), (1, 2, 9), (2, 0, 1)]),
}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A journal with a long history, of which half is due."""
    journal = await Journal.open(database_url, HandClock())
    await journal.accept(filing(1))
    await journal.close()
    engines = open_engines(database_url)
    try:
        async with engines.writing.begin() as connection:
            await _fill(connection)
            yield connection
    finally:
        await engines.dispose()


async def _fill(connection: AsyncConnection) -> None:
    values: dict[str, Any] = {"due": micros(START - timedelta(hours=1)), "empty": b""}
    for statement in FILL:
        used = {name: value for name, value in values.items() if f":{name}" in statement}
        await connection.execute(text(statement), used)


async def test_no_table_is_read_from_end_to_end(connection: AsyncConnection) -> None:
    plans = {name: await _plan(connection, query) for name, query in QUERIES.items()}
    slow = {name: plan for name, plan in plans.items() if any(map(FROM_END_TO_END.search, plan))}
    assert slow == {}


async def _plan(connection: AsyncConnection, statement: Executable) -> list[str]:
    assert isinstance(statement, ClauseElement)
    query = statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    rows = await connection.exec_driver_sql(f"{explain} {query}")
    return [str(row[-1]).strip() for row in rows]


@pytest.mark.parametrize("size", [300, 256**2 + 257, 7 * 256**3 + 256**2 + 257])
async def test_a_longer_log_takes_no_more_questions(database_url: str, size: int) -> None:
    """Its right edge has more tiles, and they are asked for together."""
    journal, asked = await Journal.open(database_url, HandClock()), []

    def count(*said: Any) -> None:
        asked.extend(re.findall(r"^SELECT .*ledger_(?:tiles|leaves)", said[2], re.DOTALL))

    event.listen(Engine, "before_cursor_execute", count)
    try:
        await journal.ledger_edge(size)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
        await journal.close()
    assert len(asked) == 2
