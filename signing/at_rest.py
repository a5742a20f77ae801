"""What lies on a disk, encrypted: SM4 or AES-256 in GCM (GB/T 32907, RFC 8998 §3.2; NIST SP 800-38D).

::

    songda:kept:1 sm4-gcm 1a2b3c4d\\n   algorithm and key
    nonce (12 bytes, at random) · ciphertext · tag (16 bytes)

The first line and the name under which the content is kept are authenticated with it. Several keys open what they have
closed; the first of them closes. A key of 32 bytes serves both algorithms, by HKDF (RFC 5869).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from signing.errors import KeyFileUnreadable, SigningError

MAGIC = b"songda:kept:1 "
KEY, NONCE, TAG = 32, 12, 16
MOST = (1 << 36) - 32
"""Bytes under one nonce (NIST SP 800-38D §5.2.1.1)."""

MOST_KEYS = 100
_HEADER = re.compile(rb"songda:kept:1 ([a-z0-9-]{1,20}) ([0-9a-f]{8})\n")

BlockCipher: TypeAlias = algorithms.SM4 | algorithms.AES256


class Encryption(StrEnum):
    """How content is put away; the value is the word of settings and headers."""

    SM4_GCM = "sm4-gcm"
    AES_256_GCM = "aes-256-gcm"


class NotOpened(SigningError):
    """The bytes are not what was put away under this name with one of these keys: changed, cut, or another's."""


class NoKeyForIt(NotOpened):
    """They may be whole, and the key that closed them is not here."""


@dataclass(frozen=True)
class AtRest:
    """Keys of 32 bytes, the first of which closes, and with what; None closes nothing, and opens what was closed."""

    keys: tuple[bytes, ...] = field(repr=False)
    encryption: Encryption | None

    def put_away(self, content: bytes, name: str) -> bytes:
        """`content` as it is kept under `name`. Raises ValueError without a key, and for content that is too long."""
        if self.encryption is None:
            return content
        if not self.keys or len(content) > MOST:
            raise ValueError("a key is needed, and no more than can be under one nonce")
        header = MAGIC + f"{self.encryption} {key_id(self.keys[0])}\n".encode()
        nonce = os.urandom(NONCE)
        cipher = Cipher(_block_cipher(self.encryption, self.keys[0]), modes.GCM(nonce)).encryptor()
        cipher.authenticate_additional_data(header + name.encode())
        return b"".join((header, nonce, cipher.update(content), cipher.finalize(), cipher.tag))

    def take_out(self, kept: bytes, name: str) -> bytes:
        """What was put away under `name`. Raises NotOpened, NoKeyForIt; nothing comes out before the tag is checked."""
        found = _HEADER.match(kept)
        if found is None or len(kept) < found.end() + NONCE + TAG:
            raise NotOpened("not put away here")
        encryption, key = self._named(*(word.decode("ascii") for word in found.groups()))
        body = memoryview(kept)[found.end() :]
        cipher = Cipher(_block_cipher(encryption, key), modes.GCM(bytes(body[:NONCE]), bytes(body[-TAG:]))).decryptor()
        cipher.authenticate_additional_data(found.group() + name.encode())
        content = cipher.update(body[NONCE:-TAG])
        try:
            return content + cipher.finalize()
        except InvalidTag:
            raise NotOpened("changed, or another's") from None

    def _named(self, encryption: str, identity: str) -> tuple[Encryption, bytes]:
        if encryption not in [*Encryption]:
            raise NotOpened("put away in a way that is not known here")
        for key in self.keys:
            if key_id(key) == identity:
                return Encryption(encryption), key
        raise NoKeyForIt(f"the key {identity} is not here")


def key_id(key: bytes) -> str:
    """Eight hex digits of its digest: a name that cannot be given to the wrong key."""
    return hashlib.sha256(MAGIC + b"key\n" + key).hexdigest()[:8]


def new_key() -> str:
    """A line for the file of keys."""
    return base64.b64encode(os.urandom(KEY)).decode("ascii")


def read_keys(text: str) -> tuple[bytes, ...]:
    """The keys of a file: one a line, the first of which closes; lines with # say something. Raises KeyFileUnreadable,
    which repeats nothing of it.
    """
    keys = tuple(_keys(text))
    if not 0 < len(keys) <= MOST_KEYS:
        raise KeyFileUnreadable(f"the file of document keys should hold from 1 to {MOST_KEYS} keys")
    return keys


def _keys(text: str) -> Iterator[bytes]:
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        try:
            key = base64.b64decode(word, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY:
            raise KeyFileUnreadable(f"line {number} of the file of document keys should be 32 bytes in Base64")
        yield key


_CIPHERS: Mapping[Encryption, tuple[Callable[[bytes], BlockCipher], hashes.HashAlgorithm, int]] = {
    Encryption.SM4_GCM: (algorithms.SM4, hashes.SM3(), 16),
    Encryption.AES_256_GCM: (algorithms.AES256, hashes.SHA256(), 32),
}


def _block_cipher(encryption: Encryption, key: bytes) -> BlockCipher:
    make, digest, size = _CIPHERS[encryption]
    return make(HKDF(digest, size, salt=None, info=MAGIC + encryption.encode()).derive(key))
