"""A recipient's link, opened: whose it is, whether it still holds, whether this browser passed the second factor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import web

from delivery.core.model import Attempt, Delivery
from delivery.core.ports import Clock
from delivery.core.rulebook import Rulebook
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.journal.links import Link
from delivery.web.bodies import read_form
from delivery.web.pages import CourtCard, Text, catalogue, form_token, language_of, render, same_secret
from delivery.web.tries import TryLimits
from signing.links import check_code, pass_is_valid, split_token, token_is_genuine

PASS_COOKIE = "songda_pass"  # noqa: S105 — a name
PASS_AGE = timedelta(hours=1)
LARGEST_FORM = 8 * 1024
"""Bytes: no form here needs more than a few hundred."""

_NO_TOKEN = "A" * 24
_NO_LINK = bytes(8)

State = Literal["open", "expired", "revoked", "withdrawn"]
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientPages:
    """What the pages need. `link_keys`: newest first. `page_image(pdf, page from 1, width in pixels)` draws a PNG.

    `base_url` is the stable host of the links; with https the cookies are Secure.
    """

    journal: Journal
    clock: Clock
    link_keys: Sequence[bytes]
    documents: Documents
    page_image: Callable[[bytes, int, int], Awaitable[bytes]]
    courts: Mapping[str, CourtCard]
    base_url: str
    book: Rulebook
    rehearsal: bool = False
    limits: TryLimits = field(default_factory=TryLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A genuine link and what belongs to it, at `now`."""

    token: str
    key: bytes
    link: Link
    delivery: Delivery
    attempt: Attempt
    court: CourtCard
    state: State
    now: datetime
    known: bool
    secret: str

    @property
    def path(self) -> str:
        """Where the pages of this link are, and the only path its cookie is sent to."""
        return f"/d/{self.token}"

    @property
    def code(self) -> str:
        """The four digits that text and page share."""
        return check_code(self.key, self.link.id)

    @property
    def form(self) -> str:
        """The CSRF token of the forms that this browser may send now."""
        return form_token(self.key, self.secret)


async def open_visit(deps: RecipientPages, request: web.Request) -> Visit | None:
    """None when the token is not ours. A bad shape, an unknown id and a wrong MAC cost the same work: no oracle."""
    token = request.match_info["token"]
    parts = split_token(token)
    link = await deps.journal.link(parts[0] if parts else _NO_LINK)
    fits = [_fits(key, token if parts else _NO_TOKEN, link) for key in deps.link_keys]
    if parts is None or link is None or not any(fits):
        return None
    delivery = await deps.journal.delivery(link.delivery)
    attempt = delivery.attempt(link.attempt)
    if attempt is None:
        return None
    now = deps.clock.now()
    cookie = request.cookies.get(PASS_COOKIE, "")
    known = pass_is_valid(deps.link_keys, cookie, link.id, now, PASS_AGE)
    return Visit(
        token=token,
        key=deps.link_keys[fits.index(True)],
        link=link,
        delivery=delivery,
        attempt=attempt,
        court=deps.courts[delivery.court],
        state=_state(link, delivery, now),
        now=now,
        known=known,
        secret=f"pass {cookie}" if known else f"link {token}",
    )


def _fits(key: bytes, token: str, link: Link | None) -> bool:
    attempt, purpose = (link.attempt, link.purpose) if link else ("-", "-")
    expires_at = link.expires_at if link else datetime(2000, 1, 1, tzinfo=UTC)
    return token_is_genuine(key, token, attempt=attempt, purpose=purpose, expires_at=expires_at)


def _state(link: Link, delivery: Delivery, now: datetime) -> State:
    if delivery.withdrawn_at:
        return "withdrawn"
    if link.revoked_at:
        return "revoked"
    return "expired" if now >= link.expires_at else "open"


async def sent_form(request: web.Request, visit: Visit) -> Form | None:
    """The fields of a form of ours, or None: not sent from a page that we gave to this browser, or too large."""
    fields = await read_form(request, LARGEST_FORM)
    return fields if fields and same_secret(fields.get("form", ""), visit.form) else None


def text_for(request: web.Request, book: Rulebook) -> Text:
    """The recipient's words in the reader's language, with the clock of the rulebook."""
    return Text(language_of(request), catalogue("recipient"), book.zone)


def show(
    deps: RecipientPages,
    request: web.Request,
    template: str,
    *,
    visit: Visit | None = None,
    status: int = 200,
    **more: Any,
) -> web.Response:
    """A page for recipients. Without a visit it says nothing about anybody."""
    text = more.pop("text", None) or text_for(request, deps.book)
    court = visit.court if visit else None
    context = {
        "text": text,
        "visit": visit,
        "court": court,
        "court_name": court.name(text.language) if court else text("common.service"),
        "host": urlsplit(deps.base_url).netloc,
        "rehearsal": deps.rehearsal,
        "switch": "?lang=en" if text.language == "zh" else "?lang=zh",
    }
    return render(request, f"recipient/{template}.html", status=status, **context, **more)
