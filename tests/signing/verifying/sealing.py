"""Sealed PDFs of every level, by our writers, and PDFs signed by plain pyHanko."""

from __future__ import annotations

import io
from datetime import datetime

from asn1crypto import keys, x509
from cryptography.hazmat.primitives import serialization
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing import pdf
from tests.signing import documents
from tests.signing.verifying.pki import AT, Clock, Sealer


def letter() -> bytes:
    return documents.reportlab_letter(6)


def basic(by: Sealer, content: bytes | None = None, at: datetime = AT) -> bytes:
    """B-B."""
    return pdf.seal(content or letter(), by.seal, at=at, reason="送达 Service", location="示例市")


def stamped(by: Sealer, clock: Clock, content: bytes | None = None, *, token_at: datetime = AT) -> bytes:
    """B-T."""
    roomy = pdf.seal(content or letter(), by.stamped_seal, at=AT, reason="送达 Service", location="示例市")
    return pdf.with_timestamp(roomy, clock.token(pdf.timestamp_imprint(roomy), token_at))


def long_term(by: Sealer, clock: Clock, *, revoked_at: datetime | None = None) -> bytes:
    """B-LT."""
    certificates = [*by.chain, *clock.certificates]
    return pdf.with_validation_data(
        stamped(by, clock), certificates, [], [by.revocations(revoked_at=revoked_at, at=AT)]
    )


def archived(by: Sealer, clock: Clock, content: bytes | None = None, at: datetime = AT) -> bytes:
    """B-LTA."""
    prepared = pdf.prepared_for_timestamp(content or long_term(by, clock))
    return pdf.with_document_timestamp(prepared, clock.token(prepared.imprint, at))


def foreign(
    by: Sealer, content: bytes, name: str, *, box: tuple[int, int, int, int] | None = None, digest: str = "sha256"
) -> bytes:
    """Signed by pyHanko with its own defaults; visible where there is a box on the first page."""
    writer = IncrementalPdfFileWriter(io.BytesIO(content), strict=False)
    fields.append_signature_field(writer, fields.SigFieldSpec(name, box=box))
    meta = signers.PdfSignatureMetadata(field_name=name, md_algorithm=digest)
    output = signers.sign_pdf(writer, meta, signer=simple_signer(by))
    found: bytes = output.getvalue()
    return found


def simple_signer(by: Sealer) -> signers.SimpleSigner:
    held = SimpleCertificateStore()
    held.register(x509.Certificate.load(by.chain[1]))
    plain = by.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signers.SimpleSigner(
        signing_cert=x509.Certificate.load(by.chain[0]),
        signing_key=keys.PrivateKeyInfo.load(plain),
        cert_registry=held,
    )
