"""E-mail over SMTP, with delivery status notifications (RFC 3461, RFC 3464) as receipts.

Which attempt a report is about is told three times in what we send: as ENVID (the attempt id), in the envelope sender
to which it comes back (VERP), and in our Message-ID, which reports quote. ENVID alone proves nothing, since anybody
can write one. VERP sender and Message-ID carry a *token*: the attempt's reference and a keyed tag over it (HMAC-SHA256,
80 bits). Without a token of ours a report is not read, and one whose ENVID names another attempt than its token goes to
a person. So a stranger cannot forge a report, and the holder of one token cannot forge one for another attempt. Who was
sent the mail sees its token, and could forge a bounce of it: that only brings the documents by another channel.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from email import policy
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from importlib.resources import files
from string import Template
from typing import Literal
from urllib.parse import urljoin

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from adapters.email.door import Door, open_in_turn
from adapters.email.reports import ACTIONS, ENHANCED, Mail, Report, header, moment, parsed, reason_of, status_of
from delivery.core.model import Fact, Receipt
from delivery.core.ports import Answer, Clock, Consignment, Enclosure, Later, RawReceipt, Refused, Sink, Taken, Unknown

MAX_LOCAL_PART = 64  # RFC 5321 §4.5.3.1.1
MAX_ENVID = 100  # RFC 3461 §4.4
MAX_WORDS = 300
TAG_CHARACTERS = 16
_PLAIN = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?=[a-z0-9_-]))*")
_DAEMON = re.compile(r"mailer-daemon|postmaster", re.IGNORECASE)
_MESSAGE_ID = re.compile(r"<([^<>@\s]{1,200})@[^<>@\s]{1,255}>")

OURS_TO_MEND = frozenset({530, 534, 535, 538})  # RFC 4954 §6: our login, not the recipient's address


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """`bounces` is the mailbox that reports come back to. Its mail must reach `listen_host:listen_port`, by way of the
    court's own mail server where that one faces the world. `secret` keys the tokens. Sizes are in bytes, the time-out
    of each step in seconds, and so is `pause`: how often a port that another worker holds is tried.
    """

    host: str
    port: int = 25
    security: Literal["none", "starttls", "tls"] = "starttls"
    ca_file: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str
    bounces: str
    secret: str = field(repr=False)
    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    timeout: float = 30.0
    pause: float = 5.0
    hotline: str = "12368"
    attach_up_to: int = 10_000_000
    report_up_to: int = 20_000_000
    rehearsal: bool = False

    def __post_init__(self) -> None:
        user, _, domain = self.bounces.rpartition("@")
        room = MAX_LOCAL_PART - len("+_.") - len(_digest("")) - TAG_CHARACTERS
        if not domain or not user.isascii() or not 1 <= len(user) <= room:
            raise ValueError(f"bounces: an e-mail address with at most {room} characters before the @")
        if len(self.secret) < 16:
            raise ValueError("secret: at least 16 characters, made by chance")


class EmailChannel:
    """One mail server that takes our messages, and our own door for its reports."""

    name = "email"
    carries_documents = True
    can_inquire = False

    def __init__(self, settings: EmailSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._tls = None if settings.security == "none" else ssl.create_default_context(cafile=settings.ca_file)
        self._user, _, self._domain = settings.bounces.rpartition("@")
        self._bound = asyncio.Event()
        self._port = settings.listen_port

    async def send(self, consignment: Consignment) -> Answer:
        try:
            to = _mailbox(str(consignment.address.value))
        except ValueError:
            return Refused(code="5.1.3", words="not an e-mail address")
        client = self._client()
        try:
            mail = self._message(consignment, to)
            return (
                await self._open(client)
                or await self._envelope(client, consignment.attempt, to.addr_spec, len(mail))
                or await self._content(client, consignment.attempt, mail)
            )
        finally:
            client.close()

    async def inquire(self, consignment: Consignment) -> Answer:
        return Unknown(words="SMTP cannot be asked")

    async def cancel(self, consignment: Consignment, reference: str | None) -> Answer:
        return Refused(code="not_possible", words="an e-mail cannot be taken back")

    async def close(self) -> None:
        """Nothing stays open between calls; `listen` ends when cancelled."""

    # What we send.

    def _client(self) -> aiosmtplib.SMTP:
        chosen = self._settings
        return aiosmtplib.SMTP(
            hostname=chosen.host,
            port=chosen.port,
            username=chosen.username,
            password=chosen.password,
            local_hostname=self._domain,
            timeout=chosen.timeout,
            use_tls=chosen.security == "tls",
            start_tls=chosen.security == "starttls",
            tls_context=self._tls,
        )

    async def _open(self, client: aiosmtplib.SMTP) -> Answer | None:
        """Up to the login nothing has been said about this message: whatever goes wrong, it was not taken."""
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await client.ehlo()
        except (SMTPException, OSError) as fault:
            return _later(fault)
        return None

    async def _envelope(self, client: aiosmtplib.SMTP, attempt: str, to: str, size: int) -> Answer | None:
        """Until DATA nothing is taken, so a broken connection is a plain `Later`."""
        encoding = "ascii" if to.isascii() else "utf-8"
        if not to.isascii() and not client.supports_extension("smtputf8"):
            return Refused(code="5.6.7", words="the mail server knows no addresses beyond ASCII")
        mail_options, rcpt_options = self._options(client, attempt, to, size)
        try:
            await client.mail(self._bounces(attempt), options=mail_options, encoding=encoding)
            await client.rcpt(to, options=rcpt_options, encoding=encoding)
        except (SMTPException, OSError) as fault:
            return _answered(fault) or _later(fault)
        return None

    def _options(self, client: aiosmtplib.SMTP, attempt: str, to: str, size: int) -> tuple[list[str], list[str]]:
        """What stands after MAIL FROM and RCPT TO. A server that does not announce DSN refuses its words."""
        mail = [f"SIZE={size}"] if client.supports_extension("size") else []
        rcpt: list[str] = []
        if client.supports_extension("dsn"):
            mail += ["RET=HDRS", f"ENVID={_xtext(self._envid(attempt))}"]
            rcpt += ["NOTIFY=SUCCESS,FAILURE,DELAY"]
        if not to.isascii():
            mail += ["SMTPUTF8"]
        elif rcpt:  # beyond ASCII, ORCPT needs the address type of RFC 6533 §3, which few servers know
            rcpt += [f"ORCPT=rfc822;{_xtext(to)}"]
        return mail, rcpt

    async def _content(self, client: aiosmtplib.SMTP, attempt: str, mail: bytes) -> Answer:
        try:
            reply = await client.data(mail)
        except (SMTPException, OSError) as fault:
            # Without a clear no, the server may have had it all, and only its 250 went missing (RFC 1047).
            return _answered(fault) or Unknown(words=type(fault).__name__)
        silent = "" if client.supports_extension("dsn") else " (this server offers no delivery notices)"
        with suppress(SMTPException, OSError):
            await client.quit(timeout=1)
        return Taken(references=(self._reference(attempt),), words=reply.message[:MAX_WORDS] + silent)

    def _message(self, consignment: Consignment, to: Mailbox) -> bytes:
        size = sum(len(enclosure.content) for enclosure in consignment.enclosures)
        attached = consignment.attach and 0 < size <= self._settings.attach_up_to
        message = EmailMessage(policy=policy.SMTP if to.addr_spec.isascii() else policy.SMTPUTF8)
        message["From"] = Mailbox(display_name=consignment.court_name, addr_spec=self._settings.sender)
        message["To"] = to
        message["Subject"] = subject = self._subject(consignment)
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = f"<{self._token(consignment.attempt)}@{self._domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 §5: no out-of-office answers, please
        notices = [*self._notices(consignment, attached=attached)]
        text, html = _bodies(self._words(consignment), notices, subject)
        message.set_content(text, cte="base64")
        message.add_alternative(html, subtype="html", cte="base64")
        for enclosure in consignment.enclosures if attached else ():
            message.add_attachment(enclosure.content, "application", "pdf", filename=_filename(enclosure))
        message["Content-Language"] = "zh-CN, en"  # last: adding a part moves the Content-* headers into the first one
        return message.as_bytes()

    def _subject(self, consignment: Consignment) -> str:
        marks = ["【演练 Rehearsal】"] * self._settings.rehearsal + ["【提醒 Reminder】"] * consignment.reminder
        return f"{''.join(marks)}{consignment.court_name}：您有诉讼文书待查阅 · Court documents for you"

    def _notices(self, consignment: Consignment, *, attached: bool) -> Iterator[str]:
        if self._settings.rehearsal:
            yield "演练邮件：内容均为虚构，没有法律效力。 A rehearsal: all content is invented and has no legal effect."
        if consignment.reminder:
            yield "本邮件是提醒，此前已向您发送过。 A reminder of a message that you were sent before."
        if attached:
            yield "本邮件附有加盖电子签章的文书（PDF）。 The sealed documents (PDF) are attached."

    def _words(self, consignment: Consignment) -> dict[str, str]:
        """The court, the code, the way in: no names, no cause, no amounts, since a mail passes many eyes."""
        if consignment.link is None:
            raise ValueError("an e-mail carries a link")
        words = {"court": consignment.court_name, "code": consignment.check_code, "link": consignment.link}
        return words | {"site": urljoin(consignment.link, "/"), "hotline": self._settings.hotline}

    # How an attempt is named on the wire.

    def _reference(self, attempt: str) -> str:
        """The attempt's name in a local part: itself where it fits and has no case to lose, else its digest."""
        room = MAX_LOCAL_PART - len(self._user) - len("+.") - TAG_CHARACTERS
        return attempt if len(attempt) <= room and _PLAIN.fullmatch(attempt) else _digest(attempt)

    def _token(self, attempt: str) -> str:
        return f"{self._reference(attempt)}.{self._tag(self._reference(attempt))}"

    def _tag(self, reference: str) -> str:
        mac = hmac.digest(self._settings.secret.encode(), b"songda:email:" + reference.encode(), "sha256")
        return _base32(mac[: TAG_CHARACTERS * 5 // 8])

    def _bounces(self, attempt: str) -> str:
        return f"{self._user}+{self._token(attempt)}@{self._domain}"

    def _envid(self, attempt: str) -> str:
        return attempt if len(attempt) <= MAX_ENVID and attempt.isascii() else self._reference(attempt)

    def _genuine(self, token: str) -> str | None:
        """The reference in a token that we made, else None."""
        reference, _, tag = token.lower().rpartition(".")
        return reference if hmac.compare_digest(tag.encode(), self._tag(reference).encode()) else None

    def _of_mailbox(self, mailbox: str) -> str | None:
        """The reference in an address that we gave out for reports, else None."""
        local, _, domain = mailbox.rpartition("@")
        user, _, token = local.partition("+")
        ours = (user.lower(), domain.lower()) == (self._user.lower(), self._domain.lower())
        return self._genuine(token) if ours else None

    # What comes back.

    async def listen(self, sink: Sink) -> None:
        """Takes mail for the VERP addresses, and for the bare mailbox, to which some programs answer.

        Of several workers on one host one listens; the others wait until it is gone. Raises OSError (EADDRINUSE) for a
        port that another program holds.
        """
        chosen = self._settings
        door = Door(sink, self, self._clock, chosen.report_up_to)
        probe = self._bounces("probe")
        server = await open_in_turn(door, chosen.listen_host, chosen.listen_port, probe, chosen.pause)
        self._port = server.sockets[0].getsockname()[1]
        self._bound.set()
        try:
            await server.serve_forever()
        finally:
            self._bound.clear()
            door.close()

    async def listening_port(self) -> int:
        """The TCP port of `listen`, once it listens."""
        await self._bound.wait()
        return self._port

    def welcomes(self, mailbox: str) -> bool:
        """Whether mail for this address is ours to take."""
        return mailbox.lower() == self._settings.bounces.lower() or self._of_mailbox(mailbox) is not None

    def read(self, raw: RawReceipt) -> tuple[Receipt, ...]:
        """`raw.meta` has the `recipient` of the envelope. Raises ValueError when no token of ours is in it."""
        mail = parsed(raw.body)
        report = Report.of(mail)
        reference = self._which(mail, report, raw.meta.get("recipient", ""))
        if reference is None:
            raise ValueError("a mail without a token of ours")
        key = f"{reference} {header(mail, 'Message-ID')[:200] or hashlib.sha256(raw.body).hexdigest()}"
        if report is None:
            return (self._other(mail, reference, key, raw.received_at),)
        return tuple(
            self._receipt(report, number, reference, f"{key} {number}", raw.received_at)
            for number in range(len(report.recipients))
        )

    def _which(self, mail: Mail, report: Report | None, recipient: str) -> str | None:
        quoted = f"{header(mail, 'In-Reply-To')} {header(mail, 'References')}"
        if report is not None:
            quoted = f"{header(report.original, 'Message-ID')} {quoted}"
        tokens = (found[1] for found in _MESSAGE_ID.finditer(quoted))
        return next(filter(None, (self._of_mailbox(recipient), *map(self._genuine, tokens))), None)

    def _receipt(self, report: Report, number: int, reference: str, key: str, received_at: datetime) -> Receipt:
        said = report.recipients[number]
        action, status = header(said, "Action").lower(), status_of(said)
        kind, classes = ACTIONS.get(action, (None, ""))
        named = header(report.message, "Original-Envelope-Id")
        doubt = None if status and status[0] in classes else "action and status of the report do not agree"
        if named and reference not in (named, self._reference(named)):
            doubt = "the report names another attempt than the address it came to"
        at = moment(header(said, "Last-Attempt-Date") or report.date, received_at)
        reason = reason_of(status) if kind == "bounced" else None
        return Receipt(
            channel=self.name,
            key=key,
            at=at,
            code=f"{action} {status}".strip()[:40],
            words=header(said, "Diagnostic-Code")[:MAX_WORDS],
            attempt=self._attempt(reference, named),
            reference=reference,
            fact=Fact(kind=kind, at=at, key=key, reason=reason) if kind and doubt is None else None,
            unclear=doubt,
        )

    def _attempt(self, reference: str, envid: str) -> str | None:
        if envid and self._reference(envid) == reference:
            return envid
        return None if reference.startswith("_") else reference

    def _other(self, mail: Mail, reference: str, key: str, received_at: datetime) -> Receipt:
        """Out of office (RFC 3834 §5), an answer by hand, a bounce in prose: nothing that a machine may count."""
        # Mail systems mark a bounce as an automatic reply too; one that we cannot read must not pass for a holiday.
        daemon = mail.get_content_type() == "multipart/report" or _DAEMON.search(header(mail, "From")) is not None
        automatic = not daemon and header(mail, "Auto-Submitted").lower().startswith("auto-replied")
        return Receipt(
            channel=self.name,
            key=key,
            at=moment(header(mail, "Date"), received_at),
            code="auto_reply" if automatic else "mail",
            words=header(mail, "Subject")[:MAX_WORDS],
            attempt=self._attempt(reference, ""),
            reference=reference,
            unclear=None if automatic else "a mail that is no delivery report: a person has to read it",
        )


def _answered(fault: Exception) -> Answer | None:
    """What a clear no means; None when there was none."""
    if not isinstance(fault, SMTPResponseException):
        return None
    if 400 <= fault.code < 500 or fault.code in OURS_TO_MEND:
        return _later(fault)
    return Refused(code=_code(fault), words=fault.message[:MAX_WORDS]) if 500 <= fault.code < 600 else None


def _later(fault: Exception) -> Later:
    if isinstance(fault, SMTPResponseException):
        return Later(code=_code(fault), words=fault.message[:MAX_WORDS])
    return Later(code="away", words=type(fault).__name__)


def _code(fault: SMTPResponseException) -> str:
    """The enhanced status (RFC 2034) where the reply has one, else the three digits."""
    found = ENHANCED.match(fault.message)
    return found[0] if found else str(fault.code)


def _mailbox(value: str) -> Mailbox:
    """The domain in ASCII, so that a Chinese domain alone asks no SMTPUTF8 of the server. Raises ValueError."""
    local, _, domain = value.strip().rpartition("@")
    if not local or not domain or not local.isprintable() or set(local) & set(' <>()[]\\,;:"@'):
        raise ValueError("not an e-mail address")
    return Mailbox(username=local, domain=domain.encode("idna").decode("ascii"))


def _xtext(text: str) -> str:
    """RFC 3461 §4."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text)


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode("ascii").rstrip("=").lower()


def _digest(attempt: str) -> str:
    """24 characters, marked so that it is never taken for an attempt id."""
    return "_" + _base32(hashlib.sha256(attempt.encode()).digest()[:15])


def _bodies(words: Mapping[str, str], notices: list[str], subject: str) -> tuple[str, str]:
    """The same message as plain text and as HTML."""
    style = "margin:0 0 16px;padding:10px 14px;background:#f7f1e1;font-size:14px;"
    boxes = "".join(f'<p style="{style}">{escape(notice)}</p>' for notice in notices)
    safe = {name: escape(value) for name, value in words.items()}
    text = _template("email.txt").substitute(words, notices="".join(f"{notice}\n\n" for notice in notices))
    return text, _template("email.html").substitute(safe, notices=boxes, subject=escape(subject))


def _template(name: str) -> Template:
    return Template(files("adapters").joinpath("templates", name).read_text(encoding="utf-8"))


def _filename(enclosure: Enclosure) -> str:
    kept = "".join(c for c in enclosure.title if c.isprintable() and c not in '/\\:*?"<>|')[:60].strip(". ")
    return f"{kept or enclosure.id}.pdf"
