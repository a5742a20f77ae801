"""What the one who verifies trusts: certificates given from outside, and the moment for which the question is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from asn1crypto import crl, ocsp, pem, x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, RevokedError, ValidationError
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.policy_decl import RevocationCheckingRule as Rule

from signing.verifying.report import Notes, Number
from signing.verifying.sm2 import on_curve

LONGEST_NAME = 120


class NoCertificate(ValueError):
    """What was given as trust holds no certificate."""


@dataclass(frozen=True)
class Trust:
    """Anchors (whoever is named here is believed), helpers found in the file (believed only through an anchor), and
    the instant to judge for: aware. `national`: anchors on the SM2 curve, which pyHanko cannot read.
    """

    anchors: tuple[x509.Certificate, ...]
    at: datetime
    national: tuple[x509.Certificate, ...] = ()
    others: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    ocsps: tuple[ocsp.OCSPResponse, ...] = ()

    def helped(
        self,
        others: Iterable[x509.Certificate] = (),
        crls: Iterable[crl.CertificateList] = (),
        ocsps: Iterable[ocsp.OCSPResponse] = (),
    ) -> Trust:
        """The same trust with more helpers."""
        return replace(
            self,
            others=(*self.others, *others),
            crls=(*self.crls, *crls),
            ocsps=(*self.ocsps, *ocsps),
        )

    @property
    def knows_revocation(self) -> bool:
        return bool(self.crls or self.ocsps)

    def context(
        self, at: datetime | None = None, *, own: Rule = Rule.NO_CHECK, issuers: Rule = Rule.NO_CHECK
    ) -> ValidationContext:
        """For pyHanko: never fetches anything. `own`, `issuers`: what is asked of revocation data; see `standing`."""
        return ValidationContext(
            trust_roots=list(self.anchors),
            other_certs=list(self.others),
            crls=list(self.crls),
            ocsps=list(self.ocsps),
            moment=at or self.at,
            allow_fetching=False,
            # A list published after the seal tells of the time of the seal too (ETSI EN 319 102-1 §5.2.5).
            revinfo_policy=CertRevTrustPolicy(RevocationCheckingPolicy(own, issuers), retroactive_revinfo=True),
        )


class Standing(Enum):
    """What the revocation data at hand tell of a certificate."""

    ALIVE = "alive"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


def standing(certificate: x509.Certificate, trust: Trust, moment: datetime) -> Standing:
    """Of a certificate that chains to an anchor, at that moment. Asked whether or not the certificate says where its
    revocation list is published: pyHanko's gentler rules look at no list of a certificate that does not.
    """
    if not trust.knows_revocation:
        return Standing.UNKNOWN
    for issuers in (Rule.CRL_OR_OCSP_REQUIRED, Rule.NO_CHECK):
        context = trust.context(moment, own=Rule.CRL_OR_OCSP_REQUIRED, issuers=issuers)
        validator = CertificateValidator(certificate, list(trust.others), validation_context=context)
        try:
            asyncio.run(validator.async_validate_usage(set()))  # type: ignore[no-untyped-call]
        except RevokedError:
            return Standing.REVOKED
        except (PathError, ValidationError):
            continue
        return Standing.ALIVE
    return Standing.UNKNOWN


def revoked(notes: Notes, certificate: x509.Certificate, trust: Trust, moment: datetime) -> bool:
    """The step on revocation of a certificate that is trusted otherwise."""
    found = standing(certificate, trust, moment)
    if found is Standing.REVOKED:
        notes.failed(Number.REVOCATION, "证书已被吊销", "the certificate was revoked")
    elif found is Standing.ALIVE:
        notes.passed(
            Number.REVOCATION, "随附的吊销信息表明证书有效", "the revocation data with it show the certificate alive"
        )
    else:
        notes.not_checked(
            Number.REVOCATION, "没有可用的吊销信息，也未联网查询", "no revocation data that reach; nothing was fetched"
        )
    return found is Standing.REVOKED


def for_time_only(certificate: x509.Certificate) -> bool:
    """Whether it belongs to an authority of time (RFC 3161 §2.3), which is trusted in the same list as courts are."""
    usage = certificate.extended_key_usage_value
    return usage is not None and usage.native == ["time_stamping"]


def trusting(files: Sequence[bytes], at: datetime) -> Trust:
    """Trust in the certificates of these files. Raises NoCertificate."""
    found = certificates(files)
    return Trust(tuple(one for one in found if not on_curve(one)), at, tuple(one for one in found if on_curve(one)))


def certificates(files: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """The certificates of PEM or DER files. Raises NoCertificate for a file without one."""
    return tuple(one for content in files for one in _certificates(content))


def _certificates(content: bytes) -> list[x509.Certificate]:
    try:
        if not pem.detect(content):
            return [_whole(content)]
        found = [der for kind, _, der in pem.unarmor(content, multiple=True) if kind == "CERTIFICATE"]
        read = [_whole(der) for der in found]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise NoCertificate("no certificate in PEM or DER form can be read there") from error
    if not read:
        raise NoCertificate("a PEM block CERTIFICATE should be there")
    return read


def _whole(der: bytes) -> x509.Certificate:
    """All of it read now: asn1crypto does so part by part, and would say only in the midst of a step what is broken."""
    found = x509.Certificate.load(der, strict=True)
    _ = found.native
    return found


def called(certificate: x509.Certificate) -> str:
    """The name that a certificate gives its holder: one line, whatever stands in it."""
    subject = certificate.subject.native
    name = subject.get("common_name") or subject.get("organization_name") or certificate.subject.human_friendly
    return " ".join(str(name).split())[:LONGEST_NAME]
