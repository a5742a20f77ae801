"""A court's case system on the queue: files a submission, and receives the reports about it (contract.md §3)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import ConsumerConfig
from nats.js.client import JetStreamContext

OnReport = Callable[[dict[str, Any]], Awaitable[None]]


class CaseSystemCounterpart:
    """One client of one court. A report is acknowledged when `on_report` has returned."""

    def __init__(self, url: str, *, court: str, client: str) -> None:
        self._url, self._court, self._client = url, court, client
        self._connection: Client | None = None

    async def start(self) -> None:
        self._connection = await nats.connect(self._url)

    async def stop(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()

    async def submit(self, event: dict[str, Any]) -> None:
        """Returns when the stream has the message; whether songda takes it, a report will say."""
        body = json.dumps(event, ensure_ascii=False).encode()
        await self._stream().publish(f"songda.{self._court}.submissions", body, headers={"Nats-Msg-Id": event["id"]})

    async def receive(self, on_report: OnReport) -> None:
        """Every report from the first on, in their order. Runs until cancelled."""
        subscription = await self._stream().pull_subscribe(
            f"songda.{self._court}.reports.{self._client}", durable=self._client, config=ConsumerConfig(ack_wait=120)
        )
        while True:
            try:
                messages = await subscription.fetch(50, timeout=5)
            except TimeoutError:
                continue
            for message in messages:
                await on_report(json.loads(message.data))
                await message.ack_sync()

    async def pending(self) -> int:
        """Reports that have not been acknowledged yet; none for a case system that has gone home."""
        if self._connection is None:
            return 0
        info = await self._stream().consumer_info("REPORTS", self._client)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    def _stream(self) -> JetStreamContext:
        if self._connection is None:
            raise RuntimeError("start() comes first")
        return self._connection.jetstream()
