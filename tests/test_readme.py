"""What is written for people is true: examples run, links lead somewhere, every setting and word is explained."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from delivery import channel_settings
from delivery.__main__ import main
from delivery.checking import checked
from delivery.core.words import OUTCOMES
from delivery.settings import CourtSettings
from tests import servers

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
OPERATING = (PROJECT / "docs" / "operating.md").read_text(encoding="utf-8")
CLERKS = (PROJECT / "docs" / "clerks.md").read_text(encoding="utf-8")
EXAMPLE = PROJECT / "config" / "production.example.toml"
PAGES = [*PROJECT.glob("*.md"), *sorted((PROJECT / "docs").rglob("*.md"))]
LOCAL = 'from delivery.__main__ import main; raise SystemExit(main(["serve", "--config", "config/local.toml"]))'

# --- examples --------------------------------------------------------------------------------------------------------


def blocks(text: str) -> list[list[str]]:
    """The commands of each `sh` block, without comments."""
    found = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"\s+# .*", "", block).replace("\\\n", " ").strip().splitlines() for block in found]


def test_the_two_commands_are_in_the_makefile() -> None:
    targets = re.findall(r"^(\w+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert blocks(README)[0] == ["make run", "make test"]
    assert {"run", "test"} <= set(targets)


@pytest.fixture(scope="module")
def at_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The service of the README's third example; yields the environment in which its neighbours run."""
    folder = tmp_path_factory.mktemp("songda data")
    http, queue = servers.free_port(), servers.free_port()
    environment = os.environ | {
        "SONGDA_DATA": str(folder),
        "SONGDA_HTTP_PORT": str(http),
        "SONGDA_NATS_PORT": str(queue),
    }
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with servers.running([sys.executable, "-c", LOCAL], cwd=PROJECT, env=environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("songda is at work"), "the service did not start"
        yield environment


def shell(commands: list[str], environment: dict[str, str]) -> str:
    """Run them as a reader would, but against the service of this test; what they print."""
    port, data = environment["SONGDA_HTTP_PORT"], shlex.quote(environment["SONGDA_DATA"])
    songda = f"{shlex.quote(sys.executable)} -m delivery"
    script = "\n".join(commands).replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    script = script.replace("$(cat songda-data/", f"$(cat {data}/").replace(".venv/bin/songda", songda)
    script = re.sub(r"(submit .*)", rf"\1 --to http://127.0.0.1:{port}", script)
    done = subprocess.run(
        ["bash", "-ec", script], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def values(printed: str) -> list[dict[str, object]]:
    """All JSON texts, one behind the other."""
    found, decoder, rest = [], json.JSONDecoder(), printed.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def test_the_case_is_handed_in_from_a_shell_and_over_http(at_work: dict[str, str]) -> None:
    serve, from_a_shell, over_http, _ = blocks(README)[1:]
    assert shlex.split(serve[0])[1:] == ["serve", "--config", "config/local.toml"]
    answer, *routes = values(shell(from_a_shell, at_work))
    assert len(answer["deliveries"]) == 5  # type: ignore[arg-type]
    assert [route["recipient"] for route in routes] == ["r1", "r2", "r3", "r4", "r5"]
    servers.debian("curl", "curl")
    again, reports = values(shell(over_http, at_work))
    assert again == answer, "the same submission, the same answer"
    first = reports["reports"][0]  # type: ignore[index]
    assert first["type"] == "songda.report.submission_accepted.v1"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_command_that_is_named_exists(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in set(re.findall(r"(?:`|bin/)songda ([a-z][a-z-]+)", page.read_text(encoding="utf-8"))):
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert "example:" in capsys.readouterr().out


def test_what_one_will_see_is_what_the_demo_prints() -> None:
    """The table of the README is the demo's: same columns, and the ends that the demo itself expects."""
    tree = ast.parse((PROJECT / "delivery" / "demo.py").read_text(encoding="utf-8"))
    expected = next(
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "EXPECTED" and node.value
    )
    rows = re.findall(r"^\S+ .*?  (served|deemed) +(\S+)  (.*?)  +(r\d)\.pdf  ok$", README, re.MULTILINE)
    assert {proof: (outcome, day) for outcome, day, _, proof in rows} == {r: end[:2] for r, end in expected.items()}
    assert all(expected[proof][2] in grounds for _, _, grounds, proof in rows)


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_files_that_are_named_are_there(page: Path) -> None:
    named = re.findall(
        r"`((?:delivery|adapters|signing|config|docs|tests)/[\w/.-]+\.(?:py|toml|md|json|yaml))`",
        page.read_text("utf-8"),
    )
    assert [name for name in named if not (PROJECT / name).exists()] == []


def test_pictures_are_small() -> None:
    pictures = list((PROJECT / "docs" / "pictures").iterdir())
    assert pictures
    assert [picture.name for picture in pictures if picture.stat().st_size > 200_000] == []


def test_every_decision_is_listed() -> None:
    folder = PROJECT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


def test_every_library_has_a_line() -> None:
    page = (PROJECT / "docs" / "decisions" / "0008-dependencies.md").read_text(encoding="utf-8")
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    asked = [re.split(r"[\[<>=]", name)[0] for name in project["dependencies"]]
    assert re.findall(r"^\| ([a-z0-9-]+) \|(?! it)", page, re.MULTILINE)[1:] == asked


# --- settings --------------------------------------------------------------------------------------------------------


def settings_read() -> set[str]:
    """Every setting that delivery/settings.py asks for."""
    source = (PROJECT / "delivery" / "settings.py").read_text(encoding="utf-8")
    asked = set(re.findall(r'self\._(?:value|number|port)\("(\w+)", "(\w+)"', source))
    return {name for _, name in asked} | {each.name for each in fields(CourtSettings)} | {"adapter"}


def adapter_settings() -> set[str]:
    secrets = {"password", "secret", "authorization", "key"}
    names = {each.name for kind in channel_settings.KINDS.values() for each in fields(kind)}
    return {f"{name}_file" if name in secrets else name for name in names}


def test_operating_names_every_setting() -> None:
    named = set(re.findall(r"`(\w+)`", OPERATING))
    assert len(settings_read()) > 20
    assert sorted((settings_read() | adapter_settings()) - named) == []


def test_the_example_shows_every_setting() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    shown = set(re.findall(r"^(?:# ?)?(?:\[channels\.\w+\.)?(\w+)(?: = |\])", text, re.MULTILINE))
    own = {"rehearsal"}  # set by songda itself
    assert sorted((settings_read() | adapter_settings()) - shown - own) == []


def test_the_example_has_no_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SONGDA_DATA", "SONGDA_HTTP_PORT", "SONGDA_NATS_PORT"):
        monkeypatch.delenv(name, raising=False)
    settings = checked(EXAMPLE)
    assert not settings.self_made
    assert not settings.rehearsal
    assert str(settings.data) == "/var/lib/songda"


# --- words -----------------------------------------------------------------------------------------------------------


def test_the_clerks_page_explains_every_outcome() -> None:
    assert [zh for zh, _ in OUTCOMES.values() if f"| {zh} |" not in CLERKS] == []
    assert [en for _, en in OUTCOMES.values() if f"| {en.lower()} " not in CLERKS.lower()] == []
