"""Timestamp authorities of three makers: ours, certomancer's, openssl's; and ours with one thing wrong."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from certomancer.registry import CertomancerConfig
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.counterparts.tsa import TsaCounterpart, TsaKeys, make_keys

AT = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
IMPRINT = hashlib.sha256(b"what is stamped").digest()
NONCE = 0x1234_5678_9ABC_DEF0


class Stopped:
    """A clock that shows one instant."""

    def __init__(self, at: datetime = AT) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> str:
        raise AssertionError("an authority makes no identifiers of ours")


def authority(at: datetime = AT, keys: TsaKeys | None = None) -> TsaCounterpart:
    return TsaCounterpart(clock=Stopped(at), keys=keys or make_keys("练习时间戳机构", AT))


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def keys_for(
    purposes: Sequence[x509.ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,),
    *,
    critical: bool = True,
    issuer_is_ca: bool = True,
    life: timedelta = timedelta(days=365),
) -> TsaKeys:
    """An authority whose certificate says what it is told to."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Odd Root")])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Odd Authority")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issuer_is_ca,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )

    def begun(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(AT - timedelta(days=1))
            .not_valid_after(AT + life)
        )

    root = (
        begun(name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=issuer_is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    builder = begun(own, key.public_key())
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
    return TsaKeys(key=key, certificate=builder.sign(root_key, hashes.SHA256()), root=root)


CERTOMANCER = """
external-url-prefix: "http://localhost"
keysets:
  keys:
    path-prefix: "{folder}"
    keys:
      root: {{path: root.pem}}
      tsa: {{path: tsa.pem}}
pki-architectures:
  court:
    keyset: keys
    entity-defaults: {{country-name: CN, organization-name: Certomancer}}
    entities:
      root: {{common-name: Test Root}}
      tsa: {{common-name: Test Authority}}
    certs:
      root:
        subject: root
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2040-01-01T00:00:00+0000"}}
        profiles: [{{id: simple-ca, params: {{crl-repo: root}}}}]
      tsa:
        subject: tsa
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2040-01-01T00:00:00+0000"}}
        extensions:
          - {{id: key_usage, critical: true, smart-value: {{schema: key-usage, params: [digital_signature]}}}}
          - {{id: extended_key_usage, critical: true, value: [time_stamping]}}
    services:
      crl-repo:
        root: {{for-issuer: root, signing-key: root, simulated-update-schedule: P90D}}
      time-stamping:
        tsa: {{signing-cert: tsa}}
"""


def certomancer(folder: Path, *, bits: int = 2048) -> CertomancerConfig:
    """A public key infrastructure with an RSA authority."""
    for name in ("root", "tsa"):
        key = rsa.generate_private_key(65537, bits if name == "tsa" else 2048)
        encoded = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(encoded)
    path = folder / "certomancer.yml"
    path.write_text(CERTOMANCER.format(folder=folder))
    return CertomancerConfig.from_file(str(path))


OPENSSL = """
[tsa]
default_tsa = t
[t]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/own.pem
certs = {folder}/root.pem
signer_key = {folder}/key.pem
signer_digest = sha256
default_policy = 1.2.3.4.5
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
ess_cert_id_alg = {ess}
"""


def openssl_answer(folder: Path, question: bytes, keys: TsaKeys, *, ess: str = "sha256") -> bytes:
    """What `openssl ts -reply` says, at the machine's time."""
    (folder / "tsa.cnf").write_text(OPENSSL.format(folder=folder, ess=ess))
    (folder / "serial").write_text("01\n")
    (folder / "q.tsq").write_bytes(question)
    (folder / "own.pem").write_bytes(keys.certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "root.pem").write_bytes(keys.root.public_bytes(serialization.Encoding.PEM))
    encoded = keys.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(encoded)
    command = ["openssl", "ts", "-reply", "-config", "tsa.cnf", "-section", "t", "-queryfile", "q.tsq", "-out", "r"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return (folder / "r").read_bytes()


def openssl_verifies(folder: Path, question: bytes, answer: bytes, root_pem: bytes, at: datetime) -> bool:
    """Whether `openssl ts -verify` accepts the answer to that question under that root."""
    (folder / "q.tsq").write_bytes(question)
    (folder / "a.tsr").write_bytes(answer)
    (folder / "trust.pem").write_bytes(root_pem)
    command = ["openssl", "ts", "-verify", "-queryfile", "q.tsq", "-in", "a.tsr", "-CAfile", "trust.pem"]
    done = subprocess.run(
        [*command, "-attime", str(int(at.timestamp()))], cwd=folder, check=False, capture_output=True, text=True
    )
    return done.returncode == 0 and "Verification: OK" in done.stdout
