"""Reports by HTTP to a case system that has an address for them, signed as Standard Webhooks 1.0 says."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from adapters.http import HttpClient
from delivery.core.ports import Outgoing

PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where one case system wants its reports. `secret`: `whsec_` and 24 to 64 bytes in base64; it stays out of repr.

    Raises ValueError for an address that is not https (plain http: to this computer only) or a secret of another form.
    """

    url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and _local(parts.hostname))):
            raise ValueError("a webhook's address begins with https://")
        if parts.username or parts.password:
            raise ValueError("a webhook's address has no password in it: the signature proves who we are")
        key_of(self.secret)


Target = Callable[[str, str], Awaitable[WebhookTarget | None]]
"""court, client → where its reports go, or None when it has no webhook."""


class WebhookCaseSystem:
    """`seconds`: the machine's time since 1970, not the domain's; receivers refuse stamps that are minutes off."""

    def __init__(self, target: Target, *, seconds: Callable[[], float], http: HttpClient | None = None) -> None:
        self._target = target
        self._seconds = seconds
        self._http = http or HttpClient("webhook")

    async def publish(self, report: Outgoing) -> None:
        """Returns when the other side said 2xx, or has no webhook. Raises OSError (adapters.http) when it did not."""
        target = await self._target(report.court, report.client)
        if target is None:
            return
        headers = signed_headers(target.secret, report.id, int(self._seconds()), report.body)
        await self._http.post("report", target.url, body=report.body, headers=headers)

    async def close(self) -> None:
        await self._http.close()


def signed_headers(secret: str, identity: str, seconds: int, body: bytes) -> dict[str, str]:
    """What goes with the body. A report has the same `webhook-id` whenever it is sent; the stamp is of this try."""
    return {
        "Content-Type": "application/cloudevents+json",
        "webhook-id": identity,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(key_of(secret), identity, seconds, body),
    }


def signature(key: bytes, identity: str, seconds: int, body: bytes) -> str:
    """Version and HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks, "Signature scheme")."""
    signed = b".".join((identity.encode(), str(seconds).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret as it is written. Raises ValueError without repeating it."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError(f"a webhook's secret is {PREFIX} and 24 to 64 bytes in base64")
    return key


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
