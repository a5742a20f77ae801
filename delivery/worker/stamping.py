"""Timestamps are fetched beside the main path; what could not be had is made up for when an authority is back.

The queue is in the journal, so a start is a recovery. Asking for a token twice binds nobody: dying between the token
and its row costs one more question.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from delivery.core.ports import Clock, Timestamper
from delivery.core.trusted_time import gap, to_be_told
from delivery.journal.journal import Journal
from delivery.journal.stamps import CHECKPOINT, CONTAINER, PROOF, SEAL
from signing import timestamp
from signing.pdf import timestamp_imprint, with_timestamp

BATCH = 100
ANCHOR_EVERY = timedelta(minutes=10)
"""Between two timestamps on the ledger while it grows: each one covers all that is before it."""

FIRST_PAUSE, LONGEST_PAUSE = 15.0, 300.0
"""Seconds, of the machine, between two tries while no authority gives a token."""

log = structlog.get_logger()


class Stamping:
    """`busy`: something is being stamped now; the rehearsal's clock waits for it."""

    def __init__(self, journal: Journal, clock: Clock, timestamper: Timestamper) -> None:
        self._journal, self._clock, self._timestamper = journal, clock, timestamper
        self._failures = 0
        self.busy = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            seen = self._journal.news
            self.busy = True
            try:
                done = await self.catch_up()
            finally:
                self.busy = False
            if done:
                await self._journal.wait_for_news(self._clock.now() + ANCHOR_EVERY, since=seen)
            else:
                await asyncio.sleep(min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE))

    async def catch_up(self) -> bool:
        """Stamp all that waits for it; False when no authority gave a token, and the rest was left."""
        await self._want_checkpoint()
        while waiting := await self._journal.unstamped(BATCH):
            for wanted in waiting:
                if not await self._stamp(wanted.kind, wanted.subject, wanted.imprint):
                    self._failures += 1
                    await self._journal.stamp_failed(wanted.kind, wanted.subject)
                    await self._tell_gap()
                    return False
        self._failures = 0
        return True

    async def stamped(
        self, sealed: bytes, *, raised: Callable[[bytes], Awaitable[bytes]] | None = None
    ) -> bytes | None:
        """The sealed file with a timestamp in its seal (PAdES B-T), then `raised` further; None when no authority gave
        a token.
        """
        imprint = timestamp_imprint(sealed)
        token = await self.token(imprint)
        if token is None:
            return None
        content = with_timestamp(sealed, token.der)
        content = await raised(content) if raised else content
        subject = hashlib.sha256(content).hexdigest()
        await self._journal.want_stamp(SEAL, subject, imprint)
        await self._keep(SEAL, subject, token)
        return content

    async def make_up_for(self, sha256: str, kind: str = PROOF) -> None:
        """A file that was sealed while no authority answered: its token comes later."""
        await self._journal.want_stamp(kind, sha256, bytes.fromhex(sha256), failed=True)

    async def stamp_container(self, sha256: str, imprint: bytes) -> None:
        """The seal of a proof pack that is kept under that digest: its token comes now, or later where no authority
        answers.
        """
        asked = bool(self.names()) and await self.missing_since() is None
        token = await self.token(imprint) if asked else None
        await self._journal.want_stamp(CONTAINER, sha256, imprint, failed=token is None and bool(self.names()))
        if token is not None:
            await self._keep(CONTAINER, sha256, token)

    async def missing_since(self) -> datetime | None:
        return await self._journal.timestamps_missing_since()

    def names(self) -> tuple[str, ...]:
        """The authorities that are asked today."""
        return self._timestamper.names()

    async def _want_checkpoint(self) -> None:
        """The newest checkpoint, unless one is young enough to stand for it for a while."""
        newest = await self._journal.last_checkpoint()
        if newest is None or newest.size == 0:
            return
        last = await self._journal.last_wanted(CHECKPOINT)
        subject, at = last or ("", None)
        if subject != str(newest.size) and (at is None or self._clock.now() - at >= ANCHOR_EVERY):
            imprint = hashlib.sha256(newest.note).digest()
            await self._journal.want_stamp(CHECKPOINT, str(newest.size), imprint)

    async def _stamp(self, kind: str, subject: str, imprint: bytes) -> bool:
        token = await self.token(imprint)
        if token is not None:
            await self._keep(kind, subject, token)
        return token is not None

    async def token(self, imprint: bytes) -> timestamp.Token | None:
        """A judged token over that SHA-256; None when no authority gave one."""
        try:
            return timestamp.read(await self._timestamper.stamp(imprint))
        except (OSError, TimeoutError):
            return None

    async def _keep(self, kind: str, subject: str, token: timestamp.Token) -> None:
        await self._journal.keep_stamp(kind, subject, token.der, stamped_at=token.at, authority=token.authority)

    async def _tell_gap(self) -> None:
        since, now = await self.missing_since(), self._clock.now()
        if since and to_be_told(since, now):
            log.warning("timestamps_missing", since=since.isoformat(), seconds=round(gap(since, now).total_seconds()))
