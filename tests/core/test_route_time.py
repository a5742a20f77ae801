"""The route and the time there is: the last moment of use, what is begun side by side, and sending hours."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core import rulebook
from delivery.core.civil import CHINA
from delivery.core.ladder import Ladder
from delivery.core.model import Address, Delivery, Document, Route
from delivery.core.routing import plan_route
from delivery.core.timely import latest_useful
from tests.core.routes import DAYS, EVERY, NOON, of_whom, route
from tests.core.world import address, book, delivery, rest_days, rule_tables

NIGHT = datetime.fromisoformat("2025-09-16T23:00:00+08:00")
OPENS = datetime.fromisoformat("2025-09-17T08:00:00+08:00")


# --- the time there is -----------------------------------------------------------------------------------------------

HEARING = datetime.fromisoformat("2025-10-20T09:00:00+08:00")


def summoned(**more: Any) -> Delivery:
    case = replace(delivery(at=NOON).case, **more.pop("case", {}))
    paper = {"type": "summons", "hearing_at": HEARING, **more.pop("paper", {})}
    document = Document(id="doc", title="", sha256="0" * 64, pages=1, size=1, **paper)
    return delivery(at=NOON, documents=(document,), case=case, **more)


@pytest.mark.parametrize(
    ("made", "latest", "grounds"),
    [
        (summoned(), "2025-10-16 23:59", ("CPL 139", "K18")),
        (summoned(case={"kind": "administrative"}), "2025-10-16 23:59", ("CPL 139", "K18")),
        (summoned(case={"procedure": "simplified"}), "2025-10-20 09:00", ()),
        (summoned(case={"kind": "criminal"}), "2025-10-17 23:59", ("CRPL 187",)),
        (summoned(case={"kind": "criminal"}, paper={"type": "indictment_copy"}), "2025-10-10 23:59", ("CRPL 187",)),
        (summoned(case={"kind": "criminal", "procedure": "expedited"}), "2025-10-20 09:00", ()),
        (summoned(paper={"type": "evidence"}), "2025-10-20 09:00", ()),
        (summoned(needed_by=NOON + DAYS), "2025-09-17 12:00", ()),
        (summoned(needed_by=HEARING), "2025-10-16 23:59", ("CPL 139", "K18")),
        (summoned(paper={"hearing_at": HEARING.replace(hour=23).astimezone(UTC)}), "2025-10-16 23:59", None),
    ],
)
def test_the_last_moment_of_use(made: Delivery, latest: str, grounds: tuple[str, ...] | None) -> None:
    found = latest_useful(made, book(), NOON)
    assert found
    assert found.told == latest
    assert grounds is None or found.grounds == grounds


def test_a_row_on_the_days_before_a_hearing_holds_as_long_as_it_is_in_force() -> None:
    def repealed(tables: dict[str, Any]) -> None:
        row = next(row for row in tables["before_hearing"] if row["id"] == "three_clear_days")
        row["valid_to"] = NOON.date()

    without = edited(repealed)
    told = [latest_useful(summoned(), without, NOON + days * DAYS) for days in (0, 1)]
    assert [latest.told for latest in told if latest] == ["2025-10-16 23:59", "2025-10-20 09:00"]


def test_a_rulebook_that_says_nothing_of_hearings_leaves_the_day_that_the_court_needs() -> None:
    silent = edited(lambda tables: tables.pop("before_hearing"))
    assert latest_useful(summoned(), silent, NOON) is None
    needed_by = latest_useful(summoned(needed_by=HEARING), silent, NOON)
    assert needed_by
    assert (needed_by.at, needed_by.grounds) == (HEARING, ())


def test_without_a_hearing_and_a_day_there_is_all_the_time() -> None:
    assert latest_useful(delivery(at=NOON), book(), NOON) is None
    assert route(address("email")).latest is None


WAYS = (
    address("sms", "own", "own"),
    address("post", id="letter"),
    address("email", id="mail"),
    address("sms", id="text"),
)


def needed(days: float, *where: Address) -> Route:
    return route(*(where or WAYS), needed_by=NOON + days * DAYS)


def test_with_time_enough_one_goes_after_the_other() -> None:
    plain = route(*WAYS)
    for planned in (plain, needed(22)):
        assert [(step.address, step.beside) for step in planned.steps] == [
            ("mail", False),
            ("text", False),
            ("own", False),
            ("letter", False),
        ]
    assert [step.reason for step in needed(22).steps] == [step.reason for step in plain.steps]
    assert needed(22).latest == NOON + 22 * DAYS


def test_with_little_time_the_electronic_addresses_given_go_at_once() -> None:
    steps = needed(21.9).steps
    assert [(step.address, step.beside) for step in steps] == [
        ("mail", False),
        ("text", True),
        ("own", False),
        ("letter", False),
    ]
    assert "beside the one before it: the earliest counts" in steps[1].reason
    assert "OLR 31(4)" in steps[1].grounds


def test_what_cannot_end_in_time_goes_after_what_can_and_says_so() -> None:
    where = (*WAYS, address("in_person", "none", "visit"))
    assert [step.address for step in needed(40, *where).steps] == ["mail", "text", "own", "letter", "visit"]
    steps = needed(14, *where).steps
    assert [step.address for step in steps] == ["mail", "text", "own", "visit", "letter"]
    says = "begun now it may end after 2025-09-30 12:00, the last moment of use: quicker ones go first"
    assert [says in step.reason for step in steps] == [False, False, False, False, True]
    assert [step.address for step in needed(15, *where).steps][-2:] == ["letter", "visit"], "it just can"


def test_where_nothing_can_end_in_time_all_say_so_in_the_order_of_the_ladder() -> None:
    steps = needed(1).steps
    assert [step.address for step in steps] == ["mail", "text", "own", "letter"]
    says = "begun now it may end after 2025-09-17 12:00, the last moment of use"
    assert all(says in step.reason and "quicker" not in step.reason for step in steps)
    assert [step.beside for step in steps] == [False, True, False, False]


@pytest.mark.parametrize("days", [0, -3])
def test_what_can_no_longer_make_it_says_so(days: int) -> None:
    steps = needed(days).steps
    assert all("; too late: 2025-09-1" in step.reason for step in steps)
    assert not any(step.beside for step in steps), "there is nothing to hurry for"


def test_a_reason_of_time_rests_on_the_article() -> None:
    made = replace(summoned(), accepted_at=NOON)
    where = of_whom(made, addresses=(address("post", id="letter"),))
    soon = HEARING - 10 * DAYS
    (step,) = plan_route(where, book(), soon, channels=EVERY).steps
    assert "2025-10-16 23:59" in step.reason
    assert {"CPL 139", "K18"} <= {*step.grounds}


def edited(change: Any) -> rulebook.Rulebook:
    tables = copy.deepcopy(rule_tables())
    change(tables)
    return rulebook.load({**tables, "running": []}, rest_days())


def test_a_court_that_always_sends_at_once_says_so_in_its_rulebook() -> None:
    always = edited(lambda tables: [rung.update(parallel="always") for rung in tables["ladder"]])
    where = (*WAYS, address("in_person", "none", "visit"), address("phone", "found", "phone"))
    steps = plan_route(delivery(*where, at=NOON), always, NOON, channels=EVERY).steps
    assert [(step.address, step.beside) for step in steps] == [
        ("mail", False),
        ("text", True),
        ("own", True),
        ("phone", True),
        ("letter", False),
        ("visit", True),
    ], "what a person does holds up what comes after it"


# --- hours -----------------------------------------------------------------------------------------------------------


def test_at_night_letters_alone_are_handed_over() -> None:
    where = (address("email"), address("post", id="a2"), address("sms", "own", "a3"), address("phone", "found", "a4"))
    steps = route(*where, now=NIGHT).steps
    assert {step.channel: step.not_before for step in steps} == {
        "email": OPENS,
        "sms": OPENS,
        "phone": OPENS,
        "post": NIGHT,
    }


def hours(value: str, since: tuple[tuple[date, str], ...] = ()) -> Ladder:
    return replace(book().routing, hours=replace(book().knobs["K13"], default=value, since=since))


@given(st.timedeltas(timedelta(0), timedelta(days=3650)), st.timezones())
@settings(deadline=None)
def test_the_next_sending_moment_lies_in_the_hours_and_is_the_first_such(since: timedelta, zone: tzinfo) -> None:
    now = (NOON + since).astimezone(zone)
    moment = book().routing.within_hours(now, book().zone)
    local = moment.astimezone(CHINA)
    assert now <= moment < now + timedelta(hours=11, minutes=1)
    assert 8 <= local.hour < 21
    assert moment == now or (local.hour, local.minute, local.second, local.microsecond) == (8, 0, 0, 0)


@pytest.mark.parametrize(
    ("window", "now", "opens"),
    [
        ("08:00-21:00", "16T08:00:00", "16T08:00:00"),
        ("08:00-21:00", "16T20:59:59", "16T20:59:59"),
        ("08:00-21:00", "16T21:00:00", "17T08:00:00"),
        ("09:30-17:00", "16T09:29:59", "16T09:30:00"),
        ("00:00-24:00", "16T03:00:00", "16T03:00:00"),
        ("22:00-06:00", "16T22:00:00", "16T22:00:00"),
        ("22:00-06:00", "16T23:00:00", "16T23:00:00"),
        ("22:00-06:00", "16T05:59:00", "16T05:59:00"),
        ("22:00-06:00", "16T06:00:00", "16T22:00:00"),
        ("24:00-06:00", "16T06:00:00", "17T00:00:00"),
    ],
)
def test_the_hours_are_a_knob(window: str, now: str, opens: str) -> None:
    moment = hours(window).within_hours(datetime.fromisoformat(f"2025-09-{now}+08:00"), book().zone)
    assert moment == datetime.fromisoformat(f"2025-09-{opens}+08:00")


def test_hours_from_a_day_on_hold_from_that_day_on() -> None:
    changed_on = hours("08:00-21:00", ((date(2025, 9, 17), "10:00-12:00"),))
    assert changed_on.within_hours(NOON + timedelta(hours=8), book().zone) == NOON + timedelta(hours=8)
    assert changed_on.within_hours(NIGHT, book().zone) == OPENS + timedelta(hours=2)


def test_a_rulebook_without_hours_sends_at_any() -> None:
    assert replace(book().routing, hours=None).within_hours(NIGHT, book().zone) == NIGHT


def test_hours_without_length_do_not_load() -> None:
    with pytest.raises(rulebook.RulebookBroken) as broken:
        edited(lambda tables: tables["knob"]["K13"].update(default="08:00-08:00"))
    assert broken.value.faults == [
        "rulebook: /routing/hours_knob: The hours should have a length: nothing would ever be sent."
    ]
