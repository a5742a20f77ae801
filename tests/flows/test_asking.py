"""`songda period` at a shell: one answer a line, in the order of the file; what is wrong is told, the rest answered."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.flows.shell import songda
from tests.servers import PROJECT

SCENARIOS = PROJECT / "tests" / "data" / "scenarios"
PERIODS = SCENARIOS / "periods.json"
GIVEN = json.loads(PERIODS.read_text(encoding="utf-8"))
ONE = GIVEN[0]


def answers(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def written(folder: Path, content: Any) -> Path:
    file = folder / "asked.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def given_answers() -> list[dict[str, Any]]:
    said = songda("period", PERIODS)
    assert (said.returncode, said.stderr) == (0, "")
    return answers(said.stdout)


def test_answers_come_in_the_order_of_the_file(given_answers: list[dict[str, Any]]) -> None:
    assert [each["id"] for each in given_answers] == [each["id"] for each in GIVEN]


@pytest.mark.parametrize("number", range(len(GIVEN)), ids=[each["id"] for each in GIVEN])
def test_given_period(number: int, given_answers: list[dict[str, Any]]) -> None:
    expected, found = GIVEN[number]["expect"], given_answers[number]
    assert {name: found.get(name) for name in expected} == expected
    assert list(found)[:5] == ["id", "nominal_last_day", "last_day", "error", "provisional"]
    assert ("in_time" in found) is ("questions" in GIVEN[number])


def test_the_explanation_leads_to_the_day(tmp_path: Path) -> None:
    scenario = next(each for each in GIVEN if each["id"] == "X01")
    said = songda("period", written(tmp_path, scenario))
    explanation = answers(said.stdout)[0]["explanation"]
    assert explanation["basis"] == ["CPL 171", "CPL 85(2)", "CPLI 125", "CPL 85(3)", "CC 203"]
    assert explanation["first_day"] == "2025-09-17"
    assert explanation["length"] == {"n": 15, "unit": "day"}
    assert explanation["calendar_version"].startswith("2026-1+")
    assert explanation["rolled_by"][5] == {"day": "2025-10-06", "why": "中秋节"}
    assert [step["en"] for step in explanation["steps"]] == [
        "Period: appeal against a judgment (APPEAL_JUDGMENT)",
        "2025-09-16 is not counted; day 1 is 2025-09-17",
        "It lasts 15 days: the last day is 2025-10-01",
        "2025-10-01 to 2025-10-08 are rest days (National Day, Mid-Autumn Festival): it rolls to 2025-10-09",
    ]
    assert explanation["steps"][3]["zh"] == "2025-10-01 至 2025-10-08 为休息日（国庆节、中秋节），顺延至 2025-10-09"


@pytest.mark.parametrize("scenario", GIVEN, ids=[each["id"] for each in GIVEN])
def test_an_explanation_speaks_two_languages(scenario: dict[str, Any], given_answers: list[dict[str, Any]]) -> None:
    found = next(each for each in given_answers if each["id"] == scenario["id"])
    for step in found["explanation"]["steps"]:
        assert not any("\u4e00" <= character <= "\u9fff" for character in step["en"])
        assert any("\u4e00" <= character <= "\u9fff" for character in step["zh"])


def test_hours_have_an_instant(tmp_path: Path) -> None:
    start = {"fact": "application_received", "at": "2025-09-16T01:40:00Z"}
    asked = {"id": "X90", "jurisdiction": "cn", "period": "PRESERVATION_RULING", "case_kind": "civil", "start": start}
    found = answers(songda("period", written(tmp_path, asked)).stdout)[0]
    assert found["last_instant"] == "2025-09-18T10:00:00+08:00"
    assert found["explanation"]["steps"][2]["en"] == "It lasts 48 hours, until 2025-09-18T10:00:00+08:00"


def test_a_finality_names_each_party_and_the_day_it_takes_effect(tmp_path: Path) -> None:
    scenario = next(each for each in GIVEN if each["id"] == "T07")
    explanation = answers(songda("period", written(tmp_path, scenario)).stdout)[0]["explanation"]
    assert explanation["effective_on"] == "2025-10-10"
    assert {name: part["last_day"] for name, part in explanation["parties"].items()} == {
        "p1": "2025-09-25",
        "p2": "2025-10-09",
    }
    assert [step["en"] for step in explanation["steps"]][1:4] == [
        "p1: may appeal until 2025-09-25",
        "p2: may appeal until 2025-10-09",
        "The latest counts: 2025-10-09. If nobody appeals, it takes effect on 2025-10-10",
    ]


def test_check_config_reads_the_periods_too(config: Path) -> None:
    shutil.copy(PROJECT / "config" / "local.toml", config)
    edit(config.parent / "rules" / "cn" / "periods.toml", 'unit = "day"', 'unit = "week"')
    edit(config.parent / "calendars" / "cn" / "2025.toml", 'kind = "off"', 'kind = "on"')
    said = songda("check-config", config)
    assert said.returncode == 2
    assert "/rules/book: cn/periods.toml: /period/0/lengths/0/unit: " in said.stderr


def test_what_is_wrong_is_told_and_the_others_are_answered(tmp_path: Path) -> None:
    file = written(tmp_path, [ONE, {**ONE, "period": "NONE", "x": 1}, 7, GIVEN[1]])
    said = songda("period", file)
    assert said.returncode == 1
    assert [each["id"] for each in answers(said.stdout)] == [ONE["id"], GIVEN[1]["id"]]
    lines = said.stderr.splitlines()
    assert [line.removeprefix(f"{file}: ").partition(": ")[0] for line in lines] == ["/1/period", "/1/x", "/2"]
    assert "ANSWER_1" in lines[0]


def test_a_period_without_an_end_is_an_answer(tmp_path: Path) -> None:
    asked = [{**ONE, "start": {"fact": "sent", "date": "2025-09-01"}}]
    said = songda("period", written(tmp_path, asked))
    assert (said.returncode, said.stderr) == (0, "")
    assert answers(said.stdout)[0]["error"] == "wrong_start_fact"


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        ("[{", 2, "is not JSON"),
        ("", 2, "is not JSON"),
        ("[" * 100_000, 2, "is not JSON"),
        ("[]", 1, "at least one scenario"),
        ('"X01"', 1, "/: A period scenario should be an object"),
        ("{}", 1, "/id: "),
    ],
)
def test_a_file_that_is_no_scenario(content: str, status: int, says: str, tmp_path: Path) -> None:
    said = songda("period", written(tmp_path, content))
    assert (said.returncode, said.stdout) == (status, "")
    assert says in said.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        said = songda("period", path)
        assert (said.returncode, said.stdout) == (2, "")
        assert str(path) in said.stderr


def test_an_effect_scenario_is_no_period() -> None:
    file = sorted((SCENARIOS / "effect").glob("*.json"))[0]
    said = songda("period", file)
    assert (said.returncode, said.stdout) == (1, "")
    assert "/0/period: The field period is required." in said.stderr


# --- rules beside a settings file ------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A settings file with rules and calendars of its own beside it."""
    for folder in ("rules", "calendars"):
        shutil.copytree(PROJECT / "config" / folder, tmp_path / folder)
    return tmp_path / "court.toml"


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def last_day(config: Path, folder: Path, **more: Any) -> str:
    said = songda("period", "--config", config, written(folder, {**ONE, **more}))
    assert (said.returncode, said.stderr) == (0, "")
    return str(answers(said.stdout)[0]["last_day"])


