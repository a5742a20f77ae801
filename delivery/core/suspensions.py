"""What stops a period for a while, and where its last day then is: pure arithmetic on days (law.md P13).

The day on which the period stops and the day on which it may run on are not counted, as the day of a start is not
(CPL 85(2)): what was left of the period begins the day after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One fact that stops a period: from the civil day on which it was raised to that on which its ruling takes effect;
    `ends` is None until then.
    """

    fact: str
    begins: date
    ends: date | None = None


class StillStopped(ValueError):
    """The period does not run: nobody can say yet when it ends."""


def run_on(
    stays: Iterable[Stay], first: date, last: date, rolled: Callable[[date], date]
) -> tuple[date, tuple[Stay, ...]]:
    """The last day of a period from `first` to `last` with the stays that stopped it, and which of them did. Days that
    two of them share count once; one that was raised when the period was over stops nothing. `rolled`: a last day
    after the rest days. Raises StillStopped.
    """
    found: list[Stay] = []
    for stay in sorted(stays, key=lambda each: (each.begins, each.ends or date.max)):
        begins, end = max(stay.begins, first), rolled(last)
        if begins > end:
            break
        if stay.ends is None:
            raise StillStopped(stay.fact)
        if stay.ends < begins:
            continue
        last = (end if begins > last else last) + (stay.ends - begins) + ONE_DAY
        first = stay.ends + ONE_DAY
        found.append(stay)
    return last, tuple(found)
