"""The journal: what has happened. Its parts are in the files beside this one; everyone else uses this class."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from delivery.core.ports import Clock
from delivery.journal.accounts import Accounts
from delivery.journal.archives import Archives
from delivery.journal.claims import Claims
from delivery.journal.engines import open_engines
from delivery.journal.keys import Keys
from delivery.journal.ledger import Ledger
from delivery.journal.links import Links
from delivery.journal.lists import Lists
from delivery.journal.migrations import migrate as bring_up_to_date
from delivery.journal.news import Bell, Ear
from delivery.journal.receipts import Receipts
from delivery.journal.reports import Reports
from delivery.journal.revocations import Revocations
from delivery.journal.seals import Seals
from delivery.journal.stamps import Stamps
from delivery.journal.submissions import Submissions
from delivery.journal.writing import Writer


class Journal(
    Submissions, Claims, Receipts, Reports, Links, Seals, Accounts, Lists, Ledger, Stamps, Keys, Revocations, Archives
):
    """Made by `open`. A method that writes returns once that is on the disk; none keeps a connection for longer."""

    _ear: Ear | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        clock: Clock,
        *,
        migrate: bool = True,
        machine_now: Callable[[], datetime] | None = None,
    ) -> Journal:
        """The journal at a SQLAlchemy URL (`sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://…`).

        `machine_now` measures leases; without it `clock` does, which is right wherever `clock` does not jump. Raises
        ValueError for another kind of URL, OSError or SQLAlchemyError when the database cannot be reached.
        """
        if migrate:
            await bring_up_to_date(url)
        engines, bell, name = open_engines(url), Bell(), clock.new_id()
        journal = cls(engines, Writer(engines, clock, bell, name), bell, clock, machine_now or clock.now)
        if engines.postgres:
            journal._ear = Ear(url, name, bell)
            await journal._ear.ready()
        return journal

    async def close(self) -> None:
        """Write what is queued, then let go of the database."""
        await self._writer.close()
        if self._ear:
            await self._ear.close()
        await self._engines.dispose()

    @property
    def commits(self) -> int:
        """Transactions committed by this journal's writer; with the works written it shows how much they share."""
        return self._writer.commits
