"""What all pages share: words in two languages, templates, the headers that keep a page to its reader, the stylesheet.

Pages work without scripts, so the content security policy allows none at all.
"""

from __future__ import annotations

import hashlib
import hmac
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from delivery.core.civil import CHINA

Language = Literal["zh", "en"]
Catalogue = Mapping[str, Mapping[str, tuple[str, str]]]

HTML_TAG: Mapping[Language, str] = {"zh": "zh-CN", "en": "en"}
LANGUAGE_COOKIE = "songda_lang"
LANGUAGE_SECONDS = 180 * 24 * 3600

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""On every page and file: neither a cache nor a referrer learns a link (design.md §5.12)."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class CourtCard:
    """How a court presents itself to people. `phone` is the one that a person calls to check that a page is genuine."""

    code: str
    name_zh: str
    name_en: str
    phone: str
    address: str = ""

    def name(self, language: Language) -> str:
        """The court's name in the reader's language."""
        return self.name_zh if language == "zh" else self.name_en


@dataclass(frozen=True, slots=True)
class Text:
    """The words of one catalogue in one language: `text("landing.title")`. `zone`: on whose clock times are told, the
    rulebook's.
    """

    language: Language
    catalogue: Catalogue
    zone: tzinfo = CHINA

    def __call__(self, key: str, /, **values: object) -> str:
        """Raises KeyError for a key that no catalogue has: a page never shows a gap."""
        section, _, name = key.partition(".")
        chinese, english = self.catalogue[section][name]
        return (chinese if self.language == "zh" else english).format(**values)

    def word(self, section: str, name: str) -> str:
        """The word for a term, or the term itself where the catalogue has none (a later rulebook's)."""
        return self(f"{section}.{name}") if name in self.catalogue.get(section, {}) else name

    def day(self, day: date) -> str:
        """A civil day, as people write it."""
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    def local(self, moment: datetime) -> datetime:
        """The same instant on the clock of the court."""
        return moment.astimezone(self.zone)

    def time(self, moment: datetime) -> str:
        """An aware instant, to the minute, in the court's zone."""
        return f"{self.day_of(moment)} {self.local(moment):%H:%M}"

    def second(self, moment: datetime) -> str:
        """An aware instant, to the second, in the court's zone."""
        return f"{self.day_of(moment)} {self.local(moment):%H:%M:%S}"

    def day_of(self, moment: datetime) -> str:
        """The civil day on which an aware instant falls at the court."""
        return self.day(self.local(moment).date())


@cache
def catalogue(name: str) -> Catalogue:
    """The texts of words/<name>.toml: section → key → (Chinese, English)."""
    content = tomllib.loads((files(__package__) / "words" / f"{name}.toml").read_text("utf-8"))
    return {section: {key: (zh, en) for key, (zh, en) in texts.items()} for section, texts in content.items()}


@cache
def _templates() -> Environment:
    # autoescape for everything: names, titles and providers' words are outside input.
    loader = PackageLoader(__package__, "templates")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


STATIC = {"style.css": ("pages.css", "text/css"), "mark.svg": ("mark.svg", "image/svg+xml")}


@cache
def static_file(name: str) -> tuple[bytes, str]:
    """A file of static/ and the short digest in its address, so that a new release is never shown in old clothes."""
    content = (files(__package__) / "static" / STATIC[name][0]).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]


def static_routes(below: str) -> list[web.RouteDef]:
    """The stylesheet and the icon; they may be cached, for they say nothing about anybody."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}

    async def serve(request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        return web.Response(body=static_file(name)[0], content_type=STATIC[name][1], charset="utf-8", headers=headers)

    return [web.get(f"{below}/{name}", serve) for name in STATIC]


def language_of(request: web.Request) -> Language:
    """What the reader chose (`?lang=`), or chose before (cookie), or the browser asks for first; else Chinese."""
    for wish in (request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wish in ("zh", "en"):
            return wish  # type: ignore[return-value]  # mypy does not narrow a str to a Literal
    accepted = request.headers.get("Accept-Language", "").lower()
    return "en" if accepted.lstrip().startswith("en") else "zh"


def render(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """One page. `context` needs `text` (Text); a choice of language made on this request is remembered."""
    text: Text = context["text"]
    shared = {"html_tag": HTML_TAG[text.language], "style": static_file("style.css")[1]}
    body = _templates().get_template(template).render(**context, **shared)
    response = web.Response(text=body, status=status, content_type="text/html", headers=HEADERS)
    response.headers["Content-Language"] = HTML_TAG[text.language]
    if request.query.get("lang") == text.language:
        response.set_cookie(
            LANGUAGE_COOKIE, text.language, max_age=LANGUAGE_SECONDS, path="/", httponly=True, samesite="Lax"
        )
    return response


def file_response(content: bytes, content_type: str, filename: str | None = None) -> web.Response:
    """Bytes for the reader alone; with a `filename` (ASCII), to be saved."""
    response = web.Response(body=content, content_type=content_type, headers=HEADERS)
    if filename:
        response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return response


def see_other(location: str) -> web.Response:
    """After a POST: the browser fetches a page, and reloading it repeats nothing."""
    return web.Response(status=303, headers={**HEADERS, "Location": location})


def form_token(key: bytes, secret: str) -> str:
    """The CSRF token of a form: only who holds `secret` (a link's token, a session) gets a page that contains it."""
    return hmac.digest(key, b"songda:form:" + secret.encode(), "sha256").hex()[:32]


def same_secret(one: str, other: str) -> bool:
    """Constant time, whatever characters came in."""
    return hmac.compare_digest(one.encode(), other.encode())
