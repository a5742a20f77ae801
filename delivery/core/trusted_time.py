"""How long trusted time may be missing (design.md §6): a word to the operator first, then proofs wait."""

from __future__ import annotations

from datetime import datetime, timedelta

WARN_AFTER = timedelta(hours=1)
PROOFS_WAIT_AFTER = timedelta(hours=4)


class PackWaits(Exception):
    """No proof pack can be sealed now: timestamps have been missing for too long, since `since`."""

    def __init__(self, since: datetime) -> None:
        super().__init__(f"timestamps are missing since {since.isoformat()}, and a pack is not sealed without one")
        self.since = since


def gap(since: datetime | None, now: datetime) -> timedelta:
    """How long timestamps have been missing; nothing while they are not."""
    return timedelta() if since is None else max(now - since, timedelta())


def to_be_told(since: datetime | None, now: datetime) -> bool:
    """Whether somebody should look after the authorities."""
    return gap(since, now) >= WARN_AFTER


def proofs_wait(since: datetime | None, now: datetime) -> bool:
    """Whether a final proof, or a pack of one, without a timestamp would stand on our word for too long."""
    return gap(since, now) >= PROOFS_WAIT_AFTER
