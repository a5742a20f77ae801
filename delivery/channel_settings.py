"""The table of one channel → the frozen settings of its adapter. Every fault of the table is told at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any, get_type_hints

import msgspec

from adapters.email import EmailSettings
from adapters.ems import EmsSettings
from adapters.smpp import SmppSettings

KINDS: Mapping[str, Any] = {"email": EmailSettings, "smpp": SmppSettings, "ems": EmsSettings}
"""By the word after `adapter =`; `simulated` has no settings of its own."""

SIMULATED = "simulated"
NO_SECRETS = frozenset({"ca_file"})
"""Names that end with _file and are files of their own, not secrets."""


class ChannelWrong(ValueError):
    """The table cannot be used. `faults`: each with the setting and what would be right."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def fill(table: Mapping[str, Any], secret: Callable[[str], str], **more: Any) -> Any:
    """The settings of the adapter that the table names. `NAME_file` stands for NAME, read by `secret`; `more` is what
    the installation itself knows.

    Raises ChannelWrong, and what `secret` raises.
    """
    kind = KINDS.get(table["adapter"])
    if kind is None:
        known = ", ".join((SIMULATED, *KINDS))
        raise ChannelWrong([f"adapter: there is no adapter {table['adapter']}: one of {known}"])
    values = _values(table, secret) | {
        name: value for name, value in more.items() if name in names_of(table["adapter"])
    }
    if faults := [*_faults(values, kind)]:
        raise ChannelWrong(faults)
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as wrong:  # what the settings say of themselves, in __post_init__
        raise ChannelWrong([str(wrong)]) from None


def _values(table: Mapping[str, Any], secret: Callable[[str], str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name.endswith("_file") and name not in NO_SECRETS:
            values[name.removesuffix("_file")] = secret(str(value))
        elif name != "adapter":
            values[name] = value
    return values


def names_of(adapter: str) -> frozenset[str]:
    """The settings that an adapter has; none for one that there is not."""
    return frozenset(each.name for each in fields(KINDS[adapter])) if adapter in KINDS else frozenset()


def _faults(values: Mapping[str, Any], kind: Any) -> Iterator[str]:
    hints = get_type_hints(kind)
    yield from (f"{name}: no such setting" for name in values if name not in hints)
    for each in fields(kind):
        if each.name not in values:
            if _needed(each):
                yield f"{each.name}: is needed"
            continue
        try:
            msgspec.convert(values[each.name], hints[each.name])
        except msgspec.ValidationError as wrong:
            yield f"{each.name}: {wrong}"


def _needed(each: Field[Any]) -> bool:
    return each.default is MISSING and each.default_factory is MISSING
