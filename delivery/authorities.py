"""The timestamp authorities of the settings, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from adapters.timestamping import Authority, Timestamping
from delivery.core.ports import Clock
from delivery.settings import AuthoritySettings, Settings, SettingsWrong


def timestamping_of(settings: Settings, clock: Clock, counterpart: Mapping[str, object]) -> Timestamping | None:
    """None where no authority is set. `counterpart`: `url` and `trust` (PEM) of the one that plays the first authority.

    Raises SettingsWrong with every anchor file that cannot be used.
    """
    if not settings.timestamps:
        return None
    faults: list[str] = []
    found: list[Authority] = []
    for index, authority in enumerate(settings.timestamps):
        try:
            found.append(_authority(settings.path.parent, authority, {} if index else counterpart))
        except (OSError, ValueError):
            says = "a PEM file with at least one certificate, its path seen from this file"
            faults.append(f"{settings.path}: /timestamps/authorities/{index}/trust: {says}")
    if faults:
        raise SettingsWrong(faults)
    return Timestamping(found, clock=clock)


def _authority(folder: Path, row: AuthoritySettings, counterpart: Mapping[str, object]) -> Authority:
    """Raises OSError, ValueError."""
    url, given = counterpart.get("url", row.url), counterpart.get("trust")
    content = given if isinstance(given, bytes) else (folder / row.trust).read_bytes()
    trust = tuple(each.public_bytes(Encoding.DER) for each in x509.load_pem_x509_certificates(content))
    return Authority(name=row.name, url=str(url), trust=trust, policy=row.policy, since=row.since, until=row.until)
