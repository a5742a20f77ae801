"""The simulated provider: its scripts, its memory, and the contract of every channel."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.simulated import (
    ANSWERS,
    DEFAULTS,
    HAPPENINGS,
    MAX_SCRIPT,
    Happening,
    Script,
    ScriptedAnswer,
    ScriptError,
    SimulatedChannel,
    SimulatedSettings,
    parse_script,
)
from delivery.core.model import Address, Fact, Person, Receipt
from delivery.core.ports import Consignment, Later, RawReceipt, Refused, Taken, Unknown
from tests.adapters.contract import START, Basket, ChannelContract, Rig, SteppingClock, consign

HOUR = timedelta(hours=1)


class SimulatedRig:
    """The provider is in the channel itself, so it is never out of reach."""

    good, bad = "arrived", "bounced:mailbox_unknown"
    refused, later, throttled = "refused:no", "later", "later:slow_down"
    repeatable, parts = True, 1

    def __init__(self, memory: Path) -> None:
        self.clock, self.basket = SteppingClock(), Basket()
        self.channel = SimulatedChannel(SimulatedSettings(memory=memory), clock=self.clock)
        self._made = 0

    def consignment(self, script: str) -> Consignment:
        self._made += 1
        return consign(f"D{self._made}.a1.1", address(script, f"nobody{self._made}@example.invalid"))

    def log(self, attempt: str) -> list[str]:
        return [entry.what for entry in self.channel.log if entry.attempt == attempt]

    async def settle(self) -> None:
        await self.channel.advance()

    async def go_away(self) -> None: ...

    async def come_back(self) -> None: ...


def address(script: str | None, value: str = "nobody@example.invalid", channel: str = "email") -> Address:
    return Address(id="a1", channel=channel, basis="confirmed", value=value, script=script)


async def listening(channel: SimulatedChannel, basket: Basket) -> AsyncIterator[None]:
    listener = asyncio.create_task(channel.listen(basket))
    await asyncio.sleep(0)
    yield
    listener.cancel()
    with suppress(asyncio.CancelledError):
        await listener


@pytest.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[SimulatedRig]:
    rig = SimulatedRig(tmp_path / "simulated.jsonl")
    async for _ in listening(rig.channel, rig.basket):
        yield rig


class TestContract(ChannelContract):
    test_the_provider_is_away = None  # it lives in the channel, so it never is

    @pytest.fixture
    def rig(self, simulated: SimulatedRig) -> Rig:
        return simulated


# --- scripts ---------------------------------------------------------------------------------------------------------

PAGE = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text(encoding="utf-8")


def examples(kind: str) -> list[str]:
    """The lines of the page's blocks of that kind."""
    blocks = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


@pytest.mark.parametrize("text", [*examples("script"), *DEFAULTS.values()])
def test_the_pages_examples_can_be_played(text: str) -> None:
    assert parse_script(text).answers


@pytest.mark.parametrize("text", examples("no-script"))
def test_the_pages_mistakes_are_mistakes(text: str) -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script(text)
    assert len(caught.value.faults) == 1, "one mistake, one sentence"


def test_the_page_has_all_words() -> None:
    played = [happening for text in examples("script") for happening in parse_script(text).happenings]
    assert {happening.what for happening in played} == set(HAPPENINGS)
    assert {answer.kind for text in examples("script") for answer in parse_script(text).answers} == set(ANSWERS)
    for word, arguments in HAPPENINGS.items():
        assert f"`{word}`" in PAGE
        assert word == "signed" or all(f"`{argument}`" in PAGE for argument in arguments)


def test_signers_are_the_relations_of_the_scenario_format() -> None:
    schema = json.loads((Path(__file__).parents[1] / "data" / "scenarios" / "schema.json").read_text())
    assert set(schema["$defs"]["person"]["properties"]["relation"]["enum"]) == HAPPENINGS["signed"] - {"other"}


