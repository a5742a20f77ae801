"""Seals PDF documents, and is the door to everything else about PDFs: `inspect`, `page_image`, `text_of`.

A seal is a PAdES B-B signature (ETSI EN 319 142-1) over the whole file, added as an incremental update, so that
earlier signatures stay valid, together with the court's drawn seal at a place where it hides nothing.
"""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, field
from datetime import datetime

import pikepdf
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.validation import read_certification_data

from signing import seal_art
from signing.cms import CmsSigner
from signing.errors import KeyFileUnreadable, NotSealable, PageNotShown
from signing.inspection import Fault, Findings, Limits, inspect
from signing.pages import page_image, text_of
from signing.placement import Place, find_place

__all__ = ["Fault", "Findings", "Limits", "Seal", "inspect", "load_seal", "page_image", "seal", "text_of"]

RESERVED = 8192
"""Hexadecimal digits kept for the signature. Ours, with its chain, takes about 3,000."""

_BROKEN = (PdfError, ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError, zlib.error)
"""What pyHanko raises, where it notices at all, on files that other readers still open."""


@dataclass(frozen=True)
class Seal:
    """A court's seal, ready to use: its key and certificates loaded, its art drawn. Make it once per process."""

    court_name: str
    label: str
    art: seal_art.SealArt = field(repr=False)
    signer: CmsSigner = field(repr=False)


def load_seal(private_key_pem: bytes, certificate_pem: bytes, court_name: str, label: str) -> Seal:
    """The seal of a court from its opened key (see `signing.keys`), its certificate chain and the words drawn on it.

    Raises KeyFileUnreadable when key and certificate cannot be used together.
    """
    try:
        key = serialization.load_pem_private_key(private_key_pem, None)
        chain = x509.load_pem_x509_certificates(certificate_pem)
    except (ValueError, TypeError) as error:
        raise KeyFileUnreadable("the seal's key or certificate is no usable PEM") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or chain[0].public_key() != key.public_key():
        raise KeyFileUnreadable("the seal needs a P-256 key and, first in its chain, the certificate of that key")
    return Seal(court_name, label, seal_art.draw(court_name, label), CmsSigner(key, chain))


def seal(content: bytes, seal: Seal, *, at: datetime, reason: str, location: str) -> bytes:
    """`content` with the court's seal on it, signed at `at` (aware).

    The drawn seal takes the free place nearest the lower right corner of the last page that has one; where no page
    has one, it lies over the last page as thin outlines, and the field's tooltip (/TU) says so. Raises NotSealable.
    """
    try:
        place = find_place(content)
    except PageNotShown as error:
        raise NotSealable("the document cannot be read: it is damaged or needs a password") from error
    try:
        return _signed(content, seal, place, at, reason, location)
    except _BROKEN as error:
        return _signed_after_repair(content, seal, at, reason, location, error)


def _signed_after_repair(
    content: bytes, seal: Seal, at: datetime, reason: str, location: str, cause: Exception
) -> bytes:
    """Second try, on a file rewritten by qpdf: only where no earlier signature would be broken by that."""
    if b"/ByteRange" in content:
        raise NotSealable("the document is damaged and carries a signature, so it cannot be repaired") from cause
    try:
        repaired = _rewritten(content)
        return _signed(repaired, seal, find_place(repaired), at, reason, location)
    except (pikepdf.PdfError, PageNotShown, *_BROKEN) as error:
        raise NotSealable("the document is damaged beyond repair") from error


def _rewritten(content: bytes) -> bytes:
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(content)) as document:
        document.save(output)
    return output.getvalue()


