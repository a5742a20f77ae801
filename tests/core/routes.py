"""What the tests of routes share: an instant, the channels, and routes for a recipient known in part."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from delivery.core.model import Address, Delivery, Route
from delivery.core.routing import plan_route
from tests.core.world import book, delivery

NOON = datetime.fromisoformat("2025-09-16T12:00:00+08:00")
EVERY = frozenset({"email", "sms", "post", "phone"})
DAYS = timedelta(days=1)


def route(*where: Address, now: datetime = NOON, channels: frozenset[str] = EVERY, **more: Any) -> Route:
    return plan_route(delivery(*where, at=now, **more), book(), now, channels=channels)


def order(*where: Address, **more: Any) -> list[str]:
    return [step.address for step in route(*where, **more).steps]


def of_whom(made: Delivery, **known: Any) -> Delivery:
    return replace(made, recipient=replace(made.recipient, **known))
