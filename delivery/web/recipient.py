"""What a recipient meets before the second factor (contract.md §4): landing, identification, a new link.

Nothing on these pages names a person or a case. A GET or HEAD records nothing, whoever sends it and however often
(design.md §5.11). What stands behind the second factor is in reading.py.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from delivery.core.model import Delivery
from delivery.web import deeds, reading
from delivery.web.pages import CourtCard, same_secret, see_other, static_routes
from delivery.web.tries import Guesses, TryLimits
from delivery.web.visit import PASS_AGE, PASS_COOKIE, Form, RecipientPages, Visit, open_visit, sent_form, show
from signing.links import make_pass

__all__ = ["CourtCard", "RecipientPages", "TryLimits", "routes"]

log = structlog.get_logger()

SECOND_FACTOR = re.compile(r"[0-9A-Z]{6}", re.ASCII)
Answer = Callable[[RecipientPages, web.Request, Visit], Awaitable[web.Response]]
FormAnswer = Callable[[RecipientPages, web.Request, Visit, Form], Awaitable[web.Response]]


def routes(deps: RecipientPages) -> list[web.RouteDef]:
    """Everything below /d/."""
    page, post = _pages(deps)
    return [
        *static_routes("/d"),
        web.get("/d/{token}", page(_landing)),
        web.post("/d/{token}/identify", post(_identify)),
        web.post("/d/{token}/not-me", post(_not_me)),
        web.post("/d/{token}/renew", post(_renew, states=("expired", "revoked"))),
        *reading.routes(page, post),
        web.route("*", "/d/{token}/{rest:.*}", page(_nowhere)),
    ]


def _pages(deps: RecipientPages) -> tuple[reading.Page, reading.Post]:
    """How a handler becomes an endpoint: the link is opened first, and one answer covers all that is wrong with it."""

    def page(answer: Answer, *, known: bool = False) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def endpoint(request: web.Request) -> web.Response:
            visit = await open_visit(deps, request)
            if visit is None:
                return _unknown(deps, request)
            if visit.state != "open":
                return _gone(deps, request, visit)
            if known and not visit.known:
                return see_other(visit.path)
            return await answer(deps, request, visit)

        return endpoint

    def post(
        answer: FormAnswer, *, known: bool = False, states: tuple[str, ...] = ("open",)
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def endpoint(request: web.Request) -> web.Response:
            visit = await open_visit(deps, request)
            if visit is None:
                return _unknown(deps, request)
            if visit.state not in states:
                return see_other(visit.path)
            form = await sent_form(request, visit)
            if form is None or (known and not visit.known):
                return show(deps, request, "refused", visit=visit, status=403)
            return await answer(deps, request, visit, form)

        return endpoint

    return page, post


async def _landing(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    return await _landing_page(deps, request, visit)


async def _landing_page(
    deps: RecipientPages, request: web.Request, visit: Visit, *, problem: str = "", status: int = 200
) -> web.Response:
    standing = await _guesses(deps, visit).standing()
    more: dict[str, Any] = {
        "problem": problem,
        "standing": standing,
        "entity": visit.delivery.recipient.kind == "entity",
        "has_number": bool(_expected(visit.delivery)),
        "reported": deeds.open_of_kind(visit.delivery, "not_me"),
    }
    response = show(deps, request, "landing", visit=visit, status=status, **more)
    if status == 429 and standing.pause:
        response.headers["Retry-After"] = str(int(standing.pause.total_seconds()))
    return response


def _guesses(deps: RecipientPages, visit: Visit) -> Guesses:
    return Guesses(deps.journal, deps.limits, visit.delivery.id, visit.now)


async def _identify(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    given = form.get("last6", "").strip().upper()
    if SECOND_FACTOR.fullmatch(given) is None:
        return await _landing_page(deps, request, visit, problem="malformed", status=422)
    if not await _guesses(deps, visit).spend():
        await _tell_of_the_last_try(deps, visit)
        return await _landing_page(deps, request, visit, status=429)
    if not _matches(visit.delivery, given):
        log.info("second_factor_failed", delivery=visit.delivery.id, attempt=visit.attempt.id)
        await _tell_of_the_last_try(deps, visit)
        return await _landing_page(deps, request, visit, problem="wrong", status=422)
    await deps.journal.record(visit.delivery.id, lambda d: deeds.record_fact(d, visit.attempt, "read", visit.now))
    return _welcome(deps, visit)


def _expected(delivery: Delivery) -> str:
    return (delivery.recipient.id_number or "")[-6:].upper()


def _matches(delivery: Delivery, given: str) -> bool:
    """Constant time. No number on record fits nothing: six characters are never equal to a sentence."""
    return same_secret(given, _expected(delivery) or "no number on record")


async def _tell_of_the_last_try(deps: RecipientPages, visit: Visit) -> None:
    """A clerk's task once the tries on record are used up, whichever request made the last of them: of two at one time
    neither may have been looked at. A clerk who has closed it is told of further tries, not of the same again.
    """
    guesses = _guesses(deps, visit)
    if not (await guesses.standing()).exhausted:
        return
    told_at = deeds.last_opened(await deps.journal.delivery(visit.delivery.id), "second_factor_failed")
    if told_at and not await guesses.made_after(told_at):
        return
    reason = f"{deps.limits.per_day} tries at the second factor within a day, last through attempt {visit.attempt.id}"
    await deps.journal.record(
        visit.delivery.id, lambda d: deeds.open_task(d, visit.attempt, "second_factor_failed", reason, visit.now)
    )


def _welcome(deps: RecipientPages, visit: Visit) -> web.Response:
    response = see_other(f"{visit.path}/documents")
    response.set_cookie(
        PASS_COOKIE,
        make_pass(deps.link_keys[0], visit.link.id, visit.now),
        path=visit.path,
        max_age=int(
            PASS_AGE.total_seconds()
        ),  # never Expires: the domain's clock may be a rehearsal's (contract.md §1)
        secure=deps.base_url.startswith("https:"),
        httponly=True,
        samesite="Strict",
    )
    return response


async def _not_me(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    """Whoever got the message by mistake cannot identify, so this is no objection in law, but news for a clerk."""
    reason = "the holder of the link, not identified, says that the message was not meant for them"
    await deps.journal.record(
        visit.delivery.id, lambda d: deeds.open_task(d, visit.attempt, "not_me", reason, visit.now)
    )
    return see_other(visit.path)


async def _renew(deps: RecipientPages, request: web.Request, visit: Visit, form: Form) -> web.Response:
    history = await deps.journal.load(visit.delivery.id)
    if deeds.renewals_used_up(history, visit.now):
        return _gone(deps, request, visit, too_often=True, status=429)
    await deps.journal.record(visit.delivery.id, lambda d: deeds.renew(d, visit.attempt, visit.now))
    return see_other(f"{visit.path}?asked")


async def _nowhere(deps: RecipientPages, request: web.Request, visit: Visit) -> web.Response:
    return _unknown(deps, request)


def _unknown(deps: RecipientPages, request: web.Request) -> web.Response:
    return show(deps, request, "unknown", status=404)


def _gone(
    deps: RecipientPages, request: web.Request, visit: Visit, *, too_often: bool = False, status: int = 410
) -> web.Response:
    asked = "asked" in request.query or visit.attempt.address in visit.delivery.renewals
    return show(deps, request, "gone", visit=visit, status=status, asked=asked and not too_often, too_often=too_often)
