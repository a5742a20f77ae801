"""What the service says about itself: one line per event on stderr, JSON for machines, plainer on a terminal.

Who logs names no person (design.md §5.12); this is the last defence. Of an exception only its type and its frames are
told, never its text or its locals: both may repeat a name, an address, a link. What looks like a token, a number or an
address of a person is blotted out wherever it stands.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from delivery.clock import SystemClock

Line = MutableMapping[str, Any]
INNERMOST = 8
"""Frames of a trace that are told: those next to the fault."""

HEARD = ("delivery", "adapters", "signing", "aiohttp.access")
"""Logs that tell what happens; of all others (libraries) only warnings are told."""

_PERSONAL: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"(/d/)[A-Za-z0-9_-]{8,}"), r"\1[token]"),
    (re.compile(r"(?i)(bearer\s+|basic\s+)[A-Za-z0-9._~+/=-]{8,}"), r"\1[secret]"),
    (re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"), "[secret]"),
    (re.compile(r"[^\s<>@\"'(),:;=\[\]]+@[^\s<>@\"'(),:;=\[\]]+\.[A-Za-z]{2,}"), "[e-mail]"),
    (re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[0-9Xx](?![0-9A-Za-z])", re.ASCII), "[id number]"),  # GB 11643
    (
        re.compile(r"(?<![0-9A-Za-z])(?:\+?86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![0-9A-Za-z])", re.ASCII),
        "[telephone]",
    ),
    (re.compile(r"(?<![0-9A-Za-z.])\+\d{8,15}(?![0-9A-Za-z])", re.ASCII), "[telephone]"),
)


def configure(stream: TextIO | None = None, *, least: int = logging.INFO) -> None:
    """Once, by the entry point. `stream`: sys.stderr; `least`: the lowest level that is told."""
    target = stream or sys.stderr
    shared: list[Processor] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name, _moment]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, frames_only, redact, _form(target)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(least, logging.WARNING))
    for name in HEARD:
        logging.getLogger(name).setLevel(least)


def _form(stream: TextIO) -> Processor:
    if stream.isatty():
        return structlog.dev.ConsoleRenderer(pad_event=28)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _moment(_: Any, __: str, line: Line) -> Line:
    """The computer's time: a log tells when the machine did something, also in a rehearsal."""
    line["at"] = SystemClock().now().isoformat(timespec="milliseconds")
    return line


# --- exceptions ------------------------------------------------------------------------------------------------------


def frames_only(_: Any, __: str, line: Line) -> Line:
    """`exc_info` becomes `fault` (types, the cause last) and `where` (file:line function, the innermost last)."""
    given = line.pop("exc_info", None)
    line.pop("stack_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["fault"], line["where"] = " < ".join(_types(error)), frames(error.__traceback__)
    return line


def frames(trace: TracebackType | None) -> list[str]:
    """Where, without what: files, lines and functions."""
    found = traceback.extract_tb(trace)[-INNERMOST:]
    return [f"{'/'.join(Path(each.filename).parts[-2:])}:{each.lineno} {each.name}" for each in found]


def _types(error: BaseException) -> list[str]:
    """The type of an exception, of those in a group, and of what caused it."""
    told = [type(error).__name__]
    if isinstance(error, BaseExceptionGroup):
        told += [name for each in error.exceptions for name in _types(each)]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told + (_types(cause) if cause else [])


def innermost(error: BaseException) -> BaseException:
    """The first exception of a group, and of groups in it: the one whose frames tell where it began."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def on_loop_fault(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """For `loop.set_exception_handler`: asyncio's own would print the exception and the repr of its task."""
    structlog.get_logger("asyncio").error(
        "loop_fault", what=context.get("message", ""), exc_info=context.get("exception")
    )


# --- the last defence ------------------------------------------------------------------------------------------------


def redact(_: Any, __: str, line: Line) -> Line:
    """Blots out what belongs to a person, in every text of the line."""
    return {name: _clean(value) for name, value in line.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    text = value if isinstance(value, str) else str(value)
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    return text
