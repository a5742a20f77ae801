"""A mail server to rehearse with: takes mail by script, and reports with DSNs of its own writing (RFC 3461, RFC 3464).

aiosmtpd speaks SMTP but knows no DSN: it does not announce it, refuses its parameters, and hands parameters on in
capitals. So the raw arguments of MAIL and RCPT are read here, and what is left of them goes on to aiosmtpd.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from weakref import WeakSet

import aiosmtplib
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from aiosmtplib import SMTPException

from adapters.simulated import Happening, LogEntry, Script, ScriptedAnswer, ScriptError
from delivery.core.ports import Clock

# aiosmtpd writes every command line, and so every address, to this log at level INFO.
logging.getLogger("mail.log").setLevel(logging.ERROR)

NAME = "mx.rehearsal.invalid"
SIZE = 30_000_000
RETRY = 5.0
"""Seconds of machine time between tries to hand over a report, where nobody calls `advance`."""

PARAMETERS = frozenset({"RET", "ENVID", "NOTIFY", "ORCPT"})
_ARGUMENT = re.compile(r"(?P<path>[A-Za-z]+:\s*<[^<>]*>)(?P<parameters>.*)", re.DOTALL)
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")
_CODE = re.compile(r"[45]\d\d|[45]\.\d{1,3}\.\d{1,3}")

NOES: Mapping[str, str] = {"refused": "550 5.1.1", "later": "451 4.3.0"}
"""What is answered to RCPT where the script names no code."""

SAID: Mapping[str, tuple[str, str, str]] = {
    "arrived": ("delivered", "2.0.0", "SUCCESS"),
    "relayed": ("relayed", "2.0.0", "SUCCESS"),
    "delayed": ("delayed", "4.4.7", "DELAY"),
    "bounced:mailbox_unknown": ("failed", "5.1.1", "FAILURE"),
    "bounced:mailbox_full": ("failed", "5.2.2", "FAILURE"),
    "bounced:blocked": ("failed", "5.7.1", "FAILURE"),
}
"""What SMTP can say of a script's happenings: action, status, and the NOTIFY word under which it is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Notice:
    """What the sender wants to hear (RFC 3461), for the message and for the recipient; decoded."""

    envid: str | None = None
    full: bool = False
    notify: frozenset[str] = frozenset()
    orcpt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """What became of a message: it `arrived` here, it `happened` to it, and we have `told` its sender."""

    action: str
    status: str
    address: str
    sender: str
    notice: _Notice
    content: bytes
    arrived: datetime
    happened: datetime
    told: datetime


@dataclass(frozen=True, slots=True)
class _Due:
    at: datetime
    to: str
    report: bytes
    times: int


