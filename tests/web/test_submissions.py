"""What a case system meets over HTTP, and what a queue meets at intake, on both databases."""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import hashlib
import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from delivery.core import events
from delivery.core.effect import document_effects
from delivery.core.model import Fact, Task
from tests import filings
from tests.core.test_submission import hundred
from tests.core.world import book
from tests.filings import COURT, company, digest, filing, natural_person, summons
from tests.signing.documents import BAD
from tests.web.office import CALLBACK_WORD, LIMITS, OTHER_SECRET, SECRET, START, Office, open_office
from tests.web.papers import PICTURE, paper

Json = dict[str, Any]
SUBMISSIONS = "/v1/submissions"


@pytest.fixture
async def office(database_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path / "documents") as opened:
        yield opened


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[Office]:
    """An office for what happens before anything reaches the journal."""
    async with open_office(f"sqlite+aiosqlite:///{tmp_path / 'journal'}", tmp_path / "documents") as opened:
        yield opened


async def test_a_filing_is_taken_once_and_answered_alike(office: Office) -> None:
    event = filing(summons())
    first, again = await office.submit(event), await office.submit(event)
    assert (first.status, again.status) == (202, 200)
    assert first.body == again.body
    assert [each["recipient"] for each in first.json["deliveries"]] == ["r1", "r2"]
    assert office.kept() == 1
    assert await office.files.get(digest(summons())) == summons()
    delivery = await office.journal.delivery(first.json["deliveries"][1]["delivery_id"])
    assert delivery.recipient.id == "r2"
    assert (delivery.documents[0].pages, delivery.documents[0].size) == (1, len(summons()))


