"""E-mail: the contract of every channel, what goes over the wire as others see it, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from adapters.counterparts.smtp import SmtpCounterpart
from adapters.email import EmailChannel, EmailSettings
from adapters.simulated import parse_script
from delivery.core.model import Address
from delivery.core.ports import Consignment
from tests.adapters.contract import Basket, ChannelContract, Rig, SteppingClock, consign


class EmailRig:
    """Our channel with its door, and the shipped mail server."""

    good, bad = "arrived", "bounced:mailbox_full"
    refused, later, throttled = "refused:5.1.1", "later:451", "later:4.7.0"
    cancels, repeatable, parts = False, False, 1

    def __init__(self, channel: EmailChannel, counterpart: SmtpCounterpart, clock: SteppingClock, basket: Basket) -> None:
        self.channel, self.counterpart, self.clock, self.basket = channel, counterpart, clock, basket
        self._made = 0

    def consignment(self, script: str) -> Consignment:
        self._made += 1
        value = f"li.si+{self._made}@party.invalid"
        self.counterpart.play(value, parse_script(script))
        return consign(f"d{self._made}.a1.1", address(value))

    def log(self, attempt: str) -> list[str]:
        return [entry.what for entry in self.counterpart.log if entry.attempt == attempt]

    async def settle(self) -> None:
        await self.counterpart.advance()

    async def go_away(self) -> None:
        await self.counterpart.stop()

    async def come_back(self) -> None:
        await self.counterpart.start()


def address(value: str) -> Address:
    return Address(id="a1", channel="email", basis="confirmed", value=value)


def settings(port: int, **further: object) -> EmailSettings:
    given = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "songda@court.invalid",
        "bounces": "bounces@court.invalid",
        "secret": "made up for tests, never used",
        "timeout": 10.0,
    }
    return EmailSettings(**(given | further))


@asynccontextmanager
async def listening(channel: EmailChannel, basket: Basket) -> AsyncIterator[int]:
    """The channel's door is open; yields its port."""
    listener = asyncio.create_task(channel.listen(basket))
    try:
        yield await channel.listening_port()
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


@asynccontextmanager
async def email_rig(*, dsn: bool = True, **further: object) -> AsyncIterator[EmailRig]:
    clock, basket = SteppingClock(), Basket()
    door = EmailChannel(settings(0), clock=clock)
    async with listening(door, basket) as port:
        there = SmtpCounterpart(
            clock=clock, scripts={}, default=parse_script("taken"), reports_to=("127.0.0.1", port), dsn=dsn
        )
        await there.start()
        try:
            yield EmailRig(EmailChannel(settings(there.port, **further), clock=clock), there, clock, basket)
        finally:
            await there.stop()


@pytest.fixture
async def rig() -> AsyncIterator[EmailRig]:
    async with email_rig() as rig:
        yield rig


class TestContract(ChannelContract):
    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with email_rig() as rig:
            yield rig
