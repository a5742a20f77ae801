"""The ledger for everybody: checkpoint, tiles and entries (C2SP tlog-tiles). Hashes alone, so nobody is asked who they
are, and caches may keep what never changes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from delivery.web.bodies import accept_only, read_bounded
from delivery.web.problems import Problem, not_found
from delivery.web.site import Site

Endpoint = Callable[[web.Request], Awaitable[web.Response]]

LARGEST_NOTE = 16 * 1024
FULL = 256
_TILE = re.compile(r"((?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL = re.compile(r"0|[1-9][0-9]?|entries")
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
FOR_AN_HOUR = {"Cache-Control": "public, max-age=3600"}
FOR_SECONDS = {"Cache-Control": "public, max-age=5"}


def routes(site: Site) -> list[web.AbstractRouteDef]:
    return [
        web.get("/log/checkpoint", _checkpoint(site)),
        web.get("/log/tile/{level}/{tile:.+}", _tile(site)),
        web.post("/log/cosignature", _cosignature(site)),
    ]


def _checkpoint(site: Site) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        note = await site.journal.checkpoint()
        if note is None:
            raise not_found()
        return web.Response(body=note, content_type="text/plain", charset="utf-8", headers=FOR_SECONDS)

    return endpoint


def _tile(site: Site) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        number, width = _place(request.match_info["tile"])
        content = await _content(site, request.match_info["level"], number, width)
        if content is None:
            raise not_found()
        headers = FOR_EVER if width == FULL else FOR_AN_HOUR
        return web.Response(body=content, content_type="application/octet-stream", headers=headers)

    return endpoint


async def _content(site: Site, level: str, number: int, width: int) -> bytes | None:
    if not _LEVEL.fullmatch(level):
        raise not_found()
    if level != "entries":
        return await site.journal.tile(int(level), number, width)
    entries = await site.journal.entries(number, width)
    return None if entries is None else b"".join(len(each).to_bytes(2, "big") + each for each in entries)


def _place(text: str) -> tuple[int, int]:
    """Number and width of `x001/x234/067.p/5`. One tile has one address: caches keep what they were asked for."""
    found = _TILE.fullmatch(text)
    width = int(found[2] or FULL) if found else 0
    if not found or text.startswith("x000") or not 0 < width <= FULL or (found[2] and width == FULL):
        raise not_found()
    return int(re.sub("[x/]", "", found[1])), width


def _cosignature(site: Site) -> Endpoint:
    async def endpoint(request: web.Request) -> web.Response:
        accept_only(request, ("text/plain",))
        note = await read_bounded(request, LARGEST_NOTE)
        try:
            cosigned = site.cosigned(note)
        except ValueError as wrong:
            raise Problem(400, "unreadable", f"The body should be our checkpoint, cosigned: {wrong}.") from None
        if not cosigned:
            raise Problem(401, "unauthorized", "The checkpoint should be cosigned by a witness of this log.")
        if not all([await site.journal.keep_cosignature(each) for each in cosigned]):
            raise Problem(409, "conflict", "A witness should sign a checkpoint that this log has signed.")
        return web.Response(status=204)

    return endpoint
