"""Now and new identifiers. Nobody else asks the computer (design.md §4); everyone else is handed a Clock."""

from __future__ import annotations

import secrets
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

COURT_ZONE = ZoneInfo("Asia/Shanghai")
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(number: int, length: int) -> str:
    return "".join(_CROCKFORD[(number >> (5 * i)) & 31] for i in reversed(range(length)))


class SystemClock:
    """The computer's time in the court's zone."""

    def now(self) -> datetime:
        return datetime.now(COURT_ZONE)

    def new_id(self) -> str:
        """26 characters: 48 bits of milliseconds, 80 bits of chance; sorts by time of making."""
        milliseconds = int(self.now().timestamp() * 1000)
        return _base32((milliseconds << 80) | secrets.randbits(80), 26)


class RehearsalClock(SystemClock):
    """Starts at a given instant, runs at the computer's pace, and jumps when its conductor says so (contract.md §1,
    "The demo's time").
    """

    def __init__(self, start: datetime) -> None:
        self._start = start.astimezone(COURT_ZONE)
        self._zero = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._zero)

    def jump(self, instant: datetime) -> None:
        """Move on to `instant`; never back."""
        self._start += max(instant - self.now(), timedelta(0))
