"""A form that carries a file: read part by part, with a bound on each, before anything of it is held on to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, web

from delivery.web.bodies import NO_MULTIPART

LARGEST_EVIDENCE = 10 * 1024 * 1024
LARGEST_FIELD = 4096
MOST_FIELDS = 80
_MAGIC = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg", b"%PDF-": "application/pdf"}


def media_type(content: bytes) -> str | None:
    """What a file of evidence is by its first bytes; None: nothing we take."""
    return next((kind for magic, kind in _MAGIC.items() if content.startswith(magic)), None)


@dataclass(frozen=True, slots=True)
class Sent:
    """A form with at most one file. `file` is None where none was sent; `too_large`: something exceeded its bound."""

    fields: Mapping[str, str]
    file: bytes | None
    too_large: bool = False

    @property
    def has_evidence(self) -> bool:
        """A file of a kind that we take."""
        return not self.too_large and self.file is not None and media_type(self.file) is not None

    @property
    def has_no_file(self) -> bool:
        return not self.too_large and self.file is None


async def read_sent(request: web.Request) -> Sent:
    """The parts in their order; reading ends at the first that is too large."""
    if request.content_type != "multipart/form-data":
        return Sent({}, None)
    try:
        return await _parts(await request.multipart())
    except NO_MULTIPART:  # no form of ours, so without its token: refused
        return Sent({}, None)


async def _parts(reader: MultipartReader) -> Sent:
    fields: dict[str, str] = {}
    file: bytes | None = None
    async for part in reader:
        if not isinstance(part, BodyPartReader) or len(fields) >= MOST_FIELDS:
            return Sent(fields, file, too_large=True)
        content = await _bounded(part, LARGEST_EVIDENCE if part.name == "evidence" else LARGEST_FIELD)
        if content is None:
            return Sent(fields, file, too_large=True)
        if part.name == "evidence":
            file = content or None
        else:
            fields[part.name or ""] = content.decode("utf-8", "replace")
    return Sent(fields, file)


async def _bounded(part: BodyPartReader, most: int) -> bytes | None:
    content = bytearray()
    while chunk := await part.read_chunk():
        content += chunk
        if len(content) > most:
            return None
    return bytes(content)
