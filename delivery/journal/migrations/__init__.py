"""The schema's history, brought up to date by `migrate`. Alembic is driven from here alone: there is no alembic.ini."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from delivery.journal.engines import open_engines

_ONE_AT_A_TIME = 0x736F6E67_6461_0001
"""Any number, as long as it is only ours: the lock that processes starting together queue for."""


async def migrate(url: str) -> None:
    """Bring the database at `url` to the newest schema. Safe to run from several processes at once, and again."""
    engines = open_engines(url)
    try:
        async with engines.writing.begin() as connection:
            if engines.postgres:
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
            await connection.run_sync(upgrade)
    finally:
        await engines.dispose()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the missing steps on an open connection, inside its transaction."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
