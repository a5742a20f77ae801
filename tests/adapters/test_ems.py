"""EMS: the envelope against openssl, the table against the public dictionary, the channel against its counterpart."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pikepdf
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.counterparts.ems import EmsCounterpart, steps
from adapters.ems import EmsCallback, EmsChannel, EmsSettings
from adapters.ems.envelope import open_envelope, seal_envelope
from adapters.ems.reports import codes, order_number
from adapters.http import HttpFailure
from adapters.simulated import Script, ScriptError, parse_script
from delivery.core.model import Address, Fact, Person, PostalAddress, Receipt
from delivery.core.ports import Consignment, Later, RawReceipt, Refused, Taken, Unknown

from .contract import START, Basket, ChannelContract, Rig, SteppingClock, consign, receipts

KEY = "VEVTVEtFWS0xNmJ5dGVzIQ=="
OTHER_KEY = base64.b64encode(b"another 16 bytes").decode()
VECTOR = "|$4|Cxw0zFywnLWl96nPdnpqvleaI0bLkZBscY2+X0YetvA95whhBwil4Otl+RGEdGJdVbRuHPHl6KvFS1b3G/uL8A=="
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


# --- the envelope ----------------------------------------------------------------------------------------------------


def openssl_sm4(plain: bytes, *options: str) -> bytes:
    command = ["openssl", "enc", "-sm4-ecb", "-nosalt", "-K", base64.b64decode(KEY).hex(), *options]
    return subprocess.run(command, input=plain, capture_output=True, check=True).stdout


def test_the_published_vector() -> None:
    assert seal_envelope('{"waybillNo":"1234567890123"}', KEY) == VECTOR
    assert open_envelope(VECTOR, KEY) == '{"waybillNo":"1234567890123"}'


@pytest.mark.parametrize("text", ["", "{}", "法院专递", "x" * 15, "x" * 16, "x" * 4000])
def test_openssl_seals_and_opens_the_same(text: str) -> None:
    sealed = base64.b64decode(seal_envelope(text, KEY).removeprefix("|$4|"))
    assert openssl_sm4(sealed, "-d").decode() == text + KEY
    assert sealed == openssl_sm4((text + KEY).encode())
    for told in (text, text + KEY):  # pushes seem to come without the key text: both are read
        assert open_envelope("|$4|" + base64.b64encode(openssl_sm4(told.encode())).decode(), KEY) == text


@given(st.text().filter(lambda text: not text.endswith(KEY)))
def test_what_was_sealed_is_opened(text: str) -> None:
    assert open_envelope(seal_envelope(text, KEY), KEY) == text


@given(st.one_of(st.text(max_size=100), st.binary(max_size=100).map(lambda b: base64.b64encode(b).decode())))
def test_garbage_is_a_value_error_or_text(envelope: str) -> None:
    with suppress(ValueError):
        assert isinstance(open_envelope(envelope, KEY), str)


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(b"fifteen bytes..").decode(), "密钥"])
def test_a_wrong_key_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(ValueError, match="16 bytes") as caught:
        settings(key=key)
    assert not key or key not in str(caught.value)


def test_settings_hide_what_is_secret() -> None:
    shown = repr(settings())
    assert KEY not in shown
    assert AUTHORIZATION not in shown


# --- the table -------------------------------------------------------------------------------------------------------


def dictionary() -> list[tuple[str, str]]:
    file = Path(__file__).parents[1] / "data" / "ems-codes" / "ems.csv"
    lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [(row["carrier_code"], row["notes"]) for row in csv.DictReader(io.StringIO("\n".join(lines)))]


def test_every_code_of_the_public_dictionary_is_in_the_table() -> None:
    table = codes()
    ours = {
        *table.operation,
        *(f"signed:{c}" for c in table.delivered),
        *(f"unsigned:{c}" for c in table.not_delivered),
    }
    theirs = [code for code, _ in dictionary()]
    assert len(theirs) == 237
    assert ours - {"306"} == {*theirs}


def test_every_deletion_names_what_the_dictionary_says_it_voids() -> None:
    marked = [(code, note.partition("作废 ")[2]) for code, note in dictionary() if note.startswith("事件冲销")]
    assert len(marked) >= 18
    for code, voided in marked:
        assert codes().operation[code].cancels == tuple(voided.split("/")), code
    assert {c for c, op in codes().operation.items() if op.cancels} == {c for c, _ in marked}


def test_the_table_says_nothing_that_scenarios_have_no_word_for() -> None:
    facts = {op.fact for op in codes().operation.values()} - {None}
    assert facts == {"posted", "signed", "delivery_attempt", "returned", "lost"}
    reasons = {row.reason for row in codes().not_delivered.values()} - {None}
    assert reasons == {"unknown_person", "no_such_address", "moved", "nobody_home", "refused"}


# --- reports into receipts -------------------------------------------------------------------------------------------

NOON = "2025-09-18 12:00:00"


def told(operation: str, *, detail: str | None = None, at: str = NOON, push: bool = False, **more: Any) -> Receipt:
    field = "deliverCode" if operation == "704" else "attemptDeliveryCode"
    said = {"waybillNo": "1000000000001", "orderNo": order_number("d.a1.1"), "opCode": operation, "opTime": at}
    body = json.dumps(said | ({field: detail} if detail is not None else {}) | more).encode()
    meta = {"source": "push" if push else "query"}
    (found,) = channel().read(RawReceipt(channel="ems", body=body, received_at=START, meta=meta))
    return found


def channel() -> EmsChannel:
    return EmsChannel(settings(), clock=SteppingClock())


def fact(operation: str, detail: str | None = None) -> Fact:
    found = told(operation, detail=detail).fact
    assert found is not None
    return found


def test_posted() -> None:
    found = told("203", opName="收寄")
    assert (found.attempt, found.reference, found.words) == ("d.a1.1", "1000000000001", "收寄")
    assert found.at == datetime.fromisoformat("2025-09-18T12:00:00+08:00")
    assert found.fact == Fact(kind="posted", at=found.at, key=found.key, carrier="state_post")


LOCKERS = ("30", "50", "80", "90", "150", "163", "164", "165", "166", "167", "168")
SIGNERS = {"10": "self", "20": "unverified", "60": "mailroom", "162": "mailroom", "70": "property_management"}


@pytest.mark.parametrize(("code", "relation"), [*SIGNERS.items(), *((code, "parcel_locker") for code in LOCKERS)])
def test_signed(code: str, relation: str) -> None:
    found = told("704", detail=code)
    assert found.fact == Fact(kind="signed", at=found.at, key=found.key, by=Person(relation=relation))
    assert (found.code, found.unclear) == (f"704/{code}", None)
    assert found.fact is not None
    assert (found.fact.id_on_receipt, found.fact.relation_on_receipt) == (False, False), "only the slip shows them"


@pytest.mark.parametrize("code", [*sorted({*codes().delivered} - {*SIGNERS, *LOCKERS}), "999", "X"])
def test_any_other_delivery_is_a_persons_to_judge(code: str) -> None:
    found = told("704", detail=code)
    assert found.fact is None
    assert found.unclear


TRIED = {
    "1": ("no_such_address", None),
    "2": ("no_such_address", None),
    "3": ("unknown_person", None),
    "4": ("nobody_home", "nobody_home"),
    "5": ("moved", None),
    "6": (None, None),
    "16": (None, None),
    "99": (None, None),
}


@pytest.mark.parametrize(("code", "says"), TRIED.items())
def test_tried_in_vain(code: str, says: tuple[str | None, str | None]) -> None:
    found = fact("705", code)
    assert (found.kind, found.reason, found.result) == ("delivery_attempt", *says)


@pytest.mark.parametrize("code", ["10", "11", "12", "13", "14", "15", "16", "99"])
def test_a_try_that_ended_strangely_is_looked_at(code: str) -> None:
    assert told("705", detail=code).unclear


def test_refused_is_noted_by_the_courier_and_by_whom_is_not_known() -> None:
    found = fact("705", "7")
    assert (found.kind, found.by, found.noted, found.identity_proven) == (
        "refused",
        Person(relation="unverified"),
        True,
        False,
    )


def test_returned_is_dated_by_the_day_in_the_courts_zone_and_has_no_reason_of_its_own() -> None:
    late = told("711", at="2025-09-18 23:59:59").fact
    assert late is not None
    assert (late.kind, late.reason, late.noted_on, late.court_received_on) == (
        "returned",
        None,
        None,
        date(2025, 9, 18),
    )
    assert fact("711", "5").reason == "moved"


@pytest.mark.parametrize(("code", "takes_back"), [("742", "702"), ("743", "704"), ("744", "705"), ("207", "203")])
def test_cancellations(code: str, takes_back: str) -> None:
    found = told(code)
    assert (found.cancels, found.fact, found.unclear) == (takes_back, None, None)


def test_an_unknown_operation_is_unclear_and_transit_is_not() -> None:
    assert told("4711").unclear
    assert told("954") == replace(told("954"), fact=None, unclear=None, cancels=None)


@pytest.mark.parametrize("operation", ["704", "705"])
def test_a_push_without_the_second_code_is_no_fact_yet(operation: str) -> None:
    bare, full = told(operation, push=True), told(operation, detail="10" if operation == "704" else "4")
    assert (bare.fact, bare.unclear, bare.code) == (None, None, f"incomplete/{operation}")
    assert len({bare.key, full.key, told(operation).key}) == 3, "the explanation is no repeat"
    assert full.code.split("/")[0] == operation


def test_a_track_that_says_no_more_leaves_the_signer_unverified() -> None:
    signed = told("704").fact
    assert signed is not None
    assert signed.by == Person(relation="unverified")


def test_the_slips_own_way_is_never_the_letters() -> None:
    for operation in ("203", "704", "705", "711", "743", "4711"):
        found = told(operation, orderNo=order_number("d.a1.1", "slip"))
        assert (found.attempt, found.fact, found.cancels, found.unclear) == ("d.a1.1", None, None, None)
        assert found.code.startswith("slip/")


def test_a_repeat_has_the_same_key_and_another_second_another() -> None:
    assert told("704", detail="10").key == told("704", detail="10", push=True, opDesc="x").key
    assert len({told("704", detail=d, at=t).key for d in ("10", "20") for t in (NOON, "2025-09-18 12:00:01")}) == 4


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"[" * 60000,
        b"\xff\xfe",
        b'{"opCode":"203"}',
        b'{"opCode":["203"],"waybillNo":"1"}',
        b'{"opCode":"203","waybillNo":"1","opTime":"soon"}',
        b'{"opCode":true,"waybillNo":"1","opTime":"2025-09-18 12:00:00"}',
    ],
)
def test_what_is_no_report_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        channel().read(RawReceipt(channel="ems", body=body, received_at=START, meta={}))


IDS = st.from_regex(r"[A-Za-z0-9._-]{1,60}", fullmatch=True)


@given(IDS)
def test_order_numbers_are_short_and_lead_back(attempt: str) -> None:
    numbers = [order_number(attempt), order_number(attempt, "slip")]
    assert all(len(number) <= 50 for number in numbers)
    assert len({*numbers}) == 2
    found = told("203", orderNo=numbers[0])
    assert found.attempt == (attempt if len(attempt) < 50 else None)


def test_the_law_of_tries_and_days_is_not_here() -> None:
    """Three deliveries in five days (MAIL 6) are the core's to count: one report is read without any other."""
    tried = [told("705", detail="4", at=f"2025-09-{day} 10:00:00") for day in (17, 18, 19)]
    back = told("711", at="2025-09-20 10:00:00")
    assert [r.fact.kind for r in (*tried, back) if r.fact] == ["delivery_attempt"] * 3 + ["returned"]
    assert all(r.unclear is None for r in (*tried, back))


