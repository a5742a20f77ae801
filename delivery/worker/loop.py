"""The worker: claim what is due, decide, announce, act, record; sleep until the next due time, wake on news.

One delivery is in one slot at a time (a lease says so). Decisions that touch nobody are gathered and written together
with the next act, so most steps cost no transaction of their own.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from delivery.core import events
from delivery.core.decide import (
    AwaitReceipt,
    Cancel,
    CloseTask,
    Conclude,
    ElapseWait,
    Inquire,
    OpenTask,
    PlanRoute,
    Prove,
    Seal,
    Send,
    Step,
    Wait,
    next_step,
)
from delivery.core.model import Delivery, Fact
from delivery.core.routing import plan_route
from delivery.journal.errors import VersionConflict
from delivery.worker import perform
from delivery.worker.perform import Bench

LEASE = timedelta(seconds=120)
"""Longer than any provider call may take. If it runs out all the same, another worker meets an announced attempt and
asks.
"""

log = structlog.get_logger()


class Worker:
    """`slots`: deliveries in hand at the same time."""

    def __init__(self, bench: Bench, *, slots: int = 32) -> None:
        self._bench = bench
        self._slots = slots
        self._busy: set[asyncio.Task[None]] = set()
        self._faults: dict[str, int] = {}

    @property
    def busy(self) -> int:
        """Deliveries in hand now: the demo's clock jumps only when there are none."""
        return len(self._busy)

    async def run(self) -> None:
        """Until cancelled; then the deliveries in hand are finished first."""
        try:
            while True:
                await self._round()
        finally:
            if self._busy:
                await asyncio.wait(self._busy)

    async def _round(self) -> None:
        seen = self._bench.journal.news
        free = self._slots - len(self._busy)
        claimed = await self._bench.journal.claim(free, LEASE) if free else []
        for delivery in claimed:
            task = asyncio.create_task(self._guarded(delivery))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        if not claimed:
            await self._rest(seen)

    async def _rest(self, seen: int) -> None:
        """Until news, the next due time, or a free slot."""
        if len(self._busy) >= self._slots:
            await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
            return
        await self._bench.journal.wait_for_news(await self._bench.journal.next_due(), since=seen)

    async def _guarded(self, delivery: Delivery) -> None:
        try:
            await advance(self._bench, delivery)
            self._faults.pop(delivery.id, None)
        except Exception as fault:  # noqa: BLE001 — one poisoned delivery must not stop the others
            await self._postpone(delivery, fault)

    async def _postpone(self, delivery: Delivery, fault: Exception) -> None:
        """A fault of ours, or of the disk: tried again later, less and less often, and logged with its trace."""
        count = self._faults[delivery.id] = self._faults.get(delivery.id, 0) + 1
        # Where, not what: the words of an exception may repeat a name, an address, a link.
        where = "".join(traceback.format_tb(fault.__traceback__)[-4:])
        log.error("delivery_failed", delivery=delivery.id, fault=type(fault).__name__, where=where)
        due = self._bench.clock.now() + self._bench.book.retry_delay(count)
        await self._bench.journal.release(delivery.id, due_at=due)


async def advance(bench: Bench, delivery: Delivery) -> None:
    """Take a claimed delivery as far as it goes now, and release it."""
    while True:
        try:
            await _advance(bench, delivery)
        except VersionConflict:
            delivery = await bench.journal.delivery(delivery.id)  # news came in meanwhile: decide again
        else:
            return


async def _advance(bench: Bench, delivery: Delivery) -> None:
    written, pending = delivery, list[events.Event]()
    while True:
        step = next_step(delivery, bench.book, bench.clock.now(), inquirable=bench.inquirable)
        if isinstance(step, Wait):
            await _rest_until(bench, written, pending, step.until)
            return
        if isinstance(step, Send):
            pending.append(perform.announcement(bench, step))
            # The intent is on record before anybody outside is called. Dying after this line leaves a question.
            written = delivery = await bench.journal.append(written, pending, due_at=bench.clock.now())
            pending = []
        event = await _carry_out(bench, delivery, step)
        delivery = events.apply(delivery, event)
        pending.append(event)
        if isinstance(step, Send | Inquire | Cancel):
            written = delivery = await _keep_answer(bench, written, event)
            pending = []


async def _rest_until(bench: Bench, before: Delivery, pending: Sequence[events.Event], until: datetime | None) -> None:
    if pending:
        await bench.journal.append(before, pending, due_at=until, release=True)
    else:
        await bench.journal.release(before.id, due_at=until)


async def _keep_answer(bench: Bench, before: Delivery, answer: events.Event) -> Delivery:
    """An answer from the world is a fact: it is written whatever else has happened to the delivery meanwhile."""
    while True:
        references = perform.references_of(bench, before, [answer])
        try:
            return await bench.journal.append(before, [answer], due_at=bench.clock.now(), references=references)
        except VersionConflict:
            before = await bench.journal.delivery(before.id)


async def _carry_out(bench: Bench, delivery: Delivery, step: Step) -> events.Event:
    now = bench.clock.now()
    match step:
        case Seal():
            return await perform.seal(bench, delivery, step)
        case PlanRoute():
            route = plan_route(delivery, bench.book, now, channels=frozenset(bench.channels))
            return events.RoutePlanned(at=now, route=route)
        case Send():
            return await perform.send(bench, delivery, step.attempt)
        case Inquire():
            return await perform.inquire(bench, delivery, step)
        case Cancel():
            return await perform.cancel(bench, delivery, step)
        case Prove():
            return await perform.prove(bench, delivery, step)
        case AwaitReceipt(attempt=attempt, until=until):
            return events.AttemptDoubted(at=now, attempt=attempt, ask_at=until, words="no answer on record")
        case ElapseWait(attempt=attempt_id):
            return _wait_elapsed(delivery, attempt_id, now)
        case OpenTask(task=task):
            return events.TaskOpened(at=now, task=task)
        case CloseTask(task=task_id, reason=reason):
            return events.TaskClosed(at=now, task=task_id, decision="overtaken", by="songda", reason=reason)
        case Conclude(effects=effects, revised=revised):
            return events.Concluded(at=now, effects=effects, revised=revised)
        case Wait():
            raise AssertionError("a wait is not carried out")


def _wait_elapsed(delivery: Delivery, attempt_id: str, now: datetime) -> events.FactRecorded:
    attempt = delivery.attempt(attempt_id)
    if attempt is None:
        raise KeyError(attempt_id)
    key = f"{attempt_id}:wait_elapsed"
    fact = Fact(kind="wait_elapsed", at=now, address=attempt.address, attempt=attempt.number, key=key)
    return events.FactRecorded(at=now, fact=fact, by="songda", reason="the waiting time of court policy is over")
