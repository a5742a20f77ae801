"""The electronic seal of GB/T 38540-2020: a seal that its maker signed, and a signature made with it (version 4).

A signature names the digest of what it seals; whoever holds the document compares. All times are in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asn1crypto import core

from signing.errors import KeyFileUnreadable, SigningError
from signing.national import sm2
from signing.national.sm2 import SM2_WITH_SM3_OID
from signing.signer import Signer

VERSION = 4
HEADER = "ES"
MAKER = "songda"
LARGEST = 4 * 1024 * 1024
"""Bytes of a signature; a picture is most of it."""

CERTIFICATES = 1
"""The seal lists the signers' certificates themselves, not their digests."""


class SealWrong(SigningError):
    """A seal or signature of GB/T 38540 that proves nothing. The text says what is wrong."""


class _Header(core.Sequence):  # type: ignore[misc]
    _fields = [("id", core.IA5String), ("version", core.Integer), ("vid", core.IA5String)]  # noqa: RUF012


class _Certificates(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.OctetString


class _Property(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("type", core.Integer),
        ("name", core.UTF8String),
        ("cert_list_type", core.Integer),
        ("cert_list", _Certificates),
        ("create_date", core.GeneralizedTime),
        ("valid_start", core.GeneralizedTime),
        ("valid_end", core.GeneralizedTime),
    ]


class _Picture(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("type", core.IA5String),
        ("data", core.OctetString),
        ("width", core.Integer),
        ("height", core.Integer),
    ]


class _SealInfo(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("header", _Header),
        ("es_id", core.IA5String),
        ("property", _Property),
        ("picture", _Picture),
    ]


class _Seal(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("info", _SealInfo),
        ("cert", core.OctetString),
        ("algorithm", core.ObjectIdentifier),
        ("signature", core.OctetBitString),
    ]


class _ToSign(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("version", core.Integer),
        ("seal", _Seal),
        ("time", core.GeneralizedTime),
        ("data_hash", core.OctetBitString),
        ("property", core.IA5String),
    ]


class _Signature(core.Sequence):  # type: ignore[misc]
    _fields = [  # noqa: RUF012
        ("to_sign", _ToSign),
        ("cert", core.OctetString),
        ("algorithm", core.ObjectIdentifier),
        ("signature", core.OctetBitString),
        ("timestamp", core.OctetBitString, {"explicit": 0, "optional": True}),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealPicture:
    """What is drawn: `kind` PNG, SVG, OFD …; width and height in mm."""

    kind: str
    data: bytes = field(repr=False)
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SesSignature:
    """What a signature that holds says. `signer`, `maker`: DER of certificates, whose trust is another question."""

    data_hash: bytes
    property: str
    at: datetime
    seal_id: str
    seal_name: str
    signer: bytes
    maker: bytes


def make_seal(
    maker: Signer,
    *,
    seal_id: str,
    name: str,
    signers: Sequence[bytes],
    picture: SealPicture,
    made_at: datetime,
    valid_from: datetime,
    valid_until: datetime,
) -> bytes:
    """The DER of an SESeal: who may seal with it (`signers`, DER of certificates), signed by its maker."""
    info = _SealInfo(
        {
            "header": {"id": HEADER, "version": VERSION, "vid": MAKER},
            "es_id": seal_id,
            "property": {
                "type": 1,
                "name": name,
                "cert_list_type": CERTIFICATES,
                "cert_list": list(signers),
                "create_date": _utc(made_at),
                "valid_start": _utc(valid_from),
                "valid_end": _utc(valid_until),
            },
            "picture": {
                "type": picture.kind,
                "data": picture.data,
                "width": picture.width,
                "height": picture.height,
            },
        }
    )
    return bytes(_Seal(_signed({"info": info}, info.dump(), maker)).dump())


def sign_with_seal(seal: bytes, signer: Signer, content: bytes, *, at: datetime, property_info: str) -> bytes:
    """The DER of an SES_Signature over the SM3 of `content`. Raises SealWrong when the seal is no seal."""
    to_sign = _ToSign(
        {
            "version": VERSION,
            "seal": _loaded(_Seal, seal),
            "time": _utc(at),
            "data_hash": sm2.sm3(content),
            "property": property_info,
        }
    )
    return bytes(_Signature(_signed({"to_sign": to_sign}, to_sign.dump(), signer)).dump())


def check_signature(signature: bytes, content: bytes) -> SesSignature:
    """What an SES_Signature says of `content`, once its ties hold: digest, signer, seal's maker. Raises SealWrong."""
    opened = _loaded(_Signature, signature)
    to_sign, seal = opened["to_sign"], opened["to_sign"]["seal"]
    info = seal["info"]
    if to_sign["version"].native != VERSION or info["header"]["id"].native != HEADER:
        raise SealWrong("not a signature of version 4")
    if to_sign["data_hash"].native != sm2.sm3(content):
        raise SealWrong("it seals something else")
    _check(opened, to_sign.dump(), "the signature")
    _check(seal, info.dump(), "the seal")
    allowed = info["property"]
    signer = opened["cert"].native
    if allowed["cert_list_type"].native != CERTIFICATES or signer not in [one.native for one in allowed["cert_list"]]:
        raise SealWrong("the seal does not name this signer")
    if not allowed["valid_start"].native <= to_sign["time"].native <= allowed["valid_end"].native:
        raise SealWrong("the seal was not valid at that time")
    return SesSignature(
        data_hash=to_sign["data_hash"].native,
        property=to_sign["property"].native,
        at=to_sign["time"].native,
        seal_id=info["es_id"].native,
        seal_name=allowed["name"].native,
        signer=signer,
        maker=seal["cert"].native,
    )


def _signed(fields: dict[str, Any], message: bytes, signer: Signer) -> dict[str, Any]:
    return {
        **fields,
        "cert": signer.chain[0],
        "algorithm": SM2_WITH_SM3_OID,
        "signature": signer.sign(message),
    }


def _check(signed: Any, message: bytes, what: str) -> None:
    if signed["algorithm"].native != SM2_WITH_SM3_OID:
        raise SealWrong(f"{what} is not made with SM2 and SM3")
    try:
        point = sm2.point_of(signed["cert"].native)
    except KeyFileUnreadable as error:
        raise SealWrong(f"{what} comes with no certificate on the SM2 curve") from error
    if not sm2.verify(point, message, signed["signature"].native):
        raise SealWrong(f"{what} does not fit")


def _loaded(kind: Any, content: bytes) -> Any:
    try:
        if len(content) > LARGEST:
            raise SealWrong("too large")
        found = kind.load(content, strict=True)
        _ = found.native
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise SealWrong("no structure of GB/T 38540") from error
    return found


def _utc(at: datetime) -> core.GeneralizedTime:
    return core.GeneralizedTime(at.astimezone(UTC).replace(microsecond=0))