class SmtpCounterpart:
    """Takes mail on `port`, and sends its reports to `reports_to` (host and port), where the court listens for them.

    `dsn`: whether DSN is announced. `tls` with `implicit` is TLS from the first byte, without it STARTTLS; `login` is
    the one user with the password that is let in. An address without a script plays `default`. What was taken lies in
    `mailboxes`, by address, for whoever plays the recipient.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        scripts: Mapping[str, Script],
        default: Script,
        port: int = 0,
        host: str = "127.0.0.1",
        reports_to: tuple[str, int],
        dsn: bool = True,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        for script in (*scripts.values(), default):
            _check(script)
        self.log: list[LogEntry] = []
        self.mailboxes: dict[str, list[bytes]] = {}
        self.host, self.port = host, port
        self.dsn, self.login = dsn, login
        self._tls, self._implicit = tls, implicit
        self._clock = clock
        self._scripts, self._default = {address.lower(): script for address, script in scripts.items()}, default
        self._reports_to = reports_to
        self._calls: dict[str, int] = {}
        self._due: list[_Due] = []
        self._news = asyncio.Event()
        self._reporting = asyncio.Lock()
        self._callers: WeakSet[_Conversation] = WeakSet()
        self._server: asyncio.Server | None = None
        self._reporter: asyncio.Task[None] | None = None
        self._gone = False

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._gone = False
        self._server = await loop.create_server(
            self._conversation, self.host, self.port, ssl=self._tls if self._implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._reporter = loop.create_task(self._report_in_time())

    async def stop(self) -> None:
        """Gone, with all connections; what was still to be reported is kept for the next `start`, on the same port."""
        self._gone = True
        self._news.set()
        if self._reporter is not None:
            self._reporter.cancel()  # asyncio.wait_for of 3.11 may swallow this: hence the two lines above
            with suppress(asyncio.CancelledError):
                await self._reporter
        if self._server is not None:
            self._server.close()
            for caller in [*self._callers]:
                caller.drop()
            await self._server.wait_closed()

    def play(self, address: str, script: Script) -> None:
        """From now on, this address plays that script. Raises ScriptError when SMTP has no words for it."""
        _check(script)
        self._scripts[address.lower()] = script

    def next_due(self) -> datetime | None:
        """The instant of the earliest report still to be handed over, by the domain clock."""
        return min((due.at for due in self._due), default=None)

    async def advance(self) -> None:
        """Hand over every report that is due, in order; what the other side does not take is kept."""
        async with self._reporting:
            now = self._clock.now()
            for due in sorted((due for due in self._due if due.at <= now), key=lambda due: due.at):
                if not await self._handed_over(due):
                    return
                self._due.remove(due)

    async def _report_in_time(self) -> None:
        while not self._gone:
            self._news.clear()
            await self.advance()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._news.wait()

    def _pause(self) -> float | None:
        due = self.next_due()
        if due is None:
            return None
        left = (due - self._clock.now()).total_seconds()
        return left if left > 0 else RETRY

    async def _handed_over(self, due: _Due) -> bool:
        host, port = self._reports_to
        try:
            async with aiosmtplib.SMTP(
                hostname=host, port=port, local_hostname=NAME, start_tls=False, timeout=10
            ) as line:
                for _ in range(due.times):
                    await line.mail("")
                    await line.rcpt(due.to)
                    await line.data(due.report)
        except (SMTPException, OSError):
            return False
        return True

    def _conversation(self) -> _Conversation:
        caller = _Conversation(self, None if self._implicit else self._tls)
        self._callers.add(caller)
        return caller

    # What the conversation asks.

    def answer(self, address: str, attempt: str) -> ScriptedAnswer:
        """What this call is answered; counts it."""
        self._calls[attempt] = call = self._calls.get(attempt, 0) + 1
        return self._script(address).answer(call)

    def note(self, attempt: str, what: str) -> None:
        self.log.append(LogEntry(attempt, self._clock.now(), what))

    async def take(self, address: str, attempt: str, sender: str, notice: _Notice, content: bytes) -> None:
        """It is ours now. SMTP knows no repeats: what comes twice is a duplicate, and is reported once."""
        if any(entry.attempt == attempt and entry.what == "taken" for entry in self.log):
            self.note(attempt, "duplicate")
            return
        self.note(attempt, "taken")
        self.mailboxes.setdefault(address.lower(), []).append(content)
        happenings = self._script(address).happenings
        for number, happening in enumerate(happenings):
            self._plan(number, happening, address, sender, notice, content)
        self._news.set()
        if any(not happening.reported_after for happening in happenings):
            await self.advance()  # the report comes before the answer

    def _script(self, address: str) -> Script:
        return self._scripts.get(address.lower(), self._default)

    def _plan(
        self, number: int, happening: Happening, address: str, sender: str, notice: _Notice, content: bytes
    ) -> None:
        action, status, word = SAID[_word(happening)]
        if word not in notice.notify or sender == "<>":
            return
        now = self._clock.now()
        event = _Event(
            action=action,
            status=status,
            address=address,
            sender=sender,
            notice=notice,
            content=content,
            arrived=now,
            happened=now + happening.after,
            told=now + happening.reported_after,
        )
        self._due.append(_Due(event.told, sender, write_report(event, number), happening.times))


class _Conversation(SMTP):
    """One connection, one message at a time, one recipient a message."""

    def __init__(self, house: SmtpCounterpart, tls: ssl.SSLContext | None) -> None:
        self._house = house
        self._notice = _Notice()
        self._answer = ScriptedAnswer("taken")
        super().__init__(
            self,
            hostname=NAME,
            data_size_limit=SIZE,
            enable_SMTPUTF8=True,
            tls_context=tls,
            require_starttls=tls is not None,
            authenticator=self._let_in,
            auth_required=house.login is not None,
            auth_require_tls=tls is not None,
        )

    def drop(self) -> None:
        """Away without a word, as when a cable is pulled."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def _let_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object) -> AuthResult:
        wanted = self._house.login
        known = wanted is not None and given == LoginPassword(wanted[0].encode(), wanted[1].encode())
        return AuthResult(success=known, handled=False)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-ENHANCEDSTATUSCODES", *["250-DSN"] * self._house.dsn, responses[-1]]

    async def handle_exception(self, error: Exception) -> str:
        return "451 4.3.0 Something broke here"

    async def smtp_MAIL(self, arg: str | None) -> None:
        rest, dsn = _split(arg) if self._house.dsn else (arg, {})
        ret, envid = dsn.get("RET", "HDRS").upper(), _from_xtext(dsn.get("ENVID"))
        if not dsn.keys() <= {"RET", "ENVID"} or ret not in ("HDRS", "FULL") or ("ENVID" in dsn and envid is None):
            await self.push("501 5.5.4 Wrong parameter")
            return
        self._notice = _Notice(envid=envid, full=ret == "FULL")
        await super().smtp_MAIL(rest)

    async def smtp_RCPT(self, arg: str | None) -> None:
        rest, dsn = _split(arg) if self._house.dsn else (arg, {})
        notify = frozenset(dsn.get("NOTIFY", "FAILURE,DELAY").upper().split(","))
        kind, _, original = dsn.get("ORCPT", "").partition(";")
        orcpt = _from_xtext(original)
        known = notify <= {"SUCCESS", "FAILURE", "DELAY"} or notify == {"NEVER"}
        if not dsn.keys() <= {"NOTIFY", "ORCPT"} or not known or ("ORCPT" in dsn and orcpt is None):
            await self.push("501 5.5.4 Wrong parameter")
            return
        self._notice = replace(self._notice, notify=notify, orcpt=f"{kind};{orcpt}" if orcpt else None)
        await super().smtp_RCPT(rest)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: list[str]) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        attempt = self._attempt(envelope)
        self._answer = self._house.answer(address, attempt)
        if self._answer.kind in NOES:
            self._house.note(attempt, self._answer.kind)
            return _reply(self._answer)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        attempt, content = self._attempt(envelope), envelope.original_content or b""
        if self._answer.kind == "lost_before":
            self._house.note(attempt, "lost_before")
        else:
            await self._house.take(envelope.rcpt_tos[0], attempt, envelope.mail_from or "<>", self._notice, content)
        if self._answer.kind != "taken":
            self.drop()
            await asyncio.Event().wait()  # until aiosmtpd notices that the connection is gone, and cancels this
        return f"250 2.0.0 Ok: queued as {_short(attempt)}"

    def _attempt(self, envelope: Envelope) -> str:
        """Its name in the log: the sender's envelope id, else the address for its reports."""
        return self._notice.envid or envelope.mail_from or "<>"


