"""Which facts of a delivery stand: reports in any order, repeats, cancellations, parts, and slips."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core.effect import document_effects
from delivery.core.model import Delivery, Fact, Outcome, Person, Receipt
from delivery.core.standing import standing_facts
from tests.core.world import attempted, book

NOON = datetime.fromisoformat("2025-09-10T12:00:00+08:00")
CODES = {
    "posted": ("203", {"carrier": "state_post"}),
    "delivery_attempt": ("705/1", {"result": "nobody_home"}),
    "refused": ("705/2", {"by": Person(relation="unverified")}),
    "signed": ("704", {"by": Person(relation="self"), "id_on_receipt": True}),
    "returned": ("711", {}),
}


def receipt(kind: str, hours: int) -> Receipt:
    code, fields = CODES[kind]
    at = NOON + timedelta(hours=hours)
    key = f"{kind}@{hours}"
    return Receipt(
        channel="post",
        key=key,
        at=at,
        code=code,
        attempt="d1.a1.1",
        fact=Fact(kind=kind, at=at, key=key, **fields),
    )


def cancellation(kind: str, hours: int) -> Receipt:
    code = CODES[kind][0].split("/")[0]
    at = NOON + timedelta(hours=hours)
    return Receipt(channel="post", key=f"cancel {kind}@{hours}", at=at, code="742", attempt="d1.a1.1", cancels=code)


def letter(receipts: list[Receipt], facts: tuple[Fact, ...] = ()) -> Delivery:
    return replace(attempted("post", NOON), receipts=tuple(receipts), facts=facts)


def ends(delivery: Delivery) -> tuple[Any, ...]:
    return document_effects(delivery, book(), NOON + timedelta(days=60))


HISTORIES = st.lists(
    st.one_of(
        st.builds(receipt, st.sampled_from(sorted(CODES)), st.integers(1, 200)),
        st.builds(cancellation, st.sampled_from(["delivery_attempt", "signed", "returned"]), st.integers(1, 200)),
    ),
    max_size=7,
    unique_by=lambda one: one.key,
)


@given(HISTORIES, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_in_which_receipts_arrive_plays_no_part(history: list[Receipt], dice: Any) -> None:
    shuffled = list(history)
    dice.shuffle(shuffled)
    assert ends(letter(history)) == ends(letter(shuffled))


def test_a_cancellation_takes_back_the_latest_report_of_its_code_before_it() -> None:
    told = [receipt("posted", 1), receipt("signed", 24), cancellation("signed", 48)]
    assert [f.kind for f in standing_facts(letter(told)) if f.kind == "signed"] == []
    assert ends(letter(told))[0][1].outcome is Outcome.PENDING
    again = ends(letter([*told, receipt("signed", 72)]))[0][1]
    assert (again.outcome, again.effective_date) == (Outcome.SERVED, date(2025, 9, 13))
    early = ends(letter([receipt("posted", 1), cancellation("signed", 12), receipt("signed", 24)]))[0][1]
    assert early.outcome is Outcome.SERVED


@pytest.mark.parametrize("first", ["slip", "push"])
def test_the_slip_completes_the_report_whichever_comes_first(first: str) -> None:
    """The journal's order is that of arrival; the effect sees one signature, with what both say of it."""
    pushed = replace(
        receipt("signed", 24), fact=Fact(kind="signed", at=NOON + timedelta(hours=24), by=Person(relation="unverified"))
    )
    slip = Fact(
        kind="signed",
        at=NOON + timedelta(hours=24),
        address="a1",
        key="slip",
        by=Person(relation="spouse", adult=True, cohabiting=True),
        id_on_receipt=True,
        relation_on_receipt=True,
    )
    alone = letter([receipt("posted", 1)], facts=(slip,)) if first == "slip" else letter([receipt("posted", 1), pushed])
    assert ends(alone)[0][1].outcome is (Outcome.SERVED if first == "slip" else Outcome.REVIEW)
    both = letter([receipt("posted", 1), pushed], facts=(slip,))
    assert len([fact for fact in standing_facts(both) if fact.kind == "signed"]) == 1
    assert (ends(both)[0][1].rule, ends(both)[0][1].effective_date) == ("R4.1.family", date(2025, 9, 11))


def test_a_return_without_a_reason_has_that_of_the_last_try() -> None:
    tries = [receipt("posted", 1), receipt("delivery_attempt", 20), receipt("refused", 30), receipt("returned", 50)]
    reasons = [fact.reason for fact in standing_facts(letter(tries)) if fact.kind == "returned"]
    assert reasons == ["refused"]


def part(number: str, minutes: int, key: str = "") -> Receipt:
    at = NOON + timedelta(minutes=minutes)
    fact = Fact(kind="arrived", at=at, key=f"{number}{key}")
    return Receipt(
        channel="sms", key=f"{number}{key}", at=at, code="DELIVRD", attempt="d1.a1.1", part=number, fact=fact
    )


def text(*receipts: Receipt) -> Delivery:
    return replace(attempted("sms", NOON, references=("p1", "p2", "p3")), receipts=receipts)


def test_a_text_in_parts_has_arrived_when_the_last_part_has() -> None:
    parts = (part("p1", 1), part("p3", 60 * 13), part("p2", 2))
    assert ends(text(*parts[:2]))[0][1].outcome is Outcome.PENDING
    for order in (parts, parts[::-1]):
        effect = ends(text(*order))[0][1]
        assert (effect.outcome, effect.effective_date) == (Outcome.SERVED, date(2025, 9, 11))


def test_a_part_reported_twice_arrived_the_first_time() -> None:
    parts = (part("p1", 1), part("p2", 2), part("p3", 3), part("p1", 60 * 24, key=" again"))
    assert ends(text(*parts))[0][1].effective_date == date(2025, 9, 10)


def test_another_message_s_part_does_not_count() -> None:
    parts = (part("p1", 1), part("p2", 2), part("p9", 3))
    assert ends(text(*parts))[0][1].outcome is Outcome.PENDING
    late = (*parts, part("p3", 4), part("p8", 60 * 24))
    assert ends(text(*late))[0][1].effective_date == date(2025, 9, 10)


def test_made_elsewhere_told_as_facts() -> None:
    """A letter that the court posted by hand, of which the facts alone tell."""
    slip = Fact(kind="signed", at=NOON, address="a1", by=Person(relation="self"), id_on_receipt=True)
    told = replace(attempted("post", NOON), attempts=(), facts=(slip,))
    effect = document_effects(told, book(), NOON + timedelta(days=30))[0][1]
    assert (effect.outcome, effect.flag("effective_address")) == (Outcome.SERVED, "a1")


def test_a_fact_of_tomorrow_does_not_count_today() -> None:
    ((_, effect),) = document_effects(
        letter([receipt("posted", 1), receipt("signed", 24)]), book(), NOON + timedelta(hours=23)
    )
    assert effect.outcome is Outcome.PENDING
