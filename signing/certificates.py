"""What a certificate says of its key: which algorithm signs with it, how large it is, and for how long.

The inventory and every signer read it here, so that a key file, a token and a remote service are described alike.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from signing.errors import KeyFileUnreadable
from signing.policy import Ruling, judge
from signing.signer import Algorithm

SMALLEST_RSA = 2048
_KNOWN = "a key should be on P-256 or P-384, RSA of 2048 bits or more, or Ed25519"
UNREADABLE = (TypeError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType, Warning)
"""What the library raises beside ValueError when a certificate, a list or an answer is not as RFC 5280 has it; of
lesser faults it warns, and raises only where warnings are errors.
"""
PARTS = {
    Algorithm.ECDSA_P256_SHA256: ("ecdsa", "sha256"),
    Algorithm.ECDSA_P384_SHA384: ("ecdsa", "sha384"),
    Algorithm.RSA_PKCS1_SHA256: ("rsa", "sha256"),
    Algorithm.ED25519: ("ed25519", "sha512"),
    Algorithm.SM2_SM3: ("sm2", "sm3"),
}
"""The words by which signing.policy knows what an algorithm is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """A key as its certificate shows it. `fingerprint`: lower-case hex of the certificate's SHA-256; times in UTC."""

    algorithm: Algorithm
    bits: int
    subject: str
    serial: int
    not_before: datetime
    not_after: datetime
    fingerprint: str

    def ruling(self, at: date) -> Ruling:
        """What the policy says of its signatures on that day."""
        name, digest = PARTS[self.algorithm]
        return judge(name, self.bits, digest, at)


def key_facts(certificate: bytes) -> KeyFacts:
    """The facts of one certificate (DER). Raises KeyFileUnreadable for what is none, or has a key we cannot use."""
    found = _certificate(certificate)
    key = key_of(found)
    algorithm = algorithm_of(key)
    return KeyFacts(
        algorithm=algorithm,
        bits=256 if isinstance(key, Ed25519PublicKey) else key.key_size,
        subject=found.subject.rfc4514_string(),
        serial=found.serial_number,
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
        fingerprint=hashlib.sha256(certificate).hexdigest(),
    )


def algorithm_of(key: PublicKeyTypes) -> Algorithm:
    """How that key signs: one hash belongs to each. Raises KeyFileUnreadable for keys that are not used here."""
    match key:
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return Algorithm.ECDSA_P256_SHA256
        case ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            return Algorithm.ECDSA_P384_SHA384
        case rsa.RSAPublicKey() if key.key_size >= SMALLEST_RSA:
            return Algorithm.RSA_PKCS1_SHA256
        case Ed25519PublicKey():
            return Algorithm.ED25519
    raise KeyFileUnreadable(_KNOWN)


def parsed(der: bytes) -> x509.Certificate:
    """A certificate from outside, its names and extensions read at once, not when asked for. Raises ValueError."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.subject, certificate.issuer, certificate.extensions
    except UNREADABLE as error:
        raise ValueError("a certificate that does not keep to RFC 5280") from error
    return certificate


def parsed_pem(content: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text, in their order, read as `parsed` does. Raises ValueError where there is none."""
    try:
        found = x509.load_pem_x509_certificates(content)
    except UNREADABLE as error:
        raise ValueError("a certificate that does not keep to RFC 5280") from error
    return tuple(parsed(one.public_bytes(serialization.Encoding.DER)) for one in found)


def pem_chain(content: bytes) -> tuple[bytes, ...]:
    """The DER of the certificates in a PEM text, in their order. Raises KeyFileUnreadable where there is none."""
    try:
        found = parsed_pem(content)
    except ValueError as error:
        raise KeyFileUnreadable("a certificate in PEM is needed, the key's own first") from error
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in found)


def chain_pem(chain: tuple[bytes, ...]) -> bytes:
    """The PEM text of those certificates (DER)."""
    return b"".join(_certificate(one).public_bytes(serialization.Encoding.PEM) for one in chain)


def is_signed(certificate: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the certificate's key made that signature over `message`, as `Signer.sign` does."""
    key = key_of(_certificate(certificate))
    try:
        match key:
            case ec.EllipticCurvePublicKey():
                key.verify(signature, message, ec.ECDSA(_hash(algorithm_of(key))))
            case rsa.RSAPublicKey():
                key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
            case Ed25519PublicKey():
                key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _hash(algorithm: Algorithm) -> hashes.HashAlgorithm:
    return hashes.SHA384() if algorithm is Algorithm.ECDSA_P384_SHA384 else hashes.SHA256()


def _certificate(der: bytes) -> x509.Certificate:
    try:
        return parsed(der)
    except ValueError as error:
        raise KeyFileUnreadable("this is no certificate") from error


def key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey:
    """Raises KeyFileUnreadable for a key that is none, or is not used here."""
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise KeyFileUnreadable("the certificate's key is of a kind that is not known here") from error
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey):
        raise KeyFileUnreadable(_KNOWN)
    algorithm_of(key)
    return key