# --- over the wire ---------------------------------------------------------------------------------------------------


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


class EmsContract(ChannelContract):
    async def test_a_bad_end_is_a_fact_with_its_reason(self, rig: Rig) -> None:
        """On this wire a return has no reason: the try before it has."""
        consignment = rig.consignment("taken; 1h attempted:moved; 2h returned:moved")
        answer = await rig.channel.send(consignment)
        found = await receipts(rig, consignment, answer, timedelta(hours=2))
        told = sorted((r.fact.at, r.fact.kind, r.fact.reason) for r in found if r.fact)
        assert [what for _, *what in told] == [["delivery_attempt", "moved"], ["returned", None]]


class TestContract(EmsContract):
    """Pushes say only what happened; who signed is asked for."""

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with ems() as rig:
            yield rig


class TestContractWithCodesInPushes(EmsContract):
    """Pushes that say all, as forms, with the key text behind."""

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with ems(codes_in_push=True, push_as_form=True, suffix_in_push=True) as rig:
            yield rig


@pytest.fixture
async def rig() -> AsyncIterator[EmsRig]:
    async with ems() as rig:
        yield rig


async def test_letter_and_slip_are_two_parcels_of_one_attempt(rig: EmsRig) -> None:
    consignment = rig.consignment("taken; 1h posted; 1d signed:other; 2d slip_posted; 3d slip_delivered")
    answer = await rig.channel.send(consignment)
    assert isinstance(answer, Taken)
    way, back = answer.references
    assert way == rig.counterpart.waybill(consignment.attempt)
    assert back == f"slip:{rig.counterpart.waybill(consignment.attempt, slip=True)}"
    assert rig.log(consignment.attempt) == ["slip_taken", "taken"]
    found = await rig.received(hours=80)
    assert [r.fact.kind for r in found if r.fact] == ["posted", "signed"]
    slips = [r for r in found if r.code.startswith("slip/")]
    assert {r.reference for r in slips} == {back.removeprefix("slip:")}
    assert [r.attempt for r in slips] == [consignment.attempt] * 2


