"""How much a seal carries by itself (ETSI EN 319 142-1 §6): the levels, from the seal alone to all that judges it."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """As in the settings. Each holds what those before it hold."""

    B_B = "B-B"
    """The seal and its certificate."""

    B_T = "B-T"
    """A timestamp on it: it is older than that."""

    B_LT = "B-LT"
    """Certificates and revocation data, of its time."""

    B_LTA = "B-LTA"
    """A timestamp over all of it, which can be renewed."""

    def holds(self, other: Level) -> bool:
        order = list(Level)
        return order.index(self) >= order.index(other)
