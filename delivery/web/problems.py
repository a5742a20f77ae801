"""Where inside errors become public words (RFC 9457): the only place. What nobody foresaw is `internal` and an id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from delivery.core.fields import Faults
from delivery.core.ports import Clock
from delivery.journal.errors import DocumentBroken, JournalClosed

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

TITLES = {
    "faulty": "The submission has faults",
    "conflict": "This id belongs to another content",
    "not_found": "There is nothing here",
    "no_proof": "There is no proof of service",
    "no_pack": "There is no proof pack",
    "unauthorized": "Who asks is not known",
    "too_large": "The body is too large",
    "unsupported_media_type": "This media type is not taken",
    "method_not_allowed": "This method is not offered here",
    "unreadable": "The request cannot be read",
    "concluded": "The delivery is concluded",
    "unavailable": "The service is not ready",
    "internal": "Something went wrong here",
}


class Problem(Exception):
    """An answer that says no. `code` is the last part of the problem's type; `detail` says what would be right."""

    def __init__(
        self, status: int, code: str, detail: str, *, faults: Faults = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail
        self.faults, self.headers = faults, headers or {}


def faulty(faults: Faults) -> Problem:
    """422, with every fault."""
    return Problem(422, "faulty", f"{len(faults)} faults: errors names each, and what would be right.", faults=faults)


def not_found() -> Problem:
    """404; the same for what does not exist and for what is another's."""
    return Problem(404, "not_found", "Nothing that you may see has this address.")


def respond(problem: Problem, instance: str | None = None) -> web.Response:
    """The problem document of RFC 9457 §3."""
    body = {
        "type": f"urn:songda:problem:{problem.code}",
        "title": TITLES[problem.code],
        "status": problem.status,
        "detail": problem.detail,
        "errors": [asdict(fault) for fault in problem.faults],
    }
    if instance:
        body["instance"] = f"urn:songda:incident:{instance}"
    return web.Response(
        body=msgspec.json.encode(body), status=problem.status, content_type=MEDIA_TYPE, headers=problem.headers
    )


def problems(clock: Clock) -> Middleware:
    """The middleware that turns what was raised into a problem document."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Problem as problem:
            return respond(problem)
        except web.HTTPException as answer:
            if answer.status < 400:
                raise
            return respond(_of_http(answer))
        except web.RequestPayloadError:
            return respond(Problem(400, "unreadable", "The body should arrive whole and in the encoding it names."))
        except JournalClosed:
            return respond(Problem(503, "unavailable", "The service is stopping: try again in a moment."))
        except Exception as error:  # noqa: BLE001 — the edge: nothing of it is told but an id (design.md §8)
            incident = clock.new_id()
            _log(error, incident)
            return respond(Problem(500, "internal", "Name the instance when you ask about it."), incident)

    return middleware


def _log(error: Exception, incident: str) -> None:
    """Where it happened, without the text of the error, which may quote what was filed."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    broken = isinstance(error, DocumentBroken)
    log.error("internal_error", incident=incident, error=type(error).__name__, place=place, stored_bytes_broken=broken)


def _of_http(answer: web.HTTPException) -> Problem:
    """What aiohttp itself refuses: no such address, method, size."""
    if answer.status == 404:
        return not_found()
    if answer.status == 405:
        return Problem(
            405, "method_not_allowed", "Allow names the methods.", headers={"Allow": answer.headers["Allow"]}
        )
    if answer.status == 413:
        return Problem(413, "too_large", "Send less at once.")
    return Problem(answer.status, "unreadable", "The request should be as the published OpenAPI describes.")
