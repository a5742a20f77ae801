"""The ledger's key file, its public line, and what is told of wrong settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from delivery import settings
from delivery.checking import checked
from delivery.keyring import SecretMissing
from delivery.ledger_keys import WITNESS, log_key
from delivery.settings import Settings, SettingsWrong
from signing.errors import WrongPassword
from signing.notes import COSIGNATURE, ED25519, Key, read_vkey
from tests.servers import PROJECT

LOCAL = PROJECT / "config" / "local.toml"
GOOD = str(Key("witness.example", COSIGNATURE, bytes(32)))


@pytest.fixture
def local(tmp_path: Path) -> Settings:
    return replace(settings.load(LOCAL, {}), data=tmp_path)


def test_the_key_is_made_once_and_its_line_is_published(local: Settings) -> None:
    first = log_key(local)
    assert first.key.name == "songda.local/632801"
    assert log_key(replace(local, self_made=False)).key == first.key
    assert read_vkey((local.data / "log.vkey").read_text()) == first.key
    pem = local.data / "keys" / "log.pem"
    assert b"ENCRYPTED" in pem.read_bytes()
    assert pem.stat().st_mode & 0o777 == 0o600
    assert str(first).count("sign") == 0


def test_a_lost_key_stops_the_start(local: Settings) -> None:
    log_key(local)
    (local.data / "keys" / "log.pem").unlink()
    with pytest.raises(SecretMissing, match=r"log\.pem"):
        log_key(replace(local, self_made=False))


def test_another_password_opens_nothing(local: Settings) -> None:
    log_key(local)
    (local.data / "keys" / "password").write_text("other")
    with pytest.raises(WrongPassword):
        log_key(local)


@pytest.mark.parametrize(
    ("section", "faults"),
    [
        (f'origin = "log.court.example/632801"\nwitnesses = ["{GOOD}"]', []),
        ('origin = "a log"', ["/ledger/origin: a name without spaces and plus signs, such as log.court.example"]),
        ("origin = 5", ["/ledger/origin: must be a text"]),
        ('witnesses = "w"', ["/ledger/witnesses: must be a list"]),
        ("witnesses = [1]", ["/ledger/witnesses/0: must be a text, the witness's vkey"]),
        (f'witnesses = ["{GOOD}", "w"]', [f"/ledger/witnesses/1: {WITNESS}"]),
        (f'witnesses = ["{Key("a", ED25519, bytes(32))}"]', [f"/ledger/witnesses/0: {WITNESS}"]),
        ("tiles = 5", ["/ledger/tiles: no such setting"]),
    ],
)
def test_every_mistake_in_the_settings_is_told(tmp_path: Path, section: str, faults: list[str]) -> None:
    path = tmp_path / "local.toml"
    path.write_text(LOCAL.read_text("utf-8") + f"\n[ledger]\n{section}\n", "utf-8")
    for name in ("rules", "calendars"):
        (tmp_path / name).symlink_to(LOCAL.parent / name)
    told = []
    try:
        checked(path)
    except SettingsWrong as wrong:
        told = wrong.faults
    assert told == [f"{path}: {fault}" for fault in faults]
