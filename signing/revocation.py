"""Revocation data (RFC 5280 §5, RFC 6960): where a certificate says that it is kept, and the judgement of what comes.

Pure: bytes in, findings out. A list or an answer counts only when whoever issued the certificate, or whom the issuer
named for that, signed it, and when it is of the present. What it then says of the certificate is its own word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from signing.certificates import UNREADABLE, parsed
from signing.errors import SigningError

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes. The lists of large authorities reach a megabyte."""

MAX_POINTS = 8
CLOCKS_APART = timedelta(minutes=5)

NONE_KEPT = "no revocation data: the issuer keeps none"
"""What is said of a certificate that names neither a list nor a responder, as those have that songda makes itself."""

_BROKEN = (ValueError, UnsupportedAlgorithm, *UNREADABLE)


class Kind(StrEnum):
    """Also how its files end, in a pack."""

    CRL = "crl"
    OCSP = "ocsp"


class Fault(StrEnum):
    """Why an answer does not count."""

    UNREADABLE = "unreadable"
    REFUSED = "refused"  # the responder does not answer this question (RFC 6960 §2.3)
    ISSUER = "issuer"  # of another issuer, or by a responder that the issuer did not name
    SIGNATURE = "signature"
    SERIAL = "serial"  # about another certificate
    EARLY = "early"  # thisUpdate is still to come
    STALE = "stale"  # nextUpdate is past, or was never told


