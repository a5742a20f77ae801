"""An SMSC to rehearse with: SMPP 3.4 on loopback, each telephone number playing its script.

It takes what it is given, as the protocol has it: a part that is submitted twice is taken twice, and its log shows it.
The codec is smpp34's; its server is not used, because it can neither drop a connection nor be away.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import smpp34

from adapters.simulated import LogEntry, Script, ScriptedAnswer, ScriptError
from delivery.core.ports import Clock

RESPONSE = GENERIC_NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT_SM, DELIVER_SM, UNBIND = 0x01, 0x02, 0x04, 0x05, 0x06
BIND_TRANSCEIVER, ENQUIRE_LINK = 0x09, 0x15
RECEIPTED_MESSAGE_ID, USER_MESSAGE_REFERENCE, MESSAGE_STATE = 0x001E, 0x0204, 0x0427

STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "ESME_RINVCMDID": 0x03,
        "ESME_RINVBNDSTS": 0x04,
        "ESME_RSYSERR": 0x08,
        "ESME_RINVSRCADR": 0x0A,
        "ESME_RINVDSTADR": 0x0B,
        "ESME_RINVPASWD": 0x0E,
        "ESME_RMSGQFUL": 0x14,
        "ESME_RSUBMITFAIL": 0x45,
        "ESME_RTHROTTLED": 0x58,
        "ESME_RX_T_APPN": 0x64,
        "ESME_RUNKNOWNERR": 0xFF,
    }
)
"""The codes that `refused:` and `later:` may name; others as a number, `0x400`."""

STATES: Final[Mapping[tuple[str, str | None], tuple[str, int, str]]] = MappingProxyType(
    {
        ("arrived", None): ("DELIVRD", 2, "000"),
        ("relayed", None): ("ACCEPTD", 6, "000"),
        ("delayed", None): ("ENROUTE", 1, "000"),
        ("bounced", "number_void"): ("UNDELIV", 5, "001"),
        ("bounced", "mailbox_full"): ("UNDELIV", 5, "032"),
        ("bounced", "blocked"): ("REJECTD", 8, "013"),
    }
)
"""The happenings that receipts can tell: text, message_state (SMPP 3.4 §5.2.28), error. `replied` is a text message."""

ZONE = ZoneInfo("Asia/Shanghai")
PDU_LIMIT = 65_536
ANSWER_WITHIN = RETRY_AFTER = 1.0
AT_ONCE = 50


@dataclass(slots=True)
class _Report:
    """Something that happened to a message, and is due to be told at `due_at`, `times` times over."""

    taken_at: datetime
    due_at: datetime
    happened_at: datetime
    what: str
    argument: str | None
    times: int
    message_id: str
    submit: smpp34.SubmitSm

    def frame(self, sequence: int) -> bytes:
        """The texts' zone is the one of the SMSC (SMPP 3.4 appendix B)."""
        submit = self.submit
        receipt = (self.what, self.argument) in STATES
        return smpp34.DeliverSm(
            submit.destination_addr,
            submit.source_addr,
            self._text() if receipt else "收到".encode("utf-16-be"),
            esm_class=0x04 if receipt else 0,
            data_coding=0 if receipt else 8,
            tlvs=self._tlvs() if receipt else [],
            sequence_number=sequence,
        ).encode()

    def _text(self) -> bytes:
        state, _, error = STATES[self.what, self.argument]
        taken, done = (f"{at.astimezone(ZONE):%y%m%d%H%M}" for at in (self.taken_at, self.happened_at))
        dates = f"submit date:{taken} done date:{done}"
        delivered = "001" if state == "DELIVRD" else "000"
        return f"id:{self.message_id} sub:001 dlvrd:{delivered} {dates} stat:{state} err:{error} text:".encode("ascii")

    def _tlvs(self) -> list[smpp34.Tlv]:
        _, number, _ = STATES[self.what, self.argument]
        own = [smpp34.Tlv(RECEIPTED_MESSAGE_ID, self.message_id.encode() + b"\0")]
        own.append(smpp34.Tlv(MESSAGE_STATE, bytes([number])))
        return own + [each for each in self.submit.tlvs if each.tag == USER_MESSAGE_REFERENCE]


@dataclass(frozen=True, slots=True)
class _Part:
    """One submit_sm as the telephone sees it: which of how many, and of which message."""

    number: str
    reference: str
    joining: int
    of: int
    which: int
    octets: bytes

    @classmethod
    def of_submit(cls, submit: smpp34.SubmitSm) -> _Part:
        octets, number = submit.short_message, plain(submit.destination_addr)
        own = next((bytes(tlv.value).hex() for tlv in submit.tlvs if tlv.tag == USER_MESSAGE_REFERENCE), "")
        if not submit.esm_class & 0x40:
            return cls(number, own, 0, 1, 1, octets)
        if len(octets) < 6 or octets[:3] != b"\x05\x00\x03":
            raise ValueError("the header of a part is 05 00 03 and three octets more")
        return cls(number, own, octets[3], octets[4], octets[5], octets[6:])

    @property
    def name(self) -> str:
        """How the log calls it: the number, the sender's reference, which part of how many."""
        return f"{self.number}.{self.reference}.{self.which}of{self.of}"


