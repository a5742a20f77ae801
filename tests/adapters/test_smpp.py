"""SMPP against two servers: our SMSC, which plays the contract's stories, and npm's, which knows nothing of us."""

from __future__ import annotations

import asyncio
import itertools
import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from adapters.counterparts.smsc import SmscCounterpart
from adapters.simulated import ScriptError, parse_script
from adapters.smpp import SmppChannel, SmppSettings
from adapters.smpp.session import Pace
from adapters.smpp.text import split, write
from delivery.core.model import Address, Receipt
from delivery.core.ports import Consignment, Later, RawReceipt, Refused, Taken, Unknown
from tests import servers
from tests.adapters.contract import START, Basket, ChannelContract, Rig, SteppingClock, consign

HERE = Path(__file__).parent
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


# ── The contract, against our SMSC ───────────────────────────────────────────────────────────────────────────────────


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


class TestContract(ChannelContract):
    test_a_report_that_is_taken_back = None  # no receipt of SMPP takes another one back

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with smpp_rig(1) as rig:
            yield rig


class TestContractInTwoParts(ChannelContract):
    test_a_report_that_is_taken_back = None

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with smpp_rig(2) as rig:
            yield rig

    async def test_a_receipt_ends_the_doubt(self, rig: Rig) -> None:
        """It does not: one part may be there and the other not, and no receipt says so."""
        consignment = rig.consignment("lost; 1h arrived")
        await rig.channel.send(consignment)
        rig.clock.forward(HOUR)
        await rig.settle()
        (receipt,) = (receipt for raw in rig.basket.raws for receipt in rig.channel.read(raw))
        assert receipt.attempt is None
        assert receipt.part


@pytest.fixture
async def rig() -> AsyncIterator[SmppRig]:
    async with smpp_rig(2) as rig:
        yield rig


def heard(rig: SmppRig) -> list[Receipt]:
    return [receipt for raw in rig.basket.raws for receipt in rig.channel.read(raw)]


async def test_every_part_has_a_receipt_of_its_own(rig: SmppRig) -> None:
    consignment = rig.consignment("taken; 1h arrived")
    answer = await rig.channel.send(consignment)
    assert isinstance(answer, Taken)
    rig.clock.forward(HOUR)
    await rig.settle()
    assert {receipt.part for receipt in heard(rig)} == {*answer.references}
    assert len(answer.references) == 2


async def test_the_telephone_shows_the_whole_text(rig: SmppRig) -> None:
    consignment = rig.consignment("taken")
    await rig.channel.send(consignment)
    assert rig.smsc.texts(str(consignment.address.value)) == (write(consignment),)


@pytest.mark.parametrize(
    ("script", "parts"),
    [("taken later*3 taken", ["1of2", "2of2"]), ("later taken lost_before", ["1of2"]), ("taken refused", ["1of2"])],
)
async def test_what_is_partly_taken_is_never_refused_nor_later(rig: SmppRig, script: str, parts: list[str]) -> None:
    consignment = rig.consignment(script)
    answer = await rig.channel.send(consignment)
    if isinstance(answer, Later):
        answer = await rig.channel.send(consignment)
    assert isinstance(answer, Taken if len(parts) == 2 else Unknown)
    taken = [entry.attempt.rsplit(".")[-1] for entry in rig.smsc.log if entry.what == "taken"]
    assert taken == parts, "each at most once"
    assert len(parts) == 2 or "1 of 2 parts taken" in answer.words
    assert len(answer.references) == len(parts), "receipts will name what was taken"


async def test_the_parts_that_were_taken_before_a_lost_answer_keep_their_references(rig: SmppRig) -> None:
    answer = await rig.channel.send(rig.consignment("taken lost; 1h arrived"))
    assert isinstance(answer, Unknown)
    await rig.smsc.bound.wait()
    rig.clock.forward(HOUR)
    await rig.settle()
    told = {receipt.reference for receipt in heard(rig)}
    assert len(told) == 2, "the part whose answer was lost tells its own story"
    assert len(answer.references) == 1
    assert {*answer.references} < told


