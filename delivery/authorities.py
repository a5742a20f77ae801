"""The timestamp authorities of the settings, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.timestamping import Authority, Timestamping
from delivery.core.ports import Clock
from delivery.settings import AuthoritySettings, Settings, SettingsWrong

COUNTERPART = "timestamps"
"""The counterpart that is no channel's: it answers as the first timestamp authority."""


def timestamping_of(settings: Settings, clock: Clock, counterpart: Mapping[str, object]) -> Timestamping | None:
    """None where no authority is set. `counterpart`: `url` and `trust` (PEM) of the one that plays the first authority.

    Raises SettingsWrong with every anchor file that cannot be used.
    """
    if not settings.timestamps:
        return None
    if wrong := list(faults(settings)):
        raise SettingsWrong([f"{settings.path}: {fault}" for fault in wrong])
    found = [
        _authority(settings.path.parent, row, {} if index else counterpart)
        for index, row in enumerate(settings.timestamps)
    ]
    return Timestamping(found, clock=clock)


def anchors(settings: Settings) -> tuple[bytes, ...]:
    """The anchors (DER) that the settings name for all authorities, without a counterpart's; those that can be read."""
    found: list[bytes] = []
    for row in settings.timestamps:
        with suppress(OSError, ValueError):
            found += _anchors((settings.path.parent / row.trust).read_bytes())
    return tuple(dict.fromkeys(found))


def faults(settings: Settings) -> Iterator[str]:
    """Every anchor file that cannot be used, with its place in the settings."""
    for index, row in enumerate(settings.timestamps):
        if index == 0 and COUNTERPART in settings.counterparts:
            continue
        try:
            _anchors((settings.path.parent / row.trust).read_bytes())
        except (OSError, ValueError):
            says = "a PEM file with at least one certificate, its path seen from this file"
            yield f"/timestamps/authorities/{index}/trust: {says}"


def _authority(folder: Path, row: AuthoritySettings, counterpart: Mapping[str, object]) -> Authority:
    url, given = counterpart.get("url", row.url), counterpart.get("trust")
    trust = _anchors(given if isinstance(given, bytes) else (folder / row.trust).read_bytes())
    return Authority(name=row.name, url=str(url), trust=trust, policy=row.policy, since=row.since, until=row.until)


def _anchors(content: bytes) -> tuple[bytes, ...]:
    """Raises ValueError."""
    return tuple(each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(content))
