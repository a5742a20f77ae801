"""SMPP against the server of another house, which knows nothing of us."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.smpp import SmppChannel
from adapters.smpp.session import Pace
from adapters.smpp.text import write
from delivery.core.model import Receipt
from delivery.core.ports import Later, RawReceipt, Refused, Taken, Unknown
from tests import servers
from tests.adapters.contract import Basket, SteppingClock
from tests.adapters.smpp_rig import LONG_COURT, appendix_b, bind_settings, listening, text_to

HERE = Path(__file__).parent


class NodeSmsc:
    """tests/node/smsc.js: `do` tells it what to do, `next` waits for what happened."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process, self.port = process, 0

    def do(self, deed: str, **more: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": deed, **more}).encode() + b"\n")

    async def next(self, event: str) -> dict[str, Any]:
        """The next happening of this name; others are passed over."""
        assert self._process.stdout
        async with asyncio.timeout(servers.PATIENCE):
            async for line in self._process.stdout:
                happened = json.loads(line)
                if happened["event"] == event:
                    return dict(happened)
        raise AssertionError(f"the server ended without {event}")


@pytest.fixture
async def node(npm_packages: Path) -> AsyncIterator[NodeSmsc]:
    process = await asyncio.create_subprocess_exec(
        servers.node(),
        HERE.parent / "node" / "smsc.js",
        env={"NODE_PATH": str(npm_packages)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    smsc = NodeSmsc(process)
    try:
        smsc.port = (await smsc.next("listening"))["port"]
        yield smsc
    finally:
        if process.stdin:
            process.stdin.close()
        await process.communicate()


class Meeting:
    """A channel bound to npm's server."""

    def __init__(self, node: NodeSmsc, **more: Any) -> None:
        self.node, self.basket = node, Basket()
        self.channel = SmppChannel(bind_settings(node.port, **more), clock=SteppingClock())

    def send(self, number: str = "13800130000", attempt: str = "D1.a1.1", **more: str) -> asyncio.Task[Any]:
        return asyncio.create_task(self.channel.send(text_to(number, attempt, **more)))

    def read(self) -> list[Receipt]:
        return [receipt for raw in self.basket.raws for receipt in self.channel.read(raw)]


@asynccontextmanager
async def meeting(node: NodeSmsc, **more: Any) -> AsyncIterator[Meeting]:
    met = Meeting(node, **more)
    async with listening(met.channel, met.basket):
        await node.next("bind")
        yield met


async def test_npm_binds_and_reads_both_parts(node: NodeSmsc) -> None:
    async with meeting(node) as met:
        sending, text = met.send(court=LONG_COURT), ""
        for number in (1, 2):
            part = await node.next("submit")
            text += part["text"]
            assert (part["to"], part["from"], part["ton"], part["npi"]) == ("8613800130000", "10690000", 1, 1)
            assert (part["esm_class"], part["data_coding"], part["registered_delivery"]) == (0x40, 8, 1)
            assert str(part["udh"][0]).endswith(f"020{number}")
            node.do("answer", n=part["n"], id=f"m{number}")
        assert await sending == Taken(references=("m1", "m2"))
        assert text == write(text_to("13800130000", court=LONG_COURT))


async def test_npm_reports_before_it_answers(node: NodeSmsc) -> None:
    async with meeting(node) as met:
        sending = met.send()
        part = await node.next("submit")
        node.do("deliver", n=1, fields=npm_receipt("m1", reference=part["reference"]))
        assert (await node.next("heard"))["status"] == 0
        (early,) = met.read()
        assert early.attempt == "D1.a1.1", "our reference, and the number, while the answer is missing"
        assert early.part is None, "it is all there is"
        node.do("answer", n=part["n"], id="m1")
        answer = await sending
        node.do("deliver", n=2, fields=npm_receipt("m1"))
        await node.next("heard")
    assert isinstance(answer, Taken)
    assert answer.references == (early.reference,)
    assert len({receipt.key for receipt in met.read()}) == 1
    assert met.read()[-1].part == "m1"


async def test_npm_keeps_what_we_could_not_store(node: NodeSmsc) -> None:
    async with meeting(node) as met:
        met.basket.broken = True
        node.do("deliver", n=1, fields=npm_receipt("m1"))
        assert (await node.next("heard"))["status"] == 0x64
        met.basket.broken = False
        node.do("deliver", n=2, fields=npm_receipt("m1"))
        assert (await node.next("heard"))["status"] == 0
    assert [receipt.reference for receipt in met.read()] == ["m1"]


async def test_a_receipt_is_stored_before_it_is_answered(node: NodeSmsc) -> None:
    class Slow(Basket):
        stored = asyncio.Event()

        async def receive(self, raw: RawReceipt) -> None:
            await self.stored.wait()
            await super().receive(raw)

    met = Meeting(node)
    met.basket = Slow()
    async with listening(met.channel, met.basket):
        await node.next("bind")
        node.do("deliver", n=1, fields=npm_receipt("m1"))
        node.do("enquire")
        await node.next("alive")  # asked after the receipt, answered before it
        assert not met.basket.raws
        Slow.stored.set()
        assert (await node.next("heard"))["status"] == 0
    assert len(met.basket.raws) == 1


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0x58, Later(code="ESME_RTHROTTLED", after=1)),
        (0x14, Later(code="ESME_RMSGQFUL", after=1)),
        (0x64, Later(code="ESME_RX_T_APPN")),
        (0x401, Later(code="0x00000401")),
        (0x0B, Refused(code="ESME_RINVDSTADR")),
        (0x402, Refused(code="0x00000402")),
    ],
)
async def test_what_an_answer_of_npm_means(node: NodeSmsc, status: int, expected: Later | Refused) -> None:
    async with meeting(node, refused_for_now=frozenset({0x401})) as met:
        sending = met.send()
        node.do("answer", n=(await node.next("submit"))["n"], status=status)
        assert await sending == expected


