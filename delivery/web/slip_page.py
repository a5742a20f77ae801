"""The form for a mail slip. It carries a picture, so its body is read part by part, with a bound on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import BodyPartReader, MultipartReader, web

from delivery.core import words
from delivery.core.model import Delivery
from delivery.web import slips
from delivery.web.bodies import NO_MULTIPART
from delivery.web.exhibits import looked, of_this_court
from delivery.web.pages import same_secret, see_other
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
LARGEST_FIELD = 4096
MOST_FIELDS = 30


@dataclass(frozen=True, slots=True)
class Sent:
    """A form with at most one file. `file` is None where none was sent; `too_large`: something exceeded its bound."""

    fields: Mapping[str, str]
    file: bytes | None
    too_large: bool = False


async def ask(desk: Desk) -> web.Response:
    """The empty form."""
    delivery = await of_this_court(desk)
    if delivery is None or not letters(delivery):
        return desk.problem("unknown", 404)
    await looked(desk, "slip", delivery)
    return _page(desk, delivery)


async def enter(desk: Desk) -> web.Response:
    """The form with its picture. The picture is on the disk before the fact that names it is on record."""
    sent = await _read(desk.request)
    if not same_secret(sent.fields.get("form", ""), desk.csrf):
        return desk.problem("refused", 403)
    delivery = await of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    slip = slips.read_slip(delivery, sent.fields)
    faults = (*slip.faults, *([] if _file_is_fine(sent) else ["fault_file"]))
    if slip.fact is None or sent.file is None or faults:
        return _page(desk, delivery, sent.fields, faults, status=422)
    await _record(desk, delivery, slip, sent.file)
    return see_other(f"/console/deliveries/{delivery.id}")


def _file_is_fine(sent: Sent) -> bool:
    return not sent.too_large and sent.file is not None and slips.media_type(sent.file) is not None


async def _record(desk: Desk, delivery: Delivery, slip: Slip, picture: bytes) -> None:
    now, fact = desk.console.clock.now(), slip.fact
    if fact is None:
        raise ValueError("a slip with faults is not recorded")
    evidence = await desk.console.documents.put(picture)
    await desk.console.journal.record(
        delivery.id,
        lambda current: slips.record(current, fact, by=desk.clerk.name, reason=slip.reason, evidence=evidence, now=now),
    )


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


async def _read(request: web.Request) -> Sent:
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
        content = await _bounded(part, slips.LARGEST_EVIDENCE if part.name == "evidence" else LARGEST_FIELD)
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
