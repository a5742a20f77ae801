"""The national algorithms, each judged by somebody else's: openssl, sm-crypto, an ASN.1 compiler of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asn1tools
import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.errors import KeyFileUnreadable, WrongPassword
from signing.national import keys, ses, sm2
from signing.national.ses import SealPicture, SealWrong
from signing.national.sm2 import Sm2Signer
from signing.signer import Algorithm, Signer
from tests.servers import PROJECT
from tests.signing import judges

PASSWORD = b"correct horse battery"
FROM, UNTIL = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
AT = datetime(2026, 3, 4, 2, 30, tzinfo=UTC)
KEY_FILE = keys.make_key_file(PASSWORD, court_name="格尔木市人民法院", serial=4711, not_before=FROM, not_after=UNTIL)
SIGNER = keys.open_key_file(KEY_FILE, PASSWORD)()
POINT = sm2.point_of(SIGNER.chain[0])
MESSAGE = "送达回证".encode() * 1000
DISTID = "distid:1234567812345678"


def openssl(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *words], cwd=folder, check=False, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_bytes(KEY_FILE)
    (tmp_path / "pub.pem").write_text(openssl(tmp_path, "x509", "-in", "key.pem", "-pubkey", "-noout").stdout)
    return tmp_path


def openssl_accepts(folder: Path, message: bytes, signature: bytes, distid: str = DISTID) -> bool:
    (folder / "m").write_bytes(message)
    (folder / "s").write_bytes(signature)
    words = ("-verify", "-in", "m", "-sigfile", "s", "-inkey", "pub.pem", "-pubin", "-rawin", "-digest", "sm3")
    done = openssl(folder, "pkeyutl", *words, "-pkeyopt", distid)
    return done.returncode == 0 and "Verified Successfully" in done.stdout


def test_openssl_accepts_our_signature_under_the_standard_identifier_alone(folder: Path) -> None:
    signer: Signer = SIGNER
    assert signer.algorithm is Algorithm.SM2_SM3
    signature = signer.sign(MESSAGE)
    assert openssl_accepts(folder, MESSAGE, signature)
    assert not openssl_accepts(folder, MESSAGE + b".", signature)
    assert not openssl_accepts(folder, MESSAGE, signature, "distid:somebody")


def test_we_accept_openssls_signature(folder: Path) -> None:
    (folder / "m").write_bytes(MESSAGE)
    words = ("-sign", "-in", "m", "-out", "s", "-inkey", "key.pem", "-passin", f"pass:{PASSWORD.decode()}")
    done = openssl(folder, "pkeyutl", *words, "-rawin", "-digest", "sm3", "-pkeyopt", DISTID)
    assert done.returncode == 0, done.stderr
    signature = (folder / "s").read_bytes()
    assert sm2.verify(POINT, MESSAGE, signature)
    assert not sm2.verify(POINT, MESSAGE[1:], signature)


@pytest.fixture
def sm_crypto() -> Iterator[Callable[[bytes, bytes], bool]]:
    with judges.sm_crypto(POINT) as judged:
        yield judged


def test_sm_crypto_accepts_our_signatures(sm_crypto: Callable[[bytes, bytes], bool]) -> None:
    for number in range(5):
        message = MESSAGE + bytes([number])
        signature = SIGNER.sign(message)
        assert sm_crypto(message, signature)
        assert not sm_crypto(message + b".", signature)


def test_the_certificate_is_signed_with_its_own_key(folder: Path) -> None:
    """openssl gives the identifier to no anchor, so what the certificate is made of is judged part by part."""
    certificate = asn1_x509.Certificate.load(SIGNER.chain[0])
    assert openssl_accepts(folder, certificate["tbs_certificate"].dump(), certificate["signature_value"].native)
    told = openssl(folder, "x509", "-in", "key.pem", "-noout", "-text", "-nameopt", "utf8").stdout
    assert "CN=格尔木市人民法院" in told.replace(" ", "")
    assert "SM2-with-SM3" in told
    assert "Digital Signature, Non Repudiation" in told


def test_the_key_file_opens_with_its_password_here_and_in_openssl(folder: Path) -> None:
    assert b"BEGIN PRIVATE KEY" not in KEY_FILE
    told = openssl(folder, "pkey", "-in", "key.pem", "-passin", f"pass:{PASSWORD.decode()}", "-text", "-noout")
    assert "SM2" in told.stdout, told.stderr
    with pytest.raises(WrongPassword):
        keys.open_key_file(KEY_FILE, b"another")
    with pytest.raises(ValueError, match="password"):
        keys.make_key_file(b"", court_name="x", serial=1, not_before=FROM, not_after=UNTIL)


def test_a_key_that_openssl_made_is_opened(tmp_path: Path) -> None:
    """As docs/operating.md has it, for a certificate that an authority issued; here it is the key's own."""
    openssl(tmp_path, "genpkey", "-algorithm", "SM2", "-out", "key.pem")
    (tmp_path / "password").write_bytes(PASSWORD)
    page = (PROJECT / "docs" / "operating.md").read_text("utf-8")
    (command,) = re.findall(r"^    openssl (pkcs8 .*)$", page, re.MULTILINE)
    sealed = openssl(tmp_path, *command.replace("keys/password", "password").split())
    inside = asn1_keys.PrivateKeyInfo.load(_der(tmp_path))["private_key"].parsed
    number = int.from_bytes(inside["private_key"].contents, "big")
    certificate = pem.armor("CERTIFICATE", keys.self_signed(number, "x", serial=1, not_before=FROM, not_after=UNTIL))
    opened = keys.open_key_file(sealed.stdout.encode() + certificate, PASSWORD)
    assert sm2.verify(sm2.public_point(number), MESSAGE, opened().sign(MESSAGE))


