"""A certificate from an authority: the request for it (PKCS #10, RFC 2986), and the judgement of what comes back.

A request file is a key file that has no certificate yet: the private key, encrypted as in any key file, and the request
after it. What an authority puts into the certificate is its own affair; what we seal with has to belong to our key, to
chain, to last, and to be made of algorithms that the policy relies on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.certificates import algorithm_of, chain_pem, parsed, pem_chain
from signing.errors import KeyFileUnreadable
from signing.file_signer import private_pem
from signing.keys import (
    DOCUMENT_SIGNING,
    KeyFile,
    KeyKind,
    hash_for,
    new_key,
    private_key_of,
    subject_name,
    usage,
)
from signing.policy import judge

T = TypeVar("T", bound=x509.ExtensionType)

LARGEST_CHAIN = 64 * 1024
MOST_CERTIFICATES = 8


@dataclass(frozen=True)
class Requested:
    """A new key that waits for its certificate. `content` is secret in spite of its encryption; `request` (PEM) is
    public and goes to the authority; `key`: the DER of the public key.
    """

    content: bytes = field(repr=False)
    request: bytes
    key: bytes


def make_request(password: bytes, *, court: str, court_name: str, kind: KeyKind) -> Requested:
    """A new key of that kind, and the request in the name of `court` (its code). Raises ValueError on an empty
    password.
    """
    if not password:
        raise ValueError("a key file needs a password")
    key = new_key(kind)
    builder = x509.CertificateSigningRequestBuilder(subject_name(court, court_name, court_name))
    builder = builder.add_extension(usage(certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
    request = builder.sign(key, hash_for(key)).public_bytes(Encoding.PEM)
    return Requested(private_pem(key, password) + request, request, _spki(key.public_key()))


def requested_key(content: bytes) -> bytes:
    """The public key (DER) that a request file asks for. Raises KeyFileUnreadable."""
    begin = content.find(b"-----BEGIN CERTIFICATE REQUEST-----")
    try:
        return _spki(x509.load_pem_x509_csr(content[max(begin, 0) :]).public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileUnreadable("a request file should hold a certificate request after its key") from error


def spki_of(certificate: bytes) -> bytes:
    """The public key (DER SubjectPublicKeyInfo) of a certificate (DER). Raises ValueError, UnsupportedAlgorithm."""
    return _spki(parsed(certificate).public_key())


def completed(content: bytes, password: bytes, chain: Sequence[bytes]) -> KeyFile:
    """The key file of a request file and its chain (DER, its own first). Raises WrongPassword, KeyFileUnreadable."""
    key = private_key_of(content, password)
    if _spki(key.public_key()) != spki_of(chain[0]):
        raise KeyFileUnreadable("the first certificate should belong to the private key")
    certificates = chain_pem(tuple(chain))
    return KeyFile(content=private_pem(key, password) + certificates, certificate_pem=certificates)


def chain_in(content: bytes) -> tuple[bytes, ...]:
    """The certificates (DER) of a PEM text from outside, as they stand in it. Raises KeyFileUnreadable."""
    if len(content) > LARGEST_CHAIN:
        raise KeyFileUnreadable("a chain of certificates is not as large as that")
    chain = pem_chain(content)
    if len(chain) > MOST_CERTIFICATES:
        raise KeyFileUnreadable(f"a chain has at most {MOST_CERTIFICATES} certificates")
    return chain


def chain_faults(chain: Sequence[bytes], begins: datetime) -> Iterator[str]:
    """Why nobody should seal with that chain (DER, the key's own first) from `begins` (aware) on: everything at once,
    in English, each with the number of its certificate. A certificate that begins later seals from then on.
    """
    found = [_read(one) for one in chain]
    for number, one in enumerate(found, 1):
        if one is None:
            yield f"certificate {number} cannot be read (RFC 5280)"
    if None not in found:
        yield from _faults([one for one in found if one is not None], begins)


def _read(der: bytes) -> x509.Certificate | None:
    try:
        certificate = parsed(der)
        certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return certificate


def _faults(chain: Sequence[x509.Certificate], begins: datetime) -> Iterator[str]:
    begins = max(begins, chain[0].not_valid_before_utc)
    yield from _own_faults(chain[0])
    for number, (one, issuer) in enumerate(pairwise(chain), 1):
        yield from _issuing_faults(number, one, issuer)
    for number, one in enumerate(chain, 1):
        yield from _date_faults(number, one, begins)
        yield from _algorithm_faults(number, one, begins.date(), last=number == len(chain))


def _own_faults(one: x509.Certificate) -> Iterator[str]:
    try:
        algorithm_of(one.public_key())
    except KeyFileUnreadable as error:
        yield f"certificate 1: {error}"
    allowed = _extension(one, x509.KeyUsage)
    if allowed and not (allowed.digital_signature or allowed.content_commitment):
        yield "certificate 1: its key usage allows neither digitalSignature nor nonRepudiation"
    basic = _extension(one, x509.BasicConstraints)
    if basic and basic.ca:
        yield "certificate 1: an authority's, not a court's: the key's own comes first"


def _issuing_faults(number: int, one: x509.Certificate, issuer: x509.Certificate) -> Iterator[str]:
    if not _issued(one, issuer):
        yield f"nothing shows that certificate {number + 1} issued {number}: the key's own first, then who issued each"
    basic, allowed = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
    if not (basic and basic.ca) or (allowed and not allowed.key_cert_sign):
        yield f"certificate {number + 1} may not issue certificates"


def _issued(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """By name and signature; False too where the signature is of a kind that the library does not check (SHA-1)."""
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _date_faults(number: int, one: x509.Certificate, begins: datetime) -> Iterator[str]:
    if begins > one.not_valid_after_utc:
        yield f"certificate {number} ends on {one.not_valid_after_utc:%Y-%m-%d}, before the key would seal"
    if begins < one.not_valid_before_utc:
        yield f"certificate {number} begins on {one.not_valid_before_utc:%Y-%m-%d}, after the key would seal"


def _algorithm_faults(number: int, one: x509.Certificate, at: date, *, last: bool) -> Iterator[str]:
    """Of its key; and of the hash below the signature on it, unless it signed itself: nobody relies on that one."""
    name, bits, own = _measured(one.public_key())
    signed = own if last and one.issuer == one.subject else _hash_of(one)
    for digest in dict.fromkeys((own, signed)):
        if not (ruling := judge(name, bits, digest, at)).ok:
            yield f"certificate {number}: {ruling.reason_en}"
            return


def _measured(key: CertificatePublicKeyTypes) -> tuple[str, int, str]:
    """Name and size as the policy knows them, and the hash with which that key is used here."""
    match key:
        case ec.EllipticCurvePublicKey():
            return "ecdsa", key.key_size, "sha384" if key.key_size == 384 else "sha256"
        case rsa.RSAPublicKey():
            return "rsa", key.key_size, "sha256"
        case Ed25519PublicKey():
            return "ed25519", 256, "sha512"
    return type(key).__name__.lower().removesuffix("publickey"), getattr(key, "key_size", 0), "sha256"


def _hash_of(one: x509.Certificate) -> str:
    try:
        used = one.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return one.signature_algorithm_oid.dotted_string
    return used.name if used else "sha512"  # Ed25519 names none and has SHA-512 in it (RFC 8032 §5.1)


def _extension(one: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return one.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
