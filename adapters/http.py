"""One HTTP client for the adapters: time-outs, small answers, retries only where nothing can have been delivered.

What a caller should do decides the error:

    HttpFailure          an OSError, so that callers who may not import adapters can still catch it
    ├── NotReached       nothing was delivered: no connection came about; try the same thing later
    ├── HttpRefused      the other side answered and did not take it (3xx, 4xx)
    └── AnswerLost       it may have been delivered: connection broken, time-out, 5xx, an answer that is too long

Retries of seconds live here, retries of hours and days in the journal.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt
from yarl import URL

MAX_ANSWER = 1 << 20
"""Bytes of an answer; more is no answer of any provider we speak to."""

MAX_PAUSE = 5
"""Seconds of a Retry-After that are waited here; a longer wish is the journal's business."""

TRIES = 3

_log = structlog.get_logger("adapters.http")


class HttpFailure(OSError):
    """A call that brought no usable answer. The text names the call, the host and the status, never what was sent."""


class NotReached(HttpFailure):
    """No connection came about, so nothing was delivered."""


class AnswerLost(HttpFailure):
    """The request may have been delivered, and its answer did not come back whole."""


class HttpRefused(HttpFailure):
    """Answered with a 3xx or 4xx status. `retry_after`: the seconds the other side asked for, where it did; `body`: its
    words, which are in no log and no text of ours.
    """

    def __init__(self, what: str, *, status: int, retry_after: int | None = None, body: bytes = b"") -> None:
        super().__init__(f"{what}: HTTP {status}")
        self.status = status
        self.retry_after = retry_after
        self.body = body


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    status: int
    body: bytes
    content_type: str


class HttpClient:
    """`name`: the adapter's, for logs. Seconds: `timeout` of one whole exchange, `first_pause` before a second try."""

    def __init__(
        self, name: str, *, timeout: float = 30.0, max_answer: int = MAX_ANSWER, first_pause: float = 0.2
    ) -> None:
        self._name = name
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 10.0))
        self._max_answer = max_answer
        self._first_pause = first_pause
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self,
        call: str,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpAnswer:
        """`call` names the call in logs and errors. Returns a 2xx answer; raises the tree above."""
        return await self._patiently("POST", call, URL(url), dict(form) if form is not None else body, headers or {})

    async def get(self, call: str, url: str, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        return await self._patiently("GET", call, URL(url), None, headers or {})

    async def _patiently(
        self, method: str, call: str, url: URL, data: dict[str, str] | bytes | None, headers: Mapping[str, str]
    ) -> HttpAnswer:
        retrying = AsyncRetrying(
            retry=retry_if_exception(_nothing_delivered),
            wait=self._pause,
            stop=stop_after_attempt(TRIES),
            reraise=True,
        )
        return await retrying(self._once, method, call, url, data, headers)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, HttpRefused) and error.retry_after is not None:
            return float(error.retry_after)
        return float(self._first_pause * 2 ** (state.attempt_number - 1))

    async def _once(
        self, method: str, call: str, url: URL, data: dict[str, str] | bytes | None, headers: Mapping[str, str]
    ) -> HttpAnswer:
        what = f"{self._name} {call} at {url.host}"
        began = asyncio.get_running_loop().time()
        try:
            answer, retry_after = await self._exchange(method, url, data, headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            self._tell(call, url, began, failed=type(error).__name__)
            raise NotReached(f"{what}: no connection") from error
        except (aiohttp.ClientError, TimeoutError, _TooLong) as error:
            self._tell(call, url, began, failed=type(error).__name__)
            raise AnswerLost(f"{what}: no whole answer") from error
        self._tell(call, url, began, status=answer.status, size=len(answer.body))
        return _judged(what, answer, retry_after)

    async def _exchange(
        self, method: str, url: URL, data: dict[str, str] | bytes | None, headers: Mapping[str, str]
    ) -> tuple[HttpAnswer, int | None]:
        # No redirects: a request that is sent on may arrive twice, or at somebody else's.
        async with self._open().request(method, url, data=data, headers=headers, allow_redirects=False) as response:
            answer = HttpAnswer(
                status=response.status, body=await self._whole(response), content_type=response.content_type
            )
            return answer, _seconds(response.headers.get("Retry-After"))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout,
                # A kept connection that the other side closed while idle would make a doubt out of nothing.
                connector=aiohttp.TCPConnector(force_close=True),
                # Nothing is unpacked: the limit on an answer counts the bytes on the wire.
                headers={"Accept-Encoding": "identity"},
                auto_decompress=False,
            )
        return self._session

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > self._max_answer:
                raise _TooLong
        return bytes(body)

    def _tell(self, call: str, url: URL, began: float, **found: object) -> None:
        """Host, call and size alone: URLs carry tokens, bodies carry people."""
        took = asyncio.get_running_loop().time() - began
        _log.info("http call", adapter=self._name, call=call, host=url.host, ms=round(took * 1000), **found)


class _TooLong(Exception):
    """More than `max_answer` bytes came."""


def _judged(what: str, answer: HttpAnswer, retry_after: int | None) -> HttpAnswer:
    if answer.status >= 500:
        # A gateway says 502 or 504 also where the machine behind it has already acted (RFC 9110 §15.6).
        raise AnswerLost(f"{what}: HTTP {answer.status}")
    if answer.status >= 300:
        raise HttpRefused(what, status=answer.status, retry_after=retry_after, body=answer.body)
    return answer


def _nothing_delivered(error: BaseException) -> bool:
    if isinstance(error, HttpRefused):
        return error.status == 429 and error.retry_after is not None and error.retry_after <= MAX_PAUSE
    return isinstance(error, NotReached)


def _seconds(header: str | None) -> int | None:
    """Retry-After in seconds (RFC 9110 §10.2.3); the form with a date is read as no wish."""
    if header is None or not (header.isascii() and header.isdigit() and len(header) <= 6):
        return None
    return int(header)
