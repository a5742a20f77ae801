"""Events survive the way to the database and back, whatever is in them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.core.events import ALL, KINDS, Event, FactRecorded, FactWithdrawn, kind
from delivery.core.model import Fact
from delivery.journal.encoding import COURT_ZONE, decode, encode, instant, micros
from tests.journal.world import START

zones = st.builds(timezone, st.integers(-12 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1990, 1, 1), datetime(2199, 1, 1), timezones=zones)  # noqa: DTZ001 — the zone is drawn
st.register_type_strategy(datetime, instants)
st.register_type_strategy(str, st.text(max_size=5))
some_event = st.sampled_from(ALL).flatmap(st.from_type)


def _instants(value: Any) -> list[datetime]:
    if isinstance(value, datetime):
        return [value]
    if isinstance(value, tuple):
        return [found for item in value for found in _instants(item)]
    if is_dataclass(value):
        return [found for field in fields(value) for found in _instants(getattr(value, field.name))]
    return []


@given(some_event)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    name, data = encode(event)
    assert KINDS[name] is type(event)
    assert decode(name, data) == event


@given(some_event)
def test_its_instants_come_back_in_the_courts_zone(event: Event) -> None:
    found = _instants(decode(*encode(event)))
    assert found
    assert {each.tzinfo for each in found} == {COURT_ZONE}


@given(instants, instants)
def test_instants_sort_as_their_numbers_do(one: datetime, other: datetime) -> None:
    assert instant(micros(one)) == one
    assert (micros(one) < micros(other)) == (one < other)


def test_an_instant_without_a_zone_is_a_mistake() -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(TypeError):
        micros(naive)
    with pytest.raises(TypeError):
        encode(FactWithdrawn(at=naive, key="k", by="clerk", reason="typo"))


def test_a_field_that_an_old_row_lacks_has_its_default() -> None:
    """An event gains fields, never loses them (core/events.py): old rows must stay readable."""
    row = (
        '{"at":"2025-09-16T01:30:00Z","fact":{"kind":"read","at":"2025-09-16T01:30:00Z"},"by":"recipient","of_later":1}'
    )
    at = datetime(2025, 9, 16, 1, 30, tzinfo=UTC)
    event = decode(kind(FactRecorded), row)
    assert event == FactRecorded(at=at, fact=Fact(kind="read", at=at), by="recipient")
