"""The ledger's key and those of its witnesses: opened at start, made on first run where the settings allow it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from delivery.journal.ledger import Cosigned
from delivery.keyring import SecretMissing, secret, write_private
from delivery.settings import Settings
from signing.errors import LedgerWrong
from signing.file_signer import make_log_key, open_log_key
from signing.notes import COSIGNATURE, ED25519, Key, cosignatures, read_vkey

WITNESS = "the vkey of a witness: <name>+<key id>+<base64 of 04 and its Ed25519 public key>"


@dataclass(frozen=True, slots=True)
class LogKey:
    """The log's name and public key, and what signs for it."""

    key: Key
    sign: Callable[[bytes], bytes] = field(repr=False)


def log_key(settings: Settings) -> LogKey:
    """From `<data>/keys/log.pem`; its public line goes to `log.vkey`. Raises SecretMissing, KeyFileUnreadable."""
    path = settings.data / "keys" / "log.pem"
    password = secret(settings, "keys/password", lambda: secrets.token_urlsafe(32)).encode()
    if not path.exists():
        if not settings.self_made:
            raise SecretMissing(f"{path}: start once with self_made = true, and the ledger's key is made")
        write_private(path, make_log_key(password))
    signer = open_log_key(path.read_bytes(), password)
    key = Key(settings.ledger_origin, ED25519, signer.public_key)
    (settings.data / "log.vkey").write_text(f"{key}\n", encoding="utf-8")
    return LogKey(key, signer.sign)


def faults(settings: Settings) -> Iterator[str]:
    """What is wrong with the witnesses of the settings."""
    for index, line in enumerate(settings.witnesses):
        try:
            if read_vkey(line).kind != COSIGNATURE:
                yield f"/ledger/witnesses/{index}: {WITNESS}"
        except LedgerWrong:
            yield f"/ledger/witnesses/{index}: {WITNESS}"


def cosigned_by(settings: Settings) -> Callable[[bytes], tuple[Cosigned, ...]]:
    """What reads a note that a witness hands in: the verified lines of the settings' witnesses, none for strangers. It
    raises ValueError for what is no note, or whose signature is false.
    """
    witnesses = [read_vkey(line) for line in settings.witnesses]

    def read(note: bytes) -> tuple[Cosigned, ...]:
        try:
            checkpoint, signed = cosignatures(note, witnesses)
        except LedgerWrong as wrong:
            raise ValueError(str(wrong)) from None
        if checkpoint.origin != settings.ledger_origin:
            return ()
        return tuple(Cosigned(checkpoint.size, checkpoint.root, str(one.key), str(one.line)) for one in signed)

    return read
