"""What providers tell us over HTTP: let in as each provider does it, kept raw, then answered. Reading comes later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from delivery.web.bodies import read_bounded
from delivery.web.measures import Measures
from delivery.web.problems import Problem, not_found
from delivery.web.site import Site

LARGEST_CALLBACK = 1024 * 1024


def routes(site: Site, measures: Measures) -> list[web.AbstractRouteDef]:
    """POST /callbacks/{channel} and everything below it."""
    endpoint = _endpoint(site, measures)
    return [web.post("/callbacks/{channel}", endpoint), web.post("/callbacks/{channel}/{rest:.*}", endpoint)]


def _endpoint(site: Site, measures: Measures) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def endpoint(request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        callback = site.callbacks.get(channel)
        if callback is None:
            raise not_found()
        body = await read_bounded(request, LARGEST_CALLBACK)
        reply = callback.accept(headers=request.headers, body=body, received_at=site.clock.now())
        measures.callbacks.labels(channel, "refused" if reply.raw is None else "kept").inc()
        if reply.raw is None:
            raise Problem(401, "unauthorized", "The caller should prove that it is this provider.")
        await site.intake.receive(reply.raw)  # on the disk before the provider hears yes; a duplicate is kept again
        return web.Response(body=reply.body, content_type=reply.content_type)

    return endpoint
