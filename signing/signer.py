"""The port behind which every private key stands: an encrypted file, a PKCS #11 token, a remote signing service.

A signer signs messages, never digests: which hash belongs to which key is its own knowledge, so no caller can pair
them wrongly. It is synchronous, because it works in the processes that seal; what waits for a token or a network
waits there and not on the event loop.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class Algorithm(StrEnum):
    """A signature algorithm together with its hash; the value is the name used in settings, inventories and reports."""

    ECDSA_P256_SHA256 = "ecdsa-p256-sha256"
    ECDSA_P384_SHA384 = "ecdsa-p384-sha384"
    RSA_PKCS1_SHA256 = "rsa-pkcs1-sha256"
    ED25519 = "ed25519"
    SM2_SM3 = "sm2-sm3"


class Signer(Protocol):
    """One key, ready to sign. Safe to use from several threads."""

    @property
    def algorithm(self) -> Algorithm:
        """What `sign` makes."""

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The DER of the certificates, the key's own first. Never empty, except for bare Ed25519 log keys."""

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`: DER for ECDSA (RFC 3279 §2.2.3) and SM2 (GB/T 35276 §7.3), the plain bytes
        for RSA (RFC 8017 §8.2) and Ed25519 (RFC 8032). Raises SigningError when the key cannot be used now.
        """
