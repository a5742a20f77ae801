"""Bodies in an encoding that there is not, or not in the one that they name: a plain no, and nothing is stored."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.filings import filing, summons
from tests.web.browsing import Visitor
from tests.web.office import CALLBACK_WORD, Doorkeeper, Office, open_office
from tests.web.stage import Stage, person

ODD = ("klingon", "base64", "utf-16", "idna")
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
async def office(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(sqlite_url, tmp_path / "documents") as opened:
        yield opened


@pytest.mark.parametrize("charset", [*ODD, '"klingon"'])
@pytest.mark.parametrize(
    "media_type", ["application/json", "application/cloudevents+json", "multipart/form-data", FORM]
)
async def test_a_filing(office: Office, media_type: str, charset: str) -> None:
    body = json.dumps(filing(summons())).encode()
    headers = {"Content-Type": f"{media_type}; charset={charset}"}
    for path in ("/v1/submissions", "/v1/routes"):
        reply = await office.ask("POST", path, data=body, headers=headers)
        assert (reply.status, reply.headers["Content-Type"]) == (415, "application/problem+json"), reply.body
    assert office.kept() == 0


async def test_what_is_filed_with_a_document_alone(office: Office) -> None:
    headers = {"Content-Type": "application/pdf; charset=klingon"}
    reply = await office.ask("PUT", f"/v1/documents/{'ab' * 32}", data=b"x", headers=headers)
    assert reply.status == 415


@pytest.mark.parametrize(
    ("charset", "body"), [*((odd, b"form=x&last6=31002X") for odd in ODD), ("utf-8", b"form=%ff&last6=\xff\xfe")]
)
async def test_forms_of_recipients_and_clerks(stage: Stage, charset: str, body: bytes) -> None:
    delivery = await stage.delivery(person())
    link = await stage.link(await stage.send(delivery, "a2"))
    headers = {"Content-Type": f"{FORM}; charset={charset}"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        for path in (
            f"{link}/identify",
            f"{link}/not-me",
            "/console/sign-in",
            "/console/sign-out",
            f"/console/deliveries/{delivery}/slip",
        ):
            async with visitor.session.post(path, data=body, headers=headers) as answer:
                assert 400 <= answer.status < 500, path


@pytest.mark.parametrize(
    "media_type", ["multipart/form-data", "multipart/form-data; boundary=b; charset=klingon", "multipart/form-data; b"]
)
async def test_a_slip_that_is_no_form(stage: Stage, media_type: str) -> None:
    delivery = await stage.delivery(person())
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        path = f"/console/deliveries/{delivery}/slip"
        named = b"--b\r\nContent-Disposition: form-data; name=_charset_\r\n\r\n\xff\r\n--b--\r\n"
        for body in (b"", b"x", b"--b\r\n\r\n", named):
            async with visitor.session.post(path, data=body, headers={"Content-Type": media_type}) as answer:
                assert 400 <= answer.status < 500, body


@pytest.mark.parametrize("charset", ["klingon", "gbk"])
async def test_a_callback_is_the_providers_own(sqlite_url: str, tmp_path: Path, charset: str) -> None:
    """Nothing here reads its text: what proves itself is kept as it came."""
    async with open_office(sqlite_url, tmp_path / "documents", callbacks={"carrier": Doorkeeper()}) as office:
        headers = {"Content-Type": f"application/json; charset={charset}"}
        reply = await office.ask("POST", "/callbacks/carrier", who=None, data=CALLBACK_WORD, headers=headers)
        assert reply.status == 200
