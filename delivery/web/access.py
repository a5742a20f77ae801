"""The access log: which kind of page was asked for, never which one. Paths carry link tokens (design.md §5.12)."""

from __future__ import annotations

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger


class PatternAccessLogger(AbstractAccessLogger):
    """Logs the route's pattern (`/d/{token}/documents`) instead of the path, and no query, referrer or address."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """`time`: seconds that the answer took."""
        self.logger.info("%s %s %s %.0f ms", request.method, _pattern(request), response.status, time * 1000)


def _pattern(request: web.BaseRequest) -> str:
    if not isinstance(request, web.Request):
        return "-"
    try:
        resource = request.match_info.route.resource
    except (AssertionError, AttributeError):  # what could not be parsed was never routed
        return "-"
    return resource.canonical if resource else "-"
