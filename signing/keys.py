"""The court's key file: made once, opened at start, never in the database.

A key file is one PEM text: the seal's private key (PKCS #8, encrypted by a password: scrypt and AES-256), the seal's
certificate, and the certificate that issued it. The issuer's key signs once and is forgotten: nobody can make a
second seal that chains to the same anchor. `certificate_pem` (seal, then issuer) is public and may be handed out as
`seal.pem`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID, ObjectIdentifier

from signing.certificates import key_of, parsed_pem
from signing.errors import KeyFileUnreadable
from signing.file_signer import FileSigner, load_private_key, private_pem

DOCUMENT_SIGNING = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # id-kp-documentSigning, RFC 9336 §3.1
LARGEST_KEY_FILE = 64 * 1024
_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?:ENCRYPTED )?PRIVATE KEY-----.+?-----END (?:ENCRYPTED )?PRIVATE KEY-----", re.S
)

SealingKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyKind(StrEnum):
    """Keys that can be made for a seal; the value is the word of settings and of the command line."""

    P256 = "p-256"
    P384 = "p-384"
    RSA2048 = "rsa-2048"
    RSA3072 = "rsa-3072"
    RSA4096 = "rsa-4096"


def _rsa(bits: int) -> SealingKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


_MAKERS: Mapping[KeyKind, Callable[[], SealingKey]] = {
    KeyKind.P256: lambda: ec.generate_private_key(ec.SECP256R1()),
    KeyKind.P384: lambda: ec.generate_private_key(ec.SECP384R1()),
    KeyKind.RSA2048: partial(_rsa, 2048),
    KeyKind.RSA3072: partial(_rsa, 3072),
    KeyKind.RSA4096: partial(_rsa, 4096),
}


def new_key(kind: KeyKind) -> SealingKey:
    """From the system's randomness."""
    return _MAKERS[kind]()


@dataclass(frozen=True)
class KeyFile:
    """A new key file. `content` is secret in spite of its encryption; `certificate_pem` is public."""

    content: bytes = field(repr=False)
    certificate_pem: bytes


@dataclass(frozen=True)
class OpenedKeys:
    """An opened key file: keep it in memory only. `link_key` (32 bytes) is for `signing.links`."""

    private_key_pem: bytes = field(repr=False)
    certificate_pem: bytes
    link_key: bytes = field(repr=False)


def make_key_file(
    password: bytes,
    *,
    court: str,
    court_name: str,
    not_before: datetime,
    not_after: datetime,
    serial: int | None = None,
    kind: KeyKind = KeyKind.P256,
) -> KeyFile:
    """A new key of that kind with its certificate for `court` (its code), valid between two aware moments.

    `serial` numbers the seal's certificate; None draws one at random. Raises ValueError on an empty password.
    """
    if not password:
        raise ValueError("a key file needs a password")
    issuer_key, seal_key = new_key(kind), new_key(kind)
    validity = (not_before, not_after)
    issuer = _issuer_certificate(issuer_key, subject_name(court, court_name, f"{court_name} CA"), validity)
    certificate = _seal_certificate(
        seal_key, issuer, issuer_key, subject_name(court, court_name, court_name), validity, serial
    )
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (certificate, issuer))
    return KeyFile(content=private_pem(seal_key, password) + chain, certificate_pem=chain)


def open_key_file(content: bytes, password: bytes) -> OpenedKeys:
    """Open a key file. Raises WrongPassword or KeyFileUnreadable, neither of which repeats a byte of the file."""
    key = private_key_of(content, password)
    certificates = _certificates(content)
    if key_of(certificates[0]) != key.public_key():
        raise KeyFileUnreadable("the first certificate of the key file should belong to its private key")
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
    return OpenedKeys(private_key_pem=private_pem(key, None), certificate_pem=chain, link_key=_link_key(key))


def is_made_here(chain: Sequence[bytes]) -> bool:
    """Whether a chain (DER) has the form of those that `make_key_file` makes: an issuer that bears the court's own name
    and issued for nobody else. Raises ValueError.
    """
    if len(chain) != 2:
        return False
    own, issuer = map(x509.load_der_x509_certificate, chain)
    fields = (NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME)
    court, name = ("".join(str(one.value) for one in own.subject.get_attributes_for_oid(field)) for field in fields)
    expected = subject_name(court, name, f"{name} CA") if court and name else None
    return expected == issuer.subject == issuer.issuer == own.issuer


def private_key_of(content: bytes, password: bytes) -> SealingKey:
    """The private key in a key file, whatever else is in it. Raises as `open_key_file`."""
    found = _PRIVATE_KEY.search(content) if len(content) <= LARGEST_KEY_FILE else None
    if found is None:
        raise KeyFileUnreadable("this is no key file: it should hold one PEM block 'ENCRYPTED PRIVATE KEY'")
    key = load_private_key(found.group(), password)
    if not isinstance(key, SealingKey):
        raise KeyFileUnreadable("a seal's key should be on P-256 or P-384, or RSA of 2048 bits or more")
    return key


def open_signer(content: bytes, password: bytes) -> FileSigner:
    """The key of a key file, ready to sign. Raises as `open_key_file`."""
    opened = open_key_file(content, password)
    chain = [one.public_bytes(serialization.Encoding.DER) for one in _certificates(opened.certificate_pem)]
    return FileSigner(load_private_key(opened.private_key_pem, None), tuple(chain))


def _certificates(content: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return parsed_pem(content)
    except ValueError as error:
        raise KeyFileUnreadable("the key file should hold the seal's certificate after its key") from error


def _link_key(key: SealingKey) -> bytes:
    # HKDF (RFC 5869) with its own label: knowing link keys tells nothing about the seal's key.
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"songda:link-key:1").derive(_secret_of(key))


def _secret_of(key: SealingKey) -> bytes:
    """Bytes that are the same each time this key is opened, however its file writes it."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
    primes = key.private_numbers()
    return b"".join(prime.to_bytes((key.key_size + 7) // 8, "big") for prime in sorted((primes.p, primes.q)))


def hash_for(key: SealingKey) -> hashes.SHA256 | hashes.SHA384:
    """The hash with which that key signs."""
    return hashes.SHA384() if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 384 else hashes.SHA256()


def subject_name(court: str, court_name: str, common: str) -> x509.Name:
    """What a certificate of that court calls its holder."""
    fields = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, court_name),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, court),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name([x509.NameAttribute(oid, value[:64]) for oid, value in fields])  # RFC 5280 A.1: at most 64


def _issuer_certificate(key: SealingKey, name: x509.Name, validity: tuple[datetime, datetime]) -> x509.Certificate:
    builder = _builder(key.public_key(), name, name, validity, None)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage(certificates=True), critical=True)
    return builder.sign(key, hash_for(key))


def _seal_certificate(
    key: SealingKey,
    issuer: x509.Certificate,
    issuer_key: SealingKey,
    name: x509.Name,
    validity: tuple[datetime, datetime],
    serial: int | None,
) -> x509.Certificate:
    builder = _builder(key.public_key(), name, issuer.subject, validity, serial)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(usage(certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([DOCUMENT_SIGNING]), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return builder.add_extension(authority, critical=False).sign(issuer_key, hash_for(issuer_key))


def _builder(
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    validity: tuple[datetime, datetime],
    serial: int | None,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number() if serial is None else serial)
    builder = builder.not_valid_before(validity[0]).not_valid_after(validity[1])
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)


def usage(*, certificates: bool) -> x509.KeyUsage:
    """What a key is for: issuing certificates, or sealing (RFC 5280 §4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        content_commitment=not certificates,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )
