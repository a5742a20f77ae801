"""Answers of a strange carrier, and what our orders say."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from adapters.ems import EmsChannel
from adapters.ems.envelope import open_envelope
from adapters.http import HttpFailure
from delivery.core.model import Address
from delivery.core.ports import Later, RawReceipt, Refused, Unknown
from tests.adapters.ems_rig import AUTHORIZATION, KEY, SENDER_NO, channel, letter, reply, served, settings

from .contract import SteppingClock, consign


async def answered(body: bytes | str, *, status: int = 200, **more: Any) -> tuple[Any, list[RawReceipt] | None]:
    """What `send` and `track` make of that answer to everything."""

    async def post(_: web.Request) -> web.Response:
        return web.Response(status=status, body=body)

    async with served(post) as url:
        ours = EmsChannel(settings(url, **more), clock=SteppingClock())
        answer = await ours.send(letter())
        try:
            raws = await ours.track(letter(), "1000000000001")
        except HttpFailure:
            raws = None
        await ours.close()
    return answer, raws


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"retCode":["0"]}', "[" * 50000, reply(body="[" * 50000)])
async def test_an_answer_that_cannot_be_read_may_have_been_a_yes(body: str) -> None:
    answer, raws = await answered(body)
    assert isinstance(answer, Unknown)
    assert raws is None


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "{}",
        '{"waybillNo":"x"}',
        '[{"logisticsOrderNo":"L-of-somebody-else","waybillNo":"1000000000001"}]',
        "[7]",
    ],
)
async def test_a_yes_without_our_waybill_is_a_doubt(body: str | None) -> None:
    answer, _ = await answered(reply(body=body))
    assert isinstance(answer, Unknown)


@pytest.mark.parametrize("body", [None, "", "null", '{"responseItems":null}', '{"responseItems":[]}', "[]"])
@pytest.mark.parametrize("message", ["查无此邮件", "未查询到", ""])
async def test_a_track_with_success_and_no_items_is_nothing_yet(body: str | None, message: str) -> None:
    _, raws = await answered(reply(body=body, message=message))
    assert raws == []


async def test_codes_that_the_contract_calls_busy() -> None:
    answer, _ = await answered(reply(code="S77"), later_codes=frozenset({"S77"}))
    assert answer == Later(code="S77")
    answer, _ = await answered(reply(code="S77"))
    assert answer == Refused(code="S77")


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Later), (302, Later), (500, Unknown), (502, Unknown), (504, Unknown)]
)
async def test_a_status_is_no_verdict_on_the_letter(status: int, kind: type) -> None:
    answer, _ = await answered("", status=status)
    assert isinstance(answer, kind)


async def test_an_address_that_is_no_postal_one_never_leaves() -> None:
    answer = await channel().send(consign("d.a1.1", Address(id="a1", channel="post", basis="own", value="a@b.invalid")))
    assert answer == Refused(code="no_postal_address")


async def test_orders_are_the_same_each_time_and_say_what_the_wire_wants() -> None:
    seen: list[dict[str, Any]] = []

    async def post(request: web.Request) -> web.Response:
        form = await request.post()
        seen.append({name: str(value) for name, value in form.items()})
        (order,) = json.loads(open_envelope(str(form["logitcsInterface"]), KEY))
        rows = [{"logisticsOrderNo": order["logisticsOrderNo"], "waybillNo": "1000000000001"}]
        return web.json_response({"retCode": "00000", "retBody": json.dumps(rows)})

    clock = SteppingClock()
    async with served(post) as url:
        ours = EmsChannel(settings(url), clock=clock)
        await ours.send(letter())
        clock.forward(timedelta(days=1))
        await ours.inquire(letter())
        await ours.close()
    envelopes = [form["logitcsInterface"] for form in seen]
    assert envelopes[:2] == envelopes[2:], "a known order number never comes with another content"
    assert {k: v for k, v in seen[0].items() if k != "logitcsInterface"} == {
        "apiCode": "020003",
        "senderNo": SENDER_NO,
        "authorization": AUTHORIZATION,
        "msgType": "0",
        "timeStamp": "2025-09-16 09:30:00",
        "version": "V1.0.0",
    }
    slip, way = (json.loads(open_envelope(envelope, KEY))[0] for envelope in envelopes[:2])
    assert (way["receiptFlag"], way["receiptWaybillNo"], way["receiver"]["mobile"]) == (
        "7",
        "1000000000001",
        "13900000001",
    )
    assert (slip["receiptFlag"], slip["sender"]["mobile"], slip["receiver"]["phone"]) == (
        "1",
        "13900000001",
        "0977-8221234",
    )
    assert len(way["ecommerceUserId"]) < 50
