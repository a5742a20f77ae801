"""`songda keys` beside a service that runs: the next key, two clerks, revocation; no core dump, no key in a log."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from delivery.clock import SystemClock
from signing import pdf
from signing.keys import open_key_file
from tests.flows.house import quiet_port
from tests.flows.shell import Said, environment, service, songda
from tests.servers import PROJECT
from tests.signing import documents

COURT = "632801"
CONFIG = PROJECT / "config" / "local.toml"


@dataclass(frozen=True)
class Desk:
    env: dict[str, str]
    log: Path
    pid: int

    @property
    def data(self) -> Path:
        return Path(self.env["SONGDA_DATA"])

    def keys(self, *words: str) -> Said:
        return songda("keys", *words, "--config", str(CONFIG), **self.env)

    def act(self, what: str, key: str, who: str, *more: str) -> Said:
        word = ("--password-file", str(self.data / f"{who}-password"))
        return self.keys(what, key, "--clerk", who, "--reason", "指纹已核对", *word, *more)

    def rows(self) -> list[dict[str, Any]]:
        said = self.keys("list", "--json")
        assert (said.returncode, said.stderr) == (0, "")
        found: list[dict[str, Any]] = json.loads(said.stdout)
        return found

    def states(self, *, second: bool = False) -> list[str]:
        return [row["state"] for row in self.rows() if (row["algorithm"] == "sm2-sm3") == second]

    def verified(self, content: bytes) -> str:
        """What the page for everybody says of that file."""
        part = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n' + content + b"\r\n--x--\r\n"
        )
        url = f"http://127.0.0.1:{self.env['SONGDA_HTTP_PORT']}/verify"
        kind = {"Content-Type": "multipart/form-data; boundary=x", "Accept-Language": "zh-CN"}
        with urllib.request.urlopen(urllib.request.Request(url, part, kind)) as answer:
            return str(answer.read().decode())


def sealed_with(file: Path) -> bytes:
    """By whoever has the key file and its password."""
    opened = open_key_file(file.read_bytes(), file.with_name("password").read_bytes().strip())
    seal = pdf.load_seal(opened.private_key_pem, opened.certificate_pem, "x", "x")
    return pdf.seal(documents.reportlab_letter(), seal, at=SystemClock().now(), reason="x", location="x")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ports = {"SONGDA_HTTP_PORT": str(quiet_port()), "SONGDA_NATS_PORT": str(quiet_port())}
    env = {"SONGDA_DATA": str(tmp_path / "data"), **ports}
    with service(["serve", "--config", CONFIG], tmp_path / "log", env=env) as process:
        yield Desk(env, tmp_path / "log", process.pid)


def test_the_day_of_a_rotation(desk: Desk) -> None:
    first, second = sorted(desk.rows(), key=lambda row: str(row["algorithm"]))
    assert (second["state"], second["algorithm"]) == ("sealing", "sm2-sm3")
    assert (first["state"], first["algorithm"], first["where"]["file"]) == (
        "sealing",
        "ecdsa-p256-sha256",
        "632801.pem",
    )
    said = desk.keys("rotate", "--court", COURT, "--from", "2026-01-01T00:00:00+08:00", "--reason", "年度轮换")
    assert (said.returncode, said.stderr) == (0, "")
    assert "two clerks enable it" in said.stdout
    new = desk.rows()[-1]
    assert (new["state"], new["acts"][0]["reason"], new["acts"][0]["role"]) == ("made", "年度轮换", "operator")
    assert desk.act("enable", new["id"], "clerk").returncode == 0
    again = desk.act("enable", new["id"], "clerk")
    assert (again.returncode, "another one has to" in again.stderr) == (1, True)
    assert desk.rows()[-1]["state"] == "half_enabled"
    assert desk.act("enable", new["id"], "judge").returncode == 0
    assert desk.states() == ["retired", "sealing"]
    no = desk.act("revoke", new["id"], "clerk")
    assert (no.returncode, "a judge" in no.stderr) == (1, True)
    yes = desk.act("revoke", new["id"], "judge", "--since", "2026-02-01T08:00:00+08:00")
    assert (yes.returncode, "revoked by judge (judge): 指纹已核对" in yes.stdout) == (0, True)
    assert desk.states() == ["sealing", "revoked"]
    for key, says in ((first, "签章出自本系统"), (new, "自 2026-02-01 00:00Z 起的签章不可采信")):
        assert says in desk.verified(sealed_with(desk.data / "keys" / key["where"]["file"])), key["id"]
    nothing_secret(desk)


def test_the_next_key_of_the_second_seal(desk: Desk) -> None:
    first = ("--court", COURT, "--from", "2026-01-01T00:00:00+08:00", "--reason", "年度轮换", "--national")
    said = desk.keys("rotate", *first)
    assert (said.returncode, said.stderr) == (0, "")
    new = desk.rows()[-1]
    assert (new["state"], new["algorithm"], new["where"]["kind"]) == ("made", "sm2-sm3", "sm2-file")
    for who in ("clerk", "judge"):
        assert desk.act("enable", new["id"], who).returncode == 0
    assert desk.states(second=True) == ["retired", "sealing"]
    assert desk.states() == ["sealing"], "the other seal is not touched"
    again = desk.keys("rotate", *first, "--file", new["where"]["file"])
    assert (again.returncode, "in the inventory already" in again.stderr) == (1, True)
    assert desk.keys("rotate", *first, "--file", "nowhere.pem").returncode == 2
    nothing_secret(desk)


def nothing_secret(desk: Desk) -> None:
    """Neither the passwords nor a line of a key file is in what a backup, a log or a shell would show."""
    secrets = [file.read_bytes().strip() for file in desk.data.rglob("*password")]
    for file in (desk.data / "keys").glob("*.pem"):
        secrets += file.read_bytes().split(b"-----END")[0].splitlines()[1:-1]
    assert len(secrets) > 6
    shown = desk.log.read_bytes() + desk.keys("list").stdout.encode() + desk.keys("list", "--json").stdout.encode()
    shown += b"".join(file.read_bytes() for file in desk.data.glob("journal.sqlite*"))
    assert not [secret for secret in secrets if secret in shown]


def test_no_process_of_the_service_leaves_a_core_dump(desk: Desk) -> None:
    service = psutil.Process(desk.pid)
    ours = [service, *(each for each in service.children(recursive=True) if "python" in each.name())]
    assert len(ours) > 1
    assert {each.rlimit(psutil.RLIMIT_CORE) for each in ours} == {(0, 0)}


DUMPABLE = """
import ctypes, sys
from delivery.__main__ import main
main(sys.argv[1:])
print("dumpable:", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("words", [("keys", "list"), ("export", "nobody", "-o", "x"), ("renew", "--dry-run")])
def test_a_command_that_opens_keys_keeps_its_memory_private(words: tuple[str, ...], tmp_path: Path) -> None:
    command = [sys.executable, "-c", DUMPABLE, *words, "--config", str(CONFIG)]
    env = environment(SONGDA_DATA=str(tmp_path), PYTHONPATH=str(PROJECT))
    said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "dumpable: 0"


def test_wrong_words_are_told(tmp_path: Path) -> None:
    desk = Desk({"SONGDA_DATA": str(tmp_path / "data")}, tmp_path / "log", 0)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "judge-password").write_text("wrong")
    for words, status, says in (
        (("make", "--court", "1", "--reason", "x"), 1, "no court of these settings"),
        (("rotate", "--court", COURT, "--reason", "x", "--from", "2026-01-01T00:00:00+08:00"), 1, "no key yet"),
        (
            ("make", "--court", COURT, "--reason", "x", "--algorithm", "rsa-2048", "--from", "2031-02-01T00:00+08:00"),
            1,
            "RSA",
        ),
        (("rotate", "--court", COURT, "--reason", "x", "--from", "tomorrow"), 2, "with its offset"),
        (("list", "--config", "/nowhere"), 2, "/nowhere"),
    ):
        said = songda("keys", *words, *(() if "--config" in words else ("--config", str(CONFIG))), **desk.env)
        assert (said.returncode, says in said.stderr) == (status, True), said
    assert desk.act("enable", "0" * 16, "judge").stderr == "the account or the password is wrong\n"
    assert desk.rows() == []


@pytest.mark.parametrize("what", ["list", "make", "rotate", "enable", "revoke"])
def test_help_teaches_with_an_example(what: str) -> None:
    said = songda("keys", what, "--help")
    assert (said.returncode, f"songda keys {what}" in said.stdout.partition("example:")[2]) == (0, True)
