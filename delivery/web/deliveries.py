"""What case systems ask about deliveries, tell about them, and pull as reports."""

from __future__ import annotations

import re
from datetime import datetime

from aiohttp import web

from delivery.core.events import fold
from delivery.core.fields import Fault, read_instant
from delivery.core.model import Delivery
from delivery.core.trusted_time import PackWaits, proofs_wait
from delivery.journal.accounts import Client
from delivery.web import answers
from delivery.web.bodies import read_json_body
from delivery.web.problems import Problem, faulty, not_found
from delivery.web.site import Site
from delivery.web.stored import PACK
from delivery.web.submissions import ID, for_case_systems
from signing.errors import SigningError

LARGEST_WORD = 64 * 1024
"""Bytes of a withdrawal."""

MOST_REPORTS = 1000
_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)
_LIMIT = re.compile(r"[0-9]{1,4}", re.ASCII)


def routes(site: Site) -> list[web.AbstractRouteDef]:
    """Deliveries and reports."""
    ours = for_case_systems(site)
    below = f"/v1/deliveries/{{id:{ID}}}"
    return [
        web.get(below, ours(_delivery)),
        web.get(f"{below}/events", ours(_events)),
        web.get(f"{below}/effect", ours(_effect)),
        web.get(f"{below}/proof", ours(_proof)),
        web.get(f"{below}/proof-pack", ours(_proof_pack)),
        web.post(f"{below}/withdrawal", ours(_withdraw)),
        web.post(f"{below}/address", ours(_address)),
        web.post(f"{below}/facts", ours(_facts)),
        web.get("/v1/reports", ours(_reports)),
        web.get("/v1/reconciliation", ours(_reconciliation)),
    ]


async def _mine(site: Site, request: web.Request, client: Client) -> Delivery:
    """The delivery asked for. Raises Problem 404 when there is none, or when another case system filed it."""
    try:
        delivery = await site.journal.delivery(request.match_info["id"])
    except KeyError:
        raise not_found() from None
    if (delivery.court, delivery.client) != (client.court, client.client):
        raise not_found()
    return delivery


async def _delivery(site: Site, request: web.Request, client: Client) -> web.Response:
    return answers.answer(answers.delivery_json(await _mine(site, request, client)))


