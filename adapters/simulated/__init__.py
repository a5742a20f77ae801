"""Every outcome on demand: a script says what a provider answers and what happens next (docs/rehearsal.md).

The parser is shared with adapters/counterparts, which play the same scripts over real wires.
"""

from __future__ import annotations

from adapters.simulated.channel import LogEntry, SimulatedChannel, SimulatedSettings
from adapters.simulated.script import (
    ANSWERS,
    DEFAULTS,
    HAPPENINGS,
    MAX_SCRIPT,
    Happening,
    Script,
    ScriptedAnswer,
    ScriptError,
    parse_script,
)

__all__ = [
    "ANSWERS",
    "DEFAULTS",
    "HAPPENINGS",
    "MAX_SCRIPT",
    "Happening",
    "LogEntry",
    "Script",
    "ScriptError",
    "ScriptedAnswer",
    "SimulatedChannel",
    "SimulatedSettings",
    "parse_script",
]