async def test_no_answer_is_unknown_and_a_dropped_line_too(node: NodeSmsc) -> None:
    async with meeting(node, answer_within=0.2) as met:
        assert isinstance(await met.send(), Unknown)
        sending = met.send(attempt="D2.a1.1")
        for _ in range(2):
            await node.next("submit")
        node.do("drop")
        assert isinstance(await sending, Unknown)
        await node.next("bind")  # and again, by itself


async def test_the_window_holds(node: NodeSmsc) -> None:
    async with meeting(node, window=2, rate=10_000.0) as met:
        sending = [met.send(attempt=f"D{n}.a1.1") for n in range(3)]
        first, second = await node.next("submit"), await node.next("submit")
        node.do("enquire")
        await node.next("alive")  # would come after a third submit
        node.do("answer", n=first["n"], id="m1")
        third = await node.next("submit")
        for each in (second, third):
            node.do("answer", n=each["n"], id=f"m{each['n']}")
        assert len({(await each).references for each in sending}) == 3


async def test_throttling_holds_up_the_whole_bind(node: NodeSmsc) -> None:
    async with meeting(node, pause_first=30.0, pause_most=60.0, patience=1.0) as met:
        sending = met.send()
        node.do("answer", n=(await node.next("submit"))["n"], status=0x58)
        assert (await sending).after == 30
        other = await met.send(number="13900139000", attempt="D2.a1.1")
    assert isinstance(other, Later)
    assert other.code == "slowed"
    assert other.after is not None
    assert other.after <= 30


async def test_a_throttled_bind_is_slower_and_recovers() -> None:
    pace = Pace(bind_settings(1, rate=40.0, pause_first=5.0, pause_most=8.0))
    pauses = [round(pace.throttled()), round(pace.throttled())]
    assert (pace.rate, pauses) == (20.0, [5, 5]), "all of a window at once is one warning"
    for _ in range(100):
        pace.taken()
    assert pace.rate == 40.0


async def test_a_refused_bind_is_later_and_then_tried_again(node: NodeSmsc) -> None:
    node.do("refuse_binds", status=0x0D)
    await node.next("done")
    met = Meeting(node)
    answer = await met.send()
    assert (answer.code, answer.words) == ("bind_refused", "ESME_RBINDFAIL")
    node.do("refuse_binds", status=0)
    await node.next("done")
    async with listening(met.channel, met.basket):
        assert (await node.next("bind"))["version"] == 0x34


async def test_the_line_is_asked_whether_it_lives(node: NodeSmsc) -> None:
    async with meeting(node, enquire_every=0.01):
        await node.next("enquired")
        await node.next("enquired")


async def test_a_farewell(node: NodeSmsc) -> None:
    async with meeting(node) as met:
        sending = met.send()
        node.do("answer", n=(await node.next("submit"))["n"], id="m1")
        await sending
    await node.next("unbind")
    await node.next("closed")


async def test_hex_ids_of_npm(node: NodeSmsc) -> None:
    async with meeting(node, message_ids="hex_to_decimal") as met:
        sending = met.send()
        node.do("answer", n=(await node.next("submit"))["n"], id="00FF")
        node.do("deliver", n=1, fields=npm_receipt("255"))
        await node.next("heard")
        assert (await sending).references == ("255",)
        assert met.read()[0].reference == "255"


def npm_receipt(identifier: str, reference: int | None = None) -> dict[str, Any]:
    own = {} if reference is None else {"user_message_reference": reference}
    text = appendix_b("DELIVRD", identifier=identifier)
    return {"source_addr": "8613800130000", "destination_addr": "10690000", "esm_class": 4, "short_message": text} | own
