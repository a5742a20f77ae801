"""The schema: made by steps, the same as tables.py says, wherever the package lies."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from delivery.journal.engines import open_engines
from delivery.journal.journal import Journal
from delivery.journal.migrations import migrate
from delivery.journal.tables import metadata
from tests import servers
from tests.journal.world import HandClock, filing

PROJECT = Path(__file__).parent.parent.parent


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_steps_make_what_the_tables_say(database_url: str) -> None:
    await migrate(database_url)
    engines = open_engines(database_url)
    async with engines.reading.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engines.dispose()


async def test_it_can_be_run_again_and_keeps_what_is_there(database_url: str) -> None:
    journal = await Journal.open(database_url, HandClock())
    await journal.accept(filing(1))
    await journal.close()
    await migrate(database_url)
    journal = await Journal.open(database_url, HandClock(), migrate=False)
    assert (await journal.delivery("s1-d1")).version == 1
    await journal.close()


async def test_processes_that_start_together_do_not_trip_over_each_other(
    postgres: servers.Postgres, tmp_path: Path
) -> None:
    empty = postgres.create()
    for url in (postgres.url(empty), f"sqlite+aiosqlite:///{tmp_path / 'j.sqlite'}"):
        await asyncio.gather(*[migrate(url) for _ in range(3)])
    postgres.drop(empty)


async def test_it_works_from_a_folder_with_spaces_and_percents(tmp_path: Path) -> None:
    """As an installed package does: from wherever it lies, and with no other file of the project."""
    home = tmp_path / "50 % of a path"
    ignored = shutil.ignore_patterns("__pycache__")
    for part in ("core", "journal"):
        shutil.copytree(PROJECT / "delivery" / part, home / "delivery" / part, ignore=ignored)
    (home / "delivery" / "__init__.py").touch()
    database = home / "a journal.sqlite"
    script = (
        f"import asyncio; from delivery.journal.migrations import migrate; asyncio.run(migrate({_url(database)!r}))"
    )
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], cwd=home, check=True)
    journal = await Journal.open(_url(database), HandClock(), migrate=False)
    assert (await journal.accept(filing(1))).kind == "new"
    await journal.close()


def _url(database: Path) -> str:
    return f"sqlite+aiosqlite:///{database}"


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "mysql://host/journal"])
def test_what_is_no_file_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="SQLite file"):
        open_engines(url)
