"""A second rulebook, of another law and another zone, runs on the same code: what differs is data alone."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from delivery import __main__ as songda
from delivery.core import rulebook
from delivery.core.routing import plan_route
from tests.core.questions import DATA, Json, answer, differences, verdict
from tests.core.world import CONFIG, address, book, delivery, rest_days, rule_tables
from tests.flows.shell import logs_as_before

FILES = sorted((DATA / "example").glob("*.json"))
SCENARIOS: dict[str, Json] = {one["id"]: one for file in FILES for one in json.loads(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_answered_in_full(name: str) -> None:
    assert differences(answer(SCENARIOS[name], book("example")), SCENARIOS[name]["expect"]) == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_command_line_answers_them_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["effect", str(file)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in told] == [one["id"] for one in json.loads(file.read_text(encoding="utf-8"))]
    assert [wrong for one in told if (wrong := differences(one, SCENARIOS[one["id"]]["expect"]))] == []


def run(words: list[str]) -> int:
    with logs_as_before():
        return songda.main(words)


def test_they_are_written_as_the_schema_says() -> None:
    """But for their knobs: the published schema lists those of cn alone."""
    schema = json.loads((DATA / "scenarios" / "schema.json").read_text(encoding="utf-8"))
    valid = Draft202012Validator({"$defs": schema["$defs"], "$ref": "#/$defs/effect"})
    plain = [{name: value for name, value in one.items() if name != "knobs"} for one in SCENARIOS.values()]
    assert not [(one["id"], fault.message) for one in plain for fault in valid.iter_errors(one)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_order_and_repetition_play_no_part(name: str) -> None:
    events = SCENARIOS[name]["events"]
    again = {**SCENARIOS[name], "events": [*reversed(events), *events]}
    assert verdict(again, book("example")).effect == verdict(SCENARIOS[name], book("example")).effect


def test_every_row_of_the_rulebook_decides_somewhere() -> None:
    told = [verdict(scenario, book("example")) for scenario in SCENARIOS.values()]
    used = {one.rule.id for whole in told for one in whole.attempts if one.rule}
    assert {rule.id for rule in book("example").rules} == used


# --- the rulebook is what differs ------------------------------------------------------------------------------------


def test_the_same_facts_under_another_law() -> None:
    unread = SCENARIOS["D03"]
    assert verdict(unread, book("example")).effect.effective_date == date(2025, 6, 9)
    there = answer({**unread, "document": {"type": "summons"}}, book("cn"))
    assert (there["outcome"], there["effective_date"], there["next"]) == ("served", "2025-06-02", None)


def test_a_folder_is_all_it_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another name, another number of days: rules and calendar beside a settings file of their own."""
    for kind in ("rules", "calendars"):
        shutil.copytree(CONFIG / kind / "example", tmp_path / kind / "elsewhere")
    for file in (tmp_path / "rules" / "elsewhere").glob("*.toml"):
        text = file.read_text(encoding="utf-8").replace('calendar = "example"', 'calendar = "elsewhere"')
        file.write_text(text.replace("n = 7\n", "n = 14\n"), encoding="utf-8")
    asked = tmp_path / "asked.json"
    asked.write_text(json.dumps({**SCENARIOS["D19"], **moved("2026-06-02", "2026-06-20")}), encoding="utf-8")
    assert run(["effect", str(asked), "--config", str(tmp_path / "court.toml")]) == 0
    assert json.loads(capsys.readouterr().out)["effective_date"] == "2026-06-16"


def moved(arrived: str, asked: str) -> Json:
    event = {"kind": "arrived", "at": f"{arrived}T10:00:00-04:00", "address": "a1"}
    return {"jurisdiction": "elsewhere", "events": [event], "as_of": f"{asked}T10:00:00-04:00"}


def test_the_periods_it_starts_are_its_own() -> None:
    (appeal,) = verdict(SCENARIOS["D03"], book("example")).effect.deadlines
    assert (appeal.period, appeal.last_day) == ("APPEAL", date(2025, 6, 30))  # the twentieth day is a Sunday


def test_routes_follow_its_ladder() -> None:
    now = datetime.fromisoformat("2025-06-02T10:00:00-04:00")
    addresses = (address("post", "registered", "a1"), address("email", "confirmed", "a2"), address("sms", id="a3"))
    made = delivery(*addresses, address("email", "opponent_given", "a4"), at=now)
    route = plan_route(made, book("example"), now, channels=frozenset({"email", "sms", "post"}))
    assert [step.address for step in route.steps] == ["a2", "a1"]
    assert {one.address: one.grounds for one in route.rejected} == {"a3": ("Act 1",), "a4": ("Act 2",)}


INSTALLATION = """
[[court]]
code = "1"
name_zh = "示例法院"
name_en = "Example court"
phone = "1"

[channels.email]
adapter = "simulated"

[rules]
book = "{book}"
"""


@pytest.mark.parametrize(("name", "status"), [("example", 0), ("cn", 0), ("nowhere", 2)])
def test_an_installation_names_its_rulebook(
    name: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(CONFIG / "rules", tmp_path / "rules")
    settings = tmp_path / "court.toml"
    settings.write_text(INSTALLATION.format(book=name), encoding="utf-8")
    assert run(["check-config", str(settings)]) == status
    told = capsys.readouterr()
    assert ("no mistakes" in told.out) == (status == 0)
    assert ("/rules/book" in told.err) == (status == 2)


# --- what a rulebook needs -------------------------------------------------------------------------------------------


def faults(tables: dict[str, Any]) -> list[str]:
    with pytest.raises(rulebook.RulebookBroken) as broken:
        rulebook.load(tables, rest_days("example"))
    return broken.value.faults


def example(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**rule_tables("example"), "running": [], **changed}.items() if value}


ASKING = {
    "id": "new",
    "table": "paper",
    "outcome": "review",
    "next": "judge_decision",
    "grounds": ["Act 8"],
    "says": "so",
    "says_zh": "如此",
    "valid_from": date(2020, 1, 1),
}


@pytest.mark.parametrize(
    ("finding", "part"), [("tries_sufficient", "mail"), ("clear_days_left", "hearing"), ("notice_complete", "notice")]
)
def test_a_part_is_needed_where_a_row_asks_what_only_it_can_answer(finding: str, part: str) -> None:
    assert rulebook.load(example(), rest_days("example")).name == "example"
    wanted: object = "few" if part == "hearing" else True
    rows = [{**ASKING, "when": {finding: wanted, "lost": True}}, *rule_tables("example")["rule"]]
    assert [fault for fault in faults(example(rule=rows)) if fault.startswith(f"rulebook: /{part}:")]


def test_every_channel_has_its_tables() -> None:
    channels = {name: tables for name, tables in rule_tables("example")["channels"].items() if name != "phone"}
    assert [fault.partition(": ")[2][:17] for fault in faults(example(channels=channels))] == ["/channels/phone: "]


def test_sending_hours_are_those_of_its_zone() -> None:
    seven = datetime.fromisoformat("2025-06-02T07:00:00-04:00")  # in Shanghai that is 19:00
    day_time = replace(book("example"), routing=replace(book("example").routing, hours=book("cn").knobs["K13"]))
    made = delivery(address("email"), at=seven)
    (step,) = plan_route(made, day_time, seven, channels=frozenset({"email"})).steps
    assert step.not_before == datetime.fromisoformat("2025-06-02T08:00:00-04:00")
