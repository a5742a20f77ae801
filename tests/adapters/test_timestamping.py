"""Timestamp authorities over HTTP: failover, days of service, and every way in which one may fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from certomancer.integrations.aiohttp_animator import build_animator_app

from adapters.counterparts.tsa import POLICY, TsaCounterpart, make_keys
from adapters.http import HttpClient
from adapters.timestamping import QUESTION, REPLY, Authority, NoTimestamp, Timestamping
from delivery.core.ports import Later, Refused
from signing import timestamp
from signing.timestamp import Token
from tests.servers import free_port
from tests.signing.authorities import AT, IMPRINT, Stopped, authority, certomancer, der, keys_for

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
KEYS = make_keys("甲", AT)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def served(stack: AsyncExitStack, app: web.Application) -> str:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"


async def answering(stack: AsyncExitStack, answer: Answering, name: str = "甲") -> Authority:
    """An authority whose HTTP answers are made by hand."""
    app = web.Application()
    app.router.add_post("/tsa", answer)
    return Authority(name=name, url=await served(stack, app) + "/tsa", trust=(der(KEYS.root),))


async def started(stack: AsyncExitStack, name: str = "甲", there: TsaCounterpart | None = None) -> Authority:
    there = there or authority(keys=KEYS)
    await there.start()
    stack.push_async_callback(there.stop)
    return Authority(name=name, url=there.url, trust=(der(there._keys.root),))


def stamping(stack: AsyncExitStack, *authorities: Authority, clock: Stopped | None = None) -> Timestamping:
    http = HttpClient("timestamping", timeout=5, max_answer=timestamp.MAX_RESPONSE, first_pause=0.0)
    ours = Timestamping(authorities, clock=clock or Stopped(), http=http)
    stack.push_async_callback(ours.close)
    return ours


def reply(body: bytes) -> web.Response:
    return web.Response(body=body, content_type=REPLY)


async def test_a_token_comes_back_judged(stack: AsyncExitStack) -> None:
    there = replace(await started(stack), policy=POLICY)
    token = await stamping(stack, there).stamp(IMPRINT)
    assert timestamp.check(token, imprint=IMPRINT, trust=there.trust).at == AT


async def test_certomancer_is_asked_for_real(stack: AsyncExitStack, tmp_path: Path) -> None:
    pki = certomancer(tmp_path).pki_archs
    url = await served(stack, build_animator_app(pki, at_time=AT, with_web_ui=False))
    root = next(iter(pki.values())).get_cert("root").dump()
    there = Authority(name="certomancer", url=f"{url}/court/tsa/tsa", trust=(root,))
    assert timestamp.read(await stamping(stack, there).stamp(IMPRINT)).authority == "Test Authority"


async def test_each_question_has_a_nonce_of_its_own(stack: AsyncExitStack) -> None:
    bodies: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.content_type == QUESTION
        bodies.append(await request.read())
        return reply(authority(keys=KEYS).respond(bodies[-1]))

    ours = stamping(stack, await answering(stack, answer))
    assert await ours.stamp(IMPRINT) != await ours.stamp(IMPRINT)
    assert len(set(bodies)) == 2


@pytest.mark.parametrize("status", [301, 400, 404, 415])
async def test_a_status_that_says_no_is_a_refusal(stack: AsyncExitStack, status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    there = await answering(stack, answer)
    assert await stamping(stack, there).ask(there, IMPRINT) == Refused(code=f"http_{status}")


async def test_what_may_pass_is_for_later(stack: AsyncExitStack) -> None:
    async def busy(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "90"})

    async def broken(_: web.Request) -> web.Response:
        return web.Response(status=503)

    async def lost(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def endless(_: web.Request) -> web.Response:
        return reply(bytes(timestamp.MAX_RESPONSE + 1))

    away = Authority(name="away", url=f"http://127.0.0.1:{free_port()}/tsa", trust=(der(KEYS.root),))
    expected = {busy: "http_429", broken: "answer_lost", lost: "answer_lost", endless: "answer_lost"}
    for answer, code in expected.items():
        there = await answering(stack, answer)
        said = await stamping(stack, there).ask(there, IMPRINT)
        assert isinstance(said, Later)
        assert said.code == code
    assert await stamping(stack, away).ask(away, IMPRINT) == Later(code="not_reached")


async def test_an_authority_that_hangs_is_given_up(stack: AsyncExitStack) -> None:
    released = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    there = await answering(stack, silent)
    ours = Timestamping([there], clock=Stopped(), http=HttpClient("timestamping", timeout=0.1))
    stack.push_async_callback(ours.close)
    assert await ours.ask(there, IMPRINT) == Later(code="answer_lost")
    released.set()


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda question: timestamp.query(IMPRINT, 1, None), "nonce"),
        (lambda question: timestamp.query(bytes(32), 1, None), "imprint"),
        (lambda question: b"no question", "rejected"),
    ],
    ids=["nonce", "imprint", "rejection"],
)
async def test_an_answer_that_proves_nothing_is_refused_by_name(
    stack: AsyncExitStack, make: Callable[[bytes], bytes], code: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        return reply(authority(keys=KEYS).respond(make(await request.read())))

    there = await answering(stack, answer)
    said = await stamping(stack, there).ask(there, IMPRINT)
    assert isinstance(said, Refused)
    assert said.code == code


async def test_another_media_type_is_not_read(stack: AsyncExitStack) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=authority(keys=KEYS).respond(await request.read()), content_type="text/html")

    there = await answering(stack, answer)
    assert await stamping(stack, there).ask(there, IMPRINT) == Refused(code="content_type")


async def test_wrong_policy_and_expired_certificate_are_refused(stack: AsyncExitStack) -> None:
    there = replace(await started(stack), policy="1.2.3")
    said = await stamping(stack, there).ask(there, IMPRINT)
    assert isinstance(said, Refused)
    assert "unaccepted_policy" in said.words
    expired = await started(stack, there=authority(AT + timedelta(days=400), keys_for()))
    said = await stamping(stack, expired).ask(expired, IMPRINT)
    assert isinstance(said, Refused)
    assert said.code == "chain"


async def test_the_next_one_is_asked_when_one_fails_and_is_preferred_for_a_while(stack: AsyncExitStack) -> None:
    first, second = authority(keys=KEYS), authority(keys=make_keys("乙", AT))
    ours = stamping(stack, await started(stack, "甲", first), await started(stack, "乙", second))
    assert timestamp.read(await ours.stamp(IMPRINT)).authority == "甲"
    first.away = True
    assert [timestamp.read(await ours.stamp(IMPRINT)).authority for _ in range(2)] == ["乙", "乙"]
    first.away = False
    assert timestamp.read(await ours.stamp(IMPRINT)).authority == "乙"  # 甲 rests
    second.away = True
    assert timestamp.read(await ours.stamp(IMPRINT)).authority == "甲"  # and is asked when nobody else answers


async def test_without_any_answer_there_is_no_timestamp(stack: AsyncExitStack) -> None:
    there = authority(keys=KEYS)
    ours = stamping(stack, await started(stack, "甲", there))
    there.away = True
    with pytest.raises(NoTimestamp):
        await ours.stamp(IMPRINT)
    there.away = False
    assert await ours.stamp(IMPRINT)


async def test_authorities_change_on_a_day_of_the_court(stack: AsyncExitStack) -> None:
    """AT is 10:30 of 4 March in China."""
    clock = Stopped(AT)
    old = replace(await started(stack, "甲"), until=date(2026, 3, 5))
    new = replace(await started(stack, "乙", authority(keys=make_keys("乙", AT))), since=date(2026, 3, 5))
    ours = stamping(stack, new, old, clock=clock)
    assert ours.names() == ("甲",)
    clock.at = AT.replace(hour=15, minute=59)
    assert ours.names() == ("甲",)
    clock.at = AT.replace(hour=16, minute=0)
    assert ours.names() == ("乙",)
    assert timestamp.read(await ours.stamp(IMPRINT)).authority == "乙"


async def test_a_day_without_any_authority_has_no_timestamp(stack: AsyncExitStack) -> None:
    later = replace(await started(stack), since=date(2030, 1, 1))
    ours = stamping(stack, later)
    assert ours.names() == ()
    with pytest.raises(NoTimestamp):
        await ours.stamp(IMPRINT)


async def test_ask_gives_the_token_with_its_time(stack: AsyncExitStack) -> None:
    there = await started(stack)
    said = await stamping(stack, there).ask(there, IMPRINT)
    assert isinstance(said, Token)
    assert (said.at, said.policy) == (AT, POLICY)
