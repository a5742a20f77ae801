"""The rulebook: cn loads; a broken one does not, and every fault is named with its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from delivery.core import rulebook
from delivery.core.model import Address, Outcome
from delivery.core.rulebook import RulebookBroken
from delivery.rulebooks import period_law
from tests.core.world import CONFIG, book, rest_days, rule_tables

Tables = dict[str, Any]
Breaks = Callable[[Tables], object]


TABLES = rule_tables()
PERIODS = period_law(CONFIG, "cn")


def loaded(*changes: Breaks) -> rulebook.Rulebook:
    tables = copy.deepcopy(TABLES)
    for change in changes:
        change(tables)
    return rulebook.load(tables, rest_days(), PERIODS)


def broken(*changes: Breaks) -> list[str]:
    with pytest.raises(RulebookBroken) as caught:
        loaded(*changes)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def put(*place: str | int, value: Any) -> Breaks:
    """Put a value there; None takes it away, and a place one after the last of a list adds to it."""

    def change(tables: Any) -> None:
        for name in place[:-1]:
            tables = tables[name]
        if value is None:
            del tables[place[-1]]
        elif isinstance(tables, list) and place[-1] == len(tables):
            tables.append(value)
        else:
            tables[place[-1]] = value

    return change


RULE = {
    "id": "new",
    "table": "mail",
    "when": {"waited": True, "contact_failed": True},
    "outcome": "served",
    "date": "signed",
    "grounds": ["CPL 91"],
    "says": "so",
    "says_zh": "如此",
    "valid_from": date(2024, 1, 1),
}
ADDS = {"id": "new", "to": ["R3.10"], "when": {"waited": True}, "grounds": ["X"], "valid_from": date(2024, 1, 1)}
DRAWN = {"id": "new", "when": {"dated": True}, "says": "so", "says_zh": "如此", "valid_from": date(2024, 1, 1)}
TERM = {"id": "new", "from": "signed", "n": 3, "unit": "day", "valid_from": date(2024, 1, 1)}
NEW = {"rule": RULE, "adds": ADDS, "consequence": DRAWN, "term": TERM}
AT = {name: len(TABLES[name]) for name in NEW}
CALL = next(n for n, rung in enumerate(TABLES["ladder"]) if rung["media"] == "phone")


def more(kind: str, **fields: Any) -> Breaks:
    """One row more, that would do but for `fields`; None takes a field away."""
    row = {name: value for name, value in {**NEW[kind], **fields}.items() if value is not None}
    return lambda tables: tables[kind].append(row)


@pytest.mark.parametrize("kind", NEW)
def test_a_good_row_more_does_no_harm(kind: str) -> None:
    loaded(more(kind))


def test_cn_loads() -> None:
    assert (book().name, str(book().zone)) == ("cn", "Asia/Shanghai")
    assert {rule.table for rule in book().rules} == {*book().law_days}
    assert {table for tables in book().channels.values() for table in tables} == {*book().law_days}
    assert all(row.grounds and row.says and row.says_zh for row in book().rules)


def test_every_dated_fiction_is_confirmed_and_every_other_row_says_what_is_next() -> None:
    for rule in book().rules:
        assert (rule.next == "clerk_confirm") == (rule.outcome in (Outcome.PRESUMED, Outcome.DEEMED)), rule.id
        assert (rule.next is None) == (rule.outcome is Outcome.SERVED), rule.id


@pytest.mark.parametrize(
    ("kind", "fields", "place", "says"),
    [
        ("rule", {"when": {"weather": True}}, "when/weather", "No such finding."),
        ("rule", {"when": {"over.weather": True}}, "when/over.weather", "No such finding."),
        ("rule", {"when": {"K99": "yes"}}, "when/K99", "No such finding."),
        ("rule", {"when": {"signer": "cat"}}, "when/signer", "one of: "),
        ("rule", {"when": {"signer": ["self", "cat"]}}, "when/signer", "one of: "),
        ("rule", {"when": {"signer": []}}, "when/signer", "one of: "),
        ("rule", {"when": {"signer": [["self"]]}}, "when/signer", "one of: "),
        ("rule", {"when": {"signed": "yes"}}, "when/signed", "one of: "),
        ("rule", {"when": {"K6": "maybe"}}, "when/K6", "one of: "),
        ("rule", {"when": {"over.silence": "yes"}}, "when/over.silence", "one of: "),
        ("rule", {"when": "signed"}, "when", "should be an object"),
        ("rule", {"table": "pigeon"}, "table", "one of: "),
        ("rule", {"outcome": "maybe", "date": None}, "outcome", "one of: "),
        ("rule", {"date": None}, "date", "A dated outcome names"),
        ("rule", {"outcome": "not_served"}, "date", "A dated outcome names"),
        ("rule", {"date": "weather"}, "date", "one or several of: "),
        ("rule", {"date": []}, "date", "one or several of: "),
        ("rule", {"date": {"K99": {}}}, "date", "one knob"),
        ("rule", {"date": {"K2": {"event_time": "signed"}}}, "date", "one knob"),
        (
            "rule",
            {"date": {"K2": {"event_time": "signed", "arrival_time": "weather"}}},
            "date/K2/arrival_time",
            "one or several of: ",
        ),
        ("rule", {"proposes": {"outcome": "review", "date": "signed"}}, "proposes/outcome", "one of: "),
        ("rule", {"proposes": {"outcome": "served"}}, "proposes/date", "A proposal names"),
        ("rule", {"proposes": {"outcome": "served", "date": "signed", "x": 1}}, "proposes/x", "no such field"),
        ("rule", {"next": "pray"}, "next", "one of: "),
        ("rule", {"flags": {"weather": True}}, "flags/weather", "one of: "),
        ("rule", {"flags": {"incident": "yes"}}, "flags/incident", "true or false"),
        ("rule", {"grounds": []}, "grounds", "list of texts"),
        ("rule", {"grounds": "CPL 91"}, "grounds", "list of texts"),
        ("rule", {"says": ""}, "says", "1 to 400"),
        ("rule", {"says_zh": None}, "says_zh", "required"),
        ("rule", {"id": None}, "id", "required"),
        ("rule", {"table": None}, "table", "required"),
        ("rule", {"outcome": None, "date": None}, "outcome", "required"),
        ("rule", {"valid_from": None}, "valid_from", "required"),
        ("rule", {"valid_from": "2024-02-30"}, "valid_from", "a day that exists"),
        ("rule", {"valid_to": date(2023, 12, 31)}, "valid_to", "not lie before"),
        ("rule", {"valid_until": date(2023, 12, 31)}, "valid_until", "no such field"),
        ("adds", {"to": None}, "to", "rules, or the tables"),
        ("adds", {"tables": ["pigeon"]}, "tables/0", "one of: "),
        ("adds", {"outcome": "served"}, "outcome", "no such field"),
        ("consequence", {"outcome": "maybe"}, "outcome", "one of: "),
        ("consequence", {"instants": {"ranking_at": "weather"}}, "instants/ranking_at", "one of: "),
        ("consequence", {"says": None}, "says", "required"),
        ("term", {"from": "weather"}, "from", "one of: "),
        ("term", {"unit": "fortnight"}, "unit", "one of: "),
        ("term", {"n": "3"}, "n", "a whole number"),
        ("term", {"n": -1}, "n", "a whole number"),
        ("term", {"rolls": "yes"}, "rolls", "true or false"),
        ("term", {"rolls_when": {"weather": True}}, "rolls_when/weather", "No such finding."),
        ("term", {"cutoff": "25:00"}, "cutoff", "a time"),
        ("term", {"act": "weather"}, "act", "one of: "),
        ("term", {"day": ["weather"]}, "day", "one or several of: "),
    ],
)
def test_a_fault_of_a_row_is_named_with_its_place(kind: str, fields: Tables, place: str, says: str) -> None:
    """The row by its id, where it has one: a lawyer looks for that."""
    (fault,) = broken(more(kind, **fields))
    row = fields.get("id", "new")
    assert fault.startswith(f"rulebook: /{kind}/{row if isinstance(row, str) and row else AT[kind]}/{place}: ")
    assert says in fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            more("rule", when={"waited": True, "begun": True}),
            "/rule/new: is never reached, because R4.2.posted before",
        ),
        (more("rule", id="R4.1.self"), "/rule/R4.1.self: the id is used twice at one time"),
        (more("adds", to=["R3.99"]), "/adds/new/to: there is no rule R3.99"),
        (more("rule", when={"within.silence": True}), "new: asks within.silence, but no act stands with that term"),
        (more("term", id="silence"), None),
        (
            more("term", id="payment_order", when={"signed": True}),
            "/term/payment_order: two rows hold for the same cases at one time",
        ),
    ],
)
def test_rows_that_do_not_fit_the_others_are_named(change: Breaks, fault: str | None) -> None:
    if fault is None:
        loaded(change)  # the other row of that term is for certain recipients: it comes first
    else:
        (told,) = broken(change)
        assert told.startswith(f"rulebook: {fault}")


@pytest.mark.parametrize(
    ("gap", "faults"), [(0, ["rulebook: /rule/new: asks the same as old while that is in force"]), (1, [])]
)
def test_rows_with_one_question_follow_but_do_not_overlap_each_other(gap: int, faults: list[str]) -> None:
    ends = date(2025, 6, 30)
    rows = more("rule", id="old", valid_to=ends), more("rule", valid_from=ends + timedelta(days=gap))
    if faults:
        assert broken(*rows) == faults
        return
    for day, name in ((ends, "old"), (ends + timedelta(days=1), "new")):
        assert [rule.id for rule in loaded(*rows).table("mail", day) if rule.id in ("old", "new")] == [name]


REQUIRED = (
    "rulebook",
    "channels",
    "table",
    "rule",
    "ladder",
    "address_class",
    "documents",
    "policy",
    "task",
    "combination",
)


@pytest.mark.parametrize("name", [*REQUIRED, "mail", "hearing", "notice"])
def test_a_missing_section_is_named(name: str) -> None:
    faults = broken(put(name, value=None))
    assert f"rulebook: /{name}: The field {name} is required." in faults


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("rulebook", "zone"), "Asia/Golmud", "a time zone"),
        (("rulebook", "version"), "", "1 to 40"),
        (("rulebook", "make_up_knob"), "K99", "one of: "),
        (("rulebook", "motto"), "x", "no such field"),
        (("channels", "pigeon"), ["mail"], "one of: "),
        (("channels", "post"), ["pigeon"], "one of: "),
        (("channels", "post"), None, "required"),
        (("table", "mail"), ["weather"], "one of: "),
        (("documents", "judgment_class"), "judgment", "a list"),
        (("documents", "attachable"), ["mine"], "one of: "),
        (("address_class", "mail"), None, "required"),
        (("address_class", "electronic", "own"), "mine", "one of: "),
        (("address_class", "electronic", "hearsay"), "own", "one of: "),
        (("hearing", "knob"), "K99", "one of: "),
        (("hearing", "days", "clear_days"), None, "required"),
        (("hearing", "days", "some_days"), 3, "no such field"),
        (("notice", "every"), None, "required"),
        (("notice", "letter"), ["gist"], "one of: "),
        (("notice", "summons"), ["weather"], "one of: "),
        (("combination", "falls_with"), ["weather"], "one of: "),
        (("combination", "first_next"), ["pray"], "one of: "),
        (("combination", "knob"), "K99", "one of: "),
        (("combination", "no_calendar"), [], "list of texts"),
        (("policy", "link_days"), None, "required"),
        (("policy", "link_days"), "30", "a whole number"),
        (("routing", "hours_knob"), "K16", "one of: K13"),
        (("routing", "motto"), "x", "no such field"),
        (("routing", "grounds", "motto"), ["x"], "no such field"),
        (("ladder", 0, "motto"), "x", "no such field"),
        (("embargo", 0, "motto"), "x", "no such field"),
        (("routing", "precedence"), ["confirmed"], "it lacks: volunteered"),
        (("routing", "precedence", 0), "hearsay", "one of: "),
        (("routing", "cost", "sms"), -1, "a whole number"),
        (("routing", "grounds", "beside"), "OLR 31(4)", "list of texts"),
        (("embargo", 0, "roles"), ["king"], "one of: "),
        (("before_hearing", 0, "when", "weather"), True, "No such finding"),
        (("before_hearing", 1, "days"), "ten", "a whole number"),
        (("ladder", 0, "parallel"), "sometimes", "one of: never"),
        (("ladder", CALL, "task"), None, "name the task"),
        (("ladder", CALL, "task"), "tea", "one of: "),
        (("ladder", 0, "reason_zh"), None, "required"),
        (("policy", "retry_delays"), [], "list of seconds"),
        (("policy", "ask_delays"), [0], "list of seconds"),
        (("policy", "receipt_wait", "default"), None, "required"),
        (("task", "default"), None, "required"),
        (("task", "objection", "owner"), None, "required"),
        (("task", "objection", "owner"), "cleaner", "one of: "),
        (("ladder", 0, "wait"), None, "required"),
        (("ladder", 1, "address_class"), "mine", "one of: "),
        (("running", 0, "period"), "TEATIME", "one of: "),
        (("knob", "K6", "default"), "maybe", "one of: "),
    ],
)
def test_what_is_wrong_inside_a_section_is_named(place: tuple[str | int, ...], value: Any, says: str) -> None:
    faults = broken(put(*place, value=value))
    section, *rest = place
    if section in ("before_hearing", "running"):  # its rows have ids
        rest[0] = TABLES[str(section)][rest[0]]["id"]
    whole = "/".join(map(str, (section, *rest)))
    assert all(f": /{whole}" in fault or place[:2] == ("hearing", "knob") for fault in faults), faults
    assert says in faults[0]


def test_all_faults_are_named_at_once() -> None:
    faults = broken(
        more("rule", when={"weather": True, "signer": "cat"}, table="pigeon"),
        more("term", unit="fortnight"),
        more("adds", to=["R3.99"]),
        put("policy", value=None),
        put("knob", "K6", "default", value="maybe"),
    )
    row, term = "/rule/new", "/term/new"
    assert [fault.split(": ")[1] for fault in faults] == [
        "/knob/K6/default",
        *(f"{row}/when/weather", f"{row}/when/signer", f"{row}/table", f"{term}/unit"),
        "/policy",
        "/adds/new/to",
    ]


# --- what it answers -------------------------------------------------------------------------------------------------


def test_the_last_delay_repeats_and_what_is_not_listed_has_the_default() -> None:
    delays = [book().retry_delay(tries).seconds for tries in (1, 2, 7, 8, 99)]
    assert delays == [30, 120, 3600, 3600, 3600]
    assert [book().ask_delay(times).seconds for times in (1, 5, 6)] == [5, 3600, 3600]
    assert (book().receipt_wait("email"), book().receipt_wait("fax")) == (timedelta(days=1), timedelta(hours=2))
    assert (book().task_policy("judge_decision"), book().task_policy("unheard of")) == (("judge", 5), ("clerk", 3))


@pytest.mark.parametrize(
    ("channel", "basis", "more", "expected"),
    [
        ("email", "confirmed", {}, "given"),
        ("email", "found", {}, "unproven"),
        ("email", "found", {"ownership_proof": "correspondence"}, "own"),
        ("phone", "registered", {"ownership_proof": "telecom_real_name"}, "own"),
        ("email", "own", {}, "unproven"),
        ("email", "own", {"ownership_proof": "correspondence"}, "own"),
        ("email", "agreed_for_business", {}, "own"),
        ("email", "agreed_for_litigation", {"ownership_proof": "correspondence"}, "given"),
        ("email", "none", {}, "unproven"),
        ("post", "none", {}, "found"),
        ("post", "opponent_given", {"ownership_proof": "correspondence"}, "found"),
        ("post", "agreed_for_business", {}, "found"),
        ("post", "ladder_contract", {}, "found"),
        ("post", "ladder_contract", {"dodging_evidence_on_file": True}, "deemed"),
        ("post", "registered", {}, "deemed"),
    ],
)
def test_how_an_address_is_classed(channel: str, basis: str, more: Tables, expected: str) -> None:
    assert book().class_of(Address(id="a", channel=channel, basis=basis, value="", **more)) == expected


def test_a_knob_has_the_default_of_its_day() -> None:
    since = [{"from": date(2026, 1, 1), "value": "deemed"}, {"from": date(2027, 1, 1), "value": "not_served"}]
    knob = loaded(put("knob", "K6", "since", value=since)).knobs["K6"]
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [knob.at(day) for day in days] == ["review", "deemed", "deemed", "not_served"]