NEW_LENGTH = """ },
    { n = 20, unit = "day", case_kinds = ["civil"], prc_domicile = true, valid_from = 2025-09-01, sources = ["X 1"]"""
NEW_DAY_OFF = """days = [
    { date = 2025-09-25, kind = "off", festival = "x" },"""


def test_a_lawyer_edits_the_rules_and_no_code(config: Path, tmp_path: Path) -> None:
    assert last_day(config, tmp_path) == "2025-09-25"
    edit(config.parent / "calendars" / "cn" / "2025.toml", "days = [", NEW_DAY_OFF)
    assert last_day(config, tmp_path) == "2025-09-26"
    row, rest = "valid_from = 2022-01-01, ", 'sources = ["CPL 171"]'
    edit(config.parent / "rules" / "cn" / "periods.toml", row + rest, f"{row}valid_to = 2025-08-31, {rest}{NEW_LENGTH}")
    assert last_day(config, tmp_path) == "2025-09-30"
    old = {"fact": "service", "outcome": "served", "date": "2025-08-29"}
    assert last_day(config, tmp_path, start=old) == "2025-09-15"


def test_a_court_turns_a_knob(config: Path, tmp_path: Path) -> None:
    saturday = {"fact": "service", "outcome": "served", "date": "2025-09-26"}
    assert last_day(config, tmp_path, start=saturday) == "2025-10-11"
    knobs = config.parent / "rules" / "cn" / "knobs.toml"
    edit(knobs, 'values = ["yes", "no"]\ndefault = "yes"', 'values = ["yes", "no"]\ndefault = "no"')
    assert last_day(config, tmp_path, start=saturday) == "2025-10-13"


