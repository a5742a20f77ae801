"""A public key infrastructure of another maker (certomancer), that answers: seal, authority, responder, lists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from aiohttp import web
from asn1crypto.x509 import Certificate
from certomancer.integrations.aiohttp_animator import build_animator_app
from certomancer.registry import CertLabel, CertomancerConfig, PKIArchitecture
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from yarl import URL

from signing.file_signer import FileSigner, PrivateKey
from tests.servers import free_port

REVOKED = "2026-02-01T00:00:00+0000"

CONFIG = """
external-url-prefix: "{prefix}"
keysets:
  keys:
    path-prefix: "{folder}"
    keys: {{root: {{path: root.pem}}, seal: {{path: seal.pem}}, tsa: {{path: tsa.pem}}, ocsp: {{path: ocsp.pem}}}}
pki-architectures:
  court:
    keyset: keys
    entity-defaults: {{country-name: CN, organization-name: Certomancer}}
    entities:
      root: {{common-name: Test Root}}
      seal: {{common-name: Test Court}}
      gone: {{common-name: Revoked Court}}
      tsa: {{common-name: Test Authority}}
      ocsp: {{common-name: Test Responder}}
    certs:
      root:
        subject: root
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2040-01-01T00:00:00+0000"}}
        profiles: [{{id: simple-ca, params: {{crl-repo: root}}}}]
      seal:
        subject: seal
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2035-01-01T00:00:00+0000"}}
        extensions: &seal
          - id: key_usage
            critical: true
            smart-value: {{schema: key-usage, params: [digital_signature, non_repudiation]}}
          - {{id: crl_distribution_points, smart-value: {{schema: crl-dist-url, params: {{crl-repo-names: [root]}}}}}}
          - id: authority_information_access
            smart-value: {{schema: aia-urls, params: {{ocsp-responder-names: [ocsp]}}}}
      gone:
        subject: gone
        subject-key: seal
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2035-01-01T00:00:00+0000"}}
        revocation: {{revoked-since: "{revoked}", reason: key_compromise}}
        extensions: *seal
      tsa:
        subject: tsa
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2036-01-01T00:00:00+0000"}}
        extensions:
          - {{id: key_usage, critical: true, smart-value: {{schema: key-usage, params: [digital_signature]}}}}
          - {{id: extended_key_usage, critical: true, value: [time_stamping]}}
          - {{id: crl_distribution_points, smart-value: {{schema: crl-dist-url, params: {{crl-repo-names: [root]}}}}}}
      ocsp:
        subject: ocsp
        issuer: root
        validity: {{valid-from: "2020-01-01T00:00:00+0000", valid-to: "2036-01-01T00:00:00+0000"}}
        extensions:
          - {{id: key_usage, critical: true, smart-value: {{schema: key-usage, params: [digital_signature]}}}}
          - {{id: extended_key_usage, value: [ocsp_signing]}}
          - {{id: ocsp_no_check}}
    services:
      crl-repo: {{root: {{for-issuer: root, signing-key: root, simulated-update-schedule: P30D}}}}
      ocsp: {{ocsp: {{for-issuer: root, responder-cert: ocsp, signing-key: ocsp}}}}
      time-stamping: {{tsa: {{signing-cert: tsa}}}}
"""


@dataclass(frozen=True)
class Pki:
    """`url`: where it answers, while it does; `keys`: the private keys by name."""

    arch: PKIArchitecture
    url: str
    keys: dict[str, PrivateKey]

    def certificate(self, name: str) -> bytes:
        found: Certificate = self.arch.get_cert(CertLabel(name))
        encoded: bytes = found.dump()
        return encoded

    def chain(self, name: str) -> tuple[bytes, bytes]:
        return self.certificate(name), self.certificate("root")

    def signer(self, name: str = "seal") -> FileSigner:
        return FileSigner(self.keys["seal"], self.chain(name))


def made(folder: Path, prefix: str, *, tsa_bits: int = 2048) -> Pki:
    keys: dict[str, PrivateKey] = {
        "root": ec.generate_private_key(ec.SECP256R1()),
        "seal": ec.generate_private_key(ec.SECP256R1()),
        "tsa": rsa.generate_private_key(65537, tsa_bits),  # the only kind that certomancer's authority knows well
        "ocsp": ec.generate_private_key(ec.SECP256R1()),
    }
    for name, key in keys.items():
        plain = serialization.NoEncryption()
        kept = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (folder / f"{name}.pem").write_bytes(kept)
    path = folder / "certomancer.yml"
    path.write_text(CONFIG.format(prefix=prefix, folder=folder, revoked=REVOKED))
    (arch,) = CertomancerConfig.from_file(str(path)).pki_archs.values()
    return Pki(arch, prefix, keys)


@asynccontextmanager
async def served(folder: Path, at: datetime) -> AsyncIterator[Pki]:
    """As of that moment, on a port of loopback."""
    pki = made(folder, f"http://127.0.0.1:{free_port()}")
    async with answering(pki, at):
        yield pki


@asynccontextmanager
async def answering(pki: Pki, at: datetime) -> AsyncIterator[None]:
    """At its own address, as of that moment."""
    runner = web.AppRunner(build_animator_app({"court": pki.arch}, at_time=at, with_web_ui=False), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", URL(pki.url).port).start()
    try:
        yield
    finally:
        await runner.cleanup()