async def _events(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    return answers.answer(answers.events_json(delivery, await site.journal.load(delivery.id)))


async def _effect(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    history, faults = await site.journal.load(delivery.id), list[Fault]()
    as_of = _instant(request, "as_of", faults) if "as_of" in request.query else site.clock.now()
    if as_of is None:
        raise faulty(tuple(faults))
    known = [row for row in history if row.recorded_at <= as_of]
    if not known:
        raise Problem(404, "not_known_yet", "At that instant this delivery was not known.")
    book = site.book.at(delivery.court)
    return answers.answer(answers.effect_view(fold(row.event for row in known), known, book, as_of))


async def _proof(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    if not (delivery.proofs and delivery.proof_is_current):
        raise Problem(404, "no_proof", _why_no_proof(delivery, await _waits_since(site)))
    number, digest = delivery.proofs[-1]
    content = await site.documents.get(digest)
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{number}.pdf"'}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


async def _waits_since(site: Site) -> datetime | None:
    """Since when timestamps have been missing, once proofs wait for them."""
    since = await site.timestamps_missing_since()
    return since if proofs_wait(since, site.clock.now()) else None


async def _proof_pack(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    if not (delivery.proofs and delivery.proof_is_current):
        raise Problem(404, "no_proof", _why_no_proof(delivery, await _waits_since(site)))
    try:
        content = await site.pack(delivery)
    except PackWaits as waits:
        why = f"Timestamps are missing since {waits.since.isoformat()}, and the pack waits for one."
        raise Problem(404, "no_pack", why) from waits
    except SigningError as fault:
        says = f"The pack cannot be sealed now ({type(fault).__name__}): try again later."
        raise Problem(503, "unavailable", says) from fault
    if content is None:
        raise Problem(404, "no_pack", "The proof is from before packs were made: it has no evidence beside it.")
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{delivery.id}.asice"'}
    return web.Response(body=content, content_type=PACK, headers=headers)


def _why_no_proof(delivery: Delivery, waits_since: datetime | None) -> str:
    if delivery.withdrawn_at:
        return "The delivery was withdrawn before it was concluded."
    if delivery.tasks:
        kinds = ", ".join(sorted({task.kind for task in delivery.tasks}))
        return f"A person has to decide first ({kinds}); the proof comes after that."
    if delivery.concluded and waits_since:
        return f"Timestamps are missing since {waits_since.isoformat()}, and the proof of a concluded delivery waits."
    if delivery.concluded:
        return "The delivery is concluded, and its proof is being made."
    return "The delivery is not concluded yet."


async def _withdraw(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    outcome = await site.intake.withdraw(delivery, client.client, await read_json_body(request, LARGEST_WORD))
    if outcome.kind == "faulty":
        raise faulty(outcome.faults)
    if outcome.kind == "conflict":
        raise Problem(409, "concluded", "A delivery should be withdrawn before it is concluded.")
    return answers.answer({"delivery_id": delivery.id, "state": "withdrawn"})


async def _address(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    body = await read_json_body(request, site.intake.limits.submission)
    outcome = await site.intake.address(delivery, client.client, body)
    if outcome.kind == "faulty":
        raise faulty(outcome.faults)
    if outcome.kind == "conflict":
        raise Problem(
            409, "contradicted", "What is on record by now contradicts it: read the delivery, then tell it anew."
        )
    return answers.answer({"delivery_id": delivery.id}, 201 if outcome.kind == "new" else 200)


async def _facts(site: Site, request: web.Request, client: Client) -> web.Response:
    delivery = await _mine(site, request, client)
    body = await read_json_body(request, site.intake.limits.submission)
    outcome = await site.intake.facts(delivery, client.client, body)
    if outcome.kind == "faulty":
        raise faulty(outcome.faults)
    return answers.answer({"delivery_id": delivery.id}, 201 if outcome.kind == "new" else 200)


async def _reports(site: Site, request: web.Request, client: Client) -> web.Response:
    after, limit = request.query.get("after", "0"), request.query.get("limit", "100")
    faults = []
    if not _CURSOR.fullmatch(after):
        says = "after should be the next of the answer before, or 0."
        faults.append(Fault(pointer="/after", code="malformed", message=says))
    if not (_LIMIT.fullmatch(limit) and 1 <= int(limit) <= MOST_REPORTS):
        says = f"limit should be a whole number from 1 to {MOST_REPORTS}."
        faults.append(Fault(pointer="/limit", code="out_of_range", message=says))
    if faults:
        raise faulty(tuple(faults))
    rows = await site.journal.reports_after(client.court, client.client, int(after), int(limit))
    return answers.answer(answers.reports_json(rows, int(after)))


async def _reconciliation(site: Site, request: web.Request, client: Client) -> web.Response:
    faults: list[Fault] = []
    start, end = _instant(request, "from", faults), _instant(request, "to", faults)
    if start is None or end is None:
        raise faulty(tuple(faults))
    return answers.answer(
        answers.reconciliation_json(await site.journal.reconciliation(client.court, client.client, start, end))
    )


def _instant(request: web.Request, name: str, faults: list[Fault]) -> datetime | None:
    """An instant in the query; a + that nobody encoded arrives as a space."""
    instant = read_instant(request.query.get(name, "").replace(" ", "+"))
    if instant is None:
        says = f"{name} should be an instant with offset, as 2025-09-16T00:00:00+08:00 (RFC 3339)."
        faults.append(Fault(pointer=f"/{name}", code="not_an_instant", message=says))
    return instant