async def test_the_track_of_each_parcel_is_its_own(rig: EmsRig) -> None:
    consignment = rig.consignment("taken; 1h posted; 1d signed:self; 2d slip_delivered")
    answer = await rig.channel.send(consignment)
    assert isinstance(answer, Taken)
    assert [await rig.channel.track(consignment, one) for one in answer.references] == [[], []], (
        "nothing yet is no answer"
    )
    rig.clock.forward(timedelta(days=3))
    way, back = [await rig.channel.track(consignment, one) for one in answer.references]
    letters = [receipt for raw in way for receipt in rig.channel.read(raw)]
    slips = [receipt for raw in back for receipt in rig.channel.read(raw)]
    assert [r.code for r in letters] == ["203", "704/10"]
    assert [r.code for r in slips] == ["slip/704/60"]
    assert all(r.attempt == consignment.attempt for r in (*letters, *slips))


async def test_a_repeat_is_answered_with_the_first_waybills(rig: EmsRig) -> None:
    consignment = rig.consignment("taken")
    answers = [await rig.channel.send(consignment), await rig.channel.inquire(consignment)]
    assert answers[0] == answers[1]
    assert rig.log(consignment.attempt) == ["slip_taken", "taken", "slip_duplicate", "duplicate"]


async def test_an_inquiry_that_does_not_get_through_settles_nothing(rig: EmsRig) -> None:
    consignment = rig.consignment("lost")
    assert isinstance(await rig.channel.send(consignment), Unknown)
    await rig.go_away()
    assert isinstance(await rig.channel.inquire(consignment), Unknown)


