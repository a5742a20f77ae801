"""What a case system meets when it follows a delivery: answers, facts, withdrawal, reports, dry runs."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from delivery.core import events
from delivery.core.model import Fact, Task
from tests.filings import digest, filing, summons
from tests.web.filed import Json, conclude, sent
from tests.web.office import START, Office
from tests.web.papers import PICTURE, paper


async def test_a_submission_and_its_deliveries(office: Office) -> None:
    filed = (await office.submit(filing(summons()))).json
    found = (await office.ask("GET", f"/v1/submissions/{filed['submission_id']}")).json
    assert (found["source"], found["id"]) == ("/courts/632801/case-system", "2024-mc-123-0007")
    assert _ids(found) == _ids(filed)
    assert {each["state"] for each in found["deliveries"]} == {"accepted"}


def _ids(told: Json) -> set[str]:
    return {each["delivery_id"] for each in told["deliveries"]}


def of_age(event: Json) -> Json:
    """The rules here leave a minor's service to a person."""
    event["data"]["recipients"][0]["standing"] = {"kind": "normal"}
    return event


async def test_a_delivery_its_events_and_its_effect(office: Office) -> None:
    delivery = await office.accepted(of_age(filing(summons())))
    attempt = await sent(office, delivery)
    arrived = Fact(kind="arrived", at=office.clock.now(), address="a1", key="k1")
    await office.journal.record(
        delivery, lambda _: (events.FactRecorded(at=office.clock.now(), fact=arrived, by="songda"),)
    )
    found = (await office.ask("GET", f"/v1/deliveries/{delivery}")).json
    assert (found["state"], found["attempts"][0]["id"], found["attempts"][0]["answer"]) == ("waiting", attempt, "taken")
    history = (await office.ask("GET", f"/v1/deliveries/{delivery}/events")).json["events"]
    kinds = [event["kind"] for event in history]
    assert kinds == ["accepted", "attempt_announced", "attempt_taken", "fact_recorded"]
    assert [event["seq"] for event in history] == [1, 2, 3, 4]
    effect = (await office.ask("GET", f"/v1/deliveries/{delivery}/effect")).json
    assert (effect["documents"][0]["outcome"], effect["documents"][0]["effective_date"]) == ("served", "2025-09-16")
    facts = {fact["kind"]: fact for fact in effect["facts"]}
    assert facts["arrived"]["at"] == arrived.at.isoformat()
    assert facts["arrived"]["recorded_at"] > facts["arrived"]["at"]
    assert facts["sent"]["recorded_at"] == history[2]["recorded_at"]


