"""One connection to an SMSC: frames, sequence numbers, the window, the enquiries. Knows nothing of deliveries."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from adapters.smpp.settings import RINVCMDID, RMSGQFUL, ROK, SmppSettings, status_name

log = structlog.get_logger(__name__)

RESPONSE = GENERIC_NACK = 0x80000000
SUBMIT_SM, DELIVER_SM, UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK = 0x04, 0x05, 0x06, 0x09, 0x15
PDU_LIMIT = 65_536
HEARING_LIMIT = 256
UNBIND_WITHIN = 1.0

Frame = Callable[[int], bytes]
"""Encodes a PDU, given its sequence number."""
Hear = Callable[[bytes], Awaitable[int]]
"""Keeps a deliver_sm; returns the status to answer it with."""


class NotNow(Exception):
    """Nothing was sent. `after` is in seconds."""

    def __init__(self, code: str, words: str = "", after: float = 0) -> None:
        self.code, self.words, self.after = code, words, after
        super().__init__(code)


class AnswerLost(Exception):
    """It was sent, and nobody can tell what became of it."""


class Response(NamedTuple):
    status: int
    body: bytes


class Session:
    """Bound until `closed` is set, whoever ended it; what was unanswered then is lost."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: SmppSettings, hear: Hear
    ) -> None:
        self._reader, self._writer, self._settings, self._hear = reader, writer, settings, hear
        self._sequence = itertools.cycle(range(1, 0x80000000))
        self._pending: dict[int, asyncio.Future[Response]] = {}
        self._hearing: set[asyncio.Task[None]] = set()
        self.window = asyncio.Semaphore(settings.window)
        self.closed = asyncio.Event()
        self._receiving = asyncio.create_task(self._receive())
        self._enquiring = asyncio.create_task(self._enquire())

    @classmethod
    async def bind(cls, settings: SmppSettings, hear: Hear) -> Session:
        """Connect and bind as transceiver. Raises NotNow."""
        try:
            async with asyncio.timeout(settings.connect_within):
                reader, writer = await asyncio.open_connection(settings.host, settings.port)
        except (OSError, TimeoutError):
            raise NotNow("not_connected", "the SMSC cannot be reached") from None
        session = cls(reader, writer, settings, hear)
        try:
            await session._introduce()
        except BaseException:
            await session.end()
            raise
        return session

    async def ask(self, frame: Frame, within: float) -> Response:
        """Send a request, return its response. Raises NotNow before, AnswerLost after the request went out."""
        if self.closed.is_set():
            raise NotNow("not_bound", "the connection broke")
        sequence = next(self._sequence)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._pending[sequence] = answer
        try:
            self._writer.write(frame(sequence))
            async with asyncio.timeout(within):
                return await answer
        except (OSError, TimeoutError):
            raise AnswerLost from None
        finally:
            del self._pending[sequence]

    async def unbind(self) -> None:
        """Take leave (§4.2), then hang up."""
        try:
            await self.ask(lambda sequence: pack(UNBIND, sequence), UNBIND_WITHIN)
        except (AnswerLost, NotNow):
            log.info("smpp.unbind_unanswered")
        await self.end()

    async def end(self) -> None:
        """Hang up. What is being stored is still stored; the SMSC, which hears no answer to it, comes again."""
        self._hang_up()
        self._receiving.cancel()
        await asyncio.gather(self._receiving, self._enquiring, *self._hearing, return_exceptions=True)

    async def _introduce(self) -> None:
        try:
            response = await self.ask(
                lambda sequence: _bind_transceiver(sequence, self._settings), self._settings.connect_within
            )
        except AnswerLost:
            raise NotNow("not_bound", "the SMSC did not answer the bind") from None
        if response.status != ROK:
            raise NotNow("bind_refused", status_name(response.status))

    async def _receive(self) -> None:
        try:
            while not self.closed.is_set():
                self._take(await _read_pdu(self._reader))
        except (OSError, ValueError, EOFError) as error:
            log.info("smpp.connection_ended", why=type(error).__name__)
        finally:
            self._hang_up()

    def _take(self, pdu: bytes) -> None:
        command, status, sequence = struct.unpack_from(">III", pdu, 4)
        if command & RESPONSE:
            self._answered(sequence, Response(status, pdu[16:]))
        elif command == DELIVER_SM and len(self._hearing) < HEARING_LIMIT:
            # Apart from this loop: the answer to a submit_sm must not wait until a receipt is stored.
            task = asyncio.create_task(self._store(pdu, sequence))
            self._hearing.add(task)
            task.add_done_callback(self._hearing.discard)
        else:
            self._respond(command, sequence)

    def _answered(self, sequence: int, response: Response) -> None:
        answer = self._pending.get(sequence)
        if answer is None or answer.done():
            log.warning("smpp.late_answer", status=status_name(response.status))
        else:
            answer.set_result(response)

    def _respond(self, command: int, sequence: int) -> None:
        if command == DELIVER_SM:
            self._write(pack(RESPONSE | DELIVER_SM, sequence, b"\0", RMSGQFUL))
        elif command in (ENQUIRE_LINK, UNBIND):
            self._write(pack(RESPONSE | command, sequence))
        else:
            self._write(pack(GENERIC_NACK, sequence, status=RINVCMDID))
        if command == UNBIND:
            self._hang_up()

    async def _store(self, pdu: bytes, sequence: int) -> None:
        status = await self._hear(pdu)
        self._write(pack(RESPONSE | DELIVER_SM, sequence, b"\0", status))

    def _write(self, pdu: bytes) -> None:
        if not self.closed.is_set():
            self._writer.write(pdu)

    async def _enquire(self) -> None:
        """A dead line shows only when something is said on it (§4.11)."""
        try:
            while True:
                await asyncio.sleep(self._settings.enquire_every)
                await self.ask(lambda sequence: pack(ENQUIRE_LINK, sequence), self._settings.answer_within)
        except (AnswerLost, NotNow):
            self._hang_up()

    def _hang_up(self) -> None:
        self.closed.set()
        self._writer.close()
        self._enquiring.cancel()
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError())


