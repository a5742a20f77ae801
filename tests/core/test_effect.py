"""The effect: the published scenarios, small cases for every row, and the properties of R8."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from delivery.core.effect import document_effects, is_final
from delivery.core.model import Delivery, Effect, Fact, Outcome, Person, Receipt, Task
from delivery.core.report import effect_json
from delivery.core.rulebook import Rule, Rulebook
from delivery.core.standing import standing_facts
from tests.core import cases
from tests.core.cases import SMALL, Small
from tests.core.world import attempted, book, from_scenario

FOLDER = Path(__file__).parents[1] / "data" / "scenarios" / "effect"
SCENARIOS: dict[str, dict[str, Any]] = {
    scenario["id"]: scenario
    for path in sorted(FOLDER.glob("*.json"))
    for scenario in json.loads(path.read_text(encoding="utf-8"))
}
COVERED = (
    *("E01", "E03", "E06", "E07", "E08", "E09", "E10", "E10b", "E11", "E20", "E21", "E26", "E28", "E30", "E53", "E122"),
    *("M02", "M03", "M07", "M08", "M14", "M17", "M22", "M25", "M39"),
    *("C101", "C103", "C107", "C112", "T05e"),
)
"""Scenarios that rulebook cn answers in full."""

BARE = ("E20b", "E34", "E55", "K110")
"""Same outcome and date, but next step, grounds or flags of R3.2, R9.2, R9.3 and R9.4 are for the rulebook to come."""

KNOBS = ("K101", "K103", "K106", "K107")
"""A court's knob is turned: another rulebook than this one."""


def effect_of(scenario: dict[str, Any], rules: Rulebook | None = None) -> Effect:
    as_of = datetime.fromisoformat(scenario["as_of"])
    ((_, effect),) = document_effects(from_scenario(scenario), rules or book(), as_of)
    return effect


@pytest.mark.parametrize("name", COVERED)
def test_a_scenario_in_scope_is_answered_in_full(name: str) -> None:
    got, expected = effect_json("doc", effect_of(SCENARIOS[name])), SCENARIOS[name]["expect"]
    for key in ("outcome", "effective_date", "next"):
        assert got[key] == expected[key], key
    assert set(expected["grounds"]) <= set(got["grounds"])
    assert {name: got["flags"].get(name, False) or None for name in expected["flags"]} == {
        name: value or None for name, value in expected["flags"].items()
    }


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - set(COVERED) - set(KNOBS)))
def test_a_scenario_out_of_scope_goes_to_a_person_or_waits(name: str) -> None:
    got, expected = effect_json("doc", effect_of(SCENARIOS[name])), SCENARIOS[name]["expect"]
    if name in BARE:
        assert (got["outcome"], got["effective_date"]) == (expected["outcome"], expected["effective_date"])
    else:
        assert got["outcome"] in ("review", "pending")
        assert got["effective_date"] is None


# --- every row -------------------------------------------------------------------------------------------------------


def titled(small: Small) -> str:
    facts = "+".join(fact["kind"] for fact in small.scenario["events"])
    return f"{small.rule}:{small.scenario['addresses'][0]['basis']}:{facts}"


@pytest.mark.parametrize("small", SMALL, ids=titled)
def test_a_small_case_is_decided_by_its_row(small: Small) -> None:
    effect = effect_of(small.scenario)
    day = date.fromisoformat(small.day) if small.day else None
    assert (effect.rule, effect.outcome, effect.effective_date, effect.next) == (
        small.rule,
        small.outcome,
        day,
        small.next,
    )


def verdict(effect: Effect) -> tuple[object, ...]:
    return effect.outcome, effect.effective_date, effect.grounds, effect.next, effect.flags


QUESTIONS = [*(small.scenario for small in SMALL), *(SCENARIOS[name] for name in COVERED)]
ASKED = [(from_scenario(one), datetime.fromisoformat(one["as_of"])) for one in QUESTIONS]
ANSWERS = [verdict(effect_of(one)) for one in QUESTIONS]


@pytest.mark.parametrize("row", book().rules, ids=lambda rule: rule.id)
def test_without_a_row_some_case_is_decided_otherwise(row: Rule) -> None:
    without = replace(book(), rules=tuple(rule for rule in book().rules if rule is not row))
    answers = (verdict(document_effects(told, without, as_of)[0][1]) for told, as_of in ASKED)
    assert any(answer != known for answer, known in zip(answers, ANSWERS, strict=True))


def test_what_was_sent_before_its_rules_were_in_force_dates_nothing() -> None:
    old = cases.message(cases.ARRIVED)
    old["events"] = [{**event, "at": event["at"].replace("2025", "2021")} for event in old["events"]]
    assert effect_of(old).outcome is Outcome.PENDING


# --- R8: several attempts --------------------------------------------------------------------------------------------


def test_the_earliest_candidate_dates_the_service_and_the_stronger_on_one_day() -> None:
    both = cases.own(cases.READ, cases.fact("arrived", 17, 20, "a2"), consents=[cases.consent()])
    both["addresses"].append({"id": "a2", "channel": "email", "basis": "confirmed", "holder": "recipient"})
    effect = effect_of(both)
    assert (effect.outcome, effect.flag("effective_address")) == (Outcome.SERVED, "a2")
    both["events"][-1]["at"] = "2025-09-18T00:00:01+08:00"
    effect = effect_of(both)
    assert (effect.outcome, effect.effective_date) == (Outcome.PRESUMED, date(2025, 9, 17))
    assert (effect.flag("fallback_date"), effect.next) == ("2025-09-18", "clerk_confirm")
    assert "OLR 31(4)" in effect.grounds


