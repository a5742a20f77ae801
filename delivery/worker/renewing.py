"""Keeps proof packs strong: each is marked with the day until which it holds, and gets an archive timestamp before.

A pack is made when somebody asks for it. The first renewal keeps it, for only its very bytes are under the timestamp;
from then on the kept one is handed out. One delivery after the other, each with a mark: whatever stops the run, the
next one goes on behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import structlog

from delivery.core.model import Delivery
from delivery.journal.archives import Archive
from delivery.journal.errors import DocumentBroken, HistoryBroken
from delivery.worker.packing import Packing
from delivery.worker.revoking import ValidationData
from signing import renewal
from signing.chains import chains_of
from signing.errors import SigningError
from signing.renewal import NothingGained
from signing.timestamp import Token

BATCH = 10
LEASE = timedelta(minutes=15)
"""For how long a batch is one worker's. Each pack costs a second at most, and two calls to authorities."""

PATIENCE = timedelta(hours=1)
"""An issuer that does not answer is not asked for each of a thousand packs."""

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


@dataclass(frozen=True, slots=True)
class Renewing:
    """Renews what `packing` packs, with its keys and authorities; without authorities packs are marked alone."""

    packing: Packing

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
        to be; what another worker has in hand is left to it. `told` hears of each. Raises NoAuthority.
        """
        horizon = (self.packing.clock.now() + renewal.AHEAD).date()
        tally, after = Tally(total=await self.packing.journal.count_to_look_at(horizon)), ""
        while found := await self.packing.journal.to_look_at(horizon, after=after, limit=BATCH):
            after = found[-1]
            async with self._claimed(found, dry_run=dry_run) as ours:
                for delivery in ours:
                    await self._look_at(delivery, horizon, tally, dry_run=dry_run)
                    tally.looked += 1
                    told(tally)
                    await asyncio.sleep(pause)
        return tally

    @asynccontextmanager
    async def _claimed(self, found: Sequence[str], *, dry_run: bool) -> AsyncIterator[Sequence[str]]:
        """Nobody else renews those meanwhile. Whoever only looks takes nothing from others."""
        if dry_run:
            yield found
            return
        claimed = await self.packing.journal.claim_renewals(found, LEASE)
        try:
            yield claimed.deliveries
        finally:
            await self.packing.journal.release_renewals(claimed)

    async def _look_at(self, delivery: str, horizon: date, tally: Tally, *, dry_run: bool) -> None:
        """What is wrong with one pack is no reason to leave the others alone."""
        try:
            await self._renew(await self.packing.journal.delivery(delivery), horizon, tally, dry_run=dry_run)
        except NothingGained as wrong:
            raise NoAuthority(f"{delivery}: {wrong}") from wrong
        except (HistoryBroken, DocumentBroken, SigningError, KeyError) as wrong:
            tally.failed += 1
            tally.why[delivery] = type(wrong).__name__
            log.warning("pack_not_renewed", delivery=delivery, fault=type(wrong).__name__)

    async def _renew(self, delivery: Delivery, horizon: date, tally: Tally, *, dry_run: bool) -> None:
        before = await self.packing.journal.archive(delivery.id)
        if before is not None and before.version >= delivery.version and not _is_due(before.holds_until, horizon):
            return  # another worker was here between our look and our claim
        mark, pack = await self._present(delivery, before)
        weak = await self.packing.seals.weakens(pack) if pack is not None else None
        mark = replace(mark, holds_until=weak.on if weak else None)
        if pack is not None and weak is not None and _is_due(weak.on, horizon):
            tally.due += 1
            tally.why[delivery.id] = f"{weak.why} (until {weak.on})"
            if not dry_run:
                mark = await self._strengthened(mark, pack)
                tally.renewed += 1
        if not dry_run:
            # Dying before this line leaves bytes nobody names: the next run renews the same pack again.
            await self.packing.journal.keep_archive(mark, instead_of=before)

    async def _present(self, delivery: Delivery, before: Archive | None) -> tuple[Archive, bytes | None]:
        """The mark for today, and the bytes that it is about: those of the current proof; without one, the renewed pack
        of an earlier proof, whose timestamps must not run out.
        """
        pack = await self.packing.looked_at(delivery)
        proof = delivery.proofs[-1][1] if pack is not None else None
        mark = Archive(delivery=delivery.id, version=delivery.version, proof=proof)
        if before is not None:
            mark = replace(mark, former=before.before(proof))
            if before.proof == proof:
                mark = replace(mark, pack=before.pack, renewed_at=before.renewed_at, content=before.content)
        if pack is None and mark.former is not None:
            pack = await self.packing.documents.get(mark.former)
        return mark, pack

    async def _strengthened(self, mark: Archive, pack: bytes) -> Archive:
        """The mark of the same pack with one archive timestamp more."""
        stamped = await self._with_seal_time(pack)
        known = await self._known_of(await self.packing.seals.last_tokens(stamped))
        half = await self.packing.seals.prepared_renewal(stamped, known.crls, known.ocsps)
        token = await self._token(half.imprint)
        strong = await self.packing.seals.renewed(half, token.der)
        self.packing.revocations.meet(chains_of(token.der, self.packing.revocations.anchors))
        weak = await self.packing.seals.weakens(strong)
        mark, digest = replace(mark, holds_until=weak.on if weak else None), await self.packing.documents.put(strong)
        if mark.proof is None:
            return replace(mark, former=digest)
        return replace(mark, pack=digest, renewed_at=token.at, content=None)

    async def _with_seal_time(self, pack: bytes) -> bytes:
        """With a timestamp on the container's seal (XAdES B-T), where it has none and can still get one."""
        imprint = await self.packing.seals.seal_imprint(pack)
        if imprint is None:
            return pack
        return await self.packing.seals.with_seal_timestamp(pack, (await self._token(imprint)).der)

    async def _known_of(self, tokens: Sequence[bytes]) -> ValidationData:
        """What issuers say, or said last, of who made these: nobody waits for us, so they are asked."""
        chains = [chain for token in tokens for chain in chains_of(token, self.packing.revocations.anchors)]
        await self.packing.revocations.refresh(chains, patience=PATIENCE)
        return await self.packing.revocations.of(chains, fresh=False)

    async def _token(self, imprint: bytes) -> Token:
        token = await self.packing.stamping.token(imprint) if self.packing.stamping else None
        if token is None:
            raise NoAuthority("no timestamp authority answers; what is due waits for one")
        return token


def _is_due(holds_until: date | None, horizon: date) -> bool:
    return holds_until is not None and holds_until <= horizon
