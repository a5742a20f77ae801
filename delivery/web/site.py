"""What the endpoints of case systems, providers and operators need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from delivery.core.ports import Callback, Clock
from delivery.core.rulebook import Rulebook
from delivery.intake import Intake
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`channels`: the channel words that this installation can use, as for plan_route. `callbacks`: by the provider's
    name in the address. `pages`: the routes of recipients and clerks.
    """

    journal: Journal
    documents: Documents
    intake: Intake
    clock: Clock
    book: Rulebook
    channels: frozenset[str]
    callbacks: Mapping[str, Callback]
    pages: Sequence[web.AbstractRouteDef] = ()
