"""The one HTTP client: what was certainly not delivered is tried again, what may have been is told as that."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import structlog
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.http import MAX_PAUSE, TRIES, AnswerLost, HttpClient, HttpFailure, HttpRefused, NotReached, _seconds

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Provider:
    """Answers by `answering`, and counts the requests that reached it."""

    def __init__(self, answering: Answering) -> None:
        self.answering = answering
        self.bodies: list[bytes] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        return await self.answering(request)


@asynccontextmanager
async def provider(answering: Answering) -> AsyncIterator[Provider]:
    there = Provider(answering)
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", there.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    there.url = f"http://127.0.0.1:{runner.addresses[0][1]}/path/secret-token?q=secret-query"
    try:
        yield there
    finally:
        await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    ours = HttpClient("test", timeout=5, max_answer=1000, first_pause=0.0)
    yield ours
    await ours.close()


def answers(*statuses: int, body: bytes = b"", **headers: str) -> Answering:
    """One after the other; the last repeats."""
    left = list(statuses)

    async def answer(_: web.Request) -> web.Response:
        status = left.pop(0) if len(left) > 1 else left[0]
        return web.Response(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def half_an_answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.close()
    return response


async def test_an_answer(client: HttpClient) -> None:
    async with provider(answers(200, body=b"yes")) as there:
        answer = await client.post("call", there.url, form={"a": "法院 &="})
    assert (answer.status, answer.body) == (200, b"yes")
    assert there.bodies == [b"a=%E6%B3%95%E9%99%A2+%26%3D"]


async def test_nobody_listens(client: HttpClient) -> None:
    with socket.socket() as deaf, structlog.testing.capture_logs() as lines:
        deaf.bind(("127.0.0.1", 0))  # without listen: connections are refused
        with pytest.raises(NotReached):
            await client.post("call", f"http://127.0.0.1:{deaf.getsockname()[1]}/", body=b"x")
    assert len(lines) == TRIES


async def test_too_many_requests_is_tried_again_when_told_when(client: HttpClient) -> None:
    async with provider(answers(429, 200, Retry_After="0")) as there:
        assert (await client.post("call", there.url, body=b"x")).status == 200
    assert there.bodies == [b"x", b"x"]


@pytest.mark.parametrize("wish", ["", "soon", str(MAX_PAUSE + 1), "Wed, 21 Oct 2015 07:28:00 GMT"])
async def test_too_many_requests_without_a_short_wish_is_the_journals(client: HttpClient, wish: str) -> None:
    async with provider(answers(429, Retry_After=wish)) as there:
        with pytest.raises(HttpRefused) as caught:
            await client.post("call", there.url, body=b"x")
    assert (caught.value.status, len(there.bodies)) == (429, 1)
    assert caught.value.retry_after == (MAX_PAUSE + 1 if wish.isdigit() else None)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 422])
async def test_refused(client: HttpClient, status: int) -> None:
    async with provider(answers(status, Location="/elsewhere", Retry_After="0")) as there:
        with pytest.raises(HttpRefused, match=str(status)):
            await client.post("call", there.url, body=b"x")
    assert len(there.bodies) == 1, "neither sent on nor sent again"


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_server_in_trouble_may_have_acted(client: HttpClient, status: int) -> None:
    async with provider(answers(status, Retry_After="0")) as there:
        with pytest.raises(AnswerLost):
            await client.post("call", there.url, body=b"x")
    assert len(there.bodies) == 1


@pytest.mark.parametrize("answering", [hang_up, half_an_answer, answers(200, body=b"x" * 1001)])
async def test_no_whole_answer_is_a_doubt_and_never_a_second_request(client: HttpClient, answering: Answering) -> None:
    async with provider(answering) as there:
        with pytest.raises(AnswerLost):
            await client.post("call", there.url, body=b"x")
    assert len(there.bodies) == 1


async def test_silence_is_a_doubt() -> None:
    hurried = HttpClient("test", timeout=0.2)
    released = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with provider(silent) as there:
        with pytest.raises(AnswerLost):
            await hurried.post("call", there.url, body=b"x")
        released.set()
    await hurried.close()
    assert len(there.bodies) == 1


async def test_a_packed_answer_is_not_unpacked(client: HttpClient) -> None:
    """A small answer stays small: nothing grows after the limit was checked."""
    async with provider(answers(200, body=b"\x1f\x8b junk", Content_Encoding="gzip")) as there:
        assert (await client.get("call", there.url)).body == b"\x1f\x8b junk"


@pytest.mark.parametrize("answering", [answers(403), answers(500), hang_up])
async def test_failures_are_os_errors_and_tell_no_secret(client: HttpClient, answering: Answering) -> None:
    async with provider(answering) as there:
        with structlog.testing.capture_logs() as lines, pytest.raises(OSError, match=r"call at 127\.0\.0\.1") as caught:
            await client.post("call", there.url, form={"phone": "13900000001"}, headers={"X-Key": "secret-key"})
    assert isinstance(caught.value, HttpFailure)
    assert [line["call"] for line in lines] == ["call"]
    seen = f"{lines} {caught.value!r} {caught.value.__cause__!r}"
    for secret in ("secret-token", "secret-query", "13900000001", "secret-key"):
        assert secret not in seen


@given(st.text(max_size=10))
def test_any_retry_after(header: str) -> None:
    wish = _seconds(header)
    assert wish is None or str(wish).zfill(len(header)) == header
