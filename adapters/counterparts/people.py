"""People in front of the pages: a recipient with a telephone, a clerk at a desk. They use forms over HTTP as a
browser does.

They know no interface but what is on the page: a form is found by the end of its address, its hidden fields are sent
back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import TracebackType
from urllib.parse import quote, urljoin

import aiohttp

LINK = re.compile(r"https?://[^\s，。]+/d/[A-Za-z0-9_-]+")


class PageNotAsExpected(Exception):
    """There is no such form on the page, or the page answered with an error."""


@dataclass
class _Form:
    """`hidden`: what a browser sends untouched; `options`: the choices of each list, in their order."""

    given: dict[str, str]
    hidden: dict[str, str] = field(default_factory=dict)
    options: dict[str, list[str]] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """A browser sends the first choice of a list that nobody touched."""
        return {**self.hidden, **{name: choices[0] for name, choices in self.options.items() if choices}}


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[_Form] = []
        self._list: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(_Form(given))
        elif self.found and tag == "input" and given.get("type") == "hidden":
            self.found[-1].hidden[given["name"]] = given.get("value", "")
        elif self.found and tag == "select":
            self._list = self.found[-1].options.setdefault(given.get("name", ""), [])
        elif tag == "option":
            self._list.append(given.get("value", ""))


class Browser:
    """Cookies, pages and forms of one person. `base`: the address of the service."""

    def __init__(self, base: str) -> None:
        self._base = base
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Browser:
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of 127.0.0.1, as browsers keep them
        self._session = aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(total=60))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, address: str) -> str:
        async with self._session.get(urljoin(self._base, address)) as response:
            return await _read(response)

    async def submit(self, page: str, ending: str, fields: Mapping[str, str], *, file: bytes | None = None) -> str:
        """Fill in the form on `page` whose action ends so, and send it. Returns the page that comes next."""
        form = form_on(page, ending)
        values = {**form.values(), **fields}
        if form.given.get("enctype") == "multipart/form-data":
            data = aiohttp.FormData(values)
            data.add_field("evidence", file or b"", filename="slip.png", content_type="image/png")
            sent: aiohttp.FormData | dict[str, str] = data
        else:
            sent = values
        async with self._session.post(urljoin(self._base, form.given["action"]), data=sent) as response:
            return await _read(response)


def form_on(page: str, ending: str) -> _Form:
    """The form on a page whose action ends so. Raises PageNotAsExpected."""
    forms = _Forms()
    forms.feed(page)
    for form in forms.found:
        if form.given.get("action", "").endswith(ending):
            return form
    raise PageNotAsExpected(f"no form to {ending}")


async def _read(response: aiohttp.ClientResponse) -> str:
    if response.status >= 400:
        raise PageNotAsExpected(f"the page answers {response.status}")
    return await response.text()


async def recipient_signs(base: str, text: str, last6: str) -> None:
    """Open the link of a text message, prove who one is, read, and sign for the documents (签收).

    Raises PageNotAsExpected.
    """
    found = LINK.search(text)
    if found is None:
        raise PageNotAsExpected("the text has no link")
    link = found.group()
    async with Browser(base) as browser:
        landing = await browser.get(link)
        documents = await browser.submit(landing, "/identify", {"last6": last6})
        await browser.submit(documents, "/sign", {})


class ClerkCounterpart:
    """A clerk (or judge) of one court, signed in. Use as a context."""

    def __init__(self, base: str, name: str, password: str) -> None:
        self._browser = Browser(base)
        self._name, self._password = name, password

    async def __aenter__(self) -> ClerkCounterpart:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._browser)
            page = await self._browser.get("/console/sign-in")
            await self._browser.submit(page, "/sign-in", {"name": self._name, "password": self._password})
            self._signed_in = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._signed_in.aclose()

    async def enter_slip(self, delivery: str, fields: Mapping[str, str], picture: bytes, *, kind: str) -> None:
        """Enter what a slip shows, with its picture, beside the carrier's latest report of that kind (signed,
        refused).
        """
        page = await self._browser.get(f"/console/deliveries/{delivery}/slip")
        reports = form_on(page, "/slip").options["completes"]
        wanted = [report for report in reports if f"|{kind}|" in report]
        if not wanted:
            raise PageNotAsExpected(f"the carrier has reported nothing of the kind {kind}")
        await self._browser.submit(page, "/slip", {**fields, "completes": wanted[0]}, file=picture)

    async def decide(self, delivery: str, task: str, decision: str, reason: str) -> None:
        page = await self._browser.get(f"/console/deliveries/{delivery}")
        await self._browser.submit(page, f"/tasks/{quote(task)}", {"decision": decision, "reason": reason})
