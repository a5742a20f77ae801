"""What the evidence says: every event under its ETSI name with its three times, and nobody's number in full."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from delivery.core import events
from delivery.core.civil import CHINA
from delivery.core.evidence import ERDS, FACT_EVENTS, OURS, Evidence, RulebookUsed, erds_uri, evidence_of, masked_words
from delivery.core.model import Fact
from delivery.core.proof import known_from
from delivery.core.words import FACTS
from tests.core.test_proof import LEARNT, RECEIPT, SENT, history, proof, served
from tests.core.world import address, delivery

BOOK = RulebookUsed(name="cn", version="2025-1", files=(("rules.toml", "a" * 64),))
TAKEN = events.AttemptTaken(at=SENT, attempt="d1.a1.1", references=("m1",), words="250 ok li.si@mail.example")


def told(*happened: events.Event, **more: object) -> Evidence:
    made = served()
    rows = [*history(*happened)]
    digests = more.pop("raw_digests", {})
    assert isinstance(digests, dict)
    return evidence_of(
        made, rows, proof(made), known=known_from(rows), rulebook=BOOK, raw_digests=digests, zone=CHINA, **more
    )


def test_three_times_on_the_event_that_dates_the_service() -> None:
    receipt = replace(RECEIPT, raw="raw1")
    evidence = told(TAKEN, events.ReceiptReceived(at=LEARNT, receipt=receipt), raw_digests={"raw1": "b" * 64})
    sealed, sent, arrived = evidence.events
    assert (arrived.at, arrived.recorded_at, arrived.counts_on) == (RECEIPT.at, LEARNT, date(2025, 9, 16))
    assert (sealed.counts_on, sent.counts_on) == (None, None)
    assert (arrived.raw, arrived.raw_sha256, arrived.code) == ("raw1", "b" * 64, "2.0.0")
    assert (sent.references, sent.channel, sent.attempt) == (("m1",), "email", "d1.a1.1")


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (TAKEN, ERDS + "RelayToNonERDS"),
        (events.AttemptRefused(at=SENT, attempt="d1.a1.1", code="550"), ERDS + "RelayToNonERDSFailure"),
        (events.ReceiptReceived(at=SENT, receipt=RECEIPT), ERDS + "ContentConsignment"),
        (events.ReceiptReceived(at=SENT, receipt=replace(RECEIPT, fact=None)), OURS + "receipt_received"),
        (events.FactRecorded(at=SENT, fact=Fact(kind="read", at=SENT), by="recipient"), ERDS + "ContentHandover"),
        (events.FactRecorded(at=SENT, fact=Fact(kind="objection", at=SENT), by="clerk"), OURS + "objection"),
        (events.Concluded(at=SENT, effects=()), OURS + "concluded"),
    ],
)
def test_an_event_bears_the_standard_s_name_where_it_has_one(event: events.Event, name: str) -> None:
    assert erds_uri(event) == name


def test_the_table_knows_no_fact_that_does_not_exist() -> None:
    assert {*FACT_EVENTS} <= {*FACTS}


def test_nobody_s_number_is_told() -> None:
    evidence = told(TAKEN)
    assert (evidence.recipient.name, evidence.recipient.id_number) == ("李四", "*" * 14 + "002X")
    assert [one.value for one in evidence.addresses] == ["l****@mail.example"]
    assert "11010519491231002X" not in repr(evidence)
    assert "li.si@" not in repr(evidence)


def test_words_of_a_provider_keep_no_number_either() -> None:
    made = delivery(address("sms"), address("post", id="a2"), at=SENT)
    for number in ("+8613900000003", "13900000003", "11010519491231002X"):
        assert number not in masked_words(f"{number}: DELIVRD", made)


def test_tasks_and_routes_are_no_evidence_and_what_was_taken_back_is() -> None:
    withdrawn = events.FactWithdrawn(at=LEARNT, key="k", by="王小明", reason="误录")
    evidence = told(TAKEN, events.StepFailed(at=SENT, step="Send", fault="OSError"), withdrawn)
    assert [one.kind for one in evidence.events] == ["documents_sealed", "attempt_taken", "fact_withdrawn"]
    assert (evidence.events[-1].by, evidence.events[-1].reason) == ("王小明", "误录")


def test_it_belongs_to_a_proof_and_names_its_rules() -> None:
    evidence = told(TAKEN)
    assert (evidence.id, evidence.proof, evidence.replaces) == ("D1-1-E", "D1-1", None)
    assert evidence.rulebook == BOOK
    assert [document for document, _ in evidence.effects] == ["doc"]
    assert evidence.documents[0].sealed_sha256 == "1" * 64


def test_a_fact_on_record_tells_who_where_and_why() -> None:
    fact = Fact(kind="delivery_attempt", at=SENT, address="a1", attempt=2, reason="nobody_home")
    later = LEARNT + timedelta(hours=1)
    event = told(events.FactRecorded(at=later, fact=fact, by="clerk", evidence="c" * 64)).events[-1]
    assert (event.at, event.attempt, event.reason, event.by) == (SENT, "d1.a1.2", "nobody_home", "clerk")
    assert (event.channel, event.exhibit, event.counts_on) == ("email", "c" * 64, None)
