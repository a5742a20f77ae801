"""Appending events at an expected version, and the rows that are made from them in the same transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import bindparam, case, null, select, tuple_, update

from delivery.core.decide import state_of
from delivery.core.events import Event, TaskClosed, TaskOpened, apply
from delivery.core.model import Delivery, Effect, Outcome
from delivery.core.report import reports_of
from delivery.journal.encoding import encode, encode_json
from delivery.journal.errors import VersionConflict
from delivery.journal.history import Histories
from delivery.journal.store import Lease, padded
from delivery.journal.tables import deliveries, events, raw_receipts, receipt_keys, references, reports, tasks
from delivery.journal.writing import Batch, Work

Fields = dict[str, Any]
Reference = tuple[str, str, str]

_WORST_FIRST = (
    Outcome.FORBIDDEN,
    Outcome.NOT_SERVED,
    Outcome.REVIEW,
    Outcome.PENDING,
    Outcome.DEEMED,
    Outcome.PRESUMED,
    Outcome.SERVED,
)


def worst(effects: Iterable[tuple[str, Effect]]) -> Effect | None:
    """The effect of the document that fared worst; of equal ones the latest: a delivery is served when its last
    document is.
    """

    def rank(effect: Effect) -> tuple[int, int]:
        return _WORST_FIRST.index(effect.outcome), -effect.effective_date.toordinal() if effect.effective_date else 0

    return min((effect for _, effect in effects), key=rank, default=None)


def current(delivery: Delivery, due_at: datetime | None) -> Fields:
    """The columns of the current row that events change."""
    effect = worst(delivery.concluded)
    return {
        "version": delivery.version,
        "state": state_of(delivery).value,
        "outcome": effect.outcome.value if effect else None,
        "effective_date": effect.effective_date if effect else None,
        "due_at": due_at,
    }


@dataclass(frozen=True, slots=True)
class Append(Work[Delivery]):
    """Everything is made ready before it queues up; under the lock only numbers are added."""

    before: Delivery
    after: Delivery
    events: tuple[Event, ...]
    encoded: tuple[tuple[str, str], ...]
    reports: tuple[Fields, ...]
    references: tuple[Reference, ...]
    due_at: datetime | None
    drop: datetime | None
    """The lease to drop with it."""

    @classmethod
    async def write(cls, batch: Batch, works: Sequence[Append]) -> Sequence[Delivery | Exception]:
        found = await _versions(batch, works)
        answers: list[Delivery | Exception] = []
        good: list[tuple[Append, int]] = []
        for work in works:
            answer = _verdict(work, found)
            answers.append(answer)
            if isinstance(answer, Delivery):
                good.append((work, found[answer.id][1]))
                found[answer.id] = (answer.version, -1)  # whoever expects the old version in this batch comes too late
        await _write_all(batch, good)
        return answers


async def _versions(batch: Batch, works: Sequence[Append]) -> dict[str, tuple[int, int]]:
    ids = padded(list({work.before.id: None for work in works}))
    query = select(deliveries.c.id, deliveries.c.version, deliveries.c.reported).where(deliveries.c.id.in_(ids))
    return {row.id: (row.version, row.reported) for row in await batch.connection.execute(query)}


def _verdict(work: Append, found: dict[str, tuple[int, int]]) -> Delivery | Exception:
    if work.before.id not in found:
        return KeyError(work.before.id)
    version, _ = found[work.before.id]
    if version != work.before.version:
        return VersionConflict(work.before.id, work.before.version, version)
    return work.after


async def _write_all(batch: Batch, good: Sequence[tuple[Append, int]]) -> None:
    if not good:
        return
    works = [work for work, _ in good]
    await batch.connection.execute(events.insert(), [row for work in works for row in _event_rows(work, batch.now)])
    await batch.connection.execute(_UPDATE, [_current_row(work, reported) for work, reported in good])
    numbered = [row for work, reported in good for row in _report_rows(work, reported, batch.now)]
    if numbered:
        await batch.connection.execute(reports.insert(), numbered)
    await _write_tasks(batch, works)
    await write_references(batch, [reference for work in works for reference in work.references])


def _event_rows(work: Append, now: datetime) -> Iterable[Fields]:
    for seq, (kind, data) in enumerate(work.encoded, start=work.before.version + 1):
        yield {"delivery": work.before.id, "seq": seq, "recorded_at": now, "kind": kind, "data": data}


_UPDATE = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("of"))
    .values(
        {name: bindparam(f"new_{name}") for name in ("version", "state", "outcome", "effective_date", "due_at")}
        | {"reported": bindparam("new_reported")}
        | {"lease_until": case((deliveries.c.lease_until == bindparam("drop"), null()), else_=deliveries.c.lease_until)}
    )
)


def _current_row(work: Append, reported: int) -> Fields:
    values = current(work.after, work.due_at) | {"reported": reported + len(work.reports)}
    return {f"new_{name}": value for name, value in values.items()} | {"of": work.before.id, "drop": work.drop}


def _report_rows(work: Append, reported: int, now: datetime) -> Iterable[Fields]:
    for sequence, report in enumerate(work.reports, start=reported + 1):
        yield report | {"sequence": sequence, "recorded_at": now}


async def _write_tasks(batch: Batch, works: Sequence[Append]) -> None:
    opened = [_task_row(work.after, e) for work in works for e in work.events if isinstance(e, TaskOpened)]
    closed = [_closing(work.after, e) for work in works for e in work.events if isinstance(e, TaskClosed)]
    if opened:
        await batch.connection.execute(batch.insert(tasks), opened)
    if closed:
        await batch.connection.execute(_CLOSE, closed)


def _task_row(delivery: Delivery, event: TaskOpened) -> Fields:
    task = event.task
    names = ("id", "kind", "reason", "owner", "opened_at", "due_at", "proposal", "attempt")
    return {"delivery": delivery.id, "court": delivery.court} | {name: getattr(task, name) for name in names}


_CLOSE = (
    update(tasks)
    .where(tasks.c.delivery == bindparam("of"), tasks.c.id == bindparam("task"), tasks.c.closed_at.is_(None))
    .values(closed_at=bindparam("at"), closed_by=bindparam("by"), decision=bindparam("how"))
)


def _closing(delivery: Delivery, event: TaskClosed) -> Fields:
    return {"of": delivery.id, "task": event.task, "at": event.at, "by": event.by, "how": event.decision}


async def write_references(batch: Batch, found: Sequence[Reference]) -> None:
    """Keep the provider's ids of attempts; receipts that came before their reference was known are read again."""
    if not found:
        return
    names = ("channel", "reference", "attempt")
    rows = [dict(zip(names, reference, strict=True)) for reference in found]
    await batch.connection.execute(batch.insert(references), rows)
    keys = padded([(channel, reference) for channel, reference, _ in found])
    waiting = select(receipt_keys.c.receipt).where(tuple_(receipt_keys.c.channel, receipt_keys.c.reference).in_(keys))
    await batch.connection.execute(
        update(raw_receipts)
        .where(raw_receipts.c.id.in_(waiting), raw_receipts.c.state == "orphan")
        .values(state="new", read_at=batch.now)
    )


