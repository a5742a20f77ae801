"""The stage for the pages, and the office for what case systems, queues and providers bring."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.office import Office, open_office
from tests.web.stage import Stage, open_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A server with two courts and no deliveries."""
    async with open_stage(tmp_path) as opened:
        yield opened


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """An office over each of the two databases."""
    async with open_office(database_url, tmp_path / "documents") as opened:
        yield opened


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Office]:
    """An office for what happens before anything reaches the journal."""
    async with open_office(f"sqlite+aiosqlite:///{tmp_path / 'journal'}", tmp_path / "documents") as opened:
        yield opened
