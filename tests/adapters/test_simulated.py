"""The simulated provider: its scripts, its memory, and the contract of every channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.simulated import (
    SimulatedChannel,
    SimulatedSettings,
)
from delivery.core.model import Address
from delivery.core.ports import Consignment
from tests.adapters.contract import Basket, ChannelContract, Rig, SteppingClock, consign

HOUR = timedelta(hours=1)


class SimulatedRig:
    """The provider is in the channel itself, so it is never out of reach."""

    good, bad = "arrived", "bounced:mailbox_unknown"
    refused, later, throttled = "refused:no", "later", "later:slow_down"
    repeatable, parts = True, 1

    def __init__(self, memory: Path) -> None:
        self.clock, self.basket = SteppingClock(), Basket()
        self.channel = SimulatedChannel(SimulatedSettings(memory=memory), clock=self.clock)
        self._made = 0

    def consignment(self, script: str) -> Consignment:
        self._made += 1
        return consign(f"D{self._made}.a1.1", address(script, f"nobody{self._made}@example.invalid"))

    def log(self, attempt: str) -> list[str]:
        return [entry.what for entry in self.channel.log if entry.attempt == attempt]

    async def settle(self) -> None:
        await self.channel.advance()

    async def go_away(self) -> None: ...

    async def come_back(self) -> None: ...


def address(script: str | None, value: str = "nobody@example.invalid", channel: str = "email") -> Address:
    return Address(id="a1", channel=channel, basis="confirmed", value=value, script=script)


async def listening(channel: SimulatedChannel, basket: Basket) -> AsyncIterator[None]:
    listener = asyncio.create_task(channel.listen(basket))
    await asyncio.sleep(0)
    yield
    listener.cancel()
    with suppress(asyncio.CancelledError):
        await listener


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[SimulatedRig]:
    rig = SimulatedRig(tmp_path / "simulated.jsonl")
    async for _ in listening(rig.channel, rig.basket):
        yield rig


class TestContract(ChannelContract):
    test_the_provider_is_away = None  # it lives in the channel, so it never is

    @pytest.fixture
    def rig(self, simulated: SimulatedRig) -> Rig:
        return simulated
