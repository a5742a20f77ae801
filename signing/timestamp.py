"""Trusted time (RFC 3161): the question to an authority, and the judgement of what it answers.

Pure: bytes in, bytes and findings out. Nothing that a token says is believed before its imprint, its signer's purpose,
its signature and its chain to a given anchor have been checked; each fault has a name of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from asn1crypto import algos, cms, core, tsp
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import verification as chains
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signing import policy as algorithm_policy
from signing.certificates import UNREADABLE, parsed
from signing.errors import SigningError

MAX_RESPONSE = 64 * 1024
"""Bytes. A token with a chain of four and an embedded revocation list of a small authority takes a fifth of it."""

MAX_CERTIFICATES = 16
MAX_CHAIN = 8

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_UTC_TIME = re.compile(rb"\d{14}(\.\d{1,6})?Z")
_BROKEN = (
    *(ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, AttributeError),
    *UNREADABLE,
)
"""What asn1crypto and cryptography raise, sooner or later, on bytes that are not what they should be."""


class Fault(StrEnum):
    """Why a response or token is not accepted."""

    UNREADABLE = "unreadable"  # no DER, too large, more than one signer, no certificates
    REJECTED = "rejected"  # the authority's status is not granted (RFC 3161 §2.4.2)
    IMPRINT = "imprint"
    HASH = "hash_algorithm"
    NONCE = "nonce"
    POLICY = "policy"
    PURPOSE = "purpose"  # not made for timestamps, or for other things too (RFC 3161 §2.3)
    CERTIFICATE = "certificate"  # the signed certificate identifier names another one (RFC 5816)
    SIGNATURE = "signature"
    ALGORITHM = "algorithm"  # too weak, or none that we know
    CHAIN = "chain"  # leads to no anchor that was valid at the token's time
    TIME = "time"  # not in UTC with whole seconds (RFC 3161 §2.4.2)


class TimestampWrong(SigningError):
    """A response or token that proves nothing. `fault` says what is wrong with it."""

    def __init__(self, fault: Fault, says: str) -> None:
        super().__init__(f"{fault}: {says}")
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A timestamp: `der` is the TimeStampToken, `at` its time in UTC, `accuracy` what the authority says of it (None:
    nothing), `authority` the name in its signer's certificate.
    """

    der: bytes
    at: datetime
    accuracy: timedelta | None
    policy: str
    authority: str
    imprint: bytes


class _Response(core.Sequence):  # type: ignore[misc]
    """TimeStampResp: a rejection has no token (RFC 3161 §2.4.2), which asn1crypto's own class would not read."""

    _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]  # noqa: RUF012


def query(imprint: bytes, nonce: int, policy: str | None) -> bytes:
    """The DER of a TimeStampReq for a SHA-256 (32 bytes) that asks for the signer's certificate (RFC 3161 §2.4.1)."""
    if len(imprint) != hashlib.sha256().digest_size:
        raise ValueError("an imprint is a SHA-256 of 32 bytes")
    asked = {
        "version": 1,
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": imprint},
        "nonce": nonce,
        "cert_req": True,
    }
    encoded: bytes = tsp.TimeStampReq({**asked, "req_policy": policy} if policy else asked).dump()
    return encoded


def token_of(
    response: bytes, *, imprint: bytes, nonce: int, trust: Sequence[bytes], policy: str | None = None
) -> Token:
    """The token in an authority's answer to `query`, judged whole. `trust`: DER of anchors, or of authorities' own
    certificates. Raises TimestampWrong.
    """
    return check(_granted(response), imprint=imprint, nonce=nonce, trust=trust, policy=policy)


def check(
    token: bytes, *, imprint: bytes, trust: Sequence[bytes], nonce: int | None = None, policy: str | None = None
) -> Token:
    """A kept token (DER TimeStampToken) judged against what it should cover. Raises TimestampWrong."""
    opened = _opened(token)
    if opened.token.imprint != imprint:
        raise TimestampWrong(Fault.IMPRINT, "it covers something else")
    if nonce is not None and opened.nonce != nonce:
        raise TimestampWrong(Fault.NONCE, "it answers another question")
    if policy is not None and opened.token.policy != policy:
        raise TimestampWrong(Fault.POLICY, f"given under {opened.token.policy}")
    _check_purpose(opened.certificate)
    _check_signed_attributes(opened)
    _check_signature(opened)
    _check_chain(opened, trust)
    return opened.token


