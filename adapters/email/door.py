"""The door for reports: an SMTP server, of which one is open where several workers share a host."""

from __future__ import annotations

import asyncio
import errno
import logging
from typing import Protocol
from weakref import WeakSet

import aiosmtplib
import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from aiosmtplib import SMTPException, SMTPResponseException

from delivery.core.ports import Clock, RawReceipt, Sink

log = structlog.get_logger(__name__)
# aiosmtpd writes every command line, and so every address, to this log at level INFO.
logging.getLogger("mail.log").setLevel(logging.ERROR)

NAME = "songda"
"""What the door calls itself in its greeting."""
PROBE_WITHIN = 5.0
"""Seconds for each step of asking whose door it is."""
SILENCES = 10
"""So often in a row whoever has the port may say nothing: a worker may be busy, but not for so long."""


class Mailbox(Protocol):
    """Whose reports they are."""

    name: str

    def welcomes(self, mailbox: str) -> bool: ...


class Door:
    """The SMTP server for reports. The 250 is given when the report is kept, and not before."""

    def __init__(self, sink: Sink, channel: Mailbox, clock: Clock, size: int) -> None:
        self._sink, self._channel, self._clock, self._size = sink, channel, clock, size
        self._open: WeakSet[SMTP] = WeakSet()

    def protocol(self) -> SMTP:
        caller = SMTP(self, hostname=NAME, data_size_limit=self._size, enable_SMTPUTF8=True, timeout=60)
        self._open.add(caller)
        return caller

    def close(self) -> None:
        for caller in [*self._open]:
            if caller.transport is not None:
                caller.transport.close()

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        if not self._channel.welcomes(address):
            return "550 5.1.1 No such mailbox"
        if envelope.rcpt_tos:
            return "452 4.5.3 One mailbox at a time"  # RFC 5321 §4.5.3.1.10: the sender comes again for the others
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        raw = RawReceipt(
            channel=self._channel.name,
            body=envelope.original_content or b"",
            received_at=self._clock.now(),
            meta={"recipient": envelope.rcpt_tos[0], "sender": envelope.mail_from or ""},
        )
        try:
            await self._sink.receive(raw)
        except Exception as fault:  # noqa: BLE001 - whatever kept it from being kept, the sender must keep its copy
            log.warning("receipt_not_kept", channel=self._channel.name, fault=type(fault).__name__)
            return "451 4.3.0 Not kept, please try again"
        return "250 2.0.0 Ok"

    async def handle_exception(self, error: Exception) -> str:
        log.error("door_fault", channel=self._channel.name, fault=type(error).__name__)
        return "451 4.3.0 Try again"


async def open_in_turn(door: Door, host: str, port: int, probe: str, pause: float) -> asyncio.Server:
    """The open door. While a worker of the same installation has the port, this waits for its end, `pause` seconds
    between two tries: that one takes everybody's reports.

    `probe` is an address that only doors with our secret welcome. Raises OSError: for EADDRINUSE, reports would be lost
    on whoever has the port.
    """
    waiting, silent = False, 0
    while True:
        try:
            server = await asyncio.get_running_loop().create_server(door.protocol, host, port)
        except OSError as fault:
            if fault.errno != errno.EADDRINUSE:
                raise
        else:
            log.info("listens_for_reports", host=host, port=port)
            return server
        welcomed = await _welcomed(host, port, probe)
        silent = 0 if welcomed else silent + 1
        if silent > SILENCES:
            raise _taken(port)
        if welcomed and not waiting:
            log.info("another_worker_listens_for_reports", host=host, port=port, looks_again_every=pause)
            waiting = True
        await asyncio.sleep(pause)


async def _welcomed(host: str, port: int, probe: str) -> bool:
    """Whether the door there takes our reports; False when it does not say. Raises OSError when it is another's."""
    client = aiosmtplib.SMTP(hostname=host, port=port, timeout=PROBE_WITHIN, use_tls=False, start_tls=False)
    try:
        greeting = await client.connect()
        await client.ehlo()
        await client.mail("")
        await client.rcpt(probe)
    except SMTPResponseException:
        raise _taken(port) from None
    except (SMTPException, OSError) as fault:  # it has just gone, or is too busy to answer
        log.warning("reports_port_held_in_silence", host=host, port=port, fault=type(fault).__name__)
        return False
    finally:
        client.close()
    if not greeting.message.startswith(f"{NAME} "):
        raise _taken(port)  # a mail server that takes mail for our mailbox, and would hand it to itself
    return True


def _taken(port: int) -> OSError:
    says = f"port {port} is taken, not by a worker of this installation: stop what uses it, or change listen_port"
    return OSError(errno.EADDRINUSE, says)
