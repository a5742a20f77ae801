"""Rulebooks and calendars on the disk, read for the core, which opens no file.

`config` is the folder with `rules/<rulebook>/` and, where there are some, `calendars/<name>/`; else the calendars that
songda ships are used: days off are facts of a state, not a court's settings. What one court has of its own is its
festival days in `calendars/<name>/local/<court>.toml`, and the outages of its systems in `outages/<court>.toml`.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from delivery.core.calendars import read_calendar, read_local
from delivery.core.catalogue import read_catalogue
from delivery.core.civil import Calendar
from delivery.core.knobs import Knobs, read_knobs
from delivery.core.outages import Outage, read_outages
from delivery.core.periods import PeriodLaw
from delivery.core.rulebook import Rulebook, load
from delivery.core.tables import TablesBroken

SHIPPED = Path(__file__).parents[1] / "config"
PERIODS, KNOBS = "periods.toml", "knobs.toml"


def period_law(config: Path, name: str, court: str | None = None) -> PeriodLaw:
    """What periods are computed with in a jurisdiction (at a court: with its own festival days).

    Raises TablesBroken with every fault, FileNotFoundError where the rulebook has no periods.
    """
    folder = config / "rules" / name
    tables = {file: _tables(folder / file) for file in (KNOBS, PERIODS)}
    knobs = read_knobs(_said(folder / KNOBS), tables[KNOBS])
    catalogue = read_catalogue(_said(folder / PERIODS), tables[PERIODS], knobs)
    calendar = calendar_of(config, catalogue.calendar, court)
    return PeriodLaw(
        catalogue=catalogue,
        calendar=calendar,
        knobs=knobs,
        settings=knobs.turned(),
        outages=outages_of(config, court),
    )


def rulebook_of(config: Path, name: str, court: str | None = None) -> Rulebook:
    """The rules of a jurisdiction (at a court: with its own festival days), from all files of its folder.

    Raises RulebookBroken with every fault, FileNotFoundError where there is no such rulebook.
    """
    folder = config / "rules" / name
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise FileNotFoundError(f"{folder}: no rulebook there")
    tables: dict[str, Any] = {}
    for file in files:
        for part, value in _tables(file).items():
            tables[part] = [*tables.get(part, []), *value] if isinstance(value, list) else value
    named = tables.get("rulebook", {}).get("calendar")
    periods = period_law(config, name, court) if (folder / PERIODS).exists() else None
    return load(tables, calendar_of(config, named if isinstance(named, str) else name, court), periods)


def installed_rulebook(config: Path, name: str, courts: Iterable[str]) -> Rulebook:
    """The rules of a jurisdiction, with those of each court that has days off or outages of its own.

    Raises as `rulebook_of`, and TablesBroken for a court's own files.
    """
    of_their_own = {file.stem for file in (*config.glob("calendars/*/local/*.toml"), *config.glob("outages/*.toml"))}
    at_courts = {court: rulebook_of(config, name, court) for court in courts if court in of_their_own}
    return replace(rulebook_of(config, name), courts=at_courts)


def file_digests(config: Path, name: str) -> tuple[tuple[str, str], ...]:
    """Name and SHA-256 (lower-case hex) of each file of a rulebook, sorted: what evidence and packs name it by."""
    files = sorted((config / "rules" / name).glob("*.toml"))
    return tuple((file.name, hashlib.sha256(file.read_bytes()).hexdigest()) for file in files)


def outages_of(config: Path, court: str | None) -> tuple[Outage, ...]:
    """The outages that a court has on record. Raises TablesBroken."""
    file = config / "outages" / f"{court}.toml"
    return read_outages(_said(file), _tables(file)) if court is not None and file.exists() else ()


def knobs_of(config: Path, name: str) -> Knobs:
    """A rulebook's open questions. Raises TablesBroken, FileNotFoundError."""
    file = config / "rules" / name / KNOBS
    return read_knobs(_said(file), _tables(file))


def calendar_of(config: Path, name: str, court: str | None = None) -> Calendar:
    """All year files of a calendar, and `local/<court>.toml` where the court has one. Raises TablesBroken."""
    folder = config / "calendars" / name
    years = sorted(folder.glob("*.toml")) or sorted((SHIPPED / "calendars" / name).glob("*.toml"))
    calendar = read_calendar({_said(file): _tables(file) for file in years})
    local = folder / "local" / f"{court}.toml"
    if court is None or not local.exists():
        return calendar
    return read_local(_said(local), _tables(local), calendar)


def _tables(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise TablesBroken([f"{_said(file)}: is not TOML: {wrong}"]) from None


def _said(file: Path) -> str:
    """The file as a fault names it: its folder and its name."""
    return f"{file.parent.name}/{file.name}"
