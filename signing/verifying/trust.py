"""What the one who verifies trusts: certificates given from outside, and the moment for which the question is asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from asn1crypto import crl, ocsp, pem, x509
from pyhanko_certvalidator import ValidationContext

LONGEST_NAME = 120


class NoCertificate(ValueError):
    """What was given as trust holds no certificate."""


@dataclass(frozen=True)
class Trust:
    """Anchors (whoever is named here is believed), helpers found in the file (believed only through an anchor), and
    the instant to judge for: aware.
    """

    anchors: tuple[x509.Certificate, ...]
    at: datetime
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

    def context(self, at: datetime | None = None, *, revocation: str = "soft-fail") -> ValidationContext:
        """For pyHanko: never fetches anything. `revocation` is hard-fail where each certificate must be shown alive."""
        return ValidationContext(
            trust_roots=list(self.anchors),
            other_certs=list(self.others),
            crls=list(self.crls),
            ocsps=list(self.ocsps),
            moment=at or self.at,
            allow_fetching=False,
            revocation_mode=revocation,
            # A list published after the seal tells of the time of the seal too (ETSI EN 319 102-1 §5.2.5).
            retroactive_revinfo=True,
        )


def certificates(files: Sequence[bytes]) -> tuple[x509.Certificate, ...]:
    """The certificates of PEM or DER files. Raises NoCertificate for a file without one."""
    return tuple(one for content in files for one in _certificates(content))


def _certificates(content: bytes) -> list[x509.Certificate]:
    try:
        if not pem.detect(content):
            return [x509.Certificate.load(content, strict=True)]
        found = [der for kind, _, der in pem.unarmor(content, multiple=True) if kind == "CERTIFICATE"]
        read = [x509.Certificate.load(der, strict=True) for der in found]
    except ValueError as error:
        raise NoCertificate("no certificate in PEM or DER form can be read there") from error
    if not read:
        raise NoCertificate("a PEM block CERTIFICATE should be there")
    return read


def called(certificate: x509.Certificate) -> str:
    """The name that a certificate gives its holder: one line, whatever stands in it."""
    subject = certificate.subject.native
    name = subject.get("common_name") or subject.get("organization_name") or certificate.subject.human_friendly
    return " ".join(str(name).split())[:LONGEST_NAME]