def write_report(event: _Event, number: int) -> bytes:
    """A multipart/report of RFC 3464: for people, for machines, and the message it is about or its headers."""
    bound = f"=_{_short(event.sender)}.{number}"
    head = {
        "From": f"Mail Delivery System <MAILER-DAEMON@{NAME}>",
        "To": event.sender,
        "Subject": f"Your message was {event.action}",
        "Date": format_datetime(event.told),
        "Message-ID": f"<{_short(event.sender)}.{number}@{NAME}>",
        "Auto-Submitted": "auto-replied",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/report; report-type=delivery-status; boundary="{bound}"',
    }
    people = f"Your message to\r\n\r\n    {event.address}\r\n\r\nwas {event.action} ({event.status}).\r\n"
    full = event.notice.full
    quoted = event.content if full else event.content.partition(b"\r\n\r\n")[0] + b"\r\n"
    parts = (
        ("text/plain; charset=utf-8", people.encode()),
        ("message/delivery-status", _fields(_about_message(event)) + b"\r\n" + _fields(_about_recipient(event))),
        ("message/rfc822" if full else "text/rfc822-headers", quoted),
    )
    pieces = [f"--{bound}\r\nContent-Type: {kind}\r\n\r\n".encode() + body + b"\r\n" for kind, body in parts]
    return _fields(head) + b"\r\n" + b"".join(pieces) + f"--{bound}--\r\n".encode()


