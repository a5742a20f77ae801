"""Request bodies, read with a bound: what is larger is refused before it is held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from delivery.core.fields import Fault
from delivery.core.submission import MOST_DOCUMENTS
from delivery.intake import read_json
from delivery.web.problems import Problem, faulty

JSON_TYPES = ("application/json", "application/cloudevents+json")
NO_MULTIPART = (ValueError, AssertionError, RuntimeError, HttpProcessingError)
"""What aiohttp raises on a body that is no multipart."""
CHUNK = 256 * 1024
BESIDE_THE_LOOP = 256 * 1024
"""Bytes of JSON from which on it is decoded in a thread, so that others are answered meanwhile."""


async def read_bounded(request: web.Request, limit: int) -> bytes:
    """The whole body. Raises Problem 413 when it is larger than `limit` bytes."""
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    return await _collect(request.content.iter_chunked(CHUNK), limit)


async def _collect(chunks: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        if len(body) + len(chunk) > limit:
            raise _too_large(limit)
        body += chunk
    return bytes(body)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"A body here should have at most {limit} bytes.")


async def read_json_body(request: web.Request, limit: int) -> Any:
    """The decoded JSON of the body. Raises Problem: another media type, too large, not JSON."""
    accept_only(request, JSON_TYPES)
    return await decode(await read_bounded(request, limit))


def accept_only(request: web.Request, media_types: tuple[str, ...]) -> None:
    """Raises Problem 415 for any other media type, and for text that is not in UTF-8."""
    if request.content_type not in media_types or (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        says = f"The media type should be one of: {', '.join(media_types)} (text in UTF-8)."
        raise Problem(415, "unsupported_media_type", says, headers={"Accept": ", ".join(media_types)})


async def decode(body: bytes) -> Any:
    """Raises Problem 422 when it is not JSON."""
    heavy = len(body) > BESIDE_THE_LOOP
    event, faults = await asyncio.to_thread(read_json, body) if heavy else read_json(body)
    if faults:
        raise faulty(faults)
    return event


async def read_form(request: web.Request, limit: int) -> dict[str, str] | None:
    """The text fields of a small form. None where it is none, is larger than `limit` bytes or of unknown size (no
    browser sends that), or is not text in the encoding that it names.
    """
    if request.content_type != "application/x-www-form-urlencoded" or not 0 <= _size(request) <= limit:
        return None
    try:
        return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    except (LookupError, UnicodeError):  # an encoding that there is not, and bytes that are not in it
        return None


def _size(request: web.Request) -> int:
    return -1 if request.content_length is None else request.content_length


async def read_parts(request: web.Request, limit: int) -> dict[str, bytes]:
    """The parts of a multipart body by name, together at most `limit` bytes. Raises Problem."""
    parts: dict[str, bytes] = {}
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            name = _name(part, parts)
            assert isinstance(part, BodyPartReader)  # noqa: S101 — _name refuses the other kind; mypy cannot see that
            parts[name] = await _collect(_chunks(part), limit - sum(map(len, parts.values())))
    except NO_MULTIPART as error:
        raise Problem(400, "unreadable", "The body should be multipart/form-data (RFC 7578).") from error
    return parts


def _name(part: BodyPartReader | MultipartReader | None, parts: dict[str, bytes]) -> str:
    name = part.name if isinstance(part, BodyPartReader) else None
    if not name or name in parts or len(parts) > MOST_DOCUMENTS:
        says = f"Each part should have a name of its own, and there should be at most {MOST_DOCUMENTS + 1}."
        raise faulty((Fault(pointer="", code="unusable_part", message=says),))
    return name


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK):
        yield bytes(chunk)
