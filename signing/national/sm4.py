"""SM4 in GCM (GB/T 32907, RFC 8998 §3.2) for what lies on a disk: a nonce, the content, a tag."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from signing.errors import SigningError

MAGIC = b"songda:sm4-gcm:1\n"
NONCE, TAG = 12, 16
MOST = (1 << 36) - 32
"""Bytes under one nonce (NIST SP 800-38D §5.2.1.1)."""


class NotOpened(SigningError):
    """The bytes are not what was put away under this key and name: changed, cut, or another's."""


def put_away(content: bytes, key: bytes, name: bytes) -> bytes:
    """`content` encrypted by a key of 16 bytes and bound to `name` (its digest, say). Raises ValueError."""
    if len(content) > MOST:
        raise ValueError("too long for one nonce")
    nonce = os.urandom(NONCE)
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    cipher.authenticate_additional_data(MAGIC + name)
    return MAGIC + nonce + cipher.update(content) + cipher.finalize() + cipher.tag


def take_out(kept: bytes, key: bytes, name: bytes) -> bytes:
    """What `put_away` put away. Raises NotOpened, and nothing of the content comes out before the tag was checked."""
    if not kept.startswith(MAGIC) or len(kept) < len(MAGIC) + NONCE + TAG:
        raise NotOpened("not put away here")
    nonce, sealed, tag = kept[len(MAGIC) :][:NONCE], kept[len(MAGIC) + NONCE : -TAG], kept[-TAG:]
    cipher = Cipher(algorithms.SM4(key), modes.GCM(nonce, tag)).decryptor()
    cipher.authenticate_additional_data(MAGIC + name)
    try:
        return cipher.update(sealed) + cipher.finalize()
    except InvalidTag:
        raise NotOpened("changed, or another's") from None
