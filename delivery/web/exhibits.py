"""The files behind a delivery, for a clerk of its court: documents, proofs, evidence, providers' own words.

Each look is recorded before anything is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote

import structlog
from aiohttp import web

from delivery.core.events import FactProposed, FactRecorded, ReceiptReceived, RecipientLearnt
from delivery.core.model import Delivery, Document
from delivery.core.ports import RawReceipt
from delivery.core.trusted_time import PackWaits
from delivery.journal.accounts import Look
from delivery.journal.errors import HistoryBroken
from delivery.web.pages import file_response
from delivery.web.sent import media_type
from delivery.web.sessions import Answer, Desk
from delivery.web.stored import PACK, packed, stored
from signing.errors import SigningError

log = structlog.get_logger()

SHOWN_BYTES = 64 * 1024
"""Of a provider's message on the page; real ones are a few kilobytes."""


def routes(page: Callable[[str, Answer], web.RouteDef]) -> Iterator[web.RouteDef]:
    """All below one delivery, so that its court decides who may look."""
    one = "/console/deliveries/{delivery}"
    yield page(one + "/documents/{document}/sealed.pdf", _sealed)
    yield page(one + "/documents/{document}/original.pdf", _original)
    yield page(one + "/proofs/{number:[0-9]{1,4}}.pdf", _proof)
    yield page(one + "/proof-pack.asice", _pack)
    yield page(one + "/evidence/{digest:[0-9a-f]{64}}", _evidence)
    yield page(one + "/receipts/{receipt}", _receipt)


async def of_this_court(desk: Desk) -> Delivery | None:
    """The delivery in the address, if it is of the clerk's court; what is not does not exist for them.

    Raises HistoryBroken.
    """
    wanted = desk.request.match_info["delivery"]
    try:
        delivery = await desk.console.journal.delivery(wanted)
    except KeyError:
        return None
    except HistoryBroken:
        row = await desk.console.journal.delivery_row(wanted)
        if row is None or row.court != desk.clerk.court:
            return None
        raise
    return delivery if delivery.court == desk.clerk.court else None


async def looked(desk: Desk, what: str, delivery: Delivery | None) -> None:
    """On record before anything is shown. Without a delivery: what belongs to none."""
    now = desk.console.clock.now()
    await desk.console.journal.put_look(
        Look(
            court=desk.clerk.court, clerk=desk.clerk.name, at=now, what=what, delivery=delivery.id if delivery else None
        )
    )


async def _sealed(desk: Desk) -> web.Response:
    delivery = await of_this_court(desk)
    document = _document(desk, delivery)
    digest = dict(delivery.sealed).get(document.id) if delivery and document else None
    return await _pdf(desk, delivery, digest, f"document {document.id}" if document else "", "sealed.pdf")


async def _original(desk: Desk) -> web.Response:
    delivery = await of_this_court(desk)
    document = _document(desk, delivery)
    digest = document.sha256 if document else None
    return await _pdf(desk, delivery, digest, f"original {document.id}" if document else "", "original.pdf")


async def _proof(desk: Desk) -> web.Response:
    delivery = await of_this_court(desk)
    place = int(desk.request.match_info["number"]) - 1
    proofs = delivery.proofs if delivery else ()
    digest = proofs[place][1] if 0 <= place < len(proofs) else None
    return await _pdf(desk, delivery, digest, f"proof {place + 1}", "proof-of-service.pdf")


async def _pack(desk: Desk) -> web.Response:
    delivery = await of_this_court(desk)
    if delivery is None or not delivery.proof_is_current:
        return desk.problem("unknown", 404)
    await looked(desk, "pack", delivery)
    try:
        content = await packed(desk.console.pack, delivery)
    except PackWaits:
        return desk.problem("waits", 503)
    except SigningError as fault:
        log.warning("pack_not_sealed", delivery=delivery.id, fault=type(fault).__name__)
        return desk.problem("unsealed", 503)
    if content is None:
        return desk.problem("broken", 503)
    return file_response(content, PACK, f"{delivery.id}.asice")


def _document(desk: Desk, delivery: Delivery | None) -> Document | None:
    wanted = desk.request.match_info["document"]
    return next((one for one in (delivery.documents if delivery else ()) if one.id == wanted), None)


async def _pdf(desk: Desk, delivery: Delivery | None, digest: str | None, what: str, filename: str) -> web.Response:
    if delivery is None or digest is None:
        return desk.problem("unknown", 404)
    await looked(desk, what, delivery)
    content = await stored(desk.console.documents, digest)
    if content is None:
        return desk.problem("broken", 503)
    return file_response(content, "application/pdf", filename)


async def _evidence(desk: Desk) -> web.Response:
    delivery, digest = await of_this_court(desk), desk.request.match_info["digest"]
    if delivery is None or digest not in await _evidence_of(desk, delivery):
        return desk.problem("unknown", 404)
    await looked(desk, "evidence", delivery)
    content = await stored(desk.console.documents, digest)
    if content is None:
        return desk.problem("broken", 503)
    kind = media_type(content) or "application/octet-stream"
    picture = kind.startswith("image/")
    return file_response(content, kind, None if picture else "evidence.pdf")


async def _evidence_of(desk: Desk, delivery: Delivery) -> set[str | None]:
    history = await desk.console.journal.load(delivery.id)
    told = [row.event for row in history]
    recorded = {event.evidence for event in told if isinstance(event, (FactRecorded, RecipientLearnt))}
    return recorded | {event.proposal.evidence for event in told if isinstance(event, FactProposed)}


async def _receipt(desk: Desk) -> web.Response:
    delivery, wanted = await of_this_court(desk), desk.request.match_info["receipt"]
    if delivery is None or wanted not in await _receipts_of(desk, delivery):
        return desk.problem("unknown", 404)
    try:
        raw = await desk.console.journal.raw_receipt(wanted)
    except KeyError:
        return desk.problem("unknown", 404)
    await looked(desk, f"receipt {wanted}", delivery)
    return raw_page(desk, raw, back=f"/console/deliveries/{quote(delivery.id)}")


def raw_page(desk: Desk, raw: RawReceipt, *, back: str) -> web.Response:
    """A provider's message as it came. `back`: where the reader came from."""
    words, binary = _readable(raw.body[:SHOWN_BYTES])
    cut = len(raw.body) > SHOWN_BYTES
    return desk.page("receipt", back=back, raw=raw, words=words, binary=binary, cut=cut, shown=SHOWN_BYTES)


async def _receipts_of(desk: Desk, delivery: Delivery) -> set[str]:
    history = await desk.console.journal.load(delivery.id)
    return {row.event.receipt.raw for row in history if isinstance(row.event, ReceiptReceived)} - {""}


def _readable(body: bytes) -> tuple[str, bool]:
    """The message as text, or, where it is none, as hexadecimal. A cut may have split the last character."""
    try:
        return body.decode("utf-8", "strict" if len(body) < SHOWN_BYTES else "ignore"), False
    except UnicodeDecodeError:
        return body.hex(" ", 2), True
