"""`logitcsInterface`: what the carrier and its customer say to each other, inside SM4-ECB.

The signature is the text of the key, put behind the content before it is sealed. ECB without a check value: whoever
saw envelopes can cut and paste their blocks, so the line around it has to be trusted too (TLS, the carrier's network).
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

_PREFIX = "|$4|"


def sm4_key(key: str) -> bytes:
    """The 16 bytes of a sign key as issued (Base64). Raises ValueError, without the key, when it is none."""
    try:
        raw = base64.b64decode(key, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 16:
        raise ValueError("the EMS sign key is the Base64 text of 16 bytes")
    return raw


def seal_envelope(text: str, key: str) -> str:
    padder, cipher = PKCS7(128).padder(), _cipher(key).encryptor()
    padded = padder.update(f"{text}{key}".encode()) + padder.finalize()
    return _PREFIX + base64.b64encode(cipher.update(padded) + cipher.finalize()).decode()


def open_envelope(envelope: str, key: str) -> str:
    """The text inside, without the key text (pushes seem to have none). Raises ValueError: not sealed with `key`."""
    sealed = base64.b64decode(envelope.removeprefix(_PREFIX), validate=True)
    cipher, unpadder = _cipher(key).decryptor(), PKCS7(128).unpadder()
    padded = cipher.update(sealed) + cipher.finalize()
    return (unpadder.update(padded) + unpadder.finalize()).decode().removesuffix(key)


def _cipher(key: str) -> Cipher[modes.ECB]:
    return Cipher(algorithms.SM4(sm4_key(key)), modes.ECB())  # noqa: S305 - the wire prescribes it
