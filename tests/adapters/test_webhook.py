"""Reports by webhook, judged by the reference library of Standard Webhooks at the other end of a real connection."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from adapters.http import AnswerLost, HttpClient, HttpRefused, NotReached
from adapters.webhook import WebhookCaseSystem, WebhookTarget, signed_headers
from delivery.core.ports import Outgoing
from tests.servers import free_port

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
REPORT = Outgoing(id="01J8ZC5T", court="632801", client="case-system", body='{"data": "送达"}'.encode())


@dataclass
class CaseSystem:
    """The other end: verifies with the reference library, answers with the statuses it is given, the last for ever."""

    statuses: list[int] = field(default_factory=lambda: [204])
    verified: list[object] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        self.verified.append(Webhook(SECRET).verify(await request.read(), dict(request.headers)))
        self.ids.append(request.headers["webhook-id"])
        assert request.content_type == "application/cloudevents+json"
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status)


@pytest.fixture
async def case_system() -> AsyncIterator[CaseSystem]:
    case_system = CaseSystem()
    app = web.Application()
    app.router.add_post("/reports", case_system.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    case_system.url = f"http://127.0.0.1:{runner.addresses[0][1]}/reports"
    yield case_system
    await runner.cleanup()


async def publish(url: str | None, report: Outgoing = REPORT) -> None:
    async def target(court: str, client: str) -> WebhookTarget | None:
        assert (court, client) == (report.court, report.client)
        return WebhookTarget(url, SECRET) if url else None

    webhook = WebhookCaseSystem(target, seconds=machine_seconds, http=HttpClient("webhook", first_pause=0.01))
    try:
        await webhook.publish(report)
    finally:
        await webhook.close()


def machine_seconds() -> float:
    return time.time()  # noqa: TID251 - the reference library compares with the machine's clock


async def test_the_reference_library_accepts_what_we_send(case_system: CaseSystem) -> None:
    await publish(case_system.url)
    assert case_system.verified == [{"data": "送达"}]
    assert case_system.ids == [REPORT.id]


async def test_it_rejects_another_secret_body_id_or_a_stamp_from_the_rehearsal() -> None:
    now = int(machine_seconds())
    headers = signed_headers(SECRET, "id1", now, b"{}")
    assert Webhook(SECRET).verify(b"{}", headers) == {}
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    tampered = [
        (Webhook(other), b"{}", headers),
        (Webhook(SECRET), b"[]", headers),
        (Webhook(SECRET), b"{}", headers | {"webhook-id": "id2"}),
        (Webhook(SECRET), b"{}", signed_headers(SECRET, "id1", now - 86400, b"{}")),
    ]
    for webhook, body, spoilt in tampered:
        with pytest.raises(WebhookVerificationError):
            webhook.verify(body, spoilt)


async def test_a_repeat_has_the_same_id(case_system: CaseSystem) -> None:
    case_system.statuses = [500, 204]
    with pytest.raises(AnswerLost):
        await publish(case_system.url)
    await publish(case_system.url)
    assert case_system.ids == [REPORT.id, REPORT.id]


@pytest.mark.parametrize(("status", "error"), [(302, HttpRefused), (410, HttpRefused), (503, AnswerLost)])
async def test_what_was_not_confirmed_is_an_os_error(case_system: CaseSystem, status: int, error: type) -> None:
    case_system.statuses = [status]
    with pytest.raises(error) as caught:
        await publish(case_system.url)
    assert isinstance(caught.value, OSError)
    assert SECRET not in str(caught.value)


async def test_nobody_there() -> None:
    with pytest.raises(NotReached):
        await publish(f"http://127.0.0.1:{free_port()}/reports")


async def test_a_client_without_a_webhook_is_told_nothing() -> None:
    await publish(None)


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://court.example/reports", SECRET),
        ("https://user:pass@court.example/reports", SECRET),
        ("ftp://127.0.0.1/", SECRET),
        ("https:///reports", SECRET),
        ("https://court.example/", SECRET.removeprefix("whsec_")),
        ("https://court.example/", "whsec_c2hvcnQ="),
        ("https://court.example/", "whsec_not base64 at all, but long enough to be a secret of its own"),
    ],
)
def test_a_target_that_would_give_something_away(url: str, secret: str) -> None:
    with pytest.raises(ValueError, match="webhook's") as caught:
        WebhookTarget(url, secret)
    assert secret not in str(caught.value)


def test_a_target_keeps_its_secret_out_of_sight() -> None:
    assert SECRET not in repr(WebhookTarget("https://court.example/reports", SECRET))


@given(st.binary(min_size=24, max_size=64), st.from_regex(r"[0-9A-Z]{26}", fullmatch=True), st.text(max_size=50))
def test_signatures_agree_with_the_reference_for_any_key_and_body(key: bytes, identity: str, text: str) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    body = text.encode()
    headers = signed_headers(secret, identity, int(machine_seconds()), body)
    Webhook(secret).verify(body, headers, json_parse=False)
