"""The seal written by pyHanko: some 20 milliseconds, and at home with files that `signing.swift_seal` declines."""

from __future__ import annotations

import io
from collections.abc import Iterator

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.validation import read_certification_data

from signing import seal_art
from signing.errors import NotSealable
from signing.order import Order


def slowly_sealed(content: bytes, order: Order) -> bytes:
    """`content` with the seal in an incremental update. Raises NotSealable, and much else on damaged files.

    Where an earlier signature restricts changes (DocMDP with P 2 or 3, FieldMDP over all fields), the seal's field
    is not seen on the page: a visible one would break that signature (ISO 32000-1 §12.8.2.2, table 254).
    """
    writer = UpdateOnly(io.BytesIO(content), strict=False)
    _refuse_unsealable(writer.prev)
    name, seen = _free_field_name(writer), not _restricted(writer.prev)
    embedding = PdfCMSEmbedder(new_field_spec=_field(name, order, seen)).write_cms(name, writer)
    widget = next(embedding).get_object()
    if seen:
        _draw(widget, writer, order)
    _declare_pades(writer)
    embedding.send(SigObjSetup(sig_placeholder=_signature(order)))
    prepared, output = embedding.send(SigIOSetup(md_algorithm=order.signer.digest_name))
    embedding.send(order.signer.sign(prepared.document_digest))
    result: bytes = output.getvalue()
    return result


class UpdateOnly(IncrementalPdfFileWriter):
    """An update that adds what it is told and nothing else: title, producer and dates of the document stay as filed."""

    def _update_meta(self) -> None:
        """Leave the metadata alone; pyHanko would write itself and the computer's time into it."""


def _refuse_unsealable(document: PdfFileReader) -> None:
    if document.encrypted:
        raise NotSealable("the document is encrypted: give it without a password")
    certified = read_certification_data(document)
    if certified is not None and certified.permission is fields.MDPPerm.NO_CHANGES:
        raise NotSealable("the document's author certified it against any change, so no seal may be added")


def _restricted(document: PdfFileReader) -> bool:
    if read_certification_data(document) is not None:
        return True
    locks = (signature.fieldmdp for signature in document.embedded_signatures)
    return any(lock is not None and lock.action is not fields.FieldMDPAction.INCLUDE for lock in locks)


def _signature(order: Order) -> SignatureObject:
    return SignatureObject(
        timestamp=order.at,
        subfilter=fields.SigSeedSubFilter.PADES,
        name=order.court_name,
        location=order.location,
        reason=order.reason,
        bytes_reserved=2 * order.room,
    )


def _declare_pades(writer: IncrementalPdfFileWriter) -> None:
    """Say in the catalogue that PAdES is in use, as ETSI asks of files before PDF 2.0."""
    writer.ensure_output_version((1, 7))  # type: ignore[no-untyped-call]
    if writer.output_version < (2, 0):
        writer.register_extension(ESIC_EXTENSION_1)


def _draw(widget: generic.DictionaryObject, writer: IncrementalPdfFileWriter, order: Order) -> None:
    """Give the field its appearance (ISO 32000-1 §12.5.5): viewers fit the art's box, in mm, into the field's."""
    half = seal_art.RADIUS
    appearance = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): _numbers((-half, -half, half, half)),
            pdf_name("/Matrix"): _numbers(seal_art.upright(order.place.rotation)),
            pdf_name("/Resources"): _dictionary({}),
            pdf_name("/Filter"): pdf_name("/FlateDecode"),
        },
        encoded_data=order.art,
    )
    widget[pdf_name("/AP")] = _dictionary({pdf_name("/N"): writer.add_object(appearance)})


def _field(name: str, order: Order, seen: bool) -> fields.SigFieldSpec:
    return fields.SigFieldSpec(
        sig_field_name=name,
        on_page=order.place.page,
        box=order.box if seen else None,
        readable_field_name=order.tooltip,
    )


def _free_field_name(writer: IncrementalPdfFileWriter) -> str:
    taken = set(_top_names(writer)) | {name for name, _, _ in fields.enumerate_sig_fields(writer.prev)}
    return next(name for number in range(1, len(taken) + 2) if (name := f"CourtSeal{number}") not in taken)


def _top_names(writer: IncrementalPdfFileWriter) -> Iterator[str]:
    try:
        top = writer.prev.root["/AcroForm"]["/Fields"]
    except KeyError:
        return
    for index in range(len(top)):  # iterating would give references instead of fields
        if "/T" in top[index]:
            yield str(top[index]["/T"])


def _numbers(values: tuple[float, ...]) -> generic.ArrayObject:
    return generic.ArrayObject(generic.FloatObject(value) for value in values)  # type: ignore[no-untyped-call]


def _dictionary(entries: dict[generic.NameObject, generic.PdfObject]) -> generic.DictionaryObject:
    return generic.DictionaryObject(entries)  # type: ignore[no-untyped-call]
