"""Bytes for a reader: what was sealed is what is shown (design.md §5.10), or nothing is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from delivery.core.model import Delivery
from delivery.journal.documents import Documents
from delivery.journal.errors import DocumentBroken

log = structlog.get_logger()

Packer = Callable[[Delivery], Awaitable[bytes | None]]
"""Makes the proof pack of a delivery; None where there is none. Raises as `Documents.get` does, and PackWaits."""

PACK = "application/vnd.etsi.asic-e+zip"
"""The media type of proof packs."""


async def stored(documents: Documents, sha256: str | None) -> bytes | None:
    """The bytes with that digest, checked by the store; None when they are missing or changed, and the log says so."""
    if sha256 is None:
        return None
    try:
        return await documents.get(sha256)
    except (KeyError, DocumentBroken) as error:
        log.error("stored_content_unusable", digest=sha256, error=type(error).__name__)  # noqa: TRY400 — no traceback needed
        return None


async def packed(pack: Packer, delivery: Delivery) -> bytes | None:
    """The proof pack; None when there is none, or when a part of it is missing or changed, and then the log says so.

    Raises PackWaits.
    """
    try:
        return await pack(delivery)
    except (KeyError, DocumentBroken) as error:
        log.error("pack_part_unusable", delivery=delivery.id, error=type(error).__name__)  # noqa: TRY400 — as above
        return None