def test_a_script_in_parts() -> None:
    script = parse_script("later*2 refused:550 lost;1d/3d signed:spouse*2 ; 4d cancelled")
    assert [(answer.kind, answer.code) for answer in script.answers] == [
        ("later", None),
        ("later", None),
        ("refused", "550"),
        ("lost", None),
    ]
    day = timedelta(days=1)
    assert script.happenings == (
        Happening(day, 3 * day, "signed", "spouse", 2),
        Happening(4 * day, 4 * day, "cancelled", None, 1),
    )
    assert [script.answer(call).kind for call in (1, 3, 4, 99)] == ["later", "refused", "lost", "lost"]


def test_all_mistakes_at_once() -> None:
    with pytest.raises(ScriptError) as caught:
        parse_script("takn; 1x arrived; 2h signed; ; 3h arrived*0")
    assert [mistake.split(":")[0] for mistake in caught.value.faults] == [
        "'takn' is no answer",
        "'1x' is no delay",
        "signed needs one of " + ", ".join(sorted(HAPPENINGS["signed"])),
        "'' is no happening",
        "'arrived*0'",
    ]


@pytest.mark.parametrize(
    "text", ["", " ", ";", "taken;" * MAX_SCRIPT, "taken; 1m", "taken 1m arrived", "taken; 99999d arrived"]
)
def test_what_is_no_script(text: str) -> None:
    with pytest.raises(ScriptError):
        parse_script(text)


@given(st.text(max_size=80) | st.text(alphabet="taken lost;:*/0123456789smhd_read", max_size=60))
def test_any_text_is_a_script_or_says_why(text: str) -> None:
    with suppress(ScriptError):
        script = parse_script(text)
        assert script.answers
        assert all(happening.what in HAPPENINGS for happening in script.happenings)


minutes = st.integers(0, 9999).map(lambda n: timedelta(minutes=n))
answers = st.sampled_from([ScriptedAnswer("taken"), ScriptedAnswer("later", "4.2"), ScriptedAnswer("lost")])
happenings = st.builds(
    lambda delays, what, times: Happening(min(delays), max(delays), *what, times),
    st.tuples(minutes, minutes),
    st.sampled_from([(w, a) for w, known in HAPPENINGS.items() if w != "cancelled" for a in known or [None]]),
    st.integers(1, 20),
)
scripts = st.builds(
    Script,
    st.lists(answers, min_size=1, max_size=9).map(tuple),
    st.lists(happenings, max_size=6).map(tuple),
)


@given(scripts)
def test_a_script_that_is_written_down_reads_the_same(script: Script) -> None:
    answers = [f"{a.kind}:{a.code}" if a.code else a.kind for a in script.answers]
    assert parse_script("; ".join([" ".join(answers), *map(written, script.happenings)])) == script


def written(happening: Happening) -> str:
    minutes = [round(delay / timedelta(minutes=1)) for delay in (happening.after, happening.reported_after)]
    argument = f":{happening.argument}" if happening.argument else ""
    return f"{minutes[0]}m/{minutes[1]}m {happening.what}{argument}*{happening.times}"


# --- the provider ----------------------------------------------------------------------------------------------------


async def told(rig: SimulatedRig, script: str, channel: str = "post") -> list[Receipt]:
    """What is reported in the end of an attempt that plays the script."""
    await rig.channel.send(consign("D.a1.1", address(script, channel=channel)))
    rig.clock.forward(timedelta(days=99))
    await rig.settle()
    return [receipt for raw in rig.basket.raws for receipt in rig.channel.read(raw)]


