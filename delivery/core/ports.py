"""Contracts that their users own: what the core and the worker ask of the outside. Adapters and signing implement them.

A channel gives one of four answers to `send` and `inquire`. Three of them are certain; `Unknown` is the third answer
of design.md §5.3: it may have been taken, so nothing new is sent until that is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from delivery.core.model import Address, Receipt, Recipient


class Clock(Protocol):
    """The only source of time and identifiers."""

    def now(self) -> datetime:
        """The instant that facts, seals and tokens carry: aware, in the court's zone (Asia/Shanghai)."""

    def new_id(self) -> str:
        """A fresh identifier: 26 characters, sorted by time of making."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A sealed document as it leaves the house; `sha256` is the digest of `content`. `content` is empty where the
    channel carries none.
    """

    id: str
    type: str
    title: str
    sha256: str
    content: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """What a channel is asked to bring: one attempt.

    `link` is the signed https link of this attempt (None for post), `check_code` the four digits that text and page
    share. `attach` says that the rulebook allows the sealed PDF itself to travel. `tries` counts the calls for this
    attempt id, from 1.
    """

    attempt: str
    delivery: str
    court: str
    court_name: str
    case_number: str
    address: Address
    recipient: Recipient
    enclosures: tuple[Enclosure, ...]
    announced_at: datetime
    link: str | None = None
    check_code: str = ""
    attach: bool = False
    reminder: bool = False
    tries: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Yes: the provider has it. `references` are its own ids for it (message ids of all parts, a waybill number)."""

    references: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No, and never at this address in this form. Nothing was taken."""

    code: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """No, not now. Nothing was taken; the same attempt may be tried again. `after` is the provider's wish, in
    seconds.
    """

    code: str
    words: str = ""
    after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Cannot tell: the answer was lost. It may have been taken.

    `references`: the provider's ids of those parts that it certainly has, so that receipts on them find their attempt.
    """

    words: str = ""
    references: tuple[str, ...] = ()


Answer = Taken | Refused | Later | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class RawReceipt:
    """A provider's message as it came in, before anybody read it. `meta` holds what the transport told beside the
    body.
    """

    channel: str
    body: bytes
    received_at: datetime
    meta: Mapping[str, str]


class Channel(Protocol):
    """One way to reach an address. One provider, one file."""

    name: str
    """The provider's name, as in callbacks and raw receipts: email, smpp, ems, simulated."""

    carries_documents: bool
    """Whether `send` wants the bytes of the enclosures."""

    can_inquire: bool
    """Whether `inquire` can answer. Where it cannot (SMTP, SMPP), the journal waits for a receipt, then asks a clerk.
    """

    async def send(self, consignment: Consignment) -> Answer:
        """Hand it over. Never raises for what the world does: a lost answer is `Unknown`."""

    async def inquire(self, consignment: Consignment) -> Answer:
        """Was this attempt taken? Asked after a crash or a lost answer."""

    async def cancel(self, consignment: Consignment, reference: str | None) -> Answer:
        """Take it back where the channel can (post before collection); else `Refused`."""

    def read(self, raw: RawReceipt) -> tuple[Receipt, ...]:
        """Translate one raw receipt. Pure; raises `ValueError` when it cannot be read: a person then looks at it."""


class Sink(Protocol):
    """Where incoming messages go. When `receive` returns, the receipt is kept, and the provider may be told so."""

    async def receive(self, raw: RawReceipt) -> None: ...


class Listener(Protocol):
    """An adapter that hears its provider without HTTP (a bind, a mailbox)."""

    async def listen(self, sink: Sink) -> None:
        """Runs until cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackReply:
    """`raw` is None when the caller did not prove that it is the provider: 401, nothing stored."""

    raw: RawReceipt | None
    body: bytes = b""
    content_type: str = "application/json"


class Callback(Protocol):
    """How one provider's HTTP callbacks are let in."""

    def accept(self, *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> CallbackReply:
        """Authenticate as that provider does it (constant time); say what to answer once the raw receipt is kept."""


class Timestamper(Protocol):
    """Trusted time (RFC 3161), whoever gives it."""

    async def stamp(self, imprint: bytes) -> bytes:
        """A judged token (DER TimeStampToken) over a SHA-256 of 32 bytes. Raises `OSError` or `TimeoutError` when no
        authority gave one.
        """

    def names(self) -> tuple[str, ...]:
        """The authorities that are asked today, the preferred one first; empty where none is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One report as it goes out: `id` is its identity for ever, `body` the CloudEvent as JSON."""

    id: str
    court: str
    client: str
    body: bytes


class CaseSystem(Protocol):
    """Where reports go: the queue, a webhook."""

    async def publish(self, report: Outgoing) -> None:
        """Returns when the other side has confirmed it. Raises `OSError` or `TimeoutError` when it has not."""


class Submissions(Protocol):
    """What a queue adapter hands its messages to. When `submit_message` returns, the message may be acknowledged."""

    async def submit_message(self, court: str, body: bytes) -> tuple[bytes, ...]:
        """Keep or refuse one CloudEvent; returns the messages for the `rejected` subject (none where it was readable
        and kept).
        """


class RevocationFetcher(Protocol):
    """Whoever asks the issuers of certificates whether these are still alive."""

    async def fetch(self, certificate: bytes, issuer: bytes) -> tuple[str, bytes] | None:
        """For the background. `certificate`, `issuer`: DER. What is shown now: `crl` or `ocsp`, and the judged DER, or
        None. Never raises for what the world does.
        """