async def test_a_missing_part_is_given_up_after_a_while(rig: SmppRig) -> None:
    channel = SmppChannel(bind_settings(rig.smsc.port, patience=0.05), clock=rig.clock)
    answer = await channel.send(rig.consignment("taken later:ESME_RSYSERR"))
    await channel.close()
    assert isinstance(answer, Unknown)
    assert "ESME_RSYSERR" in answer.words


async def test_while_nobody_listens_receipts_stay_with_the_smsc(rig: SmppRig) -> None:
    async with smpp_rig(1) as other:
        deaf = SmppChannel(bind_settings(other.smsc.port), clock=other.clock)
        answer = await deaf.send(other.consignment("taken; 0s arrived"))
        assert isinstance(answer, Taken)
        assert heard_by(other) == []
        await deaf.close()
        await other.smsc.advance()
        assert heard_by(other) == list(answer.references)


def heard_by(rig: SmppRig) -> list[str | None]:
    return [receipt.reference for receipt in heard(rig)]


async def test_a_wrong_password_is_later(rig: SmppRig) -> None:
    channel = SmppChannel(replace(bind_settings(rig.smsc.port), password="falsch"), clock=rig.clock)
    answer = await channel.send(rig.consignment("taken"))
    assert isinstance(answer, Later)
    assert (answer.code, answer.words) == ("bind_refused", "ESME_RINVPASWD")


async def test_a_reply_by_text_message_is_for_a_person(rig: SmppRig) -> None:
    await rig.channel.send(rig.consignment("taken; 1h replied*2"))
    rig.clock.forward(HOUR)
    await rig.settle()
    receipts = heard(rig)
    assert {receipt.unclear for receipt in receipts} == {"a text message came in"}
    assert {receipt.fact for receipt in receipts} == {None}
    assert len({receipt.key for receipt in receipts}) == 1


async def test_interim_states_are_no_facts(rig: SmppRig) -> None:
    await rig.channel.send(rig.consignment("taken; 1m relayed; 2m delayed; 3m arrived"))
    rig.clock.forward(timedelta(minutes=2))
    await rig.settle()
    assert {(receipt.code, receipt.fact, receipt.unclear) for receipt in heard(rig)} == {
        ("ACCEPTD", None, None),
        ("ENROUTE", None, None),
    }
    assert rig.smsc.next_due() == START + timedelta(minutes=3)


async def test_the_smsc_reports_by_itself_when_the_time_comes() -> None:
    """With a clock that runs: nobody calls `advance`."""
    rig = SmppRig(1, RunningClock())
    await rig.start()
    async with listening(rig.channel, rig.basket):
        await rig.channel.send(rig.consignment("taken; 1s arrived"))
        while not rig.basket.raws:  # noqa: ASYNC110 - the basket has no bell
            await asyncio.sleep(0.01)
    await rig.smsc.stop()
    assert [receipt.code for receipt in heard(rig)] == ["DELIVRD"]


class RunningClock(SteppingClock):
    """Ten times as fast as the computer's."""

    def now(self) -> datetime:
        return START + timedelta(seconds=10 * asyncio.get_running_loop().time())


@pytest.mark.parametrize("script", ["taken; 1h read", "taken; 1h bounced:mailbox_unknown", "refused:550"])
def test_the_smsc_refuses_words_that_smpp_cannot_say(script: str) -> None:
    with pytest.raises(ScriptError):
        SmscCounterpart(clock=SteppingClock(), scripts={"+8613800130000": parse_script(script)})


# ── The text and its parts ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reminder", [False, True])
@pytest.mark.parametrize(
    "court", ["某县人民法院", "德令哈市人民法院", "青海省德令哈市人民法院", "柴达木盆地德令哈市人民法院"]
)
def test_one_part_with_court_code_and_link_and_nothing_else(court: str, reminder: bool) -> None:
    consignment = replace(text_to("13800130000", court=court), reminder=reminder)
    text = write(consignment)
    assert len(text.encode("utf-16-be")) <= 140
    assert text.startswith(f"【{court}】")
    assert consignment.check_code in text
    assert text.endswith(f" {SHORT_LINK}")
    assert consignment.recipient.name not in text
    assert consignment.case_number not in text