def _about_message(event: _Event) -> dict[str, str]:
    """RFC 3464 §2.2."""
    named = {"Original-Envelope-Id": event.notice.envid} if event.notice.envid else {}
    return named | {"Reporting-MTA": f"dns; {NAME}", "Arrival-Date": format_datetime(event.arrived)}


def _about_recipient(event: _Event) -> dict[str, str]:
    """RFC 3464 §2.3."""
    asked = {"Original-Recipient": event.notice.orcpt} if event.notice.orcpt else {}
    return asked | {
        "Final-Recipient": f"rfc822; {event.address}",
        "Action": event.action,
        "Status": event.status,
        "Diagnostic-Code": f"X-Rehearsal; {event.action}, as the script says",
        "Last-Attempt-Date": format_datetime(event.happened),
    }


def _fields(named: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in named.items()).encode()


def _split(arg: str | None) -> tuple[str | None, dict[str, str]]:
    """The argument of MAIL or RCPT without its DSN parameters, and these as they were written."""
    found = _ARGUMENT.fullmatch(arg or "")
    if found is None:
        return arg, {}
    named = [(word, *word.partition("=")) for word in found["parameters"].split()]
    dsn = {name.upper(): value for _, name, _, value in named if name.upper() in PARAMETERS}
    rest = [word for word, name, _, _ in named if name.upper() not in PARAMETERS]
    return " ".join([found["path"], *rest]), dsn


def _from_xtext(text: str | None) -> str | None:
    """RFC 3461 §4; None when it is not xtext, or hides what does not belong into a line of a report."""
    if text is None or not _XTEXT.fullmatch(text):
        return None
    plain = re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)
    return plain if plain.isascii() and plain.isprintable() else None


def _check(script: Script) -> None:
    """Raises ScriptError for what SMTP cannot say."""
    faults = [f"SMTP has no word for {_word(h)}" for h in script.happenings if _word(h) not in SAID]
    for answer in script.answers:
        if answer.code and not (_CODE.fullmatch(answer.code) and answer.code[0] == NOES[answer.kind][0]):
            faults.append(f"{answer.kind}:{answer.code} is no reply of SMTP")
    if faults:
        raise ScriptError(faults)


def _word(happening: Happening) -> str:
    return f"{happening.what}:{happening.argument}" if happening.argument else happening.what


def _reply(answer: ScriptedAnswer) -> str:
    """Three digits, the enhanced status (RFC 2034), and words."""
    basic, enhanced = NOES[answer.kind].split()
    if answer.code:
        basic, enhanced = (basic, answer.code) if "." in answer.code else (answer.code, f"{answer.code[0]}.0.0")
    return f"{basic} {enhanced} {answer.kind}, as the script says"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