class SmscCounterpart:
    """`scripts` are by telephone number, in any form; `default` is what all others play.

    Answers are taken one by one for each submit_sm of a message (a message: number and user_message_reference).
    `password`: what a bind must give; None: anything. Raises ScriptError for words that SMPP cannot say.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        scripts: Mapping[str, Script] = MappingProxyType({}),
        default: Script = Script(),  # noqa: B008 - frozen
        port: int = 0,
        host: str = "127.0.0.1",
        password: str | None = None,
    ) -> None:
        self.port, self.log = port, list[LogEntry]()
        self.bound = asyncio.Event()
        """Set while somebody is bound who may be told of receipts."""
        self._clock, self._host, self._password = clock, host, password
        self._scripts: dict[str, Script] = {}
        self._default = _playable(default)
        for number, script in scripts.items():
            self.play(number, script)
        self._calls: Counter[tuple[str, str]] = Counter()
        self._reports: list[_Report] = []
        self._parts: dict[tuple[str, str, int], dict[int, _Part]] = defaultdict(dict)
        self._links: list[_Link] = []
        self._news, self._reporting = asyncio.Event(), asyncio.Lock()
        self._server: asyncio.Server | None = None
        self._reporter: asyncio.Task[None] | None = None

    def play(self, number: str, script: Script) -> None:
        """Give a number its script. Raises ScriptError."""
        self._scripts[plain(number)] = _playable(script)

    async def start(self) -> None:
        """Listen; after a stop, on the same port again and knowing what it knew. Raises OSError for a taken port."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._reporter = asyncio.create_task(self._report_in_time())

    async def stop(self) -> None:
        """Break all connections and refuse new ones."""
        if self._server is None or self._reporter is None:
            return
        self._server.close()
        self._reporter.cancel()
        links = [*self._links]
        for link in links:
            link.drop()
        await asyncio.gather(self._reporter, *(link.finished() for link in links), return_exceptions=True)
        self._server = self._reporter = None

    def next_due(self) -> datetime | None:
        """Domain time of the earliest happening still to be told."""
        return min((report.due_at for report in self._reports), default=None)

    async def advance(self) -> None:
        """Tell all that is due. What is not acknowledged with status 0 is kept, and told again."""
        await self._tell([*self._reports])

    def texts(self, number: str) -> tuple[str, ...]:
        """What the telephone shows: the messages of which all parts have been taken, oldest first."""
        whole = [parts for key, parts in self._parts.items() if key[0] == plain(number)]
        whole = [parts for parts in whole if len(parts) == next(iter(parts.values())).of]
        return tuple(b"".join(parts[n].octets for n in sorted(parts)).decode("utf-16-be", "replace") for parts in whole)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(reader, writer)
        self._links.append(link)
        try:
            while True:
                await self._take(link, await _read_pdu(reader))
        except (OSError, EOFError, ValueError, smpp34.SmppError):
            pass  # whoever speaks no SMPP is hung up on
        finally:
            self._links.remove(link)
            self._note_bound()
            link.drop()
            link.over.set()

    async def _take(self, link: _Link, pdu: bytes) -> None:
        command, status, sequence = struct.unpack_from(">III", pdu, 4)
        if command & RESPONSE:
            link.answered(sequence, status)
        elif command in (BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER):
            self._bind(link, command, sequence, pdu[16:])
        elif command == SUBMIT_SM and link.may_submit:
            submit = _submit_sm(pdu)
            link.work(self._submitted(link, sequence, submit, _Part.of_submit(submit)))
        elif command in (ENQUIRE_LINK, UNBIND):
            link.write(_pack(RESPONSE | command, sequence))
        elif command == SUBMIT_SM:
            link.write(_pack(RESPONSE | command, sequence, status=STATUSES["ESME_RINVBNDSTS"]))
        else:
            link.write(_pack(GENERIC_NACK, sequence, status=STATUSES["ESME_RINVCMDID"]))
        if command == UNBIND:
            raise EOFError

    def _bind(self, link: _Link, command: int, sequence: int, body: bytes) -> None:
        password = body.split(b"\0", 2)[1].decode("latin-1") if body.count(b"\0") > 1 else ""
        if self._password is not None and password != self._password:
            link.write(_pack(RESPONSE | command, sequence, b"\0", STATUSES["ESME_RINVPASWD"]))
            return
        link.may_submit, link.may_hear = command != BIND_RECEIVER, command != BIND_TRANSMITTER
        link.write(_pack(RESPONSE | command, sequence, b"songda\0"))
        self._note_bound()
        self._news.set()

    def _note_bound(self) -> None:
        if any(link.may_hear for link in self._links):
            self.bound.set()
        else:
            self.bound.clear()

    async def _submitted(self, link: _Link, sequence: int, submit: smpp34.SubmitSm, part: _Part) -> None:
        self._calls[part.number, part.reference] += 1
        script = self._scripts.get(part.number, self._default)
        said = script.answer(self._calls[part.number, part.reference])
        taken = said.kind in ("taken", "lost")
        self.log.append(LogEntry(part.name, self._clock.now(), "taken" if taken else said.kind))
        message_id = self._take_in(script, submit, part) if taken else ""
        if said.kind in ("lost", "lost_before"):
            link.drop()
        elif taken:
            at_once = [each for each in self._reports if each.message_id == message_id and each.due_at <= each.taken_at]
            if at_once:
                await self._tell(at_once)
            link.write(_pack(RESPONSE | SUBMIT_SM, sequence, message_id.encode() + b"\0"))
        else:
            link.write(_pack(RESPONSE | SUBMIT_SM, sequence, status=_status(said)))

    def _take_in(self, script: Script, submit: smpp34.SubmitSm, part: _Part) -> str:
        """A receipt of no delay is told before the answer: SMSCs do so, and senders have to bear it."""
        message_id, now = self._clock.new_id(), self._clock.now()
        self._parts[part.number, part.reference, part.joining][part.which] = part
        for event in script.happenings if submit.registered_delivery & 0x03 else ():
            when = (now, now + event.reported_after, now + event.after)
            self._reports.append(_Report(*when, event.what, event.argument, event.times, message_id, submit))
        self._news.set()
        return message_id

    async def _report_in_time(self) -> None:
        while True:
            self._news.clear()
            await self.advance()
            due = self.next_due()
            left = None if due is None else (due - self._clock.now()).total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if left is None or left > 0 else RETRY_AFTER):
                    await self._news.wait()

    async def _tell(self, reports: Iterable[_Report]) -> None:
        async with self._reporting:
            now = self._clock.now()
            due = sorted((each for each in reports if each.due_at <= now and each.times), key=lambda each: each.due_at)
            for some in (due[start : start + AT_ONCE] for start in range(0, len(due), AT_ONCE)):
                await asyncio.gather(*(self._tell_one(report) for report in some))
            self._reports = [report for report in self._reports if report.times]

    async def _tell_one(self, report: _Report) -> None:
        while report.times:
            link = next((link for link in reversed(self._links) if link.may_hear), None)
            if link is None or await link.ask(report.frame) != 0:
                return
            report.times -= 1