def test_a_court_with_a_very_long_name_needs_two_parts() -> None:
    assert len(split(write(text_to("13800130000", court=LONG_COURT)), "D1.a1.1")) == 2


def test_the_wire_octets_of_two_parts() -> None:
    """3GPP TS 23.040 §9.2.3.24.1: 05 00 03, one number for all, how many, which; 110 characters: 140 and 92 octets."""
    first, second = split("送" * 110, "D1.a1.1")
    assert (len(first), len(second)) == (140, 6 + 2 * 43)
    assert first[:3] == second[:3] == b"\x05\x00\x03"
    assert first[3] == second[3] == split("达" * 110, "D1.a1.1")[0][3], "the attempt's number, whatever the text"
    assert (first[4:6], second[4:6]) == (b"\x02\x01", b"\x02\x02")
    assert first[6:] == bytes.fromhex("9001") * 67


@pytest.mark.parametrize(("length", "parts"), [(0, 1), (70, 1), (71, 2), (134, 2), (135, 3)])
def test_where_a_further_part_begins(length: int, parts: int) -> None:
    assert len(split("送" * length, "D1.a1.1")) == parts


@given(st.text(max_size=500), st.text(max_size=30))
def test_the_parts_are_the_text(text: str, attempt: str) -> None:
    parts = split(text, attempt)
    assert parts == split(text, attempt)
    assert all(len(part) <= 140 for part in parts)
    bodies = [part[6:] for part in parts] if len(parts) > 1 else [*parts]
    assert "".join(body.decode("utf-16-be") for body in bodies) == text, "each part decodes by itself"
    if len(parts) > 1:
        assert [(*part[:3], *part[4:6]) for part in parts] == [(5, 0, 3, len(parts), n + 1) for n in range(len(parts))]
        assert len({part[3] for part in parts}) == 1


@pytest.mark.parametrize("pairs", range(60, 75))
def test_no_pair_is_cut(pairs: int) -> None:
    for shift in ("", "送"):
        text = shift + "𠮷" * pairs
        assert "".join(part[6:].decode("utf-16-be") for part in split(text, "D1.a1.1")) == text


# ── Reading receipts ─────────────────────────────────────────────────────────────────────────────────────────────────

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


@pytest.mark.parametrize(
    ("stat", "err", "kind", "reason"),
    [
        ("DELIVRD", "000", "arrived", None),
        ("DELIVRD", "001", "arrived", None),
        ("UNDELIV", "001", "bounced", "number_void"),
        ("UNDELIV", "032", "bounced", "mailbox_full"),
        ("REJECTD", "013", "bounced", "blocked"),
        ("EXPIRED", "999", "bounced", None),
        ("UNDELIV", "027", None, None),
        ("ENROUTE", "000", None, None),
        ("ACCEPTD", "000", None, None),
        ("DELETED", "000", None, None),
        ("UNKNOWN", "000", None, None),
        ("MK:0001", "000", None, None),
    ],
)
def test_what_a_state_says(stat: str, err: str, kind: str | None, reason: str | None) -> None:
    errors = {"001": "number_void", "032": "mailbox_full", "013": "blocked", "027": "waiting"}
    (read,) = channel(errors=errors).read(receipt(appendix_b(stat, err)))
    assert (read.fact.kind if read.fact else None) == kind
    assert (read.fact.reason if read.fact else None) == reason
    assert bool(read.unclear) == (stat in ("DELETED", "UNKNOWN", "MK:0001"))
    assert (read.reference, read.part, read.at) == ("A7", "A7", datetime.fromisoformat("2025-09-16T10:05+08:00"))


def test_the_done_date_is_of_the_carriers_zone_and_may_have_seconds() -> None:
    (read,) = channel(time_zone="UTC").read(receipt(appendix_b("DELIVRD", done="250916020530")))
    assert read.at == datetime.fromisoformat("2025-09-16T10:05:30+08:00")


