"""What the document store encrypts with: the keys in `<data>/keys/documents.key`, which are never in the database.

The journal knows no cryptography, so the cipher is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass

from delivery.journal.documents import Documents, open_documents
from delivery.journal.errors import DocumentBroken
from delivery.keyring import SecretMissing, write_private
from delivery.settings import ENCRYPTIONS, Settings
from signing.at_rest import AtRest, Encryption, NoKeyForIt, NotOpened, new_key, read_keys

NONE = ENCRYPTIONS[0]


@dataclass(frozen=True, slots=True)
class StoreCipher:
    """A delivery.journal.documents.Cipher."""

    at_rest: AtRest

    def closed(self, content: bytes, sha256: str) -> bytes:
        return self.at_rest.put_away(content, sha256)

    def opened(self, kept: bytes, sha256: str) -> bytes:
        try:
            return self.at_rest.take_out(kept, sha256)
        except NoKeyForIt as missing:
            raise DocumentBroken(f"{sha256} is encrypted, and {missing}: put it into keys/documents.key") from None
        except NotOpened as wrong:
            says = f"the bytes stored as {sha256} have another digest, or were encrypted: {wrong}"
            raise DocumentBroken(says) from None


def documents_of(settings: Settings) -> Documents:
    """The store of the settings. Raises SecretMissing, KeyFileUnreadable; ValueError for an address that is none."""
    return open_documents(settings.documents, settings.data / "documents", StoreCipher(at_rest(settings)))


def at_rest(settings: Settings) -> AtRest:
    """The keys are read also where nothing is encrypted any more: what was stays readable. Raises as `documents_of`."""
    encryption = None if settings.document_encryption == NONE else Encryption(settings.document_encryption)
    path = settings.data / "keys" / "documents.key"
    if not path.exists():
        if encryption is None:
            return AtRest((), None)
        if not settings.self_made:
            raise SecretMissing(f"{path}: make it with `openssl rand -base64 32`, mode 600; the same on all hosts")
        write_private(path, f"{new_key()}\n".encode("ascii"))
    return AtRest(read_keys(path.read_text("utf-8")), encryption)
