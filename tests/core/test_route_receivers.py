"""No route leads to somebody whose signature would serve nobody, and none goes on when the procedure is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from delivery.core.model import Delivery, Fact, ForeignLaw, Person, Representative, Route
from delivery.core.routing import plan_route
from tests.core.routes import EVERY, NOON, of_whom
from tests.core.world import address, book, delivery

LAST_OF_2023 = datetime.fromisoformat("2023-12-29T12:00:00+08:00")


def held(kind: str, channel: str, **more: Any) -> Delivery:
    """One address of the representative, one letter to the recipient."""
    theirs = replace(address(channel, "confirmed", "theirs"), holder="x")
    made = delivery(theirs, address("post", "confirmed", "own"), at=NOON)
    known = {name: more.pop(name) for name in ("domicile", "foreign_law") if name in more}
    one = Representative(id="x", kind=kind, name="王五", **more)
    return of_whom(made, representatives=(one,), **known)


def planned(made: Delivery, now: datetime = NOON) -> Route:
    return plan_route(made, book(), now, channels=EVERY)


def told(route: Route) -> dict[str, tuple[tuple[str, ...], str | None]]:
    return {one.address: (one.grounds, one.next) for one in route.rejected}


@pytest.mark.parametrize("channel", ["email", "post", "in_person"])
@pytest.mark.parametrize(("domicile", "ground"), [("hong_kong", "HKMO 4"), ("macau", "HKMO 4"), ("taiwan", "TW08 3")])
def test_an_agent_whose_power_excludes_receipt_is_left_out(domicile: str, ground: str, channel: str) -> None:
    """law.md R7.8"""
    route = planned(held("litigation_agent", channel, receipt_authority="excluded", domicile=domicile))
    assert told(route) == {"theirs": ((ground,), "serve_again")}
    assert route.rejected[0].reason == "doc: the power of attorney excludes receipt of documents"
    for authority in ("silent", "express"):
        assert not planned(held("litigation_agent", channel, receipt_authority=authority, domicile=domicile)).rejected


def test_on_the_mainland_a_general_power_suffices() -> None:
    """law.md R4.1, CPLI 132"""
    assert not planned(held("litigation_agent", "post", receipt_authority="excluded")).rejected


@pytest.mark.parametrize("kind", ["litigation_agent", "wholly_owned_enterprise", "representative_in_china"])
def test_who_could_not_receive_for_a_foreign_party_before_2024(kind: str) -> None:
    """law.md R7.6"""
    there = ForeignLaw(e_service="allowed", mail="allowed")
    made = held(kind, "post", domicile="foreign", foreign_law=there)
    assert told(planned(made, LAST_OF_2023)) == {"theirs": (("CPL 274",), "other_foreign_way")}
    assert not planned(made).rejected


@pytest.mark.parametrize(
    ("document", "channel", "ground"),
    [("mediation_statement", "post", "CPLI 133"), ("detention_summons", "in_person", "CPLI 175")],
)
def test_what_only_the_person_may_sign_does_not_go_to_the_agent(document: str, channel: str, ground: str) -> None:
    """law.md R4.10, R5.1"""
    made = held("litigation_agent", channel)
    made = replace(made, documents=(replace(made.documents[0], type=document),))
    assert told(planned(made))["theirs"][0] == (ground,)


def test_a_prison_hands_on_and_signs_for_nobody() -> None:
    made = held("prison", "institution")
    imprisoned = of_whom(made, standing=replace(made.recipient.standing, kind="imprisoned"))
    assert [step.address for step in planned(imprisoned).steps] == ["theirs"]


# --- the payment order -----------------------------------------------------------------------------------------------


def payment_order(issued_on: date, *facts: Fact) -> Delivery:
    made = delivery(address("post"), at=NOON, facts=facts)
    return replace(made, documents=(replace(made.documents[0], type="payment_order", issued_on=issued_on),))


def test_after_thirty_days_a_payment_order_is_sent_nowhere() -> None:
    """law.md R5.3: asked on day 31 or later the procedure is over; the thirty days do not roll (R10)."""
    day_30, day_31 = NOON.date() - timedelta(days=30), NOON.date() - timedelta(days=31)
    assert [step.address for step in planned(payment_order(day_30)).steps] == ["a1"]
    assert told(planned(payment_order(day_31))) == {"a1": (("CPLI 430(2)",), "end_procedure")}


@pytest.mark.parametrize("document", ["payment_order", "summons"])
def test_what_was_served_and_ends_nothing_has_a_route_still(document: str) -> None:
    """In time (law.md R5.3), or with a consequence that decides nothing of the outcome (R9.4)."""
    signed = Fact(
        kind="signed",
        at=NOON - timedelta(days=5),
        address="a1",
        by=Person(relation="self"),
        id_on_receipt=True,
        key="slip",
    )
    posted = Fact(kind="posted", at=NOON - timedelta(days=8), address="a1", carrier="state_post", key="posted")
    served = payment_order(NOON.date() - timedelta(days=31), posted, signed)
    served = replace(
        served, documents=(replace(served.documents[0], type=document, hearing_at=NOON + timedelta(days=20)),)
    )
    assert [step.address for step in planned(served).steps] == ["a1"]
