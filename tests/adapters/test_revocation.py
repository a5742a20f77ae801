"""Revocation data over HTTP, from certomancer: answers, lists, what is kept, what does not hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from certomancer.registry import ServiceLabel
from cryptography import x509

from adapters.http import HttpClient
from adapters.revocation import RevocationFetcher
from signing import revocation
from signing.revocation import Fault, Kind, RevocationWrong
from tests.signing import revoking
from tests.signing.authorities import AT, Stopped
from tests.signing.revoking import Pki
from tests.stage import seal_keys


@pytest.fixture
async def pki(tmp_path: Path) -> AsyncIterator[Pki]:
    async with revoking.served(tmp_path, AT) as pki:
        yield pki


@asynccontextmanager
async def fetching(clock: Stopped | None = None, **limits: int) -> AsyncIterator[RevocationFetcher]:
    http = HttpClient("revocation", timeout=5, first_pause=0.0, **limits)  # type: ignore[arg-type]
    fetcher = RevocationFetcher(clock=clock or Stopped(), http=http)
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def test_a_responder_is_asked_before_a_list(pki: Pki) -> None:
    assert [point.kind for point in revocation.points(pki.certificate("seal"))] == [Kind.OCSP, Kind.CRL]
    async with fetching() as fetcher:
        found = await fetcher.fetch(*pki.chain("seal"))
    assert found is not None
    standing = revocation.judged(Kind(found[0]), found[1], *pki.chain("seal"), AT)
    assert (standing.kind, standing.revoked_at) == (Kind.OCSP, None)


async def test_a_list_where_there_is_no_responder(pki: Pki) -> None:
    async with fetching() as fetcher:
        found = await fetcher.fetch(*pki.chain("tsa"))
    assert found is not None
    standing = revocation.judged(Kind(found[0]), found[1], *pki.chain("tsa"), AT)
    assert (standing.kind, standing.revoked_at) == (Kind.CRL, None)


async def test_a_revoked_certificate_is_told_by_both(pki: Pki) -> None:
    async with fetching() as fetcher:
        found = await fetcher.fetch(*pki.chain("gone"))
    assert found is not None
    on = datetime.fromisoformat(revoking.REVOKED).astimezone(UTC)
    assert revocation.judged(Kind.OCSP, found[1], *pki.chain("gone"), AT).revoked_at == on
    listed = pki.arch.service_registry.get_crl(ServiceLabel("root"), at_time=AT).dump()
    assert revocation.judged(Kind.CRL, listed, *pki.chain("gone"), AT).revoked_at == on
    assert revocation.judged(Kind.CRL, listed, *pki.chain("seal"), AT).revoked_at is None


async def test_an_answer_is_kept_until_its_next_update(pki: Pki, tmp_path: Path) -> None:
    clock = Stopped()
    async with fetching(clock) as fetcher:
        first = await fetcher.fetch(*pki.chain("tsa"))
        assert first is not None
        until = revocation.judged(Kind.CRL, first[1], *pki.chain("tsa"), AT).next_update
        clock.at = until - timedelta(seconds=1)
        assert await fetcher.fetch(*pki.chain("tsa")) == first
        clock.at = until + timedelta(seconds=1)
        assert await fetcher.fetch(*pki.chain("tsa")) is None  # they give the same old list


async def test_when_the_responder_is_away_the_list_is_fetched(tmp_path: Path) -> None:
    pki = revoking.made(tmp_path, "http://127.0.0.1:9")  # discard: nobody listens
    async with fetching() as fetcher:
        assert await fetcher.fetch(*pki.chain("seal")) is None

    async def lists(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=503)
        return web.Response(body=there.arch.service_registry.get_crl(ServiceLabel("root"), at_time=AT).dump())

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", lists)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    folder = tmp_path / "there"
    folder.mkdir()
    there = revoking.made(folder, f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        async with fetching() as fetcher:
            found = await fetcher.fetch(*there.chain("seal"))
        async with fetching(max_answer=64) as narrow:
            assert await narrow.fetch(*there.chain("seal")) is None
    finally:
        await runner.cleanup()
    assert found is not None
    assert found[0] == Kind.CRL


def test_a_self_made_certificate_has_nobody_to_ask() -> None:
    (own, *_) = x509.load_pem_x509_certificates(seal_keys().certificate_pem)
    der = own.public_bytes(revocation.serialization.Encoding.DER)
    assert revocation.points(der) == ()
    assert list(revocation.issued([der])) == []


async def test_what_does_not_hold_is_told_apart(pki: Pki, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = revoking.made(tmp_path / "other", pki.url)
    registry = pki.arch.service_registry
    listed = registry.get_crl(ServiceLabel("root"), at_time=AT).dump()
    theirs = other.arch.service_registry.get_crl(ServiceLabel("root"), at_time=AT).dump()
    async with fetching() as fetcher:
        found = await fetcher.fetch(*pki.chain("seal"))
    assert found is not None
    answer, chain = found[1], pki.chain("seal")
    swapped = answer.replace(b"Test Responder", b"Fake Responder")
    cases = [
        (Kind.CRL, b"", chain, AT, Fault.UNREADABLE),
        (Kind.CRL, bytes(revocation.MAX_ANSWER + 1), chain, AT, Fault.UNREADABLE),
        (Kind.CRL, theirs, chain, AT, Fault.SIGNATURE),
        (Kind.CRL, listed, (chain[0], pki.certificate("tsa")), AT, Fault.ISSUER),
        (Kind.CRL, listed, chain, AT + timedelta(days=60), Fault.STALE),
        (Kind.CRL, listed, chain, AT - timedelta(days=60), Fault.EARLY),
        (Kind.OCSP, b"\x30\x03\x0a\x01\x06", chain, AT, Fault.REFUSED),
        (Kind.OCSP, listed, chain, AT, Fault.UNREADABLE),
        (Kind.OCSP, answer, pki.chain("tsa"), AT, Fault.SERIAL),
        (Kind.OCSP, answer, (chain[0], other.certificate("root")), AT, Fault.SERIAL),
        (Kind.OCSP, swapped, chain, AT, Fault.ISSUER),
        (Kind.OCSP, answer[:-600] + bytes([answer[-600] ^ 1]) + answer[-599:], chain, AT, None),
        (Kind.OCSP, answer, chain, AT + timedelta(days=60), Fault.STALE),
    ]
    for kind, content, (certificate, issuer), at, fault in cases:
        with pytest.raises(RevocationWrong) as wrong:
            revocation.judged(kind, content, certificate, issuer, at)
        assert fault in (None, wrong.value.fault), (kind, fault, str(wrong.value))