async def test_many_at_once_make_one(office: Office) -> None:
    replies = await asyncio.gather(*(office.submit(filing(summons())) for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] * 7 + [202]
    assert len({reply.body for reply in replies}) == 1


async def test_the_same_id_with_another_content_is_a_conflict(office: Office) -> None:
    await office.accepted(filing(summons()))
    other = filing(summons())
    other["data"]["recipients"][0]["name"] = "另一人"
    reply = await office.submit(other)
    assert (reply.status, reply.faults) == (409, {("/id", "conflict")})


async def test_cloudevents_is_taken_too(counter: Office) -> None:
    headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    reply = await counter.ask("POST", SUBMISSIONS, data=json.dumps(filing(summons())), headers=headers)
    assert reply.status == 202


# --- documents -------------------------------------------------------------------------------------------------------


async def test_a_document_uploaded_apart(office: Office) -> None:
    sha256, event = digest(summons()), filing(summons())
    del event["data"]["documents"][0]["content"]
    assert (await office.submit(event)).faults == {("/data/documents/0/sha256", "not_uploaded")}
    path = f"/v1/documents/{sha256}"
    headers = {"Content-Type": "application/pdf"}
    first = await office.ask("PUT", path, data=summons(), headers=headers)
    again = await office.ask("PUT", path, data=summons(), headers=headers)
    assert (first.status, again.status) == (201, 200)
    assert first.json == {"sha256": sha256, "size": len(summons())}
    inside = await office.submit(filing(summons()))
    assert inside.status == 202
    assert (await office.submit(event)).body == inside.body


async def test_what_one_court_uploaded_is_not_known_to_another(office: Office) -> None:
    sha256 = digest(summons())
    await office.ask("PUT", f"/v1/documents/{sha256}", data=summons(), headers={"Content-Type": "application/pdf"})
    event = filing(summons(), source="/courts/632802/case-system")
    del event["data"]["documents"][0]["content"]
    reply = await office.submit(event, who=f"case-system.{OTHER_SECRET}")
    assert reply.faults == {("/data/documents/0/sha256", "not_uploaded")}


@pytest.mark.parametrize("defect", sorted(BAD))
async def test_a_bad_pdf_is_refused_both_ways_and_not_kept(counter: Office, defect: str) -> None:
    content = BAD[defect][0]()
    headers = {"Content-Type": "application/pdf"}
    put = await counter.ask("PUT", f"/v1/documents/{digest(content)}", data=BytesIO(content), headers=headers)
    event = filing(content or b"x")
    event["data"]["documents"][0] |= {"sha256": digest(content), "content": base64.b64encode(content).decode()}
    inside = await counter.submit(event)
    assert (put.status, inside.status) == (422, 422)
    assert {pointer for pointer, _ in inside.faults} == {"/data/documents/0/content"}
    assert {code for _, code in put.faults} == {code for _, code in inside.faults} == BAD[defect][1]
    assert counter.kept() == 0


async def test_a_digest_that_is_not_the_contents(counter: Office) -> None:
    headers = {"Content-Type": "application/pdf"}
    put = await counter.ask("PUT", f"/v1/documents/{'ab' * 32}", data=summons(), headers=headers)
    assert (put.status, put.faults) == (422, {("", "digest_mismatch")})
    event = filing(summons())
    event["data"]["documents"][0]["sha256"] = "ab" * 32
    assert (await counter.submit(event)).faults == {("/data/documents/0/sha256", "digest_mismatch")}
    assert counter.kept() == 0


async def test_one_document_for_many_is_looked_into_once(counter: Office) -> None:
    event = filing(summons())
    twice = copy.deepcopy(event["data"]["documents"][0]) | {"id": "d2", "title": "传票副本"}
    event["data"]["documents"].append(twice)
    assert (await counter.submit(event)).status == 202
    assert (len(counter.looks), counter.kept()) == (1, 1)


def parts(event: Json, **contents: bytes) -> aiohttp.MultipartWriter:
    writer = aiohttp.MultipartWriter("form-data")
    writer.append_json(event).set_content_disposition("form-data", name="submission")
    for name, content in contents.items():
        part = writer.append(BytesIO(content), {"Content-Type": "application/pdf"})  # type: ignore[arg-type]
        part.set_content_disposition("form-data", name=name)
    return writer


def without_content() -> Json:
    event = filing(summons())
    del event["data"]["documents"][0]["content"]
    return event


async def test_multipart_carries_the_pdf_beside_the_event(counter: Office) -> None:
    reply = await counter.ask("POST", SUBMISSIONS, data=parts(without_content(), d1=summons()))
    assert reply.status == 202
    assert (await counter.submit(filing(summons()))).body == reply.body


async def test_multipart_parts_have_to_belong_to_a_document(counter: Office) -> None:
    reply = await counter.ask("POST", SUBMISSIONS, data=parts(without_content(), d1=summons(), d9=summons()))
    assert reply.faults == {("/data/documents", "unknown_part")}
    reply = await counter.ask("POST", SUBMISSIONS, data=parts(filing(summons()), d1=summons()))
    assert reply.faults == {("/data/documents/0/content", "content_twice")}
    assert counter.kept() == 0


async def test_multipart_without_a_submission(counter: Office) -> None:
    form = aiohttp.FormData()
    form.add_field("d1", summons(), content_type="application/pdf", filename="d1.pdf")
    assert (await counter.ask("POST", SUBMISSIONS, data=form)).faults == {("", "missing")}


BROKEN_MULTIPART = {
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "not multipart": ("multipart/form-data; boundary=x", b"nothing of the kind"),
    "cut": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="submission"\r\n\r\n{'),
    "nameless": ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: text/plain\r\n\r\nx\r\n--x--\r\n"),
    "control character": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a\x13"\r\n\r\nx\r\n--x--\r\n',
    ),
    "nested": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="submission"\r\n'
        b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nx\r\n--y--\r\n--x--\r\n",
    ),
}


@pytest.mark.parametrize("kind", BROKEN_MULTIPART)
async def test_broken_multipart_is_refused(counter: Office, kind: str) -> None:
    media_type, body = BROKEN_MULTIPART[kind]
    reply = await counter.ask("POST", SUBMISSIONS, data=body, headers={"Content-Type": media_type})
    assert reply.status in (400, 422)
    assert reply.headers["Content-Type"] == "application/problem+json"


# --- what is refused -------------------------------------------------------------------------------------------------


