"""TOML → one frozen Settings. Every mistake is reported at once, with its place and what would be right.

Secrets are never in the file: it names files that hold them (`*_file`). Tables of single adapters stay tables here;
wiring gives them to the adapter that they name.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from delivery.core.seal_level import Level
from delivery.key_settings import KeySettings, NationalSettings, read_key, read_national

COURT_CODE = re.compile(r"[A-Za-z0-9_-]{1,60}")
"""A court's code is a file name, a part of a NATS subject and of an address."""

_LOG_NAME = re.compile(r"[^\s+]{1,200}")
"""What a signed note can name its signer by (C2SP signed-note)."""

ENCRYPTIONS = ("none", "sm4-gcm", "aes-256-gcm")
"""What lies in the document store is encrypted with."""

HTTP_PORT = "SONGDA_HTTP_PORT"
NATS_PORT = "SONGDA_NATS_PORT"
DATA = "SONGDA_DATA"


class SettingsWrong(ValueError):
    """The settings cannot be used. `faults`: each with its place and what would be right."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtSettings:
    """A tenant, and what people are told of it. `seal_label` stands below the star of the seal; `level` is None where
    it is everybody's.
    """

    code: str
    name_zh: str
    name_en: str
    phone: str
    address: str = ""
    seal_label: str = "电子送达专用章"
    key: KeySettings = field(default_factory=KeySettings)
    national: NationalSettings | None = None
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthoritySettings:
    """A timestamp authority (RFC 3161), asked from the day `since` until the day before `until`. `trust`: a PEM file
    with its anchors; `policy`: the OID under which it must stamp. `url` and `trust` are empty for a counterpart's.
    """

    name: str
    url: str = ""
    trust: str = ""
    policy: str | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is. `data` is the folder that everything embedded lives in.

    `self_made`: secrets, keys and accounts that are missing are made on first run (local and demo). Times in seconds.
    """

    path: Path
    data: Path
    journal: str
    documents: str
    document_encryption: str
    host: str
    port: int
    base_url: str
    proxies: tuple[IPv4Network | IPv6Network, ...]
    nats: str | None
    nats_port: int
    webhook: str | None
    courts: tuple[CourtSettings, ...]
    rulebook: str
    slots: int
    seal_processes: int
    seal_level: Level
    fetch_revocation: bool
    max_document_bytes: int
    max_document_pages: int
    self_made: bool
    ledger_origin: str
    witnesses: tuple[str, ...]
    timestamps: tuple[AuthoritySettings, ...]
    rehearsal_start: datetime | None
    channels: Mapping[str, Mapping[str, Any]] = field(repr=False)
    counterparts: Mapping[str, Any] = field(repr=False)

    @property
    def rehearsal(self) -> bool:
        return self.rehearsal_start is not None

    @property
    def levels(self) -> dict[str, Level]:
        """What each court's seals carry, by its code."""
        return {court.code: court.level or self.seal_level for court in self.courts}


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the file. Raises SettingsWrong with every fault, OSError when it cannot be read."""
    settings, faults = read(path, environ)
    if faults:
        raise SettingsWrong(faults)
    return settings


def read(path: Path, environ: Mapping[str, str] = os.environ) -> tuple[Settings, list[str]]:
    """The settings as far as they can be read, and their faults. Raises SettingsWrong when it is no TOML, OSError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsWrong([f"{path}: is not TOML: {wrong}"]) from None
    return _Reading(path, tables, environ).settings()


