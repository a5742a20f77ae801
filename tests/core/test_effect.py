"""The effect beyond single scenarios: several attempts, people's decisions, time alone, documents of a delivery."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from delivery.core.effect import Verdict, decide, document_effects, is_final, questions
from delivery.core.explaining import MOST_NEAR, explain
from delivery.core.judging import planned, proposal
from delivery.core.model import Effect, Fact, Outcome, Person, Task
from tests.core import cases
from tests.core.cases import ANNULLED, ARRIVED, CONFIRM, READ, REPLIED, SENT, WAITED, fact, mail, message, own
from tests.core.questions import question, verdict
from tests.core.world import attempted, book

PRESUMED = own(READ, consents=[cases.consent()])


def effect_of(scenario: cases.Row) -> Effect:
    return verdict(scenario).effect


def short(effect: Effect) -> tuple[str, str | None, str | None]:
    return str(effect.outcome), str(effect.effective_date) if effect.effective_date else None, effect.next


# --- R8: several attempts --------------------------------------------------------------------------------------------


E_MAIL = cases.address("email", id="a2")


def both(*second: cases.Row, **more: Any) -> cases.Row:
    """Read at the own number on the 17th, and something at the confirmed e-mail address."""
    return own(READ, *second, consents=[cases.consent()], more=[E_MAIL], **more)


def test_the_earliest_dates_the_service_and_the_stronger_on_one_day() -> None:
    same_day = effect_of(both(fact("arrived", 17, "20:00", "a2")))
    assert (same_day.outcome, same_day.flag("effective_address")) == (Outcome.SERVED, "a2")
    effect = effect_of(both(fact("arrived", 18, "00:00", "a2")))
    assert short(effect) == ("presumed", "2025-09-17", "clerk_confirm")
    assert (effect.flag("fallback_date"), effect.flag("effective_address")) == ("2025-09-18", "a1")
    assert "OLR 31(4)" in effect.grounds


def test_of_two_as_strong_on_one_day_the_earlier_instant_is_named() -> None:
    other = fact("arrived", 16, "09:59", "a2")
    for events in ((ARRIVED, other), (other, ARRIVED)):
        effect = effect_of(message(*events, more=[E_MAIL]))
        assert effect.flag("effective_address") == "a2"


def test_the_fallback_is_the_earliest_firm_date() -> None:
    third = cases.address("fax", id="a3")
    scenario = both(fact("arrived", 19, address="a2"), fact("arrived", 18, address="a3"))
    scenario["addresses"].append(third)
    assert effect_of(scenario).flag("fallback_date") == "2025-09-18"


def test_a_deemed_service_has_no_fallback() -> None:
    letter = mail(cases.returned("moved"), fact("arrived", 19, address="a2"), more=[E_MAIL])
    effect = effect_of(letter)
    assert (short(effect)[:2], effect.flag("fallback_date")) == (("deemed", "2025-09-12"), None)
    assert effect.flag("objection_window_open") is None


def test_an_attempt_alone_competes_with_nobody() -> None:
    assert not {"OLR 31(4)", "K10", "CPLI 132"} & {*effect_of(message(ARRIVED)).grounds}
    alone = effect_of(mail(cases.signed("self"), recipient={"domicile": "hong_kong"}))
    assert alone.outcome is Outcome.SERVED
    assert "HKMO 10" not in alone.grounds


def test_the_latest_counts_where_the_court_says_so_of_the_best_of_each_medium() -> None:
    letters = (
        fact("posted", 8, address="p1", carrier="state_post"),
        {**cases.signed("self", 14), "address": "p1"},
        {**cases.signed("self", 15), "address": "p1", "attempt": 2},
    )
    post = cases.address("post", id="p1")
    asked = message(ARRIVED, *letters, more=[post])
    assert short(effect_of(asked)) == ("served", "2025-09-14", None)
    latest = effect_of({**asked, "knobs": {"K10": "latest"}})
    assert short(latest) == ("served", "2025-09-16", None)
    assert "K10" in latest.grounds


def two_letters(*facts: cases.Row) -> cases.Row:
    return mail(*facts, more=[cases.address("post", "found", id="a2")])


def test_a_live_attempt_makes_the_whole_pending_and_else_the_latest_result_stands() -> None:
    lost, back = fact("lost", 20), cases.returned("moved", address="a2")
    assert effect_of(two_letters(lost, fact("posted", 9, address="a2", carrier="state_post"))).next == "track_mail"
    assert effect_of(two_letters(lost, back)).next == "repost_mail"
    assert effect_of(two_letters(fact("lost", 11), back)).next == "address_lookup"


@pytest.mark.parametrize(("first", "second", "stands"), [(8, 9, "a2"), (9, 8, "a1")])
def test_of_two_results_at_one_instant_that_of_the_later_sent_stands(first: int, second: int, stands: str) -> None:
    posts = [fact("posted", day, address=name, carrier="state_post") for name, day in (("a1", first), ("a2", second))]
    lost = [fact("lost", 20, address=name) for name in ("a1", "a2")]
    found = verdict(cases.scenario(*posts, *lost, more=[cases.address(id="a2")]))
    assert found.by is not None
    assert found.by.trial.place.id == stands


def test_an_incident_stays_one_though_another_attempt_served() -> None:
    wrong = fact("arrived", 16, address="a2", content_defect="other_case")
    effect = effect_of(message(ARRIVED, wrong, more=[E_MAIL]))
    assert (effect.outcome, effect.flag("incident")) == (Outcome.SERVED, True)
    assert effect_of(message(ARRIVED)).flag("incident") is None


def test_nothing_tried_is_pending() -> None:
    for events in ([fact("paper_requested", 9, address=None)], [fact("wait_elapsed", 9)]):
        found = verdict(cases.scenario(*events))
        assert (found.by, found.attempts, short(found.effect)) == (None, (), ("pending", None, None))
        assert found.effect.explanation
        assert found.effect.explanation_zh
        assert explain(found).decided.rule == "none"


# --- what has fallen -------------------------------------------------------------------------------------------------


def test_deadlines_are_cancelled_where_a_date_that_was_told_has_gone() -> None:
    gone = effect_of({**PRESUMED, "events": [*PRESUMED["events"], ANNULLED]})
    assert (short(gone)[0], gone.flag("deadlines_cancelled")) == ("not_served", True)
    moved = effect_of(both(fact("arrived", 18, "00:00", "a2"), ANNULLED))
    assert (short(moved)[:2], moved.flag("deadlines_cancelled")) == (("served", "2025-09-18"), True)
    stays = effect_of(both(fact("arrived", 16, address="a2"), ANNULLED))
    assert (short(stays)[:2], stays.flag("deadlines_cancelled")) == (("served", "2025-09-16"), None)


def test_nothing_is_cancelled_where_there_was_no_date() -> None:
    assert effect_of(own(ANNULLED)).flag("deadlines_cancelled") is None
    audit = fact("audit_finding", 17, finding="never_left_court")
    assert effect_of(message(ARRIVED, audit)).flag("deadlines_cancelled") is True
    assert effect_of(message(audit)).flag("deadlines_cancelled") is None


def test_deadlines_are_cancelled_where_the_letter_came_back_in_time() -> None:
    spouse = cases.signed("spouse", adult=True, cohabiting=True)
    more = {"raised_by": cases.by("self"), "raised_to": "court", "in_writing": True, "documents_returned": True}
    back = effect_of(mail(spouse, fact("content_mismatch", 11, **more)))
    assert (short(back)[0], back.flag("deadlines_cancelled")) == ("not_served", True)


# --- R9.1: who confirms ----------------------------------------------------------------------------------------------


def with_facts(scenario: cases.Row, *facts: cases.Row) -> cases.Row:
    return {**scenario, "events": [*scenario["events"], *facts]}


def confirmed_on(day: int, time: str = "12:00") -> cases.Row:
    return {**CONFIRM, "at": cases.at(day, time)}


def test_a_presumption_stands_once_a_named_official_confirmed_it() -> None:
    effect = effect_of(PRESUMED)
    assert (effect.next, effect.flag("confirmation_due")) == ("clerk_confirm", True)
    assert not is_final((("document", effect),))
    effect = effect_of(with_facts(PRESUMED, confirmed_on(18)))
    assert (effect.outcome, effect.next, effect.flag("confirmation_due")) == (Outcome.PRESUMED, None, None)
    assert is_final((("document", effect),))
    assert not is_final(())
    assert not is_final((("document", effect), ("other", effect_of(own(ARRIVED)))))


def test_a_confirmation_is_not_of_a_later_day() -> None:
    assert effect_of(with_facts(PRESUMED, confirmed_on(16))).next == "clerk_confirm"
    assert effect_of(with_facts(PRESUMED, confirmed_on(17))).next is None


def test_a_confirmation_does_not_outlive_what_was_annulled() -> None:
    """A presumption was confirmed and then annulled; a letter that came back asks for a confirmation of its own."""
    post = cases.address("post", id="p1")
    back = cases.returned("moved", "2025-09-18", address="p1")
    fallen = both(confirmed_on(18), ANNULLED, fact("posted", 8, address="p1", carrier="state_post"), back)
    fallen["addresses"].append(post)
    effect = effect_of(fallen)
    assert (effect.outcome, effect.next) == (Outcome.DEEMED, "clerk_confirm")
    assert effect_of(with_facts(fallen, confirmed_on(22, "09:59"))).next == "clerk_confirm"
    assert effect_of(with_facts(fallen, confirmed_on(22, "10:00"))).next == "clerk_confirm"
    assert effect_of(with_facts(fallen, confirmed_on(22, "10:01"))).next is None


def test_a_confirmation_outlives_what_fell_beside_it() -> None:
    """The presumption that was confirmed still dates the service; only the later fiction fell."""
    back = cases.returned("moved", "2025-09-20", address="p1")
    beside = both(confirmed_on(18), fact("posted", 8, address="p1", carrier="state_post"), back)
    beside["addresses"].append(cases.address("post", id="p1"))
    fell = {**ANNULLED, "address": "p1"}
    assert [effect_of(one).next for one in (beside, with_facts(beside, fell))] == [None, None]


# --- decisions of people on proposals --------------------------------------------------------------------------------


def decided(scenario: cases.Row, said: str, about: str | None = None) -> Effect:
    asked = question(scenario)
    return decide(replace(asked, **{said: frozenset({about or proposal(decide(asked, book()).effect)})}), book()).effect


INCOMPLETE = mail(cases.signed("self", whole=False))


def test_each_proposal_is_known_again_by_its_words() -> None:
    assert proposal(effect_of(PRESUMED)) == "presumed 2025-09-17"
    assert proposal(effect_of(INCOMPLETE)) == "served 2025-09-10"
    unproven = message(ARRIVED, basis="found")
    assert proposal(effect_of(unproven)) == "prove_ownership R3.12"
    assert proposal(effect_of(own(ARRIVED, WAITED))) == "phone_confirm"


def test_a_proposal_in_review_dates_the_service_once_it_is_accepted() -> None:
    assert short(effect_of(INCOMPLETE)) == ("review", None, "cure_evidence")
    effect = decided(INCOMPLETE, "accepted")
    assert short(effect) == ("served", "2025-09-10", None)
    assert (effect.flag("proposed_date"), effect.flag("proposed_outcome")) == (None, None)
    assert effect.at == datetime.fromisoformat("2025-09-10T23:59:59.999999+08:00")
    assert effect.explanation.startswith("an official decided: ")
    assert effect.explanation_zh.startswith("经工作人员决定：")
    assert decided(INCOMPLETE, "accepted", "served 2025-09-11").outcome is Outcome.REVIEW
    assert decided(message(ARRIVED, basis="found"), "accepted").outcome is Outcome.REVIEW


def test_what_is_presumed_is_confirmed_by_the_fact_not_by_an_accepted_task() -> None:
    assert short(decided(PRESUMED, "accepted")) == ("presumed", "2025-09-17", "clerk_confirm")


def test_a_proposal_that_is_rejected_dates_nothing() -> None:
    effect = decided(PRESUMED, "rejected")
    assert short(effect) == ("review", None, "serve_again")
    assert (effect.at, effect.dated_by, effect.flags) == (None, None, ())
    assert effect.explanation.startswith("an official did not confirm this: ")
    assert effect.explanation_zh.startswith("工作人员未予确认：")
    assert short(decided(INCOMPLETE, "rejected")) == ("not_served", None, "serve_again")
    assert short(decided(PRESUMED, "rejected", "presumed 2025-09-16"))[0] == "presumed"


def test_a_firm_service_is_nobodys_proposal() -> None:
    served = message(ARRIVED)
    assert short(decided(served, "rejected")) == short(effect_of(served)) == ("served", "2025-09-16", None)


# --- when time alone changes the answer ------------------------------------------------------------------------------


NOTICE = cases.scenario(
    *cases.notice("2025-09-10"), channel="notice", basis="none", document="complaint_copy", as_of=cases.at(20)
)
LAST = "2025-10-10"
"""30 days after the publication."""


def changes_at(scenario: cases.Row) -> datetime | None:
    return verdict(scenario).changes_at


def test_time_alone_ends_a_notice_at_midnight() -> None:
    midnight = datetime.fromisoformat("2025-10-11T00:00:00+08:00")
    assert changes_at(NOTICE) == midnight
    assert short(effect_of({**NOTICE, "as_of": cases.at(LAST, "23:59")})) == ("pending", None, "await_notice_period")
    over = {**NOTICE, "as_of": midnight.isoformat()}
    assert short(effect_of(over)) == ("deemed", LAST, "clerk_confirm")
    assert changes_at(over) is None


def test_of_several_ends_the_next_one_counts() -> None:
    later = [{**one, "at": one["at"].replace("09-10", "09-15"), "address": "n2"} for one in cases.notice("2025-09-10")]
    two = {**NOTICE, "addresses": [*NOTICE["addresses"], cases.address("notice", "none", "n2")]}
    two["events"] = [*NOTICE["events"], *later]
    assert changes_at(two) == datetime.fromisoformat("2025-10-11T00:00:00+08:00")
    assert changes_at({**two, "as_of": cases.at("2025-10-12")}) == datetime.fromisoformat("2025-10-16T00:00:00+08:00")


def test_an_answer_that_waits_for_no_term_does_not_change_alone() -> None:
    assert changes_at(message(ARRIVED)) is None


def test_where_a_calendar_is_missing_it_is_looked_for_every_day() -> None:
    """It is on file one day, and then the deadlines that could not be told are."""
    year = max(book().rest_days.years)
    late = {"document": "complaint_copy", "as_of": cases.at(f"{year}-12-29")}
    assert changes_at(message(fact("arrived", f"{year}-12-10"), **late)) is None
    unknown = verdict(message(fact("arrived", f"{year}-12-28"), **late))
    assert {one.why_not for one in unknown.effect.deadlines} == {"no_calendar_data"}
    assert unknown.changes_at == datetime.fromisoformat(cases.at(f"{year}-12-30"))
    asked = cases.at(f"{year + 1}-05-04")
    over = {**NOTICE, "events": [*cases.notice(f"{year + 1}-03-02")], "as_of": asked}
    assert (effect_of(over).rule, changes_at(over)) == (
        "no_calendar",
        datetime.fromisoformat(asked) + timedelta(days=1),
    )


def test_the_thirty_days_of_a_payment_order_end_at_midnight() -> None:
    order = mail(document="payment_order", papers={"issued_on": "2025-09-05"}, as_of=cases.at(20))
    assert changes_at(order) == datetime.fromisoformat("2025-10-06T00:00:00+08:00")
    over = effect_of({**order, "as_of": cases.at("2025-10-06", "00:00")})
    assert (short(over), over.rule) == (("not_served", None, "end_procedure"), "R5.3")
    assert effect_of({**order, "as_of": cases.at("2025-10-05", "23:59")}).next == "track_mail"


# --- what would be, planned ------------------------------------------------------------------------------------------


def test_a_plan_is_judged_as_if_it_began_now() -> None:
    asked = question(message(ARRIVED, document="judgment"))
    (place,) = asked.recipient.addresses
    refused = planned(asked, book(), place)
    assert refused is not None
    assert short(refused.effect) == ("forbidden", None, "mail")
    summons = question(message(ARRIVED))
    first = planned(summons, book(), place)
    assert first is not None
    assert first.trial.number == 1
    begun = planned(summons, book(), place, 2)
    assert begun is not None
    assert (short(begun.effect), begun.trial.number) == (("pending", None, "poll_delivery_report"), 2)
    (plan,) = begun.trial.mine
    assert (plan.kind, plan.at, plan.address, plan.attempt) == ("send_planned", summons.as_of, "a1", 2)


# --- explanations ----------------------------------------------------------------------------------------------------


def test_what_nearly_fired_is_told_with_what_it_lacked() -> None:
    told = explain(verdict(own(ARRIVED)))
    lacking = {near.rule: (near.finding, near.wanted, near.found) for near in told.nearly}
    assert lacking["R3.13"] == ("replied", (True,), False)
    assert lacking["R3.18b"] == ("waited", (True,), False)
    assert "R3.15" not in lacking  # it lacks reading and consent
    assert "R3.1" not in lacking  # a row with one question nearly fires for everything
    assert 0 < len(told.nearly) <= MOST_NEAR
    # what could still happen comes before what is another kind of case
    kinds = [
        near.finding in ("case_kind", "basis", "channel", "medium", "domicile", "document") for near in told.nearly
    ]
    assert kinds == sorted(kinds)


def test_other_attempts_are_told_with_what_became_of_them() -> None:
    told = explain(verdict(both(fact("arrived", 18, address="a2"))))
    (other,) = told.others
    assert (other.address, other.attempt, short(other.effect)) == ("a2", 1, ("served", "2025-09-18", None))
    assert told.law_of == date(2025, 9, 16)
    assert explain(verdict(cases.scenario(fact("paper_requested", 9, address=None)))).law_of is None


# --- deliveries ------------------------------------------------------------------------------------------------------


NOW = datetime.fromisoformat("2025-09-16T12:00:00+08:00")


def delivered(*facts: Fact, **more: Any) -> Any:
    made = attempted("email", NOW)
    return replace(made, facts=facts, **more)


def test_every_document_has_an_effect_of_its_own() -> None:
    """One e-mail with a summons and a judgment: the one arrives, the other may not go that way."""
    arrived = Fact(kind="arrived", at=NOW, address="a1")
    made = delivered(arrived)
    judgment = replace(made.documents[0], id="doc2", type="judgment")
    effects = document_effects(replace(made, documents=(*made.documents, judgment)), book(), NOW)
    assert [(name, short(effect)) for name, effect in effects] == [
        ("doc", ("served", "2025-09-16", None)),
        ("doc2", ("forbidden", None, "mail")),
    ]


def test_a_fact_of_tomorrow_does_not_count_today() -> None:
    later = Fact(kind="arrived", at=NOW + timedelta(seconds=1), address="a1")
    made = delivered(later)
    assert document_effects(made, book(), NOW)[0][1].outcome is Outcome.PENDING
    assert document_effects(made, book(), NOW + timedelta(seconds=1))[0][1].outcome is Outcome.SERVED


def closed(proposed: str | None, said: str, kind: str = "clerk_confirm") -> tuple[Task, str]:
    fields = {"reason": "", "opened_at": NOW, "due_at": NOW, "owner": "clerk"}
    return Task(id="t", kind=kind, proposal=proposed, **fields), said


def test_what_people_decided_on_tasks_is_part_of_the_question() -> None:
    tasks = (
        closed("served 2025-09-10", "confirm", "cure_evidence"),
        closed("presumed 2025-09-17", "reject"),
        closed("presumed 2025-09-18", "done"),
        closed("in_doubt", "confirm", "in_doubt"),
        closed(None, "confirm"),
    )
    ((_, asked),) = questions(delivered(closed_tasks=tasks), NOW, {"K6": "deemed"})
    assert (asked.accepted, asked.rejected) == ({"served 2025-09-10"}, {"presumed 2025-09-17"})
    assert (asked.as_of, asked.knobs) == (NOW, {"K6": "deemed"})
    assert questions(delivered(), NOW)[0][1].knobs == {}


def test_a_letter_told_by_its_facts_alone_is_an_attempt() -> None:
    slip = Fact(kind="signed", at=NOW, address="a1", attempt=2, by=Person(relation="self"), id_on_receipt=True)
    made = replace(attempted("post", NOW), facts=(slip,))
    found: Verdict = decide(questions(made, NOW)[0][1], book())
    assert sorted(one.trial.number for one in found.attempts) == [1, 2]
    assert short(found.effect) == ("served", "2025-09-16", None)


def test_a_reminder_serves_nothing_and_neither_does_it_fail() -> None:
    prompt = {**SENT, "role": "reminder"}
    silent = cases.scenario(prompt, ARRIVED, REPLIED, channel="sms", basis="confirmed")
    assert verdict(silent).attempts == ()
    assert effect_of({**silent, "events": [SENT, ARRIVED, REPLIED]}).outcome is Outcome.SERVED
