"""How a clerk signs in to the console and stays so: argon2, a session in the journal, a CSRF token on every form."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import structlog
from aiohttp import web
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from delivery.core.ports import Channel, Clock
from delivery.core.rulebook import Rulebook
from delivery.journal.accounts import Clerk, Session
from delivery.journal.documents import Documents
from delivery.journal.errors import HistoryBroken
from delivery.journal.journal import Journal
from delivery.web.bodies import read_form
from delivery.web.pages import Catalogue, CourtCard, Text, catalogue, language_of, render, same_secret, see_other
from delivery.web.stored import Packer
from delivery.web.tries import Guesses, TryLimits

log = structlog.get_logger()

SESSION_COOKIE = "songda_session"
FORM_COOKIE = "songda_form"
SESSION_AGE = timedelta(hours=8)
LARGEST_FORM = 32 * 1024
ACCOUNT = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)
LONGEST_PASSWORD = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What the console needs. `book` explains the effects; with https in `base_url` cookies are Secure. `channels`: by
    provider name, to read what nobody could place. `pack` makes proof packs.
    """

    journal: Journal
    clock: Clock
    documents: Documents
    courts: Mapping[str, CourtCard]
    book: Rulebook
    channels: Mapping[str, Channel]
    pack: Packer
    base_url: str = ""
    rehearsal: bool = False
    checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Each password check takes 64 MiB and some 50 ms: a flood of them must not take the machine."""
    limits: TryLimits = field(default_factory=lambda: TryLimits(first_pause=timedelta(minutes=1), per_day=60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A signed-in clerk with a request: whose court, which forms."""

    console: Console
    request: web.Request
    clerk: Clerk
    csrf: str
    text: Text

    @property
    def court(self) -> CourtCard:
        return self.console.courts[self.clerk.court]

    @property
    def book(self) -> Rulebook:
        """The rules as the clerk's court counts with them."""
        return self.console.book.at(self.clerk.court)

    def page(self, template: str, *, status: int = 200, **more: Any) -> web.Response:
        """A page of the console."""
        return _page(self.console, self.request, template, self.text, status=status, desk=self, **more)

    def problem(self, kind: str, status: int) -> web.Response:
        """A short page that says why not."""
        return self.page("problem", status=status, kind=kind)


Answer = Callable[[Desk], Awaitable[web.Response]]
FormAnswer = Callable[[Desk, Mapping[str, str]], Awaitable[web.Response]]
Endpoint = Callable[[web.Request], Awaitable[web.Response]]


def text_for(request: web.Request, book: Rulebook) -> Text:
    """The clerk's words in the reader's language, with the clock of the rulebook."""
    return Text(language_of(request), console_words(), book.zone)


@cache
def console_words() -> Catalogue:
    """The words of the pages, with those of the facts and of the rulebook's questions."""
    return {**catalogue("console"), **catalogue("facts")}


def _page(
    console: Console,
    request: web.Request,
    template: str,
    text: Text,
    *,
    status: int = 200,
    desk: Desk | None = None,
    **more: Any,
) -> web.Response:
    context = {
        "text": text,
        "desk": desk,
        "here": request.path,
        "rehearsal": console.rehearsal,
        "switch": str(request.rel_url.update_query(lang="en" if text.language == "zh" else "zh")),
    }
    return render(request, f"console/{template}.html", status=status, **context, **more)


def signed_in(console: Console, answer: Answer) -> Endpoint:
    """An endpoint for clerks alone; others are asked to sign in."""

    async def endpoint(request: web.Request) -> web.Response:
        desk = await desk_of(console, request)
        return see_other("/console/sign-in") if desk is None else await _answered(desk, answer(desk))

    return endpoint


def signed_in_form(console: Console, answer: FormAnswer) -> Endpoint:
    """An endpoint for a form of ours that a signed-in clerk sends."""

    async def endpoint(request: web.Request) -> web.Response:
        desk = await desk_of(console, request)
        if desk is None:
            return see_other("/console/sign-in")
        form = await small_form(request)
        if not same_secret(form.get("form", ""), desk.csrf):
            return desk.problem("refused", 403)
        return await _answered(desk, answer(desk, form))

    return endpoint


async def _answered(desk: Desk, answer: Awaitable[web.Response]) -> web.Response:
    try:
        return await answer
    except HistoryBroken:
        return desk.problem("history", 503)