def test_a_day_is_the_court_s_day() -> None:
    late = cases.message({**cases.ARRIVED, "at": "2025-09-15T16:30:00Z"})
    assert effect_of(late).effective_date == date(2025, 9, 16)


def two_letters(*facts: dict[str, Any]) -> dict[str, Any]:
    both = cases.mail(*facts)
    both["addresses"].append({"id": "a2", "channel": "post", "basis": "found", "holder": "recipient"})
    return both


def test_a_live_attempt_makes_the_whole_pending_and_else_the_latest_result_stands() -> None:
    lost, back = cases.fact("lost", 20), {**cases.returned("moved"), "address": "a2"}
    assert effect_of(two_letters(lost, cases.fact("posted", 9, address="a2"))).next == "track_mail"
    assert effect_of(two_letters(lost, back)).next == "repost_mail"
    assert effect_of(two_letters({**lost, "at": "2025-09-11T10:00:00+08:00"}, back)).next == "address_lookup"
    unverified = {**cases.signed("unverified"), "at": "2025-09-09T10:00:00+08:00"}
    assert effect_of(two_letters(unverified, back)).next == "address_lookup"


# --- R9.1: who confirms ----------------------------------------------------------------------------------------------


PRESUMED = cases.own(cases.READ, consents=[cases.consent()])


def confirmed_on(day: int) -> dict[str, Any]:
    return cases.fact("official_confirmation", day, 12, address=None, decided_by="clerk")


def with_facts(scenario: dict[str, Any], *facts: dict[str, Any]) -> dict[str, Any]:
    return {**scenario, "events": [*scenario["events"], *facts]}


def test_a_presumption_stands_once_a_named_official_confirmed_it() -> None:
    assert effect_of(PRESUMED).next == "clerk_confirm"
    effect = effect_of(with_facts(PRESUMED, confirmed_on(18)))
    assert (effect.outcome, effect.next) == (Outcome.PRESUMED, None)
    assert is_final((("doc", effect),))


def test_a_confirmation_is_not_of_what_came_later() -> None:
    assert effect_of(with_facts(PRESUMED, confirmed_on(16))).next == "clerk_confirm"


def test_a_confirmation_does_not_outlive_what_was_annulled() -> None:
    """A presumption was confirmed and then annulled; a letter that came back asks for a confirmation of its own."""
    letter = [{**one, "address": "a2"} for one in (cases.refused("self", noted=True), cases.returned())]
    both = with_facts(PRESUMED, confirmed_on(18), cases.fact("annulled", 20, decided_by="judge"), *letter)
    both["addresses"] = [
        *both["addresses"],
        {"id": "a2", "channel": "post", "basis": "confirmed", "holder": "recipient"},
    ]
    effect = effect_of(both)
    assert (effect.outcome, effect.next) == (Outcome.DEEMED, "clerk_confirm")
    assert effect_of(with_facts(both, confirmed_on(25))).next is None


def test_what_an_official_would_not_confirm_dates_nothing() -> None:
    delivery, now = from_scenario(PRESUMED), datetime.fromisoformat(PRESUMED["as_of"])
    asked = Task(
        id="t",
        kind="clerk_confirm",
        reason="",
        opened_at=now,
        due_at=now,
        owner="clerk",
        proposal="presumed 2025-09-17",
    )
    ((_, effect),) = document_effects(replace(delivery, closed_tasks=((asked, "reject"),)), book(), now)
    assert (effect.outcome, effect.effective_date, effect.next) == (Outcome.REVIEW, None, "serve_again")
    other = replace(asked, proposal="presumed 2025-09-16")
    ((_, effect),) = document_effects(replace(delivery, closed_tasks=((other, "reject"),)), book(), now)
    assert effect.outcome is Outcome.PRESUMED


# --- consent ---------------------------------------------------------------------------------------------------------


def test_consent_counts_when_the_message_was_sent() -> None:
    assert effect_of(cases.message(cases.ARRIVED, consents=[cases.consent(until=17)])).outcome is Outcome.SERVED
    late = with_facts(cases.message(cases.ARRIVED), cases.fact("e_service_refused", 17, address=None))
    assert effect_of(late).outcome is Outcome.SERVED
    again = {**cases.consent(), "id": "c2", "given_at": "2025-09-15T12:00:00+08:00"}
    back = cases.message(cases.ARRIVED, consents=[cases.consent(until=15), again])
    assert effect_of(back).outcome is Outcome.SERVED


# --- receipts: order, repeats, cancellation, parts -------------------------------------------------------------------


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


@given(st.lists(st.sampled_from(QUESTIONS), min_size=1, max_size=1), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_in_which_facts_were_recorded_plays_no_part(questions: list[dict[str, Any]], dice: Any) -> None:
    """Nor how often the same fact was recorded."""
    (question,) = questions
    shuffled = [*question["events"], *dice.choices(question["events"], k=2)]
    dice.shuffle(shuffled)
    assert verdict(effect_of({**question, "events": shuffled})) == verdict(effect_of(question))


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
    told = from_scenario(cases.mail(cases.signed("self")))
    assert told.attempts == ()
    effect = document_effects(told, book(), NOON + timedelta(days=30))[0][1]
    assert (effect.outcome, effect.flag("effective_address")) == (Outcome.SERVED, "a1")


def test_a_fact_of_tomorrow_does_not_count_today() -> None:
    ((_, effect),) = document_effects(
        letter([receipt("posted", 1), receipt("signed", 24)]), book(), NOON + timedelta(hours=23)
    )
    assert effect.outcome is Outcome.PENDING
