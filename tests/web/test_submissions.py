"""What a case system meets when it files: what is taken, what is refused, and who may; on both databases."""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest

from tests import filings
from tests.core.test_submission import hundred
from tests.filings import COURT, digest, filing, summons
from tests.signing.documents import BAD
from tests.web.filed import SUBMISSIONS, Json
from tests.web.office import LIMITS, OTHER_SECRET, SECRET, Office, open_office


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
    paths = [f"/v1/deliveries/{delivery}{below}" for below in ("", "/events", "/effect", "/proof", "/proof-pack")]
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


async def test_what_is_acknowledged_survives(database_url: str, tmp_path: Path) -> None:
    """Another process that opens the same journal and files finds all of it."""
    async with open_office(database_url, tmp_path / "documents") as before:
        first = await before.submit(filing(summons()))
    async with open_office(database_url, tmp_path / "documents") as after:
        again = await after.submit(filing(summons()))
        assert (again.status, again.body) == (200, first.body)
        assert await after.files.get(digest(summons())) == summons()
