"""What a recipient meets after the second factor: the documents, what to do next, signing, objecting, the record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Protocol

from aiohttp import web

from delivery.core.model import Document, Fact
from delivery.core.words import DOCUMENTS, named
from delivery.web import advice, deeds
from delivery.web.pages import file_response, see_other
from delivery.web.stored import stored
from delivery.web.visit import PASS_COOKIE, Form, RecipientPages, Visit, show, text_for

PICTURE_WIDTH = 1080
"""Pixels: sharp on a phone 360 px wide at three dots per pixel, and still light."""

LONGEST_NOTE = 300
Endpoint = Callable[[web.Request], Awaitable[web.Response]]
Answer = Callable[[RecipientPages, web.Request, Visit], Awaitable[web.Response]]
FormAnswer = Callable[[RecipientPages, web.Request, Visit, Form], Awaitable[web.Response]]


class Page(Protocol):
    """Makes an endpoint that opens the link first; `known`: only after the second factor."""

    def __call__(self, answer: Answer, *, known: bool = False) -> Endpoint: ...


class Post(Protocol):
    """The same for a form of ours; `states`: in which states of the link it may be sent."""

    def __call__(self, answer: FormAnswer, *, known: bool = False, states: tuple[str, ...] = ("open",)) -> Endpoint: ...


def routes(page: Page, post: Post) -> Iterator[web.RouteDef]:
    """Everything here is for a browser that holds the pass."""
    below = "/d/{token}/documents/{document}"
    yield web.get("/d/{token}/documents", page(_documents, known=True))
    yield web.get(below + "/pages/{page:[0-9]{1,4}}.png", page(_picture, known=True))
    yield web.get(below + ".pdf", page(_download, known=True))
    yield web.get(below, page(_reader, known=True))
    yield web.get("/d/{token}/receipt", page(_receipt, known=True))
    yield web.get("/d/{token}/proof.pdf", page(_proof, known=True))
    yield web.post("/d/{token}/sign", post(_sign, known=True))
    yield web.post("/d/{token}/objection", post(_object, known=True))
    yield web.post("/d/{token}/wrong-content", post(_wrong_content, known=True))
    yield web.post("/d/{token}/paper", post(_paper, known=True))
    yield web.post("/d/{token}/leave", post(_leave, known=True))


async def _documents(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    text = text_for(request, deps.book)
    delivery = visit.delivery
    more: dict[str, Any] = {
        "advice": advice.advice(delivery, deps.book.at(delivery.court), visit.now, text),
        "type_word": lambda document: named(DOCUMENTS, document.type).en,
        "has_period": advice.has_period(delivery),
        "opened": deeds.done(delivery, "read"),
        "signed": deeds.done(delivery, "replied"),
        "objected": deeds.done(delivery, "objection"),
        "paper": deeds.done(delivery, "paper_requested"),
        "reported": deeds.open_of_kind(delivery, "wrong_content"),
        "proof": bool(delivery.proofs),
    }
    return show(deps, request, "documents", visit=visit, text=text, **more)


async def _reader(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    document = _document(visit, request)
    if document is None:
        return show(deps, request, "unknown", status=404)
    return show(deps, request, "reader", visit=visit, document=document, numbers=range(1, document.pages + 1))


async def _picture(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    document, number = _document(visit, request), int(request.match_info["page"])
    if document is None or not 1 <= number <= document.pages:
        return show(deps, request, "unknown", status=404)
    content = await _sealed(deps, visit, document)
    if content is None:
        return show(deps, request, "unavailable", visit=visit, status=503)
    return file_response(await deps.page_image(content, number, PICTURE_WIDTH), "image/png")


async def _download(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    document = _document(visit, request)
    if document is None:
        return show(deps, request, "unknown", status=404)
    content = await _sealed(deps, visit, document)
    if content is None:
        return show(deps, request, "unavailable", visit=visit, status=503)
    number = visit.delivery.documents.index(document) + 1
    return file_response(content, "application/pdf", f"{number:02d}-{document.type}.pdf")


def _document(visit: Visit, request: web.Request) -> Document | None:
    wanted = request.match_info["document"]
    return next((document for document in visit.delivery.documents if document.id == wanted), None)


async def _sealed(deps: RecipientPages, visit: Visit, document: Document) -> bytes | None:
    return await stored(deps.documents, dict(visit.delivery.sealed).get(document.id))


async def _receipt(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    done: list[Fact] = sorted(
        (fact for fact in visit.delivery.facts if fact.key.startswith("page:")), key=lambda fact: fact.at
    )
    return show(deps, request, "receipt", visit=visit, done=done, sealed=dict(visit.delivery.sealed))


async def _proof(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    if not visit.delivery.proofs:
        return show(deps, request, "unknown", status=404)
    _, digest = visit.delivery.proofs[-1]
    content = await stored(deps.documents, digest)
    if content is None:
        return show(deps, request, "unavailable", visit=visit, status=503)
    return file_response(content, "application/pdf", "proof-of-service.pdf")


async def _sign(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    await deps.journal.record(visit.delivery.id, lambda d: deeds.record_fact(d, visit.attempt, "replied", visit.now))
    return see_other(f"{visit.path}/documents#sign")


async def _object(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    await deps.journal.record(visit.delivery.id, lambda d: deeds.record_fact(d, visit.attempt, "objection", visit.now))
    return see_other(f"{visit.path}/documents#help")


async def _wrong_content(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    titles = {document.id: document.title for document in visit.delivery.documents}
    about = titles.get(form.get("document", ""), "all")
    note = " ".join(form.get("note", "").split())[:LONGEST_NOTE]
    reason = f"the recipient says that the content is wrong ({about}){': ' + note if note else ''}"
    await deps.journal.record(
        visit.delivery.id, lambda d: deeds.open_task(d, visit.attempt, "wrong_content", reason, visit.now)
    )
    return see_other(f"{visit.path}/documents#help")


async def _paper(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    await deps.journal.record(visit.delivery.id, lambda d: deeds.ask_for_paper(d, visit.attempt, visit.now))
    return see_other(f"{visit.path}/documents#help")


async def _leave(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    response = see_other(visit.path)
    response.set_cookie(PASS_COOKIE, "", path=visit.path, max_age=0, httponly=True, samesite="Strict")
    return response
