"""What the rules may ask of an attempt: each answer, and the facts it rests on."""

from __future__ import annotations

from typing import Any

import pytest

from delivery.core.trial import FINDINGS, Trial
from tests.core import cases
from tests.core.cases import (
    ANNULLED,
    ARRIVED,
    POSTED,
    READ,
    REPLIED,
    SENT,
    by,
    fact,
    mail,
    message,
    own,
    refused,
    signed,
)
from tests.core.questions import EVERY, verdict

Rests = list[tuple[str, int]]


def trial(scenario: cases.Row) -> Trial:
    """The attempt at the first address."""
    return next(one.trial for one in verdict(scenario).attempts if one.trial.place.id == "a1")


def found(scenario: cases.Row, name: str) -> tuple[object, Rests]:
    """The answer, and the kinds and days of September of the facts it rests on."""
    answer = trial(scenario).found(name)
    return answer.value, [(one.kind, one.at.day) for one in answer.facts]


def day_of(scenario: cases.Row, name: str) -> int | None:
    told = trial(scenario).when(name)
    return told.at.day if told else None


def letter(*facts: cases.Row, **more: Any) -> cases.Row:
    return mail(*facts, **more)


def test_every_answer_is_one_that_was_registered() -> None:
    """A value that no list names could never be asked for."""
    for scenario in EVERY.values():
        for one in verdict(scenario).attempts:
            for name, (values, _) in FINDINGS.items():
                assert one.trial.found(name).value in values, name


# --- who signed ------------------------------------------------------------------------------------------------------


HOME = {"adult": True, "cohabiting": True}
AGENT = {"id": "g1", "kind": "litigation_agent", "receipt_authority": "silent"}
NAMED = {**AGENT, "id": "g2", "named_receiver": True, "receipt_authority": "express"}


@pytest.mark.parametrize(
    ("person", "signer"),
    [
        (by("self"), "self"),
        (by("legal_representative"), "self"),
        (by("designated_receiver"), "named_receiver"),
        (by("litigation_agent"), "agent"),
        (by("litigation_agent", representative="g2"), "named_receiver"),
        (by("guardian"), "guardian"),
        *((by(kin, **HOME), "family") for kin in ("spouse", "child", "parent", "sibling", "other_relative")),
        (by("spouse", adult=True), "family_apart"),
        (by("child", cohabiting=True), "family_minor"),
        (by("spouse", **HOME, opposing_party=True), "family_opposing"),
        (by("child", opposing_party=True), "family_opposing"),
        (by("opponent"), "family_opposing"),
        *((by(other), "other") for other in ("neighbour", "landlord", "property_management", "parcel_locker")),
        (by("colleague"), "other"),
        (by("mailroom"), "mailroom"),
        (by("employer_head"), "employer_head"),
        (by("unverified"), "unverified"),
        (by("branch"), "branch"),
    ],
)
def test_the_class_of_who_signed_or_refused(person: cases.Row, signer: str) -> None:
    agents = {"representatives": [AGENT, NAMED]}
    receipt = {**signed("self"), "by": person}
    assert found(letter(receipt, recipient=agents), "signer") == (signer, [("signed", 10)])
    refusal = {**refused("self"), "by": person}
    assert found(letter(refusal, recipient=agents), "refuser") == (signer, [("refused", 10)])


def test_the_office_of_a_company_that_stands_for_the_recipient_signs_as_that_company() -> None:
    held = {"holder": "b1", "recipient": {"representatives": [{"id": "b1", "kind": "branch"}]}}
    for relation, signer in (("mailroom", "branch"), ("legal_representative", "branch"), ("self", "self")):
        assert found(letter(signed(relation), **held), "signer")[0] == signer
    agent = {"holder": "g1", "recipient": {"representatives": [AGENT]}}
    assert found(letter(signed("mailroom"), **agent), "signer")[0] == "mailroom"


@pytest.mark.parametrize(
    ("agents", "person", "holder", "authority"),
    [
        ([AGENT], {}, "recipient", "silent"),
        ([AGENT, NAMED], {}, "recipient", "unknown"),
        ([AGENT, NAMED], {"representative": "g2"}, "recipient", "express"),
        ([AGENT, NAMED], {"representative": "g1"}, "g2", "silent"),
        ([AGENT, NAMED], {}, "g2", "express"),
        ([AGENT, {"id": "b1", "kind": "branch"}], {}, "b1", "silent"),
        ([{"id": "g3", "kind": "litigation_agent"}], {}, "recipient", "unknown"),
        ([], {}, "recipient", "unknown"),
    ],
)
def test_whose_power_of_attorney_counts(agents: list[Any], person: cases.Row, holder: str, authority: str) -> None:
    receipt = signed("litigation_agent", **person)
    asked = letter(receipt, recipient={"representatives": agents}, holder=holder)
    assert found(asked, "agents_authority") == (authority, [("signed", 10)])


