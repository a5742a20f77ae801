"""The worker: claim what is due, decide, announce, act, record; sleep until the next due time, wake on news.

One delivery is in one slot at a time (a lease says so). Decisions that touch nobody are gathered and written together
with the next act, so most steps cost no transaction of their own.
"""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import reduce

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
    Recover,
    Seal,
    Send,
    Step,
    Wait,
    after_failure,
    failure_is_news,
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


@dataclass(slots=True)
class Hand:
    """A delivery in hand: as it is on record, what was decided since, and the step that is being taken."""

    written: Delivery
    pending: list[events.Event] = field(default_factory=list)
    step: str = "next_step"

    def taken(self) -> list[events.Event]:
        """What is pending, to be written now. It is not tried twice: it may be what cannot be written."""
        taken, self.pending = self.pending, []
        return taken


class Worker:
    """`slots`: deliveries in hand at the same time."""

    def __init__(self, bench: Bench, *, slots: int = 32) -> None:
        self._bench = bench
        self._slots = slots
        self._busy: set[asyncio.Task[None]] = set()

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
        if len(self._busy) >= self._slots:
            await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
            return
        # Asked before it is claimed: most news concerns others, and a claim takes the writer's turn even for nothing.
        due = await self._bench.journal.next_due()
        if due is None or due > self._bench.clock.now() or not await self._claim():
            await self._bench.journal.wait_for_news(due, since=seen, claims=True)

    async def _claim(self) -> int:
        """Take what is due into free slots; how many that were."""
        claimed = await self._bench.journal.claim(self._slots - len(self._busy), LEASE)
        for delivery in claimed:
            task = asyncio.create_task(advance_or_postpone(self._bench, delivery))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        return len(claimed)


async def advance_or_postpone(bench: Bench, delivery: Delivery) -> None:
    """Take a claimed delivery as far as it goes now. A fault of ours, or of the disk, is put on record and logged with
    its trace, and the delivery is tried again later.
    """
    hand = Hand(delivery)
    try:
        await _take_on(bench, hand)
    except Exception as fault:  # noqa: BLE001 — one poisoned delivery must not stop the others
        await _postpone(bench, hand, fault)


async def advance(bench: Bench, delivery: Delivery) -> None:
    """Take a claimed delivery as far as it goes now, and release it. Raises what kept it from going on."""
    await _take_on(bench, Hand(delivery))


async def _take_on(bench: Bench, hand: Hand) -> None:
    while True:
        try:
            await _advance(bench, hand)
        except VersionConflict:
            # News came in meanwhile: decide again.
            hand.written, hand.pending = await bench.journal.delivery(hand.written.id), []
        else:
            return


async def _advance(bench: Bench, hand: Hand) -> None:
    delivery = hand.written
    while True:
        hand.step = "next_step"
        step = next_step(delivery, bench.book.at(delivery.court), bench.clock.now(), inquirable=bench.inquirable)
        hand.step = type(step).__name__
        if isinstance(step, Wait):
            await _rest_until(bench, hand, step.until)
            return
        if isinstance(step, Send):
            hand.pending.append(perform.announcement(bench, step))
            # The intent is on record before anybody outside is called. Dying after this line leaves a question.
            delivery = await bench.journal.append(hand.written, hand.taken(), due_at=bench.clock.now())
            hand.written = delivery
        try:
            event = await _carry_out(bench, delivery, step)
        except perform.ProofWaits as waits:
            await _rest_until(bench, hand, waits.until)
            return
        delivery = events.apply(delivery, event)
        hand.pending.append(event)
        if isinstance(step, Send | Inquire | Cancel):
            hand.pending = []
            hand.written = delivery = await _keep_answer(bench, hand.written, event)


async def _rest_until(bench: Bench, hand: Hand, until: datetime | None) -> None:
    if hand.pending:
        await bench.journal.append(hand.written, hand.taken(), due_at=until, release=True)
    else:
        await bench.journal.release(hand.written.id, due_at=until)


async def _postpone(bench: Bench, hand: Hand, fault: Exception) -> None:
    # Where, not what: the words of an exception may repeat a name, an address, a link.
    where = "".join(traceback.format_tb(fault.__traceback__)[-4:])
    log.error("delivery_failed", delivery=hand.written.id, step=hand.step, fault=type(fault).__name__, where=where)
    try:
        await _put_failure_on_record(bench, hand, fault)
    except VersionConflict:
        await bench.journal.release(hand.written.id, due_at=bench.clock.now())  # news came in meanwhile: it goes first
    except Exception as second:  # noqa: BLE001 — the journal itself: the claim runs out, and it is tried again
        log.error("not_postponed", delivery=hand.written.id, fault=type(second).__name__)  # noqa: TRY400 — may quote


async def _put_failure_on_record(bench: Bench, hand: Hand, fault: Exception) -> None:
    """With what was decided before it; looked at again later, less and less often."""
    now, happened = bench.clock.now(), hand.taken()
    delivery = reduce(events.apply, happened, hand.written)
    if failure_is_news(delivery):
        happened.append(events.StepFailed(at=now, step=hand.step, fault=type(fault).__name__))
        delivery = events.apply(delivery, happened[-1])
    while isinstance(step := after_failure(delivery, bench.book.at(delivery.court), now), OpenTask):
        happened.append(events.TaskOpened(at=now, task=step.task))
        delivery = events.apply(delivery, happened[-1])
    hand.pending = happened
    await _rest_until(bench, hand, step.until)


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
            book = bench.book.at(delivery.court)
            route = plan_route(delivery, book, now, channels=frozenset(bench.channels))
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
        case Recover():
            return events.Recovered(at=now)
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
