"""Keeps proof packs strong: each is marked with the day until which it holds, and gets an archive timestamp before.

A pack is made when somebody asks for it. The first renewal keeps it, for only its very bytes are under the timestamp;
from then on the kept one is handed out. One delivery after the other, each with a mark: whatever stops the run, the
next one goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import structlog

from delivery.core.model import Delivery
from delivery.core.ports import Clock
from delivery.journal.archives import Archive
from delivery.journal.documents import Documents
from delivery.journal.errors import DocumentBroken, HistoryBroken
from delivery.journal.journal import Journal
from delivery.worker.packing import Packing
from delivery.worker.stamping import Stamping
from signing import renewal
from signing.errors import SigningError
from signing.pool import SealPool
from signing.renewal import NothingGained, Weakness

BATCH = 100
PASS_EVERY = 6 * 3600.0
PAUSE = 0.05
"""Seconds, of the machine: between two passes in the background, and between two packs of one."""

log = structlog.get_logger()


class NoAuthority(OSError):
    """No authority gives timestamps, or none that hold longer than what is to be renewed: the rest waits."""


@dataclass(slots=True)
class Tally:
    """What a run has seen so far. `total`: deliveries it has to look at; `due`: packs that are or were due."""

    total: int = 0
    looked: int = 0
    due: int = 0
    renewed: int = 0
    failed: int = 0
    why: dict[str, str] = field(default_factory=dict)
    """By delivery: what is weak in its pack, or what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewing:
    """`stamping`: None where no authority is set; then packs are marked alone."""

    journal: Journal
    documents: Documents
    clock: Clock
    packing: Packing
    seals: SealPool = field(repr=False)
    stamping: Stamping | None

    async def run(self) -> None:
        """Until cancelled: slowly, beside everything else."""
        while True:
            try:
                tally = await self.renew_all(pause=PAUSE)
                if tally.due or tally.failed:
                    log.info("packs_renewed", due=tally.due, renewed=tally.renewed, failed=tally.failed)
            except NoAuthority as wrong:
                log.warning("renewal_waits", words=str(wrong))
            await asyncio.sleep(PASS_EVERY)

    async def renew_all(
        self, *, dry_run: bool = False, pause: float = 0.0, told: Callable[[Tally], None] = lambda _: None
    ) -> Tally:
        """Look at every pack without a mark, or that holds no longer than `renewal.AHEAD` from now, and renew what has
        to be. `told` hears of each. Raises NoAuthority.
        """
        horizon = (self.clock.now() + renewal.AHEAD).date()
        tally, after = Tally(total=await self.journal.count_to_look_at(horizon)), ""
        while found := await self.journal.to_look_at(horizon, after=after, limit=BATCH):
            for after in found:
                await self._look_at(after, horizon, tally, dry_run=dry_run)
                tally.looked += 1
                told(tally)
                await asyncio.sleep(pause)
        return tally

    async def _look_at(self, delivery: str, horizon: date, tally: Tally, *, dry_run: bool) -> None:
        """What is wrong with one pack is no reason to leave the others alone."""
        try:
            await self._renew(await self.journal.delivery(delivery), horizon, tally, dry_run=dry_run)
        except NothingGained as wrong:
            raise NoAuthority(f"{delivery}: {wrong}") from wrong
        except (HistoryBroken, DocumentBroken, SigningError, KeyError) as wrong:
            tally.failed += 1
            tally.why[delivery] = type(wrong).__name__
            log.warning("pack_not_renewed", delivery=delivery, fault=type(wrong).__name__)

    async def _renew(self, delivery: Delivery, horizon: date, tally: Tally, *, dry_run: bool) -> None:
        proof, kept = delivery.proofs[-1][1] if delivery.proofs else None, await self.packing.kept(delivery)
        pack = kept or await self.packing.built(delivery)
        if pack is None:
            return await self._mark(Archive(delivery=delivery.id, version=delivery.version), dry_run=dry_run)
        weak = await self.seals.weakens(pack)
        if weak is None or weak.on > horizon:
            return await self._mark_again(delivery, proof, weak, dry_run=dry_run)
        tally.due += 1
        tally.why[delivery.id] = f"{weak.why} (until {weak.on})"
        if not dry_run:
            await self._stamp(delivery, proof, pack)
            tally.renewed += 1
        return None

    async def _stamp(self, delivery: Delivery, proof: str | None, pack: bytes) -> None:
        half = await self.seals.prepared_renewal(pack)
        token = await self.stamping.token(half.imprint) if self.stamping else None
        if token is None:
            raise NoAuthority("no timestamp authority answers; what is due waits for one")
        strong = await self.seals.renewed(half, token.der)
        weak = await self.seals.weakens(strong)
        # Dying here leaves bytes nobody names: the next run renews the same pack again.
        await self._mark(
            Archive(
                delivery=delivery.id,
                version=delivery.version,
                proof=proof,
                holds_until=weak.on if weak else None,
                pack=await self.documents.put(strong),
                renewed_at=token.at,
            )
        )

    async def _mark_again(self, delivery: Delivery, proof: str | None, weak: Weakness | None, *, dry_run: bool) -> None:
        """It holds for long enough: with the kept pack, where there is one of this proof."""
        before = await self.journal.archive(delivery.id)
        same = before if before is not None and before.proof == proof else None
        mark = Archive(
            delivery=delivery.id,
            version=delivery.version,
            proof=proof,
            holds_until=weak.on if weak else None,
            pack=same.pack if same else None,
            renewed_at=same.renewed_at if same else None,
        )
        await self._mark(mark, dry_run=dry_run)

    async def _mark(self, mark: Archive, *, dry_run: bool = False) -> None:
        if not dry_run:
            await self.journal.keep_archive(mark)
