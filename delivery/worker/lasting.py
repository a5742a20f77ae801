"""What a seal carries beyond itself, as the settings ask: B-T, B-LT, B-LTA (ETSI EN 319 142-1 §6).

Whatever the world does not give is left out, and the log says so: a document goes to its recipient today. A missing
timestamp is made up for beside the document (`delivery.worker.stamping`); revocation data stand in the pack.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import structlog

from delivery.core.seal_level import Level
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing.chains import chains_of
from signing.pdf import containers, with_document_timestamp
from signing.pool import SealPool

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """`levels`: by court code."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    seals: SealPool = field(repr=False)
    stamping: Stamping
    revocations: RevocationData

    def wants_timestamp(self, court: str) -> bool:
        return self._level(court).holds(Level.B_T)

    async def stamped(self, court: str, sealed: bytes) -> bytes | None:
        """The sealed file (with room for a token) at the court's level, B-T at least, as far as it can be brought; None
        when no authority gave a token.
        """
        return await self.stamping.stamped(sealed, raised=partial(self._raised, court))

    async def _raised(self, court: str, stamped: bytes) -> bytes:
        level, chains = self._level(court), list(chains_of(containers(stamped)[-1], self.revocations.anchors))
        self.revocations.meet(chains)
        if not level.holds(Level.B_LT):
            return stamped
        data = await self.revocations.of(chains)
        if not data.whole:
            log.warning("seal_below_its_level", court=court, level=level.value, missing="revocation data")
        lasting = await self.seals.with_validation_data(stamped, data.certificates, data.ocsps, data.crls)
        return await self._archived(court, lasting) if level.holds(Level.B_LTA) else lasting

    async def _archived(self, court: str, lasting: bytes) -> bytes:
        prepared = await self.seals.prepared_for_timestamp(lasting)
        token = await self.stamping.token(prepared.imprint)
        if token is None:
            log.warning("seal_below_its_level", court=court, level=Level.B_LTA.value, missing="document timestamp")
            return lasting
        return with_document_timestamp(prepared, token.der)

    def _level(self, court: str) -> Level:
        return self.levels.get(court, Level.B_B)
