"""Which address to try first, which next, and why: recipient + rulebook + time → a route, each choice and each
rejection explained.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from delivery.core.civil import CHINA
from delivery.core.effect import questions
from delivery.core.judging import planned
from delivery.core.model import Address, Delivery, Effect, Outcome, RejectedAddress, Route, RouteStep
from delivery.core.rulebook import RouteRule, Rulebook


def plan_route(delivery: Delivery, book: Rulebook, now: datetime, *, channels: frozenset[str]) -> Route:
    """The addresses in the order of the rulebook's ladder; `channels` are those this installation can use."""
    chosen: list[tuple[int, RouteStep]] = []
    rejected: list[RejectedAddress] = []
    for address in delivery.recipient.addresses:
        refusal = _refusal(delivery, address, book, now, channels)
        rung = _rung(address, book)
        if refusal or rung is None:
            rejected.append(refusal or _reject(address, "no rung of the ladder fits this kind of address"))
            continue
        chosen.append((book.ladder.index(rung), _step(address, rung, book, now)))
    chosen.sort(key=lambda pair: pair[0])  # stable: the case system's order decides within a rung
    return Route(steps=tuple(step for _, step in chosen), rejected=tuple(rejected))


def _reject(address: Address, reason: str, grounds: tuple[str, ...] = ()) -> RejectedAddress:
    return RejectedAddress(address=address.id, reason=reason, grounds=grounds)


def _refusal(
    delivery: Delivery, address: Address, book: Rulebook, now: datetime, channels: frozenset[str]
) -> RejectedAddress | None:
    if address.channel not in channels:
        return _reject(address, f"this installation has no channel {address.channel}")
    barred = barring(delivery, address, book, now)
    return _reject(address, f"{barred[0]}: {barred[1].explanation}", barred[1].grounds) if barred else None


def barring(delivery: Delivery, address: Address, book: Rulebook, now: datetime) -> tuple[str, Effect] | None:
    """The document that sending there now would not serve, and why not; all documents of a delivery travel together."""
    for document, question in questions(delivery, now):
        judged = planned(question, book, address)
        if judged and judged.effect.outcome is not Outcome.PENDING:
            return document.id, judged.effect
    return None


def _rung(address: Address, book: Rulebook) -> RouteRule | None:
    media = "electronic" if address.electronic else "mail"
    wanted = (media, book.class_of(address))
    return next((rung for rung in book.ladder if (rung.media, rung.address_class) == wanted), None)


def _step(address: Address, rung: RouteRule, book: Rulebook, now: datetime) -> RouteStep:
    return RouteStep(
        address=address.id,
        channel=address.channel,
        not_before=within_hours(now, book.hours, book.zone) if address.electronic else now,
        wait=rung.wait,
        reason=rung.reason,
        grounds=rung.grounds,
    )


def within_hours(now: datetime, hours: tuple[int, int], zone: tzinfo = CHINA) -> datetime:
    """`now`, or the next moment that lies in the sending hours (K13): minutes of the court's day in its zone."""
    opens, closes = hours
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    if opens <= minute < closes:
        return now
    day = local.date() if minute < opens else local.date() + timedelta(days=1)
    return datetime.combine(day, time(opens // 60, opens % 60), tzinfo=zone)
