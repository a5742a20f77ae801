"""Outages of the court's systems: on record beside the periods they fall into, and no day moves by itself (law.md P14).

Whether one excuses a late act is for the judge, when a party applies for restoration (CPL 86, CRPL 106).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from delivery.core.fields import NEVER, Fields
from delivery.core.tables import Reading
from delivery.core.words import Words

MOST_OUTAGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What was not to be had, from one aware instant to another; `ends` is None while it lasts."""

    system: str
    begins: datetime
    ends: datetime | None = None

    def touches(self, begins: datetime, ends: datetime) -> bool:
        """Whether some of it lies between those instants, the last one excluded."""
        return self.begins < ends and (self.ends is None or self.ends > begins)

    def says(self, zone: tzinfo) -> Words:
        """In words, with the times of the clock on the court's wall."""
        begins, ends = _wall(self.begins, zone), _wall(self.ends, zone) if self.ends else None
        return Words(
            f"法院系统故障：{self.system}，{begins} 至 {ends or '尚未恢复'}。届满日不自动变动，是否顺延由法官决定",
            f"Outage of the court's systems: {self.system}, {begins} to {ends or 'now, not over yet'}. No day moves by "
            "itself: whether it excuses a late act is for the judge",
        )


def read_outages(name: str, tables: Mapping[str, Any]) -> tuple[Outage, ...]:
    """The `[[outage]]` rows of a court's file, the earliest first. Raises TablesBroken with every fault."""
    reading = Reading()
    with reading.file(name, tables) as fields:
        found = [read_outage(row) for row in fields.objects("outage", least=1, most=MOST_OUTAGES)]
    reading.end()
    return tuple(sorted(found, key=lambda outage: outage.begins))


def read_outage(row: Fields) -> Outage:
    """One row, of a file or of a question: `system`, `from`, and `to` where it is over."""
    outage = Outage(
        system=row.text("system", most=80) or "",
        begins=row.instant("from") or NEVER,
        ends=row.instant("to", required=False),
    )
    row.unknown()
    if outage.ends is not None and outage.ends <= outage.begins:
        row.fault("to", "contradiction", "An outage should end after it began.")
    return outage


def within(outages: Iterable[Outage], first: date, expiry: datetime, zone: tzinfo) -> tuple[Outage, ...]:
    """Those that fall into a period: from the beginning of its first day until `expiry`."""
    begins = datetime.combine(first, time(), tzinfo=zone)
    return tuple(outage for outage in outages if outage.touches(begins, expiry))


def end_of(day: date, zone: tzinfo) -> datetime:
    """The first instant after a civil day."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=zone)


def outage_json(outage: Outage, zone: tzinfo, grounds: tuple[str, ...]) -> dict[str, Any]:
    """As answers show it: instants with the offset of the court's zone."""
    says = outage.says(zone)
    return {
        "system": outage.system,
        "from": outage.begins.astimezone(zone).isoformat(),
        "to": outage.ends.astimezone(zone).isoformat() if outage.ends else None,
        "grounds": list(grounds),
        "says": says.en,
        "says_zh": says.zh,
    }


def _wall(instant: datetime, zone: tzinfo) -> str:
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M}"
