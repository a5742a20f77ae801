"""For operators: is it alive, is it ready, how is it doing, what does it offer."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta

from aiohttp import web

from delivery.core.trusted_time import gap, to_be_told
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
        web.get("/metrics", _metrics(site, measures)),
        web.get("/openapi.json", _openapi),
    ]


async def _alive(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _ready(site: Site) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        stopping = bool(request.app[STOPPING])
        if stopping or not await _journal_answers(site):
            return web.json_response({"status": "stopping" if stopping else "no_journal"}, status=503)
        return web.json_response({"status": "ready", **await _timestamps(site)})

    return endpoint


async def _timestamps(site: Site) -> dict[str, str]:
    """Work is taken without timestamps too, so their absence is told and does not make the service unready."""
    since = await site.timestamps_missing_since()
    return {"timestamps_missing_since": since.isoformat()} if since and to_be_told(since, site.clock.now()) else {}


async def _journal_answers(site: Site) -> bool:
    try:
        await site.journal.client("-", "-")
    except Exception:  # noqa: BLE001 — whatever keeps the journal from answering, we are not ready
        return False
    return True


def _metrics(site: Site, measures: Measures) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        measures.timestamp_gap.set(await _gap_seconds(site))
        await _measure_ledger(site, measures)
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=measures.text(), headers=headers)

    return endpoint


async def _gap_seconds(site: Site) -> float:
    try:
        return gap(await site.timestamps_missing_since(), site.clock.now()).total_seconds()
    except Exception:  # noqa: BLE001 — whatever keeps the journal from answering, the other figures are wanted
        return math.nan


async def _measure_ledger(site: Site, measures: Measures) -> None:
    try:
        state, signed = await site.journal.ledger_state(), await site.journal.last_checkpoint()
    except Exception:  # noqa: BLE001 — whatever keeps the journal from answering, the other figures are wanted
        measures.ledger_behind.set(math.nan)
        return
    behind = site.clock.now() - state.waiting_since if state.waiting_since else timedelta()
    measures.ledger_size.set(state.size)
    measures.ledger_signed.set(signed.size if signed else 0)
    measures.ledger_behind.set(max(0.0, behind.total_seconds()))


async def _openapi(request: web.Request) -> web.Response:
    return web.Response(body=served(), content_type="application/json")