async def test_a_hundred_broken_filings_get_a_hundred_answers_and_leave_nothing(office: Office) -> None:
    """All at once; each answer names every fault; nothing is stored; the service goes on."""
    every = hundred()
    replies = await asyncio.gather(*(office.submit(_broken(chosen)) for chosen in every))
    for chosen, reply in zip(every, replies, strict=True):
        assert reply.status == 422
        assert {_named(one) for one in chosen} <= reply.faults, chosen
    assert office.kept() == 0
    assert await office.journal.deliveries(COURT) == []
    assert await office.told() == []
    assert (await office.submit(filing(summons()))).status == 202


def _named(one: filings.Break) -> tuple[str, str]:
    """Where the content travels along, a digest of something else is a mismatch."""
    return one.pointer, "digest_mismatch" if one.code == "not_uploaded" else one.code


def _broken(chosen: list[filings.Break]) -> Json:
    event = filing(summons())
    for one in chosen:
        one.apply(event)
    return event


NO_JSON = (b"", b"{", b'{"a": NaN}', b"\xff\xfe", b'"\\ud800"', b"[" * 100_000, b"{}{}", "全".encode("utf-16"))


@pytest.mark.parametrize("body", NO_JSON, ids=range(len(NO_JSON)))
async def test_what_is_no_json(counter: Office, body: bytes) -> None:
    reply = await counter.ask("POST", SUBMISSIONS, data=body, headers={"Content-Type": "application/json"})
    assert (reply.status, reply.faults) == (422, {("", "unreadable")})


@pytest.mark.parametrize("media_type", ["text/plain", "application/xml", "application/json; charset=gbk"])
async def test_other_media_types(counter: Office, media_type: str) -> None:
    reply = await counter.ask("POST", SUBMISSIONS, data=b"{}", headers={"Content-Type": media_type})
    assert (reply.status, reply.json["type"]) == (415, "urn:songda:problem:unsupported_media_type")


async def test_bodies_are_bounded(counter: Office) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json"}
    document, path = BytesIO(b"%PDF" + b"x" * LIMITS.document), f"/v1/documents/{'ab' * 32}"
    announced = await counter.ask("POST", SUBMISSIONS, data=BytesIO(b" " * (LIMITS.submission + 1)), headers=headers)
    chunked = await counter.ask("POST", SUBMISSIONS, data=endless(), headers=headers)
    put = await counter.ask("PUT", path, data=document, headers={"Content-Type": "application/pdf"})
    half = b"x" * (LIMITS.submission // 2)
    form = await counter.ask("POST", SUBMISSIONS, data=parts(without_content(), d1=half, d2=half))
    assert [announced.status, chunked.status, put.status, form.status] == [413] * 4


async def test_a_packed_body_is_bounded_by_what_it_unpacks_to(counter: Office) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * (LIMITS.submission * 3))
    reply = await counter.ask("POST", SUBMISSIONS, data=bomb, headers=headers)
    assert reply.status in (400, 413)


# --- who may ---------------------------------------------------------------------------------------------------------


STRANGERS = (
    "",
    "case-system",
    f"case-system.{SECRET}x",
    f"nobody.{SECRET}",
    f"enforcement.{SECRET}",
    "c." + "x" * 5000,
)


@pytest.mark.parametrize("who", [None, *STRANGERS])
async def test_who_is_not_known_learns_nothing(counter: Office, who: str | None) -> None:
    reply = await counter.submit(filing(summons()), who=who)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert counter.looks == []


async def test_a_source_that_is_not_the_callers(counter: Office) -> None:
    reply = await counter.submit(filing(summons()), who=f"enforcement.{OTHER_SECRET}")
    assert reply.faults == {("/source", "wrong_source")}


@pytest.mark.parametrize("who", [f"enforcement.{OTHER_SECRET}", f"case-system.{OTHER_SECRET}"])
async def test_another_client_sees_nothing(office: Office, who: str) -> None:
    reply = await office.submit(filing(summons()))
    delivery = reply.json["deliveries"][0]["delivery_id"]
    missing = await office.ask("GET", f"/v1/deliveries/{'0' * 26}", who=who)
    paths = [f"/v1/deliveries/{delivery}{below}" for below in ("", "/events", "/effect", "/proof")]
    for path in (f"/v1/submissions/{reply.json['submission_id']}", *paths):
        answer = await office.ask("GET", path, who=who)
        assert (answer.status, answer.body) == (404, missing.body)
    for path in ("withdrawal", "facts"):
        assert (await office.ask("POST", f"/v1/deliveries/{delivery}/{path}", json={}, who=who)).status == 404
    assert (await office.ask("GET", "/v1/reports", who=who)).json["reports"] == []


