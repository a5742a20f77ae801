"""Keys of every kind, from a file: what they sign is judged by openssl, and nothing of them is ever shown."""

from __future__ import annotations

import pickle
import subprocess
from datetime import date
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from signing.certificates import chain_pem, is_signed, key_facts, pem_chain
from signing.errors import KeyFileUnreadable, WrongPassword
from signing.file_signer import FileSigner, PemKey, load_private_key, make_log_key, open_log_key
from signing.keys import KeyFile, KeyKind, make_key_file, open_key_file, open_signer
from signing.signer import Algorithm, Signer
from tests import servers
from tests.signing.conftest import AT, COURT_NAME, PASSWORD

KINDS = {
    KeyKind.P256: (Algorithm.ECDSA_P256_SHA256, 256),
    KeyKind.P384: (Algorithm.ECDSA_P384_SHA384, 384),
    KeyKind.RSA2048: (Algorithm.RSA_PKCS1_SHA256, 2048),
    KeyKind.RSA3072: (Algorithm.RSA_PKCS1_SHA256, 3072),
}
"""RSA-4096 differs from these in the time it takes to be made alone."""
MESSAGE = b"a message of some length, never a digest"


@pytest.fixture(scope="module", params=list(KINDS))
def made(request: pytest.FixtureRequest) -> tuple[KeyKind, KeyFile]:
    after = AT.replace(year=2040)
    kind: KeyKind = request.param
    return kind, make_key_file(PASSWORD, court="demo", court_name=COURT_NAME, not_before=AT, not_after=after, kind=kind)


def test_openssl_believes_what_it_signs(made: tuple[KeyKind, KeyFile], tmp_path: Path) -> None:
    kind, file = made
    signer: Signer = open_signer(file.content, PASSWORD)
    assert signer.algorithm is KINDS[kind][0]
    for name, content in (("m", MESSAGE), ("s", signer.sign(MESSAGE)), ("chain.pem", file.certificate_pem)):
        (tmp_path / name).write_bytes(content)
    assert _openssl("x509 -in chain.pem -pubkey -noout -out pub.pem", tmp_path) == 0
    digest = "-sha384" if kind is KeyKind.P384 else "-sha256"
    assert _openssl(f"dgst {digest} -verify pub.pem -signature s m", tmp_path) == 0
    (tmp_path / "m").write_bytes(MESSAGE + b"!")
    assert _openssl(f"dgst {digest} -verify pub.pem -signature s m", tmp_path) != 0
    assert _openssl("verify -CAfile chain.pem chain.pem", tmp_path) == 0


def _openssl(words: str, folder: Path) -> int:
    command = [servers.debian("openssl", "openssl"), *words.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_the_certificate_tells_the_key(made: tuple[KeyKind, KeyFile]) -> None:
    kind, file = made
    facts = key_facts(pem_chain(file.certificate_pem)[0])
    assert (facts.algorithm, facts.bits) == KINDS[kind]
    assert (facts.not_before, facts.not_after) == (AT, AT.replace(year=2040))
    assert facts.ruling(date(2026, 11, 24)).ok
    assert facts.ruling(date(2031, 1, 1)).ok is (kind is not KeyKind.RSA2048)
    assert chain_pem(pem_chain(file.certificate_pem)) == file.certificate_pem


def test_the_link_key_is_the_same_each_time(made: tuple[KeyKind, KeyFile]) -> None:
    keys = [open_key_file(made[1].content, PASSWORD).link_key for _ in range(2)]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 32


def test_a_recipe_travels_and_a_signer_does_not(made: tuple[KeyKind, KeyFile]) -> None:
    opened = open_key_file(made[1].content, PASSWORD)
    recipe = pickle.loads(pickle.dumps(PemKey(opened.private_key_pem, opened.certificate_pem)))  # noqa: S301 — our own
    signer = recipe()
    assert is_signed(signer.chain[0], MESSAGE, signer.sign(MESSAGE))
    assert not is_signed(signer.chain[0], MESSAGE, signer.sign(b"another"))
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_nothing_shows_the_key(made: tuple[KeyKind, KeyFile]) -> None:
    opened = open_key_file(made[1].content, PASSWORD)
    body = opened.private_key_pem.splitlines()[1].decode()
    signer = open_signer(made[1].content, PASSWORD)
    for shown in (opened, made[1], PemKey(opened.private_key_pem, opened.certificate_pem), signer):
        assert "PRIVATE" not in repr(shown)
        assert body not in repr(shown)
    assert repr(signer) == f"FileSigner({signer.algorithm})"


def test_key_and_certificate_of_different_files() -> None:
    one, other = (
        make_key_file(PASSWORD, court="x", court_name="x", not_before=AT, not_after=AT.replace(year=2040))
        for _ in range(2)
    )
    opened = open_key_file(one.content, PASSWORD)
    with pytest.raises(KeyFileUnreadable, match="belong"):
        PemKey(opened.private_key_pem, other.certificate_pem)()
    with pytest.raises(KeyFileUnreadable, match="certificate"):
        FileSigner(load_private_key(opened.private_key_pem, None), ())


def test_the_logs_key() -> None:
    content = make_log_key(PASSWORD)
    assert content.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    signer = open_log_key(content, PASSWORD)
    assert (signer.algorithm, signer.chain, len(signer.public_key)) == (Algorithm.ED25519, (), 32)
    key = Ed25519PublicKey.from_public_bytes(signer.public_key)
    key.verify(signer.sign(MESSAGE), MESSAGE)
    with pytest.raises(InvalidSignature):
        key.verify(signer.sign(MESSAGE), b"another")
    assert open_log_key(content, PASSWORD).public_key == signer.public_key


def test_the_logs_key_is_no_other(key_file: KeyFile) -> None:
    with pytest.raises(WrongPassword):
        open_log_key(make_log_key(PASSWORD), b"wrong")
    with pytest.raises(KeyFileUnreadable, match="Ed25519"):
        open_log_key(key_file.content, PASSWORD)
    with pytest.raises(ValueError, match="password"):
        make_log_key(b"")
    with pytest.raises(KeyFileUnreadable, match="seal"):
        open_key_file(make_log_key(PASSWORD) + key_file.certificate_pem, PASSWORD)


def test_weak_and_strange_keys_are_refused() -> None:
    keys = [
        rsa.generate_private_key(65537, 1024),  # noqa: S505 — to be refused
        ec.generate_private_key(ec.SECP521R1()),
        ec.generate_private_key(ec.SECP256K1()),
        dsa.generate_private_key(1024),  # noqa: S505
    ]
    for key in keys:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(KeyFileUnreadable, match="P-256"):
            load_private_key(pem, None)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate(content: bytes) -> None:
    with pytest.raises(KeyFileUnreadable):
        pem_chain(content)
    with pytest.raises(KeyFileUnreadable):
        key_facts(content)


def test_the_public_key_of_a_seal(key_file: KeyFile) -> None:
    own = x509.load_pem_x509_certificates(key_file.certificate_pem)[0]
    expected = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert open_signer(key_file.content, PASSWORD).public_key == expected