@pytest.mark.parametrize("done", ["0000000000", "2513450000", "99", "２５０９１６１００５", "x"])
def test_without_a_readable_date_a_receipt_counts_when_it_came(done: str) -> None:
    pdu = receipt(appendix_b("DELIVRD", done=done.encode("ascii", "replace").decode()))
    assert channel().read(pdu)[0].at == START


def test_tlvs_say_it_too_and_are_preferred() -> None:
    (alone,) = channel().read(receipt(tlvs={0x1E: b"B8\0", 0x427: b"\x02"}, esm_class=0))
    (both,) = channel().read(
        receipt(appendix_b("DELIVRD"), {0x1E: b"B8\0", 0x427: b"\x05", 0x423: b"\x03\x00\x20"}),
    )
    assert (alone.reference, alone.code, alone.at) == ("B8", "DELIVRD", START)
    assert (both.reference, both.code, both.at.hour) == ("B8", "UNDELIV", 10)
    assert both.fact is not None
    assert both.fact.reason == "mailbox_full"


def test_hex_in_the_answer_decimal_in_the_receipt() -> None:
    hexed = channel(message_ids="hex_to_decimal")
    in_text, in_tlv = (
        receipt(appendix_b("DELIVRD", identifier="0000000255")),
        receipt(tlvs={0x1E: b"ff\0", 0x427: b"\x02"}),
    )
    assert [hexed.read(raw)[0].reference for raw in (in_text, in_tlv)] == ["255", "255"]


def test_repeats_share_a_key_and_other_states_do_not() -> None:
    keys = [channel().read(receipt(appendix_b(stat)))[0].key for stat in ("ENROUTE", "DELIVRD", "DELIVRD")]
    assert len({*keys}) == 2


@pytest.mark.parametrize(
    "raw", [receipt(), receipt("id:A7"), receipt("stat:DELIVRD"), receipt(appendix_b("", identifier=""))]
)
def test_a_receipt_that_says_too_little_is_a_value_error(raw: RawReceipt) -> None:
    with pytest.raises(ValueError, match="without a message id"):
        channel().read(raw)


@pytest.mark.parametrize("fault", [{"system_id": "x" * 16}, {"password": "geheimnis"}, {"window": 0}, {"rate": 0.0}])
def test_settings_that_the_wire_cannot_say(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fault))):
        replace(bind_settings(1), **fault)


@pytest.mark.parametrize("number", ["", "einszwei", "+", "１３８００１３００００", "1" * 16])
async def test_what_is_no_number_is_refused(number: str) -> None:
    assert isinstance(await channel().send(text_to(number)), Refused)


# ── Against npm's server ─────────────────────────────────────────────────────────────────────────────────────────────


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


# ── What no server would send ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rubbish", [b"\0\0\0\1", b"\xff\xff\xff\xff", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
async def test_who_speaks_no_smpp_is_no_smsc(rubbish: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(rubbish)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        channel = SmppChannel(bind_settings(server.sockets[0].getsockname()[1]), clock=SteppingClock())
        assert isinstance(await channel.send(text_to("13800130000")), Later)


async def test_commands_out_of_place_are_nacked() -> None:
    """SMPP 3.4 §4.3: generic_nack with the invalid command status; an unbind is answered, then the line ends."""
    got: asyncio.Queue[tuple[int, int, int]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for sequence, command in itertools.chain(enumerate((0x103, 0x15, 0x06), 50)):
            writer.write(struct.pack(">IIII", 16, command, 0, sequence))
        while head := await reader.read(16):
            if len(head) == 16 and head[4] & 0x80:
                got.put_nowait(struct.unpack(">III", head[4:]))
            else:
                await reader.readexactly(int.from_bytes(head[:4], "big") - 16)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        channel = SmppChannel(bind_settings(server.sockets[0].getsockname()[1]), clock=SteppingClock())
        assert isinstance(await channel.send(text_to("13800130000")), Later)
    assert [await got.get() for _ in range(3)] == [(0x80000000, 3, 50), (0x80000015, 0, 51), (0x80000006, 0, 52)]
