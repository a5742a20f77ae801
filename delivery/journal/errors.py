"""What can go wrong in the journal, sorted by what the caller should do.

JournalError
├── VersionConflict   somebody else wrote to this delivery meanwhile: load it again and decide again
├── JournalClosed     the journal was closed (or its writer ended) before this was written: nothing is promised
├── HistoryBroken     a stored event cannot be understood: set that delivery aside, and go on with the others
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


class HistoryBroken(JournalError):
    """What is stored of a delivery tells nothing to this release: damaged, or written by a newer one. `fault` is the
    name of what was raised; its words may quote what is stored.
    """

    def __init__(self, delivery: str, fault: str) -> None:
        super().__init__(f"the history of delivery {delivery} cannot be read ({fault})")
        self.delivery, self.fault = delivery, fault


class JournalClosed(JournalError):
    """Nothing more is written by this journal."""


class DocumentBroken(JournalError):
    """The bytes stored under a digest do not have it."""
