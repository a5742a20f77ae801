"""[timestamps]: read whole, and every mistake told at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from delivery import lasting
from delivery.authorities import timestamping_of
from delivery.clock import SystemClock
from delivery.settings import AuthoritySettings, Settings, SettingsWrong, load

BASE = """
[[court]]
code = "632801"
name_zh = "格尔木市人民法院"
name_en = "People's Court of Golmud"
phone = "0979-12368"
[channels.email]
adapter = "simulated"
"""


def _load(folder: Path, more: str) -> Settings:
    path = folder / "settings.toml"
    path.write_text(BASE + more, encoding="utf-8")
    return load(path, {})


def test_without_the_table_there_is_no_authority(tmp_path: Path) -> None:
    settings = _load(tmp_path, "")
    assert settings.timestamps == ()
    assert timestamping_of(settings, SystemClock(), {}) is None


def test_an_authority_is_read_whole(tmp_path: Path) -> None:
    row = 'name = "甲", url = "https://tsa.example/tsr", trust = "tsa.pem"'
    more = f'[timestamps]\nauthorities = [{{ {row}, policy = "1.2.3", since = 2026-01-01, until = 2027-01-01 }}]'
    assert _load(tmp_path, more).timestamps == (
        AuthoritySettings(
            name="甲",
            url="https://tsa.example/tsr",
            trust="tsa.pem",
            policy="1.2.3",
            since=date(2026, 1, 1),
            until=date(2027, 1, 1),
        ),
    )


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    more = """
[timestamps]
authorities = [
  "https://tsa.example",
  { name = "", url = 7 },
  { name = "a", url = "ftp://tsa.example", trust = "t", policy = "1..2", since = 2026-01-01, until = 2026-01-01 },
  { name = "b", url = "https://tsa.example", trust = "t", since = 2026-01-01T00:00:00Z, pin = "1234" },
  { name = "c", url = "https://tsa.example", trust = "t" },
  { name = "c", url = "https://tsa.example", trust = "t" },
]
"""
    with pytest.raises(SettingsWrong) as wrong:
        _load(tmp_path, more)
    places = [fault.split(": ")[1] for fault in wrong.value.faults]
    below = "/timestamps/authorities"
    assert sorted(places) == sorted(
        [
            f"{below}/0",
            f"{below}/1/name",
            f"{below}/1/trust",
            f"{below}/1/url",
            f"{below}/2/url",
            f"{below}/2/policy",
            f"{below}/2/until",
            f"{below}/3/since",
            f"{below}/3/pin",
            below,
        ]
    )


def test_every_anchor_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    rows = ", ".join(
        f'{{ name = "{name}", url = "https://tsa.example", trust = "{name}.pem" }}' for name in ("empty", "absent")
    )
    settings = _load(tmp_path, f"[timestamps]\nauthorities = [{rows}]")
    with pytest.raises(SettingsWrong) as wrong:
        timestamping_of(settings, SystemClock(), {})
    assert [fault.split(": ")[1] for fault in wrong.value.faults] == [
        "/timestamps/authorities/0/trust",
        "/timestamps/authorities/1/trust",
    ]


def test_a_rehearsals_former_authorities_are_kept(tmp_path: Path) -> None:
    """Each start has an authority of a new key: what the former ones stamped is checked with the same file."""
    file = tmp_path / "timestamps.pem"
    for trust in (b"one\n", b"two\n", b"one\n"):
        lasting._kept(file, trust)
    assert file.read_bytes() == b"one\ntwo\n"
