"""Seals PDF documents, and is the door to everything else about PDFs: `inspect`, `page_image`, `text_of`.

A seal is a PAdES B-B signature (ETSI EN 319 142-1) over the whole file, added as an incremental update, so that
earlier signatures stay valid, together with the court's drawn seal at a place where it hides nothing. Later updates
raise it to B-T, B-LT and B-LTA (`signing.levels`).
"""

from __future__ import annotations

import io
import warnings
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import partial

import pikepdf
from pikepdf.exceptions import PageCopyWarning
from pyhanko.pdf_utils.misc import PdfError

from signing import seal_art
from signing.cms import CmsSigner
from signing.errors import KeyFileUnreadable, NotSealable, PageNotShown, WrongPassword
from signing.file_signer import PemKey
from signing.increment import Unusual
from signing.inspection import Fault, Findings, Limits, inspect
from signing.levels import (
    Prepared,
    containers,
    prepared_for_timestamp,
    timestamp_imprint,
    with_document_timestamp,
    with_timestamp,
    with_validation_data,
)
from signing.order import Order
from signing.pages import page_image, text_of
from signing.placement import Place, find_place
from signing.pyhanko_seal import slowly_sealed
from signing.signer import Signer
from signing.swift_seal import swiftly_sealed

__all__ = [
    "TOKEN_ROOM",
    "Fault",
    "Findings",
    "Limits",
    "Path",
    "Prepared",
    "Seal",
    "Sealed",
    "containers",
    "inspect",
    "load_seal",
    "page_image",
    "prepared_for_timestamp",
    "seal",
    "seal_of",
    "sealed",
    "text_of",
    "timestamp_imprint",
    "with_document_timestamp",
    "with_timestamp",
    "with_validation_data",
]

TOKEN_ROOM = 8192
"""Octets kept for a timestamp token where one will follow; tokens with their chain take 3,000 to 6,000."""

_BROKEN = (PdfError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, zlib.error)
"""What pyHanko raises, where it notices at all, on files that other readers still open."""

_DECLINED = (
    Unusual,
    pikepdf.PdfError,
    pikepdf.PasswordError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    OverflowError,
)
"""What our own writer raises on a file that it should not touch; pikepdf's errors are RuntimeErrors in part."""


@dataclass(frozen=True)
class Seal:
    """A court's seal, ready to use: its key and certificates loaded, its art drawn. Make it once per process.

    `room` is how many octets each seal keeps for its signature, with the timestamp that may follow.
    """

    court_name: str
    label: str
    art: seal_art.SealArt = field(repr=False)
    signer: CmsSigner = field(repr=False)
    room: int


class Path(StrEnum):
    """Which writer made a seal: ours, or pyHanko for what ours declines."""

    FAST = "fast"
    FALLBACK = "fallback"


@dataclass(frozen=True)
class Sealed:
    """A sealed document, how it was made, and why not the fast way: empty where it was, never words of the document."""

    content: bytes = field(repr=False)
    path: Path
    why: str = ""


def load_seal(
    private_key_pem: bytes, certificate_pem: bytes, court_name: str, label: str, *, token_room: int = 0
) -> Seal:
    """The seal of a court from its opened key (see `signing.keys`), its certificate chain and the words drawn on it.

    Raises KeyFileUnreadable when key and certificate cannot be used together.
    """
    try:
        signer = PemKey(private_key_pem, certificate_pem)()
    except WrongPassword as error:
        raise KeyFileUnreadable("the seal's key is no usable PEM") from error
    return seal_of(signer, court_name, label, token_room=token_room)


def seal_of(signer: Signer, court_name: str, label: str, *, token_room: int = 0) -> Seal:
    """The seal of a court whose key stands behind `signer`; `token_room` octets are kept free for a timestamp in each.

    Raises KeyFileUnreadable for Ed25519 and SM2 keys.
    """
    container = CmsSigner(signer)
    return Seal(court_name, label, seal_art.draw(court_name, label), container, container.room(token_room))


def seal(content: bytes, seal: Seal, *, at: datetime, reason: str, location: str) -> bytes:
    """`sealed` without the word on how it was made."""
    return sealed(content, seal, at=at, reason=reason, location=location).content


def sealed(content: bytes, seal: Seal, *, at: datetime, reason: str, location: str) -> Sealed:
    """`content` with the court's seal on it, signed at `at` (aware).

    The drawn seal takes the free place nearest the lower right corner of the last page that has one; where no page
    has one, it lies over the last page as thin outlines, and the field's tooltip (/TU) says so. Raises NotSealable,
    and SigningError when the key cannot be used now.
    """
    order_at = partial(_order, seal, at, reason, location)
    try:
        try:
            return Sealed(swiftly_sealed(content, order_at), Path.FAST)
        except _DECLINED as error:
            order = order_at(find_place(content))
            return Sealed(_sealed_by_pyhanko(content, order), Path.FALLBACK, _why(error))
    except PageNotShown as error:
        raise NotSealable("the document cannot be read: it is damaged or needs a password") from error


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, Unusual) else type(error).__name__


def _sealed_by_pyhanko(content: bytes, order: Order) -> bytes:
    try:
        return slowly_sealed(content, order)
    except _BROKEN as error:
        return _sealed_after_repair(content, order, error)


def _sealed_after_repair(content: bytes, order: Order, cause: Exception) -> bytes:
    """Second try, on a file rewritten by qpdf: only where no earlier signature would be broken by that."""
    if b"/ByteRange" in content:
        raise NotSealable("the document is damaged and carries a signature, so it cannot be repaired") from cause
    try:
        repaired = _rewritten(content)
        return slowly_sealed(repaired, replace(order, place=find_place(repaired)))
    except (pikepdf.PdfError, PageNotShown, *_BROKEN) as error:
        raise NotSealable("the document is damaged beyond repair") from error


def _rewritten(content: bytes) -> bytes:
    output = io.BytesIO()
    # pikepdf warns of fields on a page that the form does not list; they were so before, and stay as they are.
    with (
        pikepdf.open(io.BytesIO(content)) as document,
        warnings.catch_warnings(category=PageCopyWarning, action="ignore"),
    ):
        document.save(output)
    return output.getvalue()


def _order(seal: Seal, at: datetime, reason: str, location: str, place: Place) -> Order:
    return Order(
        signer=seal.signer,
        room=seal.room,
        court_name=seal.court_name,
        at=at,
        reason=reason,
        location=location,
        tooltip=_tooltip(seal, place),
        art=seal.art.full if place.free else seal.art.outlines,
        place=place,
    )


def _tooltip(seal: Seal, place: Place) -> str:
    says = (
        "印章未遮挡文字 / hides nothing"
        if place.free
        else "页面无空白处，印章仅以线条覆盖 / no free space, outlines only"
    )
    return f"{seal.court_name} {seal.label}: {says}"