def test_songdas_own_calendars_serve_where_there_are_none(config: Path, tmp_path: Path) -> None:
    shutil.rmtree(config.parent / "calendars")
    assert last_day(config, tmp_path) == "2025-09-25"
    assert songda("period", written(tmp_path, ONE), SONGDA_CONFIG=str(config)).returncode == 0


def test_a_broken_rulebook_names_its_faults(config: Path, tmp_path: Path) -> None:
    rules = config.parent / "rules" / "cn" / "periods.toml"
    edit(rules, 'unit = "day"', 'unit = "week"')
    edit(rules, 'starts = ["service"]', 'starts = ["rumour"]')
    said = songda("period", "--config", config, written(tmp_path, ONE))
    assert (said.returncode, said.stdout) == (2, "")
    assert [line.split(": ")[:2] for line in said.stderr.splitlines()] == [
        ["cn/periods.toml", "/period/0/starts/0"],
        ["cn/periods.toml", "/period/0/lengths/0/unit"],
    ]


@pytest.mark.parametrize("name", ["rules/cn/knobs.toml", "rules/cn/periods.toml", "calendars/cn/2025.toml"])
def test_a_file_that_is_not_toml_is_named(name: str, config: Path, tmp_path: Path) -> None:
    (config.parent / name).write_text("[", encoding="utf-8")
    said = songda("period", "--config", config, written(tmp_path, ONE))
    assert (said.returncode, said.stdout) == (2, "")
    assert f"{'/'.join(name.split('/')[-2:])}: is not TOML" in said.stderr


def test_a_rulebook_without_periods_is_told_as_the_scenarios_fault(config: Path, tmp_path: Path) -> None:
    (config.parent / "rules" / "cn" / "periods.toml").unlink()
    said = songda("period", "--config", config, written(tmp_path, ONE))
    assert said.returncode == 1
    assert "/jurisdiction: There is no rulebook for periods with this name." in said.stderr


def test_a_courts_own_festivals(config: Path) -> None:
    from delivery import rulebooks

    local = config.parent / "calendars" / "cn" / "local"
    local.mkdir()
    (local / "632801.toml").write_text(
        'version = "1"\ndays = [{ date = 2025-09-25, festival = "那达慕" }]\n', encoding="utf-8"
    )
    here, elsewhere = (rulebooks.period_law(config.parent, "cn", court).calendar for court in ("632801", "632802"))
    assert (len(here.off), here.years) == (len(elsewhere.off) + 1, elsewhere.years)
    assert rulebooks.period_law(config.parent, "cn").calendar == elsewhere
