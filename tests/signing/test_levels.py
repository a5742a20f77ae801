"""Seals on every kind of key, raised to B-T, B-LT and B-LTA, as pyHanko and pdfsig see them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from signing import pdf
from signing.errors import KeyFileUnreadable, NotSealable
from signing.file_signer import make_log_key, open_log_key
from tests.signing import authority, documents, judges
from tests.signing.authority import Authority
from tests.signing.conftest import AT, COURT_NAME, LABEL

KINDS = ("p256", "p384", "rsa2048", "rsa3072")


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.made()


def sealed(ca: Authority, kind: str, content: bytes, room: int = pdf.TOKEN_ROOM) -> bytes:
    seal = pdf.seal_of(ca.signer(kind), COURT_NAME, LABEL, token_room=room)
    made = pdf.sealed(content, seal, at=AT, reason="送达", location="示例市")
    assert made.path is pdf.Path.FAST
    return made.content


def context(ca: Authority) -> ValidationContext:
    root = x509.Certificate.load(ca.signer("p256").chain[1])
    return ValidationContext(trust_roots=[root], moment=AT, allow_fetching=False)


def status(content: bytes, ca: Authority, number: int = 0) -> PdfSignatureStatus:
    embedded = PdfFileReader(io.BytesIO(content)).embedded_regular_signatures[number]
    return validate_pdf_signature(embedded, signer_validation_context=context(ca), ts_validation_context=context(ca))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["reportlab-letter", "xref-streams", "broken-xref"])
def test_every_kind_of_key_seals_by_either_writer(kind: str, source: str, ca: Authority, tmp_path: Path) -> None:
    seal = pdf.seal_of(ca.signer(kind), COURT_NAME, LABEL)
    content = pdf.seal(documents.GOOD[source](), seal, at=AT, reason="送达", location="示例市")
    (verdict,) = judges.pdfsig(content, tmp_path)
    assert (verdict.valid, verdict.whole) == (True, True)
    assert judges.pyhanko_accepts(content, ca.root_pem)


def test_a_key_that_readers_do_not_know_is_refused() -> None:
    with pytest.raises(KeyFileUnreadable, match="ed25519"):
        pdf.seal_of(open_log_key(make_log_key(b"x"), b"x"), COURT_NAME, LABEL)


@pytest.mark.parametrize("kind", KINDS)
def test_the_token_goes_into_its_room_and_nothing_else_changes(kind: str, ca: Authority, tmp_path: Path) -> None:
    plain = sealed(ca, kind, documents.reportlab_letter())
    stamped = pdf.with_timestamp(plain, authority.token(ca.timestamper(AT), pdf.timestamp_imprint(plain)))
    assert len(stamped) == len(plain)
    seen = status(stamped, ca)
    assert seen.bottom_line
    assert seen.timestamp_validity is not None
    assert (seen.timestamp_validity.valid, seen.timestamp_validity.timestamp) == (True, AT)
    (verdict,) = judges.pdfsig(stamped, tmp_path)
    assert (verdict.valid, verdict.whole) == (True, True)
    assert judges.qpdf_complains(stamped, tmp_path) == ""


def test_without_room_there_is_no_timestamp(ca: Authority) -> None:
    plain = sealed(ca, "p256", documents.reportlab_letter(), room=0)
    with pytest.raises(NotSealable, match="room"):
        pdf.with_timestamp(plain, authority.token(ca.timestamper(AT), pdf.timestamp_imprint(plain)))
    with pytest.raises(NotSealable, match="no signature"):
        pdf.timestamp_imprint(documents.reportlab_letter())


@pytest.mark.parametrize("source", ["reportlab-letter", "xref-streams", "pdf-2.0", "typst-chinese"])
def test_what_validates_it_is_kept_in_it_under_a_timestamp_over_all(source: str, ca: Authority, tmp_path: Path) -> None:
    plain = sealed(ca, "p256", documents.GOOD[source]())
    stamped = pdf.with_timestamp(plain, authority.token(ca.timestamper(AT), pdf.timestamp_imprint(plain)))
    kept = pdf.with_validation_data(stamped, ca.signer("p256").chain, [], [ca.crl(AT)])
    assert kept.startswith(stamped)
    prepared = pdf.prepared_for_timestamp(kept)
    whole = pdf.with_document_timestamp(prepared, authority.token(ca.timestamper(AT), prepared.imprint))
    assert whole.startswith(kept)
    reader = PdfFileReader(io.BytesIO(whole))
    store = DocumentSecurityStore.read_dss(reader)
    assert len(store.vri_entries) == 1
    assert len(store.crls) == 1
    assert status(whole, ca).bottom_line
    timestamp = validate_pdf_timestamp(reader.embedded_timestamp_signatures[0], context(ca))
    assert (timestamp.valid, timestamp.intact, timestamp.trusted) == (True, True, True)
    assert judges.qpdf_complains(whole, tmp_path) == ""


def test_a_token_over_something_else_is_refused(ca: Authority) -> None:
    prepared = pdf.prepared_for_timestamp(sealed(ca, "p256", documents.reportlab_letter()))
    with pytest.raises(NotSealable, match="another"):
        pdf.with_document_timestamp(prepared, authority.token(ca.timestamper(AT), bytes(32)))