@pytest.mark.parametrize(
    ("word", "fact"),
    [
        ("arrived", {"kind": "arrived"}),
        ("relayed", {"kind": "gateway_accepted"}),
        ("delayed", None),
        ("bounced:mailbox_full", {"kind": "bounced", "reason": "mailbox_full"}),
        ("read", {"kind": "read", "by": Person(relation="self")}),
        ("replied", {"kind": "replied", "by": Person(relation="self")}),
        ("posted", {"kind": "posted", "carrier": "state_post"}),
        ("out_for_delivery", None),
        ("attempted:nobody_home", {"kind": "delivery_attempt", "result": "nobody_home"}),
        ("attempted:refused", {"kind": "refused", "by": Person(relation="unverified")}),
        ("attempted:moved", None),
        ("signed:spouse", {"kind": "signed", "by": Person(relation="spouse")}),
        ("signed:other", {"kind": "signed", "by": Person(relation="unverified")}),
        ("returned:moved", {"kind": "returned", "reason": "moved"}),
        ("lost", {"kind": "lost"}),
        ("slip_posted", None),
        ("slip_delivered", None),
    ],
)
async def test_each_word_as_a_fact(simulated: SimulatedRig, word: str, fact: dict[str, Any] | None) -> None:
    (receipt,) = await told(simulated, f"taken; 5h {word}")
    assert receipt.code == word
    assert receipt.fact == (fact and Fact(at=START + 5 * HOUR, key=receipt.key, **fact))


async def test_reports_come_in_the_order_in_which_they_are_due(simulated: SimulatedRig) -> None:
    found = await told(simulated, "taken; 1h/9h posted; 2h attempted:nobody_home; 3h signed:self*2")
    assert [receipt.code for receipt in found] == ["attempted:nobody_home", "signed:self", "signed:self", "posted"]


async def test_nothing_is_told_before_it_is_due_and_the_next_one_is_known(simulated: SimulatedRig) -> None:
    await simulated.channel.send(simulated.consignment("taken; 1h arrived; 2h read"))
    assert simulated.channel.next_due() == START + HOUR
    simulated.clock.forward(HOUR - timedelta(seconds=1))
    await simulated.settle()
    assert simulated.basket.raws == []
    simulated.clock.forward(timedelta(seconds=1))
    await simulated.settle()
    assert simulated.channel.next_due() == START + 2 * HOUR
    simulated.clock.forward(HOUR)
    await simulated.settle()
    assert simulated.channel.next_due() is None
    assert len(simulated.basket.raws) == 2


async def test_it_tells_by_itself_at_the_machines_pace(tmp_path: Path) -> None:
    class Turning(SteppingClock):
        """Runs as fast as the event loop, from START."""

        def now(self) -> datetime:
            return START + timedelta(seconds=asyncio.get_running_loop().time() - began)

    class Waited(Basket):
        heard = asyncio.Event()

        async def receive(self, raw: RawReceipt) -> None:
            await super().receive(raw)
            self.heard.set()

    began, basket = asyncio.get_running_loop().time(), Waited()
    channel = SimulatedChannel(SimulatedSettings(memory=tmp_path / "memory", shrink=3600 * 20), clock=Turning())
    async for _ in listening(channel, basket):
        await channel.send(consign("D.a1.1", address("taken; 1h arrived")))
        async with asyncio.timeout(20):
            await basket.heard.wait()
    (receipt,) = channel.read(basket.raws[0])
    assert receipt.at - START < timedelta(seconds=20)


@pytest.mark.parametrize("shrink", [1, 60, 7200])
async def test_delays_can_be_shrunk(tmp_path: Path, shrink: float) -> None:
    clock = SteppingClock()
    channel = SimulatedChannel(SimulatedSettings(memory=tmp_path / "memory", shrink=shrink), clock=clock)
    await channel.send(consign("D.a1.1", address("taken; 2h arrived")))
    assert channel.next_due() == START + 2 * HOUR / shrink


