"""The recipient's link: short tokens that prove themselves, and the pass given after the second factor.

A token is 24 characters, so that court, check code, host and token fit one SMS of 70 characters: an 8-byte link id,
by which the journal finds the attempt, and 10 bytes of HMAC-SHA256 (RFC 2104; truncated as its §5 allows) over link
id, attempt, purpose and expiry. Nothing of it is personal data. Revocation is the journal's: a token is necessary,
never sufficient.

Wherever a key is taken to verify, a sequence of keys is taken too, newest first: old links live on while keys change.
"""

from __future__ import annotations

import base64
import hmac
import re
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

Keys = bytes | Sequence[bytes]

LINK_BYTES = 8
TOKEN_MAC_BYTES = 10
TOKEN_CHARACTERS = 24  # (8 + 10) * 4 / 3: a whole number of base64 groups, so no character carries unused bits
PASS_MAC_BYTES = 16
PASS_CHARACTERS = 32
CLOCK_SKEW = timedelta(minutes=1)
"""How far the clocks of two of our hosts may differ before a pass seems to come from the future."""

_TOKEN = re.compile(rf"[A-Za-z0-9_-]{{{TOKEN_CHARACTERS}}}", re.ASCII)
_PASS = re.compile(rf"[A-Za-z0-9_-]{{{PASS_CHARACTERS}}}", re.ASCII)


def link_id(key: bytes, attempt: str) -> bytes:
    """The 8-byte id of an attempt's link: the same after a crash, so that a repeat sends the same text."""
    return _mac(key, "link", attempt.encode())[:LINK_BYTES]


def make_token(key: bytes, *, link: bytes, attempt: str, purpose: str, expires_at: datetime) -> str:
    """The 24-character token of a link. `expires_at` is aware; whole seconds count."""
    return _text(link + _token_mac(key, link, attempt, purpose, expires_at))


def split_token(token: str) -> tuple[bytes, bytes] | None:
    """Link id and MAC of a token as it came from the outside, or None when it has not the shape of one."""
    if _TOKEN.fullmatch(token) is None:
        return None
    both = base64.urlsafe_b64decode(token)
    return both[:LINK_BYTES], both[LINK_BYTES:]


def token_is_genuine(key: Keys, token: str, *, attempt: str, purpose: str, expires_at: datetime) -> bool:
    """Whether we made `token` for exactly this attempt, purpose and expiry. Does not ask whether it has expired."""
    parts = split_token(token)
    if parts is None:
        return False
    link, mac = parts
    return _any_equal(mac, (_token_mac(one, link, attempt, purpose, expires_at) for one in _each(key)))


def check_code(key: bytes, link: bytes) -> str:
    """Four digits shown both in the text and on the page, for a person to compare."""
    number = int.from_bytes(_mac(key, "check", link)[:8], "big")
    return f"{number % 10_000:04d}"


def make_pass(key: bytes, link: bytes, issued_at: datetime) -> str:
    """The cookie value that says: whoever holds this passed the second factor of `link` at `issued_at` (aware)."""
    moment = _seconds(issued_at)
    return _text(moment + _mac(key, "pass", link, moment)[:PASS_MAC_BYTES])


def pass_is_valid(key: Keys, value: str, link: bytes, now: datetime, max_age: timedelta) -> bool:
    """Whether `value` is our pass for `link`, not older than `max_age` and not from the future."""
    if _PASS.fullmatch(value) is None:
        return False
    both = base64.urlsafe_b64decode(value)
    moment, mac = both[:8], both[8:]
    if not _any_equal(mac, (_mac(one, "pass", link, moment)[:PASS_MAC_BYTES] for one in _each(key))):
        return False
    age = timedelta(seconds=int(now.timestamp()) - int.from_bytes(moment, "big"))
    return -CLOCK_SKEW <= age <= max_age


def _token_mac(key: bytes, link: bytes, attempt: str, purpose: str, expires_at: datetime) -> bytes:
    return _mac(key, "token", link, attempt.encode(), purpose.encode(), _seconds(expires_at))[:TOKEN_MAC_BYTES]


def _mac(key: bytes, use: str, *parts: bytes) -> bytes:
    """HMAC over `use` and `parts`, each with its length before it, so that no two lists of parts read the same."""
    if not key:
        raise ValueError("an empty key signs nothing")
    message = b"".join(struct.pack(">I", len(part)) + part for part in (b"songda:" + use.encode(), *parts))
    return hmac.digest(key, message, "sha256")


def _seconds(moment: datetime) -> bytes:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone says nothing")
    return int(moment.timestamp()).to_bytes(8, "big")


def _each(key: Keys) -> Iterator[bytes]:
    yield from (key,) if isinstance(key, bytes) else key


def _any_equal(mac: bytes, candidates: Iterator[bytes]) -> bool:
    # Summed, not any(): every key is tried, so time does not tell which one fitted.
    return sum(hmac.compare_digest(mac, candidate) for candidate in candidates) > 0


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")
