"""What the endpoints of case systems, providers and operators need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiohttp import web

from delivery.core.ports import Callback, Clock
from delivery.core.rulebook import Rulebook
from delivery.intake import Intake
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.journal.ledger import Cosigned
from delivery.web.stored import Packer


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`channels`: the channel words that this installation can use, as for plan_route. `callbacks`: by the provider's
    name in the address. `pack` makes proof packs. `pages`: the routes of recipients and clerks. `timestamps`: whether
    an authority is set.
    `seals`: how many seals this process made, by who wrote them.
    """

    journal: Journal
    documents: Documents
    intake: Intake
    clock: Clock
    book: Rulebook
    channels: frozenset[str]
    callbacks: Mapping[str, Callback]
    pack: Packer
    timestamps: bool = False
    seals: Mapping[str, int] = field(default_factory=dict)
    pages: Sequence[web.AbstractRouteDef] = ()
    cosigned: Callable[[bytes], Sequence[Cosigned]] = lambda note: ()
    """Reads what a witness hands in: the lines of known witnesses, verified. Raises ValueError for what is no note."""

    async def timestamps_missing_since(self) -> datetime | None:
        """Since when no authority has given a timestamp that is wanted; None while there is nothing to wait for."""
        return await self.journal.timestamps_missing_since() if self.timestamps else None