async def desk_of(console: Console, request: web.Request) -> Desk | None:
    """The clerk whose session this browser holds."""
    token = request.cookies.get(SESSION_COOKIE, "")
    session = await console.journal.session(_hash(token)) if token else None
    if session is None or session.expires_at <= console.clock.now():
        return None
    clerk = await console.journal.clerk(session.clerk)
    if clerk is None or clerk.court not in console.courts:
        return None
    return Desk(console=console, request=request, clerk=clerk, csrf=session.csrf, text=text_for(request, console.book))


async def small_form(request: web.Request) -> Mapping[str, str]:
    """The text fields; none where it is no form, cannot be read, or is too large for one of ours."""
    return await read_form(request, LARGEST_FORM) or {}


def routes(console: Console) -> list[web.RouteDef]:
    """Sign-in and sign-out."""

    async def ask(request: web.Request) -> web.Response:
        if await desk_of(console, request):
            return see_other("/console/")
        return _sign_in_page(console, request)

    async def sign_in(request: web.Request) -> web.Response:
        return await _sign_in(console, request)

    async def sign_out(desk: Desk, form: Mapping[str, str]) -> web.Response:
        await console.journal.end_session(_hash(desk.request.cookies[SESSION_COOKIE]))
        response = see_other("/console/sign-in")
        _set_cookie(console, response, SESSION_COOKIE, "", max_age=0)
        return response

    return [
        web.get("/console/sign-in", ask),
        web.post("/console/sign-in", sign_in),
        web.post("/console/sign-out", signed_in_form(console, sign_out)),
    ]


def _sign_in_page(
    console: Console, request: web.Request, *, problem: str = "", minutes: int = 0, status: int = 200
) -> web.Response:
    """Before there is a session, cookie and field must agree: another site can make neither."""
    token = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    more: dict[str, Any] = {"form_token": token, "problem": problem, "minutes": minutes}
    response = _page(console, request, "sign_in", text_for(request, console.book), status=status, **more)
    _set_cookie(console, response, FORM_COOKIE, token, max_age=3600)
    return response


async def _sign_in(console: Console, request: web.Request) -> web.Response:
    form = await small_form(request)
    expected = request.cookies.get(FORM_COOKIE, "")
    if not expected or not same_secret(form.get("form", ""), expected):
        return _sign_in_page(console, request, problem="refused", status=403)
    name, password = form.get("name", "").strip(), form.get("password", "")
    if ACCOUNT.fullmatch(name) is None or len(password) > LONGEST_PASSWORD:
        return _sign_in_page(console, request, problem="wrong", status=401)
    guesses = Guesses(console.journal, console.limits, f"clerk:{name}", console.clock.now())
    if not await guesses.spend():
        minutes = (await guesses.standing()).minutes
        return _sign_in_page(console, request, problem="pause", minutes=minutes, status=429)
    clerk = await console.journal.clerk(name)
    if not await _password_fits(console, clerk, password) or clerk is None:
        log.info("sign_in_failed")
        return _sign_in_page(console, request, problem="wrong", status=401)
    return await _welcome(console, clerk)


async def _password_fits(console: Console, clerk: Clerk | None, password: str) -> bool:
    async with console.checks:
        return await asyncio.to_thread(_verify, clerk.password_hash if clerk else _nobody(), password)


@cache
def _nobody() -> str:
    """Checked where there is no such account, so that time does not tell which accounts exist."""
    return PasswordHasher().hash(secrets.token_hex())


def _verify(stored: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


async def _welcome(console: Console, clerk: Clerk) -> web.Response:
    token = secrets.token_urlsafe(32)
    session = Session(
        token_hash=_hash(token),
        clerk=clerk.name,
        csrf=secrets.token_urlsafe(24),
        expires_at=console.clock.now() + SESSION_AGE,
    )
    await console.journal.put_session(session)
    response = see_other("/console/")
    _set_cookie(console, response, SESSION_COOKIE, token, max_age=int(SESSION_AGE.total_seconds()))
    return response


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _set_cookie(console: Console, response: web.Response, name: str, value: str, *, max_age: int) -> None:
    secure = console.base_url.startswith("https:")
    response.set_cookie(name, value, path="/console", max_age=max_age, secure=secure, httponly=True, samesite="Strict")
