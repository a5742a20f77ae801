"""The catalogue of periods: every code of the format with its length; a broken one does not load and says where."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from delivery import rulebooks
from delivery.core.catalogue import START_FACTS, Catalogue, read_catalogue
from delivery.core.tables import TablesBroken

SCENARIOS = Path(__file__).parents[1] / "data" / "scenarios"
KNOBS = rulebooks.knobs_of(rulebooks.SHIPPED, "cn")
Tables = dict[str, Any]


@cache
def _tables() -> Tables:
    return tomllib.loads((rulebooks.SHIPPED / "rules" / "cn" / "periods.toml").read_text(encoding="utf-8"))


def tables() -> Tables:
    return copy.deepcopy(_tables())


def cn() -> Catalogue:
    return read_catalogue("cn/periods.toml", tables(), KNOBS)


def row(found: Tables, code: str) -> Tables:
    return next(each for each in found["period"] if each["code"] == code)


# --- what it says ----------------------------------------------------------------------------------------------------


def test_the_codes_and_facts_are_those_of_the_scenario_format() -> None:
    schema = json.loads((SCENARIOS / "schema.json").read_text(encoding="utf-8"))["$defs"]
    assert set(cn().rules) == set(schema["period"]["properties"]["period"]["enum"])
    assert list(START_FACTS) == schema["start"]["properties"]["fact"]["enum"]


SERVICE = frozenset({"service"})
CIVIL, ADMIN, CRIMINAL = "civil", "administrative", "criminal"
NOW, IN_2023, IN_2021 = date(2025, 9, 16), date(2023, 12, 31), date(2021, 12, 31)
ALL_KINDS = (CIVIL, ADMIN, CRIMINAL)


@pytest.mark.parametrize("day", [date(2010, 1, 4), IN_2021, date(2022, 1, 1), IN_2023, date(2024, 1, 1), NOW])
@pytest.mark.parametrize(
    ("code", "civil", "abroad", "administrative", "criminal"),
    [
        ("ANSWER_1", "15 day", "30 day", "15 day", None),
        ("ANSWER_APPEAL", "15 day", "30 day", "15 day", None),
        ("JURISDICTION_OBJ", "15 day", "30 day", "15 day", None),
        ("APPEAL_JUDGMENT", "15 day", "30 day", "15 day", "10 day"),
        ("APPEAL_RULING", "10 day", "30 day", "10 day", "5 day"),
        ("PAYMENT_ORDER_OBJ", "15 day", "15 day", "15 day", "15 day"),
        ("PRESERVATION_RECON", "5 day", "5 day", "5 day", "5 day"),
        ("ENFORCEMENT_RECON", "10 day", "10 day", "10 day", "10 day"),
        ("ENFORCEMENT_SUIT", "15 day", "15 day", "15 day", "15 day"),
        ("RETRIAL_APPLY", "6 month", "6 month", "6 month", "6 month"),
        ("RETRIAL_OPINION", "15 day", "15 day", "15 day", "15 day"),
        ("ENFORCEMENT_APPLY", "2 year", "2 year", "2 year", "2 year"),
        ("RECOGNITION_RECON", "10 day", "10 day", "10 day", "10 day"),
        ("MAIL_MISMATCH", "3 day", "3 day", "3 day", "3 day"),
        ("FOREIGN_MAIL_SILENCE", "3 month", "3 month", "3 month", "3 month"),
        ("ONLINE_LINK_CASE", "3 day", "3 day", "3 day", "3 day"),
        ("RESTORATION", "10 day", "10 day", "10 day", "5 day"),
        ("PRESERVATION_RULING", "48 hour", "48 hour", "48 hour", "48 hour"),
    ],
)
def test_lengths(
    code: str, civil: str, abroad: str, administrative: str | None, criminal: str | None, day: date
) -> None:
    assert length(code, CIVIL, True, day) == civil
    assert length(code, CIVIL, False, day) == abroad
    for home in (True, False):
        assert length(code, ADMIN, home, day) == administrative
        assert length(code, CRIMINAL, home, day) == criminal


def length(code: str, kind: str, home: bool, day: date) -> str | None:
    found = cn().rules[code].length(kind, home, day)
    return f"{found.n} {found.unit}" if found else None


@pytest.mark.parametrize(
    ("code", "day", "expected"),
    [
        ("NOTICE_DOM", "2010-01-04", "60 day"),
        ("NOTICE_DOM", "2021-12-31", "60 day"),
        ("NOTICE_DOM", "2022-01-01", "30 day"),
        ("NOTICE_FOR", "2010-01-04", "3 month"),
        ("NOTICE_FOR", "2021-12-31", "3 month"),
        ("NOTICE_FOR", "2022-01-01", "3 month"),
        ("NOTICE_FOR", "2023-12-31", "3 month"),
        ("NOTICE_FOR", "2024-01-01", "60 day"),
    ],
)
def test_notices_have_the_length_of_their_time(code: str, day: str, expected: str) -> None:
    assert all(length(code, kind, home, date.fromisoformat(day)) == expected for kind in ALL_KINDS for home in (1, 0))


def test_who_starts_what() -> None:
    starts = {code: rule.starts for code, rule in cn().rules.items() if rule.starts not in (SERVICE, None)}
    assert starts == {
        "NOTICE_DOM": {"last_publication"},
        "NOTICE_FOR": {"last_publication"},
        "MAIL_MISMATCH": {"mail_signature"},
        "FOREIGN_MAIL_SILENCE": {"posting"},
        "ONLINE_LINK_CASE": {"notice_received"},
        "RETRIAL_APPLY": {"judgment_effective"},
        "ENFORCEMENT_APPLY": {"performance_end", "judgment_effective"},
        "RESTORATION": {"obstacle_end"},
        "PRESERVATION_RULING": {"application_received"},
        "CUSTODY": {"custody_start"},
    }
    assert [code for code, rule in cn().rules.items() if rule.starts is None and not rule.latest_of] == ["CUSTOM"]
    assert cn().starts_nothing == {"sent", "link_created"}


def test_what_never_rolls_and_what_a_court_sets() -> None:
    rules = cn().rules
    assert {code for code, rule in rules.items() if rule.rolls is False and not rule.latest_of} == {
        "PRESERVATION_RULING",
        "CUSTODY",
    }
    assert {code for code, rule in rules.items() if rule.set_by_court} == {"EVIDENCE", "CUSTODY", "CUSTOM"}
    assert {code: rule.latest_of for code, rule in rules.items() if rule.latest_of} == {
        "FINALITY_JUDGMENT": "APPEAL_JUDGMENT",
        "FINALITY_RULING": "APPEAL_RULING",
    }


def test_every_length_and_step_stands_beside_its_article() -> None:
    for rule in cn().rules.values():
        assert rule.name_zh
        assert rule.name_en
        assert all(each.sources for each in (*rule.lengths, *rule.bounds))
        assert rule.lengths or rule.sources or rule.code == "CUSTOM"
    for kind in ALL_KINDS:
        assert cn().counting("rolled", kind, NOW)
        assert cn().counting("start_excluded", kind, NOW)


def test_articles_are_those_of_the_text_in_force() -> None:
    rule = cn().rules["APPEAL_JUDGMENT"]
    cited = [rule.length(CIVIL, False, day) for day in (IN_2021, IN_2023, NOW)]
    assert [each.sources for each in cited if each] == [("CPL-old 269",), ("CPL 276",), ("CPL 286",)]
    assert cn().counting("rolled", CIVIL, date(2020, 12, 31)) == ("CPL-old 82(3)",)
    assert cn().counting("rolled", CIVIL, IN_2021) == ("CPL-old 82(3)", "CC 203")
    assert cn().counting("rolled", CIVIL, NOW) == ("CPL 85(3)", "CC 203")
    assert cn().counting("rolled", CRIMINAL, NOW) == ("CRPL 105",)


# --- what does not load ----------------------------------------------------------------------------------------------


def faults(breaks: Callable[[Tables], object]) -> list[str]:
    found = tables()
    breaks(found)
    with pytest.raises(TablesBroken) as caught:
        read_catalogue("cn/periods.toml", found, KNOBS)
    assert str(caught.value) == "\n".join(caught.value.faults)
    assert all(fault.startswith("cn/periods.toml: ") for fault in caught.value.faults)
    return [fault.removeprefix("cn/periods.toml: ") for fault in caught.value.faults]


def put(code: str, /, **fields: Any) -> Callable[[Tables], None]:
    """A change to one period; None takes a field away."""

    def change(found: Tables) -> None:
        period = row(found, code)
        for name, value in fields.items():
            period[name] = value
            if value is None:
                del period[name]

    return change


ONE = {"n": 5, "unit": "day", "sources": ["PRES 25"]}


@pytest.mark.parametrize(
    ("breaks", "place", "says"),
    [
        (put("PRESERVATION_RECON", lengths=[{**ONE, "n": 0}]), "/lengths/0/n", "whole number from 1"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "n": "five"}]), "/lengths/0/n", "whole number"),
        (put("PRESERVATION_RECON", lengths=[{"unit": "day", "sources": ["x"]}]), "/lengths/0/n", "required"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "unit": "week"}]), "/lengths/0/unit", "day, month, year, hour"),
        (put("PRESERVATION_RECON", lengths=[{"n": 5, "unit": "day"}]), "/lengths/0/sources", "required"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "sources": []}]), "/lengths/0/sources", "list of texts"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "sources": [" "]}]), "/lengths/0/sources", "list of texts"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "case_kinds": ["tax"]}]), "/lengths/0/case_kinds/0", "civil"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "case_kinds": []}]), "/lengths/0/case_kinds", "1 to 3"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "prc_domicile": "yes"}]), "/lengths/0/prc_domicile", "true or"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "valid_from": "soon"}]), "/lengths/0/valid_from", "a day"),
        (put("PRESERVATION_RECON", lengths=[{**ONE, "why": "?"}]), "/lengths/0/why", "no such field"),
        (put("PRESERVATION_RECON", lengths=[ONE, ONE]), "/lengths", "two lengths hold at one time"),
        (put("PRESERVATION_RECON", lengths=[]), "", "exactly one of lengths"),
        (put("PRESERVATION_RECON", set_by_court=True), "", "exactly one of lengths"),
        (put("PRESERVATION_RECON", set_by_court="no"), "/set_by_court", "true or false"),
        (put("PRESERVATION_RECON", starts=["service", "rumour"]), "/starts/1", "one of: service"),
        (put("PRESERVATION_RECON", starts="service"), "/starts", "a list"),
        (put("PRESERVATION_RECON", starts=None), "/starts", "required"),
        (put("PRESERVATION_RECON", rolls=None), "/rolls", "required"),
        (put("PRESERVATION_RECON", rolls="yes"), "/rolls", "true or false"),
        (put("PRESERVATION_RECON", rolls={"knob": "K99", "value": "yes"}), "/rolls/knob", "K1, K2"),
        (put("PRESERVATION_RECON", rolls={"knob": "K17", "value": "yes"}), "/rolls/value", "roll, no_roll"),
        (put("PRESERVATION_RECON", rolls={"knob": "K17"}), "/rolls/value", "required"),
        (put("PRESERVATION_RECON", rolls={"knob": "K17", "value": "roll", "a": 1}), "/rolls/a", "no such field"),
        (put("PRESERVATION_RECON", name_zh=None), "/name_zh", "required"),
        (put("PRESERVATION_RECON", name_en=""), "/name_en", "characters"),
        (put("PRESERVATION_RECON", bounds=[{"least": 1, "sources": ["x"]}]), "/bounds", "Only what a court sets"),
        (put("PRESERVATION_RECON", latest_of="ANSWER_1"), "", "exactly one of lengths"),
        (put("PRESERVATION_RECON", code="ANSWER_1"), "/code", "once"),
        (put("PRESERVATION_RECON", code="a b"), "/code", "letters"),
        (put("PRESERVATION_RECON", colour="red"), "/colour", "no such field"),
        (put("NOTICE_DOM", length_of_end_if={"knob": "K14", "value": "x"}), "/length_of_end_if/value", "end_date"),
        (put("FINALITY_RULING", latest_of="CUSTODY"), "/latest_of", "code of a period with lengths"),
        (put("FINALITY_RULING", latest_of="NONE"), "/latest_of", "code of a period with lengths"),
        (put("FINALITY_RULING", rolls=True), "/rolls", "no such field"),
        (put("EVIDENCE", bounds=[{"sources": ["x"]}]), "/bounds/0", "least or most"),
        (put("EVIDENCE", bounds=[{"least": 9, "most": 8, "sources": ["x"]}]), "/bounds/0/most", "less than least"),
        (put("EVIDENCE", bounds=[{"least": 9}]), "/bounds/0/sources", "required"),
        (put("EVIDENCE", bounds=[{"least": 0, "sources": ["x"]}]), "/bounds/0/least", "from 1"),
        (put("EVIDENCE", bounds=[{"most": 9, "stages": ["third"], "sources": ["x"]}]), "/bounds/0/stages/0", "retrial"),
    ],
)
def test_a_broken_period_is_told_with_its_place(breaks: Callable[[Tables], None], place: str, says: str) -> None:
    found = faults(breaks)
    places = {f"/period/{index}{place}" for index in range(len(tables()["period"]))}
    assert any(fault.partition(": ")[0] in places and says in fault for fault in found), found


def validity(first: str | None, last: str | None) -> Tables:
    days = {"valid_from": first, "valid_to": last}
    return {**ONE, **{name: date.fromisoformat(day) for name, day in days.items() if day}}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([(None, "2021-12-31"), ("2021-12-31", None)], "From 2021-12-31 on two lengths"),
        ([("2021-12-31", None), (None, "2021-12-31")], "From 2021-12-31 on two lengths"),
        ([(None, None), ("2022-01-01", "2022-12-31")], "From 2022-01-01 on two lengths"),
        ([(None, "2021-12-31"), ("2022-01-02", None)], "Between 2021-12-31 and 2022-01-02 there is no length"),
        ([("2024-01-01", None), (None, "2021-12-31")], "Between 2021-12-31 and 2024-01-01 there is no length"),
        ([("2024-01-01", "2023-12-31")], "should not lie before valid_from"),
    ],
)
def test_lengths_that_contradict_each_other_in_time(rows: list[tuple[str | None, str | None]], says: str) -> None:
    assert says in "\n".join(faults(put("PRESERVATION_RECON", lengths=[validity(*each) for each in rows])))


@pytest.mark.parametrize(
    "rows",
    [
        [validity(None, "2021-12-31"), validity("2022-01-01", None)],
        [validity("2024-01-01", None)],
        [{**ONE, "case_kinds": ["civil"]}, {**ONE, "case_kinds": ["criminal"]}],
        [{**ONE, "prc_domicile": True}, {**ONE, "prc_domicile": False}],
        [validity("2024-01-01", "2024-01-01")],
    ],
)
def test_lengths_that_do_not(rows: list[Tables]) -> None:
    found = tables()
    put("PRESERVATION_RECON", lengths=rows)(found)
    assert len(read_catalogue("x", found, KNOBS).rules["PRESERVATION_RECON"].lengths) == len(rows)


def test_a_bound_may_leave_one_length() -> None:
    found = tables()
    put("EVIDENCE", bounds=[{"least": 10, "most": 10, "sources": ["x"]}])(found)
    assert read_catalogue("x", found, KNOBS).rules["EVIDENCE"].bounds[0].most == 10


def test_every_fault_of_the_rest_is_told() -> None:
    def breaks(found: Tables) -> None:
        found["periods"] = {"zone": "Mars/Base", "calendar": "", "starts_nothing": ["sent", "thought"], "x": 1}
        found["means"]["post"] = {"counts": "thought_of", "sources": ["x"], "until": "K99"}
        found["means"]["courier"]["late_arrival_if"] = {"knob": "K19", "value": "maybe"}
        found["means"]["e_filing"]["until"] = "K19"
        found["means"]["pigeon"] = {}
        found["counting"][0] = {"step": "guessed", "sources": ["x"]}
        found["colour"] = "red"

    assert sorted(fault.partition(": ")[0] for fault in faults(breaks)) == [
        "/colour",
        "/counting/0/step",
        "/means/courier/late_arrival_if/value",
        "/means/e_filing/until",
        "/means/pigeon",
        "/means/post/counts",
        "/means/post/until",
        "/periods/calendar",
        "/periods/make_up_ends",
        "/periods/starts_nothing/1",
        "/periods/x",
        "/periods/zone",
    ]


@pytest.mark.parametrize("section", ["periods", "period", "means", "counting"])
def test_a_missing_section_is_told(section: str) -> None:
    assert f"/{section}: The field {section} is required." in faults(lambda found: found.pop(section))


def test_a_means_that_is_missing_is_told() -> None:
    assert faults(lambda found: found["means"].pop("courier")) == ["/means/courier: The field courier is required."]


@pytest.mark.parametrize("name", ["../etc", "/etc/passwd", "Asia", ""])
def test_a_zone_that_is_none(name: str) -> None:
    found = faults(lambda tables: tables["periods"].update(zone=name))
    assert [fault.partition(": ")[0] for fault in found] == ["/periods/zone"]