def test_no_signature_has_no_signer() -> None:
    for name, value in (
        ("signed", False),
        ("signer", "none"),
        ("receipt_complete", False),
        ("return_of_service_signed", False),
        ("agents_authority", "unknown"),
        ("refuser", "none"),
        ("return_reason", "none"),
        ("mismatch", "none"),
        ("circumstances", "none"),
    ):
        assert found(letter(), name) == (value, []), name
    assert found({**letter(), "events": [POSTED]}, "no_result") == (True, [])


USELESS = [by("neighbour"), by("child", cohabiting=True), by("spouse", adult=True), by("opponent"), by("unverified")]


@pytest.mark.parametrize("other", USELESS)
def test_the_signature_of_somebody_who_may_sign_counts_before_and_after_others(other: cases.Row) -> None:
    locker = {**signed("self", 9), "by": other}
    for first, second in ((9, 11), (11, 9)):
        pair = letter({**locker, "at": cases.at(first)}, signed("self", second))
        assert found(pair, "signer") == ("self", [("signed", second)])
        assert day_of(pair, "signed") == second


def test_of_several_who_may_sign_the_first_counts_and_of_others_the_last() -> None:
    assert day_of(letter(signed("self", 11), signed("spouse", 12, **HOME)), "signed") == 11
    assert day_of(letter(signed("neighbour", 11), signed("colleague", 12)), "signed") == 12


def test_the_other_side_of_a_mediation_signs_its_own_copy() -> None:
    pair = letter(signed("self", 12), signed("opponent", 11), document="mediation_statement")
    assert day_of(pair, "signed") == 12
    assert found(letter(signed("opponent", 11), document="mediation_statement"), "signed") == (False, [])
    assert day_of(letter(signed("opponent", 11)), "signed") == 11


@pytest.mark.parametrize(
    ("person", "number", "relation", "complete"),
    [
        (by("self"), True, False, True),
        (by("self"), False, True, False),
        (by("spouse", **HOME), True, False, False),
        (by("spouse", **HOME), True, True, True),
        (by("spouse", **HOME), False, True, False),
    ],
)
def test_what_a_receipt_needs(person: cases.Row, number: bool, relation: bool, complete: bool) -> None:
    receipt = fact("signed", 10, by=person, id_on_receipt=number, relation_on_receipt=relation)
    assert found(letter(receipt), "receipt_complete") == (complete, [("signed", 10)])


# --- letters ---------------------------------------------------------------------------------------------------------


def back(day: int, reason: str = "moved", **more: Any) -> cases.Row:
    return fact("returned", day, reason=reason, court_received_on=f"2025-09-{day + 1:02d}", **more)


def test_the_last_return_counts() -> None:
    twice = letter(back(11, noted_on="2025-09-10"), back(14, "unknown_person", noted_on="2025-09-13"))
    assert found(twice, "return_reason") == ("unknown_person", [("returned", 14)])
    assert found(twice, "returned") == (True, [("returned", 14)])
    days = [day_of(twice, name) for name in ("return_noted", "return_at_court", "returned")]
    assert days == [13, 15, 14]
    assert [day_of(letter(), name) for name in ("return_noted", "return_at_court", "returned")] == [None] * 3
    assert day_of(letter(back(11)), "return_noted") is None


def test_the_first_posting_refusal_and_result_count() -> None:
    again = fact("posted", 9, carrier="commercial_courier")
    many = letter(again, refused("self", 10), refused("neighbour", 11), fact("lost", 12))
    assert found(many, "posted") == (True, [("posted", 8)])
    assert found(many, "state_post") == (True, [("posted", 8)])
    assert day_of(many, "posted") == 8
    assert found(many, "refuser") == ("self", [("refused", 10)])
    assert found(many, "refused") == (True, [("refused", 10)])
    assert found(many, "no_result") == (False, [("refused", 10)])
    assert found(many, "lost") == (True, [("lost", 12)])
    assert found(cases.scenario(again), "state_post")[0] is False
    assert found(cases.scenario(signed("self")), "state_post")[0] is True


@pytest.mark.parametrize(("name", "field"), [("refusal_noted", "noted"), ("refuser_proven", "identity_proven")])
def test_a_refusal_that_is_shown_goes_before_one_that_is_not(name: str, field: str) -> None:
    twice = letter(refused("self", 10), refused("self", 11, **{field: True}))
    assert found(twice, name) == (True, [("refused", 11)])
    assert found(letter(refused("self")), name) == (False, [])


