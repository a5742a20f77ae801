"""The ladder as a lawyer writes it: what loads, what does not, and what a row means for a route."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from delivery.core import rulebook
from delivery.core import vocabulary as words
from delivery.core.rulebook import Rulebook, RulebookBroken
from tests.core.world import book, rest_days, rule_tables

Change = Callable[[dict[str, Any]], object]

YEAR = 366 * 86400


def edited(change: Change) -> Rulebook:
    tables = copy.deepcopy(rule_tables())
    change(tables)
    return rulebook.load({**tables, "running": []}, rest_days())


def faults(change: Change) -> list[str]:
    with pytest.raises(RulebookBroken) as broken:
        edited(change)
    return broken.value.faults


def rung(**fields: Any) -> Change:
    return lambda tables: tables["ladder"][0].update(fields)


# --- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "most", "above"),
    [
        ("wait", YEAR, YEAR + 1),
        ("remind_after", YEAR, YEAR + 1),
        ("wait", 0, -1),
        ("remind_after", 0, -1),
        ("reason", "x" * 200, "x" * 201),
        ("reason_zh", "送" * 200, "送" * 201),
    ],
)
def test_a_wait_is_of_a_year_at_most_and_a_reason_of_a_sentence(field: str, most: Any, above: Any) -> None:
    loaded = edited(rung(**{field: most}))
    assert getattr(loaded.ladder[0], field) == most
    assert [fault.split(": ")[1] for fault in faults(rung(**{field: above}))] == [f"/ladder/0/{field}"]


@pytest.mark.parametrize("name", ["ladder", "embargo", "before_hearing"])
def test_two_hundred_rows_are_read_and_no_more(name: str) -> None:
    def change(count: int) -> Change:
        def apply(tables: dict[str, Any]) -> None:
            row = tables[name][0]
            rows = [{**row, "id": f"r{n}"} if "id" in row else row for n in range(count)]
            tables[name] = rows

        return apply

    loaded = edited(change(200))
    found = {
        "ladder": loaded.ladder,
        "embargo": loaded.routing.embargoes,
        "before_hearing": loaded.routing.before_hearing,
    }
    assert len(found[name]) == 200
    assert [fault.split(": ")[1] for fault in faults(change(201))] == [f"/{name}"]


@pytest.mark.parametrize(("fen", "loads"), [(0, True), (10_000_000, True), (10_000_001, False)])
def test_a_try_costs_a_hundred_thousand_yuan_at_most(fen: int, loads: bool) -> None:
    def change(tables: dict[str, Any]) -> None:
        tables["routing"]["cost"]["post"] = fen

    if loads:
        assert edited(change).routing.cost["post"] == fen
    else:
        assert [fault.split(": ")[1] for fault in faults(change)] == ["/routing/cost/post"]


# --- what may be left out --------------------------------------------------------------------------------------------


def test_a_rulebook_without_a_word_on_routing_is_told_so() -> None:
    assert faults(lambda tables: tables.pop("routing"))[0] == "rulebook: /routing: The field routing is required."


def test_a_ladder_needs_a_rung() -> None:
    assert [fault.split(": ")[1] for fault in faults(lambda tables: tables.update(ladder=[]))] == ["/ladder"]


def test_embargoes_and_days_before_a_hearing_may_be_none() -> None:
    bare = edited(lambda tables: tables.update(embargo=[], before_hearing=[]))
    assert (bare.routing.embargoes, bare.routing.before_hearing) == ((), ())


def test_one_after_the_other_is_meant_where_a_rung_does_not_say_how() -> None:
    assert edited(rung(parallel="never")).ladder[0].parallel == "never"
    assert edited(lambda tables: tables["ladder"][0].pop("parallel")).ladder[0].parallel == "never"


def test_costs_and_grounds_may_be_left_out() -> None:
    bare = edited(lambda tables: [tables["routing"].pop(name) for name in ("cost", "grounds", "hours_knob")])
    assert (bare.routing.cost, bare.routing.hours) == ({}, None)
    assert {*bare.routing.grounds.values()} == {()}
    some = edited(lambda tables: tables["routing"].update(grounds={"held": ["CPL 95"]}))
    assert (some.routing.grounds["held"], some.routing.grounds["new"]) == (("CPL 95",), ())


# --- what is wrong, once and in its place ----------------------------------------------------------------------------


def test_a_cost_is_of_a_channel() -> None:
    told = faults(lambda tables: tables["routing"]["cost"].update(pigeon=3))
    assert told == [f"rulebook: /routing/cost/pigeon: It should be one of: {', '.join(words.CHANNELS)}."]


@pytest.mark.parametrize("wrong", ["confirmed", ["hearsay"], [1]])
def test_a_list_of_bases_that_cannot_be_read_is_no_incomplete_one_too(wrong: Any) -> None:
    told = faults(lambda tables: tables["routing"].update(precedence=wrong))
    assert len(told) == 1
    assert "lacks" not in told[0]


def test_an_incomplete_list_of_bases_says_all_that_it_lacks() -> None:
    told = faults(lambda tables: tables["routing"].update(precedence=list(words.ADDRESS_BASES[:-2])))
    lacks = ", ".join(words.ADDRESS_BASES[-2:])
    assert told == [f"rulebook: /routing/precedence: It should name every basis; it lacks: {lacks}."]


def test_every_word_of_a_rung_is_known() -> None:
    for word in ("electronic", "phone", "mail", "in_person", "institution", "entrusted", "notice"):
        assert edited(rung(media=word, task="direct_service")).ladder[0].media == word
    assert [fault.split(": ")[1] for fault in faults(rung(media="pigeon"))] == ["/ladder/0/media"]


@pytest.mark.parametrize("media", ["phone", "in_person", "institution", "entrusted", "notice"])
def test_what_no_channel_of_ours_carries_is_asked_for_by_a_task(media: str) -> None:
    told = faults(rung(media=media))
    assert [fault.split(": ")[1] for fault in told] == ["/ladder/0/task"]


@pytest.mark.parametrize("media", ["electronic", "mail"])
def test_what_a_channel_of_ours_carries_needs_no_task(media: str) -> None:
    assert edited(rung(media=media)).ladder[0].task is None


@pytest.mark.parametrize("value", ["08:00-08:00", "00:00-00:00", "24:00-00:00"])
def test_hours_without_a_length_from_some_day_on_do_not_load_either(value: str) -> None:
    since = [{"from": "2027-01-01", "value": value}]
    told = faults(lambda tables: tables["knob"]["K13"].update(since=since))
    assert told == ["rulebook: /routing/hours_knob: The hours should have a length: nothing would ever be sent."]


def test_hours_that_cannot_be_read_are_one_fault() -> None:
    told = faults(lambda tables: tables["knob"]["K13"].update(default="eight to nine"))
    assert [fault.split(": ")[1] for fault in told] == ["/knob/K13/default"]


# --- what the days before a hearing need -----------------------------------------------------------------------------


def test_where_every_row_gives_its_days_nothing_else_has_to() -> None:
    """The part [hearing] is asked for where a row, or a rule, leaves the days to it."""
    assert "clear_days_left" in book().routing.asks
    own = edited(lambda tables: tables["before_hearing"][0].update(days=3))
    assert "clear_days_left" not in own.routing.asks
