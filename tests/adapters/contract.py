"""What every channel must stand: the same stories for each, told by a script and judged by the counterpart's own log.

To plug a channel in, write a rig (a class with the members of `Rig`) and, in tests/adapters/test_<name>.py:

    class TestContract(ChannelContract):
        @pytest.fixture
        async def rig(self, tmp_path: Path) -> AsyncIterator[Rig]:
            async with my_rig(tmp_path) as rig:
                yield rig

The rig starts the counterpart on port 0 with a `SteppingClock` (this file), which is also the channel's clock, gathers
what arrives (listener, callback, bind) in a `Basket`, and knows nothing about the single tests. `consignment(script)`
makes a fresh attempt at a fresh address and gives the counterpart the script for it. `consign()` (this file) helps.

A story that a wire cannot tell is switched off in the subclass, with the reason beside it:
`test_a_report_that_is_taken_back = None`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.core.model import Address, Fact, PostalAddress, Receipt, Recipient
from delivery.core.ports import (
    Answer,
    Channel,
    Consignment,
    Enclosure,
    Later,
    RawReceipt,
    Refused,
    Taken,
    Unknown,
)

START = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
NAME, ID_NUMBER, CHECK_CODE = "李四不入日志", "11010519491231002X", "4711"
LINK = "https://songda.invalid/d/secret-token-of-this-attempt"
COURT_NAME = "青海省德令哈市人民法院"


class SteppingClock:
    """A domain clock that stands still until it is told otherwise."""

    def __init__(self, start: datetime = START) -> None:
        self.at = start
        self._ids = 0

    def now(self) -> datetime:
        return self.at

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:026d}"

    def forward(self, by: timedelta) -> None:
        self.at += by


@dataclass
class Basket:
    """A sink that keeps everything; `broken` makes it refuse, as when the journal is away."""

    raws: list[RawReceipt] = field(default_factory=list)
    broken: bool = False

    async def receive(self, raw: RawReceipt) -> None:
        if self.broken:
            raise OSError("the journal is away")
        self.raws.append(raw)


class Rig(Protocol):
    """A channel, its counterpart, and the way back."""

    channel: Channel
    clock: SteppingClock
    basket: Basket

    good: str
    """A happening that says it got there, in the words of the scripts: `arrived`, `signed:self`."""
    bad: str
    """One that says it did not: `bounced:number_void`, `returned:moved`."""
    refused: str
    """An answer of this wire that refuses for ever: `refused:550`."""
    later: str
    """An answer of this wire that says not now: `later:451`."""
    throttled: str
    """An answer of this wire that says too fast; the same as `later` where the wire has one word for both."""
    repeatable: bool
    """Whether the provider knows our attempt id, so that a repeated `send` takes nothing twice."""
    parts: int
    """How many things the provider takes for one attempt: SMS parts, else 1."""

    def consignment(self, script: str) -> Consignment:
        """A fresh attempt at a fresh address that plays the script."""

    def log(self, attempt: str) -> list[str]:
        """The counterpart's own record of this attempt: `taken` (once a part), `refused`, `later`, `duplicate` …"""

    async def settle(self) -> None:
        """The counterpart reports all that is due by the clock, and our side has it in the basket."""

    async def go_away(self) -> None:
        """The provider is gone: connections break, and new ones are refused."""

    async def come_back(self) -> None:
        """It is there again, where it was, and knows what it knew."""


def consign(attempt: str, address: Address, *, content: bytes = b"", attach: bool = False) -> Consignment:
    """A consignment with invented particulars; `attempt` as `delivery.address.number`."""
    recipient = Recipient(
        id="r1", role="defendant", kind="natural_person", name=NAME, id_number=ID_NUMBER, addresses=(address,)
    )
    enclosure = Enclosure(id="d1", type="summons", title="传票", sha256="0" * 64, content=content)
    return Consignment(
        attempt=attempt,
        delivery=attempt.split(".", maxsplit=1)[0],
        court="632801",
        court_name=COURT_NAME,
        case_number="（2024）青2801民初123号",
        address=address,
        recipient=recipient,
        enclosures=(enclosure,),
        announced_at=START,
        link=None if address.channel == "post" else LINK,
        check_code=CHECK_CODE,
        attach=attach,
    )


