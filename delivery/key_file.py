"""The recipe for a key in a file. Alone here, because each sealing process imports what its recipe lies in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from signing.errors import KeyRefused
from signing.file_signer import FileSigner
from signing.keys import open_signer


@dataclass(frozen=True)
class FileKey:
    """Where the key and its password are; neither is in it."""

    path: str
    password_path: str

    def __call__(self) -> FileSigner:
        """Raises KeyRefused where a file cannot be read, KeyFileUnreadable, WrongPassword."""
        try:
            content, password = Path(self.path).read_bytes(), Path(self.password_path).read_bytes()
        except OSError as error:
            raise KeyRefused(f"{Path(self.path).name}: the key file or its password cannot be read") from error
        return open_signer(content, password.strip())
