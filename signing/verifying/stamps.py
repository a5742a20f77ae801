"""RFC 3161 timestamps: what a token stands on, who made it, and whether it can be as old as it says."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import cms as asn1
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus

from signing.verifying import cms
from signing.verifying.algorithms import weakness
from signing.verifying.report import Notes, Number, Says
from signing.verifying.trust import Standing, Trust, called, standing

REVOKED = Says("时间戳机构的证书已被吊销", "the certificate of the authority of time was revoked")
SEAL = Says("此签章", "this seal")
CLOCKS_DIFFER = timedelta(minutes=5)
"""How much a maker's clock may be ahead of an authority's."""


@dataclass(frozen=True)
class Stamp:
    """A judged token. `at`: aware, UTC. `alive`: revocation data at hand show that its authority was not revoked."""

    at: datetime
    authority: str
    good: bool
    trusted: bool
    fault: Says | None = None
    alive: bool = False

    def tell(self, notes: Notes, claimed: datetime | None, over: Says = SEAL) -> None:
        """The step on time. `claimed`: when what it stands on says that it was made; `over`: what that is."""
        when = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        if not self.good:
            notes.failed(Number.TIME, "时间戳与所盖内容不符", "the timestamp does not belong to what it stands on")
        elif self.fault is not None:
            notes.failed(Number.TIME, self.fault.zh, self.fault.en)
        elif claimed is not None and self.at < claimed - CLOCKS_DIFFER:
            notes.failed(
                Number.TIME,
                f"时间戳（{when}）早于内容自称的时间（{claimed:%Y-%m-%d %H:%M:%S %z}）：时间被倒签",
                f"the timestamp ({when}) is older than what it stands on claims to be: backdated",
            )
        elif self.trusted:
            notes.passed(
                Number.TIME,
                f"“{self.authority}”证明{over.zh}于 {when} 已经存在",
                f"“{self.authority}” proves that {over.en} existed at {when}",
            )
        else:
            notes.not_checked(
                Number.TIME,
                f"有时间戳（{when}），但时间戳机构不在您指定的信任证书之下",
                f"a timestamp says {when}, but its authority chains to no certificate that you trust",
            )


def judged(token: bytes, covered: bytes, trust: Trust) -> Stamp:
    """A DER TimeStampToken over these bytes. Raises whatever the readers raise on bytes that are no token."""
    signed = asn1.ContentInfo.load(token, strict=True)["content"]

    def imprint(algorithm: str) -> bytes:
        return hashlib.new(algorithm, covered).digest()

    found = asyncio.run(validate_tst_signed_data(signed, trust.for_time.context(), imprint))
    return of_status(
        TimestampSignatureStatus(**found), [signed], trust, next(cms.faults(token, trust.for_time.anchors), None)
    )


def of_status(
    status: TimestampSignatureStatus, tokens: Iterable[asn1.SignedData], trust: Trust, fault: Says | None = None
) -> Stamp:
    """What pyHanko found, with our policy on algorithms. `tokens`: the one that it looked at, or all of which it chose
    one.
    """
    who = called(status.signing_cert)
    good = bool(status.intact and status.valid)
    found = standing(status.signing_cert, trust.for_time, trust.at) if status.trusted else Standing.UNKNOWN
    fault = fault or _fault(status, tokens, trust) or (REVOKED if found is Standing.REVOKED else None)
    trusted = bool(status.trusted) and fault is None
    return Stamp(status.timestamp, who, good, trusted, fault, alive=found is Standing.ALIVE)


def _fault(status: TimestampSignatureStatus, tokens: Iterable[asn1.SignedData], trust: Trust) -> Says | None:
    """The authority signs a digest (RFC 3161 §2.4.2): where that is weak, its own good signature helps nothing."""
    told = [one["encap_content_info"]["content"].parsed["message_imprint"] for one in tokens]
    for digest in (status.md_algorithm, *(one["hash_algorithm"]["algorithm"].native for one in told)):
        if weak := weakness(status.signing_cert, digest, trust.at.date()):
            return weak
    if status.timestamp > trust.at + CLOCKS_DIFFER:
        return Says(
            f"时间戳（{status.timestamp:%Y-%m-%d %H:%M:%S} UTC）晚于核验或外层时间戳的时间",
            f"the timestamp ({status.timestamp:%Y-%m-%d %H:%M:%S} UTC) lies in the future, or after what encloses it",
        )
    return None
