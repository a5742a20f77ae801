"""How often a secret may be guessed: a pause after every few tries that doubles, and an end for the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from delivery.journal.journal import Journal

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLimits:
    """After `before_pause` tries comes `first_pause`, after as many more twice that, and so on; `per_day` ends it.

    Right tries count too: whoever guesses may not wash away the misses.
    """

    before_pause: int = 5
    first_pause: timedelta = timedelta(minutes=15)
    per_day: int = 20

    def pause_after(self, used: int) -> timedelta | None:
        """How long the pause after the `used`-th try is; None: the next may follow at once."""
        rounds, rest = divmod(used, self.before_pause)
        return self.first_pause * 2 ** (rounds - 1) if rounds and not rest else None

    def left(self, used: int) -> int:
        """How many more tries may follow without a pause."""
        return max(0, min(self.before_pause - used % self.before_pause, self.per_day - used))

    def overrun(self, before: int, after: int) -> bool:
        """Whether others filled the round between our look (`before`) and our count (`after`): ours is not looked at.

        Without this a hundred requests at once would be a hundred guesses.
        """
        return (after - 1) // self.before_pause > before // self.before_pause or after > self.per_day


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where somebody stands: tries left before a pause, whether the day is used up, how long the pause is at most."""

    left: int
    exhausted: bool = False
    pause: timedelta | None = None

    @property
    def open(self) -> bool:
        """Whether a try is allowed now."""
        return not self.exhausted and self.pause is None

    @property
    def minutes(self) -> int:
        """The pause in whole minutes, for people."""
        return -(-int((self.pause or timedelta()).total_seconds()) // 60)


@dataclass(frozen=True, slots=True)
class Guesses:
    """The tries at one secret: `subject` is a delivery, or an account as `clerk:<name>`."""

    journal: Journal
    limits: TryLimits
    subject: str
    now: datetime

    async def standing(self) -> Standing:
        """Whether a try is allowed; counts nothing."""
        used = await self._since(DAY)
        if used >= self.limits.per_day:
            return Standing(left=0, exhausted=True, pause=DAY)
        pause = self.limits.pause_after(used)
        if pause and await self._since(pause):
            return Standing(left=0, pause=pause)
        return Standing(left=self.limits.left(used))

    async def spend(self) -> bool:
        """Count one try before it is looked at; False: it must not be looked at."""
        before = await self._since(DAY)
        if not (await self.standing()).open:
            return False
        await self.journal.count_try(self.subject, self.now)
        return not self.limits.overrun(before, await self._since(DAY))

    async def made_after(self, moment: datetime) -> bool:
        """Whether a try was counted later than that."""
        return await self.journal.tries(self.subject, moment + timedelta.resolution) > 0

    async def _since(self, span: timedelta) -> int:
        return await self.journal.tries(self.subject, self.now - span)
