"""The rulebook: cn loads; a broken one does not, and every fault is named with its place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from delivery.core import rulebook
from delivery.core.model import Outcome
from delivery.core.rulebook import FINDINGS, TABLES, RulebookBroken
from delivery.core.tasks import PERSON
from tests.core.world import book, rule_tables

Tables = dict[str, Any]


def broken(breaks: Callable[[Tables], object]) -> list[str]:
    tables = copy.deepcopy(rule_tables())
    breaks(tables)
    with pytest.raises(RulebookBroken) as caught:
        rulebook.load(tables)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def row(**fields: Any) -> dict[str, Any]:
    """A rule that would do, changed; None takes a field away."""
    good = {
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
    return {name: value for name, value in {**good, **fields}.items() if value is not None}


def with_rule(**fields: Any) -> list[str]:
    return broken(lambda tables: tables["rule"].append(row(**fields)))


def test_cn_loads() -> None:
    assert book().name == "cn"
    assert {rule.table for rule in book().rules} == TABLES
    assert all(rule.grounds and rule.says and rule.says_zh for rule in book().rules)


def test_a_good_row_more_does_no_harm() -> None:
    tables = copy.deepcopy(rule_tables())
    tables["rule"].append(row())
    assert rulebook.load(tables).rules[-1].id == "new"


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"when": {"weather": True}}, "/rule/new/when/weather: no such finding"),
        ({"when": {"signer": "cat"}}, "/rule/new/when/signer: 'cat' is never found"),
        ({"when": {"signer": ["self", "cat"]}}, "/rule/new/when/signer: 'cat' is never found"),
        ({"when": {"signed": "yes"}}, "/rule/new/when/signed: 'yes' is never found"),
        ({"table": "pigeon"}, "/rule/new/table: one of electronic, forbidden, mail, scope"),
        ({"outcome": "maybe"}, "/rule/new/outcome: one of served"),
        ({"date": None}, "/rule/new/date: a dated outcome names"),
        ({"outcome": "not_served"}, "/rule/new/date: a dated outcome names"),
        ({"date": "lost"}, "/rule/new/date: one of acted"),
        ({"next": "pray"}, "/rule/new/next: one of clerk_confirm"),
        ({"grounds": []}, "/rule/new/grounds: should be a list that is not empty"),
        ({"says_zh": ""}, "/rule/new/says_zh: should be a text"),
        ({"valid_from": "2024-01-01"}, "/rule/new/valid_from: should be a day"),
        ({"when": {"waited": True, "posted": True}}, "/rule/new: is never reached, because R4.2.posted before it"),
        ({"valid_to": date(2023, 12, 31)}, "/rule/new/valid_to: lies before valid_from"),
        ({"id": "R4.1.self", "valid_from": date(2025, 1, 1)}, "/rule/R4.1.self: the id is used twice at one time"),
        *(
            ({name: None}, f"/rule/new/{name}: is missing")
            for name in ("table", "when", "outcome", "grounds", "says", "says_zh", "valid_from")
        ),
        ({"id": None}, "/rule/?/id: is missing"),
    ],
)
def test_a_fault_is_named_with_its_place(fields: dict[str, Any], place: str) -> None:
    (fault,) = with_rule(**fields)
    assert fault.startswith(place)


def test_two_rows_with_one_question_may_follow_but_not_overlap_each_other() -> None:
    def twice(tables: Tables, gap: int) -> None:
        ends = date(2025, 6, 30)
        tables["rule"] += [row(id="old", valid_to=ends), row(valid_from=ends + timedelta(days=gap))]

    assert broken(lambda tables: twice(tables, 0)) == ["/rule/new: asks the same as old while that is in force"]
    tables = copy.deepcopy(rule_tables())
    twice(tables, 1)
    both = rulebook.load(tables)
    for day, name in ((date(2025, 6, 30), "old"), (date(2025, 7, 1), "new")):
        assert [rule.id for rule in both.table("mail", day) if rule.id in ("old", "new")] == [name]


@pytest.mark.parametrize(
    "name", ["rulebook", "scope", "ladder", "address_class", "documents", "mail", "policy", "task"]
)
def test_a_missing_table_is_named(name: str) -> None:
    assert broken(lambda tables: tables.pop(name)) == [f"/{name}: is missing"]


def put(*place: str, value: Any) -> Callable[[Tables], object]:
    """Put a value there, or take it away (None)."""

    def breaks(tables: Tables) -> None:
        for name in place[:-1]:
            tables = tables[int(name) if isinstance(tables, list) else name]
        if value is None:
            del tables[place[-1]]
        else:
            tables[place[-1]] = value

    return breaks


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("policy", "link_days"), None, "is missing"),
        (("policy", "link_days"), "30", "should be a whole number"),
        (("policy", "sending_from_minute"), True, "should be a whole number"),
        (("policy", "retry_delays"), [], "should be a list that is not empty"),
        (("policy", "receipt_wait", "default"), None, "is missing"),
        (("scope", "facts"), None, "is missing"),
        (("documents", "judgment_class"), "judgment", "should be a list that is not empty"),
        (("mail", "tries_needed"), None, "is missing"),
        (("rulebook", "version"), "", "should be a text"),
        (("task", "default"), None, "is missing"),
        (("task", "objection", "owner"), None, "is missing"),
        (("address_class", "mail"), None, "is missing"),
        (("address_class", "electronic", "own"), "mine", "one of deemed, found, given, own, unproven"),
        (("ladder", "0", "wait"), None, "is missing"),
        (("ladder", "1", "address_class"), "mine", "one of deemed, found, given, own, unproven"),
    ],
)
def test_what_is_wrong_inside_a_table_is_named(place: tuple[str, ...], value: Any, says: str) -> None:
    assert broken(put(*place, value=value)) == [f"/{'/'.join(place)}: {says}"]


def test_every_next_step_is_a_person_s_or_a_wait_of_ours() -> None:
    """Else a delivery could come to rest without an owner."""
    ours = {"poll_delivery_report", "await_response", "track_mail"}
    for rule in book().rules:
        assert rule.next in (PERSON if rule.outcome is not Outcome.PENDING else ours) or rule.outcome is Outcome.SERVED
        assert (rule.next == "clerk_confirm") == (rule.outcome in (Outcome.PRESUMED, Outcome.DEEMED))


def test_all_faults_are_named_at_once() -> None:
    def breaks(tables: Tables) -> None:
        tables["rule"].append(row(when={"weather": True, "signer": "cat"}, table="pigeon"))
        del tables["policy"], tables["mail"]

    places = [fault.split(":")[0] for fault in broken(breaks)]
    assert places == ["/rule/new/when/weather", "/rule/new/when/signer", "/rule/new/table", "/mail", "/policy"]


def test_the_last_delay_repeats_and_what_is_not_listed_has_the_default() -> None:
    delays = [book().retry_delay(tries).seconds for tries in (1, 2, 7, 8, 99)]
    assert delays == [30, 120, 3600, 3600, 3600]
    assert (book().receipt_wait("email"), book().receipt_wait("fax")) == (timedelta(days=1), timedelta(hours=2))
    assert (book().task_policy("judge_decision"), book().task_policy("unheard of")) == (("judge", 5), ("clerk", 3))


def test_proof_makes_an_unproven_address_the_recipient_s_own_and_no_other() -> None:
    classes = [book().address_class("electronic", basis, proven=True) for basis in ("found", "confirmed", "hearsay")]
    assert classes == ["own", "given", "own"]
    assert book().address_class("mail", "found", proven=True) == "found"
    assert {*classes} <= FINDINGS["address_class"]
