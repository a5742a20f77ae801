"""Whether the certificates of our seals and timestamps are alive: asked in the background, read when something is
sealed or packed. A document on its way never waits for an issuer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from delivery.core.ports import Clock, RevocationFetcher
from delivery.journal.journal import Journal
from delivery.journal.revocations import RevocationRow
from signing import revocation
from signing.revocation import Kind

LOOK_EVERY = 60.0
"""Seconds, of the machine, between two looks at what has grown old."""

AHEAD = timedelta(hours=1)
"""How long before nextUpdate the next is fetched; for what lives shorter, half of its life."""

Chain = Sequence[bytes]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ValidationData:
    """Certificates, lists and answers (DER) for a seal. `whole`: nothing is missing that an issuer keeps."""

    certificates: tuple[bytes, ...]
    ocsps: tuple[bytes, ...]
    crls: tuple[bytes, ...]
    whole: bool


class RevocationData:
    """`ours`: the chains of the seals, own certificate first. `fetcher`: None where nothing may be fetched.

    `anchors`: certificates (DER) that issue for authorities whose tokens do not carry them.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        fetcher: RevocationFetcher | None,
        ours: Callable[[], Iterable[Chain]],
        anchors: Sequence[bytes] = (),
    ) -> None:
        self._journal, self._clock, self._fetcher, self._ours = journal, clock, fetcher, ours
        self.anchors = tuple(anchors)
        self._met: dict[str, Chain] = {}
        self._told: set[str] = set()
        self._tried: dict[str, datetime] = {}

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Fetch what is missing or about to grow old."""
        await self.refresh([*self._ours(), *self._met.values()])

    async def refresh(self, chains: Iterable[Chain], *, patience: timedelta = timedelta()) -> None:
        """Fetch now what is missing or old of these, for whoever has time to wait; `patience`: not again what was tried
        for less than that ago.
        """
        if self._fetcher is None:
            return
        for certificate, issuer in [pair for chain in chains for pair in self._asked(chain)]:
            name, now = revocation.fingerprint(certificate), self._clock.now()
            waits = name in self._tried and now - self._tried[name] < patience
            if not waits and await self._is_due(certificate):
                self._tried[name] = now
                await self._fetch(self._fetcher, certificate, issuer)

    def meet(self, chains: Iterable[Chain]) -> None:
        """Ask about these too from now on: who stamps shows its certificate with its first token."""
        self._met |= {revocation.fingerprint(chain[0]): chain for chain in chains}

    async def of(self, chains: Iterable[Chain], *, fresh: bool = True) -> ValidationData:
        """For seals with these chains. `fresh`: only what holds now; else also what held once."""
        chains, now = list(chains), self._clock.now()
        self.meet(chains)
        asked = [revocation.fingerprint(one) for chain in chains for one, _ in self._asked(chain)]
        rows = await self._journal.revocations_of(list(dict.fromkeys(asked))) if asked else ()
        rows = tuple(row for row in rows if not fresh or row.next_update >= now)
        return ValidationData(
            tuple(dict.fromkeys(one for chain in chains for one in chain)),
            tuple(dict.fromkeys(row.content for row in rows if row.kind == Kind.OCSP)),
            tuple(dict.fromkeys(row.content for row in rows if row.kind == Kind.CRL)),
            {row.certificate for row in rows} == set(asked),
        )

    def _asked(self, chain: Chain) -> list[tuple[bytes, bytes]]:
        """Those of its certificates about which somebody can be asked."""
        if not any(revocation.points(one) for one in chain):
            self._tell_once(chain[0], "no_revocation_data", words=revocation.NONE_KEPT)
        return [(one, issuer) for one, issuer in revocation.issued(chain) if revocation.points(one)]

    async def _is_due(self, certificate: bytes) -> bool:
        row = next(iter(await self._journal.revocations_of([revocation.fingerprint(certificate)])), None)
        if row is None:
            return True
        return self._clock.now() >= row.next_update - min(AHEAD, (row.next_update - row.this_update) / 2)

    async def _fetch(self, fetcher: RevocationFetcher, certificate: bytes, issuer: bytes) -> None:
        found = await fetcher.fetch(certificate, issuer)
        if found is None:
            return
        standing = revocation.judged(Kind(found[0]), found[1], certificate, issuer, self._clock.now())
        name = revocation.fingerprint(certificate)
        row = RevocationRow(
            certificate=name,
            kind=standing.kind.value,
            content=standing.der,
            this_update=standing.this_update,
            next_update=standing.next_update,
            revoked_at=standing.revoked_at,
        )
        await self._journal.keep_revocation(row)
        if standing.revoked_at is not None:
            self._tell_once(certificate, "certificate_revoked", since=standing.revoked_at.isoformat())

    def _tell_once(self, certificate: bytes, event: str, **more: str) -> None:
        name = revocation.fingerprint(certificate)
        if f"{event} {name}" not in self._told:
            self._told.add(f"{event} {name}")
            log.warning(event, certificate=name[:16], **more)
