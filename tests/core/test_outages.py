"""Outages of the court's systems stand beside the periods they fall into, and move nothing (law.md P14)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from delivery import rulebooks
from delivery.core.civil import CHINA
from delivery.core.deadlines import outage_grounds, outages_beside
from delivery.core.effect import decide
from delivery.core.outages import Outage, read_outages, within
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.core.tables import TablesBroken
from tests.core import cases
from tests.core.questions import question
from tests.core.world import book

LAW = rulebooks.period_law(rulebooks.SHIPPED, "cn")
FIRST, EXPIRY = date(2025, 9, 2), datetime(2025, 9, 17, tzinfo=CHINA)
APPEAL = {
    "id": "o",
    "jurisdiction": "cn",
    "period": "APPEAL_JUDGMENT",
    "case_kind": "civil",
    "start": {"fact": "service", "outcome": "served", "date": "2025-09-01"},
}


def at(day: int, time: str = "10:00") -> str:
    return f"2025-09-{day:02}T{time}:00+08:00"


def outage(begins: str, ends: str | None = None) -> dict[str, Any]:
    return {"system": "e-filing", "from": begins, **({"to": ends} if ends else {})}


def asked(*outages: dict[str, Any], **more: Any) -> PeriodQuestion:
    found = read_period_question({**APPEAL, "outages": list(outages), **more}, "", lambda _: LAW)
    assert isinstance(found, PeriodQuestion), found
    return found


@pytest.mark.parametrize(
    ("begins", "ends", "beside"),
    [
        (at(1), at(1, "23:59"), False),
        (at(1), at(2, "00:00"), False),
        (at(1), at(2, "00:01"), True),
        (at(16, "23:59"), None, True),
        (at(17, "00:00"), at(18), False),
        (at(1), None, True),
        (at(9), at(9, "10:01"), True),
    ],
)
def test_what_falls_into_a_period(begins: str, ends: str | None, beside: bool) -> None:
    one = Outage(
        system="e-filing",
        begins=datetime.fromisoformat(begins),
        ends=datetime.fromisoformat(ends) if ends else None,
    )
    assert within([one], FIRST, EXPIRY, CHINA) == ((one,) if beside else ())


def test_a_question_with_outages_has_them_in_its_answer_and_the_same_days() -> None:
    told = asked(outage(at(16, "14:00"), at(16, "18:30")), outage(at(20), at(21)))
    found = told.answer()
    assert found == asked().answer()
    (beside,) = told.beside(found)
    assert (beside["from"], beside["to"], beside["grounds"]) == (at(16, "14:00"), at(16, "18:30"), ["CPL 86"])
    assert "2025-09-16 14:00" in beside["says"]
    assert "法官决定" in beside["says_zh"]


def test_the_article_is_that_of_the_kind_of_case_and_its_time() -> None:
    criminal = asked(outage(at(9)), case_kind="criminal")
    assert [one["grounds"] for one in criminal.beside(criminal.answer())] == [["CRPL 106"]]
    start = {**APPEAL["start"], "date": "2021-09-01"}  # type: ignore[dict-item]
    old = asked(outage("2021-09-09T10:00:00+08:00"), start=start)
    assert [one["grounds"] for one in old.beside(old.answer())] == [["CPL-old 83"]]


def test_of_a_finality_those_of_every_partys_period() -> None:
    parties = [
        {"id": name, "prc_domicile": True, "start": {**APPEAL["start"], "date": day}}  # type: ignore[dict-item]
        for name, day in (("a", "2025-09-01"), ("b", "2025-09-05"))
    ]
    told = read_period_question(
        {k: v for k, v in APPEAL.items() if k != "start"}
        | {"period": "FINALITY_JUDGMENT", "parties": parties, "outages": [outage(at(3), at(3, "11:00"))]},
        "",
        lambda _: LAW,
    )
    assert isinstance(told, PeriodQuestion)
    assert len(told.beside(told.answer())) == 1


def test_where_there_is_no_period_nothing_is_beside_it() -> None:
    start = {"fact": "service", "outcome": "pending", "date": None}
    told = asked(outage(at(9)), start={**start, "date": "2025-09-01"})
    assert told.beside(told.answer()) == []


def test_those_on_record_stand_beside_the_deadlines_of_a_service() -> None:
    """A judgment that arrived on 16 September may be appealed until 9 October."""
    known = (
        Outage(system="a", begins=datetime(2025, 10, 9, 23, 0, tzinfo=CHINA)),
        Outage(
            system="b", begins=datetime(2025, 9, 16, 10, tzinfo=CHINA), ends=datetime(2025, 9, 16, 23, tzinfo=CHINA)
        ),
    )
    law = book().period_law
    assert law is not None
    there = replace(book(), period_law=replace(law, outages=known))
    told = cases.message(cases.ARRIVED, document="judgment", consents=[cases.consent()])
    effect = decide(question(told), there).effect
    assert effect == decide(question(told), book()).effect
    assert outages_beside(effect, there) == {"APPEAL_JUDGMENT": known[:1]}
    assert outage_grounds(effect, "civil", there) == ("CPL 86",)


def test_it_is_told_by_the_clock_of_the_court() -> None:
    one = Outage(system="x", begins=datetime.fromisoformat(at(9)))
    assert "2025-09-08 23:00 至 尚未恢复" in one.says(ZoneInfo("America/Santiago")).zh
    assert "not over yet" in one.says(CHINA).en


def test_a_courts_file_is_read_with_every_fault() -> None:
    later, earlier = outage(at(12), at(13)), outage(at(9))
    found = read_outages("outages/1.toml", {"outage": [later, earlier]})
    assert [one.begins.day for one in found] == [9, 12]
    wrong = {"outage": [{"from": "2025-09-09", "to": at(8)}, {"system": "x", "from": at(9), "to": at(9), "why": 1}]}
    with pytest.raises(TablesBroken) as broken:
        read_outages("outages/1.toml", wrong)
    for place in ("/outage/0/system", "/outage/0/from", "/outage/1/to", "/outage/1/why"):
        assert place in str(broken.value), place
