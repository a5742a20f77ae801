"""Case systems over NATS JetStream: submissions in, what could not be taken and reports out (docs/asyncapi.yaml).

A message is acknowledged, and the acknowledgement waited for, only after it is kept. Whatever prevents that
leaves it in the stream: it comes again, after a delay that grows, while the other messages go on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

from delivery.core.ports import Outgoing, Submissions

log = structlog.get_logger()

DURABLE = "songda"
SUBMISSIONS, REJECTED, REPORTS = "SUBMISSIONS", "REJECTED", "REPORTS"
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,60}")
INBOX = re.compile(rf"songda\.({TOKEN.pattern})\.submissions")
OUR_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the same message would raise again; anything else may be gone the next time (the journal is back)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSettings:
    """Durations in seconds. `slots`: messages in hand at a time. `max_message`: bytes, refused above.

    `ack_wait`: a message not acknowledged for so long is given out again. `tries`: so often a message that our own code
    stumbles over is tried before it goes to `rejected`. Reports can be fetched from the stream for `keep_reports`.
    """

    url: str
    token: str | None = None
    slots: int = 8
    max_message: int = 8 * 1024 * 1024
    ack_wait: float = 30.0
    patience: float = 5.0
    first_delay: float = 1.0
    longest_delay: float = 60.0
    tries: int = 5
    keep_reports: float = 90 * 86400.0
    same_report: float = 600.0


class NatsCaseSystem:
    """The queue between case systems and us. One connection, made when first needed, and made again when it broke."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._connecting = asyncio.Lock()

    async def start(self) -> None:
        """Connect, and make the streams and our consumer where they are not there. Raises OSError or TimeoutError."""
        async with self._answering() as stream:
            for config in _streams(self._settings):
                await _make_stream(stream, config)
            await _make_consumer(stream, self._settings)

    async def listen(self, submissions: Submissions) -> None:
        """Hand each message over, `slots` at a time. Runs until cancelled; what is in hand then is finished first."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.slots):
                group.create_task(self._slot(submissions))

    async def publish(self, report: Outgoing) -> None:
        """Returns when the stream has it. Raises OSError or TimeoutError, and ValueError for a name that is no token.

        The stream drops a repeat of the same report id (within `same_report`).
        """
        if not (TOKEN.fullmatch(report.court) and TOKEN.fullmatch(report.client)):
            raise ValueError("a court's code and a client's name are letters, digits, hyphen and underscore")
        await self._put(REPORTS, f"songda.{report.court}.reports.{report.client}", report.body, report.id)

    async def pending(self) -> int:
        """Submissions that nobody has acknowledged yet. Raises OSError or TimeoutError."""
        async with self._answering() as stream:
            info = await stream.consumer_info(SUBMISSIONS, DURABLE)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _slot(self, submissions: Submissions) -> None:
        while not _cancelled():
            try:
                await self._pull(submissions)
            except (OSError, TimeoutError) as fault:
                log.warning("queue_away", fault=type(fault).__name__)
                await asyncio.sleep(self._settings.first_delay)

    async def _pull(self, submissions: Submissions) -> None:
        """Take one message after the other. Raises OSError or TimeoutError when the queue is away."""
        await self.start()
        async with self._answering() as stream:
            subscription = await stream.pull_subscribe_bind(DURABLE, SUBMISSIONS)
            try:
                while not _cancelled():
                    for message in await _fetched(subscription, self._settings.patience):
                        await _finish(self._take(message, submissions), self._settings.patience)
            finally:
                with suppress(nats.errors.Error):
                    await subscription.unsubscribe()

    async def _take(self, message: Msg, submissions: Submissions) -> None:
        """Kept, or refused with a reason, and then acknowledged; else left for later."""
        try:
            for index, answer in enumerate(await self._handed_over(message, submissions)):
                await self._put(REJECTED, _beside(message.subject, "rejected"), answer, _identity(message, index))
            await message.ack_sync(timeout=self._settings.patience)
        except Exception as fault:  # noqa: BLE001 - whatever it was: not acknowledged, so it comes again
            await self._leave(message, fault)

    async def _handed_over(self, message: Msg, submissions: Submissions) -> tuple[bytes, ...]:
        """The messages for `rejected`. Raises whatever kept the message from being kept."""
        court = INBOX.fullmatch(message.subject)
        if court is None:
            return (_rejected(message, "court_unknown", "the subject names no court"),)
        if len(message.data) > self._settings.max_message:
            return (
                _rejected(message, "too_large", f"at most {self._settings.max_message} bytes; upload content apart"),
            )
        try:
            return await submissions.submit_message(court[1], message.data)
        except OUR_MISTAKES as fault:
            if message.metadata.num_delivered < self._settings.tries:
                raise
            sequence = message.metadata.sequence.stream
            # no traceback: its last line may quote the message
            log.error("submission_given_up", sequence=sequence, fault=type(fault).__name__)  # noqa: TRY400
            return (_rejected(message, "internal", "it could not be worked on; keep it, and tell the operator"),)

    async def _leave(self, message: Msg, fault: Exception) -> None:
        """Ask for it again, later each time. When even that is not heard, it comes after `ack_wait`."""
        times = message.metadata.num_delivered
        delay = min(self._settings.first_delay * 2 ** min(times - 1, 16), self._settings.longest_delay)
        sequence = message.metadata.sequence.stream
        log.warning("submission_left", sequence=sequence, times=times, fault=type(fault).__name__)
        with suppress(nats.errors.Error, OSError):
            await message.nak(delay=delay)

    async def _put(self, stream_name: str, subject: str, body: bytes, identity: str) -> None:
        headers = {"Nats-Msg-Id": identity, "Content-Type": "application/cloudevents+json"}
        async with self._answering() as stream:
            await stream.publish(subject, body, timeout=self._settings.patience, stream=stream_name, headers=headers)

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[JetStreamContext]:
        """The JetStream of the connection; what goes wrong in the library comes out as OSError or TimeoutError."""
        try:
            client = await self._connected()
            yield client.jetstream(timeout=self._settings.patience)
            if _cancelled():
                # Until Python 3.12 asyncio.wait_for, by which nats-py waits, gives an answer that came in the same turn
                # and drops the cancellation: whoever was to end would go on for ever.
                raise asyncio.CancelledError  # noqa: TRY301 — the clause below lets it through
        except nats.errors.TimeoutError:
            raise
        except nats.errors.Error as fault:
            raise ConnectionError(f"the queue did not do it: {type(fault).__name__}") from fault
        except asyncio.CancelledError:
            if _cancelled():
                raise
            # nats-py cancels whoever waits for a message when the connection closes
            raise ConnectionError("the connection to the queue was closed") from None

    async def _connected(self) -> Client:
        async with self._connecting:
            if self._client is None or not self._client.is_connected:
                await self.close()
                self._client = await self._connect()
            return self._client

    async def _connect(self) -> Client:
        """The library's own reconnection is off: its task can outlive close(), and buffers what is said meanwhile."""

        async def told(fault: Exception) -> None:
            log.warning("queue_fault", fault=type(fault).__name__)

        return await nats.connect(
            self._settings.url,
            name="songda",
            token=self._settings.token,
            error_cb=told,
            connect_timeout=max(1, int(self._settings.patience)),
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
        )


