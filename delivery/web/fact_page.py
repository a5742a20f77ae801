"""Recording a fact in the console: choose what happened, fill in its form, attach the file that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from aiohttp import web

from delivery.core.events import Event
from delivery.core.model import Delivery
from delivery.core.second_person import guarded
from delivery.web import fact_form
from delivery.web.exhibits import looked, of_this_court
from delivery.web.fact_form import Entered, read_form, widgets
from delivery.web.fact_methods import GROUPS, METHODS, Method
from delivery.web.fact_places import NEW, Place, free_id, places
from delivery.web.fact_words import field_word, option_word
from delivery.web.pages import Text, same_secret, see_other
from delivery.web.sent import Sent, read_sent
from delivery.web.sessions import Answer, Desk
from delivery.web.timeline import address_words, fact_word

Faults = tuple[tuple[str, str], ...]


def routes(
    page: Callable[[str, Answer], web.RouteDef], post: Callable[[str, Answer], web.RouteDef]
) -> Iterator[web.RouteDef]:
    """`post`: for a form that checks its token itself, because it carries a file."""
    facts = "/console/deliveries/{delivery}/facts"
    yield page(facts, _choose)
    yield page(facts + "/{method:[a-z_]{1,40}}", _ask)
    yield post(facts + "/{method:[a-z_]{1,40}}", _enter)


async def _choose(desk: Desk) -> web.Response:
    delivery = await of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    await looked(desk, "enter", delivery)
    groups = [(group, [one for one in METHODS.values() if one.group == group]) for group in GROUPS]
    return desk.page("enter", delivery=delivery, groups=groups)


async def _ask(desk: Desk) -> web.Response:
    delivery, method = await of_this_court(desk), METHODS.get(desk.request.match_info["method"])
    if delivery is None or method is None:
        return desk.problem("unknown", 404)
    await looked(desk, "enter", delivery)
    return _page(desk, delivery, method, dict(desk.request.query))


async def _enter(desk: Desk) -> web.Response:
    """The file is on the disk before the fact that names it is on record."""
    sent = await read_sent(desk.request)
    if not same_secret(sent.fields.get("form", ""), desk.csrf):
        return desk.problem("refused", 403)
    delivery, method = await of_this_court(desk), METHODS.get(desk.request.match_info["method"])
    if delivery is None or method is None:
        return desk.problem("unknown", 404)
    entered = read_form(method, delivery, sent.fields, desk.clerk.role, desk.console.clock.now(), desk.book.zone)
    faults = (*entered.faults, *_file_faults(method, sent))
    if faults:
        return _page(desk, delivery, method, sent.fields, faults, status=422)
    waits = await _record(desk, delivery, method, sent)
    return see_other(f"/console/deliveries/{delivery.id}{'#tasks' if waits else ''}")


def _file_faults(method: Method, sent: Sent) -> Faults:
    fine = sent.has_evidence or (sent.has_no_file and not method.evidence)
    return () if fine else (("evidence", "evidence"),)


async def _record(desk: Desk, delivery: Delivery, method: Method, sent: Sent) -> bool:
    """On record, or, where it would move a date, proposed: then the answer is yes."""
    now, book, clerk = desk.console.clock.now(), desk.book, desk.clerk
    evidence = await desk.console.documents.put(sent.file) if sent.file else None

    def happened(current: Delivery) -> Sequence[Event]:
        # Read again: what others entered meanwhile may have taken the id of the new place.
        entered: Entered = read_form(method, current, sent.fields, clerk.role, now, book.zone)
        new = fact_form.recorded(current, entered, by=clerk.name, evidence=evidence, now=now)
        return guarded(current, new, book, now)

    after = await desk.console.journal.record(delivery.id, happened)
    return len(after.proposals) > len(delivery.proposals)


def _page(
    desk: Desk,
    delivery: Delivery,
    method: Method,
    given: Mapping[str, str],
    faults: Faults = (),
    status: int = 200,
) -> web.Response:
    text = desk.text
    return desk.page(
        "fact",
        status=status,
        delivery=delivery,
        method=method,
        given=given,
        faults=[(name, _label(name, text), _fault(code, text)) for name, code in faults],
        wrong={name for name, _ in faults},
        widgets=widgets(method),
        places=[(place.value, _place(place, text)) for place in places(method, delivery)],
        new=NEW,
        new_id=given.get("new_id") or free_id(delivery),
        agents=delivery.recipient.representatives,
        person_flags=fact_form.PERSON_FLAGS,
        fact_word=lambda kind: fact_word(kind, text),
        field_word=lambda kind, name: field_word(kind, name, text),
        option_word=lambda name, word: option_word(name, word, text),
    )


def _place(place: Place, text: Text) -> str:
    if place.address is None:
        return text("enter.new")
    where = address_words(place.address, text)
    if place.visit:
        return text("enter.visit", address=where)
    return text("enter.attempt" if place.attempt else "enter.further", address=where, n=place.number)


def _label(name: str, text: Text) -> str:
    """What the field is called: a date that two kinds share, or `kind.field` and `kind.field.part`."""
    kind, _, rest = name.partition(".")
    if not rest:
        return text.word("field", name)
    own, _, part = rest.partition(".")
    return text.word("field", part) if part else field_word(kind, own, text)


def _fault(code: str, text: Text) -> str:
    return text(f"fault.{code if code in text.catalogue['fault'] else 'other'}")