def _signed(content: bytes, seal: Seal, place: Place, at: datetime, reason: str, location: str) -> bytes:
    writer = _SealWriter(io.BytesIO(content), strict=False)
    _refuse_unsealable(writer.prev)
    name = _free_field_name(writer)
    embedding = PdfCMSEmbedder(new_field_spec=_field(name, seal, place)).write_cms(name, writer)
    _draw(next(embedding).get_object(), writer, seal, place)
    _declare_pades(writer)
    embedding.send(SigObjSetup(sig_placeholder=_signature(seal, at, reason, location)))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256"))
    embedding.send(seal.signer.sign(prepared.document_digest))
    result: bytes = output.getvalue()
    return result


def _refuse_unsealable(document: PdfFileReader) -> None:
    if document.encrypted:
        raise NotSealable("the document is encrypted: give it without a password")
    certified = read_certification_data(document)
    if certified is not None and certified.permission is fields.MDPPerm.NO_CHANGES:
        raise NotSealable("the document's author certified it against any change, so no seal may be added")


def _signature(seal: Seal, at: datetime, reason: str, location: str) -> SignatureObject:
    return SignatureObject(
        timestamp=at,
        subfilter=fields.SigSeedSubFilter.PADES,
        name=seal.court_name,
        location=location,
        reason=reason,
        bytes_reserved=RESERVED,
    )


def _declare_pades(writer: IncrementalPdfFileWriter) -> None:
    """Say in the catalogue that PAdES is in use, as ETSI asks of files before PDF 2.0."""
    writer.ensure_output_version((1, 7))  # type: ignore[no-untyped-call]
    if writer.output_version < (2, 0):
        writer.register_extension(ESIC_EXTENSION_1)


def _draw(widget: generic.DictionaryObject, writer: IncrementalPdfFileWriter, seal: Seal, place: Place) -> None:
    """Give the field its appearance (ISO 32000-1 §12.5.5): viewers fit the art's box, in mm, into the field's."""
    half = seal_art.RADIUS
    appearance = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): _numbers(-half, -half, half, half),
            pdf_name("/Matrix"): _numbers(*_TURNS[place.rotation % 360]),
            pdf_name("/Resources"): _dictionary({}),
            pdf_name("/Filter"): pdf_name("/FlateDecode"),
        },
        encoded_data=seal.art.full if place.free else seal.art.outlines,
    )
    widget[pdf_name("/AP")] = _dictionary({pdf_name("/N"): writer.add_object(appearance)})


class _SealWriter(IncrementalPdfFileWriter):
    """An update that adds the seal and nothing else: title, producer and dates of the document stay as filed."""

    def _update_meta(self) -> None:
        """Leave the metadata alone; pyHanko would write itself and the computer's time into it."""


def _field(name: str, seal: Seal, place: Place) -> fields.SigFieldSpec:
    says = (
        "印章未遮挡文字 / hides nothing"
        if place.free
        else "页面无空白处，印章仅以线条覆盖 / no free space, outlines only"
    )
    return fields.SigFieldSpec(
        sig_field_name=name,
        on_page=place.page,
        box=_whole(place.box),
        readable_field_name=f"{seal.court_name} {seal.label}: {says}",
    )


def _whole(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    left, bottom, side = round(box[0]), round(box[1]), round(box[2] - box[0])
    return left, bottom, left + side, bottom + side


def _free_field_name(writer: IncrementalPdfFileWriter) -> str:
    taken = {name for name, _, _ in fields.enumerate_sig_fields(writer.prev)}
    return next(name for number in range(1, len(taken) + 2) if (name := f"CourtSeal{number}") not in taken)


_TURNS = {0: (1, 0, 0, 1, 0, 0), 90: (0, 1, -1, 0, 0, 0), 180: (-1, 0, 0, -1, 0, 0), 270: (0, -1, 1, 0, 0, 0)}
"""A page turned clockwise shows the seal upright when the seal is turned counter-clockwise."""


def _numbers(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject(generic.FloatObject(value) for value in values)  # type: ignore[no-untyped-call]


def _dictionary(entries: dict[generic.NameObject, generic.PdfObject]) -> generic.DictionaryObject:
    return generic.DictionaryObject(entries)  # type: ignore[no-untyped-call]
