"""What the e-mail tests share: our channel with its door, servers of the test's own, and reports on file."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from email import message_from_bytes
from pathlib import Path

from adapters.counterparts.smtp import SmtpCounterpart
from adapters.email import EmailChannel, EmailSettings
from adapters.simulated import parse_script
from delivery.core.model import Address
from delivery.core.ports import Consignment, RawReceipt
from tests.adapters.contract import START, Basket, SteppingClock, consign

HERE = Path(__file__).parent
REPORTS = HERE / "data" / "dsn"
PDF = b"%PDF-1.7 invented"
PATIENCE = 30.0


class EmailRig:
    """Our channel with its door, and the shipped mail server."""

    good, bad = "arrived", "bounced:mailbox_full"
    refused, later, throttled = "refused:5.1.1", "later:451", "later:4.7.0"
    cancels, repeatable, parts = False, False, 1

    def __init__(
        self, channel: EmailChannel, counterpart: SmtpCounterpart, clock: SteppingClock, basket: Basket
    ) -> None:
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
        "bounces": "bounces@court.test",
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


def channel(port: int = 1, **further: object) -> EmailChannel:
    return EmailChannel(settings(port, **further), clock=SteppingClock())


def to(value: str, attempt: str = "d1.a1.1", *, attach: bool = False) -> Consignment:
    return consign(attempt, address(value), content=PDF, attach=attach)


@asynccontextmanager
async def dialogue(*replies: str, silent: bool = False) -> AsyncIterator[int]:
    """A server that answers line by line (the content counts as one), then hangs up, or says nothing more."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            for number, reply in enumerate(replies):
                if number:
                    await reader.readuntil(b"\r\n.\r\n" if replies[number - 1].startswith("354") else b"\r\n")
                writer.write(f"{reply}\r\n".encode())
            await (over.wait() if silent else reader.read(65536 if replies else 0))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    over, talks = asyncio.Event(), list[asyncio.Task[None] | None]()
    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await asyncio.gather(*filter(None, talks))


class Letterbox(Basket):
    """A sink to wait at."""

    def __init__(self) -> None:
        super().__init__()
        self.news: asyncio.Queue[RawReceipt] = asyncio.Queue()

    async def receive(self, raw: RawReceipt) -> None:
        await super().receive(raw)
        self.news.put_nowait(raw)


def raw(name: str, recipient: str = "", received_at: datetime = START) -> RawReceipt:
    body = (REPORTS / f"{name}.eml").read_bytes()
    recipient = recipient or verp()
    return RawReceipt(
        channel="email", body=body, received_at=received_at, meta={"recipient": recipient, "sender": "<>"}
    )


def verp() -> str:
    """The address of a report about d1.a1.1."""
    return str(message_from_bytes((REPORTS / "postfix-failed.eml").read_bytes())["To"])


async def spoken(port: int, *recipients: str, body: bytes = b"Subject: x\r\n\r\ny\r\n") -> list[int]:
    """The replies to RCPT, and to DATA where one was taken, as the standard library's client hears them."""

    def speak() -> list[int]:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.party.test", timeout=PATIENCE) as line:
            line.ehlo()
            line.mail("")
            codes = [line.rcpt(recipient)[0] for recipient in recipients]
            return [*codes, line.data(body)[0]] if 250 in codes else codes

    return await asyncio.to_thread(speak)
