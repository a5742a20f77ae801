"""Keys on a token: a real SoftHSM2, which is pulled out and put back while sessions are open."""

from __future__ import annotations

import pickle
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.pkcs11 import Pkcs11Key, _module
from signing.certificates import is_signed, pem_chain
from signing.errors import KeyFileUnreadable, KeyRefused, KeyUnavailable
from signing.keys import KeyFile, KeyKind, make_key_file
from signing.signer import Algorithm
from tests import servers
from tests.tokens import MODULE, PIN, Token, softhsm

PASSWORD = b"correct horse battery"
KINDS = {
    "seal": (KeyKind.P256, "01", Algorithm.ECDSA_P256_SHA256),
    "seal-384": (KeyKind.P384, "02", Algorithm.ECDSA_P384_SHA384),
    "seal-rsa": (KeyKind.RSA2048, "03", Algorithm.RSA_PKCS1_SHA256),
}


@pytest.fixture(scope="session")
def key_files() -> dict[str, KeyFile]:
    validity = {"not_before": datetime(2025, 1, 1, tzinfo=UTC), "not_after": datetime(2045, 1, 1, tzinfo=UTC)}
    return {
        name: make_key_file(PASSWORD, court="demo", court_name="示例市法院", kind=kind, **validity)
        for name, (kind, _, _) in KINDS.items()
    }


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory, key_files: dict[str, KeyFile]) -> Iterator[Token]:
    """One token for all: a process loads the module once, and the module reads its settings once."""
    with softhsm(tmp_path_factory.mktemp("a token"), "court") as made:
        for name, (_, key_id, _) in KINDS.items():
            made.put(key_files[name], PASSWORD, label=name, key_id=key_id)
        yield made


@pytest.mark.parametrize("label", list(KINDS))
def test_it_signs_as_openssl_expects(label: str, token: Token, key_files: dict[str, KeyFile], tmp_path: Path) -> None:
    signer = token.key(label)()
    assert signer.algorithm is KINDS[label][2]
    assert signer.chain == pem_chain(key_files[label].certificate_pem)[:1]
    files = {"m": b"a message", "s": signer.sign(b"a message"), "c.pem": key_files[label].certificate_pem}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    digest = "-sha384" if label == "seal-384" else "-sha256"
    assert _openssl("x509 -in c.pem -pubkey -noout -out pub.pem", tmp_path) == 0
    assert _openssl(f"dgst {digest} -verify pub.pem -signature s m", tmp_path) == 0
    (tmp_path / "m").write_bytes(b"another message")
    assert _openssl(f"dgst {digest} -verify pub.pem -signature s m", tmp_path) != 0


def _openssl(words: str, folder: Path) -> int:
    command = [servers.debian("openssl", "openssl"), *words.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_a_key_is_found_by_id_and_its_chain_may_come_from_a_file(token: Token, key_files: dict[str, KeyFile]) -> None:
    signer = token.key(None, key_id="01", certificate=key_files["seal"].certificate_pem)()
    assert signer.chain == pem_chain(key_files["seal"].certificate_pem)
    assert is_signed(signer.chain[0], b"m", signer.sign(b"m"))


def test_the_recipe_travels(token: Token) -> None:
    recipe = pickle.loads(pickle.dumps(token.key()))  # noqa: S301 — our own
    assert recipe == token.key()
    assert PIN.encode() not in pickle.dumps(recipe)
    assert is_signed(recipe().chain[0], b"m", recipe().sign(b"m"))


def test_threads_share_a_session(token: Token) -> None:
    signer = token.key()()
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(signer.sign, [b"%d" % number for number in range(64)]))
    assert all(is_signed(signer.chain[0], b"%d" % number, one) for number, one in enumerate(made))


def test_a_token_is_pulled_and_put_back(token: Token) -> None:
    signer, other = token.key()(), token.key("seal-rsa")()
    signer.sign(b"before")
    token.taken_out()
    for each in (signer, other, signer):
        with pytest.raises(KeyUnavailable, match="court/seal"):
            each.sign(b"while it is out")
    token.put_back()
    for each in (signer, other):
        assert is_signed(each.chain[0], b"after", each.sign(b"after"))


def test_a_token_that_is_out_at_the_start(token: Token) -> None:
    token.taken_out()
    try:
        with pytest.raises(KeyUnavailable):
            token.key()()
    finally:
        token.put_back()
    assert token.key()().sign(b"m")


def test_lost_sessions_are_opened_anew(token: Token) -> None:
    signer, other = token.key()(), token.key("seal-rsa")()
    _module(MODULE).library.reinitialize()  # as if another part of the process had: our handles mean nothing now
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(signer.sign, [b"m"] * 8))
    assert all(is_signed(signer.chain[0], b"m", one) for one in made)
    assert is_signed(other.chain[0], b"m", other.sign(b"m"))


def test_a_wrong_pin_is_tried_once(token: Token, tmp_path: Path) -> None:
    """SoftHSM2 would not lock; a card does, after three."""
    wrong = tmp_path / "pin"
    wrong.write_text("999999")
    _module(MODULE).library.reinitialize()  # nobody is logged in
    with pytest.raises(KeyRefused, match="refuses the PIN") as no:
        token.key(pin_file=str(wrong))()
    assert "999999" not in str(no.value)
    assert token.key()().sign(b"m")


def test_a_refused_pin_is_remembered_until_the_file_changes(token: Token, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text(PIN)
    signer = token.key(pin_file=str(pin))()
    pin.write_text("999999")
    _module(MODULE).library.reinitialize()
    with pytest.raises(KeyRefused, match="refuses the PIN"):
        signer.sign(b"m")
    with pytest.raises(KeyRefused, match="not tried again"):
        signer.sign(b"m")
    pin.write_text(PIN)
    assert is_signed(signer.chain[0], b"m", signer.sign(b"m"))


@pytest.mark.parametrize("change", ["no-key", "no-certificate", "foreign-certificate", "no-library", "no-pin"])
def test_what_a_person_has_to_mend(change: str, token: Token, key_files: dict[str, KeyFile]) -> None:
    wrong: dict[str, Pkcs11Key] = {
        "no-key": token.key("nobody"),
        "foreign-certificate": token.key(certificate=key_files["seal-384"].certificate_pem),
        "no-library": token.key(module="/nowhere.so"),
        "no-pin": token.key(pin_file="/nowhere"),
    }
    if change == "no-certificate":
        token.put(key_files["seal"], PASSWORD, label="bare", key_id="09", certificate=False)
        wrong[change] = token.key("bare")
    if change == "no-pin":
        _module(MODULE).library.reinitialize()
    with pytest.raises((KeyRefused, KeyFileUnreadable)) as no:
        wrong[change]()
    assert PIN not in str(no.value)


def test_nothing_shows_the_pin(token: Token) -> None:
    signer = token.key()()
    assert PIN not in repr(signer)
    assert PIN not in repr(token.key())
    assert shutil.which("pkcs11-tool")
