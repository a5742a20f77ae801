"""What the EMS tests share: the channel, its counterpart, and a web server that keeps pushes as the service does."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiohttp import web

from adapters.counterparts.ems import EmsCounterpart
from adapters.ems import EmsCallback, EmsChannel, EmsSettings
from adapters.simulated import Script, parse_script
from delivery.core.model import Address, PostalAddress, Receipt
from delivery.core.ports import Consignment, RawReceipt

from .contract import Basket, SteppingClock, consign

KEY = "VEVTVEtFWS0xNmJ5dGVzIQ=="
SENDER_NO, AUTHORIZATION = "90000012345678", "invented-authorization"
COURT = PostalAddress(
    name="德令哈市人民法院",
    phone="0977-8221234",
    province="青海省",
    city="海西蒙古族藏族自治州",
    county="德令哈市",
    detail="柴达木路1号",
    postcode="817000",
)
ADDRESSEE = replace(COURT, name="李四不入日志", phone="13900000001", detail="团结路2号1单元101")


def settings(url: str = "http://127.0.0.1:9/", **more: Any) -> EmsSettings:
    wanted = {
        "url": url,
        "sender_no": SENDER_NO,
        "authorization": AUTHORIZATION,
        "key": KEY,
        "sender": COURT,
        "pause": 0.0,
    }
    return EmsSettings(**(wanted | more))


def letter(number: int = 1, to: PostalAddress = ADDRESSEE) -> Consignment:
    address = Address(id="a1", channel="post", basis="confirmed", value=to)
    return consign(f"{number:026d}.a1.1", address)


def openssl_sm4(plain: bytes, *options: str) -> bytes:
    command = ["openssl", "enc", "-sm4-ecb", "-nosalt", "-K", base64.b64decode(KEY).hex(), *options]
    return subprocess.run(command, input=plain, capture_output=True, check=True).stdout


NOON = "2025-09-18 12:00:00"


def channel() -> EmsChannel:
    return EmsChannel(settings(), clock=SteppingClock())


class Ringing(Basket):
    """Rings when something has arrived."""

    news: asyncio.Event | None = None

    async def receive(self, raw: RawReceipt) -> None:
        await super().receive(raw)
        if self.news is not None:
            self.news.set()


class EmsRig:
    """The channel, the counterpart, and a web server that keeps pushes as the service does."""

    good, bad, refused = "signed:self", "returned:moved", "refused:B00031"
    later = throttled = "later"
    cancels = repeatable = True
    parts = 1

    def __init__(self, counterpart: EmsCounterpart, clock: SteppingClock, channel: EmsChannel, basket: Ringing) -> None:
        self.counterpart, self.clock, self.channel, self.basket = counterpart, clock, channel, basket
        self.scripts: dict[str, Script] = {}
        self._count = 0

    def consignment(self, script: str) -> Consignment:
        self._count += 1
        phone = f"139{self._count:08d}"
        self.scripts[phone] = parse_script(script)
        return letter(self._count, replace(ADDRESSEE, phone=phone))

    def log(self, attempt: str) -> list[str]:
        return [entry.what for entry in self.counterpart.log if entry.attempt == attempt]

    async def settle(self) -> None:
        await self.counterpart.advance()
        await self.channel.caught_up()

    async def go_away(self) -> None:
        await self.counterpart.stop()

    async def come_back(self) -> None:
        await self.counterpart.start()

    async def received(self, hours: float = 0) -> list[Receipt]:
        self.clock.forward(timedelta(hours=hours))
        await self.settle()
        return [receipt for raw in self.basket.raws for receipt in self.channel.read(raw)]


@asynccontextmanager
async def served(post: Any) -> AsyncIterator[str]:
    """A web server of the test's own on a free port."""
    app = web.Application()
    app.router.add_post("/{tail:.*}", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks/ems"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def ems(**more: Any) -> AsyncIterator[EmsRig]:
    clock, basket = SteppingClock(), Ringing()
    default = parse_script("taken")
    own = {"key": KEY, "sender_no": SENDER_NO, "authorization": AUTHORIZATION}
    scripts: dict[str, Script] = {}
    counterpart = EmsCounterpart(clock=clock, scripts=scripts, default=default, **own, **more)
    await counterpart.start()
    wanted = settings(counterpart.url)
    ours = EmsChannel(wanted, clock=clock)
    callback = EmsCallback(wanted, channel=ours)

    async def pushed(request: web.Request) -> web.Response:
        reply = callback.accept(headers=request.headers, body=await request.read(), received_at=clock.now())
        if reply.raw is None:
            return web.Response(status=401)
        try:
            await basket.receive(reply.raw)
        except OSError:
            return web.Response(status=500)
        return web.Response(body=reply.body, content_type=reply.content_type)

    async with served(pushed) as counterpart.callback:
        listening = asyncio.create_task(ours.listen(basket))
        try:
            rig = EmsRig(counterpart, clock, ours, basket)
            rig.scripts = scripts
            yield rig
        finally:
            listening.cancel()
            await counterpart.stop()
            await ours.close()


def reply(code: str = "00000", body: Any = None, message: str = "") -> str:
    return json.dumps({"retCode": code, "retMsg": message, "retBody": body, "success": True})


def kinds(found: Sequence[Receipt]) -> list[str]:
    return [receipt.fact.kind for receipt in found if receipt.fact]