async def test_proof_with_the_reason_while_there_is_none(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    path = f"/v1/deliveries/{delivery}/proof"
    reply = await office.ask("GET", path)
    assert (reply.status, reply.json["detail"]) == (404, "The delivery is not concluded yet.")
    now = office.clock.now()
    task = Task(id="t1", kind="clerk_confirm", reason="x", opened_at=now, due_at=now, owner="clerk")
    await office.journal.record(delivery, lambda _: (events.TaskOpened(at=now, task=task),))
    assert "clerk_confirm" in (await office.ask("GET", path)).json["detail"]
    content = paper("电子送达凭证", "已送达。")
    await conclude(office, delivery)
    issued = events.ProofIssued(at=now, number="632801-1", sha256=await office.files.put(content))
    await office.journal.record(delivery, lambda _: (issued,))
    reply = await office.ask("GET", path)
    assert (reply.status, reply.body, reply.headers["Content-Type"]) == (200, content, "application/pdf")
    assert '"632801-1.pdf"' in reply.headers["Content-Disposition"]


async def test_withdrawal_with_its_reason(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    path, body = f"/v1/deliveries/{delivery}/withdrawal", {"by": "书记员甲", "reason": "案件调解"}
    assert (await office.ask("POST", path, json={})).faults == {("/by", "missing"), ("/reason", "missing")}
    first, again = await office.ask("POST", path, json=body), await office.ask("POST", path, json=body)
    assert (first.status, again.status, first.json["state"]) == (200, 200, "withdrawn")
    history = await office.journal.load(delivery)
    assert [type(row.event) for row in history] == [events.Accepted, events.Withdrawn]
    assert [report["type"] for report in await office.told()][-1] == "songda.report.withdrawn.v1"
    assert "withdrawn" in (await office.ask("GET", f"/v1/deliveries/{delivery}/proof")).json["detail"]


async def test_a_concluded_delivery_is_not_withdrawn(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    await sent(office, delivery)
    await conclude(office, delivery)
    reply = await office.ask("POST", f"/v1/deliveries/{delivery}/withdrawal", json={"by": "甲", "reason": "x"})
    assert (reply.status, reply.json["type"]) == (409, "urn:songda:problem:concluded")


def told(**more: Any) -> Json:
    fact = {"kind": "replied", "at": "2025-09-16T09:30:00+08:00", "address": "a1", "by": {"relation": "self"}}
    return {"fact": fact, "by": "法官乙", "reason": "到院领取", **more}


async def test_a_fact_learnt_elsewhere_with_its_picture(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    picture = {"sha256": digest(PICTURE), "media_type": "image/png", "content": base64.b64encode(PICTURE).decode()}
    path = f"/v1/deliveries/{delivery}/facts"
    first = await office.ask("POST", path, json=told(evidence=picture))
    again = await office.ask("POST", path, json=told(evidence=picture))
    assert (first.status, again.status) == (201, 200)
    found = await office.journal.load(delivery)
    assert len(found) == 2
    event = found[1].event
    assert isinstance(event, events.FactRecorded)
    assert (event.fact.kind, event.by, event.evidence) == ("replied", "法官乙 (case-system)", digest(PICTURE))
    assert await office.files.get(digest(PICTURE)) == PICTURE


BAD_FACTS: dict[str, tuple[Json, set[tuple[str, str]]]] = {
    "nothing": ({}, {("/fact", "missing"), ("/by", "missing")}),
    "unknown kind": (told(fact={"kind": "sent", "at": "2025-09-16T09:30:00+08:00"}), {("/fact/kind", "unknown_word")}),
    "future": (
        told(fact={"kind": "paper_requested", "at": "2035-09-16T09:30:00+08:00"}),
        {("/fact/at", "in_the_future")},
    ),
    "incomplete": (
        told(fact={"kind": "signed", "at": "2025-09-16T09:30:00+08:00"}),
        {("/fact/address", "missing"), ("/fact/by", "missing")},
    ),
    "strange": (
        told(fact=told()["fact"] | {"address": "a9", "mood": "good", "attempt": 0}),
        {("/fact/address", "unknown_address"), ("/fact/mood", "unknown_field"), ("/fact/attempt", "out_of_range")},
    ),
    "person": (
        told(fact=told()["fact"] | {"by": {"relation": "friend", "representative": "g9", "age": 4}}),
        {
            ("/fact/by/relation", "unknown_word"),
            ("/fact/by/representative", "unknown_representative"),
            ("/fact/by/age", "unknown_field"),
        },
    ),
    "returned": (
        told(fact={"kind": "returned", "at": "2025-09-16T09:30:00+08:00", "address": "a3", "reason": "lost"}),
        {("/fact/reason", "unknown_word"), ("/fact/court_received_on", "missing")},
    ),
    "no such upload": (
        told(evidence={"sha256": "ab" * 32, "media_type": "application/pdf"}),
        {("/evidence/sha256", "not_uploaded")},
    ),
    "other digest": (
        told(evidence={"sha256": "ab" * 32, "media_type": "image/png", "content": "YQ=="}),
        {("/evidence/sha256", "digest_mismatch")},
    ),
    "no base64": (
        told(evidence={"sha256": "ab" * 32, "media_type": "image/png", "content": "%"}),
        {("/evidence/content", "not_base64")},
    ),
    "no picture": (
        told(evidence={"sha256": digest(b"a"), "media_type": "image/png", "content": "YQ=="}),
        {("/evidence/content", "wrong_media_type")},
    ),
    "no pdf": (
        told(evidence={"sha256": digest(b"a"), "media_type": "application/pdf", "content": "YQ=="}),
        {("/evidence/content", "not_pdf")},
    ),
}


@pytest.mark.parametrize("kind", BAD_FACTS)
async def test_a_faulty_fact_leaves_nothing(counter: Office, kind: str) -> None:
    body, faults = BAD_FACTS[kind]
    delivery = await counter.accepted(filing(summons()))
    before = counter.kept()
    reply = await counter.ask("POST", f"/v1/deliveries/{delivery}/facts", json=body)
    assert (reply.status, reply.faults) == (422, faults)
    assert len(await counter.journal.load(delivery)) == 1
    assert counter.kept() == before


# --- reports and routes ----------------------------------------------------------------------------------------------


async def test_reports_are_pulled_by_cursor_and_proved_complete(office: Office) -> None:
    for number in range(5):
        await office.accepted(filing(summons(), id=f"n-{number}"))
    seen: list[str] = []
    after = "0"
    while page := (await office.ask("GET", f"/v1/reports?after={after}&limit=2")).json:
        if not page["reports"]:
            break
        after = page["next"]
        seen += [report["id"] for report in page["reports"]]
    assert len(seen) == len(set(seen)) == 5
    params = {"from": START.isoformat(), "to": "2025-09-17T00:00:00+08:00"}
    found = (await office.ask("GET", "/v1/reconciliation", params=params)).json
    expected = hashlib.sha256("".join(f"{each}\n" for each in seen).encode()).hexdigest()
    assert (found["count"], found["kinds"], found["digest"]) == (5, {"submission_accepted": 5}, expected)


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("/v1/reports?after=x&limit=0", {"/after", "/limit"}),
        ("/v1/reports?after=-1", {"/after"}),
        ("/v1/reports?after=99999999999999999999", {"/after"}),
        ("/v1/reports?limit=1001", {"/limit"}),
        ("/v1/reconciliation", {"/from", "/to"}),
        ("/v1/reconciliation?from=2025-09-16&to=2025-09-17T00:00:00Z", {"/from"}),
    ],
)
async def test_queries_are_checked(counter: Office, query: str, pointers: set[str]) -> None:
    reply = await counter.ask("GET", query)
    assert (reply.status, {pointer for pointer, _ in reply.faults}) == (422, pointers)


async def test_an_instant_whose_plus_nobody_encoded(counter: Office) -> None:
    query = "/v1/reconciliation?from=2025-09-16T00:00:00%20" + "08:00&to=2025-09-17T00:00:00Z"
    assert (await counter.ask("GET", query)).json["from"] == "2025-09-16T00:00:00+08:00"


async def test_a_dry_run_keeps_nothing(office: Office) -> None:
    reply = await office.ask("POST", "/v1/routes", json=of_age(filing()))
    assert reply.status == 200
    one, two = reply.json["routes"]
    assert (one["recipient"], two["recipient"]) == ("r1", "r2")
    assert {step["channel"] for step in two["steps"]} == {"post"}
    assert all(step["reason"] for step in one["steps"])
    assert {step["address"] for step in one["steps"] if step["channel"] == "phone"} == {"a4"}, "a person calls"
    assert one["steps"][0]["not_before"].startswith("2025-09-16T09:30:00")
    assert (await office.told(), office.kept()) == ([], 0)
    assert (await office.ask("POST", "/v1/routes", json={})).status == 422
