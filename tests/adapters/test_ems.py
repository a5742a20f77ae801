"""EMS: the contract of every channel and the wire, against the counterpart."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pikepdf
import pytest

from adapters.counterparts.ems import steps
from adapters.ems import EmsChannel
from adapters.simulated import ScriptError, parse_script
from delivery.core.ports import Refused, Taken, Unknown
from tests.adapters.ems_rig import AUTHORIZATION, COURT, KEY, EmsRig, ems, settings

from .contract import ChannelContract, Rig, receipts

OTHER_KEY = base64.b64encode(b"another 16 bytes").decode()


@pytest.fixture
async def rig() -> AsyncIterator[EmsRig]:
    async with ems() as rig:
        yield rig


def test_settings_hide_what_is_secret() -> None:
    shown = repr(settings())
    assert KEY not in shown
    assert AUTHORIZATION not in shown


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
