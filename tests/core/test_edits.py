"""What a court's lawyer does to the rules is data: new rows from a day on, and old cases keep their answers."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from delivery.core.effect import decide
from delivery.core.periods import Case, Start, compute
from delivery.core.rulebook import Rulebook
from delivery.rulebooks import SHIPPED, period_law, rulebook_of
from tests.core import cases
from tests.core.questions import question, verdict
from tests.core.world import book

PERIODS = period_law(SHIPPED, "cn")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    for folder in ("rules", "calendars"):
        shutil.copytree(SHIPPED / folder, tmp_path / folder)
    return tmp_path / "rules" / "cn"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def read(rules: Path) -> Rulebook:
    return rulebook_of(rules.parents[1], "cn")


def notice(published: str, **more: Any) -> cases.Row:
    return cases.scenario(
        *cases.notice(published),
        **{"channel": "notice", "basis": "none", "document": "complaint_copy", "as_of": cases.at("2026-12-30"), **more},
    )


def dated(scenario: cases.Row, rules: Rulebook | None = None) -> str:
    return str(verdict(scenario, rules).effect.effective_date)


LENGTH = """domicile = "mainland" }
day = ["notice_issued"]
valid_from = 2022-01-01
"""
NEW_LENGTH = """domicile = "mainland" }
day = ["notice_issued"]
valid_from = 2022-01-01
valid_to = 2026-02-28

[[term]]
id = "notice"
from = "last_publication"
n = 45
unit = "day"
rolls_when = { K17 = "roll" }
grounds = ["K17"]
act = "signed"
when = { domicile = "mainland" }
day = ["notice_issued"]
valid_from = 2026-03-01
"""


def test_a_notice_begun_before_the_new_length_keeps_the_old(rules: Path) -> None:
    edit(rules / "notice.toml", LENGTH, NEW_LENGTH)
    edited = read(rules)
    assert dated(notice("2026-02-27")) == dated(notice("2026-02-27"), edited) == "2026-03-30"
    assert (dated(notice("2026-03-02")), dated(notice("2026-03-02"), edited)) == ("2026-04-01", "2026-04-16")
    kept = cases.scenario(
        *cases.notice("2026-03-02", ordered="2026-02-28"),
        channel="notice",
        basis="none",
        document="complaint_copy",
        as_of=cases.at("2026-12-30"),
    )
    assert dated(kept, edited) == "2026-04-01"


def test_a_make_up_working_day_ends_a_notice_where_a_saturday_did_not(rules: Path) -> None:
    saturday = notice("2026-03-12")
    assert dated(saturday) == "2026-04-13"
    edit(
        rules.parents[1] / "calendars" / "cn" / "2026.toml",
        "days = [",
        'days = [\n    { date = 2026-04-11, kind = "make_up", festival = "清明节" },',
    )
    assert dated(saturday, read(rules)) == "2026-04-11"
    assert dated({**saturday, "knobs": {"K15": "no"}}, read(rules)) == "2026-04-13"


TRIES = [cases.fact("delivery_attempt", f"2026-01-{day:02d}", result="nobody_home") for day in (5, 6, 7)]
NO_ANSWER = cases.fact("contact_attempt", "2026-01-07", "11:00", means="phone", result="no_answer")


def nobody_home(posted: str) -> cases.Row:
    back = cases.fact("returned", "2026-01-08", reason="nobody_home", court_received_on="2026-01-09")
    post = cases.fact("posted", posted, carrier="state_post")
    return cases.scenario(post, *TRIES, NO_ANSWER, back, as_of=cases.at("2026-02-01"))


def test_letters_posted_before_a_knob_was_turned_keep_the_older_default(rules: Path) -> None:
    default = 'values = ["review", "deemed", "not_served"]\ndefault = "review"\n'
    since = 'since = [{ from = 2026-01-04, value = "deemed" }, { from = 2026-06-01, value = "not_served" }]\n'
    edit(rules / "knobs.toml", default, default + since)
    edited = read(rules)
    answers = [verdict(nobody_home(day), edited).effect for day in ("2026-01-03", "2026-01-04")]
    assert [str(effect.outcome) for effect in answers] == ["review", "deemed"]
    assert str(answers[1].effective_date) == "2026-01-09"
    # what a court says for one question goes before any default
    asked = {**nobody_home("2026-01-04"), "knobs": {"K6": "not_served"}}
    assert str(verdict(asked, edited).effect.outcome) == "not_served"


ROW = """[[rule]]
id = "R4.1.locker"
table = "mail"
when = { signed = true, signer = "other", address_class = "given" }
outcome = "served"
date = "signed"
grounds = ["NEW 1"]
says = "so"
says_zh = "如此"
valid_from = 2026-03-01
valid_to = 2026-03-31