@pytest.mark.parametrize(
    "path", ["/v1/deliveries/x", "/v1/deliveries/%00", "/v1/submissions/'", "/v1/documents/zz", "/x", "/v1/deliveries"]
)
async def test_addresses_of_nothing(counter: Office, path: str) -> None:
    reply = await counter.ask("GET", path)
    assert reply.status in (404, 405)
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/deliveries/{}/proof-pack", "/log/checkpoint"])
async def test_what_comes_later_is_not_there(counter: Office, path: str) -> None:
    delivery = await counter.accepted(filing(summons()))
    assert (await counter.ask("GET", path.format(delivery))).status == 404


# --- following a delivery --------------------------------------------------------------------------------------------


async def sent(office: Office, delivery: str, address: str = "a1") -> str:
    """An attempt that the provider took, as the worker would write it."""
    now, attempt = office.clock.now(), f"{delivery}.{address}.1"
    announced = events.AttemptAnnounced(at=now, attempt=attempt, address=address, channel="email", number=1)
    taken = events.AttemptTaken(at=now, attempt=attempt, references=("<m-1>",))
    await office.journal.record(delivery, lambda _: (announced, taken))
    return attempt


async def conclude(office: Office, delivery: str) -> None:
    now = office.clock.now()
    effects = document_effects(await office.journal.delivery(delivery), book(), now)
    await office.journal.record(delivery, lambda _: (events.Concluded(at=now, effects=effects),))


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


# --- providers and operators -----------------------------------------------------------------------------------------


async def test_a_callback_is_kept_raw_before_it_is_answered(office: Office) -> None:
    for _ in range(2):
        reply = await office.ask("POST", "/callbacks/carrier/track", data=CALLBACK_WORD, who=None)
        assert (reply.status, reply.body) == (200, b'{"code": "ok"}')
    kept = await office.journal.unread(10)
    assert [(raw.channel, raw.body) for _, raw in kept] == [("carrier", CALLBACK_WORD)] * 2


async def test_who_cannot_prove_itself_leaves_nothing_but_a_count(office: Office) -> None:
    assert (await office.ask("POST", "/callbacks/carrier", data=b"hello", who=None)).status == 401
    assert (await office.ask("POST", "/callbacks/nobody", data=CALLBACK_WORD, who=None)).status == 404
    assert (await office.ask("POST", "/callbacks/carrier", data=BytesIO(b"x" * 2_000_000), who=None)).status == 413
    assert await office.journal.unread(10) == []
    text = (await office.ask("GET", "/metrics", who=None)).body.decode()
    assert 'songda_callbacks_total{channel="carrier",what="refused"} 1.0' in text


async def test_operators_ask_without_a_credential(counter: Office) -> None:
    for path in ("/healthz", "/readyz", "/openapi.json"):
        assert (await counter.ask("GET", path, who=None)).status == 200
    await counter.submit(filing(summons()))
    text = (await counter.ask("GET", "/metrics", who=None)).body.decode()
    assert 'songda_http_requests_total{method="POST",route="/v1/submissions",status="202"} 1.0' in text


async def test_operators_see_how_many_deliveries_cannot_be_read(counter: Office) -> None:
    gauge = "songda_deliveries_set_aside"
    assert f"{gauge} 0.0" in (await counter.ask("GET", "/metrics", who=None)).body.decode()
    counter.journal.set_aside.add("a delivery")
    assert f"{gauge} 1.0" in (await counter.ask("GET", "/metrics", who=None)).body.decode()


async def test_a_service_without_its_journal_is_not_ready(counter: Office) -> None:
    await counter.journal.close()
    assert (await counter.ask("GET", "/healthz", who=None)).status == 200
    reply = await counter.submit(filing(summons()))
    assert reply.status in (500, 503)
    assert reply.headers["Content-Type"] == "application/problem+json"


