"""Pushes of EMS: what is kept, what is nobody's, and what is followed up."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.ems import EmsCallback, EmsChannel
from adapters.ems.envelope import seal_envelope
from adapters.ems.reports import order_number
from tests.adapters.ems_rig import (
    KEY,
    NOON,
    SENDER_NO,
    EmsRig,
    channel,
    ems,
    kinds,
    openssl_sm4,
    reply,
    served,
    settings,
)

from .contract import START, Basket, SteppingClock

OTHER_KEY = base64.b64encode(b"another 16 bytes").decode()


@pytest.fixture
async def rig() -> AsyncIterator[EmsRig]:
    async with ems() as rig:
        yield rig


REPORT = json.dumps({"waybillNo": "1000000000001", "opCode": "203", "opTime": NOON})


def push(text: str = REPORT, *, key: str = KEY, **changes: Any) -> dict[str, Any]:
    return {
        "logitcsInterface": seal_envelope(text, key),
        "method": "040002",
        "msgType": "0",
        "senderNo": SENDER_NO,
        "serialNo": "77",
        "timeStamp": NOON,
        "version": "v1.0.0",
    } | changes


def accepted(body: bytes, kind: str = "application/json") -> Any:
    return EmsCallback(settings()).accept(headers={"Content-Type": kind}, body=body, received_at=START)


@pytest.mark.parametrize("as_form", [False, True])
@pytest.mark.parametrize("suffix", ["", KEY])
def test_a_push_is_kept_in_the_carriers_words_and_thanked_for(as_form: bool, suffix: str) -> None:
    sealed = "|$4|" + base64.b64encode(openssl_sm4((REPORT + suffix).encode())).decode()
    fields = push(logitcsInterface=sealed)
    kind = "application/x-www-form-urlencoded; charset=UTF-8" if as_form else "application/json"
    answer = accepted((urlencode(fields) if as_form else json.dumps(fields)).encode(), kind)
    assert answer.raw.body.decode() == REPORT
    assert (answer.raw.channel, answer.raw.received_at, answer.raw.meta["serialNo"]) == ("ems", START, "77")
    assert KEY not in str(answer.raw)
    assert json.loads(answer.body) == {"serialNo": "77", "code": "00000", "codeMessage": "ok", "senderNo": SENDER_NO}
    assert channel().read(answer.raw)[0].code == "203"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[" * 60000,
        b"\xff\xfe",
        json.dumps(push(key=OTHER_KEY)).encode(),
        json.dumps(push("not json")).encode(),
        json.dumps(push("[1]")).encode(),
        json.dumps(push(senderNo="90000012345679")).encode(),
        json.dumps(push(senderNo=None)).encode(),
        json.dumps(push(senderNo="另一个")).encode(),
        json.dumps(push(logitcsInterface="")).encode(),
        json.dumps(push(logitcsInterface="|$4|")).encode(),
        json.dumps(push(logitcsInterface=["x"])).encode(),
        json.dumps(push(REPORT + " " * 70000)).encode(),
        json.dumps(push(more=" " * 70000)).encode(),
    ],
)
def test_forged_broken_or_oversized_pushes_are_nobodys(body: bytes) -> None:
    assert accepted(body).raw is None


@pytest.mark.parametrize("form", ["", "a", urlencode(push()) + "&senderNo=1", "&".join(["a=1"] * 50)])
def test_forged_forms_are_nobodys(form: str) -> None:
    assert accepted(form.encode(), "application/x-www-form-urlencoded").raw is None


@given(st.binary(max_size=300), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_nothing_that_comes_in_raises(body: bytes, kind: str) -> None:
    assert accepted(body, kind).raw is None


@given(st.integers(0, 63), st.integers(1, 255))
def test_a_spoilt_envelope_never_passes_as_another_report(place: int, change: int) -> None:
    """The cipher mode has no check value; that the text must be UTF-8 and JSON is what finds a spoilt block."""
    sealed = bytearray(base64.b64decode(push()["logitcsInterface"].removeprefix("|$4|")))
    sealed[place % len(sealed)] ^= change
    spoilt = push(logitcsInterface="|$4|" + base64.b64encode(bytes(sealed)).decode())
    assert accepted(json.dumps(spoilt).encode()).raw is None


async def test_a_follow_up_asks_again_while_the_track_knows_nothing_yet() -> None:
    item = {"waybillNo": "1000000000001", "opCode": "704", "opTime": NOON, "deliverCode": "10"}
    left = [reply(body=""), "<html>", reply(body=json.dumps({"responseItems": [item]}))]

    async def post(_: web.Request) -> web.Response:
        return web.Response(body=left.pop(0))

    basket = Basket()
    async with served(post) as url:
        ours = EmsChannel(settings(url), clock=SteppingClock())
        bare = json.dumps(item | {"deliverCode": None, "orderNo": order_number("d.a1.1")})
        EmsCallback(settings(), channel=ours).accept(
            headers={}, body=json.dumps(push(bare)).encode(), received_at=START
        )
        listening = asyncio.create_task(ours.listen(basket))
        await ours.caught_up()
        listening.cancel()
        await ours.close()
    (found,) = [receipt for raw in basket.raws for receipt in ours.read(raw)]
    assert (found.code, found.attempt, left) == ("704/10", "d.a1.1", [])


async def test_the_counterpart_reports_by_itself_when_the_time_has_come() -> None:
    async with ems(codes_in_push=True) as rig:
        consignment = rig.consignment("taken; 0s posted")
        arrived = asyncio.Event()
        rig.basket.news = arrived
        await rig.channel.send(consignment)
        await asyncio.wait_for(arrived.wait(), 10)
        await rig.settle()
        assert (len(rig.basket.raws), rig.counterpart.next_due()) == (1, None)


async def test_a_bare_push_is_followed_up_until_the_track_explains_it(rig: EmsRig) -> None:
    consignment = rig.consignment("taken; 1h signed:mailroom")
    await rig.channel.send(consignment)
    found = await rig.received(hours=1)
    assert [r.code for r in found] == ["incomplete/704", "704/60"]
    assert sorted(kinds(found)) == ["signed"]
