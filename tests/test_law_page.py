"""docs/law.md is true: its rows are those of the rulebook, its questions those of knobs.toml, its examples run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from delivery.core.calendars import read_local
from delivery.core.knobs import read_knobs
from delivery.core.period_question import PeriodQuestion, read_period_question
from delivery.rulebooks import calendar_of, period_law

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "law.md").read_text(encoding="utf-8")
RULES = PROJECT / "config" / "rules" / "cn"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def tables(name: str) -> dict[str, Any]:
    return tomllib.loads((RULES / f"{name}.toml").read_text(encoding="utf-8"))


ROW, SETTING, LOCAL, EDIT = blocks("toml")
PRINTED, DRAFT, BOTH = blocks("sh")


def shell(script: str, folder: Path) -> str:
    songda = f"{shlex.quote(sys.executable)} -m delivery"
    script = script.replace(".venv/bin/songda", songda).replace("songda-data", shlex.quote(str(folder)))
    done = subprocess.run(
        ["bash", "-ec", script], cwd=PROJECT, env={**os.environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_row_is_one_of_the_rulebook() -> None:
    (row,) = tomllib.loads(ROW)["rule"]
    assert row in tables("electronic")["rule"]


def test_every_file_and_every_table_is_named() -> None:
    assert [path.name for path in RULES.glob("*.toml") if f"`{path.name}`" not in PAGE] == []
    assert [name for name in tables("rulebook")["table"] if f"`{name}`" not in PAGE] == []
    assert [
        name for name in tables("electronic")["rule"][0] if name not in ("id", "table") and f"`{name}`" not in PAGE
    ] == []


def test_every_open_question_is_listed_with_its_values() -> None:
    listed = re.findall(r"^\| (K\w+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    knobs = tables("knobs")["knob"]
    assert [name for name, _, _ in listed] == list(knobs)
    for name, question, values in listed:
        knob = knobs[name]
        assert question == f"{knob['question']} {knob['question_zh']}"
        assert re.findall(r"`(.+?)`", values) == [*knob.get("values", [knob["default"], knob.get("form")])]
        assert values.startswith(f"`{knob['default']}`")


def test_a_court_sets_a_value_from_a_day_on() -> None:
    shown = tomllib.loads(SETTING)["knob"]["K6"]
    knob = read_knobs("page", {"knob": {"K6": shown}}).by_id["K6"]
    assert {name: value for name, value in shown.items() if name != "since"} == tables("knobs")["knob"]["K6"]
    assert (knob.at(date(2026, 6, 30)), knob.at(date(2026, 7, 1))) == ("review", "deemed")


def test_a_courts_own_days_are_written_so() -> None:
    calendar = calendar_of(PROJECT / "config", "cn")
    local = read_local("page", tomllib.loads(LOCAL), calendar)
    assert {*local.off} - {*calendar.off} == {date(2025, 7, 11)}


def test_an_objection_to_jurisdiction_does_what_the_page_says() -> None:
    (shown,) = re.findall(r'`("suspensions": .+?\])`', PAGE)
    start = {"fact": "service", "outcome": "served", "date": "2025-09-01"}
    asked = {"id": "page", "jurisdiction": "cn", "period": "EVIDENCE", "case_kind": "civil", "start": start}
    asked |= {"length": {"n": 30, "unit": "day"}, **json.loads(f"{{{shown}}}")}
    question = read_period_question(asked, "", lambda name: period_law(PROJECT / "config", name))
    assert isinstance(question, PeriodQuestion), question
    assert question.answer().last_day == date(2025, 11, 11)
    assert "end on 11 November" in PAGE


def test_the_explanation_is_what_is_printed(tmp_path: Path) -> None:
    (page,) = map(json.loads, blocks("json"))
    told = json.loads(shell(PRINTED, tmp_path))
    shown, nearly = page["explanation"].pop("nearly"), told["explanation"].pop("nearly")
    assert page == told
    assert 0 < len(shown) < len(nearly)
    assert [near for near in nearly if near in shown] == shown


def test_every_part_of_an_explanation_has_its_line() -> None:
    (page,) = map(json.loads, blocks("json"))
    assert [name for name in page["explanation"] if f"| `{name}`" not in PAGE and f", `{name}`" not in PAGE] == []


def test_a_change_of_a_rule_does_what_the_page_says(tmp_path: Path) -> None:
    shell(DRAFT, tmp_path)
    file = tmp_path / "draft" / "rules" / "cn" / "notice.toml"
    head, found, rest = file.read_text(encoding="utf-8").partition(
        'n = 30\nunit = "day"\nrolls_when = { K17 = "roll" }\ngrounds = ["K17"]\nact = "signed"\n'
        'when = { domicile = "mainland" }\nday = ["notice_issued"]\nvalid_from = 2022-01-01\n'
    )
    assert found
    file.write_text(head + found + EDIT + rest, encoding="utf-8")
    told = [json.loads(line) for line in shell(BOTH, tmp_path).splitlines()]
    rows = re.findall(r"^\| `(ordered-[a-z-]+)` \| (\w+) (\S+) \| (\w+) (\S+) \|$", PAGE, re.MULTILINE)
    before = [(name, outcome, day) for name, outcome, day, _, _ in rows]
    after = [(name, outcome, day) for name, _, _, outcome, day in rows]
    assert [(one["id"], one["outcome"], one["effective_date"]) for one in told] == before + after
    assert before != after


def test_the_hours_are_where_the_page_says() -> None:
    assert "`hours_knob` in `routing.toml`" in PAGE
    assert tables("routing")["routing"]["hours_knob"] == "K13"