@dataclass(slots=True)
class _Link:
    """One connection of a client, and what has been asked on it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    may_submit: bool = False
    may_hear: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _sequence: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _asked: dict[int, asyncio.Future[int]] = field(default_factory=dict)
    _working: set[asyncio.Task[None]] = field(default_factory=set)

    def write(self, pdu: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(pdu)

    async def ask(self, frame: Callable[[int], bytes]) -> int | None:
        """The status that is answered; None when no answer comes."""
        sequence = next(self._sequence)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked[sequence] = answer
        self.write(frame(sequence))
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._asked[sequence]

    def answered(self, sequence: int, status: int) -> None:
        answer = self._asked.get(sequence)
        if answer is not None and not answer.done():
            answer.set_result(status)

    def work(self, doing: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(doing)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def finished(self) -> None:
        await asyncio.gather(self.over.wait(), *self._working)

    def drop(self) -> None:
        """At once, without a farewell, as a line breaks."""
        self.may_submit = self.may_hear = False
        self.writer.transport.abort()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(TimeoutError())


def _submit_sm(pdu: bytes) -> smpp34.SubmitSm:
    submit = smpp34.decode(pdu)
    if isinstance(submit, smpp34.SubmitSm):
        return submit
    raise ValueError("not a submit_sm")


def plain(number: str) -> str:
    """A number as the scripts know it: without the country's 86, leading zeros and signs."""
    digits = re.sub(r"[^0-9]", "", number)
    return (digits.removeprefix("86") if len(digits) > 11 else digits).lstrip("0")


def _playable(script: Script) -> Script:
    faults = [
        f"SMPP has no word for {happening.what} {happening.argument or ''}".strip()
        for happening in script.happenings
        if (happening.what, happening.argument) not in STATES and happening.what != "replied"
    ]
    faults += [f"{answer.code} is no SMPP status" for answer in script.answers if not _known(answer)]
    if faults:
        raise ScriptError(faults)
    return script


def _known(answer: ScriptedAnswer) -> bool:
    return (
        answer.code is None or answer.code in STATUSES or re.fullmatch(r"0x[0-9A-Fa-f]{1,8}", answer.code) is not None
    )


def _status(answer: ScriptedAnswer) -> int:
    code = answer.code or ("ESME_RTHROTTLED" if answer.kind == "later" else "ESME_RINVDSTADR")
    return STATUSES[code] if code in STATUSES else int(code, 16)


def _pack(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


async def _read_pdu(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    length = int.from_bytes(head, "big")
    if not 16 <= length <= PDU_LIMIT:
        raise ValueError("not the length of a PDU")
    return head + await reader.readexactly(length - 4)
