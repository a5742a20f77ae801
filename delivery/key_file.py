"""The recipes for keys in files. Alone here, because each sealing process imports what its recipe lies in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from signing.errors import KeyRefused
from signing.file_signer import FileSigner
from signing.keys import open_signer
from signing.national.keys import open_key_file
from signing.national.sm2 import Sm2Signer


@dataclass(frozen=True)
class FileKey:
    """Where the key and its password are; neither is in it."""

    path: str
    password_path: str

    def __call__(self) -> FileSigner:
        """Raises KeyRefused where a file cannot be read, KeyFileUnreadable, WrongPassword."""
        return open_signer(*_read(self.path, self.password_path))


@dataclass(frozen=True)
class NationalFileKey:
    """The same for the SM2 key of a court's second seal."""

    path: str
    password_path: str

    def __call__(self) -> Sm2Signer:
        """Raises KeyRefused where a file cannot be read, KeyFileUnreadable, WrongPassword."""
        return open_key_file(*_read(self.path, self.password_path))()


def _read(path: str, password_path: str) -> tuple[bytes, bytes]:
    try:
        return Path(path).read_bytes(), Path(password_path).read_bytes().strip()
    except OSError as error:
        raise KeyRefused(f"{Path(path).name}: the key file or its password cannot be read") from error
