"""News of a recipient, as a clerk enters it: an address, a consent, counsel, what the recipient has become."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from aiohttp import web

from delivery.core.events import Event
from delivery.core.model import Delivery
from delivery.core.recipient_news import PARTS
from delivery.core.second_person import guarded
from delivery.web import news_form
from delivery.web.exhibits import looked, of_this_court
from delivery.web.news_form import ASKED, NEW_HOLDER, read_form
from delivery.web.news_words import part_words, word_of
from delivery.web.pages import Text, same_secret, see_other
from delivery.web.sent import Sent, read_sent
from delivery.web.sessions import Answer, Desk
from delivery.web.timeline import address_words

Faults = tuple[tuple[str, str], ...]


def routes(
    page: Callable[[str, Answer], web.RouteDef], post: Callable[[str, Answer], web.RouteDef]
) -> Iterator[web.RouteDef]:
    """`post`: for a form that checks its token itself, because it carries a file."""
    yield page("/console/deliveries/{delivery}/recipient", _ask)
    yield post("/console/deliveries/{delivery}/recipient", _enter)


async def _ask(desk: Desk) -> web.Response:
    """`?part=consent` opens that part; `?address=a1` fills in what is on file, to be changed."""
    delivery = await of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    await looked(desk, "recipient", delivery)
    return _page(
        desk, delivery, dict(desk.request.query) | news_form.on_file(delivery, desk.request.query, desk.book.zone)
    )


async def _enter(desk: Desk) -> web.Response:
    """The file is on the disk before anything that names it is on record."""
    sent = await read_sent(desk.request)
    if not same_secret(sent.fields.get("form", ""), desk.csrf):
        return desk.problem("refused", 403)
    delivery = await of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    entered = read_form(delivery, sent.fields, desk.clerk.name, desk.console.clock.now(), desk.book.zone)
    fine = sent.has_evidence or sent.has_no_file
    faults = entered.faults if fine else (*entered.faults, ("evidence", "evidence"))
    after, late = (delivery, ()) if faults else await _record(desk, delivery, sent)
    if faults or late:
        return _page(desk, delivery, sent.fields, (*faults, *late), status=422)
    waits = len(after.proposals) > len(delivery.proposals)
    return see_other(f"/console/deliveries/{delivery.id}{'#tasks' if waits else ''}")


async def _record(desk: Desk, delivery: Delivery, sent: Sent) -> tuple[Delivery, Faults]:
    """On record, or, where it would move a date, proposed. What others entered meanwhile may contradict it."""
    now, clerk, late = desk.console.clock.now(), desk.clerk.name, list[tuple[str, str]]()
    evidence = await desk.console.documents.put(sent.file) if sent.file else None

    def happened(current: Delivery) -> Sequence[Event]:
        entered = read_form(current, sent.fields, clerk, now, desk.book.zone)
        late[:] = entered.faults
        if entered.news is None:
            return ()
        return guarded(current, entered.news.recorded_by(clerk, current, evidence, now), desk.book, now)

    after = await desk.console.journal.record(delivery.id, happened)
    return after, tuple(late)


def _page(
    desk: Desk, delivery: Delivery, given: Mapping[str, str], faults: Faults = (), status: int = 200
) -> web.Response:
    text, who, known = desk.text, delivery.recipient, news_form.known_parts(delivery)
    return desk.page(
        "recipient",
        status=status,
        delivery=delivery,
        given=given,
        parts=PARTS,
        asked=ASKED,
        opened={part for part in PARTS if _open(part, given, faults)},
        faults=[(name, _label(name, text), _fault(code, text)) for name, code in faults],
        wrong={name: _fault(code, text) for name, code in reversed(faults)},
        on_file={part: [(name, part_words(one, text)) for name, one in of.items()] for part, of in known.items()},
        addresses=[(one.id, address_words(one, text)) for one in who.addresses],
        holders=[
            ("recipient", text("news.holder_recipient")),
            *((one.id, part_words(one, text)) for one in who.representatives),
            (NEW_HOLDER, text("news.holder_new")),
        ],
        standing=part_words(who.standing, text),
        word_of=lambda part, field, word: word_of(part, field, word, text),
    )


def _open(part: str, given: Mapping[str, str], faults: Faults) -> bool:
    filled = any(name.startswith(f"{part}.") and value.strip() for name, value in given.items())
    wrong = any(name.partition(".")[0] == part for name, _ in faults)
    change = part == "address" and any(name in ("replaces", "at") for name, _ in faults)
    return filled or wrong or change or given.get("part") == part


def _label(name: str, text: Text) -> str:
    """What the field, or the part, is called."""
    part, _, field = name.partition(".")
    known = text.catalogue["news_field"]
    specific = f"{part}_{field}"
    return text.word("news_field", specific if specific in known else field or name)


def _fault(code: str, text: Text) -> str:
    return text(f"fault.{code if code in text.catalogue['fault'] else 'other'}")
