"""A small certificate authority: seals on any kind of key, a timestamp authority, revocation lists."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.sign.timestamps import DummyTimeStamper

from signing.file_signer import FileSigner, PrivateKey
from signing.signer import Signer

START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)


@cache
def key_of(kind: str) -> PrivateKey:
    """p256, p384, rsa2048 or rsa3072; one for each kind in a run, since RSA keys take their time."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind])


@dataclass(frozen=True)
class Authority:
    """Issues certificates under one root, valid from 2025 to 2045."""

    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.PEM)

    def signer(self, kind: str) -> Signer:
        key = key_of(kind)
        return FileSigner(key, (_der(self._issued(key, "Court")), _der(self.root)))

    def timestamper(self, at: datetime) -> DummyTimeStamper:
        key = key_of("rsa2048")  # the only kind that pyHanko's timestamper knows
        stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        own = asn1_x509.Certificate.load(_der(self._issued(key, "TSA", stamping)))
        plain = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return DummyTimeStamper(own, asn1_keys.PrivateKeyInfo.load(plain), fixed_dt=at)

    def crl(self, at: datetime) -> bytes:
        """An empty list, fresh at `at`."""
        building = x509.CertificateRevocationListBuilder().issuer_name(self.root.subject)
        made = building.last_update(at - timedelta(hours=1)).next_update(at + timedelta(days=30))
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def _issued(self, key: PrivateKey, name: str, use: x509.ExtendedKeyUsage | None = None) -> x509.Certificate:
        building = _certificate(name, self.root.subject, key).add_extension(_usage(seals=True), critical=True)
        if use:
            building = building.add_extension(use, critical=True)
        return building.sign(self.key, hashes.SHA256())


def made() -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Root")])
    building = _certificate("Root", subject, key).add_extension(x509.BasicConstraints(True, None), critical=True)
    root = building.add_extension(_usage(seals=False), critical=True).sign(key, hashes.SHA256())
    return Authority(key, root)


def token(stamper: DummyTimeStamper, imprint: bytes) -> bytes:
    """A timestamp token over a SHA-256, as DER."""
    encoded: bytes = asyncio.run(stamper.async_timestamp(imprint, "sha256")).dump()
    return encoded


def _certificate(name: str, issuer: x509.Name, key: PrivateKey) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    building = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return building.serial_number(x509.random_serial_number()).not_valid_before(START).not_valid_after(END)


def _usage(*, seals: bool) -> x509.KeyUsage:
    return x509.KeyUsage(seals, seals, False, False, False, not seals, not seals, False, False)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
