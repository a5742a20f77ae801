"""The route: order, waiting times, what a person does, and a reason for every address that is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core import vocabulary as words
from delivery.core.ladder import RouteRule
from delivery.core.model import Address, Consent, Delivery, Fact, ForeignLaw, Representative, Standing, Task
from delivery.core.routing import plan_route
from tests.core.routes import DAYS, EVERY, NOON, of_whom, order, route
from tests.core.world import address, book, delivery


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
    for since in (NOON - DAYS, NOON):
        kept = of_whom(where, standing=Standing(kind=kind, since=since))
        assert plan_route(kept, book(), NOON, channels=EVERY) == planned
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
    ("domicile", "message", "letter", "notice"),
    [
        ("mainland", "OLR 31(1)", "MAIL 2", "CPL 95"),
        ("foreign", "CPL 283(1)(9)", "CPL 283(1)(8)", "CPL 283(2)"),
        ("hong_kong", "HKMO 8", "HKMO 7", "HKMO 9"),
        ("macau", "HKMO 8", "HKMO 7", "HKMO 9"),
        ("taiwan", "TW08 6", "TW08 5", "TW08 8"),
    ],
)
def test_the_rung_is_that_of_where_the_recipient_lives(domicile: str, message: str, letter: str, notice: str) -> None:
    """Abroad a message serves by its answer, not by its arrival: it is given time for one, and a reminder."""
    where = (address("notice", "none", "n"), address("post", id="p"), address("email", id="e"))
    first, post, last = plan_route(
        of_whom(delivery(*where, at=NOON), domicile=domicile), book(), NOON, channels=EVERY
    ).steps
    assert (message in first.grounds, letter in post.grounds, notice in last.grounds) == (True, True, True)
    assert ("answers" in first.reason, first.remind_after > 0) == ((domicile != "mainland",) * 2)
    assert (timedelta(seconds=post.wait) > 90 * DAYS) == (domicile != "mainland")


@pytest.mark.parametrize(("law", "left"), [({"e_service": "forbidden"}, "e"), ({"mail": "forbidden"}, "p")])
def test_what_the_recipient_s_state_forbids_is_not_tried(law: dict[str, str], left: str) -> None:
    made = delivery(address("email", id="e"), address("post", id="p"), at=NOON)
    abroad = of_whom(made, domicile="foreign", foreign_law=ForeignLaw(**law))
    planned = plan_route(abroad, book(), NOON, channels=EVERY)
    assert [one.address for one in planned.rejected] == [left]
    assert planned.rejected[0].grounds[0].startswith("CPL 283(1)")


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
