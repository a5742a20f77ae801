"""`songda effect` at a shell: one answer a line, in the order of the file; what is wrong is told, the rest answered."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.core.questions import GIVEN, GIVEN_FILES, differences
from tests.flows.shell import command, environment, songda
from tests.servers import PROJECT

E01, E08 = GIVEN["E01"], GIVEN["E08"]


def answers(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def written(folder: Path, content: Any) -> Path:
    file = folder / "asked.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize("file", GIVEN_FILES, ids=lambda file: file.stem)
def test_a_given_file_is_answered_in_its_order(file: Path) -> None:
    asked = json.loads(file.read_text(encoding="utf-8"))
    said = songda("effect", file)
    assert (said.returncode, said.stderr) == (0, "")
    told = answers(said.stdout)
    assert [one["id"] for one in told] == [one["id"] for one in asked]
    assert [differences(one, scenario["expect"]) for one, scenario in zip(told, asked, strict=True)] == [{}] * len(
        asked
    )
    assert all([*one] == ["id", "outcome", "effective_date", "grounds", "next", "flags", "explanation"] for one in told)


def test_a_process_of_its_own_says_the_same() -> None:
    file = GIVEN_FILES[0]
    alone = subprocess.run(command("effect", file), env=environment(), cwd=PROJECT, capture_output=True, check=False)
    assert (alone.returncode, alone.stderr) == (0, b"")
    assert alone.stdout.decode() == songda("effect", file).stdout


def test_an_answer_explains_itself_in_two_languages(tmp_path: Path) -> None:
    (told,) = answers(songda("effect", written(tmp_path, E08)).stdout)
    why = told["explanation"]
    assert (why["rule"], why["law_of"]) == ("R3.15", "2025-09-16")
    assert why["because"] == {"address_class": "own", "read": True, "consent_covers": True}
    by = {"relation": "self"}
    assert why["facts"] == [{"kind": "read", "at": "2025-09-17T20:05:00+08:00", "address": "a1", "by": by}]
    assert all("\u4e00" <= why["says_zh"][0] <= "\u9fff" and why["says"].isascii() for why in (why, *why["nearly"]))
    nearly = {near["rule"]: near["lacks"] for near in why["nearly"]}
    assert nearly["R3.13"] == {"finding": "replied", "wanted": [True], "found": False}


def test_expect_and_title_play_no_part(tmp_path: Path) -> None:
    bare = {name: value for name, value in E08.items() if name not in ("title", "expect")}
    wrong = {**E08, "title": "x", "expect": {"outcome": "served"}}
    said = songda("effect", written(tmp_path, [bare, wrong, E08]))
    assert (said.returncode, said.stderr) == (0, "")
    assert len({*said.stdout.splitlines()}) == 1


WRONG = {
    "/1": 7,
    "/1/jurisdiction": {**E01, "jurisdiction": "atlantis"},
    "/1/jurisdiction ": {**E01, "jurisdiction": "../cn"},
    "/1/knobs/K99": {**E01, "knobs": {"K99": "yes"}},
    "/1/knobs/K6": {**E01, "knobs": {"K6": "maybe"}},
    "/1/as_of": {**E01, "as_of": "2025-09-30T12:00:00"},
    "/1/case/kind": {**E01, "case": {**E01["case"], "kind": "military"}},
    "/1/document/type": {**E01, "document": {"type": "poem"}},
    "/1/recipient/standing/kind": {**E01, "recipient": {**E01["recipient"], "standing": {"kind": "asleep"}}},
    "/1/addresses/0/basis": {**E01, "addresses": [{**E01["addresses"][0], "basis": "rumour"}]},
    "/1/events/0/kind": {**E01, "events": [{**E01["events"][0], "kind": "sung"}]},
    "/1/events/0/address": {**E01, "events": [{**E01["events"][0], "address": "a9"}]},
    "/1/events/0/weather": {**E01, "events": [{**E01["events"][0], "weather": "fine"}]},
    "/1/events": {**E01, "events": []},
    "/1/motto": {**E01, "motto": "x"},
    "/1/id": {**E01, "id": None},
}


@pytest.mark.parametrize("place", WRONG)
def test_what_is_wrong_is_told_with_its_place_and_the_others_are_answered(place: str, tmp_path: Path) -> None:
    file = written(tmp_path, [E01, WRONG[place], E08])
    said = songda("effect", file)
    assert said.returncode == 1
    assert [one["id"] for one in answers(said.stdout)] == ["E01", "E08"]
    assert said.stderr.splitlines()[0].startswith(f"{file}: {place.strip()}: ")


def test_a_single_scenario_has_places_without_a_number(tmp_path: Path) -> None:
    file = written(tmp_path, {**E01, "knobs": {"K6": "maybe", "K99": "yes"}})
    said = songda("effect", file)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.splitlines()[0] == f"{file}: /knobs/K6: The knob should be one of: review, deemed, not_served."
    assert said.stderr.splitlines()[1].startswith(f"{file}: /knobs/K99: There is no such knob.")


def test_knobs_and_rulebook_are_told_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    wrong = {**E01, "as_of": "soon"}
    file = written(tmp_path, [{**wrong, "knobs": {"K6": "maybe"}}, {**wrong, "jurisdiction": "atlantis"}])
    said = songda("effect", file)
    places = [line.removeprefix(f"{file}: ").split(":")[0] for line in said.stderr.splitlines()]
    assert (said.returncode, places) == (1, ["/0/as_of", "/0/knobs/K6", "/1/as_of", "/1/jurisdiction"])


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        ("[{", 2, "is not JSON"),
        ("", 2, "is not JSON"),
        ("[]", 1, "at least one scenario"),
        ('"E01"', 1, "/: A scenario should be an object"),
        ("{}", 1, "/id: "),
    ],
)
def test_a_file_that_is_no_scenario(content: str, status: int, says: str, tmp_path: Path) -> None:
    said = songda("effect", written(tmp_path, content))
    assert (said.returncode, said.stdout) == (status, "")
    assert says in said.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    said = songda("effect", tmp_path / "none.json")
    assert (said.returncode, said.stdout) == (2, "")
    assert "none.json" in said.stderr


def test_a_rulebook_with_faults_answers_nothing_and_names_them(tmp_path: Path) -> None:
    for folder in ("rules", "calendars"):
        shutil.copytree(PROJECT / "config" / folder, tmp_path / folder)
    rules = tmp_path / "rules" / "cn" / "mail.toml"
    text = rules.read_text(encoding="utf-8")
    rules.write_text(text.replace("signed = true", "signet = true", 1), encoding="utf-8")
    said = songda("effect", "--config", tmp_path / "court.toml", written(tmp_path, [E01]))
    assert (said.returncode, said.stdout) == (2, "")
    (fault,) = said.stderr.splitlines()
    assert "/when/signet: No such finding." in fault


def test_a_courts_own_knob_is_asked_beside_its_settings(tmp_path: Path) -> None:
    for folder in ("rules", "calendars"):
        shutil.copytree(PROJECT / "config" / folder, tmp_path / folder)
    knobs = tmp_path / "rules" / "cn" / "knobs.toml"
    text = knobs.read_text(encoding="utf-8")
    values = 'values = ["review", "presumed"]\ndefault = '
    knobs.write_text(text.replace(f'{values}"review"', f'{values}"presumed"', 1), encoding="utf-8")
    asked = written(tmp_path, [GIVEN["E09"]])
    assert answers(songda("effect", asked).stdout)[0]["outcome"] == "review"
    court = songda("effect", "--config", tmp_path / "court.toml", asked)
    assert answers(court.stdout)[0]["outcome"] == "presumed"
