"""SMPP: the contract of every channel against our SMSC, and what no server would send."""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.counterparts.smsc import SmscCounterpart
from adapters.simulated import ScriptError, parse_script
from adapters.smpp import SmppChannel
from adapters.smpp.text import write
from delivery.core.ports import Later, Refused, Taken, Unknown
from tests.adapters.contract import START, ChannelContract, Rig, SteppingClock
from tests.adapters.smpp_rig import HOUR, SmppRig, bind_settings, channel, heard, listening, smpp_rig, text_to


@pytest.fixture
async def rig() -> AsyncIterator[SmppRig]:
    async with smpp_rig(2) as rig:
        yield rig


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


@pytest.mark.parametrize("fault", [{"system_id": "x" * 16}, {"password": "geheimnis"}, {"window": 0}, {"rate": 0.0}])
def test_settings_that_the_wire_cannot_say(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fault))):
        replace(bind_settings(1), **fault)


@pytest.mark.parametrize("number", ["", "einszwei", "+", "１３８００１３００００", "1" * 16])
async def test_what_is_no_number_is_refused(number: str) -> None:
    assert isinstance(await channel().send(text_to(number)), Refused)


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
