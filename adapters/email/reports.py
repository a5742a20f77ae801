"""Mail that comes back, as data: delivery reports (RFC 3464), read safely. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import TypeAlias

Mail: TypeAlias = "Message[str, str]"
MAX_PARSED = 256 * 1024
"""Bytes of a report that are parsed: its machine-readable part stands before what it quotes."""
MAX_MULTIPARTS = 20
MAX_RECIPIENTS = 20
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)")

ACTIONS: Mapping[str, tuple[str | None, str]] = {
    "delivered": ("arrived", "2"),
    "relayed": ("gateway_accepted", "2"),
    "expanded": ("gateway_accepted", "2"),
    "delayed": (None, "4"),
    "failed": ("bounced", "45"),
}
"""RFC 3464 §2.3.3: the fact that an action means, and the status classes that agree with it."""

REASONS: Mapping[str, str] = {
    **dict.fromkeys(("1", "2.1", "4.4"), "mailbox_unknown"),  # the address, the mailbox, the host is not there
    **dict.fromkeys(("1.7", "1.8", "1.9"), "blocked"),  # subject 1 as well, but about the sender's address
    "2.2": "mailbox_full",
}
"""RFC 3463 subject.detail, then subject alone; all else (policy, routing, protocol, time run out) was `blocked`."""


@dataclass(frozen=True, slots=True)
class Report:
    """What matters of a report: about the message, about each recipient, and the headers of our own mail."""

    message: Mail
    recipients: tuple[Mail, ...]
    original: Mail
    date: str

    @classmethod
    def of(cls, mail: Mail) -> Report | None:
        """None when the mail is no delivery report (RFC 3464 §2), or one without a word about a recipient."""
        parts = parts_of(mail) if mail.get_content_type() == "multipart/report" else []
        blocks = next((parts_of(part) for part in parts if part.get_content_type() == "message/delivery-status"), [])
        message, *recipients = [block for block in blocks if block.keys()] or [mail]
        recipients = recipients[:MAX_RECIPIENTS]  # we write to one; an alias may have made some more of it
        return cls(message, tuple(recipients), original(parts[-1]), header(mail, "Date")) if recipients else None


def parsed(body: bytes) -> Mail:
    """Raises ValueError when it is built to keep a parser busy."""
    # RFC 6533 §6: the same report under another name, which Python's parser does not know.
    head = body[:MAX_PARSED].replace(b"message/global-delivery-status", b"message/delivery-status")
    if head.lower().count(b"multipart") > MAX_MULTIPARTS:
        raise ValueError("a mail of too many parts")
    try:
        return message_from_bytes(head)
    except RecursionError as fault:
        raise ValueError("a mail nested too deep") from fault


def parts_of(mail: Mail) -> list[Mail]:
    payload = mail.get_payload()
    return [part for part in payload if isinstance(part, Message)] if isinstance(payload, list) else []


def original(part: Mail) -> Mail:
    """The headers of the message reported on: text/rfc822-headers, or the whole of it."""
    whole, payload = parts_of(part), part.get_payload()
    return whole[0] if whole else message_from_string(payload if isinstance(payload, str) else "")


def header(mail: Mail, name: str) -> str:
    """One line of printable text."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(mail.get(name, ""))).split())


def status_of(said: Mail) -> str:
    """RFC 3464 §2.3.4 allows a comment after the code."""
    found = ENHANCED.match(header(said, "Status"))
    return found[0] if found else ""


def reason_of(status: str) -> str:
    subject, detail = status.split(".")[1:] if status else ("", "")
    return REASONS.get(f"{subject}.{detail}") or REASONS.get(subject, "blocked")


def moment(date: str, received_at: datetime) -> datetime:
    """A date of RFC 5322, never later than when we learnt it; without one, that."""
    try:
        moment = parsedate_to_datetime(date)
        return min(moment if moment.tzinfo else moment.replace(tzinfo=UTC), received_at)
    except (ValueError, TypeError, OverflowError):
        return received_at
