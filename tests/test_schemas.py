"""The published messages (docs/schemas, docs/asyncapi.yaml) say what the code takes and tells, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from delivery.core import events
from delivery.core.model import Case, Delivery, Document, Effect, Fact, Outcome, Person, Receipt, Recipient, Task
from delivery.core.report import cloud_event, reports_of
from tests.filings import DIGEST, Break, breaks, filing, summons

DOCS = Path(__file__).parent.parent / "docs"
SCENARIOS = Path(__file__).parent / "data" / "scenarios" / "schema.json"
NAMES = ("submission", "report", "rejection")
AT = datetime(2025, 9, 16, 2, tzinfo=UTC)

SHAPE = {
    *("missing", "unknown_word", "unknown_field", "wrong_type", "malformed", "not_an_instant"),
    *("too_long", "too_short", "too_many", "too_few"),
}
"""Faults that a schema can see. What needs a calendar, a checksum, another field or the journal it cannot."""

NO_CALENDAR = ("2025-02-30T09:30:00+08:00", "9999-01-01T00:00:00Z")


@cache
def schema(name: str) -> dict[str, Any]:
    return json.loads((DOCS / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))


@cache
def asyncapi() -> dict[str, Any]:
    return yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))


def faults(name: str, message: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(schema(name)).iter_errors(message)]


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_schema(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("content", [None, b"%PDF"])
def test_a_filing_that_is_taken_is_described(content: bytes | None) -> None:
    assert faults("submission", filing(content and summons())) == []


def visible() -> Iterator[Break]:
    for each in breaks():
        if each.code in SHAPE and not any(text in repr(each) for text in NO_CALENDAR):
            yield each


@pytest.mark.parametrize("broken", list(visible()), ids=repr)
def test_a_fault_of_shape_is_a_fault_of_the_schema_too(broken: Break) -> None:
    event = filing()
    broken.apply(event)
    assert faults("submission", event)


def test_words_are_those_of_the_scenario_format() -> None:
    theirs, ours = json.loads(SCENARIOS.read_text())["$defs"], schema("submission")["$defs"]
    for name in ("consent", "address", "representative"):
        for field, said in theirs[name]["properties"].items():
            assert words(ours[name]["properties"][field]) == words(said), f"{name}.{field}"
    effect = theirs["effect"]["properties"]
    for mine, part in (("case", "case"), ("document", "document"), ("recipient", "recipient")):
        for field, said in effect[part]["properties"].items():
            if field in ours[mine]["properties"]:
                assert words(ours[mine]["properties"][field]) == words(said), f"{mine}.{field}"
    outcome = schema("report")["$defs"]["effect"]["properties"]["outcome"]
    assert words(outcome) == words(effect["expect"]["properties"]["outcome"])


def words(said: dict[str, Any]) -> set[str]:
    """The closed list of a field, or of its entries; empty where it has none."""
    said = said.get("items", said)
    return {word for word in said.get("enum", []) if word is not None}


def delivery() -> Delivery:
    document = Document(id="d1", type="summons", title="传票", sha256=DIGEST, pages=1, size=9)
    recipient = Recipient(id="r1", role="defendant", kind="natural_person", name="王小明")
    case = Case(number="（2024）青2801民初123号", kind="civil", procedure="ordinary", stage="first_instance")
    start = events.Accepted(
        at=AT,
        delivery="D1",
        court="632801",
        client="case-system",
        submission="S1",
        case=case,
        documents=(document,),
        recipient=recipient,
    )
    announced = events.AttemptAnnounced(at=AT, attempt="D1.a1.1", address="a1", channel="email", number=1)
    return events.fold([start, announced])


def told() -> Iterator[events.Event]:
    """One event for each kind of report, in an order in which they can happen."""
    read = Fact(kind="read", at=AT, by=Person(relation="self"), key="k1")
    served = Effect(outcome=Outcome.SERVED, effective_date=date(2025, 9, 16), grounds=("OLR 31(2)(i)",), rule="R3.3")
    pending = Effect(outcome=Outcome.PENDING, next="await_response", flags=(("objection_window_open", True),))
    task = Task(id="t1", kind="confirm", reason="presumed", opened_at=AT, due_at=AT, owner="clerk")
    receipt = Receipt(channel="email", key="k1", at=AT, code="2.0.0", attempt="D1.a1.1", fact=read)
    yield events.AttemptTaken(at=AT, attempt="D1.a1.1", references=("m1",))
    yield events.AttemptRefused(at=AT, attempt="D1.a1.1", code="550")
    yield events.ReceiptReceived(at=AT, receipt=receipt)
    yield events.ReceiptReceived(at=AT, receipt=replace(receipt, key="k2", attempt=None, fact=None, cancels="2.0.0"))
    yield events.FactRecorded(at=AT, fact=replace(read, key="k3"), by="recipient")
    yield events.TaskOpened(at=AT, task=task)
    yield events.TaskClosed(at=AT, task="t1", decision="confirm", by="judge", reason="")
    yield events.Concluded(at=AT, effects=(("d1", served),))
    yield events.Concluded(at=AT, effects=(("d1", pending),), revised=True)
    yield events.ProofIssued(at=AT, number="p1", sha256=DIGEST)
    yield events.ProofIssued(at=AT, number="p2", sha256=DIGEST, replaces=DIGEST)
    yield events.Withdrawn(at=AT, by="clerk", reason="settled")


def reports() -> Iterator[dict[str, Any]]:
    now = delivery()
    for event in told():
        after = events.apply(now, event)
        for report in reports_of(now, event, after):
            yield cloud_event(
                report_id="R1", court="632801", kind=report.kind, at=AT, recorded_at=AT, sequence=1, data=report.data
            )
        now = after


@pytest.mark.parametrize("report", list(reports()), ids=lambda report: report["type"])
def test_what_the_case_record_is_told_is_described(report: dict[str, Any]) -> None:
    assert faults("report", json.loads(json.dumps(report))) == []


def test_every_kind_of_report_is_described_and_told() -> None:
    described = {branch["properties"]["type"]["const"] for branch in schema("report")["oneOf"]}
    assert described == set(schema("report")["properties"]["type"]["enum"])
    from_submissions = {f"songda.report.submission_{end}.v1" for end in ("accepted", "rejected")}
    assert {report["type"] for report in reports()} | from_submissions == described


@pytest.mark.parametrize("field", ["delivery_id", "sequence", "recorded_at", "at", "documents"])
def test_a_report_without_what_a_case_record_relies_on_is_no_report(field: str) -> None:
    report = next(report for report in reports() if report["type"] == "songda.report.concluded.v1")
    del report["data"][field]
    assert faults("report", report)


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_the_queues_page_are_right(name: str) -> None:
    examples = asyncapi()["components"]["messages"][name]["examples"]
    assert examples
    assert [faults(name, example["payload"]) for example in examples] == [[]] * len(examples)


def test_the_queues_page_names_what_is_there() -> None:
    """Its references lead somewhere, and its addresses are those of the adapter."""
    for target in references(asyncapi()):
        where, _, pointer = target.partition("#")
        node: Any = asyncapi() if not where else json.loads((DOCS / where).read_text(encoding="utf-8"))
        for step in pointer.split("/")[1:]:
            node = node[step]
        assert node
    addresses = {channel["address"] for channel in asyncapi()["channels"].values()}
    assert addresses == {"songda.{court}.submissions", "songda.{court}.rejected", "songda.{court}.reports.{client}"}
    for channel in asyncapi()["channels"].values():
        named = {part[1:-1] for part in channel["address"].split(".") if part.startswith("{")}
        assert named == set(channel["parameters"])


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for below in node.values():
            yield from references(below)
    elif isinstance(node, list):
        for below in node:
            yield from references(below)
