"""The timestamp on a container's seal (XAdES B-T): others accept it, and the verifier tells its time."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from signing.errors import SigningError
from signing.pack import SIGNATURES, seal_imprint, with_seal_timestamp
from signing.verify import INVALID, VALID, Number, Result, Step, Verdict, verify
from tests.signing.containers import digidoc, unpacked, xmlsec_accepts
from tests.signing.test_renewal import renewed
from tests.signing.verifying import packs
from tests.signing.verifying.pki import AT, clock, sealer

COURT, CLOCK = sealer("示例市滨江区人民法院"), clock()
LATER = AT + timedelta(minutes=2)
PART = f"pack.asice · {SIGNATURES}"


@pytest.fixture(scope="module")
def plain() -> bytes:
    return packs.honest(COURT, CLOCK).sealed(COURT)


@pytest.fixture(scope="module")
def stamped(plain: bytes) -> bytes:
    return with_seal_timestamp(plain, CLOCK.token(imprint(plain), LATER))


def imprint(pack: bytes) -> bytes:
    found = seal_imprint(pack)
    assert found is not None
    return found


def judged(pack: bytes) -> Verdict:
    return verify([("pack.asice", pack)], trust=[COURT.root_pem, CLOCK.root_pem], at=AT + timedelta(days=1))


def of_seal(verdict: Verdict, number: Number) -> Step:
    (found,) = [step for step in verdict.steps if (step.part, step.number) == (PART, number)]
    return found


def test_it_is_over_the_value_of_the_signature(plain: bytes) -> None:
    (value,) = re.findall(rb"<ds:SignatureValue [^>]*>(.*?)</ds:SignatureValue>", packs.unzipped(plain)[SIGNATURES])
    canonical = b'<ds:SignatureValue xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="S0-SIG">%s</ds:SignatureValue>'
    assert imprint(plain) == hashlib.sha256(canonical % value).digest()


def test_nothing_else_changes_and_it_is_done_once(plain: bytes, stamped: bytes) -> None:
    before, after = packs.unzipped(plain), packs.unzipped(stamped)
    assert [*after] == [*before]
    assert [name for name in after if after[name] != before[name]] == [SIGNATURES]
    token = CLOCK.token(imprint(plain), LATER)
    assert with_seal_timestamp(plain, token) == with_seal_timestamp(plain, token)
    assert seal_imprint(stamped) is None
    with pytest.raises(SigningError, match="carries a timestamp already"):
        with_seal_timestamp(stamped, token)


def test_under_an_archive_timestamp_a_seal_stays_as_it_is(plain: bytes) -> None:
    archived = renewed(plain, CLOCK, AT + timedelta(days=1))
    assert seal_imprint(archived) is None


def test_the_verifier_tells_its_time(plain: bytes, stamped: bytes) -> None:
    verdict = judged(stamped)
    told = of_seal(verdict, Number.TIME)
    assert (verdict.exit, told.result) == (VALID, Result.PASSED)
    assert f"proves that this seal existed at {LATER:%Y-%m-%d %H:%M:%S} UTC" in told.says.en
    assert of_seal(judged(plain), Number.TIME).result is Result.NOT_CHECKED


@pytest.mark.parametrize(
    ("at", "over"), [(LATER, bytes(32)), (AT - timedelta(hours=1), None)], ids=["of another seal", "backdated"]
)
def test_a_wrong_token_is_seen(plain: bytes, at: datetime, over: bytes | None) -> None:
    wrong = with_seal_timestamp(plain, CLOCK.token(over or imprint(plain), at))
    verdict = judged(wrong)
    assert (verdict.exit, of_seal(verdict, Number.TIME).result) == (INVALID, Result.FAILED)


def test_libdigidocpp_and_xmlsec1_accept_it(stamped: bytes, tmp_path: Path) -> None:
    verdict = digidoc(stamped, tmp_path)
    assert (verdict.signatures, verdict.faults) == (1, ())
    folder = unpacked(stamped, tmp_path / "all")
    accepted, words = xmlsec_accepts(folder, COURT.root_pem, f"{AT:%Y-%m-%d %H:%M:%S}")
    assert accepted, words


def test_openssl_accepts_the_token(plain: bytes, stamped: bytes, tmp_path: Path) -> None:
    (token,) = re.findall(
        rb"<xades:EncapsulatedTimeStamp>(.*?)</xades:EncapsulatedTimeStamp>", packs.unzipped(stamped)[SIGNATURES]
    )
    (tmp_path / "token").write_bytes(base64.b64decode(token))
    (tmp_path / "root.pem").write_bytes(CLOCK.root_pem)
    command = ["openssl", "ts", "-verify", "-token_in", "-in", "token", "-CAfile", "root.pem"]
    done = subprocess.run(
        [*command, "-digest", imprint(plain).hex()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "Verification: OK" in done.stdout + done.stderr
