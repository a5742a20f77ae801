"""[seals] level: for all courts or for one, and every mistake told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from delivery.core.seal_level import Level
from delivery.settings import Settings, SettingsWrong, load

CHANNELS = '[channels.email]\nadapter = "simulated"\n'
STAMPED = '[timestamps]\nauthorities = [{name = "甲", url = "https://tsa.example/tsr", trust = "tsa.pem"}]\n'


def court(code: str, more: str = "") -> str:
    return f'[[court]]\ncode = "{code}"\nname_zh = "法院"\nname_en = "Court"\nphone = "1"\n{more}\n'


def _load(folder: Path, content: str) -> Settings:
    path = folder / "settings.toml"
    path.write_text(content, encoding="utf-8")
    return load(path, {})


def test_a_seal_is_plain_unless_told(tmp_path: Path) -> None:
    settings = _load(tmp_path, court("a") + CHANNELS)
    assert (settings.levels, settings.fetch_revocation) == ({"a": Level.B_B}, True)


def test_a_court_has_its_own(tmp_path: Path) -> None:
    more = '[seals]\nlevel = "B-T"\nfetch_revocation = false\n'
    settings = _load(tmp_path, court("a", 'level = "B-LTA"') + court("b") + CHANNELS + STAMPED + more)
    assert (settings.levels, settings.fetch_revocation) == ({"a": Level.B_LTA, "b": Level.B_T}, False)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    courts = court("a", 'level = "B-LT"') + court("b", 'level = "C"') + court("c", "level = 3")
    with pytest.raises(SettingsWrong) as wrong:
        _load(tmp_path, courts + CHANNELS + '[seals]\nlevel = "B-T"\nfetch_revocation = "no"\n')
    places = sorted(fault.split(": ")[1] for fault in wrong.value.faults)
    assert places == ["/court/0/level", "/court/1/level", "/court/2/level", "/seals/fetch_revocation", "/seals/level"]


def test_levels_hold_what_is_below_them() -> None:
    assert [level for level in Level if level.holds(Level.B_LT)] == [Level.B_LT, Level.B_LTA]