def read(token: bytes) -> Token:
    """What a token says, unjudged. Raises TimestampWrong (UNREADABLE, TIME, HASH)."""
    return _opened(token).token


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A token taken apart. `content`: the TSTInfo as it was signed; `others`: certificates that came along."""

    token: Token
    nonce: int | None
    content: bytes
    signer: Any
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]


def _granted(response: bytes) -> bytes:
    if len(response) > MAX_RESPONSE:
        raise TimestampWrong(Fault.UNREADABLE, "the response is too large")
    try:
        answer = _Response.load(response, strict=True)
        status = str(answer["status"]["status"].native)
        reasons = answer["status"]["fail_info"].native or ()
        token = answer["time_stamp_token"]
        if status not in ("granted", "granted_with_mods"):
            raise TimestampWrong(Fault.REJECTED, f"{status} {' '.join(sorted(reasons))}".rstrip())
        if isinstance(token, core.Void):
            raise TimestampWrong(Fault.UNREADABLE, "granted, and no token in it")
        encoded: bytes = token.dump()
    except _BROKEN as error:
        raise TimestampWrong(Fault.UNREADABLE, "no TimeStampResp") from error
    return encoded


def _opened(token: bytes) -> _Opened:
    if len(token) > MAX_RESPONSE:
        raise TimestampWrong(Fault.UNREADABLE, "the token is too large")
    try:
        return _taken_apart(token)
    except _BROKEN as error:
        raise TimestampWrong(Fault.UNREADABLE, "no TimeStampToken") from error


def _taken_apart(token: bytes) -> _Opened:
    container = cms.ContentInfo.load(token, strict=True)
    if container["content_type"].native != "signed_data":
        raise ValueError("not signed")
    signed = container["content"]
    if signed["encap_content_info"]["content_type"].native != "tst_info" or len(signed["signer_infos"]) != 1:
        raise ValueError("not one signer over a TSTInfo")
    content = bytes(signed["encap_content_info"]["content"])
    info, signer = tsp.TSTInfo.load(content, strict=True), signed["signer_infos"][0]
    certificate, others = _certificates(signed["certificates"], signer["sid"])
    nonce = info["nonce"].native
    return _Opened(
        token=Token(
            der=token,
            at=_time(info["gen_time"]),
            accuracy=_accuracy(info["accuracy"]),
            policy=str(info["policy"].dotted),
            authority=_name(certificate),
            imprint=_imprint(info["message_imprint"]),
        ),
        nonce=nonce,
        content=content,
        signer=signer,
        certificate=certificate,
        others=others,
    )


def _certificates(found: Any, sid: Any) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """The signer's, by issuer and serial number or by key identifier, and the rest."""
    if isinstance(found, core.Void) or len(found) > MAX_CERTIFICATES:
        raise ValueError("certificates were asked for, and not by the dozen")
    all_of_them = [each.chosen for each in found if each.name == "certificate"]
    mine = [each for each in all_of_them if _is_named(each, sid)]
    if len({each.dump() for each in mine}) != 1:
        raise ValueError("the signer's certificate is not there")
    own = mine[0].dump()
    rest = tuple(parsed(each.dump()) for each in all_of_them if each.dump() != own)
    return parsed(own), rest


def _is_named(certificate: Any, sid: Any) -> bool:
    if sid.name == "subject_key_identifier":
        return bool(certificate.key_identifier == sid.chosen.native)
    same: bool = certificate.issuer == sid.chosen["issuer"]
    return same and certificate.serial_number == sid.chosen["serial_number"].native


def _time(value: Any) -> datetime:
    if not _UTC_TIME.fullmatch(value.contents):
        raise TimestampWrong(Fault.TIME, "its time is not written in UTC")
    at: datetime = value.native
    return at.astimezone(UTC)


def _accuracy(value: Any) -> timedelta | None:
    if isinstance(value, core.Void):
        return None
    said = value.native
    return timedelta(seconds=said["seconds"] or 0, milliseconds=said["millis"] or 0, microseconds=said["micros"] or 0)


def _imprint(value: Any) -> bytes:
    if value["hash_algorithm"]["algorithm"].native != "sha256":
        raise TimestampWrong(Fault.HASH, "the imprint is not a SHA-256")
    imprint: bytes = value["hashed_message"].native
    return imprint


def _name(certificate: x509.Certificate) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for found in certificate.subject.get_attributes_for_oid(kind):
            return str(found.value)[:200]
    return certificate.subject.rfc4514_string()[:200]


