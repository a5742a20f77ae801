"""The commands, as people at a shell meet them: what they print, and their exit status."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.flows.house import quiet_port
from tests.flows.shell import service, songda
from tests.servers import PROJECT

CASE = PROJECT / "config" / "demo" / "case.json"
PAPERS = ("--document", f"d1={CASE.with_name('summons.pdf')}", "--document", f"d2={CASE.with_name('complaint.pdf')}")
COMMANDS = (
    "demo",
    "serve",
    "work",
    "submit",
    "show",
    "export",
    "route",
    "effect",
    "period",
    "migrate",
    "check-config",
    "keys",
    "verify",
    "renew",
)


@dataclass(frozen=True)
class Local:
    """`config/local.toml` at work on ports and data of its own."""

    env: dict[str, str]
    log: Path
    config: Path = PROJECT / "config" / "local.toml"

    @property
    def to(self) -> tuple[str, str]:
        return ("--to", f"http://127.0.0.1:{self.env['SONGDA_HTTP_PORT']}")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    folder = tmp_path_factory.mktemp("a folder with spaces")
    ports = {"SONGDA_HTTP_PORT": str(quiet_port()), "SONGDA_NATS_PORT": str(quiet_port())}
    found = Local({"SONGDA_DATA": str(folder / "data"), **ports}, folder / "log")
    with service(["serve", "--config", found.config], found.log, env=found.env):
        yield found


def submitted(local: Local) -> dict[str, str]:
    """Delivery ids by recipient; the same ones each time."""
    said = songda("submit", CASE, *PAPERS, *local.to, **local.env)
    assert (said.returncode, said.stderr) == (0, "")
    return {each["recipient"]: each["delivery_id"] for each in json.loads(said.stdout)["deliveries"]}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_teaches_with_an_example(name: str) -> None:
    said = songda(name, "--help")
    assert said.returncode == 0
    assert re.search(rf"example:\n  songda {name}", said.stdout)


def test_what_no_open_issue_asks_for_is_absent() -> None:
    assert set(re.findall(r"^    ([a-z-]+)", songda("--help").stdout, re.MULTILINE)) == set(COMMANDS)
    assert songda("doctor").returncode == 2


def test_where_the_pages_are_is_said(local: Local) -> None:
    said = local.log.read_text()
    assert f"http://127.0.0.1:{local.env['SONGDA_HTTP_PORT']}/console/" in said
    assert f"nats://127.0.0.1:{local.env['SONGDA_NATS_PORT']}" in said


def test_submitting_twice_is_submitting_once(local: Local) -> None:
    first = submitted(local)
    assert list(first) == ["r1", "r2", "r3", "r4", "r5"]
    assert submitted(local) == first


def test_a_refusal_lists_every_fault(local: Local, tmp_path: Path) -> None:
    event = json.loads(CASE.read_text())
    event["id"], event["data"]["case"]["kind"], event["data"]["recipients"][0]["role"] = "broken", "x", "y"
    (tmp_path / "case.json").write_text(json.dumps(event))
    said = songda("submit", tmp_path / "case.json", *PAPERS, *local.to, **local.env)
    assert said.returncode == 1
    assert {error["pointer"] for error in json.loads(said.stdout)["errors"]} == {
        "/data/case/kind",
        "/data/recipients/0/role",
    }


def test_wrong_credentials_are_a_refusal(local: Local) -> None:
    said = songda("submit", CASE, *PAPERS, *local.to, SONGDA_CREDENTIALS=f"case-system.{'x' * 43}")
    assert (said.returncode, json.loads(said.stdout)["status"]) == (1, 401)


def test_what_cannot_be_sent_was_not_reached(local: Local, tmp_path: Path) -> None:
    nobody = songda("submit", CASE, *PAPERS, "--to", f"http://127.0.0.1:{quiet_port()}", **local.env)
    assert (nobody.returncode, "nobody answers" in nobody.stderr) == (2, True)
    unknown = songda("submit", CASE, "--document", f"d9={CASE}", *local.to, **local.env)
    assert (unknown.returncode, "d9" in unknown.stderr) == (2, True)
    strange = songda("submit", CASE, *local.to, SONGDA_DATA=str(tmp_path))
    assert (strange.returncode, "SONGDA_CREDENTIALS" in strange.stderr) == (2, True)


def test_a_delivery_is_shown_beside_the_running_service(local: Local) -> None:
    delivery = submitted(local)["r4"]
    said = songda("show", delivery, "--config", local.config, **local.env)
    assert said.returncode == 0
    assert "（2024）青2801民初123号  刘强" in said.stdout
    assert "Accepted" in said.stdout
    chinese = songda("show", delivery, **local.env, LC_ALL="zh_CN.UTF-8")
    assert "受理" in chinese.stdout
    machine = json.loads(songda("show", delivery, "--json", **local.env).stdout)
    assert machine["events"][0]["kind"] == "accepted"
    assert [each["document"] for each in machine["effect"]["documents"]] == ["d1", "d2"]


def test_a_delivery_that_is_not_there(local: Local, tmp_path: Path) -> None:
    assert songda("show", "nobody", **local.env).returncode == 1
    assert songda("show", "nobody", SONGDA_DATA=str(tmp_path)).returncode == 2


def test_a_route_needs_no_service() -> None:
    said = songda("route", CASE)
    assert said.returncode == 0
    routes = {line["recipient"]: line for line in map(json.loads, said.stdout.splitlines())}
    assert [step["channel"] for step in routes["r3"]["steps"]] == ["email", "post"]
    step = routes["r3"]["steps"][0]
    assert set(step) == {"address", "channel", "not_before", "wait", "reason", "grounds"}
    assert step["not_before"] == "2025-09-16T09:30:00+08:00"


def test_the_service_answers_with_the_same_routes(local: Local) -> None:
    said = songda("route", CASE, "--config", local.config, **local.env)
    token = f"case-system.{(Path(local.env['SONGDA_DATA']) / 'client-secret').read_text().strip()}"
    request = urllib.request.Request(  # noqa: S310 — our own service on loopback
        f"{local.to[1]}/v1/routes",
        data=CASE.read_bytes(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/cloudevents+json"},
    )
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
        told = json.load(reply)["routes"]
    assert told == [json.loads(line) for line in said.stdout.splitlines()]
    assert [set(route) for route in told] == [{"recipient", "steps", "rejected"}] * 5


def test_a_route_for_no_submission_lists_every_fault(tmp_path: Path) -> None:
    event = json.loads(CASE.read_text())
    del event["data"]["case"]["stage"], event["data"]["recipients"][4]["name"]
    (tmp_path / "case.json").write_text(json.dumps(event))
    said = songda("route", tmp_path / "case.json")
    assert said.returncode == 1
    assert [line.split()[0] for line in said.stderr.splitlines()] == ["/data/case/stage", "/data/recipients/4/name"]


def test_a_second_service_on_the_same_journal_is_refused(local: Local) -> None:
    said = songda("serve", "--config", local.config, **local.env)
    assert said.returncode == 2
    assert "another songda is at work" in said.stderr


@pytest.mark.parametrize("name", ["SONGDA_HTTP_PORT", "SONGDA_NATS_PORT"])
def test_a_taken_port_is_named(name: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ports = {"SONGDA_HTTP_PORT": str(quiet_port()), "SONGDA_NATS_PORT": str(quiet_port()), name: str(port)}
        said = songda("serve", SONGDA_DATA=str(tmp_path), **ports)
    assert said.returncode == 2
    assert f"port {port} is taken" in said.stderr
    assert name in said.stderr


def test_killed_and_started_again_on_the_same_ports(tmp_path: Path) -> None:
    """With everything embedded: the queue's server must not outlive the service that was killed."""
    ports = {"SONGDA_HTTP_PORT": str(quiet_port()), "SONGDA_NATS_PORT": str(quiet_port())}
    found = Local({"SONGDA_DATA": str(tmp_path / "data"), **ports}, tmp_path / "log")
    with service(["serve"], found.log, stop=signal.SIGKILL, env=found.env):
        before = submitted(found)
    with service(["serve"], found.log, env=found.env) as process:
        assert submitted(found) == before
    assert process.returncode == 0
    assert '"event": "drained"' in found.log.read_text()


