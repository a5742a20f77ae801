"""What becomes known of a recipient after the filing, told by a case system over HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from delivery.core import events
from delivery.core.model import Standing
from tests.filings import digest, filing, summons
from tests.servers import PROJECT
from tests.web.office import OTHER_SECRET, Office, open_office
from tests.web.papers import PICTURE

Json = dict[str, Any]
AT = "2025-09-16T09:30:00+08:00"
EXAMPLE: Json = json.loads((PROJECT / "delivery/web/schemas/address.example.json").read_text("utf-8"))
MAILBOX = EXAMPLE["address"]
VOUCHED = {"by": "书记员甲", "reason": "电话确认"}
CONSENT = {"id": "c1", "basis": "express", "documents": ["all"], "stages": ["all"], "given_at": AT}


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path / "documents") as opened:
        yield opened


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(f"sqlite+aiosqlite:///{tmp_path / 'journal'}", tmp_path / "documents") as opened:
        yield opened


async def tell(office: Office, delivery: str, body: Any, **more: Any) -> Any:
    return await office.ask("POST", f"/v1/deliveries/{delivery}/address", json=body, **more)


async def test_a_written_change_is_learnt_and_is_a_fact(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    picture = {"sha256": digest(PICTURE), "media_type": "image/png", "content": base64.b64encode(PICTURE).decode()}
    first, again = [await tell(office, delivery, EXAMPLE | {"evidence": picture}) for _ in range(2)]
    assert (first.status, again.status) == (201, 200)
    history = await office.journal.load(delivery)
    assert [events.kind(row.event) for row in history[1:]] == ["recipient_learnt", "fact_recorded"]
    learnt, changed = history[1].event, history[2].event
    assert isinstance(learnt, events.RecipientLearnt)
    assert isinstance(changed, events.FactRecorded)
    assert [one.id for one in learnt.addresses] == ["a9"]
    assert (learnt.by, learnt.evidence) == ("书记员甲 (case-system)", digest(PICTURE))
    fact = changed.fact
    assert (fact.kind, fact.address, fact.new_address, fact.in_writing) == ("address_changed", "a1", "a9", True)
    assert (await office.journal.delivery(delivery)).recipient.address("a9").value == MAILBOX["value"]
    assert await office.files.get(digest(PICTURE)) == PICTURE


async def test_many_at_once_are_on_record_once(counter: Office) -> None:
    delivery = await counter.accepted(filing(summons()))
    replies = await asyncio.gather(*(tell(counter, delivery, EXAMPLE) for _ in range(5)))
    assert {reply.status for reply in replies} <= {200, 201}
    assert len(await counter.journal.load(delivery)) == 3


async def test_a_consent_is_withdrawn_and_a_standing_told(counter: Office) -> None:
    delivery = await counter.accepted(filing(summons()))
    withdrawn = CONSENT | {"given_at": "2025-09-01T09:00:00+08:00", "withdrawn_at": AT}
    standing = {"kind": "imprisoned", "since": AT}
    reply = await tell(counter, delivery, VOUCHED | {"consent": withdrawn, "standing": standing})
    assert reply.status == 201
    recipient = (await counter.journal.delivery(delivery)).recipient
    assert len(recipient.consents) == 1
    assert recipient.consents[0].withdrawn_at is not None
    assert recipient.standing == Standing(kind="imprisoned", since=recipient.consents[0].withdrawn_at)


async def test_a_new_agent_may_hold_the_new_address(counter: Office) -> None:
    delivery = await counter.accepted(filing(summons()))
    agent = {"id": "lawyer", "kind": "litigation_agent", "name": "周律师"}
    body = VOUCHED | {"representative": agent, "address": MAILBOX | {"holder": "lawyer"}}
    assert (await tell(counter, delivery, body)).status == 201
    assert (await counter.journal.delivery(delivery)).recipient.address("a9").holder == "lawyer"


async def test_a_basis_may_change_where_something_was_sent_but_not_the_place(counter: Office) -> None:
    event = filing(summons())
    delivery = await counter.accepted(event)
    place = event["data"]["recipients"][0]["addresses"][1]
    now = counter.clock.now()
    announced = events.AttemptAnnounced(
        at=now, attempt=f"{delivery}.{place['id']}.1", address=place["id"], channel=place["channel"], number=1
    )
    await counter.journal.record(delivery, lambda _: (announced,))
    moved = await tell(counter, delivery, VOUCHED | {"address": place | {"value": "13900000009"}})
    assert moved.faults == {("/address/id", "address_in_use")}
    confirmed = await tell(counter, delivery, VOUCHED | {"address": place | {"basis": "confirmed"}})
    assert confirmed.status == 201
    assert (await counter.journal.delivery(delivery)).recipient.address(place["id"]).basis == "confirmed"


FAULTY: dict[str, tuple[Any, set[tuple[str, str]]]] = {
    "nothing": ({}, {("/by", "missing"), ("/reason", "missing"), ("", "nothing_told")}),
    "no object": ([], {("", "wrong_type"), ("/by", "missing"), ("/reason", "missing"), ("", "nothing_told")}),
    "strange": (EXAMPLE | {"mood": "good"}, {("/mood", "unknown_field")}),
    "many": (
        EXAMPLE | {"address": MAILBOX | {"value": "nobody", "holder": "g9"}, "replaces": "a8", "reason": ""},
        {
            ("/address/value", "not_a_mailbox"),
            ("/address/holder", "unknown_holder"),
            ("/replaces", "unknown_address"),
            ("/reason", "too_short"),
        },
    ),
    "itself": (EXAMPLE | {"replaces": "a9"}, {("/replaces", "unknown_address")}),
    "no new one": (
        VOUCHED | {"replaces": "a1", "standing": {"kind": "minor"}},
        {("/address", "missing"), ("/at", "missing")},
    ),
    "change of what": (VOUCHED | {"address": MAILBOX, "in_writing": True}, {("/replaces", "missing")}),
    "to come": (
        EXAMPLE
        | {"at": "2035-01-01T00:00:00Z", "standing": {"kind": "deceased", "since": "2035-01-01T00:00:00Z"}}
        | {"consent": CONSENT | {"given_at": "2035-01-01T00:00:00Z"}},
        {
            ("/at", "in_the_future"),
            ("/standing/since", "in_the_future"),
            ("/consent/given_at", "in_the_future"),
        },
    ),
    "no such upload": (
        EXAMPLE | {"evidence": {"sha256": "ab" * 32, "media_type": "application/pdf"}},
        {("/evidence/sha256", "not_uploaded")},
    ),
}


@pytest.mark.parametrize("kind", FAULTY)
async def test_all_faults_are_told_and_nothing_is_kept(counter: Office, kind: str) -> None:
    body, faults = FAULTY[kind]
    delivery = await counter.accepted(filing(summons()))
    reply = await tell(counter, delivery, body)
    assert (reply.status, reply.faults) == (422, faults)
    assert len(await counter.journal.load(delivery)) == 1


async def test_only_who_filed_it_tells(counter: Office) -> None:
    delivery = await counter.accepted(filing(summons()))
    assert (await tell(counter, delivery, EXAMPLE, who=f"enforcement.{OTHER_SECRET}")).status == 404
    assert (await tell(counter, delivery, EXAMPLE, who=None)).status == 401
