"""What providers and operators meet over HTTP."""

from __future__ import annotations

from io import BytesIO

from delivery.core import events
from tests.filings import filing, summons
from tests.web.filed import conclude
from tests.web.office import CALLBACK_WORD, START, Office


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


async def test_operators_see_which_writer_made_the_seals(counter: Office) -> None:
    assert isinstance(counter.site.seals, dict)
    counter.site.seals.update(fast=3, fallback=1)
    text = (await counter.ask("GET", "/metrics", who=None)).body.decode()
    assert 'songda_seals_total{path="fast"} 3.0' in text
    assert 'songda_seals_total{path="fallback"} 1.0' in text


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
