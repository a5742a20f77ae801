"""The route: order, waiting times, hours, and a reason for every address that is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core.effect import CHINA
from delivery.core.model import Address, Consent, Fact, Route
from delivery.core.routing import plan_route
from tests.core.world import address, book, delivery

NOON = datetime.fromisoformat("2025-09-16T12:00:00+08:00")
NIGHT = datetime.fromisoformat("2025-09-16T23:00:00+08:00")
OPENS = datetime.fromisoformat("2025-09-17T08:00:00+08:00")
EVERY = frozenset({"email", "sms", "post", "phone"})


def route(*where: Address, now: datetime = NOON, channels: frozenset[str] = EVERY, **more: Any) -> Route:
    return plan_route(delivery(*where, at=now, **more), book(), now, channels=channels)


def test_the_ladder_decides_the_order_and_within_a_rung_that_of_the_case_system() -> None:
    where = (
        address("post", "found", "found"),
        address("post", "registered", "deemed"),
        address("post", "confirmed", "letter"),
        address("sms", "own", "own"),
        address("sms", "confirmed", "second"),
        address("email", "volunteered", "third"),
    )
    steps = route(*where).steps
    assert [step.address for step in steps] == ["second", "third", "own", "letter", "deemed", "found"]
    days = [timedelta(seconds=step.wait).days for step in steps]
    assert days == [2, 2, 3, 15, 15, 15]
    assert all(step.reason and step.grounds for step in steps)


UNPROVEN = "doc: nothing shows that the address is the recipient's own; whatever came from there proves nothing yet"


@pytest.mark.parametrize(
    ("left_out", "reason", "grounds"),
    [
        (address("email", "found"), UNPROVEN, ("OLR 31(2)",)),
        (address("sms", "opponent_given"), UNPROVEN, ("OLR 31(2)",)),
        (address("fax"), "this installation has no channel fax", ()),
    ],
)
def test_what_is_left_out_is_explained(left_out: Address, reason: str, grounds: tuple[str, ...]) -> None:
    planned = route(left_out, address("post", id="a2"))
    assert [step.address for step in planned.steps] == ["a2"]
    assert [(one.address, one.reason, one.grounds) for one in planned.rejected] == [("a1", reason, grounds)]


def test_a_found_number_that_is_proven_the_recipient_s_own_is_used() -> None:
    proven = replace(address("sms", "found"), ownership_proof="telecom_real_name")
    assert [step.address for step in route(proven).steps] == ["a1"]


def test_every_address_is_either_a_step_or_rejected() -> None:
    where = [address(channel, id=channel) for channel in ("email", "sms", "post", "phone", "fax")]
    planned = route(*where)
    named = [*(step.address for step in planned.steps), *(one.address for one in planned.rejected)]
    assert sorted(named) == sorted(one.id for one in where)


def test_a_judgment_goes_electronically_only_with_consent() -> None:
    (summons,) = delivery(at=NOON).documents
    papers = (summons, replace(summons, id="j", type="judgment"))
    planned = route(address("email"), address("post", id="a2"), documents=papers)
    assert [step.address for step in planned.steps] == ["a2"]
    assert (planned.rejected[0].address, planned.rejected[0].grounds) == ("a1", ("CPL 90(1)",))
    assert planned.rejected[0].reason.startswith("j: ")
    made = delivery(address("email"), at=NOON, documents=papers)
    consents = (Consent(id="c1", basis="express", given_at=NOON - timedelta(days=1)),)
    consented = replace(made, recipient=replace(made.recipient, consents=consents))
    assert len(plan_route(consented, book(), NOON, channels=EVERY).steps) == 1


def test_who_refused_electronic_service_gets_letters() -> None:
    refusal = Fact(kind="e_service_refused", at=NOON, key="k")
    planned = route(address("email"), address("post", id="a2"), facts=(refusal,))
    assert [step.address for step in planned.steps] == ["a2"]
    assert planned.rejected[0].grounds == ("CPL 90(1)", "OLR 5")


def test_where_nothing_would_serve_nothing_is_sent() -> None:
    case = replace(delivery(at=NOON).case, kind="criminal")
    planned = route(address("email"), address("post", id="a2"), case=case)
    assert [step.address for step in planned.steps] == ["a2"]
    assert planned.rejected[0].grounds == ("CRPL 107",)


def test_at_night_letters_alone_are_handed_over() -> None:
    steps = route(address("email"), address("post", id="a2"), now=NIGHT).steps
    assert [step.not_before for step in steps] == [OPENS, NIGHT]


@settings(deadline=None)
@given(st.timedeltas(timedelta(0), timedelta(days=3650)), st.timezones())
def test_the_next_sending_moment_lies_in_the_hours_and_is_the_first_such(since: timedelta, zone: tzinfo) -> None:
    now = (NOON + since).astimezone(zone)
    moment = book().routing.within_hours(now, book().zone)
    local = moment.astimezone(CHINA)
    assert now <= moment < now + timedelta(hours=11, minutes=1)
    assert 8 <= local.hour < 21
    assert moment == now or (local.hour, local.minute, local.second, local.microsecond) == (8, 0, 0, 0)