def test_the_recipients_own_refusal_goes_before_others() -> None:
    """What shows a refusal is its own: the note on another's proves nothing of it."""
    both = letter(
        refused("neighbour", 9, noted=True), refused("spouse", 10, noted=True), refused("self", 11, noted=True)
    )
    assert found(both, "refuser") == ("self", [("refused", 11)])
    unlike = letter(refused("spouse", 10, noted=True), refused("self", 11, identity_proven=True))
    assert [found(unlike, name)[0] for name in ("refuser", "refusal_noted", "refuser_proven")] == ["self", False, True]


@pytest.mark.parametrize(
    ("days", "enough"),
    [((8, 10, 12), True), ((8, 10, 13), False), ((8, 12), False), ((1, 8, 9, 12), True), ((8,) * 3, True)],
)
def test_three_deliveries_lie_within_five_days(days: tuple[int, ...], enough: bool) -> None:
    tries = [fact("delivery_attempt", day, f"1{n}:00", result="nobody_home") for n, day in enumerate(days)]
    assert found(letter(*tries), "tries_sufficient") == (enough, [("delivery_attempt", day) for day in days])


def test_contact_failed_when_it_was_tried_and_reached_nobody() -> None:
    calls = [
        fact("contact_attempt", day, means="phone", result=result)
        for day, result in ((9, "no_answer"), (10, "reached"))
    ]
    assert found(letter(), "contact_failed") == (False, [])
    assert found(letter(calls[0]), "contact_failed") == (True, [("contact_attempt", 9)])
    assert found(letter(*calls), "contact_failed")[0] is False


def told(day: int, to: str, in_writing: bool = False, documents: bool = False) -> cases.Row:
    more = {"raised_by": by("self"), "in_writing": in_writing, "documents_returned": documents}
    return fact("content_mismatch", day, raised_to=to, **more)


@pytest.mark.parametrize(
    ("facts", "value", "rests"),
    [
        ([told(9, "courier")], "courier", [("content_mismatch", 9)]),
        ([told(9, "courier"), back(10, "content_mismatch")], "courier", [("returned", 10)]),
        ([back(10, "content_mismatch")], "courier", [("returned", 10)]),
        ([back(10)], "none", []),
        ([told(11, "court", True, True)], "written", [("content_mismatch", 11)]),
        ([told(11, "court", True)], "not_raised", [("content_mismatch", 11)]),
        ([told(11, "court", documents=True)], "not_raised", [("content_mismatch", 11)]),
        ([told(11, "court"), told(12, "court", True, True)], "written", [("content_mismatch", 12)]),
        ([told(12, "court"), told(11, "court", True)], "not_raised", [("content_mismatch", 11)]),
        ([signed("spouse", 10, **HOME), told(11, "courier", True, True)], "written", [("content_mismatch", 11)]),
        ([signed("mailroom", 10), told(11, "courier")], "not_raised", [("content_mismatch", 11)]),
        ([signed("self", 10), told(11, "courier")], "courier", [("content_mismatch", 11)]),
        ([signed("spouse", 12, **HOME), told(11, "courier")], "courier", [("content_mismatch", 11)]),
        ([signed("spouse", 10, **HOME), told(11, "court", True, True), back(12, "content_mismatch")], "written", None),
    ],
)
def test_how_other_content_was_told(facts: list[cases.Row], value: str, rests: Rests | None) -> None:
    answer = found(letter(*facts), "mismatch")
    assert answer[0] == value
    assert rests is None or answer[1] == rests


def test_the_last_finding_on_the_circumstances_counts() -> None:
    def circumstances(day: int, sufficient: bool) -> cases.Row:
        return fact("circumstances_found", day, sufficient=sufficient, facts=["performed"], decided_by="judge")

    no, yes = circumstances(10, False), circumstances(11, True)
    assert found(letter(no), "circumstances") == ("insufficient", [("circumstances_found", 10)])
    assert found(letter(no, yes), "circumstances") == ("sufficient", [("circumstances_found", 11)])


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_bounce_counts_until_a_later_success() -> None:
    def bounced(day: int, time: str = "10:00") -> cases.Row:
        return fact("bounced", day, time, reason="mailbox_full")

    assert found(message(bounced(15), ARRIVED), "bounced") == (False, [])
    assert found(message(ARRIVED, bounced(17), bounced(18)), "bounced") == (True, [("bounced", 18)])
    assert day_of(message(bounced(17), bounced(18)), "bounced") == 17
    assert found(message(bounced(16), ARRIVED), "bounced")[0] is True  # at the same instant


def test_the_first_arrival_reading_and_answer_count() -> None:
    twice = own(ARRIVED, fact("arrived", 17), READ, fact("read", 18, by=by("self")), REPLIED, signed("self", 19))
    for name, kind, day in (("arrived", "arrived", 16), ("read", "read", 17), ("replied", "replied", 18)):
        assert found(twice, name) == (True, [(kind, day)])
        assert day_of(twice, name) == day
    assert found(own(signed("self", 19)), "replied") == (True, [("signed", 19)])


