"""The route: order, waiting times, hours, what a person does, and a reason for every address that is left out."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core import rulebook
from delivery.core import vocabulary as words
from delivery.core.civil import CHINA
from delivery.core.ladder import Ladder, RouteRule
from delivery.core.model import (
    Address,
    Consent,
    Delivery,
    Document,
    Fact,
    ForeignLaw,
    Representative,
    Route,
    Standing,
    Task,
)
from delivery.core.routing import plan_route
from delivery.core.timely import latest_useful
from tests.core.world import address, book, delivery, rest_days, rule_tables

NOON = datetime.fromisoformat("2025-09-16T12:00:00+08:00")
NIGHT = datetime.fromisoformat("2025-09-16T23:00:00+08:00")
OPENS = datetime.fromisoformat("2025-09-17T08:00:00+08:00")
EVERY = frozenset({"email", "sms", "post", "phone"})
DAYS = timedelta(days=1)


def route(*where: Address, now: datetime = NOON, channels: frozenset[str] = EVERY, **more: Any) -> Route:
    return plan_route(delivery(*where, at=now, **more), book(), now, channels=channels)


def order(*where: Address, **more: Any) -> list[str]:
    return [step.address for step in route(*where, **more).steps]


def of_whom(made: Delivery, **known: Any) -> Delivery:
    return replace(made, recipient=replace(made.recipient, **known))


# --- the ladder ------------------------------------------------------------------------------------------------------


def test_the_ladder_decides_the_order_and_within_a_rung_the_basis_and_then_the_case_system() -> None:
    where = (
        address("post", "found", "found"),
        address("post", "registered", "deemed"),
        address("post", "confirmed", "letter"),
        address("sms", "own", "own"),
        address("sms", "confirmed", "first"),
        address("sms", "confirmed", "second"),
        address("email", "volunteered", "third"),
    )
    steps = route(*where).steps
    assert [step.address for step in steps] == ["first", "second", "third", "own", "letter", "deemed", "found"]
    days = [timedelta(seconds=step.wait).days for step in steps]
    assert days == [2, 2, 2, 3, 15, 15, 15]
    assert all(step.reason and step.grounds for step in steps)


PRECEDENCE = {
    "sms": ["confirmed", "agreed_for_litigation", "volunteered", "own"],
    "post": [
        *("confirmed", "agreed_for_litigation", "volunteered", "ladder_contract", "ladder_own_filing"),
        *("ladder_other_case", "ladder_regular_use", "registered", "opponent_given", "found"),
    ],
}


@pytest.mark.parametrize("channel", PRECEDENCE)
def test_within_a_medium_how_the_court_came_to_have_it_decides(channel: str) -> None:
    """law.md §1.5; whatever the order of the filing."""
    bases = PRECEDENCE[channel]
    dodging = {"dodging_evidence_on_file": True}
    assert order(*(address(channel, basis, basis, **dodging) for basis in reversed(bases))) == bases


def test_the_cheaper_goes_first_among_equals_alone() -> None:
    where = (address("sms", "confirmed", "text"), address("email", "confirmed", "mail"))
    first, second = route(*where).steps
    assert (first.address, first.reason.endswith("; as good in law as the next, and cheaper")) == ("mail", True)
    assert second.reason == book().ladder[0].reason
    volunteered = (address("email", "volunteered", "mail"), address("sms", "confirmed", "text"))
    assert order(*volunteered) == ["text", "mail"], "never before a better basis"
    assert order(address("post", "confirmed", "dear"), address("sms", "own", "cheap")) == ["cheap", "dear"]
    assert "cheaper" not in route(address("sms", id="a1"), address("sms", id="a2")).steps[0].reason


# --- what is left out ------------------------------------------------------------------------------------------------

UNPROVEN = "doc: nothing shows that the address is the recipient's own; whatever came from there proves nothing yet"


@pytest.mark.parametrize(
    ("left_out", "reason", "grounds"),
    [
        (address("email", "found"), UNPROVEN, ("OLR 31(2)",)),
        (address("sms", "opponent_given"), UNPROVEN, ("OLR 31(2)",)),
        (address("fax"), "this installation has no channel fax", ()),
        (address("institution", "none"), "no rung of the ladder fits this kind of address", ()),
    ],
)
def test_what_is_left_out_is_explained(left_out: Address, reason: str, grounds: tuple[str, ...]) -> None:
    planned = route(left_out, address("post", id="a2"))
    assert [step.address for step in planned.steps] == ["a2"]
    assert [(one.address, one.reason, one.grounds) for one in planned.rejected] == [("a1", reason, grounds)]


def test_a_found_number_that_is_proven_the_recipient_s_own_is_used() -> None:
    proven = replace(address("sms", "found"), ownership_proof="telecom_real_name")
    assert [step.address for step in route(proven).steps] == ["a1"]


def test_a_judgment_goes_electronically_only_with_consent() -> None:
    (summons,) = delivery(at=NOON).documents
    papers = (summons, replace(summons, id="j", type="judgment"))
    planned = route(address("email"), address("post", id="a2"), documents=papers)
    assert [step.address for step in planned.steps] == ["a2"]
    assert (planned.rejected[0].address, planned.rejected[0].grounds) == ("a1", ("CPL 90(1)",))
    assert planned.rejected[0].reason.startswith("j: ")
    consents = (Consent(id="c1", basis="express", given_at=NOON - timedelta(days=1)),)
    consented = of_whom(delivery(address("email"), at=NOON, documents=papers), consents=consents)
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


def changed(at: datetime, *, in_writing: bool, new: str | None = "a2") -> Fact:
    return Fact(kind="address_changed", at=at, address="a1", new_address=new, in_writing=in_writing, key="change")


@pytest.mark.parametrize("channel", ["email", "post"])
def test_a_change_in_writing_puts_the_new_address_in_the_place_of_the_old_one(channel: str) -> None:
    where = (address(channel, "confirmed", "a1"), address(channel, "confirmed", "a3"), address(channel, id="a2"))
    planned = route(*where, facts=(changed(NOON, in_writing=True),))
    assert [step.address for step in planned.steps] == ["a2", "a3"]
    assert planned.steps[0].reason.endswith("; the recipient changed to it in writing")
    assert {"CPLI 137", "OP17 6"} <= {*planned.steps[0].grounds}
    says = "the recipient changed this address in writing: the new one takes its place"
    assert [(one.reason, one.grounds) for one in planned.rejected] == [(says, ("CPLI 137", "OP17 6"))]


def test_a_change_by_word_of_mouth_or_of_tomorrow_changes_nothing() -> None:
    where = (address("email", id="a1"), address("email", id="a2"))
    plain = route(*where)
    assert route(*where, facts=(changed(NOON, in_writing=False),)) == plain
    assert route(*where, facts=(changed(NOON + DAYS, in_writing=True),)) == plain


def test_a_change_to_what_the_court_was_not_told_leaves_the_others() -> None:
    where = (address("email", id="a1"), address("sms", id="a2"))
    planned = route(*where, facts=(changed(NOON, in_writing=True, new=None),))
    assert [step.address for step in planned.steps] == ["a2"]
    assert "changed to it" not in planned.steps[0].reason


# --- what a person does ----------------------------------------------------------------------------------------------

BY_HAND = {
    "institution": "serve_via_institution",
    "in_person": "direct_service",
    "phone": "phone_confirm",
    "entrusted": "entrust",
    "notice": "public_notice",
}


def test_what_only_a_person_can_do_stands_in_the_route_without_a_channel_of_ours() -> None:
    where = [address(channel, "none", channel) for channel in ("notice", "entrusted", "phone", "in_person")]
    steps = route(*where, address("post", id="post"), channels=frozenset({"post"})).steps
    assert [step.address for step in steps] == ["post", "in_person", "phone", "entrusted", "notice"]
    assert [step.task for step in steps] == [None, *(BY_HAND[step.channel] for step in steps[1:])]
    assert [step.alone for step in steps] == [False] * 4 + [True]
    assert all(step.reason and step.grounds for step in steps)


def test_a_call_follows_the_recipient_s_own_electronic_address_else_it_comes_after_letters_and_visits() -> None:
    where = (address("post", id="post"), address("phone", "found", "phone"))
    assert order(*where, address("sms", "own", "own")) == ["own", "phone", "post"]
    assert route(*where, address("sms", "own", "own")).steps[1].grounds == ("OLR 30", "OLR 31(2)")
    assert order(*where, address("sms", "confirmed", "given")) == ["given", "post", "phone"]
    assert route(*where).steps[1].grounds == ("OP17 14",)
    unproven = replace(address("sms", "own", "own"), ownership_proof=None)
    assert order(*where, unproven) == ["post", "phone"], "what is left out does not count"


@pytest.mark.parametrize("kind", ["imprisoned", "compulsory_education", "soldier"])
def test_who_is_not_free_is_served_through_those_who_keep_them(kind: str) -> None:
    keeper = Representative(id="k", kind="military_unit" if kind == "soldier" else "prison")
    made = delivery(address("email", id="a1"), address("institution", "none", "a2", holder="k"), at=NOON)
    where = of_whom(made, standing=Standing(kind=kind), representatives=(keeper,))
    planned = plan_route(where, book(), NOON, channels=EVERY)
    assert [(step.address, step.task) for step in planned.steps] == [("a2", "serve_via_institution")]
    assert [one.address for one in planned.rejected] == ["a1"]
    later = of_whom(where, standing=Standing(kind=kind, since=NOON + DAYS))
    assert [step.address for step in plan_route(later, book(), NOON, channels=EVERY).steps] == ["a1"]


@pytest.mark.parametrize(("procedure", "ground"), [("simplified", "CPLI 140"), ("small_claims", "CPL 166(4)")])
def test_no_notice_where_the_procedure_has_none(procedure: str, ground: str) -> None:
    case = replace(delivery(at=NOON).case, procedure=procedure)
    planned = route(address("notice", "none"), case=case)
    assert (planned.steps, planned.rejected[0].grounds) == ((), (ground,))


def test_a_judgment_is_not_read_out_on_the_telephone() -> None:
    (paper,) = delivery(at=NOON).documents
    planned = route(address("phone", "found"), documents=(replace(paper, type="judgment"),))
    assert (planned.steps, planned.rejected[0].grounds) == ((), ("OP17 14",))


# --- recipients elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domicile", "letter", "notice"),
    [
        ("mainland", "MAIL 2", "CPL 95"),
        ("foreign", "CPL 283(1)(8)", "CPL 283(2)"),
        ("hong_kong", "HKMO 7", "HKMO 9"),
        ("macau", "HKMO 7", "HKMO 9"),
        ("taiwan", "TW08 5", "TW08 8"),
    ],
)
def test_the_rung_is_that_of_where_the_recipient_lives(domicile: str, letter: str, notice: str) -> None:
    made = of_whom(delivery(address("notice", "none", "n"), address("post", id="p"), at=NOON), domicile=domicile)
    post, last = plan_route(made, book(), NOON, channels=EVERY).steps
    assert (letter in post.grounds, notice in last.grounds) == (True, True)
    assert (timedelta(seconds=post.wait) > 90 * DAYS) == (domicile != "mainland")


@pytest.mark.parametrize(("law", "left"), [({"e_service": "forbidden"}, "e"), ({"mail": "forbidden"}, "p")])
def test_what_the_recipient_s_state_forbids_is_not_tried(law: dict[str, str], left: str) -> None:
    made = delivery(address("email", id="e"), address("post", id="p"), at=NOON)
    abroad = of_whom(made, domicile="foreign", foreign_law=ForeignLaw(**law))
    planned = plan_route(abroad, book(), NOON, channels=EVERY)
    assert [one.address for one in planned.rejected] == [left]
    assert planned.rejected[0].grounds[0].startswith("CPL 283(1)")


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
        ("08:00-21:00", "16T20:59:59", "16T20:59:59"),
        ("08:00-21:00", "16T21:00:00", "17T08:00:00"),
        ("09:30-17:00", "16T09:29:59", "16T09:30:00"),
        ("00:00-24:00", "16T03:00:00", "16T03:00:00"),
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


# --- embargo ---------------------------------------------------------------------------------------------------------


def attachment(role: str, kind: str = "assistance_notice") -> Delivery:
    (paper,) = delivery(at=NOON).documents
    papers = (replace(paper, type="ruling"), replace(paper, id="n", type=kind))
    return of_whom(delivery(address("post"), at=NOON, documents=papers), role=role)


@pytest.mark.parametrize(("role", "kind"), [("assisting_body", "assistance_notice"), ("debtor", "evidence")])
def test_others_get_what_there_is(role: str, kind: str) -> None:
    assert len(plan_route(attachment(role, kind), book(), NOON, channels=EVERY).steps) == 1


@pytest.mark.parametrize("role", ["debtor", "defendant", "third_party"])
def test_whose_assets_are_attached_hears_of_it_when_the_measure_is_done(role: str) -> None:
    made = attachment(role)
    planned = plan_route(made, book(), NOON, channels=EVERY)
    assert (planned.steps, planned.rejected[0].grounds) == ((), ("SEIZ 1", "PRES 16", "IPD 8"))
    said = Task(id="x", kind="embargo", reason="", opened_at=NOON, due_at=NOON, owner="clerk")
    for answer, steps in (("overtaken", 0), ("done", 1)):
        after = replace(made, closed_tasks=((said, answer),))
        assert len(plan_route(after, book(), NOON, channels=EVERY).steps) == steps


# --- whatever there is -----------------------------------------------------------------------------------------------

places = st.lists(
    st.builds(
        lambda channel, basis, proof, dodging: replace(
            address(channel, basis), ownership_proof=proof, dodging_evidence_on_file=dodging
        ),
        st.sampled_from(words.CHANNELS),
        st.sampled_from(words.ADDRESS_BASES),
        st.sampled_from([None, "telecom_real_name"]),
        st.booleans(),
    ),
    max_size=8,
).map(lambda found: tuple(replace(one, id=f"a{n}") for n, one in enumerate(found)))

people = st.builds(
    lambda domicile, standing, case, needed_by: (domicile, standing, case, needed_by),
    st.sampled_from(words.DOMICILES),
    st.sampled_from(words.STANDINGS),
    st.fixed_dictionaries({"kind": st.sampled_from(words.CASE_KINDS), "procedure": st.sampled_from(words.PROCEDURES)}),
    st.sampled_from([None, *(NOON + days * DAYS for days in (-1, 1, 4, 16, 30))]),
)


def somebody(where: tuple[Address, ...], who: Any) -> Delivery:
    domicile, standing, case, needed_by = who
    made = delivery(*where, at=NOON, case=replace(delivery(at=NOON).case, **case), needed_by=needed_by)
    return of_whom(made, domicile=domicile, standing=Standing(kind=standing))


@given(places, people)
@settings(deadline=None, max_examples=150)
def test_every_address_is_exactly_a_step_or_rejected_and_told_why(where: tuple[Address, ...], who: Any) -> None:
    planned = plan_route(somebody(where, who), book(), NOON, channels=EVERY)
    named = [*(step.address for step in planned.steps), *(one.address for one in planned.rejected)]
    assert sorted(named) == sorted(one.id for one in where)
    assert all(part.reason for part in (*planned.steps, *planned.rejected))
    assert all(step.grounds and step.not_before >= NOON and step.wait > 0 for step in planned.steps)
    assert [one.address for one in planned.rejected] == sorted(one.address for one in planned.rejected)


@given(places, people)
@settings(deadline=None, max_examples=150)
def test_no_rung_comes_after_a_later_one_but_for_want_of_time(where: tuple[Address, ...], who: Any) -> None:
    made = somebody(where, who)
    planned = plan_route(made, book(), NOON, channels=EVERY)
    rungs = [_rung(book().ladder, step.reason) for step in planned.steps]
    slow = [
        made.needed_by is not None and step.not_before + step.wait * SECOND > made.needed_by for step in planned.steps
    ]
    assert [*zip(slow, rungs, strict=True)] == sorted(zip(slow, rungs, strict=True))


SECOND = timedelta(seconds=1)


def _rung(ladder: tuple[RouteRule, ...], reason: str) -> int:
    return next(n for n, rung in enumerate(ladder) if reason == rung.reason or reason.startswith(f"{rung.reason}; "))


@given(places, people, st.integers(0, 7))
@settings(deadline=None, max_examples=150)
def test_what_is_rejected_changes_no_step(where: tuple[Address, ...], who: Any, which: int) -> None:
    planned = plan_route(somebody(where, who), book(), NOON, channels=EVERY)
    gone = {one.address for one in planned.rejected[: which + 1]}
    rest = tuple(one for one in where if one.id not in gone)
    assert plan_route(somebody(rest, who), book(), NOON, channels=EVERY).steps == planned.steps


@given(places, people)
@settings(deadline=None, max_examples=50)
def test_planned_again_from_what_it_keeps_it_is_the_same(where: tuple[Address, ...], who: Any) -> None:
    made = somebody(where, who)
    planned = plan_route(made, book(), NOON, channels=EVERY)
    assert plan_route(made, book(), NOON, channels=frozenset(planned.channels)) == planned
