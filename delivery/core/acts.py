"""Whether what a party did came in time: instants compared with the end of a period (law.md P8, P9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time

from delivery.core.catalogue import ARRIVED, Means
from delivery.core.periods import Period, PeriodLaw

REVIEW = "review"
MIDNIGHT = "24:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What a party did: `at` handed to the carrier or filed, `arrives_at` at the court; aware instants."""

    id: str
    means: str
    at: datetime
    arrives_at: datetime | None = None


def in_time(act: Act, period: Period, law: PeriodLaw) -> bool | str | None:
    """Whether an act came before the period's end (P8, P9): True, False or `review`; None where it has no end."""
    if period.expiry is None or period.last_day is None:
        return None
    settings = law.on(period.last_day)
    means = law.catalogue.means[act.means]
    if act.at >= _end_for(means, period, period.expiry, settings):
        return False
    arrived = act.arrives_at is not None and act.arrives_at < period.expiry
    if means.counts != ARRIVED or arrived:
        return True
    accepted = means.late_arrival_if is not None and means.late_arrival_if.holds(settings)
    return True if accepted else REVIEW


def _end_for(means: Means, period: Period, expiry: datetime, settings: Mapping[str, str]) -> datetime:
    """The period's expiry, or an earlier hour of its last day (K16); hour periods end at their own instant alone."""
    if means.until is None or period.last_day is None or period.last_instant is not None:
        return expiry
    hour = settings[means.until]
    return expiry if hour == MIDNIGHT else datetime.combine(period.last_day, time.fromisoformat(hour), expiry.tzinfo)