def _cancelled() -> bool:
    """Whether this task was asked to end; asked for, because nats-py turns a cancellation into errors of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _streams(settings: NatsSettings) -> tuple[StreamConfig, ...]:
    """Submissions leave the stream once they are kept: they hold personal data. Rejected ones wait for a person."""
    return (
        StreamConfig(
            name=SUBMISSIONS,
            subjects=["songda.*.submissions"],
            retention=RetentionPolicy.WORK_QUEUE,
            max_msg_size=settings.max_message,
        ),
        StreamConfig(name=REJECTED, subjects=["songda.*.rejected"], duplicate_window=settings.same_report),
        StreamConfig(
            name=REPORTS,
            subjects=["songda.*.reports.*"],
            max_age=settings.keep_reports,
            duplicate_window=settings.same_report,
        ),
    )


async def _make_stream(stream: JetStreamContext, config: StreamConfig) -> None:
    """An existing stream stays as it is: its limits and copies are the operator's."""
    try:
        await stream.stream_info(config.name or "")
    except NotFoundError:
        await stream.add_stream(config)


async def _make_consumer(stream: JetStreamContext, settings: NatsSettings) -> None:
    config = ConsumerConfig(
        durable_name=DURABLE, ack_policy=AckPolicy.EXPLICIT, ack_wait=settings.ack_wait, max_deliver=-1
    )
    try:
        await stream.consumer_info(SUBMISSIONS, DURABLE)
    except NotFoundError:
        await stream.add_consumer(SUBMISSIONS, config)


async def _fetched(subscription: JetStreamContext.PullSubscription, patience: float) -> list[Msg]:
    """The next message, or nothing when there was none for so long."""
    try:
        return await subscription.fetch(1, timeout=patience)
    except nats.errors.TimeoutError:
        return []


async def _finish(work: Coroutine[None, None, None], patience: float) -> None:
    """Do it to its end, even when cancelled meanwhile: a message that is in hand is not dropped."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=patience)
        raise


def _beside(subject: str, last: str) -> str:
    return f"{subject.rpartition('.')[0]}.{last}"


def _identity(message: Msg, index: int) -> str:
    """The same when the same message is refused again after a crash: its place and instant in the stream."""
    return f"{message.metadata.sequence.stream}.{message.metadata.timestamp.timestamp()}.{index}"


def _rejected(message: Msg, code: str, said: str) -> bytes:
    """For what never reached `submit_message` (docs/schemas/rejection.schema.json). What is too large stays out."""
    data: dict[str, Any] = {
        "faults": [{"pointer": "", "code": code, "message": said}],
        "sha256": hashlib.sha256(message.data).hexdigest(),
    }
    if code != "too_large":
        data["original_base64"] = base64.b64encode(message.data).decode()
    event = {
        "specversion": "1.0",
        "type": "songda.rejection.v1",
        "source": "/songda",
        "id": _identity(message, 0),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(event).encode()