async def test_the_slips_answer_lost_is_a_doubt_that_a_repeat_ends(rig: EmsRig) -> None:
    rig.scripts[COURT.phone] = parse_script("lost taken")
    consignment = rig.consignment("taken")
    assert isinstance(await rig.channel.send(consignment), Unknown)
    assert isinstance(await rig.channel.inquire(consignment), Taken)
    assert rig.log(consignment.attempt) == ["slip_taken", "slip_duplicate", "taken"]


async def test_a_return_after_tries_in_vain(rig: EmsRig) -> None:
    consignment = rig.consignment(
        "taken; 1d attempted:nobody_home; 2d attempted:unknown_person; 3d returned:unknown_person"
    )
    await rig.channel.send(consignment)
    found = await rig.received(hours=72)
    facts = sorted((r.fact for r in {r.key: r for r in found}.values() if r.fact), key=lambda f: f.at)
    told = [(f.kind, f.reason) for f in facts]
    assert told == [("delivery_attempt", "nobody_home"), ("delivery_attempt", "unknown_person"), ("returned", None)]
    assert facts[-1].court_received_on == date(2025, 9, 19)


async def test_a_withdrawn_order(rig: EmsRig) -> None:
    early, late = rig.consignment("taken; 1h posted"), rig.consignment("taken; 0s posted")
    for consignment in (early, late):
        answer = await rig.channel.send(consignment)
        assert isinstance(answer, Taken)
    assert isinstance(await rig.channel.cancel(early, rig.counterpart.waybill(early.attempt)), Taken)
    assert rig.log(early.attempt)[-2:] == ["withdrawn", "slip_withdrawn"]
    assert isinstance(await rig.channel.cancel(late, None), Refused)
    assert "slip_withdrawn" not in rig.log(late.attempt), "a letter on its way keeps its slip"
    assert {r.attempt for r in await rig.received(hours=2)} == {late.attempt}


