"""The form for a mail slip, with its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web

from delivery.core import words
from delivery.core.events import Event
from delivery.core.model import Delivery
from delivery.core.second_person import guarded
from delivery.web import slips
from delivery.web.exhibits import looked, of_this_court
from delivery.web.pages import same_secret, see_other
from delivery.web.sent import read_sent
from delivery.web.sessions import Desk
from delivery.web.slips import KINDS, RETURN_REASONS, Slip, letters
from delivery.web.timeline import address_words, fact_word, person_words, pick

__all__ = ["VOCABULARY", "ask", "enter", "letters"]

VOCABULARY = {
    "bases": words.BASES,
    "channels": words.CHANNELS,
    "documents": words.DOCUMENTS,
    "reasons": words.REASONS,
    "relations": words.RELATIONS,
    "roles": words.ROLES,
}


async def ask(desk: Desk) -> web.Response:
    """The empty form."""
    delivery = await of_this_court(desk)
    if delivery is None or not letters(delivery):
        return desk.problem("unknown", 404)
    await looked(desk, "slip", delivery)
    return _page(desk, delivery)


async def enter(desk: Desk) -> web.Response:
    """The form with its picture. The picture is on the disk before the fact that names it is on record."""
    sent = await read_sent(desk.request)
    if not same_secret(sent.fields.get("form", ""), desk.csrf):
        return desk.problem("refused", 403)
    delivery = await of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    slip = slips.read_slip(delivery, sent.fields, desk.book.zone)
    faults = (*slip.faults, *([] if sent.has_evidence else ["fault_file"]))
    if slip.fact is None or sent.file is None or faults:
        return _page(desk, delivery, sent.fields, faults, status=422)
    await _record(desk, delivery, slip, sent.file)
    return see_other(f"/console/deliveries/{delivery.id}")


async def _record(desk: Desk, delivery: Delivery, slip: Slip, picture: bytes) -> None:
    now, fact = desk.console.clock.now(), slip.fact
    if fact is None:
        raise ValueError("a slip with faults is not recorded")
    evidence, book = await desk.console.documents.put(picture), desk.book

    def entered(current: Delivery) -> Sequence[Event]:
        happened = slips.record(current, fact, by=desk.clerk.name, reason=slip.reason, evidence=evidence, now=now)
        return guarded(current, happened, book, now)

    await desk.console.journal.record(delivery.id, entered)


def _page(
    desk: Desk,
    delivery: Delivery,
    given: Mapping[str, str] | None = None,
    faults: tuple[str, ...] = (),
    status: int = 200,
) -> web.Response:
    return desk.page(
        "slip",
        status=status,
        delivery=delivery,
        given=given or {},
        faults=faults,
        reports=slips.reports(delivery),
        letters=letters(delivery),
        kinds=KINDS,
        return_reasons=RETURN_REASONS,
        vocabulary=VOCABULARY,
        pick=pick,
        fact_word=fact_word,
        person_words=person_words,
        address_words=address_words,
    )
