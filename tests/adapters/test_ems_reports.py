"""What EMS says, as receipts: the table against the public dictionary."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.ems.reports import codes, order_number
from delivery.core.model import Fact, Person, Receipt
from delivery.core.ports import RawReceipt
from tests.adapters.ems_rig import NOON, channel

from .contract import START


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


def told(operation: str, *, detail: str | None = None, at: str = NOON, push: bool = False, **more: Any) -> Receipt:
    field = "deliverCode" if operation == "704" else "attemptDeliveryCode"
    said = {"waybillNo": "1000000000001", "orderNo": order_number("d.a1.1"), "opCode": operation, "opTime": at}
    body = json.dumps(said | ({field: detail} if detail is not None else {}) | more).encode()
    meta = {"source": "push" if push else "query"}
    (found,) = channel().read(RawReceipt(channel="ems", body=body, received_at=START, meta=meta))
    return found


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
