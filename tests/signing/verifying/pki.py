"""Courts, strangers and authorities of these tests: roots, seals, revocation lists, tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeAlias

from asn1crypto import algos, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from adapters.counterparts.tsa import TsaKeys, make_keys
from signing.file_signer import FileSigner, PemKey
from signing.pdf import Seal, load_seal
from tests.signing.authorities import authority

AT = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
LATER = AT + timedelta(days=30)
"""When these tests look at what was sealed."""

TOKEN_ROOM = 8192
Key: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def p256() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Sealer:
    """A root, and under it the certificate of a seal."""

    root_key: Key
    root: x509.Certificate
    key: Key
    certificate: x509.Certificate

    @property
    def root_pem(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        none = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)

    @property
    def chain_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM) + self.root_pem

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issued_to(self, key: Key) -> x509.Certificate:
        """By the same root, another customer's, with the same name."""
        return _sealing(self.root.subject, self.root_key, self.certificate.subject, key, _validity(self.certificate))

    @property
    def chain(self) -> tuple[bytes, bytes]:
        return der(self.certificate), der(self.root)

    @cached_property
    def signer(self) -> FileSigner:
        return PemKey(self.key_pem, self.chain_pem)()

    @cached_property
    def seal(self) -> Seal:
        return load_seal(self.key_pem, self.chain_pem, "示例市滨江区人民法院", "电子送达专用章")

    @cached_property
    def stamped_seal(self) -> Seal:
        """Keeps room for a timestamp."""
        return load_seal(self.key_pem, self.chain_pem, "示例市滨江区人民法院", "电子送达专用章", token_room=TOKEN_ROOM)

    def revocations(self, *, revoked_at: datetime | None = None, at: datetime = AT) -> bytes:
        """A revocation list (DER) of the root, in which the seal stands or does not."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.root.subject)
            .last_update(at - timedelta(hours=1))
            .next_update(at + timedelta(days=60))
        )
        if revoked_at is not None:
            entry = x509.RevokedCertificateBuilder().serial_number(self.certificate.serial_number)
            reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
            entry = entry.revocation_date(revoked_at).add_extension(reason, critical=False)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.root_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def sealer(
    name: str,
    *,
    key: Key | None = None,
    not_before: datetime = AT - timedelta(days=400),
    not_after: datetime = AT + timedelta(days=4000),
) -> Sealer:
    root_key, key = p256(), key or p256()
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} CA")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    wide = (AT - timedelta(days=5000), AT + timedelta(days=9000))
    root = (
        begun(root_name, root_name, root_key, wide)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(issues=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    return Sealer(root_key, root, key, _sealing(root_name, root_key, subject, key, (not_before, not_after)))


def _sealing(
    issuer: x509.Name, issuer_key: Key, subject: x509.Name, key: Key, validity: tuple[datetime, datetime]
) -> x509.Certificate:
    return (
        begun(subject, issuer, key, validity)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(issues=False), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _validity(certificate: x509.Certificate) -> tuple[datetime, datetime]:
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def begun(
    subject: x509.Name, issuer: x509.Name, key: Key, validity: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity[0])
        .not_valid_after(validity[1])
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=not issues,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True)
class Clock:
    """A timestamp authority that says whatever time it is told to."""

    keys: TsaKeys

    @property
    def root_pem(self) -> bytes:
        return self.keys.root.public_bytes(serialization.Encoding.PEM)

    @property
    def certificates(self) -> Sequence[bytes]:
        return der(self.keys.certificate), der(self.keys.root)

    def token(self, imprint: bytes, at: datetime = AT) -> bytes:
        """A TimeStampToken (DER) over that SHA-256."""
        digest = algos.DigestAlgorithm({"algorithm": "sha256"})
        asked = tsp.TimeStampReq(
            {
                "version": 1,
                "message_imprint": {"hash_algorithm": digest, "hashed_message": imprint},
                "cert_req": True,
            }
        )
        made: bytes = authority(at, self.keys).token(asked, at).dump()
        return made

    def over(self, content: bytes, at: datetime = AT) -> bytes:
        return self.token(hashlib.sha256(content).digest(), at)


def clock() -> Clock:
    return Clock(make_keys("练习时间戳机构", AT - timedelta(days=3000), life=timedelta(days=9000)))