def test_mistakes_of_a_settings_file_are_told_at_once(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "config" / "rules", tmp_path / "rules")
    file = tmp_path / "court.toml"
    text = (PROJECT / "config" / "demo.toml").read_text()
    broken = {
        "data_below": "data_under",
        'security = "none"': 'security = "plain"',
        'system_id = "songda"': "window = 'ten'",
        'sender_no = "1100000000001"': "",
        "20s arrived": "20s arrives",
    }
    for right, wrong in broken.items():
        assert right in text
        text = text.replace(right, wrong)
    file.write_text(text + "\n[rules]\nbook = 'xx'\n")
    for said in (songda("check-config", file), songda("serve", "--config", file, SONGDA_DATA=str(tmp_path / "data"))):
        assert said.returncode == 2
        for place in (
            "/songda/data_under",
            "/channels/email/security",
            "/channels/sms/window",
            "/channels/sms/system_id",
            "/channels/post/sender_no",
            "/counterparts/email/default",
            "/rules/book",
        ):
            assert place in said.stderr, said.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("632802", "/court/1: self_made makes the accounts of one court"),
        ("632801", "/court: each court needs a code of its own"),
        ("../keys", "/court/1/code: letters, digits"),
    ],
)
def test_a_second_court_that_would_take_the_accounts_of_the_first(code: str, fault: str, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "config" / "rules", tmp_path / "rules")
    second = {"code": code, "name_zh": "邻近县人民法院", "name_en": "People's Court of Linjin", "phone": "0000-5550099"}
    table = "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in second.items())
    local = (PROJECT / "config" / "local.toml").read_text()
    file = tmp_path / "courts.toml"
    file.write_text(f"{local}\n[[court]]\n{table}")
    for said in (songda("check-config", file), songda("serve", "--config", file, SONGDA_DATA=str(tmp_path / "data"))):
        assert (said.returncode, f"{file}: {fault}" in said.stderr) == (2, True), said.stderr
    assert not (tmp_path / "data").exists()
    file.write_text(file.read_text().replace("self_made = true", "self_made = false"))
    assert songda("check-config", file).returncode == (0 if code == "632802" else 2)


@pytest.mark.parametrize("name", ["local", "demo", "production.example"])
def test_the_shipped_settings_have_no_mistakes(name: str) -> None:
    said = songda("check-config", PROJECT / "config" / f"{name}.toml")
    assert (said.returncode, said.stderr) == (0, "")


def test_workers_alone_need_a_journal_to_share(tmp_path: Path) -> None:
    said = songda("work", SONGDA_DATA=str(tmp_path))
    assert (said.returncode, "/journal/url" in said.stderr) == (2, True)


def test_migrating_twice(tmp_path: Path) -> None:
    for _ in range(2):
        assert songda("migrate", SONGDA_DATA=str(tmp_path)).returncode == 0
    assert songda("show", "nobody", SONGDA_DATA=str(tmp_path)).returncode == 1