[[rule]]
id = "K4"
"""


def locker(day: str) -> cases.Row:
    post = cases.fact("posted", "2026-02-20", carrier="state_post")
    return cases.scenario(post, cases.signed("parcel_locker", day), as_of=cases.at("2026-05-01"))


def test_a_row_holds_on_its_first_day_and_on_its_last(rules: Path) -> None:
    edit(rules / "mail.toml", '[[rule]]\nid = "K4"\n', ROW)
    edited = read(rules)
    days = ("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01")
    assert [verdict(locker(day), edited).effect.rule for day in days] == [
        "R4.1.other",
        *["R4.1.locker"] * 2,
        "R4.1.other",
    ]
    assert "NEW 1" in verdict(locker(days[1]), edited).effect.grounds


# --- the same lengths in two places: what the rules wait for, and what the periods compute ---------------------------


def last_day(code: str, fact: str, day: date) -> date | None:
    return compute(code, Start(fact=fact, day=day), PERIODS, case=Case(kind="civil")).last_day


DAYS = [date(2020, 1, 6) + timedelta(days=37 * n) for n in range(60)]
EDGES = [date(*day) for day in ((2021, 10, 31), (2021, 12, 31), (2022, 1, 1), (2023, 12, 31), (2024, 1, 1))]


@pytest.mark.parametrize(("domicile", "code"), [("mainland", "NOTICE_DOM"), ("foreign", "NOTICE_FOR")])
def test_a_notice_ends_as_its_period_says(domicile: str, code: str) -> None:
    law: cases.Row = {} if domicile == "mainland" else {"foreign_law": {}}
    for day in (*DAYS, *EDGES):
        asked = question(notice(day.isoformat(), recipient={"domicile": domicile, **law}))
        effect = decide(asked, book()).effect
        told = effect.effective_date or effect.flag("proposed_date")
        assert str(told) == str(last_day(code, "last_publication", day)), day


@pytest.mark.parametrize("domicile", ["foreign", "hong_kong", "macau", "taiwan"])
def test_silence_abroad_ends_as_its_period_says(domicile: str) -> None:
    found = cases.fact("circumstances_found", "2026-12-01", sufficient=True, facts=["performed"], decided_by="judge")
    law: cases.Row = {"foreign_law": {"mail": "allowed"}} if domicile == "foreign" else {}
    for day in (*DAYS, *EDGES):
        post = cases.fact("posted", day.isoformat(), carrier="state_post")
        silent = cases.scenario(
            post,
            found,
            recipient={"domicile": domicile, **law},
            as_of=cases.at("2026-12-30"),
            document="complaint_copy",
        )
        assert dated(silent) == str(last_day("FOREIGN_MAIL_SILENCE", "posting", day)), day


def test_the_three_days_after_a_signature_end_as_their_period_says() -> None:
    """The last day is in time, the next one is not."""
    for day in DAYS[50:]:
        ends = last_day("MAIL_MISMATCH", "mail_signature", day)
        assert ends is not None
        answers = [raised(day, ends + timedelta(days=more)) for more in (0, 1)]
        assert [str(effect.outcome) for effect in answers] == ["not_served", "served"], day


def raised(signed: date, told: date) -> Any:
    spouse = cases.signed("spouse", signed.isoformat(), adult=True, cohabiting=True)
    post = cases.fact("posted", (signed - timedelta(days=2)).isoformat(), carrier="state_post")
    differs = cases.fact(
        "content_mismatch",
        told.isoformat(),
        "23:59",
        raised_by=cases.by("self"),
        raised_to="court",
        in_writing=True,
        documents_returned=True,
    )
    return verdict(cases.scenario(post, spouse, differs, as_of=cases.at("2026-12-30"))).effect


@pytest.mark.parametrize("kind", ["civil", "administrative", "criminal"])
@pytest.mark.parametrize("document", ["judgment", "ruling"])
@pytest.mark.parametrize("domicile", ["mainland", "taiwan"])
def test_a_death_freezes_the_deadline_until_the_last_day_of_the_appeal(kind: str, document: str, domicile: str) -> None:
    code = {"judgment": "APPEAL_JUDGMENT", "ruling": "APPEAL_RULING"}[document]
    start = Start(fact="service", day=date(2025, 9, 16), outcome="served")
    ends = compute(code, start, PERIODS, case=Case(kind=kind), prc_domicile=domicile == "mainland").last_day
    assert ends is not None
    for more, frozen in ((0, True), (1, None)):
        since = cases.at((ends + timedelta(days=more)).isoformat(), "23:00")
        asked = question(
            cases.mail(
                cases.signed("self", 16),
                document=document,
                case={"kind": kind},
                recipient={"domicile": domicile, "standing": {"kind": "deceased", "since": since}},
                as_of=cases.at("2025-12-30"),
            )
        )
        effect = decide(asked, book()).effect
        assert (effect.effective_date, effect.flag("deadline_frozen")) == (date(2025, 9, 16), frozen)
