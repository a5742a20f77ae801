"""What the rules may ask of recipients, consents and addresses; and of facts that a journal tells less of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from delivery.core.findings.post import receiver
from delivery.core.judging import judge_effect
from delivery.core.model import Fact
from delivery.core.trial import Trial
from tests.core import cases
from tests.core.cases import ANNULLED, ARRIVED, READ, REPLIED, SENT, by, fact, mail, message, own, refused, signed
from tests.core.questions import question
from tests.core.test_findings import call, found, trial
from tests.core.world import book

# --- consent ---------------------------------------------------------------------------------------------------------


def consent(given: str, withdrawn: str | None = None, **more: Any) -> cases.Row:
    return {**cases.consent(), "given_at": given, "withdrawn_at": withdrawn, **more}


def no(day: int, time: str = "10:00") -> cases.Row:
    return fact("e_service_refused", day, time, address=None)


NINE = cases.at(16, "09:00")
"""When the message leaves."""


@pytest.mark.parametrize(
    ("facts", "consents", "is_refused"),
    [
        ([], [], False),
        ([no(15)], [], True),
        ([no(16, "09:00")], [], True),
        ([no(16, "09:01")], [], False),
        ([], [consent(cases.at(1), cases.at(10))], True),
        ([], [consent(cases.at(1), NINE)], True),
        ([], [consent(cases.at(1), cases.at(16, "09:01"))], False),
        ([], [consent(cases.at(16, "09:01"), cases.at(20))], False),
        ([no(10)], [consent(cases.at(11))], False),
        ([no(10)], [consent(cases.at(10))], True),
        ([no(10)], [consent(cases.at(9))], True),
        ([no(10)], [consent(NINE)], False),
        ([no(10), no(14)], [consent(cases.at(12))], True),
        ([no(10)], [consent(cases.at(9), cases.at(14)), consent(cases.at(12), id="c2")], True),
        ([no(10)], [consent(cases.at(12), cases.at(14))], True),
        ([no(10)], [consent(cases.at(16, "09:01"))], True),
    ],
)
def test_e_service_is_refused_until_a_later_consent(
    facts: list[cases.Row], consents: list[cases.Row], is_refused: bool
) -> None:
    value, rests = found(message(*facts, consents=consents), "consent_refused")
    assert value is is_refused
    before = [one for one in facts if one["at"] <= NINE]
    assert rests == [(one["kind"], int(one["at"][8:10])) for one in before]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (consent(NINE), (True, True, True)),
        (consent(cases.at(16, "09:01")), (False, False, False)),
        (consent(cases.at(1), NINE), (False, False, False)),
        (consent(cases.at(1), cases.at(16, "09:01")), (True, True, True)),
        (consent(cases.at(1), documents=["notice"]), (True, False, False)),
        (consent(cases.at(1), documents=["notice", "summons"]), (True, True, True)),
        (consent(cases.at(1), stages=["enforcement"]), (True, False, False)),
        (consent(cases.at(1), stages=["first_instance"]), (True, True, True)),
        (consent(cases.at(1), basis="conduct"), (True, True, False)),
    ],
)
def test_what_a_consent_covers_when_the_message_leaves(given: cases.Row, expected: tuple[bool, ...]) -> None:
    asked = message(consents=[given])
    names = ("consent_any", "consent_covers", "consent_express")
    assert tuple(found(asked, name)[0] for name in names) == expected


# --- addresses -------------------------------------------------------------------------------------------------------


def changed(day: int, time: str = "10:00", in_writing: bool = True, **more: Any) -> cases.Row:
    return fact("address_changed", day, time, new_address="a2", in_writing=in_writing, **more)


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        ([changed(15)], True),
        ([changed(16, "09:00")], True),
        ([changed(16, "09:01")], False),
        ([changed(15, in_writing=False)], False),
        ([changed(13, in_writing=False), changed(14)], True),
        ([fact("send_planned", 14), changed(15)], True),
        ([changed(15, address="a2")], False),
    ],
)
def test_a_written_change_counts_until_the_message_leaves(facts: list[cases.Row], value: bool) -> None:
    asked = message(*facts, more=[cases.address("email", id="a2")])
    assert found(asked, "changed_in_writing")[0] is value


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        ({"confirmed_in": "first_instance"}, "confirmed_earlier", False),
        ({"confirmed_in": "second_instance"}, "confirmed_earlier", True),
        ({}, "confirmed_earlier", False),
        ({"place": "workplace", "receipt_there_agreed": True}, "workplace_agreed", True),
        ({"place": "home", "receipt_there_agreed": True}, "workplace_agreed", False),
        ({"place": "workplace"}, "workplace_agreed", False),
        ({"place": "workplace", "receipt_there_agreed": True, "basis": "found"}, "workplace_agreed", False),
        ({"refused_after_warning": True, "warning_on_record": True}, "warned", True),
        ({"refused_after_warning": True}, "warned", False),
        ({"warning_on_record": True}, "warned", False),
        ({"dodging_evidence_on_file": True}, "dodging_on_file", True),
        ({"fault": "withheld"}, "address_faulty", True),
        ({}, "address_faulty", False),
    ],
)
def test_what_the_address_form_says(place: cases.Row, name: str, value: bool) -> None:
    assert found(mail(**place), name) == (value, [])


# --- who the recipient is --------------------------------------------------------------------------------------------


MINOR = {"standing": {"kind": "minor", "since": None}}


def minor(*facts: cases.Row, holder: str = "recipient", **more: Any) -> cases.Row:
    kinds = ("guardian", "litigation_agent", "designated_receiver", "branch")
    people = [{"id": kind, "kind": kind} for kind in kinds]
    return cases.scenario(*facts, recipient={**MINOR, "representatives": people}, holder=holder, **more)


POSTED = cases.POSTED
CHILD, GUARDIAN = by("self"), by("guardian")


@pytest.mark.parametrize(
    ("asked", "value", "rests"),
    [
        (minor(POSTED), False, []),
        (minor(POSTED, signed("self")), False, [("signed", 10)]),
        (minor(POSTED, signed("guardian")), True, [("signed", 10)]),
        (minor(POSTED, signed("litigation_agent")), True, [("signed", 10)]),
        (minor(POSTED, signed("designated_receiver")), True, [("signed", 10)]),
        (minor(POSTED, signed("neighbour")), False, []),
        (minor(POSTED, refused("guardian")), True, [("refused", 10)]),
        (minor(POSTED, refused("guardian"), signed("self", 11)), False, [("signed", 11)]),
        *((minor(POSTED, holder=kind), True, []) for kind in ("guardian", "litigation_agent", "designated_receiver")),
        (minor(POSTED, holder="branch"), False, []),
        (minor(POSTED, signed("self"), holder="guardian"), False, [("signed", 10)]),
        (minor(SENT, {**READ, "by": GUARDIAN}, channel="email"), False, []),
        (minor(SENT, {**READ, "by": CHILD}, channel="email", holder="guardian"), True, []),
        (minor(SENT, {**READ, "by": CHILD}, channel="sms", basis="own", holder="guardian"), False, [("read", 17)]),
        (
            minor(SENT, {**REPLIED, "by": GUARDIAN}, channel="sms", basis="own", holder="guardian"),
            True,
            [("replied", 18)],
        ),
        (minor(call("guardian"), channel="phone"), True, [("phone_call", 16)]),
        (minor(call("self"), channel="phone", holder="guardian"), False, [("phone_call", 16)]),
    ],
)
def test_whether_the_guardian_was_reached(asked: cases.Row, value: bool, rests: list[tuple[str, int]]) -> None:
    answer = found(asked, "reached_representative")
    assert (answer[0], sorted(answer[1])) == (value, sorted(rests))


@pytest.mark.parametrize(
    ("channel", "kind", "through", "which"),
    [
        ("institution", None, True, "institution"),
        ("institution", "military_unit", True, "unit"),
        ("post", "prison", True, "institution"),
        ("post", "education_institution", True, "institution"),
        ("post", "military_unit", True, "unit"),
        ("post", "guardian", False, "institution"),
        ("post", None, False, "institution"),
    ],
)
def test_what_goes_through_an_institution(channel: str, kind: str | None, through: bool, which: str) -> None:
    people = [{"id": "p1", "kind": kind}] if kind else []
    asked = cases.scenario(
        fact("handed_over", 10, to="prison"),
        channel=channel,
        holder="p1" if kind else "recipient",
        recipient={"representatives": people},
    )
    assert (found(asked, "through_institution"), found(asked, "institution")) == ((through, []), (which, []))
    unit = {**asked, "events": [fact("handed_over", 10, to="military_unit")]}
    assert found(unit, "institution")[0] == "unit"


def test_standing_is_compared_by_instant() -> None:
    def since(time: str) -> cases.Row:
        return message(ARRIVED, recipient={"standing": {"kind": "deceased", "since": cases.at(16, time)}})

    names = ("standing", "begun_before", "effective_before")
    assert [found(since("09:00"), name)[0] for name in names] == ["deceased", False, False]
    assert [found(since("09:01"), name)[0] for name in names] == ["deceased", True, False]
    assert [found(since("10:00"), name)[0] for name in names] == ["deceased", True, False]
    assert [found(since("10:01"), name)[0] for name in names] == ["deceased", True, True]
    later = {**since("10:00"), "as_of": cases.at(16, "09:59")}
    assert found({**later, "events": [SENT]}, "standing")[0] == "normal"
    assert found({**later, "events": [SENT], "as_of": cases.at(16, "10:00")}, "standing")[0] == "deceased"


# --- mediation -------------------------------------------------------------------------------------------------------


def mediated(*facts: cases.Row) -> cases.Row:
    return message(*facts, document="mediation_statement", more=[cases.address("in_person", "none", "d1")])


MINE, THEIRS = signed("self", 18), signed("opponent", 19)


def test_the_last_of_both_signatures_dates_a_mediation_statement() -> None:
    replied = {**REPLIED, "at": MINE["at"]}
    assert found(mediated(replied, THEIRS), "signed_by_all") == (True, [("replied", 18), ("signed", 19)])
    for facts in ((MINE, THEIRS), (THEIRS, MINE), (MINE, {**THEIRS, "address": "d1"})):
        asked = mediated(*facts)
        assert found(asked, "signed_by_all") == (True, [("signed", 18), ("signed", 19)])
        told = trial(asked).when("signed_by_all")
        assert told is not None
        assert (told.at.day, [one.at.day for one in told.facts]) == (19, [18, 19])
    for facts in ((MINE,), (THEIRS,), (signed("spouse", 18, adult=True, cohabiting=True), THEIRS)):
        asked = mediated(*facts)
        assert found(asked, "signed_by_all")[0] is False
        assert trial(asked).when("signed_by_all") is None


@pytest.mark.parametrize(
    ("time", "facts", "value"),
    [
        ("09:59", [MINE, THEIRS], True),
        ("10:00", [MINE, THEIRS], False),
        ("10:01", [MINE, THEIRS], False),
        ("10:01", [MINE], True),
    ],
)
def test_who_repudiates_before_all_have_signed_is_not_bound(time: str, facts: list[cases.Row], value: bool) -> None:
    withdrawn = fact("repudiated", 19, time, address=None)
    assert found(mediated(*facts, withdrawn), "repudiated") == (value, [("repudiated", 19)] if value else [])
    assert found(mediated(*facts), "repudiated") == (False, [])
    if len(facts) > 1:  # whoever signs last
        swapped = [{**MINE, "at": THEIRS["at"]}, {**THEIRS, "at": MINE["at"]}]
        assert found(mediated(*swapped, withdrawn), "repudiated")[0] is value


def test_the_last_decision_on_an_objection_counts() -> None:
    again = {**ANNULLED, "at": cases.at(24)}
    assert found(own(READ, ANNULLED, again), "annulled") == (True, [("annulled", 24)])
    between = {**REPLIED, "at": cases.at(23)}
    assert found(own(READ, ANNULLED, between, again), "annulled")[0] is True


# --- losses, and facts of a journal ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["signed", "lost"])
def test_each_result_ends_the_waiting(kind: str) -> None:
    result = signed("self", 11) if kind == "signed" else fact("lost", 11)
    assert found(mail(result), "no_result") == (False, [(kind, 11)])


def test_the_first_loss_and_a_written_complaint_with_the_documents_count() -> None:
    assert found(mail(fact("lost", 11), fact("lost", 12)), "lost") == (True, [("lost", 11)])
    more: cases.Row = {"raised_by": by("self"), "raised_to": "court", "documents_returned": True}
    oral = fact("content_mismatch", 11, in_writing=False, **more)
    written = fact("content_mismatch", 12, in_writing=True, **more)
    assert found(mail(signed("mailroom"), oral, written), "mismatch") == ("written", [("content_mismatch", 12)])
    without = fact("content_mismatch", 11, in_writing=True, **{**more, "documents_returned": False})
    assert found(mail(signed("mailroom"), without, written), "mismatch") == ("written", [("content_mismatch", 12)])


def test_of_two_returns_the_last_says_whether_the_content_differed() -> None:
    first, last = ({**cases.returned("moved"), "at": cases.at(day)} for day in (12, 14))
    assert found(mail({**first, "reason": "content_mismatch"}, last), "mismatch") == ("none", [])
    differs = found(mail(first, {**last, "reason": "content_mismatch"}), "mismatch")
    assert differs == ("courier", [("returned", 14)])


def test_the_first_sending_counts_and_a_success_after_the_last_bounce() -> None:
    again = fact("sent", 17)
    assert found(message(again), "left_court") == (True, [("sent", 16)])
    told = trial(message(again)).when("sent")
    assert told is not None
    assert told.at.day == 16
    bounced = fact("bounced", 17, reason="mailbox_full")
    assert found(message(ARRIVED, bounced, fact("arrived", 18)), "bounced") == (False, [])


def bare(*facts: Fact) -> Trial:
    """An attempt of which a journal tells facts that lack what a scenario must have."""
    asked = question(mail())
    return Trial(asked, book(), asked.recipient.addresses[0], 1, facts, judge_effect)


def test_a_journal_may_know_less() -> None:
    at = question(mail()).facts[0].at
    assert receiver(bare(), None) == "unverified"
    assert bare(Fact(kind="posted", at=at)).found("state_post").value is True
    back = bare(Fact(kind="returned", at=at))
    assert [back.when(name) for name in ("return_noted", "return_at_court")] == [None, None]
    assert back.found("return_reason").value == "none"
    assert bare(Fact(kind="arrival_proved", at=at)).when("proved_arrival") is None
    assert bare(Fact(kind="refused", at=at)).found("refused_at").value == "none"
    assert bare(Fact(kind="left", at=at)).found("left_at").value == "none"
    window = bare(Fact(kind="collection_window", at=at, told_on_record=True))
    assert (window.found("told_to_collect").value, window.when("window_end")) == (False, None)
    assert bare().found("would_be").value == "undated"
    called = Fact(kind="phone_call", at=at, answered=True, content_read_out=True, call_recorded=True)
    assert bare(called).found("call_serves").value is False
    asked = question(mail(document="mediation_statement"))
    unsigned = Fact(kind="signed", at=at, address="a1")
    nobody = Trial(
        replace(asked, facts=(unsigned,)), book(), asked.recipient.addresses[0], 1, (unsigned,), judge_effect
    )
    assert [nobody.found(name).value for name in ("signed", "opponent_signed", "signed_by_all")] == [True, False, False]


# --- direct service and notice ---------------------------------------------------------------------------------------


def direct(*facts: cases.Row, **more: Any) -> cases.Row:
    return cases.scenario(*facts, channel="in_person", basis="none", **more)


def test_the_refusal_that_is_shown_and_the_first_leaving_say_where() -> None:
    left = [fact("left", day, place=place, noted=day == 12) for day, place in ((11, "domicile"), (12, "given_address"))]
    asked = direct(refused("self", 10, place="court"), refused("self", 11, place="elsewhere", filmed=True), *left)
    assert found(asked, "refused_at") == ("elsewhere", [("refused", 11)])
    assert found(asked, "left_at") == ("domicile", [("left", 11)])
    assert found(asked, "left") == (True, [("left", 11)])
    assert found(asked, "left_noted") == (True, [("left", 12)])
    assert found(asked, "filmed") == found(asked, "refusal_evidence") == (True, [("refused", 11)])
    assert [trial(asked).when(name).at.day for name in ("refused", "left")] == [11, 11]  # type: ignore[union-attr]
    witnessed = direct(refused("self", 10, witness=True, note_signed_by_official=True))
    assert found(witnessed, "refusal_evidence") == found(witnessed, "official_signed_note") == (True, [("refused", 10)])
    assert found(witnessed, "filmed") == (False, [])


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ({"scheduled": True, "recipient_present": True}, "attended"),
        ({"scheduled": True, "recipient_present": False}, "missed"),
        ({"scheduled": True, "recipient_present": False, "good_cause": True}, "excused"),
        ({"scheduled": False, "recipient_present": True}, "unscheduled"),
    ],
)
def test_whether_the_recipient_heard_the_judgment(told: cases.Row, value: str) -> None:
    asked = direct(fact("pronounced", 10, **told), document="judgment")
    assert found(asked, "pronouncement") == (value, [("pronounced", 10)])
    assert found(direct(refused("self")), "pronouncement") == ("none", [])


def test_a_notice_is_of_the_day_of_its_order_and_runs_from_its_last_publication() -> None:
    said = {"medium": "network", "contents": ["reason", "gist", "answer_period", "consequence"]}
    order, first = cases.notice("2025-09-10", ordered="2025-09-09")
    asked = cases.scenario(
        order, first, fact("published", 12, **said), channel="notice", basis="none", document="complaint_copy"
    )
    days = [trial(asked).when(name).at.day for name in ("notice_issued", "last_publication")]  # type: ignore[union-attr]
    assert days == [9, 12]
    assert found(asked, "notice_complete") == (True, [("published", 10), ("published", 12)])
    assert found(asked, "published") == (True, [("published", 12)])
    assert found({**asked, "events": asked["events"][1:]}, "notice_justified") == (False, [])
    less = {**asked, "events": [*asked["events"], fact("published", 13, medium="network", contents=["gist"])]}
    assert found(less, "notice_complete") == (False, [("published", 13)])
    for missing in ({"file_note": False}, {"steps_on_file": []}):
        assert found({**asked, "events": [{**order, **missing}, first]}, "notice_justified")[0] is False
    assert found(asked, "within.notice")[0] is False


def test_without_an_order_a_notice_is_of_the_day_of_its_first_publication() -> None:
    published = [fact("published", day, medium="network", contents=["reason"]) for day in (10, 12)]
    orders = [{**cases.notice("2025-09-10", ordered=f"2025-09-{day:02d}")[0], "file_note": day == 8} for day in (8, 9)]
    for facts, day in ((published, 10), (orders + published, 8)):
        asked = trial(cases.scenario(*facts, channel="notice", basis="none"))
        told = asked.when("notice_issued")
        assert told is not None
        assert (told.at.day, asked.found("notice_justified").value) == (day, day == 8)
