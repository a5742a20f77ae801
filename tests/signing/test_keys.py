"""The key file opens with its password alone, and its certificate is what a court's seal should carry."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from signing.errors import KeyFileUnreadable, WrongPassword
from signing.keys import KeyFile, OpenedKeys, make_key_file, open_key_file
from tests import servers
from tests.signing.conftest import AT, COURT_NAME, PASSWORD


def test_the_certificate_is_a_document_signers(key_file: KeyFile) -> None:
    own, issuer = x509.load_pem_x509_certificates(key_file.certificate_pem)
    own.verify_directly_issued_by(issuer)
    assert own.serial_number == 4711
    assert own.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == COURT_NAME
    assert own.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value == "CN"
    usage = own.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_cert_sign) == (True, True, False)
    assert (own.not_valid_before_utc.year, own.not_valid_after_utc.year) == (2025, 2045)


def test_openssl_accepts_the_chain(key_file: KeyFile, tmp_path: Path) -> None:
    (tmp_path / "seal.pem").write_bytes(key_file.certificate_pem)
    command = [servers.debian("openssl", "openssl"), "verify", "-CAfile", "seal.pem", "seal.pem"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == "seal.pem: OK", answer.stderr


def test_the_private_key_is_never_in_the_clear(key_file: KeyFile) -> None:
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in key_file.content
    assert b"BEGIN PRIVATE KEY" not in key_file.content
    assert b"PRIVATE KEY" not in key_file.certificate_pem


def test_an_opened_file_gives_the_same_keys_each_time(key_file: KeyFile, keys: OpenedKeys) -> None:
    again = open_key_file(key_file.content, PASSWORD)
    assert (again.link_key, again.certificate_pem) == (keys.link_key, key_file.certificate_pem)
    assert len(again.link_key) == 32


def test_a_wrong_password_is_told_apart(key_file: KeyFile) -> None:
    with pytest.raises(WrongPassword):
        open_key_file(key_file.content, b"wrong")
    with pytest.raises(WrongPassword):
        open_key_file(key_file.content, b"")


@pytest.mark.parametrize(
    "defect", ["empty", "cut-off", "certificates-first-lost", "foreign-certificate", "far-too-long"]
)
def test_a_damaged_file_is_refused(defect: str, key_file: KeyFile) -> None:
    with pytest.raises(KeyFileUnreadable):
        open_key_file(damaged(key_file.content, defect), PASSWORD)


def damaged(content: bytes, defect: str) -> bytes:
    key = content[: content.index(b"-----BEGIN CERTIFICATE")]
    other = make_key_file(PASSWORD, court="x", court_name="x", not_before=AT, not_after=AT)
    return {
        "empty": b"",
        "cut-off": content[:150],
        "certificates-first-lost": key,
        "foreign-certificate": key + other.certificate_pem,
        "far-too-long": content + b"\n" * 100_000,
    }[defect]


def test_a_key_file_needs_a_password() -> None:
    with pytest.raises(ValueError, match="password"):
        make_key_file(b"", court="x", court_name="x", not_before=AT, not_after=AT)