def _der(folder: Path) -> bytes:
    openssl(folder, "pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "key.der")
    return (folder / "key.der").read_bytes()


@pytest.mark.parametrize(
    "content",
    [b"", b"no pem", KEY_FILE.split(b"-----BEGIN CERT")[0], bytes(keys.LARGEST_KEY_FILE + 1)],
    ids=["empty", "no pem", "no certificate", "too large"],
)
def test_what_is_no_key_file_is_told(content: bytes) -> None:
    with pytest.raises(KeyFileUnreadable):
        keys.open_key_file(content, PASSWORD)


def test_key_and_certificate_belong_together_and_nothing_shows_the_key() -> None:
    other = sm2.new_private_key()
    with pytest.raises(KeyFileUnreadable, match="belong"):
        Sm2Signer(other, SIGNER.chain)
    opened = keys.open_key_file(KEY_FILE, PASSWORD)
    assert str(opened.private_key) not in repr(opened) + repr(opened())


@given(st.binary(max_size=80))
def test_no_bytes_but_a_signature_are_accepted(signature: bytes) -> None:
    assert not sm2.verify(POINT, MESSAGE, signature)


GOOD = SIGNER.sign(b"a message")


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_changed_signature_is_refused(place: int, change: int) -> None:
    changed = bytes([*GOOD[:place], GOOD[place] ^ change, *GOOD[place + 1 :]])
    assert not sm2.verify(POINT, b"a message", changed)


# --- GB/T 38540 ------------------------------------------------------------------------------------------------------

PICTURE = SealPicture(kind="PNG", data=b"\x89PNG", width=42, height=42)
SEAL = ses.make_seal(
    SIGNER,
    seal_id="63280100001",
    name="格尔木市人民法院电子送达专用章",
    signers=[SIGNER.chain[0]],
    picture=PICTURE,
    made_at=FROM,
    valid_from=FROM,
    valid_until=UNTIL,
)
SIGNED = ses.sign_with_seal(SEAL, SIGNER, MESSAGE, at=AT, property_info="proof.pdf")
COMPILED = asn1tools.compile_files([str(Path(__file__).parent.parent / "data" / "national" / "ses.asn")], "der")


def test_an_independent_compiler_decodes_the_signature_and_encodes_the_same() -> None:
    told: dict[str, Any] = COMPILED.decode("SES-Signature", SIGNED)
    assert told["toSign"]["version"] == 4
    assert told["toSign"]["dataHash"] == (sm2.sm3(MESSAGE), 256)
    assert told["toSign"]["timeInfo"] == AT.replace(tzinfo=None) or told["toSign"]["timeInfo"] == AT
    info = told["toSign"]["eseal"]["eSealInfo"]
    assert (info["header"]["id"], info["esID"]) == ("ES", "63280100001")
    assert info["property"]["name"] == "格尔木市人民法院电子送达专用章"
    assert info["property"]["certList"] == [SIGNER.chain[0]]
    assert info["picture"] == {"type": "PNG", "data": b"\x89PNG", "width": 42, "height": 42}
    assert COMPILED.encode("SES-Signature", told) == SIGNED


def test_openssl_accepts_what_the_compiler_took_apart(folder: Path) -> None:
    """Both signatures: of the seal's maker over the seal, of the signer over what was to be signed."""
    told = COMPILED.decode("SES-Signature", SIGNED)
    seal = told["toSign"]["eseal"]
    assert openssl_accepts(folder, COMPILED.encode("TBS-Sign", told["toSign"]), told["signature"][0])
    assert openssl_accepts(folder, COMPILED.encode("SES-SealInfo", seal["eSealInfo"]), seal["signedValue"][0])


def test_a_seal_signature_that_holds_says_what_it_is() -> None:
    told = ses.check_signature(SIGNED, MESSAGE)
    assert (told.at, told.property, told.seal_id) == (AT, "proof.pdf", "63280100001")
    assert told.signer == told.maker == SIGNER.chain[0]


def test_what_does_not_hold_is_told() -> None:
    stranger = keys.open_key_file(
        keys.make_key_file(PASSWORD, court_name="x", serial=1, not_before=FROM, not_after=UNTIL), PASSWORD
    )()
    by_stranger = ses.sign_with_seal(SEAL, stranger, MESSAGE, at=AT, property_info="p")
    late = ses.sign_with_seal(SEAL, SIGNER, MESSAGE, at=UNTIL + timedelta(seconds=1), property_info="p")
    for signature, content, says in (
        (SIGNED, MESSAGE[1:], "something else"),
        (by_stranger, MESSAGE, "does not name this signer"),
        (late, MESSAGE, "not valid at that time"),
        (SIGNED.replace(b"63280100001", b"63280100002"), MESSAGE, "does not fit"),
        (SIGNED[:-1], MESSAGE, "no structure"),
        (b"", MESSAGE, "no structure"),
    ):
        with pytest.raises(SealWrong, match=says):
            ses.check_signature(signature, content)


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_no_changed_byte_of_a_seal_signature_passes(place: int, change: int) -> None:
    changed = bytes([*SIGNED[:place], SIGNED[place] ^ change, *SIGNED[place + 1 :]])
    with pytest.raises(SealWrong):
        ses.check_signature(changed, MESSAGE)