class Appending(Histories):
    """The part of the journal that appends to deliveries."""

    async def append(
        self,
        before: Delivery,
        events: Sequence[Event],
        *,
        due_at: datetime | None,
        references: Sequence[Reference] = (),
        release: bool = False,
    ) -> Delivery:
        """Write what happened, for the one who has claimed the delivery; returns the delivery after it.

        `due_at`: when the worker should look again (None: when there is news). `references`: (channel, provider's
        reference, attempt id). `release` gives the claim back with it. Raises VersionConflict when somebody else wrote
        meanwhile (the claim then stays), KeyError when there is no such delivery.
        """
        lease = self._leases.get(before.id)
        drop = lease.until if lease and release else None
        after = await self._write(self._ready(before, events, due_at=due_at, references=references, drop=drop))
        if lease and release:
            self._leases.pop(before.id, None)
        elif lease:
            self._leases[before.id] = Lease(lease.until, after.version)
        return after

    async def record(
        self,
        delivery_id: str,
        decide: Callable[[Delivery], Sequence[Event]],
        *,
        due_at: datetime | None = None,
    ) -> Delivery:
        """Load, decide, append; again when somebody else wrote meanwhile. For everyone who has not claimed the
        delivery.

        `decide` must be pure: it may be called more than once. No events: nothing is written. `due_at`: now, unless
        told otherwise, so that a worker looks. Raises KeyError when there is no such delivery, and what `decide`
        raises.
        """
        while True:
            before = await self.delivery(delivery_id)
            happened = decide(before)
            if not happened:
                return before
            try:
                return await self._write(self._ready(before, happened, due_at=due_at or self._clock.now()))
            except VersionConflict:
                continue

    def _ready(
        self,
        before: Delivery,
        happened: Sequence[Event],
        *,
        due_at: datetime | None,
        references: Sequence[Reference] = (),
        drop: datetime | None = None,
    ) -> Append:
        if not happened:
            raise ValueError("nothing to append: use release")
        steps = list(accumulate(happened, apply, initial=before))
        return Append(
            before=before,
            after=steps[-1],
            events=tuple(happened),
            encoded=tuple(encode(event) for event in happened),
            reports=tuple(self._reports(happened, steps)),
            references=tuple(references),
            due_at=due_at,
            drop=drop,
        )

    def _reports(self, happened: Sequence[Event], steps: Sequence[Delivery]) -> Iterable[Fields]:
        for event, (earlier, later) in zip(happened, pairwise(steps), strict=True):
            for report in reports_of(earlier, event, later):
                yield {
                    "id": self._clock.new_id(),
                    "court": later.court,
                    "client": later.client,
                    "delivery": later.id,
                    "submission": later.submission,
                    "kind": report.kind,
                    "at": report.at,
                    "data": encode_json(report.data),
                }
