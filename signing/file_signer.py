"""Keys that live in memory once their file was opened, and the keys of the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from signing.certificates import algorithm_of, is_signed, pem_chain
from signing.errors import KeyFileUnreadable, WrongPassword
from signing.signer import Algorithm, Signer

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
Recipe: TypeAlias = Callable[[], Signer]
"""Makes a Signer where it is needed: it travels to other processes (pickled), a Signer does not."""


class FileSigner:
    """One key in memory. `chain`: the DER of its certificates, its own first; empty for a bare Ed25519 key."""

    __slots__ = ("_algorithm", "_chain", "_key")

    def __init__(self, key: PrivateKey, chain: tuple[bytes, ...]) -> None:
        self._key, self._chain = key, chain
        self._algorithm = algorithm_of(key.public_key())
        if not chain and self._algorithm is not Algorithm.ED25519:
            raise KeyFileUnreadable("a key that seals needs a certificate")
        if chain and not is_signed(chain[0], b"songda", self.sign(b"songda")):
            raise KeyFileUnreadable("the first certificate should belong to the private key")

    @property
    def algorithm(self) -> Algorithm:
        return self._algorithm

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self._chain

    @property
    def public_key(self) -> bytes:
        """32 bytes for Ed25519 (RFC 8032 §5.1.5), else the DER of the SubjectPublicKeyInfo."""
        raw, der = serialization.PublicFormat.Raw, serialization.PublicFormat.SubjectPublicKeyInfo
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.public_key().public_bytes(serialization.Encoding.Raw, raw)
        return self._key.public_key().public_bytes(serialization.Encoding.DER, der)

    def sign(self, message: bytes) -> bytes:
        match self._key:
            case ec.EllipticCurvePrivateKey():
                p384 = self._algorithm is Algorithm.ECDSA_P384_SHA384
                return self._key.sign(message, ec.ECDSA(hashes.SHA384() if p384 else hashes.SHA256()))
            case rsa.RSAPrivateKey():
                return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
            case Ed25519PrivateKey():
                return self._key.sign(message)

    def __repr__(self) -> str:
        return f"FileSigner({self._algorithm})"


@dataclass(frozen=True)
class PemKey:
    """A recipe that carries an opened key along: in memory and in pipes between our processes, never anywhere else."""

    private_key_pem: bytes = field(repr=False)
    certificate_pem: bytes

    def __call__(self) -> FileSigner:
        """Raises KeyFileUnreadable."""
        return FileSigner(load_private_key(self.private_key_pem, None), pem_chain(self.certificate_pem))


def make_log_key(password: bytes) -> bytes:
    """A new Ed25519 key for the log's checkpoints: one encrypted PEM block, secret in spite of that.

    Raises ValueError on an empty password.
    """
    if not password:
        raise ValueError("a key file needs a password")
    return private_pem(Ed25519PrivateKey.generate(), password)


def open_log_key(content: bytes, password: bytes) -> FileSigner:
    """The log's key. Raises WrongPassword or KeyFileUnreadable, neither of which repeats a byte of the file."""
    key = load_private_key(content, password)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileUnreadable("the log's key should be an Ed25519 key")
    return FileSigner(key, ())


def load_private_key(pem: bytes, password: bytes | None) -> PrivateKey:
    """One PKCS #8 block. Raises WrongPassword, or KeyFileUnreadable for keys that are not used here."""
    try:
        key = serialization.load_pem_private_key(pem, password)
    except (ValueError, TypeError) as error:
        # OpenSSL cannot tell a wrong password from damage inside the encrypted block; the first is likelier.
        raise WrongPassword("the password does not open the key file") from error
    except UnsupportedAlgorithm as error:
        raise KeyFileUnreadable("the key file is encrypted in a way that is not known here") from error
    if not isinstance(key, PrivateKey):
        raise KeyFileUnreadable("a key should be on P-256 or P-384, RSA of 2048 bits or more, or Ed25519")
    algorithm_of(key.public_key())
    return key


def private_pem(key: PrivateKey, password: bytes | None) -> bytes:
    """PKCS #8, encrypted where there is a password."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
