"""Secrets, keys and rulebooks on the disk: read at start, made on first run where the settings allow it (local, demo).

The signing package opens no file; this is where its key files are read. Everything secret is made with mode 600.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from delivery.clock import COURT_ZONE
from delivery.core.rulebook import Rulebook
from delivery.rulebooks import installed_rulebook
from delivery.settings import CourtSettings, Settings
from signing.certificates import KeyFacts, key_facts
from signing.keys import KeyKind, OpenedKeys, make_key_file, open_key_file
from signing.national import keys as national
from signing.national.sm2 import facts_of as national_facts

NOT_BEFORE = datetime(2025, 1, 1, tzinfo=COURT_ZONE)
NOT_AFTER = datetime(2045, 1, 1, tzinfo=COURT_ZONE)
"""Validity of seals that are made here (contract.md §1): long enough that a rehearsal in 2025 is inside."""


class SecretMissing(FileNotFoundError):
    """A secret that the settings name is not there. Make the file, readable by this user only."""


def secret(settings: Settings, name: str, make: Callable[[], str] | None = None) -> str:
    """The secret in `<data>/<name>`; made when absent, where the settings allow it. Raises SecretMissing."""
    path = settings.data / name
    if not path.exists():
        if not settings.self_made:
            raise SecretMissing(f"{path}: put the secret there, with mode 600")
        write_private(path, ((make() if make else sample(name)) + "\n").encode())
    return path.read_text(encoding="utf-8").strip()


def sample(name: str) -> str:
    """A fresh secret of the kind that a file of that name holds; nothing is written."""
    return MAKERS.get(_kind(name), _token)()


def write_private(path: Path, content: bytes) -> None:
    """A new file that only this user can read; it appears whole or not at all, and is there after a power failure."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sync(path.parent.parent)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """A name lasts when its folder has been written (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _kind(name: str) -> str:
    return name.rpartition("-")[2]


def _token() -> str:
    return secrets.token_urlsafe(32)


MAKERS: Mapping[str, Callable[[], str]] = {
    "key": lambda: base64.b64encode(secrets.token_bytes(16)).decode(),  # as the post issues SM4 keys
    "password": lambda: secrets.token_hex(4),  # SMPP 3.4 §5.2.2: eight characters at most
}
"""What a made secret looks like, by the last word of its file name; any other is a long token."""


def password(settings: Settings) -> bytes:
    """What opens the key files. Raises SecretMissing."""
    return secret(settings, "keys/password", _token).encode()


def keys_of(settings: Settings, court: CourtSettings) -> OpenedKeys:
    """The court's seal. Raises SecretMissing, and what signing.keys raises for a file that does not open."""
    path = settings.data / "keys" / f"{court.code}.pem"
    opens = password(settings)
    if not path.exists():
        if not settings.self_made:
            raise SecretMissing(f"{path}: make the court's key file first")
        made = make_key_file(
            opens,
            court=court.code,
            court_name=court.name_zh,
            not_before=NOT_BEFORE,
            not_after=NOT_AFTER,
            kind=KeyKind(court.key.algorithm),
        )
        write_private(path, made.content)
    return open_key_file(path.read_bytes(), opens)


def national_key(settings: Settings, court: CourtSettings) -> Path:
    """The file with the first SM2 key of a court that has a second seal. Raises SecretMissing."""
    named = court.national.file if court.national else ""
    path = settings.data / "keys" / (named or f"{court.code}-sm2.pem")
    if not path.exists():
        if not settings.self_made:
            raise SecretMissing(f"{path}: put the court's SM2 key there, or start once with self_made = true")
        write_private(path, _national_file(settings, court, secrets.randbits(126) + 1, NOT_BEFORE, NOT_AFTER))
    return path


def facts_of(certificate: bytes, *, second: bool) -> KeyFacts:
    """What the certificate (DER) of a key of the first or the second seal says of it. Raises KeyFileUnreadable."""
    return national_facts(certificate) if second else key_facts(certificate)


def make_national(settings: Settings, court: CourtSettings, not_before: datetime, not_after: datetime) -> str:
    """The name of a new file with a further SM2 key."""
    serial = secrets.randbits(126) + 1
    name = f"{court.code}-sm2-{serial:032x}.pem"
    write_private(settings.data / "keys" / name, _national_file(settings, court, serial, not_before, not_after))
    return name


def _national_file(settings: Settings, court: CourtSettings, serial: int, begin: datetime, end: datetime) -> bytes:
    return national.make_key_file(
        password(settings), court_name=court.name_zh, serial=serial, not_before=begin, not_after=end
    )


def publish_national(settings: Settings, court: CourtSettings, certificates: bytes) -> None:
    """`seal-sm2.pem`: what `--trust` names for the second seal."""
    name = "seal-sm2.pem" if len(settings.courts) == 1 else f"seal-sm2-{court.code}.pem"
    _hand_out(settings.data / name, certificates)


def publish_certificate(settings: Settings, court: CourtSettings, certificates: bytes) -> None:
    """`seal.pem`: what `--trust` names; one court's alone where there is one court."""
    name = "seal.pem" if len(settings.courts) == 1 else f"seal-{court.code}.pem"
    _hand_out(settings.data / name, certificates)


def _hand_out(path: Path, certificates: bytes) -> None:
    if certificates:
        path.write_bytes(certificates)
    else:
        path.unlink(missing_ok=True)


def rules_of(settings: Settings) -> Rulebook:
    """The rulebook beside the settings file, and what its courts have of their own. Raises RulebookBroken,
    TablesBroken, FileNotFoundError.
    """
    return installed_rulebook(settings.path.parent, settings.rulebook, [court.code for court in settings.courts])


def webhook_secret(settings: Settings) -> str:
    """What signs the webhook of the local case system (Standard Webhooks: `whsec_` and base64)."""
    return secret(settings, "webhook-secret", lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


def readable_password() -> str:
    """Twenty letters and digits in groups, without those that look alike: about 95 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ["".join(secrets.choice(alphabet) for _ in range(5)) for _ in range(4)]
    return "-".join(groups)
