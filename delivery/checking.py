"""All that can be told wrong about a settings file before anything is started, at once. Nothing is made or changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adapters.simulated import parse_script
from delivery import authorities, channel_settings, keyring, ledger_keys, rulebooks
from delivery.core.rulebook import RulebookBroken
from delivery.core.tables import TablesBroken
from delivery.settings import Settings, SettingsWrong, read

ON_LOOPBACK = {"host": "127.0.0.1", "port": 1, "url": "http://127.0.0.1:1"}
"""What an adapter would be told of its counterpart once that runs."""


def checked(path: Path) -> Settings:
    """The settings of the file, checked with its channels, counterparts and rulebook. Raises SettingsWrong, OSError."""
    settings, faults = read(path)
    more = [
        *_journal(settings),
        *ledger_keys.faults(settings),
        *_channels(settings),
        *_counterparts(settings),
        *authorities.faults(settings),
        *_rules(settings),
        *_periods(settings),
    ]
    faults += [f"{path}: {fault}" for fault in more]
    if faults:
        raise SettingsWrong(faults)
    return settings


def _journal(settings: Settings) -> Iterator[str]:
    if settings.journal != "sqlite" and not settings.journal.startswith("postgresql+asyncpg://"):
        yield "/journal/url: sqlite for a file in the data folder, or postgresql+asyncpg://user@host/database"


def _channels(settings: Settings) -> Iterator[str]:
    for word, table in settings.channels.items():
        named = isinstance(table, dict) and isinstance(table.get("adapter"), str)
        if not named or table["adapter"] == channel_settings.SIMULATED:
            continue  # without a name: told by settings.read
        known = _known(table["adapter"]) if word in settings.counterparts else {}
        try:
            channel_settings.fill({**table, **known}, keyring.sample)
        except channel_settings.ChannelWrong as wrong:
            yield from (f"/channels/{word}/{fault}" for fault in wrong.faults)


def _known(adapter: str) -> dict[str, object]:
    names = channel_settings.names_of(adapter)
    return {name: value for name, value in ON_LOOPBACK.items() if name in names}


def _counterparts(settings: Settings) -> Iterator[str]:
    for word, table in settings.counterparts.items():
        if word == authorities.COUNTERPART:
            continue
        adapter = settings.channels.get(word, {}).get("adapter")
        if adapter not in channel_settings.KINDS:
            known = ", ".join(channel_settings.KINDS)
            yield f"/counterparts/{word}: there should be a channel {word} with one of the adapters {known}"
        if not isinstance(table, dict):
            yield f"/counterparts/{word}: must be a table of scripts by address"
            continue
        for address, script in table.items():
            try:
                parse_script(str(script))
            except ValueError as wrong:
                yield f"/counterparts/{word}/{address}: {wrong}"


def _rules(settings: Settings) -> Iterator[str]:
    try:
        keyring.rules_of(settings)
    except (RulebookBroken, OSError, ValueError) as wrong:
        yield f"/rules/book: {wrong}"


def _periods(settings: Settings) -> Iterator[str]:
    try:
        rulebooks.period_law(settings.path.parent, settings.rulebook)
    except FileNotFoundError:
        return  # a rulebook may have no periods; one that is not there is told by _rules
    except TablesBroken as broken:
        yield from (f"/rules/book: {fault}" for fault in broken.faults)
