"""Requests that are being answered: the rehearsal's clock waits for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web


class OpenRequests:
    """How many requests are being answered: the rehearsal's clock waits for them."""

    def __init__(self) -> None:
        self.count = 0

    @property
    def middleware(self) -> Any:
        @web.middleware
        async def counting(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:
            self.count += 1
            try:
                return await handler(request)
            finally:
                self.count -= 1

        return counting
