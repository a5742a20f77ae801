"""How case systems prove who they are: `Authorization: Bearer <client id>.<secret>` (RFC 6750 §2.1).

The secret is long and random, so one pass of SHA-256 keeps it (no slow hash: there is nothing to guess).
"""

from __future__ import annotations

import hashlib
import hmac
import re

from aiohttp import web

from delivery.journal.accounts import Client
from delivery.journal.journal import Journal
from delivery.web.problems import Problem

_BEARER = re.compile(
    r"Bearer (?P<client>[A-Za-z0-9_-]{1,60})\.(?P<secret>[A-Za-z0-9_-]{20,200})", re.ASCII | re.IGNORECASE
)


def hash_secret(secret: str) -> str:
    """What is kept of a client's secret."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


async def client_of(request: web.Request, journal: Journal) -> Client:
    """The case system that asks. Raises Problem 401; unknown client and wrong secret are answered alike."""
    given = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if given is None:
        raise _unauthorized()
    presented = hash_secret(given["secret"])
    proven = [
        client
        for client in await journal.clients(given["client"])
        if hmac.compare_digest(client.secret_hash, presented)
    ]
    if len(proven) != 1:
        raise _unauthorized()
    return proven[0]


def _unauthorized() -> Problem:
    says = "Authorization should be: Bearer <client id>.<secret> of a case system of this installation."
    return Problem(401, "unauthorized", says, headers={"WWW-Authenticate": 'Bearer realm="songda"'})
