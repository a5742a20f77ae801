"""The national second seal of a pack: SM2 over each PDF, and the seal of GB/T 38540 over the proof.

It is believed only when the caller names its certificate; without that it shows that nothing was exchanged by somebody
who lacks the key, and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core, x509

from signing.policy import judge
from signing.verifying.report import Notes, Number, Says
from signing.verifying.sm2 import BIT_STRING, OCTET_STRING, WITH_SM3, fits, parts, sm3
from signing.verifying.trust import Trust, withdrawn

FOLDER, PLAIN, STRUCTURED = "seals/", ".sm2", ".ses"
CERTIFICATE = "certificates/sm2.der"
MOST_SEALS = 1000
"""As many PDFs as a delivery can have, and its proof, would take half a minute."""

SES_VERSION, CERTIFICATES = 4, 1


def check(notes: Notes, members: Mapping[str, bytes], trust: Trust) -> None:
    """The step on the second seal for each member that has one, and for each PDF that lacks it where others have it."""
    seals = [name for name in members if name.startswith(FOLDER)]
    if not seals:
        if trust.national:
            notes.not_checked(Number.NATIONAL, "证据包中没有国密签章", "the pack holds no national seal")
        return
    if len(seals) > MOST_SEALS:
        notes.failed(Number.NATIONAL, "国密签章过多", "too many national seals")
        return
    for name in seals:
        mine = notes.of(f"{notes.part} · {name}")
        with mine.guarded(Number.NATIONAL):
            _one(mine, name, members, trust)
    for name in members:
        if (name == "proof.pdf" or name.startswith("documents/")) and f"{FOLDER}{name}{PLAIN}" not in members:
            says = ("没有国密签章，其他文件却有", "no national seal over it, while other files have one")
            notes.of(f"{notes.part} · {name}").not_checked(Number.NATIONAL, *says)


def _one(notes: Notes, name: str, members: Mapping[str, bytes], trust: Trust) -> None:
    sealed = members.get(name.removeprefix(FOLDER)[: -len(PLAIN)])
    if sealed is None or not name.endswith((PLAIN, STRUCTURED)):
        notes.failed(Number.NATIONAL, "签章所指的文件不在包中", "what it seals is not in the pack")
    elif name.endswith(PLAIN):
        certificate = x509.Certificate.load(members[CERTIFICATE], strict=True)
        good = fits(certificate, sealed, members[name])
        _tell(notes, None if good else _UNFIT, certificate, trust)
    else:
        seal = _read(members[name])
        _tell(notes, next(_faults(seal, sealed), None), seal.signer, trust, seal.at)


_UNFIT = Says("国密签名与文件不符", "the national signature does not fit the file")


def _tell(
    notes: Notes, fault: Says | None, certificate: x509.Certificate, trust: Trust, claimed: datetime | None = None
) -> None:
    ruling = judge("sm2", 256, "sm3", trust.at.date())
    if fault is not None:
        notes.failed(Number.NATIONAL, fault.zh, fault.en)
    elif not ruling.ok:
        notes.failed(Number.NATIONAL, ruling.reason_zh, ruling.reason_en)
    elif (gone := withdrawn(certificate, trust)) is not None:
        notes.failed(Number.NATIONAL, gone.zh, gone.en)
    elif (doubt := _doubt(certificate, trust)) is not None:
        notes.not_checked(Number.NATIONAL, doubt.zh, doubt.en)
    else:
        when = f"{claimed:%Y-%m-%d %H:%M:%S}Z" if claimed else ""
        notes.passed(
            Number.NATIONAL,
            "SM2／SM3 签名与文件相符，证书为您所信任" + (f"；签章人自称时间 {when}" if when else ""),
            "the SM2 signature over SM3 fits the file, by a certificate that you trust"
            + (f"; the sealer's own clock said {when}" if when else ""),
        )


def _doubt(certificate: x509.Certificate, trust: Trust) -> Says | None:
    """Why a signature that fits proves nothing yet. Nothing is chained: the certificate itself has to be trusted."""
    if certificate.dump() not in [one.dump() for one in trust.national]:
        return Says(
            "国密签名与文件相符，但证书不在您指定的信任证书之中",
            "the national signature fits the file, but its certificate is not among those that you trust",
        )
    if not certificate.not_valid_before <= trust.at <= certificate.not_valid_after:
        return Says(
            "国密签名与文件相符，但证书此时不在有效期内",
            "the national signature fits the file, but its certificate is not valid at this time",
        )
    return None


# --- GB/T 38540 -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Signed:
    """Bytes, whose certificate came with them, and the signature over them."""

    content: bytes
    certificate: x509.Certificate
    algorithm: str
    signature: bytes

    @property
    def holds(self) -> bool:
        return self.algorithm == WITH_SM3 and fits(self.certificate, self.content, self.signature)


@dataclass(frozen=True)
class _Ses:
    """An SES_Signature (GB/T 38540 §7.2): the signature, and the seal with which it was made."""

    made: _Signed
    seal: _Signed
    version: int
    digest: bytes
    at: datetime
    signers: tuple[bytes, ...]
    begins: datetime
    ends: datetime

    @property
    def signer(self) -> x509.Certificate:
        return self.made.certificate


def _faults(ses: _Ses, sealed: bytes) -> Iterator[Says]:
    if ses.version != SES_VERSION:
        yield Says("不是第 4 版电子签章", "not an electronic seal of version 4")
    if ses.digest != sm3(sealed):
        yield Says("电子签章的摘要与文件不符", "the electronic seal names another digest than the file's")
    if not ses.made.holds:
        yield _UNFIT
    if not ses.seal.holds:
        yield Says("电子印章的制作者签名不符", "the signature of the seal's maker does not fit")
    if ses.signer.dump() not in ses.signers:
        yield Says("电子印章未列此签章人", "the electronic seal does not name this signer")
    if not ses.begins <= ses.at <= ses.ends:
        yield Says("签章时电子印章不在有效期内", "the electronic seal was not valid when it was used")


def _read(der: bytes) -> _Ses:
    """Raises ValueError, TypeError or IndexError for other bytes: whoever calls guards it."""
    made = _signed(der)
    version, seal, at, digest, *_ = parts(made.content)
    sealed = _signed(seal[1])
    header, _, info, *_ = parts(sealed.content)
    _, _, kind, listed, _, begins, ends = parts(info[1])
    if _integer(kind[2]) != CERTIFICATES or _integer(parts(header[1])[1][2]) != SES_VERSION:
        raise ValueError("a seal of another version, or that lists its signers otherwise")
    return _Ses(
        made=made,
        seal=sealed,
        version=_integer(version[2]),
        digest=_bits(digest),
        at=_moment(at[1]),
        signers=tuple(content for _, _, content in parts(listed[1])),
        begins=_moment(begins[1]),
        ends=_moment(ends[1]),
    )


def _signed(der: bytes) -> _Signed:
    content, certificate, algorithm, signature = parts(der)
    if certificate[0] != OCTET_STRING:
        raise ValueError("its certificate is an octet string, which nobody has signed")
    oid = core.ObjectIdentifier.load(algorithm[1], strict=True).dotted
    read = x509.Certificate.load(certificate[2], strict=True)
    return _Signed(content[1], read, oid, _bits(signature))


def _integer(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


def _bits(value: tuple[int, bytes, bytes]) -> bytes:
    tag, _, content = value
    if tag != BIT_STRING or content[:1] != b"\0":
        raise ValueError("whole bytes in a bit string are needed here")
    return content[1:]


def _moment(der: bytes) -> datetime:
    found: datetime = core.GeneralizedTime.load(der, strict=True).native
    return found
