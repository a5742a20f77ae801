"""Bytes for a reader: what was sealed is what is shown (design.md §5.10), or nothing is."""

from __future__ import annotations

import structlog

from delivery.journal.documents import Documents
from delivery.journal.errors import DocumentBroken

log = structlog.get_logger()


async def stored(documents: Documents, sha256: str | None) -> bytes | None:
    """The bytes with that digest, checked by the store; None when they are missing or changed, and the log says so."""
    if sha256 is None:
        return None
    try:
        return await documents.get(sha256)
    except (KeyError, DocumentBroken) as error:
        log.error("stored_content_unusable", digest=sha256, error=type(error).__name__)  # noqa: TRY400 — no traceback needed
        return None
