"""The accounts that an installation has from its first run, where the settings allow it (local, demo)."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher

from delivery import keyring
from delivery.journal.accounts import Clerk, Client
from delivery.journal.journal import Journal
from delivery.settings import Settings
from delivery.web.credentials import hash_secret

CLIENT = "case-system"
"""The case system that local and demo have from the start."""
CLERKS = ("clerk", "judge")


async def make(settings: Settings, journal: Journal) -> None:
    """The case system and the clerks of a local installation; their secrets are files in `<data>`."""
    for court in settings.courts:
        credential = keyring.secret(settings, "client-secret")
        hook = keyring.webhook_secret(settings) if settings.webhook else None
        known = Client(
            court=court.code,
            client=CLIENT,
            secret_hash=hash_secret(credential),
            webhook_url=settings.webhook,
            webhook_secret=hook,
        )
        await journal.put_client(known)
        for name in CLERKS:
            password = keyring.secret(settings, f"{name}-password", keyring.readable_password)
            hashed = await asyncio.to_thread(PasswordHasher().hash, password)
            await journal.put_clerk(Clerk(name=name, court=court.code, role=name, password_hash=hashed))
