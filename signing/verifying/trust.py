"""What the one who verifies trusts: certificates given from outside, and the moment for which the question is asked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum

from asn1crypto import crl, ocsp, pem, x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, RevokedError, ValidationError
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.policy_decl import RevocationCheckingRule as Rule

from signing.verifying.report import Notes, Number, Says
from signing.verifying.sm2 import on_curve

LONGEST_NAME = 120
MOST_MOMENTS = 32


class NoCertificate(ValueError):
    """What was given as trust holds no certificate."""


@dataclass(frozen=True)
class Trust:
    """Anchors (whoever is named here is believed), helpers found in the file (believed only through an anchor), and
    the instant to judge for: aware. `times`: further anchors, believed for timestamps alone. `national`: anchors on the
    SM2 curve, which pyHanko cannot read. `withdrawn`: from when the caller knows that a certificate's seals are not to
    be believed, by the certificate's SHA-256 (hex).
    """

    anchors: tuple[x509.Certificate, ...]
    at: datetime
    times: tuple[x509.Certificate, ...] = ()
    national: tuple[x509.Certificate, ...] = ()
    others: tuple[x509.Certificate, ...] = ()
    crls: tuple[crl.CertificateList, ...] = ()
    ocsps: tuple[ocsp.OCSPResponse, ...] = ()
    withdrawn: Mapping[str, datetime] = field(default_factory=dict)

    def withdrawn_since(self, certificate: x509.Certificate) -> datetime | None:
        """From when on the caller says that its seals are not to be believed."""
        return self.withdrawn.get(hashlib.sha256(certificate.dump()).hexdigest())

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
    def for_time(self) -> Trust:
        """With what is believed for timestamps: who issues to an authority of time may issue to anybody else too."""
        return replace(self, anchors=(*self.anchors, *self.times), times=())

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

    Data that ended before the moment no longer show a certificate alive; but what was revoked stays so.
    """
    found = _told(certificate, trust, moment)
    if found is Standing.UNKNOWN and any(
        _told(certificate, trust, day) is Standing.REVOKED for day in _made(trust) if day < moment
    ):
        return Standing.REVOKED
    return found


def _told(certificate: x509.Certificate, trust: Trust, moment: datetime) -> Standing:
    if not trust.knows_revocation:
        return Standing.UNKNOWN
    found = {_standing(certificate, one, moment) for one in _asked(certificate, trust)}
    return next((worst for worst in (Standing.REVOKED, Standing.ALIVE) if worst in found), Standing.UNKNOWN)


def _asked(certificate: x509.Certificate, trust: Trust) -> Iterable[Trust]:
    """Whom to ask. pyHanko asks nobody about an anchor, and to trust a certificate is not to know that it lives. Of one
    that is an anchor itself, whoever signed it is asked: the signature shows who that is (RFC 5280 §6.3.3 f).
    """
    rest = tuple(one for one in trust.anchors if one.dump() != certificate.dump())
    if len(rest) == len(trust.anchors):
        return [trust]
    named = [one for one in (*rest, *trust.others) if one.subject == certificate.issuer and one.ca]
    return [replace(trust, anchors=(one,)) for one in {one.dump(): one for one in named}.values()]


def _standing(certificate: x509.Certificate, trust: Trust, moment: datetime) -> Standing:
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


def _made(trust: Trust) -> list[datetime]:
    """When the lists and answers at hand were made: the newest, for a hostile file may hold thousands."""
    lists = (one["tbs_cert_list"]["this_update"].native for one in trust.crls)
    answered = (one for one in trust.ocsps if one["response_status"].native == "successful")
    answers = (each["this_update"].native for one in answered for each in one.response_data["responses"])
    return sorted({*lists, *answers}, reverse=True)[:MOST_MOMENTS]


def revoked(notes: Notes, certificate: x509.Certificate, trust: Trust, moment: datetime) -> bool:
    """The step on revocation of a certificate that is trusted otherwise. `moment`: the seal's proven time, or now."""
    since = trust.withdrawn_since(certificate)
    if since is not None:
        before, (zh, en) = moment < since, _withdrawn(since)
        notes.judged(
            Number.REVOCATION,
            before,
            Says(f"{zh}；本签章时间被证明早于此时", f"{en}; this seal is proven to be older"),
            Says(f"{zh}；本签章时间未被证明早于此时，不可采信", f"{en}; nothing proves this seal to be older"),
        )
        if not before:
            return True
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


OTHER_USES = frozenset({"time_stamping", "server_auth", "code_signing", "ocsp_signing"})
"""Keys for machines (RFC 5280 §4.2.1.12): of time, of web sites, of programs, of revocation."""

NOT_FOR_SEALS = (
    "此证书用于时间戳、网站、程序或吊销查询，不得用于签章",
    "this certificate is for time, web sites, programs or revocation: it may not seal documents",
)


def _withdrawn(since: datetime) -> tuple[str, str]:
    """What the caller knows of that certificate's key, in Chinese and English."""
    when = f"{since.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    return (
        f"该印章密钥已被签章人吊销，自 {when} 起的签章不可采信",
        f"the sealer revoked this key: no seal since {when} counts",
    )


def withdrawn(certificate: x509.Certificate, trust: Trust) -> Says | None:
    """The same for a seal whose time nobody proves."""
    since = trust.withdrawn_since(certificate)
    return Says(*_withdrawn(since)) if since is not None and since <= trust.at else None


def for_other_uses(certificate: x509.Certificate) -> bool:
    """Whether it says that its key is for none of the things that a seal is. Authorities of time are trusted in the
    same list as courts, and a court's own root may issue for its web site.
    """
    usage = certificate.extended_key_usage_value
    return usage is not None and set(usage.native) <= OTHER_USES


def trusting(
    files: Sequence[bytes],
    at: datetime,
    times: Sequence[bytes] = (),
    withdrawn: Mapping[str, datetime] | None = None,
) -> Trust:
    """Trust in the certificates of these files; in those of `times` for timestamps alone. Raises NoCertificate."""
    found = certificates(files)
    plain, national = (tuple(one for one in found if on_curve(one) == sm2) for sm2 in (False, True))
    return Trust(plain, at, certificates(times), national, withdrawn=withdrawn or {})


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
