"""A timestamp authority on loopback: real RFC 3161 tokens under a root of its own, for rehearsals and tests.

Its reading of the standard is its own. `TsaKeys` are made anew for each start; nobody outside the rehearsal trusts
them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from delivery.core.ports import Clock

POLICY = "1.3.6.1.4.1.32473.1"
"""Under the number kept for examples (RFC 5612)."""

LARGEST_QUESTION = 4096
LIFE = timedelta(days=3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class TsaKeys:
    """The authority's key, its certificate and the root's, ready to sign."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    root: x509.Certificate


def make_keys(name: str, at: datetime, *, life: timedelta = LIFE) -> TsaKeys:
    """A root and, under it, an authority called `name`, both valid from a day before `at` (aware) for `life`."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} Root")])
    root = (
        _certificate(called, root_key, called, at, life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(issues=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _certificate(own, key, called, at, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(issues=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    return TsaKeys(key=key, certificate=certificate, root=root)


def _certificate(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, issuer: x509.Name, at: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


class TsaCounterpart:
    """Answers POSTs of application/timestamp-query. `given`: the time stamps given so far; `away`: it answers 503."""

    def __init__(self, *, clock: Clock, keys: TsaKeys, policy: str = POLICY) -> None:
        self._clock, self._keys, self._policy = clock, keys, policy
        self._runner: web.AppRunner | None = None
        self.given = 0
        self.away = False
        self.url = ""

    @property
    def root_pem(self) -> bytes:
        """What a verifier trusts."""
        return self._keys.root.public_bytes(serialization.Encoding.PEM)

    async def start(self) -> None:
        app = web.Application(client_max_size=LARGEST_QUESTION)
        app.router.add_post("/tsa", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/tsa"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def next_due(self) -> datetime | None:
        """It does nothing by itself."""
        return None

    async def advance(self) -> None:
        """Nothing is ever due."""

    async def _answer(self, request: web.Request) -> web.Response:
        if self.away:
            return web.Response(status=503)
        if request.content_type != "application/timestamp-query":
            return web.Response(status=415)
        answer = self.respond(await request.read())
        return web.Response(body=answer, content_type="application/timestamp-reply")

    def respond(self, question: bytes) -> bytes:
        """The DER of a TimeStampResp: a token, or a rejection with its reason (RFC 3161 §2.4.2)."""
        try:
            asked = tsp.TimeStampReq.load(question, strict=True)
            algorithm, imprint = _imprint(asked)
        except (ValueError, TypeError, KeyError):
            return _rejected("bad_data_format")
        if algorithm != "sha256" or len(imprint) != hashlib.sha256().digest_size:
            return _rejected("bad_alg")
        if asked["req_policy"].native not in (None, self._policy):
            return _rejected("unaccepted_policy")
        self.given += 1
        token = self.token(asked, self._clock.now().astimezone(UTC))
        return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())

    def token(self, asked: tsp.TimeStampReq, at: datetime) -> cms.ContentInfo:
        """A TimeStampToken for that question at that time (UTC)."""
        said: dict[str, Any] = {
            "version": "v1",
            "policy": self._policy,
            "message_imprint": asked["message_imprint"],
            "serial_number": int.from_bytes(hashlib.sha256(asked.dump() + at.isoformat().encode()).digest()[:16]),
            "gen_time": core.GeneralizedTime(at.replace(microsecond=0)),
            "accuracy": {"seconds": 1},
        }
        if asked["nonce"].native is not None:
            said["nonce"] = asked["nonce"]
        content: bytes = tsp.TSTInfo(said).dump()
        certificates = [self._keys.certificate] if asked["cert_req"].native else []
        return cms.ContentInfo(
            {
                "content_type": "signed_data",
                "content": {
                    "version": "v3",
                    "digest_algorithms": [{"algorithm": "sha256"}],
                    "encap_content_info": {"content_type": "tst_info", "content": core.ParsableOctetString(content)},
                    "certificates": [_asn1(each) for each in certificates],
                    "signer_infos": [self._signer_info(content)],
                },
            }
        )

    def _signer_info(self, content: bytes) -> cms.SignerInfo:
        own = _asn1(self._keys.certificate)
        identifier = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(own.dump()).digest()})
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": ["tst_info"]},
                {"type": "message_digest", "values": [hashlib.sha256(content).digest()]},
                {"type": "signing_certificate_v2", "values": [tsp.SigningCertificateV2({"certs": [identifier]})]},
            ]
        )
        signature = self._keys.key.sign(attributes.dump(), ec.ECDSA(hashes.SHA256()))
        return cms.SignerInfo(
            {
                "version": "v1",
                "sid": {"issuer_and_serial_number": {"issuer": own.issuer, "serial_number": own.serial_number}},
                "digest_algorithm": {"algorithm": "sha256"},
                "signed_attrs": attributes,
                "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}),
                "signature": signature,
            }
        )


def _imprint(asked: tsp.TimeStampReq) -> tuple[str, bytes]:
    found = asked["message_imprint"]
    return found["hash_algorithm"]["algorithm"].native, found["hashed_message"].native


def _rejected(reason: str) -> bytes:
    """A response without a token; asn1crypto's TimeStampResp insists on one."""
    status = tsp.PKIStatusInfo({"status": "rejection", "fail_info": {reason}}).dump()
    return bytes(core.Sequence(contents=status).dump())


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