class _Reading:
    """Collects the faults while the values are read."""

    def __init__(self, path: Path, tables: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._path, self._tables, self._environ = path, tables, environ
        self._faults: list[str] = []
        self._known: set[str] = {"court", "channels", "counterparts"}

    def settings(self) -> tuple[Settings, list[str]]:
        port = self._port("web", "port", HTTP_PORT, 8080)
        folder = self._value("songda", "data", str, "songda-data")
        data = Path(self._environ.get(DATA) or folder)
        host = self._value("web", "host", str, "127.0.0.1")
        settings = Settings(
            path=self._path,
            data=data / self._value("songda", "data_below", str, ""),
            journal=self._value("journal", "url", str, "sqlite"),
            documents=self._value("documents", "store", str, "files"),
            document_encryption=self._choice("documents", "encryption", ENCRYPTIONS),
            host=host,
            port=port,
            base_url=self._base_url(host, port),
            proxies=self._proxies(),
            nats=self._value("queue", "nats", str, "embedded") or None,
            nats_port=self._port("queue", "port", NATS_PORT, 4222),
            webhook=self._value("case_system", "webhook", str, "") or None,
            courts=self._courts(),
            rulebook=self._value("rules", "book", str, "cn"),
            slots=self._number("worker", "slots", 32, 1, 1000),
            seal_processes=self._number("seals", "processes", 1, 0, 64),
            seal_level=self._level("/seals/level", self._value("seals", "level", str, Level.B_B.value)) or Level.B_B,
            fetch_revocation=self._value("seals", "fetch_revocation", bool, default=True),
            max_document_bytes=self._number("documents", "max_bytes", 20 * 2**20, 1, 2**30),
            max_document_pages=self._number("documents", "max_pages", 500, 1, 100_000),
            timestamps=self._authorities(),
            self_made=self._value("songda", "self_made", bool, default=False),
            ledger_origin=self._origin(),
            witnesses=self._witnesses(),
            rehearsal_start=self._value("rehearsal", "start", datetime, None),
            channels=self._channels(),
            counterparts=self._table("counterparts"),
        )
        self._check_unknown()
        self._check_levels(settings)
        if settings.self_made and len(settings.courts) > 1:
            says = "its secret and its clerks have one name each in the data folder, and a second court would take them"
            self._faults.append(f"/court/1: self_made makes the accounts of one court: {says}")
        if settings.rehearsal_start and settings.rehearsal_start.tzinfo is None:
            self._faults.append("/rehearsal/start: an instant with its offset, such as 2025-09-16T09:30:00+08:00")
        return settings, [f"{self._path}: {fault}" for fault in self._faults]

    def _value(self, table: str, name: str, kind: type, default: Any) -> Any:
        self._known.add(f"{table}/{name}")
        section = self._tables.get(table, {})
        value = section.get(name, default) if isinstance(section, dict) else default
        if value is default or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
            return value
        self._faults.append(f"/{table}/{name}: must be a {_NAMES.get(kind, kind.__name__)}")
        return default

    def _number(self, table: str, name: str, default: int, least: int, most: int) -> int:
        value: int = self._value(table, name, int, default)
        if not least <= value <= most:
            self._faults.append(f"/{table}/{name}: a number from {least} to {most}")
        return value

    def _choice(self, table: str, name: str, words: Sequence[str]) -> str:
        """One of the words, the first of them unless told otherwise."""
        value: str = self._value(table, name, str, words[0])
        if value not in words:
            self._faults.append(f"/{table}/{name}: one of {', '.join(words)}")
            return words[0]
        return value

    def _port(self, table: str, name: str, variable: str, default: int) -> int:
        given = self._environ.get(variable)
        if given is None:
            return self._number(table, name, default, 1, 65535)
        self._known.add(f"{table}/{name}")
        if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 65535):
            self._faults.append(f"${variable}: a port from 1 to 65535")
            return default
        return int(given)

    def _base_url(self, host: str, port: int) -> str:
        url: str = self._value("web", "base_url", str, f"http://{host}:{port}").rstrip("/")
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self._faults.append("/web/base_url: an http or https address, as recipients see it")
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            self._faults.append("/web/base_url: must be https, except on loopback: people identify themselves there")
        return url

    def _proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        found = []
        for index, text in enumerate(self._value("web", "proxies", list, [])):
            try:
                found.append(ip_network(str(text)))
            except ValueError:
                self._faults.append(f"/web/proxies/{index}: an address or a network, such as 10.0.0.7 or 10.0.0.0/24")
        return tuple(found)

    def _courts(self) -> tuple[CourtSettings, ...]:
        rows = self._tables.get("court", [])
        if not isinstance(rows, list) or not rows:
            self._faults.append("/court: at least one [[court]] with code, name_zh, name_en, phone")
            return ()
        courts = tuple(court for index, row in enumerate(rows) if (court := self._court(index, row)))
        if len({court.code for court in courts}) < len(courts):
            self._faults.append("/court: each court needs a code of its own")
        return courts

    def _table(self, name: str) -> dict[str, Any]:
        table = self._tables.get(name, {})
        if isinstance(table, dict):
            return dict(table)
        self._faults.append(f"/{name}: must be a table")
        return {}

    def _court(self, index: int, row: Any) -> CourtSettings | None:
        if not isinstance(row, dict):
            self._faults.append(f"/court/{index}: must be a table, [[court]]")
            return None
        fields = CourtSettings.__dataclass_fields__
        missing = [name for name in ("code", "name_zh", "name_en", "phone") if not isinstance(row.get(name), str)]
        self._faults += [f"/court/{index}/{name}: a text is needed" for name in missing]
        self._faults += [f"/court/{index}/{name}: no such setting" for name in row if name not in fields]
        key, wrong = read_key(row.get("key", {"kind": "file"}))
        national, amiss = read_national(row.get("national"))
        self._faults += [f"/court/{index}/{fault}" for fault in (*wrong, *amiss)]
        level = self._level(f"/court/{index}/level", row["level"]) if "level" in row else None
        if missing or any(name not in fields for name in row):
            return None
        if not COURT_CODE.fullmatch(row["code"]):
            self._faults.append(f"/court/{index}/code: letters, digits, hyphen and underscore, at most 60")
            return None
        return CourtSettings(**{**row, "key": key, "level": level, "national": national})

    def _level(self, place: str, value: Any) -> Level | None:
        try:
            return Level(value)
        except ValueError:
            self._faults.append(f"{place}: one of {', '.join(Level)}")
            return None

    def _check_levels(self, settings: Settings) -> None:
        """Above B-B somebody has to give timestamps."""
        places = [("/seals/level", settings.seal_level)]
        places += [(f"/court/{i}/level", court.level or Level.B_B) for i, court in enumerate(settings.courts)]
        if not settings.timestamps:
            says = "needs an authority in [timestamps]"
            self._faults += [f"{place}: {level} {says}" for place, level in places if level is not Level.B_B]

    def _authorities(self) -> tuple[AuthoritySettings, ...]:
        rows = self._value("timestamps", "authorities", list, [])
        found = tuple(row for index, each in enumerate(rows) if (row := self._authority(index, each)))
        if len({authority.name for authority in found}) < len(found):
            self._faults.append("/timestamps/authorities: each authority needs a name of its own")
        return found

    def _authority(self, index: int, row: Any) -> AuthoritySettings | None:
        place = f"/timestamps/authorities/{index}"
        if not isinstance(row, dict):
            self._faults.append(f"{place}: must be a table with name, url and trust")
            return None
        before = len(self._faults)
        needed = ("name",) if "timestamps" in self._table("counterparts") else ("name", "url", "trust")
        self._faults += [f"{place}/{name}: is needed" for name in needed if row.get(name, "") == ""]
        for name, value in row.items():
            kind, says = _AUTHORITY.get(name, (None, "no such setting"))
            if type(value) is not kind:
                self._faults.append(f"{place}/{name}: {says}")
        if not self._faults[before:]:
            self._check_authority(place, row)
        return None if self._faults[before:] else AuthoritySettings(**row)

    def _check_authority(self, place: str, row: Mapping[str, Any]) -> None:
        if "url" in row and not _ADDRESS.match(row["url"]):
            self._faults.append(f"{place}/url: an http or https address")
        if "policy" in row and not _OID.fullmatch(row["policy"]):
            self._faults.append(f"{place}/policy: numbers with dots, such as 1.2.3")
        if "since" in row and "until" in row and row["since"] >= row["until"]:
            self._faults.append(f"{place}/until: a day after since")

    def _origin(self) -> str:
        """The first court's, where none is named: a log needs a name that no other log has."""
        courts = self._tables.get("court")
        first = courts[0].get("code") if isinstance(courts, list) and courts and isinstance(courts[0], dict) else ""
        origin: str = self._value("ledger", "origin", str, f"songda.local/{first}")
        if not _LOG_NAME.fullmatch(origin):
            self._faults.append("/ledger/origin: a name without spaces and plus signs, such as log.court.example")
        return origin

    def _witnesses(self) -> tuple[str, ...]:
        """What a line must be is told by checking.py, which may look into keys."""
        lines = self._value("ledger", "witnesses", list, [])
        strange = [index for index, line in enumerate(lines) if not isinstance(line, str)]
        self._faults += [f"/ledger/witnesses/{index}: must be a text, the witness's vkey" for index in strange]
        return tuple(line for line in lines if isinstance(line, str))

    def _channels(self) -> Mapping[str, Mapping[str, Any]]:
        channels = self._table("channels")
        for name, table in channels.items():
            if not isinstance(table, dict) or not isinstance(table.get("adapter"), str):
                self._faults.append(f"/channels/{name}/adapter: name the adapter, such as simulated")
        if not channels:
            self._faults.append("/channels: at least one channel, such as [channels.email] adapter = 'simulated'")
        return channels

    def _check_unknown(self) -> None:
        for table, section in self._tables.items():
            if table in ("court", "channels", "counterparts"):
                continue
            names = section if isinstance(section, dict) else [""]
            unknown = [name for name in names if f"{table}/{name}" not in self._known]
            self._faults += [f"/{table}/{name}: no such setting" for name in unknown]


_ADDRESS = re.compile(r"https?://[^/\s]+")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,30})){1,30}")
_AUTHORITY: Mapping[str, tuple[type, str]] = {
    "name": (str, "must be a text"),
    "url": (str, "must be a text"),
    "trust": (str, "must name a PEM file"),
    "policy": (str, "must be a text such as 1.2.3"),
    "since": (date, "must be a day, such as 2026-01-01"),
    "until": (date, "must be a day, such as 2026-01-01"),
}
_NAMES: Mapping[Any, str] = {
    str: "text",
    list: "list",
    bool: "true or false",
    int: "whole number",
    datetime: "date and time",
}
