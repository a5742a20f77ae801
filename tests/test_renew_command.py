"""`songda renew` at a shell: its exit status, and that it needs nothing to be at work."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery import wiring
from delivery.__main__ import main

SETTINGS = """
[songda]
data = "{folder}"
self_made = true
[[court]]
code = "632801"
name_zh = "格尔木市人民法院"
name_en = "People's Court of Golmud"
phone = "0979-12368"
[channels.email]
adapter = "simulated"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    for name in ("rules", "calendars"):
        (tmp_path / name).symlink_to(wiring.DEFAULT.parent / name)
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS.format(folder=tmp_path / "data"), encoding="utf-8")
    return path


def test_without_a_journal_there_is_nothing_to_renew(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["renew", "--config", str(config)]) == 2
    assert "there is no journal" in capsys.readouterr().err


def test_an_empty_journal_is_soon_done(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "--config", str(config)]) == 0
    assert main(["renew", "--config", str(config)]) == 0
    assert "0 looked at, 0 due, 0 renewed, 0 failed" in capsys.readouterr().out


def test_wrong_settings_are_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text(config.read_text("utf-8") + "[seals]\nlevel = 'B-LTA'\n", encoding="utf-8")
    assert main(["renew", "--config", str(config)]) == 2
    assert "/seals/level: B-LTA needs an authority" in capsys.readouterr().err
