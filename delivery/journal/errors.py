"""What can go wrong in the journal, sorted by what the caller should do.

JournalError
├── VersionConflict   somebody else wrote to this delivery meanwhile: load it again and decide again
├── JournalClosed     the journal was closed (or its writer ended) before this was written: nothing is promised
└── DocumentBroken    stored bytes are not what their digest says: stop, and restore them; never send them

Beside them stands AWAY: what the database, or the way to it, raises.
"""

from __future__ import annotations

import asyncpg
from sqlalchemy.exc import DBAPIError

AWAY = (OSError, DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""The database is away, starting, or out of room. A driver's own words come out bare while a connection is made."""


class JournalError(Exception):
    """The root of the tree."""


class VersionConflict(JournalError):
    """The delivery has moved on since it was loaded."""

    def __init__(self, delivery: str, expected: int, found: int) -> None:
        super().__init__(f"delivery {delivery} is at version {found}, not {expected}")
        self.delivery, self.expected, self.found = delivery, expected, found


class JournalClosed(JournalError):
    """Nothing more is written by this journal."""


class DocumentBroken(JournalError):
    """The bytes stored under a digest do not have it."""