async def test_a_restart_remembers_what_was_taken_and_told(tmp_path: Path) -> None:
    memory, clock, basket = tmp_path / "memory", SteppingClock(), Basket()
    first = SimulatedChannel(SimulatedSettings(memory=memory), clock=clock)
    consignment = consign("D.a1.1", address("lost; 1h arrived; 2h read"))
    assert isinstance(await first.send(consignment), Unknown)
    clock.forward(HOUR)
    async for _ in listening(first, basket):
        await first.advance()
    second = SimulatedChannel(SimulatedSettings(memory=memory), clock=clock)
    assert isinstance(await second.inquire(consignment), Taken)
    assert isinstance(await second.send(consignment), Taken)
    clock.forward(HOUR)
    async for _ in listening(second, basket):
        await second.advance()
    assert [receipt.code for raw in basket.raws for receipt in second.read(raw)] == ["arrived", "read"]
    assert [entry.what for entry in second.log] == ["taken", "duplicate"]


async def test_two_processes_take_an_attempt_once(tmp_path: Path) -> None:
    memory, clock = SimulatedSettings(memory=tmp_path / "memory"), SteppingClock()
    one, other = SimulatedChannel(memory, clock=clock), SimulatedChannel(memory, clock=clock)
    consignment = consign("D.a1.1", address("later taken; 1h arrived"))
    assert isinstance(await one.send(consignment), Later)
    assert isinstance(await other.send(consignment), Taken), "the calls are counted over both"
    assert isinstance(await one.send(consignment), Taken)
    assert [entry.what for entry in one.log] == ["later", "taken", "duplicate"]
    assert one.next_due() == other.next_due() == START + HOUR


async def test_half_a_line_left_by_a_kill_is_forgotten(tmp_path: Path) -> None:
    memory, clock = tmp_path / "memory", SteppingClock()
    channel = SimulatedChannel(SimulatedSettings(memory=memory), clock=clock)
    await channel.send(consign("D.a1.1", address("taken")))
    with memory.open("ab") as file:
        file.write(b'{"attempt": "D.a2.1", "at": "2025-09-1')
    again = SimulatedChannel(SimulatedSettings(memory=memory), clock=clock)
    await again.send(consign("D.a3.1", address("taken")))
    last = SimulatedChannel(SimulatedSettings(memory=memory), clock=clock)
    assert [entry.attempt for entry in last.log] == ["D.a1.1", "D.a3.1"]


async def test_a_letter_can_be_taken_back_until_something_happened(simulated: SimulatedRig) -> None:
    early, late, unknown = (simulated.consignment("taken; 4h posted") for _ in range(3))
    await simulated.channel.send(early)
    await simulated.channel.send(late)
    assert isinstance(await simulated.channel.cancel(early, None), Taken)
    assert isinstance(await simulated.channel.cancel(unknown, None), Refused)
    simulated.clock.forward(4 * HOUR)
    assert isinstance(await simulated.channel.cancel(late, None), Refused)
    await simulated.settle()
    (receipt,) = (receipt for raw in simulated.basket.raws for receipt in simulated.channel.read(raw))
    assert receipt.attempt == late.attempt


async def test_any_channel_word_and_a_script_of_its_own_for_each(simulated: SimulatedRig) -> None:
    for channel in ("email", "sms", "im", "platform", "fax", "post", "in_person"):
        consignment = consign(f"D.{channel}.1", address(None, channel=channel))
        assert isinstance(await simulated.channel.send(consignment), Taken)
    simulated.clock.forward(timedelta(days=3))
    await simulated.settle()
    codes = {r.attempt: r.code for raw in simulated.basket.raws for r in simulated.channel.read(raw)}
    assert codes == {f"D.{name}.1": "arrived" for name in ("email", "sms", "im", "platform", "fax")} | {
        "D.post.1": "signed:self"
    }


def test_nothing_personal_is_remembered(tmp_path: Path) -> None:
    async def play() -> None:
        channel = SimulatedChannel(SimulatedSettings(memory=tmp_path / "memory"), clock=SteppingClock())
        await channel.send(consign("D.a1.1", address("taken; 1h arrived", "someone@example.invalid")))

    asyncio.run(play())
    text = (tmp_path / "memory").read_text()
    assert "D.a1.1" in text
    assert "someone" not in text
