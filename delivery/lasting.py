"""Who is asked for what makes seals last: timestamps and revocation data."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from adapters.revocation import RevocationFetcher
from adapters.timestamping import Timestamping
from delivery.authorities import COUNTERPART, timestamping_of
from delivery.core.ports import Clock
from delivery.rehearsal import Counterparts
from delivery.settings import Settings


async def timestamping(
    settings: Settings, clock: Clock, counterparts: Counterparts | None, stack: AsyncExitStack
) -> Timestamping | None:
    """Also writes what a rehearsal's verifier trusts (`timestamps.pem`) beside the seal's certificate."""
    counterpart = counterparts.endpoints(COUNTERPART) if counterparts else {}
    asked = timestamping_of(settings, clock, counterpart)
    if asked is None:
        return None
    stack.push_async_callback(asked.close)
    if isinstance(trust := counterpart.get("trust"), bytes):
        _kept(settings.data / "timestamps.pem", trust)
    return asked


async def alone(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Timestamping | None:
    """For a command beside the service. A rehearsal's authority lives in the service alone: what waits for a token is
    left to its queue.
    """
    if COUNTERPART in settings.counterparts:
        return Timestamping([], clock=clock)
    return await timestamping(settings, clock, None, stack)


def _kept(file: Path, trust: bytes) -> None:
    """Beside those of earlier starts: a rehearsal's authority has another key each time, and its stamps remain."""
    known = file.read_bytes() if file.exists() else b""
    if trust not in known:
        file.write_bytes(known + trust)


def fetcher_of(settings: Settings, clock: Clock, stack: AsyncExitStack) -> RevocationFetcher | None:
    """Who asks for revocation data; None where the settings forbid it."""
    if not settings.fetch_revocation:
        return None
    fetcher = RevocationFetcher(clock=clock)
    stack.push_async_callback(fetcher.close)
    return fetcher
