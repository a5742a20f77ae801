"""What case systems file, and the dry run of a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from delivery.core.fields import Fault
from delivery.core.submission import Submission
from delivery.intake import Outcome
from delivery.journal.accounts import Client
from delivery.web import answers
from delivery.web.bodies import JSON_TYPES, accept_only, decode, read_bounded, read_json_body, read_parts
from delivery.web.credentials import client_of
from delivery.web.problems import Problem, faulty, not_found
from delivery.web.site import Site

ID = "[0-9a-z]{26}"
DIGEST = "[0-9a-f]{64}"
Answer = Callable[[Site, web.Request, Client], Awaitable[web.Response]]


def routes(site: Site) -> list[web.AbstractRouteDef]:
    """Submissions, documents, routes."""
    ours = for_case_systems(site)
    return [
        web.post("/v1/submissions", ours(_submit)),
        web.get(f"/v1/submissions/{{id:{ID}}}", ours(_submission)),
        web.put(f"/v1/documents/{{sha256:{DIGEST}}}", ours(_put_document)),
        web.post("/v1/routes", ours(_routes)),
    ]


def for_case_systems(site: Site) -> Callable[[Answer], Callable[[web.Request], Awaitable[web.Response]]]:
    """Makes an endpoint that first asks who is there."""

    def ours(answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def endpoint(request: web.Request) -> web.Response:
            return await answer(site, request, await client_of(request, site.journal))

        return endpoint

    return ours


async def _submit(site: Site, request: web.Request, client: Client) -> web.Response:
    event, contents = await _filing(request, site.intake.limits.submission)
    outcome = await site.intake.submit(client.court, (client.client,), event, contents)
    _refuse(outcome)
    status = 202 if outcome.kind == "new" else 200
    return web.Response(body=outcome.answer, status=status, content_type="application/json")


async def _filing(request: web.Request, limit: int) -> tuple[Any, dict[str, bytes]]:
    """The event, and the PDFs that came beside it by document id."""
    accept_only(request, (*JSON_TYPES, "multipart/form-data"))
    if request.content_type != "multipart/form-data":
        return await decode(await read_bounded(request, limit)), {}
    parts = await read_parts(request, limit)
    if "submission" not in parts:
        says = "There should be a part named submission that holds the event."
        raise faulty((Fault(pointer="", code="missing", message=says),))
    return await decode(parts.pop("submission")), parts


def _refuse(outcome: Outcome) -> None:
    if outcome.kind == "faulty":
        raise faulty(outcome.faults)
    if outcome.kind == "conflict":
        raise Problem(409, "conflict", "A new submission should have a new id.", faults=outcome.faults)


async def _submission(site: Site, request: web.Request, client: Client) -> web.Response:
    row = await site.journal.submission(request.match_info["id"])
    if row is None or (row.court, row.client) != (client.court, client.client):
        raise not_found()
    lines = [line for each in row.deliveries if (line := await site.journal.delivery_row(each))]
    return answers.answer(answers.submission_json(row, lines))


async def _put_document(site: Site, request: web.Request, client: Client) -> web.Response:
    accept_only(request, ("application/pdf", "application/octet-stream"))
    sha256 = request.match_info["sha256"]
    content = await read_bounded(request, site.intake.limits.document)
    outcome = await site.intake.put_document(client.court, sha256, content)
    _refuse(outcome)
    return answers.answer({"sha256": sha256, "size": len(content)}, 201 if outcome.kind == "new" else 200)


async def _routes(site: Site, request: web.Request, client: Client) -> web.Response:
    """The route that each recipient would get, at the event's time or now; nothing is kept."""
    event = await read_json_body(request, site.intake.limits.submission)
    found = site.intake.dry_run(client.court, (client.client,), event)
    if not isinstance(found, Submission):
        raise faulty(found)
    routes = answers.routes_json(found, site.book.at(client.court), site.clock.now(), channels=site.channels)
    return answers.answer({"routes": list(routes)})
