"""Deliveries that were filed over HTTP, and what the worker would have written of them."""

from __future__ import annotations

from typing import Any

from delivery.core import events
from delivery.core.effect import document_effects
from tests.core.world import book
from tests.web.office import Office

Json = dict[str, Any]
SUBMISSIONS = "/v1/submissions"


async def sent(office: Office, delivery: str, address: str = "a1") -> str:
    """An attempt that the provider took, as the worker would write it."""
    now, attempt = office.clock.now(), f"{delivery}.{address}.1"
    announced = events.AttemptAnnounced(at=now, attempt=attempt, address=address, channel="email", number=1)
    taken = events.AttemptTaken(at=now, attempt=attempt, references=("<m-1>",))
    await office.journal.record(delivery, lambda _: (announced, taken))
    return attempt


async def conclude(office: Office, delivery: str) -> None:
    now = office.clock.now()
    effects = document_effects(await office.journal.delivery(delivery), book(), now)
    await office.journal.record(delivery, lambda _: (events.Concluded(at=now, effects=effects),))