def act(day: int, matches: bool = True) -> cases.Row:
    return fact("procedural_act", day, act="filed_answer", matches_document=matches)


def test_an_act_answers_where_it_fits_and_the_earlier_answer_counts() -> None:
    assert found(own(act(17, False)), "acted") == (False, [])
    assert found(own(act(17, False), act(19)), "acted") == (True, [("procedural_act", 19)])
    for first, second in ((act(17), REPLIED), (REPLIED, act(19))):
        both = own(first, second)
        assert found(both, "answered") == (True, [(first["kind"], int(first["at"][8:10]))])
        assert day_of(both, "answered") == int(first["at"][8:10])
    assert found(own(), "answered") == (False, [])


def test_what_came_after_an_annulment_stands() -> None:
    late = {**REPLIED, "at": cases.at(23)}
    assert found(own(READ, ANNULLED), "annulled") == (True, [("annulled", 22)])
    assert found(own(REPLIED, ANNULLED), "annulled")[0] is True
    assert found(own(REPLIED, ANNULLED, late), "annulled") == (False, [])
    assert day_of(own(REPLIED, ANNULLED, late), "replied") == 23
    assert day_of(own(REPLIED, ANNULLED), "replied") is None
    acted = own(REPLIED, ANNULLED, act(24))
    assert (found(acted, "annulled"), found(acted, "replied")) == ((False, []), (False, []))
    assert str(verdict(acted).effect.effective_date) == "2025-09-24"


def test_what_an_annulled_attempt_would_be() -> None:
    consents = [cases.consent()]
    assert found(own(READ, ANNULLED, consents=consents), "would_be")[0] == "presumed"
    assert found(own(ARRIVED, ANNULLED), "would_be")[0] == "undated"


def test_what_else_a_message_may_be() -> None:
    audit = fact("audit_finding", 17, finding="never_left_court")
    assert found(message(ARRIVED, audit), "never_left") == (True, [("audit_finding", 17)])
    flawed = message({**ARRIVED, "content_defect": "other_case"})
    assert found(flawed, "content_defect") == ("other_case", [("arrived", 16)])
    assert found(message(ARRIVED), "content_defect") == ("none", [])
    proofs = [fact("arrival_proved", d, proved_at=cases.at(d - 10), proof="provider_log") for d in (20, 21)]
    assert found(message(*proofs), "arrival_proved") == (True, [("arrival_proved", 21)])
    assert day_of(message(*proofs), "proved_arrival") == 11
    stolen = {**ANNULLED, "reason": "account_stolen"}
    assert found(own(READ, stolen), "annulled_for_theft") == (True, [("annulled", 22)])
    assert found(own(READ, ANNULLED), "annulled_for_theft") == (False, [])


def call(relation: str = "self", **missing: bool) -> cases.Row:
    done = {"answered": True, "content_read_out": True, "call_recorded": True, **missing}
    return fact("phone_call", 16, by=by(relation), **done)


@pytest.mark.parametrize(
    ("told", "serves", "confirms"),
    [
        (call(), True, True),
        (call("legal_representative"), True, True),
        (call("guardian"), True, True),
        (call("spouse"), False, False),
        (call(answered=False), False, False),
        (call(call_recorded=False), False, False),
        (call(content_read_out=False), False, True),
    ],
)
def test_which_call_serves(told: cases.Row, serves: bool, confirms: bool) -> None:
    asked = cases.scenario(told, channel="phone")
    assert (found(asked, "call_serves")[0], found(asked, "call_confirms")[0]) == (serves, confirms)
    assert (day_of(asked, "call"), day_of(asked, "confirming_call")) == (
        16 if serves else None,
        16 if confirms else None,
    )


def test_a_plan_has_not_left_the_court() -> None:
    plan = cases.scenario(fact("send_planned", 15), channel="email")
    assert (found(plan, "begun"), found(plan, "left_court")) == ((True, [("send_planned", 15)]), (False, []))
    assert found(message(), "left_court") == (True, [("sent", 16)])
    assert day_of(cases.scenario(fact("send_planned", 15), SENT, channel="email"), "began") == 15


def test_what_else_is_the_first_or_any_of_its_kind() -> None:
    waits = [fact("wait_elapsed", day) for day in (19, 20)]
    assert found(message(*waits), "waited") == (True, [("wait_elapsed", 19)])
    assert found(cases.scenario(ARRIVED, channel="email"), "left_court") == (True, [("arrived", 16)])
    assert found(own(READ, ANNULLED), "objection_decided") == (True, [("annulled", 22)])
    assert found(own(READ, {**REPLIED, "at": ANNULLED["at"]}, ANNULLED), "annulled")[0] is True
    handed = [fact("handed_over", day, to=to) for day, to in ((10, "prison"), (11, "military_unit"))]
    assert found(cases.scenario(*handed, channel="institution"), "institution") == ("institution", [])
