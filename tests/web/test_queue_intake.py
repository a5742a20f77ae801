"""What a message of a queue meets at intake: one key with HTTP, and faults told."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.filings import COURT, company, digest, filing, natural_person, summons
from tests.web.filed import Json
from tests.web.office import LIMITS, Office


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
