"""A journal on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from delivery.journal.journal import Journal
from tests.journal.world import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def journal(database_url: str, clock: HandClock) -> AsyncIterator[Journal]:
    """An empty journal; the test runs once on each engine."""
    journal = await Journal.open(database_url, clock)
    yield journal
    await journal.close()