class Pace:
    """How fast a bind may send: after a throttling a pause, then half as fast, then faster message by message.

    `rate`: messages a second.
    """

    def __init__(self, settings: SmppSettings) -> None:
        self._settings = settings
        self.rate, self._pause = settings.rate, settings.pause_first
        self._next = self._paused_until = 0.0

    async def turn(self) -> None:
        """Wait for it. Raises NotNow when that takes longer than the settings' patience."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next, self._paused_until)
        if mine - now > self._settings.patience:
            raise NotNow("slowed", "the SMSC asked for fewer messages", mine - now)
        self._next = mine + 1 / self.rate
        await asyncio.sleep(mine - now)
        if mine < self._paused_until:
            await self.turn()  # throttled while this one waited

    def throttled(self) -> float:
        """Returns the seconds of the pause that are left. A window throttled at once is one warning."""
        now = asyncio.get_running_loop().time()
        if now >= self._paused_until:
            self.rate = max(self.rate / 2, min(1.0, self._settings.rate))
            self._paused_until = now + self._pause
            self._pause = min(self._pause * 2, self._settings.pause_most)
            log.warning("smpp.throttled", rate=self.rate)
        return self._paused_until - now

    def taken(self) -> None:
        self.rate = min(self._settings.rate, self.rate + self._settings.rate / 50)
        self._pause = self._settings.pause_first


def pack(command: int, sequence: int, body: bytes = b"", status: int = ROK) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


def _bind_transceiver(sequence: int, settings: SmppSettings) -> bytes:
    texts = (settings.system_id, settings.password, settings.system_type)
    body = b"".join(text.encode("ascii") + b"\0" for text in texts)
    return pack(BIND_TRANSCEIVER, sequence, body + b"\x34\0\0\0")  # version 3.4, no address range


async def _read_pdu(reader: asyncio.StreamReader) -> bytes:
    """Raises ValueError for a length that no PDU has, IncompleteReadError (an EOFError) at the end."""
    head = await reader.readexactly(4)
    length = int.from_bytes(head, "big")
    if not 16 <= length <= PDU_LIMIT:
        raise ValueError("not the length of a PDU")
    return head + await reader.readexactly(length - 4)