class RevocationWrong(SigningError):
    """A list or an answer that shows nothing. `fault` says why."""

    def __init__(self, fault: Fault, says: str) -> None:
        super().__init__(f"{fault}: {says}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Point:
    """Where to ask: an http or https address."""

    kind: Kind
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a judged list or answer (`der`) says of one certificate, from `this_update` until `next_update` (UTC).

    `revoked_at`: None while it is not revoked.
    """

    kind: Kind
    der: bytes = field(repr=False)
    this_update: datetime
    next_update: datetime
    revoked_at: datetime | None


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of the DER, lower-case hex."""
    return _loaded(certificate).fingerprint(hashes.SHA256()).hex()


def issued(chain: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each certificate of a chain (DER, its own first) with its issuer's, where that follows; anchors are left out."""
    for one, issuer in pairwise(chain):
        if _loaded(one).issuer == _loaded(issuer).subject and one != issuer:
            yield one, issuer


def points(certificate: bytes) -> tuple[Point, ...]:
    """Where the certificate says that one can ask (RFC 5280 §4.2.1.13, §4.2.2.1): responders first, they say less and
    fresher. Empty where its issuer keeps nothing. Raises RevocationWrong.
    """
    found = _loaded(certificate)
    try:
        named = [*_responders(found), *_lists(found)]
    except ValueError as error:
        raise RevocationWrong(Fault.UNREADABLE, "an extension of the certificate") from error
    return tuple(point for point in named if point.url.startswith(("http://", "https://")))[:MAX_POINTS]


def question(certificate: bytes, issuer: bytes) -> bytes:
    """The DER of an OCSPRequest. SHA-1 only names the issuer here, and is what every responder knows (RFC 5019 §2.1.1).

    No nonce: answers are made once and handed to many, and are as fresh as they say (RFC 5019 §4).
    """
    # What is named by the digest is signed by nobody.
    asked = ocsp.OCSPRequestBuilder().add_certificate(_loaded(certificate), _loaded(issuer), hashes.SHA1())  # noqa: S303
    return asked.build().public_bytes(serialization.Encoding.DER)


def judged(kind: Kind, content: bytes, certificate: bytes, issuer: bytes, at: datetime) -> Standing:
    """What that list or answer says of the certificate at `at` (aware). Raises RevocationWrong."""
    if len(content) > MAX_ANSWER:
        raise RevocationWrong(Fault.UNREADABLE, "it is too large")
    subject, by = _loaded(certificate), _loaded(issuer)
    found = _list(content, subject, by) if kind is Kind.CRL else _answer(content, subject, by, at)
    if found.this_update > at + CLOCKS_APART:
        raise RevocationWrong(Fault.EARLY, f"it is of {found.this_update:%Y-%m-%d %H:%M} UTC")
    if found.next_update < at:
        raise RevocationWrong(Fault.STALE, f"the next was due at {found.next_update:%Y-%m-%d %H:%M} UTC")
    return found


# --- lists ------------------------------------------------------------------------------------------------------------


def _lists(certificate: x509.Certificate) -> Iterator[Point]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except x509.ExtensionNotFound:
        return
    for point in found:
        if point.reasons is None and point.crl_issuer is None:  # a list of all reasons, by the issuer itself
            for name in point.full_name or ():
                if isinstance(name, x509.UniformResourceIdentifier):
                    yield Point(Kind.CRL, name.value)


def _list(content: bytes, certificate: x509.Certificate, issuer: x509.Certificate) -> Standing:
    try:
        found = x509.load_der_x509_crl(content)
        whole = all(_is_for(certificate, one) for one in found.extensions if one.critical)
        entry = found.get_revoked_certificate_by_serial_number(certificate.serial_number)
        own = found.issuer == issuer.subject
    except _BROKEN as error:
        raise RevocationWrong(Fault.UNREADABLE, "no CertificateList") from error
    if not own:
        raise RevocationWrong(Fault.ISSUER, "a list of another issuer")
    if not whole:
        raise RevocationWrong(Fault.SERIAL, "a list of other certificates, or of changes alone")
    if not _good(lambda: _is_signed(found, issuer)):
        raise RevocationWrong(Fault.SIGNATURE, "the list is not signed by the issuer, or by a key not known here")
    if found.next_update_utc is None:
        raise RevocationWrong(Fault.STALE, "the list does not say when the next is due")
    return Standing(
        kind=Kind.CRL,
        der=content,
        this_update=found.last_update_utc,
        next_update=found.next_update_utc,
        revoked_at=entry.revocation_date_utc if entry is not None else None,
    )


def _is_signed(found: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey):
        return False
    return found.is_signature_valid(key)


def _is_for(certificate: x509.Certificate, extension: x509.Extension[x509.ExtensionType]) -> bool:
    """Whether a critical extension leaves this certificate in the list's scope (RFC 5280 §5.2.5, §6.3.3 b); lists of
    changes (§5.2.4) and what is unknown do not.
    """
    scope = extension.value
    if not isinstance(scope, x509.IssuingDistributionPoint):
        return False
    if scope.indirect_crl or scope.only_some_reasons or scope.only_contains_attribute_certs:
        return False
    named = {name.value for name in scope.full_name or () if isinstance(name, x509.UniformResourceIdentifier)}
    mine = {point.url for point in _lists(certificate)}
    kind = scope.only_contains_user_certs if _is_authority(certificate) else scope.only_contains_ca_certs
    return not kind and (not named or bool(named & mine))


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


# --- answers ----------------------------------------------------------------------------------------------------------


def _responders(certificate: x509.Certificate) -> Iterator[Point]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return
    for one in found:
        name = one.access_location
        if one.access_method == AuthorityInformationAccessOID.OCSP and isinstance(name, x509.UniformResourceIdentifier):
            yield Point(Kind.OCSP, name.value)


def _answer(content: bytes, certificate: x509.Certificate, issuer: x509.Certificate, at: datetime) -> Standing:
    try:
        response = ocsp.load_der_ocsp_response(content)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise RevocationWrong(Fault.REFUSED, response.response_status.name.lower())
        single = _about(response, certificate, issuer)
        signed = _good(lambda: _check_signature(response, _responder(response, issuer, at)))
    except _BROKEN as error:
        raise RevocationWrong(Fault.UNREADABLE, "no OCSPResponse") from error
    if not signed:
        raise RevocationWrong(Fault.SIGNATURE, "the answer is not signed by its responder")
    if single.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
        raise RevocationWrong(Fault.SERIAL, "the responder does not know the certificate")
    if single.next_update_utc is None:
        raise RevocationWrong(Fault.STALE, "the answer does not say how long it holds")
    return Standing(
        kind=Kind.OCSP,
        der=content,
        this_update=single.this_update_utc,
        next_update=single.next_update_utc,
        revoked_at=single.revocation_time_utc,
    )


def _about(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """The one among the answers that names this certificate by issuer and number (RFC 6960 §4.1.1)."""
    for single in response.responses:
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, single.hash_algorithm).build()
        named = (single.serial_number, single.issuer_name_hash, single.issuer_key_hash)
        if named == (asked.serial_number, asked.issuer_name_hash, asked.issuer_key_hash):
            return single
    raise RevocationWrong(Fault.SERIAL, "the answer is about another certificate")


def _responder(response: ocsp.OCSPResponse, issuer: x509.Certificate, at: datetime) -> x509.Certificate:
    """The issuer itself, or whom it gave a certificate for that purpose (RFC 6960 §4.2.2.2)."""
    for one in (issuer, *response.certificates):
        key = x509.SubjectKeyIdentifier.from_public_key(one.public_key()).digest
        named = one.subject == response.responder_name or key == response.responder_key_hash
        if named and (one == issuer or _delegated(one, issuer, at)):
            return one
    raise RevocationWrong(Fault.ISSUER, "the issuer did not name this responder")


def _delegated(one: x509.Certificate, issuer: x509.Certificate, at: datetime) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
        purposes = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, x509.ExtensionNotFound, *_BROKEN):
        return False
    alive = one.not_valid_before_utc <= at <= one.not_valid_after_utc
    return alive and ExtendedKeyUsageOID.OCSP_SIGNING in purposes


def _check_signature(response: ocsp.OCSPResponse, by: x509.Certificate) -> bool:
    key, digest = by.public_key(), response.signature_hash_algorithm
    signature, message = response.signature, response.tbs_response_bytes
    if isinstance(key, Ed25519PublicKey):
        key.verify(signature, message)
    elif digest is None or isinstance(digest, hashes.SHA1 | hashes.MD5):
        return False
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(digest))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, message, padding.PKCS1v15(), digest)
    else:
        return False
    return True


def _good(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False


def _loaded(certificate: bytes) -> x509.Certificate:
    try:
        return parsed(certificate)
    except ValueError as error:
        raise RevocationWrong(Fault.UNREADABLE, "no certificate") from error