class ChannelContract:
    """One test for each promise of ports.Channel and each fault of the world."""

    async def test_taken_once_with_a_reference(self, rig: Rig) -> None:
        consignment = rig.consignment("taken")
        answer = await rig.channel.send(consignment)
        assert isinstance(answer, Taken)
        assert answer.references
        assert rig.log(consignment.attempt).count("taken") == rig.parts

    async def test_a_good_end_is_a_fact_with_the_providers_time(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 2h {rig.good}")
        answer = await rig.channel.send(consignment)
        _, fact = end(rig, await receipts(rig, consignment, answer, timedelta(hours=2)))
        assert fact.kind == rig.good.partition(":")[0]
        assert same_minute(fact.at, START + timedelta(hours=2))
        assert fact.address is None, "the worker fills it in"

    async def test_a_bad_end_is_a_fact_with_its_reason(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 2h {rig.bad}")
        answer = await rig.channel.send(consignment)
        _, fact = end(rig, await receipts(rig, consignment, answer, timedelta(hours=2)))
        assert (fact.kind, fact.reason) == tuple(rig.bad.split(":"))

    async def test_refused_takes_nothing(self, rig: Rig) -> None:
        consignment = rig.consignment(rig.refused)
        answer = await rig.channel.send(consignment)
        assert isinstance(answer, Refused)
        assert answer.code
        assert "taken" not in rig.log(consignment.attempt)

    @pytest.mark.parametrize("answer", ["later", "throttled"])
    async def test_not_now_takes_nothing_and_the_same_attempt_may_be_tried_again(self, rig: Rig, answer: str) -> None:
        consignment = rig.consignment(f"{getattr(rig, answer)} taken")
        first = await rig.channel.send(consignment)
        assert isinstance(first, Later)
        assert first.code
        assert "taken" not in rig.log(consignment.attempt)
        assert isinstance(await rig.channel.send(consignment), Taken)
        assert rig.log(consignment.attempt).count("taken") == rig.parts

    async def test_an_answer_lost_after_it_took_effect(self, rig: Rig) -> None:
        consignment = rig.consignment(f"lost; 1h {rig.good}")
        assert isinstance(await rig.channel.send(consignment), Unknown)
        taken = rig.log(consignment.attempt).count("taken")
        assert 1 <= taken <= rig.parts
        assert isinstance(await rig.channel.inquire(consignment), Taken if rig.channel.can_inquire else Unknown)
        if rig.repeatable:
            assert isinstance(await rig.channel.send(consignment), Taken)
        assert rig.log(consignment.attempt).count("taken") == taken, "nothing is taken twice"

    async def test_a_receipt_ends_the_doubt(self, rig: Rig) -> None:
        consignment = rig.consignment(f"lost; 1h {rig.good}")
        answer = await rig.channel.send(consignment)
        found = await receipts(rig, consignment, answer, timedelta(hours=1))
        assert {receipt.attempt for receipt in found} == {consignment.attempt}

    async def test_an_answer_lost_before_it_took_effect(self, rig: Rig) -> None:
        consignment = rig.consignment("lost_before taken")
        assert isinstance(await rig.channel.send(consignment), Unknown)
        assert "taken" not in rig.log(consignment.attempt)
        inquired = await rig.channel.inquire(consignment)
        assert isinstance(inquired, (Taken, Later) if rig.channel.can_inquire else Unknown)
        if isinstance(inquired, Later):
            assert isinstance(await rig.channel.send(consignment), Taken)
        assert rig.log(consignment.attempt).count("taken") <= rig.parts

    async def test_a_doubled_report_has_one_key(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 1h {rig.good}*3")
        answer = await rig.channel.send(consignment)
        found = ends(await receipts(rig, consignment, answer, timedelta(hours=1), unique=False))
        assert len(found) == 3 * rig.parts
        assert len({receipt.key for receipt in found}) == rig.parts

    async def test_late_and_out_of_order(self, rig: Rig) -> None:
        late, early = rig.consignment(f"taken; 1h/3d {rig.good}"), rig.consignment(f"taken; 2h {rig.good}")
        answers = [await rig.channel.send(late), await rig.channel.send(early)]
        assert ends(await receipts(rig, late, answers[0], timedelta(hours=2))) == []
        first, _ = end(rig, await receipts(rig, early, answers[1], timedelta()))
        second, _ = end(rig, await receipts(rig, late, answers[0], timedelta(days=3)))
        assert same_minute(first.at, START + timedelta(hours=2))
        assert same_minute(second.at, START + timedelta(hours=1)), "when it happened, not when it was told"

    async def test_a_receipt_before_the_answer(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 0s {rig.good}")
        answer = await rig.channel.send(consignment)
        assert isinstance(answer, Taken)
        end(rig, await receipts(rig, consignment, answer, timedelta()))

    async def test_a_report_that_is_taken_back(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 1h {rig.good}; 2h cancelled")
        answer = await rig.channel.send(consignment)
        found = await receipts(rig, consignment, answer, timedelta(hours=2))
        told, back = next(r for r in found if r.fact), next(r for r in found if r.cancels)
        assert back.cancels == told.code.split("/")[0]
        assert back.at >= told.at
        assert back.fact is None

    async def test_the_provider_is_away(self, rig: Rig) -> None:
        consignment = rig.consignment("taken")
        await rig.go_away()
        assert isinstance(await rig.channel.send(consignment), Later)
        assert isinstance(await rig.channel.inquire(consignment), Unknown | Later)
        await rig.come_back()
        assert isinstance(await rig.channel.send(consignment), Taken)
        assert rig.log(consignment.attempt).count("taken") == rig.parts

    async def test_what_we_did_not_keep_is_told_again(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 1h {rig.good}")
        answer = await rig.channel.send(consignment)
        rig.basket.broken = True
        assert ends(await receipts(rig, consignment, answer, timedelta(hours=1))) == []
        rig.basket.broken = False
        end(rig, await receipts(rig, consignment, answer, timedelta()))

    async def test_reading_is_pure(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 1h {rig.good}")
        await rig.channel.send(consignment)
        rig.clock.forward(timedelta(hours=1))
        await rig.settle()
        for raw in rig.basket.raws:
            assert rig.channel.read(raw) == rig.channel.read(raw)
            assert all(receipt.at.tzinfo is not None for receipt in rig.channel.read(raw))

    async def test_what_cannot_be_read_is_a_value_error(self, rig: Rig) -> None:
        consignment = rig.consignment(f"taken; 1h {rig.good}")
        await rig.channel.send(consignment)
        rig.clock.forward(timedelta(hours=1))
        await rig.settle()
        real = rig.basket.raws[-1]

        @settings(max_examples=100, deadline=None, database=None, suppress_health_check=[*HealthCheck])
        @given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode), spoilt(real.body)))
        def read(body: bytes) -> None:
            with suppress(ValueError):
                assert all(isinstance(receipt, Receipt) for receipt in rig.channel.read(replace(real, body=body)))

        read()

    async def test_no_log_line_tells_a_secret(self, rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        consignment = rig.consignment(f"{rig.later} taken; 1h {rig.good}")
        with structlog.testing.capture_logs() as lines:
            await rig.channel.send(consignment)
            await rig.channel.send(consignment)
            rig.clock.forward(timedelta(hours=1))
            await rig.settle()
            await rig.go_away()
            await rig.channel.send(rig.consignment("taken"))
        written = f"{lines} {caplog.text}"
        for secret in secrets_of(consignment):
            assert secret not in written


async def receipts(
    rig: Rig, consignment: Consignment, answer: Answer, later: timedelta, *, unique: bool = True
) -> list[Receipt]:
    """The receipts of this attempt in order of arrival, after the clock went forward; no repeats where `unique`."""
    rig.clock.forward(later)
    await rig.settle()
    references = answer.references if isinstance(answer, Taken) else ()
    found = [receipt for raw in rig.basket.raws for receipt in rig.channel.read(raw)]
    mine = [r for r in found if r.attempt == consignment.attempt or (r.attempt is None and r.reference in references)]
    return [*{receipt.key: receipt for receipt in mine}.values()] if unique else mine


def ends(found: list[Receipt]) -> list[Receipt]:
    """Those with a fact that says how it ended."""
    return [receipt for receipt in found if receipt.fact and receipt.fact.kind not in ("gateway_accepted", "posted")]


def end(rig: Rig, found: list[Receipt]) -> tuple[Receipt, Fact]:
    """How it ended: one receipt, or one for each part."""
    told = ends(found)
    assert len(told) == rig.parts
    assert told[0].fact is not None
    return told[0], told[0].fact


def same_minute(one: datetime, other: datetime) -> bool:
    """Some wires stamp to the minute."""
    return abs(one.astimezone(UTC) - other.astimezone(UTC)) <= timedelta(minutes=1)


def secrets_of(consignment: Consignment) -> Iterator[str]:
    """What must not stand in a log: who, where, and the way in."""
    yield from (NAME, ID_NUMBER, LINK, "secret-token")
    value = consignment.address.value
    yield from (value.name, value.phone, value.detail) if isinstance(value, PostalAddress) else (value,)


@st.composite
def spoilt(draw: st.DrawFn, body: bytes) -> bytes:
    """A real receipt, cut short or with some bytes changed."""
    changed = bytearray(body)
    for _ in range(draw(st.integers(0, 3))):
        changed[draw(st.integers(0, len(body) - 1))] = draw(st.integers(0, 255))
    return bytes(changed[: draw(st.integers(0, len(body)))])