def _check_purpose(certificate: x509.Certificate) -> None:
    """The certificate's only purpose is timestamps, and says so critically (RFC 3161 §2.3)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise TimestampWrong(Fault.PURPOSE, "the certificate names no purpose") from None
    if not found.critical or list(found.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise TimestampWrong(Fault.PURPOSE, "the certificate is not for timestamps alone")


def _check_signed_attributes(opened: _Opened) -> None:
    """What was signed names this content, as a TSTInfo, and this certificate (RFC 5652 §11, RFC 5035, RFC 5816)."""
    try:
        attributes = _attributes(opened.signer["signed_attrs"])
        digest = hashlib.new(_strong(opened.signer["digest_algorithm"]["algorithm"].native), opened.content).digest()
        if attributes["content_type"].native != "tst_info" or attributes["message_digest"].native != digest:
            raise TimestampWrong(Fault.SIGNATURE, "the signature is over something else")
        named = _certificate_named(attributes, opened.certificate)
    except _BROKEN as error:
        raise TimestampWrong(Fault.SIGNATURE, "what was signed does not say what it is") from error
    if not named:
        raise TimestampWrong(Fault.CERTIFICATE, "the signature names another certificate")


def _attributes(signed: Any) -> dict[str, Any]:
    """By name, each with its one value. Raises ValueError where one comes twice."""
    found: dict[str, Any] = {}
    for attribute in signed:
        name = attribute["type"].native
        if name in found or len(attribute["values"]) != 1:
            raise ValueError("an attribute comes once, with one value")
        found[name] = attribute["values"][0]
    return found


def _certificate_named(attributes: dict[str, Any], certificate: x509.Certificate) -> bool:
    """By version 2 of the attribute where it is there, else by version 1, whose SHA-1 only tells certificates apart
    that a chain vouches for.
    """
    encoded = certificate.public_bytes(serialization.Encoding.DER)
    if "signing_certificate_v2" in attributes:
        first = attributes["signing_certificate_v2"]["certs"][0]
        algorithm = _strong(first["hash_algorithm"]["algorithm"].native)
        return bool(first["cert_hash"].native == hashlib.new(algorithm, encoded).digest())
    first = attributes["signing_certificate"]["certs"][0]
    return bool(first["cert_hash"].native == hashlib.sha1(encoded, usedforsecurity=False).digest())


def _strong(name: str) -> str:
    if name not in _HASHES:
        raise TimestampWrong(Fault.ALGORITHM, f"signed with {name}")
    return name


def _check_signature(opened: _Opened) -> None:
    signer = opened.signer
    try:
        key = opened.certificate.public_key()
        encoded: bytes = signer["signed_attrs"].dump()
        if encoded[:1] != b"\xa0":
            raise TimestampWrong(Fault.SIGNATURE, "the signed attributes are not DER")
        # Signed as a SET, stored under [0] (RFC 5652 §5.4).
        _verify(key, signer["signature"].native, b"\x31" + encoded[1:], opened)
    except InvalidSignature:
        raise TimestampWrong(Fault.SIGNATURE, "the signature does not fit") from None
    except (UnsupportedAlgorithm, *_BROKEN) as error:
        raise TimestampWrong(Fault.ALGORITHM, "the signature is of a kind that is not known here") from error


def _verify(key: object, signature: bytes, message: bytes, opened: _Opened) -> None:
    algorithm: algos.SignedDigestAlgorithm = opened.signer["signature_algorithm"]
    if algorithm["algorithm"].native in ("rsassa_pkcs1v15", "ecdsa"):  # the hash is told beside it
        name = opened.signer["digest_algorithm"]["algorithm"].native
    else:
        name = algorithm.hash_algo
    digest = _HASHES[_strong(name)]
    if isinstance(key, rsa.RSAPublicKey):
        _check_policy("rsa", key.key_size, name, opened.token.at)
        key.verify(signature, message, _padding(algorithm, digest), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        _check_policy("ecdsa", key.key_size, name, opened.token.at)
        key.verify(signature, message, ec.ECDSA(digest))
    else:
        raise TimestampWrong(Fault.ALGORITHM, "the authority's key is neither RSA nor ECDSA")


def _check_policy(algorithm: str, bits: int, digest: str, at: datetime) -> None:
    ruling = algorithm_policy.judge(algorithm, bits, digest, at.date())
    if not ruling.ok:
        raise TimestampWrong(Fault.ALGORITHM, ruling.reason_en)


def _padding(algorithm: algos.SignedDigestAlgorithm, digest: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if algorithm.signature_algo != "rsassa_pss":
        return padding.PKCS1v15()
    mask = algorithm["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native
    return padding.PSS(padding.MGF1(_HASHES[_strong(mask)]), algorithm["parameters"]["salt_length"].native)


def _check_chain(opened: _Opened, trust: Sequence[bytes]) -> None:
    """From the signer to one of the anchors, every certificate valid at the token's time (RFC 5280 §6)."""
    anchors = [x509.load_der_x509_certificate(each) for each in trust]
    if not anchors:
        raise TimestampWrong(Fault.CHAIN, "no anchor was given")
    if opened.certificate in anchors:
        if not opened.certificate.not_valid_before_utc <= opened.token.at <= opened.certificate.not_valid_after_utc:
            raise TimestampWrong(Fault.CHAIN, "the certificate was not valid at that time")
        return
    verifier = (
        chains.PolicyBuilder()
        .store(chains.Store(anchors))
        .time(opened.token.at)
        .max_chain_depth(MAX_CHAIN)
        .extension_policies(ca_policy=_ISSUERS, ee_policy=chains.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        verifier.verify(opened.certificate, list(opened.others))
    except (chains.VerificationError, ValueError) as error:
        raise TimestampWrong(Fault.CHAIN, "no chain to an anchor that was valid at that time") from error


def _may_issue(policy: object, certificate: x509.Certificate, usage: x509.ExtendedKeyUsage | None) -> None:
    """An issuer that names purposes must name timestamps among them. Raises ValueError."""
    allowed = (ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if usage is not None and not any(purpose in usage for purpose in allowed):
        raise ValueError("an issuer that may not issue for timestamps")


_ISSUERS = chains.ExtensionPolicy.webpki_defaults_ca().may_be_present(
    x509.ExtendedKeyUsage, chains.Criticality.AGNOSTIC, _may_issue
)
"""As the web's certificates are judged, but for the purpose."""
