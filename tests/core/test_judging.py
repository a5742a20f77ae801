"""The edges of judging: grounds that come on top, flags that stay, knobs, terms, plans, and what no calendar covers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from delivery.core.effect import questions
from delivery.core.judging import instant_of, planned
from delivery.core.model import Fact, Outcome, Task
from delivery.core.trial import Trial, When
from tests.core import cases
from tests.core.cases import ARRIVED, READ, SENT, WAITED, address, fact, mail, message, own, signed
from tests.core.questions import question, verdict
from tests.core.test_findings import trial
from tests.core.world import attempted, book


def grounds(scenario: cases.Row) -> set[str]:
    return {*verdict(scenario).effect.grounds}


# --- grounds and flags -----------------------------------------------------------------------------------------------


def in_year(year: int, *facts: cases.Row, **more: Any) -> cases.Row:
    moved = [{**one, "at": one["at"].replace("2025", str(year))} for one in (SENT, *facts)]
    return cases.scenario(*moved, channel="email", **more)


def test_what_is_added_holds_from_its_own_day_on() -> None:
    agreed = {"basis": "agreed_for_litigation"}
    assert grounds(in_year(2020, ARRIVED, **agreed)) == {"CPL-old 87"}
    assert grounds(in_year(2023, ARRIVED, **agreed)) == {"CPL 90(2)", "OLR 31(1)", "OLR 29(2)"}


def test_nothing_is_added_that_was_not_asked_for() -> None:
    assert grounds(message(ARRIVED)) == {"CPL 90(2)", "OLR 31(1)"}
    assert grounds(message(ARRIVED, confirmed_in="first_instance")) == {"CPL 90(2)", "OLR 31(1)"}
    assert grounds(mail(signed("self"))) == {"CPL 91", "MAIL 9"}


def test_two_letters_compete_on_paper_alone() -> None:
    again = {**signed("self", 12), "address": "a2"}
    both = mail(signed("self"), again, more=[address(id="a2")])
    assert grounds(both) == {"CPL 91", "MAIL 9"}
    messages = message(ARRIVED, fact("arrived", 17, address="a2"), more=[address("fax", id="a2")])
    assert grounds(messages) == {"CPL 90(2)", "OLR 31(1)", "OLR 31(4)"}
    mixed = message(ARRIVED, again, more=[address(id="a2")])
    assert grounds(mixed) == {"CPL 91", "MAIL 9", "K10"}


def test_an_opinion_on_foreign_law_stays_due_though_a_letter_served() -> None:
    silent = {"domicile": "foreign", "foreign_law": {"e_service": "silent", "mail": "allowed"}}
    both = message(ARRIVED, {**signed("self", 18), "address": "a2"}, recipient=silent, more=[address(id="a2")])
    effect = verdict(both).effect
    assert (effect.outcome, effect.flag("effective_address")) == (Outcome.SERVED, "a2")
    assert effect.flag("legal_opinion_due") is True
    assert [name for name, _ in effect.flags].count("legal_opinion_due") == 1


def test_a_flag_is_told_once() -> None:
    wrong = {**ARRIVED, "content_defect": "other_case"}
    flags = verdict(message(wrong)).effect.flags
    assert [name for name, _ in flags] == ["incident"]


@pytest.mark.parametrize("in_writing", [False, True])
def test_what_was_told_on_the_spot_makes_nothing_fall(in_writing: bool) -> None:
    """A letter refused because of its content, as the courier heard at the door, or was handed in a note: nobody had
    signed, so no service had a date (MAIL 10(1); R10 names the return of MAIL 10(2) alone).
    """
    more: cases.Row = {"raised_by": cases.by("self"), "raised_to": "courier", "documents_returned": in_writing}
    told = fact("content_mismatch", 10, in_writing=in_writing, **more)
    effect = verdict(mail(cases.refused("self", noted=True), told, cases.returned("refused"))).effect
    assert (effect.outcome, effect.rule) == (Outcome.NOT_SERVED, "R4.2.spot")
    assert effect.flag("deadlines_cancelled") is None


def test_what_the_courier_carries_back_after_anothers_signature_makes_it_fall() -> None:
    """MAIL 10(2): the letter had counted from the signature of the spouse on."""
    more: cases.Row = {"raised_by": cases.by("self"), "raised_to": "courier", "documents_returned": True}
    spouse = cases.signed("spouse", adult=True, cohabiting=True)
    effect = verdict(mail(spouse, fact("content_mismatch", 11, in_writing=True, **more))).effect
    assert (effect.outcome, effect.rule) == (Outcome.NOT_SERVED, "R4.7")
    assert effect.flag("deadlines_cancelled") is True


# --- nothing tried ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "alone",
    [
        WAITED,
        fact("objection", 9, claim="no_fault"),
        fact("objection_rejected", 9, decided_by="judge"),
        fact("annulled", 9, reason="no_fault", decided_by="judge"),
        fact("arrival_proved", 9, proved_at=cases.at(8), proof="provider_log"),
        fact("audit_finding", 9, finding="never_left_court"),
        fact("address_changed", 9, new_address="a2", in_writing=True),
    ],
    ids=lambda one: one["kind"],
)
def test_a_fact_about_an_attempt_makes_none(alone: cases.Row) -> None:
    for place in ({"basis": "own", "ownership_proof": "telecom_real_name"}, {"basis": "confirmed"}):
        found = verdict(cases.scenario(alone, channel="sms", case={"procedure": "simplified"}, **place))
        assert (found.attempts, found.effect.outcome, found.effect.rule) == ((), Outcome.PENDING, "none")
        assert found.effect.explanation == "nothing has been sent yet"
        assert found.effect.flag("default_judgment_allowed") is None


# --- plans -----------------------------------------------------------------------------------------------------------


def test_a_planned_notice_is_judged_as_if_what_it_needs_were_on_file() -> None:
    asked = question(cases.scenario(fact("paper_requested", 9, address=None), channel="notice", basis="none"))
    (place,) = asked.recipient.addresses
    begun = planned(asked, book(), place)
    assert begun is not None
    assert (begun.effect.outcome, begun.effect.next) == (Outcome.PENDING, "await_notice_period")


# --- calendars -------------------------------------------------------------------------------------------------------


def notice(published: str, as_of: str, **more: Any) -> cases.Row:
    return cases.scenario(
        *cases.notice(published), channel="notice", basis="none", document="complaint_copy", as_of=as_of, **more
    )


def test_a_year_without_a_calendar_is_for_the_judge_once_it_matters() -> None:
    unknown = max(book().rest_days.years) + 1
    effect = verdict(notice(f"{unknown}-03-02", f"{unknown}-05-04T10:00:00+08:00")).effect
    assert (effect.outcome, effect.next, effect.rule) == (Outcome.REVIEW, "judge_decision", "no_calendar")
    assert effect.explanation == f"the days off of {unknown} are not on file: the date cannot be computed"
    assert effect.explanation_zh == f"{unknown}年放假安排未收录，无法计算日期"
    assert {"CPL 95", "CPL 85(3)"} <= {*effect.grounds}
    assert effect.flag("proposed_date") is None
    running = verdict(notice(f"{unknown}-03-02", f"{unknown}-03-20T10:00:00+08:00"))
    assert running.effect.outcome is Outcome.PENDING
    assert running.changes_at == datetime.fromisoformat(f"{unknown}-04-02T00:00:00+08:00")


def test_on_its_nominal_last_day_a_term_needs_no_calendar_and_on_its_rolled_one_it_is_not_over() -> None:
    unknown = max(book().rest_days.years) + 1
    last = verdict(notice(f"{unknown}-03-02", f"{unknown}-04-01T23:00:00+08:00"))
    assert last.effect.outcome is Outcome.PENDING
    rolled = verdict(notice("2026-03-12", cases.at("2026-04-12")))  # 2026-04-11 is a Saturday
    assert (rolled.effect.outcome, rolled.changes_at) == (
        Outcome.PENDING,
        datetime.fromisoformat(cases.at("2026-04-14", "00:00")),
    )
    assert verdict(notice("2026-03-12", cases.at("2026-04-13", "23:59"))).effect.outcome is Outcome.PENDING
    assert verdict(notice("2026-03-12", cases.at("2026-04-14", "00:00"))).effect.outcome is Outcome.DEEMED


# --- terms -----------------------------------------------------------------------------------------------------------


def test_a_term_without_a_start_or_an_act_is_neither_over_nor_kept() -> None:
    letter = trial(mail(signed("self")))
    assert [letter.found(name).value for name in ("over.notice", "within.notice", "outlives.notice")] == [False] * 3
    assert letter.when("notice") is None
    running = trial(notice("2025-09-10", cases.at("2025-10-10", "23:59")))
    for name, kinds in (("within.notice", ["published"]), ("over.notice", ["published"])):
        answer = running.found(name)
        assert (answer.value, [one.kind for one in answer.facts]) == (False, kinds)
    over = trial(notice("2025-09-10", cases.at("2025-10-11", "00:00"))).found("over.notice")
    assert (over.value, [one.kind for one in over.facts]) == (True, ["published"])


@pytest.mark.parametrize(("day", "kept"), [("2025-10-10", True), ("2025-10-11", False)])
def test_an_act_on_the_last_day_is_within_the_term(day: str, kept: bool) -> None:
    came = fact("signed", day, "23:00", by=cases.by("self"))
    asked = notice("2025-09-10", cases.at("2025-11-01"))
    within = trial({**asked, "events": [*asked["events"], came]}).found("within.notice")
    assert (within.value, sorted(one.kind for one in within.facts)) == (kept, ["published", "signed"])


@pytest.mark.parametrize(("published", "runs_over"), [("2021-11-01", False), ("2021-11-03", True)])
def test_a_notice_outlives_its_text_when_it_ends_after_the_last_day_of_that(published: str, runs_over: bool) -> None:
    asked = trial(notice(published, cases.at("2022-03-01")))
    assert asked.found("outlives.notice").value is runs_over
    assert trial(notice("2025-09-10", cases.at("2025-11-01"))).found("outlives.notice").value is False


def test_a_rest_day_at_the_end_rolls_as_the_make_up_knob_says() -> None:
    asked = notice("2025-09-11", cases.at("2025-11-01"))  # 2025-10-11 is a Saturday on which people work
    days = {knob: verdict({**asked, "knobs": {"K15": knob}}).effect.effective_date for knob in ("yes", "no")}
    assert days == {"yes": date(2025, 10, 11), "no": date(2025, 10, 13)}


# --- instants --------------------------------------------------------------------------------------------------------


def test_a_day_alone_is_dated_by_the_fact_on_it_else_by_its_end() -> None:
    letter = trial(mail(signed("self", 12)))
    told = Fact(kind="returned", at=datetime.fromisoformat("2025-09-11T16:30:00+00:00"))
    assert instant_of(When(date(2025, 9, 12), (told,)), letter) == told.at
    end = datetime.fromisoformat("2025-09-11T23:59:59.999999+08:00")
    assert instant_of(When(date(2025, 9, 11), (told,)), letter) == end
    assert instant_of(When(told.at), letter) is told.at


def test_what_dates_an_effect_is_named_by_its_kind() -> None:
    assert verdict(own(READ, consents=[cases.consent()])).effect.dated_by == "read"
    assert verdict(message()).effect.dated_by is None


def test_an_attempt_without_an_address_has_no_place() -> None:
    asked = question(message())
    whole = Trial(asked, book(), None, 1, (), lambda _: None)
    assert whole.found("medium").value == "none"
    with pytest.raises(ValueError, match="no attempt, no address"):
        _ = whole.place


# --- knobs -----------------------------------------------------------------------------------------------------------


def test_a_knob_is_a_ground_only_where_the_answer_would_be_another_without_it() -> None:
    read = own(READ)
    assert "K1" in grounds({**read, "knobs": {"K1": "presumed"}})
    assert "K2" not in grounds({**read, "knobs": {"K1": "presumed", "K2": "arrival_time"}})
    assert "K2" in grounds({**own(ARRIVED, READ), "knobs": {"K1": "presumed", "K2": "arrival_time"}})
    assert "K6" not in grounds({**read, "knobs": {"K6": "deemed"}})


# --- the service as a whole ------------------------------------------------------------------------------------------


def whole(scenario: cases.Row, name: str) -> object:
    return verdict(scenario).whole.found(name).value


def test_clear_days_are_counted_to_a_hearing_from_a_date() -> None:
    hearing = {"hearing_at": cases.at(20)}
    assert whole(message(ARRIVED, papers=hearing), "clear_days_left") == "enough"
    assert whole(message(ARRIVED, papers={"hearing_at": cases.at(19)}), "clear_days_left") == "few"
    assert whole(message(papers=hearing), "clear_days_left") == whole(message(ARRIVED), "clear_days_left") == "none"


@pytest.mark.parametrize(
    ("asked", "given", "paper"),
    [
        ((), (), "not_asked"),
        ((), (18,), "not_asked"),
        ((17,), (), "asked"),
        ((17,), (17,), "handed_over"),
        ((17,), (18,), "handed_over"),
        ((18,), (17,), "asked"),
        ((17, 20), (18,), "asked"),
        ((17, 18), (19,), "handed_over"),
    ],
)
def test_paper_is_due_until_it_is_handed_over_after_the_last_request(
    asked: tuple[int, ...], given: tuple[int, ...], paper: str
) -> None:
    facts = [fact("paper_requested", day, address=None) for day in asked]
    facts += [fact("paper_handed_over", day, address=None) for day in given]
    assert whole(message(ARRIVED, *facts), "paper") == paper


def test_who_died_at_the_instant_of_the_question_is_dead() -> None:
    def died(time: str) -> bool | str | None:
        standing = {"standing": {"kind": "deceased", "since": cases.at(20, time)}}
        return verdict(mail(signed("self"), document="judgment", recipient=standing, as_of=cases.at(20))).effect.flag(
            "deadline_frozen"
        )

    assert (died("10:00"), died("10:01")) == (True, None)


# --- people ----------------------------------------------------------------------------------------------------------


NOW = datetime.fromisoformat("2025-09-16T12:00:00+08:00")


@pytest.mark.parametrize("kind", ["clerk_confirm", "judge_decision", "cure_evidence", "direct_service"])
def test_the_tasks_that_decide_on_an_effect(kind: str) -> None:
    task = Task(id="t", kind=kind, reason="", opened_at=NOW, due_at=NOW, owner="clerk", proposal="deemed 2025-09-10")
    made = attempted("email", NOW)
    for said in ("confirm", "reject"):
        ((_, asked),) = questions(replace(made, closed_tasks=((task, said),)), NOW)
        assert (len(asked.accepted), len(asked.rejected)) == ((1, 0) if said == "confirm" else (0, 1))
