"""A remote signing service: what it signs is checked, what it does not answer costs nothing, and no secret shows."""

from __future__ import annotations

import asyncio
import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.counterparts.signer import Fault, SigningService
from adapters.remote_signing import RemoteKey, RemoteSigner
from signing.certificates import is_signed, pem_chain
from signing.errors import KeyRefused, KeyUnavailable
from signing.keys import KeyFile, KeyKind, make_key_file, open_key_file
from signing.signer import Algorithm, Signer
from tests import servers

PASSWORD = b"correct horse battery"
TOKEN = "a-bearer-token-of-some-length"
KINDS = {
    KeyKind.P256: Algorithm.ECDSA_P256_SHA256,
    KeyKind.P384: Algorithm.ECDSA_P384_SHA384,
    KeyKind.RSA2048: Algorithm.RSA_PKCS1_SHA256,
}
FILES: dict[KeyKind, KeyFile] = {}


def service(kind: KeyKind = KeyKind.P256, **more: bool) -> SigningService:
    validity = {"not_before": datetime(2025, 1, 1, tzinfo=UTC), "not_after": datetime(2045, 1, 1, tzinfo=UTC)}
    if kind not in FILES:
        FILES[kind] = make_key_file(PASSWORD, court="demo", court_name="示例市法院", kind=kind, **validity)
    opened = open_key_file(FILES[kind].content, PASSWORD)
    return SigningService(opened.private_key_pem, opened.certificate_pem, TOKEN, **more)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(TOKEN + "\n")
    return tmp_path / "token"


def recipe(url: str, token_file: Path, **more: object) -> RemoteKey:
    known = {"url": url, "credential": "court-seal", "token_file": str(token_file)}
    return RemoteKey(**{**known, **more})  # type: ignore[arg-type]


def renew(token_file: Path, token: str | None) -> None:
    token_file.write_text(token) if token else token_file.unlink()


async def made(url: str, token_file: Path, **more: object) -> RemoteSigner:
    return await asyncio.to_thread(recipe(url, token_file, **more))


async def signed(signer: Signer, message: bytes = b"m") -> bytes:
    return await asyncio.to_thread(signer.sign, message)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("raw", [False, True], ids=["der", "r-and-s"])
async def test_it_signs(kind: KeyKind, raw: bool, token_file: Path) -> None:
    counterpart = service(kind, raw=raw)
    async with counterpart.running() as url:
        signer = await made(url, token_file)
        assert signer.algorithm is KINDS[kind]
        assert signer.chain == pem_chain(counterpart.certificate_pem)
        assert is_signed(signer.chain[0], b"m", await signed(signer))
    assert counterpart.asked == ["credentials/info", "signatures/signHash"]


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_bad_answer_is_no_signature_and_the_next_is_good(fault: Fault, token_file: Path) -> None:
    counterpart = service()
    async with counterpart.running() as url:
        signer = await made(url, token_file, timeout=0.5 if fault is Fault.SLOW else 10.0)
        counterpart.faults.append(fault)
        with pytest.raises(KeyUnavailable, match="court-seal"):
            await signed(signer)
        assert not counterpart.faults
        assert is_signed(signer.chain[0], b"m", await signed(signer))
    assert counterpart.signed == 2


async def test_a_service_that_is_away(token_file: Path) -> None:
    with pytest.raises(KeyUnavailable, match="nobody answers"):
        await made(f"http://127.0.0.1:{servers.free_port()}/csc/v2", token_file)
    counterpart = service()
    async with counterpart.running() as url:
        signer = await made(url, token_file)
    with pytest.raises(KeyUnavailable):
        await signed(signer)


@pytest.mark.parametrize("why", ["token", "no-token-file", "credential", "disabled"])
async def test_what_a_person_has_to_mend(why: str, token_file: Path) -> None:
    counterpart = service(enabled=why != "disabled")
    more: dict[str, object] = {"credential": "another"} if why == "credential" else {}
    if why == "token":
        renew(token_file, "an-older-token")
    if why == "no-token-file":
        renew(token_file, None)
    async with counterpart.running() as url:
        with pytest.raises(KeyRefused) as no:
            await made(url, token_file, **more)
    assert "token-of" not in str(no.value)
    assert "an-older-token" not in str(no.value)
    assert counterpart.signed == 0


async def test_a_renewed_token_is_taken_up(token_file: Path) -> None:
    counterpart = service()
    async with counterpart.running() as url:
        signer = await made(url, token_file)
        counterpart.token = "the-next-token"
        with pytest.raises(KeyRefused):
            await signed(signer)
        renew(token_file, "the-next-token")
        assert await signed(signer)


def test_the_token_never_travels_in_the_clear(token_file: Path) -> None:
    with pytest.raises(ValueError, match="https"):
        recipe("http://signing.example/csc/v2", token_file)


def test_the_recipe_travels_without_a_secret(token_file: Path) -> None:
    one = recipe("https://signing.example/csc/v2", token_file)
    sent = pickle.dumps(one)
    assert pickle.loads(sent) == one  # noqa: S301 — our own
    assert TOKEN.encode() not in sent
    assert TOKEN not in repr(one)
