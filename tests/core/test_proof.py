"""What the proof of service says: three times, who confirmed, nothing that need not be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.core import events
from delivery.core.civil import CHINA
from delivery.core.effect import document_effects
from delivery.core.model import Delivery, Fact, Person, Receipt
from delivery.core.proof import Certificate, Known, certificate, known_from, mask, masked_address
from tests.core.world import address, attempted, book, delivery

SENT = datetime.fromisoformat("2025-09-16T09:00:00+08:00")
ARRIVED = SENT + timedelta(hours=1)
LEARNT = SENT + timedelta(days=2)
RECEIPT = Receipt(
    channel="email",
    key="m1",
    at=ARRIVED,
    code="2.0.0",
    words="queued as 77",
    attempt="d1.a1.1",
    fact=Fact(kind="arrived", at=ARRIVED, key="m1"),
)
RECEIVED = events.ReceiptReceived(at=LEARNT, receipt=RECEIPT)
SEALED = events.DocumentsSealed(at=SENT, sealed=(("doc", "1" * 64),))


def history(*happened: events.Event, at: datetime = LEARNT) -> Iterator[events.Recorded]:
    for number, event in enumerate((SEALED, *happened), 1):
        yield events.Recorded(delivery="d1", seq=number, position=number, recorded_at=at, event=event)


def served(channel: str = "email") -> Delivery:
    made = attempted(channel, SENT)
    if channel == "email":
        made = events.apply(made, events.ReceiptReceived(at=LEARNT, receipt=RECEIPT))
    else:
        by = Person(relation="self")
        signed = Fact(kind="signed", at=ARRIVED, address="a1", key="k", by=by, id_on_receipt=True)
        made = replace(made, facts=(signed,))
    return events.apply(made, events.Concluded(at=LEARNT, effects=document_effects(made, book(), LEARNT)))


def proof(made: Delivery, *happened: events.Event) -> Certificate:
    known = known_from(history(*(happened or (events.ReceiptReceived(at=LEARNT, receipt=RECEIPT),))))
    return certificate(made, court_name="格尔木市人民法院", now=LEARNT, known=known, rulebook="cn 2025-1", zone=CHINA)


def said(paper: Certificate) -> dict[str, str]:
    return {label.en: value for _, rows in paper.sections for label, value in rows}


def test_the_three_times() -> None:
    rows = said(proof(served()))
    assert rows["Happened"] == "2025-09-16 10:00:00"
    assert rows["Learnt"] == "2025-09-18 09:00:00"
    assert rows["Day the law counts"] == "2025-09-16"


def test_it_tells_the_fact_that_dates_and_the_attempt_it_belongs_to() -> None:
    """Signed for an hour after arrival; a renewed link, opened later, is another attempt."""
    made = delivery(address("sms", "own"), at=SENT, sealed=(("doc", "1" * 64),))
    for number, kind, hours in (
        (1, "sent", 0),
        (1, "arrived", 1),
        (1, "replied", 2),
        (2, "sent", 3),
        (2, "arrived", 4),
    ):
        at = SENT + timedelta(hours=hours)
        fact = Fact(kind=kind, at=at, address="a1", attempt=number, key=f"{kind}{number}")
        made = events.apply(made, events.FactRecorded(at=LEARNT, fact=fact, by="songda"))
    made = events.apply(made, events.Concluded(at=LEARNT, effects=document_effects(made, book(), LEARNT)))
    rows = said(proof(made))
    assert (rows["Happened"], rows["Attempt"]) == ("2025-09-16 11:00:00", "d1.a1.1")


def test_its_times_are_the_court_s() -> None:
    utc = [replace(row, recorded_at=LEARNT.astimezone(UTC)) for row in history(RECEIVED)]
    paper = certificate(served(), court_name="", now=LEARNT, known=known_from(utc), rulebook="", zone=CHINA)
    assert said(paper)["Learnt"] == "2025-09-18 09:00:00"


def test_its_times_are_those_of_the_rulebooks_zone() -> None:
    """In Santiago it is still the day before; the certificate, its documents and its course say so."""
    zone, made = book("example").zone, served()
    day = ARRIVED.astimezone(zone).date()
    assert day < ARRIVED.date()
    made = replace(made, concluded=tuple((name, replace(e, effective_date=day)) for name, e in made.concluded))
    paper = certificate(made, court_name="", now=LEARNT, known=known_from(history(RECEIVED)), rulebook="", zone=zone)
    assert said(paper)["Learnt"] == "2025-09-17 22:00:00"
    told = [paper.issued_at, *(each.sealed_at for each in paper.documents), *(each.at for each in paper.course)]
    assert {instant.tzinfo for instant in told} == {zone}


def test_a_paper_proof_tells_the_signature() -> None:
    paper = proof(served("post"), events.FactRecorded(at=LEARNT, fact=served("post").facts[0], by="clerk"))
    assert not paper.electronic
    assert (said(paper)["Happened"], said(paper)["Learnt"]) == ("2025-09-16 10:00:00", "2025-09-18 09:00:00")
    assert proof(served()).electronic


def test_a_name_stays_and_numbers_are_masked() -> None:
    paper = proof(served())
    rows = said(paper)
    assert rows["Name"] == "李四"
    assert rows["Identity number"] == "*" * 14 + "002X"
    assert rows["Address"] == "l****@mail.example"
    assert "11010519491231002X" not in repr(paper)
    assert "li.si" not in repr(paper)


@pytest.mark.parametrize(
    ("channel", "shown"),
    [
        ("email", "l****@mail.example"),
        ("sms", "+86*******0003"),
        ("fax", "097*****2345"),
        ("post", "青海省海西蒙古族藏族自治州格尔木市八一路1号"),
    ],
)
def test_an_address_is_shown_as_far_as_it_must_be(channel: str, shown: str) -> None:
    assert masked_address(address(channel)) == shown


@given(st.text(max_size=30), st.integers(0, 5), st.integers(0, 5))
def test_a_mask_shows_no_more_than_the_ends(text: str, head: int, tail: int) -> None:
    shown = mask(text, head, tail)
    assert len(shown) == len(text)
    if len(text) > head + tail:
        assert shown == text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]
    else:
        assert shown == "*" * len(text)


def test_who_confirmed_is_a_named_person_with_the_role() -> None:
    confirmation = Fact(kind="official_confirmation", at=LEARNT, key="c", decided_by="书记员")
    recorded = events.FactRecorded(at=LEARNT, fact=confirmation, by="王小明")
    assert said(proof(served(), recorded))["Confirmed by"] == "王小明（书记员）"
    alone = replace(recorded, fact=replace(confirmation, decided_by=None))
    assert said(proof(served(), alone))["Confirmed by"] == "王小明"
    assert "Confirmed by" not in said(proof(served()))


def test_a_later_proof_replaces_the_one_before() -> None:
    first = proof(served())
    assert (first.number, first.replaces) == ("D1-1", None)
    again = events.apply(served(), events.ProofIssued(at=LEARNT, number=first.number, sha256="2" * 64))
    second = proof(again)
    assert (second.number, second.replaces) == ("D1-2", "D1-1")


def test_it_names_what_was_sealed_and_when() -> None:
    (document,) = proof(served()).documents
    assert (document.sealed_sha256, document.sealed_at, document.type.zh) == ("1" * 64, SENT, "传票")


def test_nothing_sealed_nothing_proved() -> None:
    with pytest.raises(ValueError, match="sealed"):
        known_from([])


def test_the_course_is_in_order_with_the_provider_s_own_words() -> None:
    course = proof(served()).course
    assert [one.at for one in course] == [SENT, ARRIVED]
    assert [one.words for one in course] == ["", "2.0.0 queued as 77"]


def test_what_was_learnt_last_of_a_fact_counts() -> None:
    """The push came first, the slip later: only then was the whole known."""
    slip = events.FactRecorded(at=LEARNT, fact=Fact(kind="arrived", at=ARRIVED, key="slip"), by="clerk")
    rows = [*history(events.ReceiptReceived(at=ARRIVED, receipt=RECEIPT), at=ARRIVED)]
    rows += [replace(rows[-1], recorded_at=LEARNT, event=slip)]
    assert known_from(rows) == Known(sealed_at=SENT, learnt={("arrived", ARRIVED): LEARNT})
