"""Reports: which event tells the case record what, and that nothing is told twice."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from delivery.core import events
from delivery.core.model import Delivery, Effect, Fact, Outcome, Person, Receipt
from delivery.core.report import Report, cloud_event, reports_of
from tests.core.walks import Walk
from tests.core.world import attempted

NOON = datetime.fromisoformat("2025-09-16T12:00:00+08:00")
READ = Fact(kind="read", at=NOON, address="a1", key="k1", by=Person(relation="self"))
ARRIVED = Receipt(
    channel="email", key="m1", at=NOON, code="2.0.0", attempt="d1.a1.1", fact=Fact(kind="arrived", at=NOON)
)
SERVED = Effect(outcome=Outcome.SERVED, effective_date=date(2025, 9, 16), grounds=("OLR 31(1)",), rule="R3.10")


def sent() -> Delivery:
    return attempted("email", NOON)


def told(before: Delivery, event: events.Event) -> tuple[Report, ...]:
    return reports_of(before, event, events.apply(before, event))


def test_an_answer_to_an_attempt_is_told_with_the_attempt_as_it_now_is() -> None:
    (report,) = told(sent(), events.AttemptRefused(at=NOON, attempt="d1.a1.1", code="550"))
    attempt = {"id": "d1.a1.1", "address": "a1", "channel": "email", "number": 1, "answer": "refused"}
    assert (report.kind, report.data["attempt"]) == ("attempt_made", attempt)
    assert report.data["delivery_id"] == "d1"
    assert report.data["submission_id"] == "s1"


def test_taking_an_attempt_back_is_no_new_attempt() -> None:
    withdrawn = replace(sent(), withdrawn_at=NOON)
    for words in ("withdrawal: taken back", "withdrawal: not possible"):
        assert told(withdrawn, events.AttemptTaken(at=NOON, attempt="d1.a1.1", words=words)) == ()
    assert len(told(sent(), events.AttemptTaken(at=NOON, attempt="d1.a1.1", words="queued"))) == 1


@pytest.mark.parametrize("seed", range(60))
def test_no_report_tells_a_number_an_address_or_a_name(seed: int) -> None:
    walk = Walk(seed)
    walk.walk()
    assert walk.told
    text = json.dumps([report.data for report in walk.told], ensure_ascii=False)
    for secret in ("li.si@mail.example", "13900000003", "11010519491231002X", "八一路", "李四"):
        assert secret not in text


def test_doubt_and_deferral_are_not_told() -> None:
    assert told(sent(), events.AttemptDoubted(at=NOON, attempt="d1.a1.1", ask_at=NOON)) == ()
    assert told(sent(), events.AttemptDeferred(at=NOON, attempt="d1.a1.1", code="450", retry_at=NOON)) == ()


def test_a_repeated_receipt_is_told_once() -> None:
    event = events.ReceiptReceived(at=NOON, receipt=ARRIVED)
    (report,) = told(sent(), event)
    assert (report.kind, report.at, report.data["receipt"]["code"]) == ("receipt_received", NOON, "2.0.0")
    assert told(events.apply(sent(), event), event) == ()


def test_a_recorded_fact_is_told_once_with_who_recorded_it() -> None:
    event = events.FactRecorded(at=NOON, fact=READ, by="王书记员")
    (report,) = told(sent(), event)
    assert report.data["receipt"]["by"] == "王书记员"
    assert report.data["receipt"]["fact"] == {"kind": "read", "at": NOON.isoformat(), "reason": None, "by": "self"}
    assert told(events.apply(sent(), event), event) == ()


def test_a_conclusion_and_its_revision_have_kinds_of_their_own() -> None:
    first, later = (events.Concluded(at=NOON, effects=(("doc", SERVED),), revised=again) for again in (False, True))
    assert [told(sent(), event)[0].kind for event in (first, later)] == ["concluded", "revised"]
    (document,) = told(sent(), first)[0].data["documents"]
    assert (document["document"], document["outcome"], document["effective_date"]) == ("doc", "served", "2025-09-16")


def test_a_proof_is_told_with_the_effects_it_proves_and_what_it_replaces() -> None:
    concluded = events.apply(sent(), events.Concluded(at=NOON, effects=(("doc", SERVED),)))
    (report,) = told(concluded, events.ProofIssued(at=NOON, number="D1-2", sha256="2" * 64, replaces="1" * 64))
    assert report.data["proof"] == {"number": "D1-2", "sha256": "2" * 64, "replaces": "1" * 64}
    assert [one["outcome"] for one in report.data["documents"]] == ["served"]


def test_a_message_has_three_times_and_no_sequence_where_none_counts() -> None:
    (report,) = told(sent(), events.Concluded(at=NOON, effects=(("doc", SERVED),)))
    later = datetime.fromisoformat("2025-09-17T08:00:00+08:00")
    out: dict[str, Any] = {"report_id": "R", "court": "632801", "kind": report.kind, "at": NOON, "recorded_at": later}
    message = cloud_event(**out, sequence=3, data=report.data)
    assert (message["type"], message["time"]) == ("songda.report.concluded.v1", NOON.isoformat())
    assert (message["data"]["recorded_at"], message["data"]["sequence"]) == (later.isoformat(), 3)
    assert "sequence" not in cloud_event(**out, sequence=None, data=report.data)["data"]
    assert json.loads(json.dumps(message)) == message