async def test_what_nobody_foresaw_is_internal_and_an_id(office: Office) -> None:
    delivery = await office.accepted(filing(summons()))
    await conclude(office, delivery)
    lost = events.ProofIssued(at=START, number="n1", sha256="ab" * 32)
    await office.journal.record(delivery, lambda _: (lost,))
    reply = await office.ask("GET", f"/v1/deliveries/{delivery}/proof")
    assert (reply.status, reply.json["type"]) == (500, "urn:songda:problem:internal")
    assert reply.json["instance"].startswith("urn:songda:incident:01k58")
    assert "ab" * 32 not in reply.body.decode()


# --- messages of a queue ---------------------------------------------------------------------------------------------


async def message(office: Office, event: Any) -> list[Json]:
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return [json.loads(each) for each in await office.intake.submit_message(COURT, body)]


async def test_one_key_for_queue_and_http(office: Office) -> None:
    assert await message(office, filing(summons())) == []
    assert await message(office, filing(summons())) == []
    assert (await office.submit(filing(summons()))).status == 200
    (report,) = await office.told()
    assert report["data"]["event_id"] == filing()["id"]
    assert [each["recipient"] for each in report["data"]["deliveries"]] == ["r1", "r2"]


async def test_a_faulty_message_is_told_twice_over(office: Office) -> None:
    event = filing(summons(), id="my-own-7")
    event["data"]["recipients"] = [natural_person() | {"name": ""}, company() | {"role": "friend"}]
    (rejected,) = await message(office, event)
    named = {("/data/recipients/0/name", "too_short"), ("/data/recipients/1/role", "unknown_word")}
    assert {(f["pointer"], f["code"]) for f in rejected["data"]["faults"]} == named
    assert json.loads(rejected["data"]["original"]) == event
    (report,) = await office.told()
    assert (report["type"], report["data"]["submission_id"]) == ("songda.report.submission_rejected.v1", "my-own-7")
    assert {(f["pointer"], f["code"]) for f in report["data"]["faults"]} == named
    assert "sequence" not in report["data"]
    assert office.kept() == 0


async def test_a_conflicting_message_is_told_too(office: Office) -> None:
    await message(office, filing(summons()))
    other = filing(summons())
    other["data"]["needed_by"] = None
    (rejected,) = await message(office, other)
    assert [fault["code"] for fault in rejected["data"]["faults"]] == ["conflict"]
    kinds = [report["type"].split(".")[2] for report in await office.told()]
    assert kinds == ["submission_accepted", "submission_rejected"]


UNREADABLE = {
    "no JSON": (b"\xff\x00", "unreadable"),
    "no object": (b"[]", "wrong_source"),
    "no source": (b"{}", "wrong_source"),
    "unknown client": (json.dumps(filing(source="/courts/632801/nobody")).encode(), "wrong_source"),
    "another court": (json.dumps(filing(source="/courts/632802/case-system")).encode(), "wrong_source"),
    "too large": (b" " * (LIMITS.message + 1), "too_large"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
async def test_what_cannot_be_told_to_anybody_is_rejected_alone(counter: Office, kind: str) -> None:
    body, code = UNREADABLE[kind]
    (rejected,) = await message(counter, body)
    assert [fault["code"] for fault in rejected["data"]["faults"]] == [code]
    assert rejected["data"]["sha256"] == digest(body)
    assert rejected["source"] == "/courts/632801/songda"
    text, packed = rejected["data"].get("original", ""), rejected["data"].get("original_base64", "")
    assert text.encode() + base64.b64decode(packed) == (b"" if kind == "too large" else body)
    assert await counter.told() == []


async def test_an_unusable_id_is_not_repeated(office: Office) -> None:
    await message(office, filing(summons(), id="a\x00b"))
    (report,) = await office.told()
    assert report["data"]["submission_id"].startswith("01k58")


async def test_what_is_acknowledged_survives(database_url: str, tmp_path: Path) -> None:
    """Another process that opens the same journal and files finds all of it."""
    async with open_office(database_url, tmp_path / "documents") as before:
        first = await before.submit(filing(summons()))
    async with open_office(database_url, tmp_path / "documents") as after:
        again = await after.submit(filing(summons()))
        assert (again.status, again.body) == (200, first.body)
        assert await after.files.get(digest(summons())) == summons()
