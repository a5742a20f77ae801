"""Taking submissions in: one key, one content, one answer (contract.md §2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select, tuple_

from delivery.core.events import Accepted, born
from delivery.core.model import Delivery
from delivery.journal.appending import Fields, current
from delivery.journal.encoding import encode, encode_json
from delivery.journal.store import Store, padded
from delivery.journal.tables import deliveries, events, reports, submissions
from delivery.journal.writing import Batch, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """A submission without faults. `source` and `id` are its key; `answer` is the JSON that a repeat gets again."""

    source: str
    id: str
    court: str
    client: str
    submission_id: str
    content_hash: str
    accepted: tuple[Accepted, ...]
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`new`: kept. `repeat`: kept before, with the answer given then. `conflict`: that key has another content."""

    kind: Literal["new", "repeat", "conflict"]
    answer: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    id: str
    source: str
    source_id: str
    court: str
    client: str
    content_hash: str
    accepted_at: datetime
    answer: bytes
    deliveries: tuple[str, ...]


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Accept(Work[Verdict]):
    filing: Filing
    encoded: tuple[tuple[str, str], ...]
    report_id: str

    @classmethod
    async def write(cls, batch: Batch, works: Sequence[Accept]) -> Sequence[Verdict | Exception]:
        known = await _known(batch, [_key(work.filing) for work in works])
        verdicts, new = [], []
        for work in works:
            filing = work.filing
            if _key(filing) not in known:
                new.append(work)
                verdicts.append(Verdict(kind="new", answer=filing.answer))
                known[_key(filing)] = (filing.content_hash, filing.answer)
                continue
            content, answer = known[_key(filing)]
            same = content == filing.content_hash
            verdicts.append(Verdict(kind="repeat" if same else "conflict", answer=answer))
        await _keep(batch, new)
        return verdicts


def _key(filing: Filing) -> Key:
    return filing.source, filing.id


async def _known(batch: Batch, keys: Sequence[Key]) -> dict[Key, tuple[str, bytes]]:
    table = submissions.c
    query = select(table.source, table.source_id, table.content_hash, table.answer)
    found = await batch.connection.execute(query.where(tuple_(table.source, table.source_id).in_(padded(keys))))
    return {(row.source, row.source_id): (row.content_hash, row.answer) for row in found}


async def _keep(batch: Batch, new: Sequence[Accept]) -> None:
    if not new:
        return
    execute = batch.connection.execute
    await execute(submissions.insert(), [_submission(work.filing, batch.now) for work in new])
    await execute(deliveries.insert(), [row for work in new for row in _delivery_rows(work.filing, batch.now)])
    await execute(events.insert(), [row for work in new for row in _event_rows(work, batch.now)])
    await execute(reports.insert(), [_accepted_report(work, batch.now) for work in new])


def _submission(filing: Filing, now: datetime) -> Fields:
    return {
        "id": filing.submission_id,
        "source": filing.source,
        "source_id": filing.id,
        "court": filing.court,
        "client": filing.client,
        "content_hash": filing.content_hash,
        "accepted_at": now,
        "answer": filing.answer,
    }


def _delivery_rows(filing: Filing, now: datetime) -> Iterable[Fields]:
    for event in filing.accepted:
        yield _delivery_row(born(event)) | current(born(event), due_at=now)


def _delivery_row(delivery: Delivery) -> Fields:
    return {
        "id": delivery.id,
        "court": delivery.court,
        "client": delivery.client,
        "submission": delivery.submission,
        "case_number": delivery.case.number,
        "party": delivery.recipient.name,
        "accepted_at": delivery.accepted_at,
        "needed_by": delivery.needed_by,
        "reported": 0,
    }


def _event_rows(work: Accept, now: datetime) -> Iterable[Fields]:
    for event, (kind, data) in zip(work.filing.accepted, work.encoded, strict=True):
        yield {"delivery": event.delivery, "seq": 1, "recorded_at": now, "kind": kind, "data": data}


def _accepted_report(work: Accept, now: datetime) -> Fields:
    filing = work.filing
    told = {
        "event_id": filing.id,  # the sender's own: on a queue nothing else ties this answer to what was filed
        "case_number": filing.accepted[0].case.number,
        "deliveries": [{"delivery_id": e.delivery, "recipient": e.recipient.id} for e in filing.accepted],
    }
    row = _report(filing.court, filing.client, filing.submission_id, filing.accepted[0].at, told)
    return row | {"id": work.report_id, "kind": "submission_accepted", "recorded_at": now}


def _report(court: str, client: str, submission: str, at: datetime, told: dict[str, Any]) -> Fields:
    data = {"submission_id": submission, "at": at.isoformat(), **told}
    return {"court": court, "client": client, "submission": submission, "at": at, "data": encode_json(data)}


class Submissions(Store):
    """The part of the journal that takes submissions in."""

    async def accept(self, filing: Filing) -> Verdict:
        """Keep it, or say that its key is known. When this returns, it is on the disk."""
        encoded = tuple(encode(event) for event in filing.accepted)
        return await self._write(Accept(filing, encoded, self._clock.new_id()))

    async def reject(
        self, *, court: str, client: str, submission_id: str, faults: Sequence[dict[str, Any]], at: datetime
    ) -> None:
        """Tell the case record that a readable submission was refused, with all its faults; nothing else is kept."""
        row = _report(court, client, submission_id, at, {"faults": faults}) | {"id": self._clock.new_id()}

        async def job(batch: Batch) -> None:
            values = row | {"kind": "submission_rejected", "recorded_at": batch.now}
            await batch.connection.execute(reports.insert().values(values))

        await self._do(job, news=True)

    async def submission(self, submission_id: str) -> SubmissionRow | None:
        row = await self._row(select(submissions).where(submissions.c.id == submission_id))
        if row is None:
            return None
        query = select(deliveries.c.id).where(deliveries.c.submission == submission_id).order_by(deliveries.c.id)
        ids = tuple(each.id for each in await self._rows(query))
        return SubmissionRow(**row._mapping, deliveries=ids)
