"""What the SMPP tests share: texts, the channel, and our SMSC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import smpp34

from adapters.counterparts.smsc import SmscCounterpart
from adapters.simulated import parse_script
from adapters.smpp import SmppChannel, SmppSettings
from delivery.core.model import Address, Receipt
from delivery.core.ports import Consignment, RawReceipt
from tests.adapters.contract import START, Basket, SteppingClock, consign

SHORT_LINK = "https://sd.example.cn/d/" + "t" * 21
LONG_COURT = "海西蒙古族藏族自治州中级人民法院德令哈巡回法庭"
HOUR = timedelta(hours=1)
assert len(SHORT_LINK) == 45


def bind_settings(port: int, **more: Any) -> SmppSettings:
    """Pauses too short to be noticed, patience too long to run out."""
    quick: dict[str, Any] = {"pause_first": 0.01, "pause_most": 0.05, "patience": 20.0, "answer_within": 20.0}
    return SmppSettings(
        host="127.0.0.1",
        port=port,
        system_id="songda",
        password="geheim",
        source_address="10690000",
        **(quick | more),
    )


def text_to(number: str, attempt: str = "D1.a1.1", court: str = "德令哈市人民法院") -> Consignment:
    address = Address(id="a1", channel="sms", basis="confirmed", value=number)
    return replace(consign(attempt, address), link=SHORT_LINK, court_name=court)


@asynccontextmanager
async def listening(channel: SmppChannel, basket: Basket) -> AsyncIterator[None]:
    listener = asyncio.create_task(channel.listen(basket))
    try:
        yield
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener
        await channel.close()


class SmppRig:
    good, bad, refused = "arrived", "bounced:number_void", "refused:ESME_RINVDSTADR"
    later, throttled = "later:ESME_RSYSERR", "later:ESME_RTHROTTLED"
    repeatable = False

    def __init__(self, parts: int, clock: SteppingClock | None = None) -> None:
        self.parts, self.clock, self.basket = parts, clock or SteppingClock(), Basket()
        self.smsc = SmscCounterpart(clock=self.clock, password="geheim")
        self._numbers: dict[str, str] = {}

    async def start(self) -> None:
        await self.smsc.start()
        self.channel = SmppChannel(bind_settings(self.smsc.port), clock=self.clock)

    def consignment(self, script: str) -> Consignment:
        number, attempt = f"1380013{len(self._numbers):04d}", f"D{len(self._numbers)}.a1.1"
        self._numbers[attempt] = number
        self.smsc.play(number, parse_script(script))
        return text_to(f"+86{number}", attempt, "德令哈市人民法院" if self.parts == 1 else LONG_COURT)

    def log(self, attempt: str) -> list[str]:
        return [entry.what for entry in self.smsc.log if entry.attempt.startswith(f"{self._numbers[attempt]}.")]

    async def settle(self) -> None:
        await self.smsc.bound.wait()
        await self.smsc.advance()

    async def go_away(self) -> None:
        await self.smsc.stop()

    async def come_back(self) -> None:
        await self.smsc.start()
        await self.smsc.bound.wait()


@asynccontextmanager
async def smpp_rig(parts: int) -> AsyncIterator[SmppRig]:
    rig = SmppRig(parts)
    await rig.start()
    async with listening(rig.channel, rig.basket):
        await rig.smsc.bound.wait()
        yield rig
    await rig.smsc.stop()


def heard(rig: SmppRig) -> list[Receipt]:
    return [receipt for raw in rig.basket.raws for receipt in rig.channel.read(raw)]


APPENDIX_B = (
    "id:{id} sub:001 dlvrd:001 submit date:2509160931 done date:{done} stat:{stat} err:{err} text:id:x stat:X err:1"
)


def channel(**more: Any) -> SmppChannel:
    return SmppChannel(bind_settings(1, **more), clock=SteppingClock())


def receipt(
    text: str = "", tlvs: Mapping[int, bytes] | None = None, esm_class: int = 4, meta: Mapping[str, str] | None = None
) -> RawReceipt:
    pdu = smpp34.DeliverSm(
        "8613800130000",
        "10690000",
        text.encode(),
        esm_class=esm_class,
        tlvs=[smpp34.Tlv(tag, value) for tag, value in (tlvs or {}).items()],
        sequence_number=7,
    )
    return RawReceipt(channel="smpp", body=pdu.encode(), received_at=START, meta=meta or {})


def appendix_b(stat: str, err: str = "000", done: str = "2509161005", identifier: str = "A7") -> str:
    return APPENDIX_B.format(id=identifier, done=done, stat=stat, err=err)
