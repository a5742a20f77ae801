"""For operators: is it alive, is it ready, how is it doing, what does it offer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from delivery.web.measures import Measures
from delivery.web.openapi import served
from delivery.web.site import Site

Endpoint = Callable[[web.Request], Awaitable[web.Response]]
STOPPING = web.AppKey("stopping", list[bool])
"""Not empty once the service drains: it answers what it has, and asks to be given nothing new."""


def routes(site: Site, measures: Measures) -> list[web.AbstractRouteDef]:
    """No credentials: nothing here speaks of anybody."""
    return [
        web.get("/healthz", _alive),
        web.get("/readyz", _ready(site)),
        web.get("/metrics", _metrics(measures)),
        web.get("/openapi.json", _openapi),
    ]


async def _alive(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _ready(site: Site) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        stopping = bool(request.app[STOPPING])
        if stopping or not await _journal_answers(site):
            return web.json_response({"status": "stopping" if stopping else "no_journal"}, status=503)
        return web.json_response({"status": "ready"})

    return endpoint


async def _journal_answers(site: Site) -> bool:
    try:
        await site.journal.client("-", "-")
    except Exception:  # noqa: BLE001 — whatever keeps the journal from answering, we are not ready
        return False
    return True


def _metrics(measures: Measures) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=measures.text(), headers=headers)

    return endpoint


async def _openapi(request: web.Request) -> web.Response:
    return web.Response(body=served(), content_type="application/json")
