"""A journal on each engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from delivery.journal.journal import Journal
from delivery.journal.migrations import migrate
from tests import servers
from tests.journal.world import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session")
def with_schema(postgres: servers.Postgres) -> str:
    """A PostgreSQL database with our schema, to be copied: quicker than building the schema for each test."""
    name = postgres.create()
    with asyncio.Runner() as runner:
        runner.run(migrate(postgres.url(name)))
    return name


@pytest.fixture
def postgres_url(
    postgres: servers.Postgres, with_schema: str, record_property: Callable[[str, object], None]
) -> Iterator[str]:
    record_property("engine", "postgres")
    name = postgres.create(with_schema)
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
async def journal(database_url: str, clock: HandClock) -> AsyncIterator[Journal]:
    """An empty journal; the test runs once on each engine."""
    journal = await Journal.open(database_url, clock)
    yield journal
    await journal.close()
