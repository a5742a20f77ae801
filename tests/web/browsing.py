"""A browser without pictures: follows links and forms of a page as it stands, keeps cookies, runs no scripts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

from aiohttp import ClientSession, CookieJar, FormData
from lxml import html

from tests.web.stage import PASSWORD, Stage


@dataclass
class Page:
    status: int
    headers: Mapping[str, str]
    content: bytes
    path: str
    text: str = ""

    def tree(self) -> Any:
        return html.fromstring(self.text)

    def says(self, words: str) -> bool:
        return words in unescape(re.sub(r"\s+", " ", self.text))

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form whose action ends like that. Raises StopIteration where there is none."""
        form = next(form for form in self.tree().forms if (form.action or "").endswith(action))
        return {name: value or "" for name, value in form.form_values()}


@dataclass
class Visitor:
    """One browser, with its own cookies."""

    stage: Stage
    language: str = "zh-CN"
    session: ClientSession = field(init=False)

    async def __aenter__(self) -> Visitor:
        self.session = ClientSession(
            self.stage.base_url, cookie_jar=CookieJar(unsafe=True), headers={"Accept-Language": self.language}
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def get(self, path: str, *, follow: bool = True, method: str = "GET") -> Page:
        async with self.session.request(method, path, allow_redirects=follow) as answer:
            return await _page(answer)

    async def post(self, path: str, fields: Mapping[str, str] | FormData | None = None, *, follow: bool = True) -> Page:
        async with self.session.post(path, data=fields or {}, allow_redirects=follow) as answer:
            return await _page(answer)

    async def send(self, page: Page, action: str, *, follow: bool = True, **fields: str) -> Page:
        """Fill in the form and send it."""
        return await self.post(next(_actions(page, action)), {**page.form(action), **fields}, follow=follow)

    async def identify(self, link: str, last6: str, *, follow: bool = True) -> Page:
        return await self.send(await self.get(link), "/identify", last6=last6, follow=follow)

    async def sign_in(self, name: str = "clerk", password: str = PASSWORD) -> Page:
        return await self.send(await self.get("/console/"), "/sign-in", name=name, password=password)


def _actions(page: Page, action: str) -> Any:
    return (form.action for form in page.tree().forms if (form.action or "").endswith(action))


async def _page(answer: Any) -> Page:
    content = await answer.read()
    text = content.decode() if answer.content_type == "text/html" else ""
    return Page(answer.status, answer.headers, content, answer.url.path, text)


def query(url: str) -> dict[str, list[str]]:
    return parse_qs(url.partition("?")[2])
