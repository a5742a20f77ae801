"""Between the core's dataclasses and what a database keeps: JSON for events, microseconds for instants.

An instant is stored as whole microseconds since 1970 in UTC, so that both engines sort it alike; inside JSON it keeps
its offset. Either way it comes back in the court's zone.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, get_args, get_type_hints
from zoneinfo import ZoneInfo

import msgspec

from delivery.core.events import KINDS, Event, kind

COURT_ZONE = ZoneInfo("Asia/Shanghai")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {name: msgspec.json.Decoder(cls) for name, cls in KINDS.items()}
_ENCODER = msgspec.json.Encoder()


def micros(instant: datetime) -> int:
    """Microseconds since 1970. Raises TypeError for an instant without a zone."""
    return (instant - _EPOCH) // _MICROSECOND


def instant(number: int) -> datetime:
    """The instant, in the court's zone."""
    return (_EPOCH + number * _MICROSECOND).astimezone(COURT_ZONE)


def encode(event: Event) -> tuple[str, str]:
    """The kind and the JSON of an event. Raises TypeError when its `at` has no zone."""
    micros(event.at)
    return kind(event), _ENCODER.encode(event).decode()


def encode_json(value: object) -> str:
    """JSON of plain data."""
    return _ENCODER.encode(value).decode()


def decode_json(data: str | bytes) -> Any:
    """Plain data again."""
    return msgspec.json.decode(data)


def decode(kind_of_event: str, data: str) -> Event:
    """The event again. Raises KeyError for an unknown kind, msgspec.ValidationError for data that is no such event."""
    event: Event = _DECODERS[kind_of_event].decode(data)
    _localise(event)
    return event


def _localise(value: Any) -> Any:
    """The value with every instant in the court's zone; in place, as nobody else has seen a value just decoded."""
    if isinstance(value, datetime):
        return value.astimezone(COURT_ZONE)
    if isinstance(value, tuple):
        return tuple(_localise(item) for item in value)
    for name in _with_instants(value.__class__):
        object.__setattr__(value, name, _localise(getattr(value, name)))
    return value


@cache
def _with_instants(cls: Any) -> tuple[str, ...]:
    """The fields in which an instant may hide."""
    if not (isinstance(cls, type) and is_dataclass(cls)):
        return ()
    hints = get_type_hints(cls)
    return tuple(field.name for field in fields(cls) if _hides_instants(hints[field.name]))


def _hides_instants(hint: Any) -> bool:
    return hint is datetime or any(map(_hides_instants, get_args(hint))) or bool(_with_instants(hint))
