"""Everyone around the service in a flow: the case system over HTTP, the recipient with the telephone, the clerk.

Each of them tries again when the service is away, as people do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp

from adapters.counterparts.people import ClerkCounterpart, PageNotAsExpected, recipient_signs
from tests.flows.house import CLIENT, MOBILE, NUMBERS, SECRET, Providers

AWAY = (aiohttp.ClientError, ConnectionError, TimeoutError)
HEADERS = {"Authorization": f"Bearer {CLIENT}.{SECRET}"}
DONE_TASKS = frozenset({"cure_evidence"})
"""Where a flow may end without a conclusion: what only a slip can show is a clerk's to enter."""


class CaseSystem:
    """Asks over HTTP. `None` where the service is away."""

    def __init__(self, base: str) -> None:
        self.base = base

    async def submit(self, event: Mapping[str, Any]) -> dict[str, str] | None:
        """Delivery ids by recipient."""
        answer = await self._call("POST", "/v1/submissions", json=event)
        return {each["recipient"]: each["delivery_id"] for each in answer["deliveries"]} if answer else None

    async def delivery(self, name: str) -> dict[str, Any] | None:
        return await self._call("GET", f"/v1/deliveries/{name}")

    async def reports(self) -> list[dict[str, Any]] | None:
        """Of one flow: fewer than a page."""
        answer = await self._call("GET", "/v1/reports?after=0&limit=1000")
        return list(answer["reports"]) if answer else None

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any] | None:
        try:
            async with (
                aiohttp.ClientSession(headers=HEADERS) as session,
                session.request(method, self.base + path, **more) as response,
            ):
                if response.status in (500, 503):
                    return None
                assert response.status in (200, 202), (response.status, await response.text())
                found: dict[str, Any] = await response.json()
                return found
        except AWAY:
            return None


class People:
    """Who acts when a delivery asks for it: signs what was texted, decides what the service may not decide."""

    def __init__(self, base: str, post: Providers, data: Path, clerks: Sequence[str] = ("clerk",)) -> None:
        """`clerks` take turns, all with the password of `clerk`: an account pauses after a few sign-ins."""
        self._base, self._post, self._data = base, post, data
        self._clerks = cycle(clerks)
        self._signed = False

    async def act(self, deliveries: Iterable[Mapping[str, Any]]) -> None:
        for delivery in deliveries:
            try:
                await self._sign(delivery)
                await self._decide(delivery)
            except (*AWAY, PageNotAsExpected):
                continue  # the service died under their hands; they come again

    async def _sign(self, delivery: Mapping[str, Any]) -> None:
        texts = self._post.smsc.texts(MOBILE)
        if delivery["recipient"]["id"] != "r2" or self._signed or delivery["effects"] or not texts:
            return
        await recipient_signs(self._base, texts[-1], NUMBERS["r2"][-6:])
        self._signed = True

    async def _decide(self, delivery: Mapping[str, Any]) -> None:
        """The clerk of design.md §5.3 sends again what is in doubt; but not a mail that the mail server has, as its
        operator tells by telephone: the report about it names us, and is still to come.
        """
        for task in delivery["tasks"]:
            if task["kind"] == "in_doubt" and task["attempt"] not in self._post.taken():
                password = (self._data / "clerk-password").read_text().strip()
                async with ClerkCounterpart(self._base, next(self._clerks), password) as clerk:
                    await clerk.decide(delivery["delivery_id"], task["id"], "send_again", "no receipt came")


def ended(delivery: Mapping[str, Any]) -> bool:
    tasks = {task["kind"] for task in delivery["tasks"]}
    return (bool(delivery["effects"]) and bool(delivery["proofs"]) and not tasks) or bool(tasks & DONE_TASKS)


def ending(delivery: Mapping[str, Any]) -> tuple[Any, ...]:
    """What may not depend on deaths (design.md §5.3): outcome, route and grounds; the date may move by the wait."""
    effects = [(each["document"], each["outcome"], each["grounds"], each["rule"]) for each in delivery["effects"]]
    routes = [step["address"] for step in delivery["route"]["steps"]]
    return effects, routes, sorted(task["kind"] for task in delivery["tasks"])