async def test_the_label_is_a_pdf(rig: EmsRig) -> None:
    answer = await rig.channel.send(rig.consignment("taken"))
    assert isinstance(answer, Taken)
    for reference in answer.references:
        with pikepdf.open(io.BytesIO(await rig.channel.label(reference))) as pdf:
            assert len(pdf.pages) == 1
            assert pdf.check_pdf_syntax() == []


async def test_without_a_slip_one_order_goes_out() -> None:
    async with ems() as rig:
        plain = EmsChannel(settings(rig.counterpart.url, receipt_flag="2"), clock=rig.clock)
        consignment = rig.consignment("taken")
        answer = await plain.send(consignment)
        await plain.close()
    assert isinstance(answer, Taken)
    assert rig.log(consignment.attempt) == ["taken"]
    assert answer.references == (rig.counterpart.waybill(consignment.attempt),)


@pytest.mark.parametrize(
    "changes", [{"key": OTHER_KEY}, {"sender_no": "1"}, {"authorization": "x"}], ids=["key", "sender", "authorization"]
)
async def test_the_counterpart_lets_only_the_customer_in(rig: EmsRig, changes: dict[str, str]) -> None:
    stranger = EmsChannel(settings(rig.counterpart.url, **changes), clock=rig.clock)
    consignment = rig.consignment("taken")
    assert isinstance(await stranger.send(consignment), Refused)
    await stranger.close()
    assert rig.log(consignment.attempt) == []


@pytest.mark.parametrize("word", ["signed:spouse", "arrived", "read", "bounced:blocked", "returned:content_mismatch"])
def test_the_counterpart_refuses_words_without_a_code(word: str) -> None:
    with pytest.raises(ScriptError, match=word):
        steps(parse_script(f"taken; 1h {word}"))


def test_only_some_operations_can_be_taken_back() -> None:
    with pytest.raises(ScriptError):
        steps(parse_script("taken; 1h returned:moved; 2h cancelled"))


def test_a_return_brings_the_try_that_explains_it() -> None:
    assert [s.operation for s in steps(parse_script("taken; 1h attempted:moved; 2h returned:moved"))] == ["705", "711"]
    assert [s.detail for s in steps(parse_script("taken; 2h returned:refused"))] == ["7", ""]


# --- answers of a strange carrier ------------------------------------------------------------------------------------


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


def reply(code: str = "00000", body: Any = None, message: str = "") -> str:
    return json.dumps({"retCode": code, "retMsg": message, "retBody": body, "success": True})


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


# --- the callback ----------------------------------------------------------------------------------------------------

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


def kinds(found: Sequence[Receipt]) -> list[str]:
    return [receipt.fact.kind for receipt in found if receipt.fact]
