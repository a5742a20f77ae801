"""`--court`: the commands count with what one court has of its own, its festivals and the outages on record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.flows.shell import songda
from tests.servers import PROJECT

HERE, ELSEWHERE = "632801", "632802"
APPEAL = {
    "id": "X01",
    "jurisdiction": "cn",
    "period": "APPEAL_JUDGMENT",
    "case_kind": "civil",
    "start": {"fact": "service", "outcome": "served", "date": "2025-09-16"},
}
LETTER = {
    "id": "M01",
    "jurisdiction": "cn",
    "as_of": "2025-09-20T09:00:00+08:00",
    "case": {"kind": "civil", "procedure": "ordinary", "stage": "first_instance", "court": "ordinary"},
    "document": {"type": "summons"},
    "recipient": {
        "role": "defendant",
        "kind": "natural_person",
        "domicile": "mainland",
        "standing": {"kind": "normal", "since": None},
    },
    "consents": [],
    "addresses": [{"id": "a1", "channel": "post", "basis": "confirmed", "holder": "recipient"}],
    "events": [
        {"kind": "posted", "at": "2025-09-08T10:00:00+08:00", "address": "a1", "carrier": "state_post"},
        {
            "kind": "signed",
            "at": "2025-09-09T10:00:00+08:00",
            "address": "a1",
            "by": {"relation": "spouse", "adult": True, "cohabiting": True},
            "id_on_receipt": True,
            "relation_on_receipt": True,
        },
        {
            "kind": "content_mismatch",
            "at": "2025-09-15T10:00:00+08:00",
            "address": "a1",
            "raised_by": {"relation": "self"},
            "raised_to": "court",
            "in_writing": True,
            "documents_returned": True,
        },
    ],
}
"""The three days of MAIL 10 end on Friday the 12th; at a court whose festival that is, on Monday the 15th."""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings beside the shipped rules, with a festival and an outage of one court."""
    folder = tmp_path / "config"
    for name in ("rules", "calendars"):
        shutil.copytree(PROJECT / "config" / name, folder / name)
    local, outages = folder / "calendars" / "cn" / "local", folder / "outages"
    local.mkdir()
    outages.mkdir()
    days = ", ".join(f'{{ date = {day}, festival = "那达慕" }}' for day in ("2025-09-12", "2025-10-09"))
    (local / f"{HERE}.toml").write_text(f'version = "1"\ndays = [{days}]\n', encoding="utf-8")
    down = '[[outage]]\nsystem = "e-filing"\nfrom = 2025-10-09T15:00:00+08:00\nto = 2025-10-09T18:30:00+08:00\n'
    (outages / f"{HERE}.toml").write_text(down, encoding="utf-8")
    return Path(shutil.copy(PROJECT / "config" / "local.toml", folder / "court.toml"))


def answer(command: str, config: Path, scenario: dict[str, Any], *more: str) -> dict[str, Any]:
    file = config.parent / "asked.json"
    file.write_text(json.dumps(scenario), encoding="utf-8")
    said = songda(command, "--config", config, *more, file)
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def test_a_period_ends_on_the_day_of_its_court(config: Path) -> None:
    courts = {court: answer("period", config, APPEAL, "--court", court) for court in (HERE, ELSEWHERE)}
    assert {court: told["last_day"] for court, told in courts.items()} == {HERE: "2025-10-10", ELSEWHERE: "2025-10-09"}
    assert answer("period", config, APPEAL)["last_day"] == "2025-10-09"
    assert [one["from"] for one in courts[HERE]["outages"]] == ["2025-10-09T15:00:00+08:00"]
    assert "outages" not in courts[ELSEWHERE]


def test_an_effect_rolls_with_the_calendar_of_its_court(config: Path) -> None:
    outcomes = {court: answer("effect", config, LETTER, "--court", court)["outcome"] for court in (HERE, ELSEWHERE)}
    assert outcomes == {HERE: "not_served", ELSEWHERE: "served"}


def test_a_court_is_a_file_name(config: Path) -> None:
    said = songda("period", "--config", config, "--court", "../cn", config)
    assert said.returncode == 2
    assert "--court" in said.stderr


@pytest.mark.parametrize("folder", ["calendars/cn/local", "outages"])
def test_check_config_reads_what_a_court_has_of_its_own(config: Path, folder: str) -> None:
    assert songda("check-config", config).returncode == 0
    (config.parent / folder / f"{HERE}.toml").write_text("what = 1\n", encoding="utf-8")
    said = songda("check-config", config)
    assert said.returncode == 2
    assert f"{HERE}.toml: /what" in said.stderr
