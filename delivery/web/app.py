"""The web application: who asks, who sees. It lists the routes and the order in which a request is looked at."""

from __future__ import annotations

import time

from aiohttp import web

from delivery.web import callbacks, deliveries, log, operating, submissions
from delivery.web.access import PatternAccessLogger
from delivery.web.measures import Measures, measuring
from delivery.web.problems import problems
from delivery.web.site import Site

__all__ = ["Site", "make_app", "make_runner"]

DRAIN_SECONDS = 30.0
"""How long requests that are being answered may take after the service was told to stop."""


def make_app(site: Site) -> web.Application:
    """All routes. A request is counted first, then whatever is raised becomes a problem document."""
    measures = Measures(set_aside=lambda: len(site.journal.set_aside), seals=site.seals)
    app = web.Application(middlewares=[measuring(measures, time.monotonic), problems(site.clock)])
    app[operating.STOPPING] = []
    app.on_shutdown.append(_stop)
    app.add_routes(submissions.routes(site))
    app.add_routes(deliveries.routes(site))
    app.add_routes(callbacks.routes(site, measures))
    app.add_routes(operating.routes(site, measures))
    app.add_routes(log.routes(site))
    app.add_routes(site.pages)
    return app


async def _stop(app: web.Application) -> None:
    app[operating.STOPPING].append(True)


def make_runner(app: web.Application) -> web.AppRunner:
    """Serves it; `cleanup()` lets requests that are being answered end. Nothing that names a person is logged."""
    return web.AppRunner(
        app,
        access_log_class=PatternAccessLogger,
        shutdown_timeout=DRAIN_SECONDS,
        handle_signals=False,
    )
