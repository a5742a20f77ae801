"""A database that is away ends no part of the service; a mistake of ours still does."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from delivery.journal.errors import AWAY
from delivery.worker.outages import through_outages


async def test_a_part_goes_on_when_the_database_is_back() -> None:
    faults = [ConnectionRefusedError(), OperationalError("", None, Exception("disk is full"))]

    async def part() -> None:
        if faults:
            raise faults.pop()

    await through_outages("worker", part, pause=0)
    assert not faults


async def test_a_mistake_of_ours_ends_it() -> None:
    async def part() -> None:
        raise LookupError

    assert not issubclass(LookupError, AWAY)
    with pytest.raises(LookupError):
        await through_outages("worker", part, pause=0)
