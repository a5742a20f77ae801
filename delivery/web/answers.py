"""How deliveries, facts, routes and reports look as JSON (docs/openapi.json)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from delivery.core import events
from delivery.core.deadlines import outage_grounds, outages_beside
from delivery.core.decide import state_of
from delivery.core.effect import verdicts
from delivery.core.effect_answer import explanation_json
from delivery.core.events import Recorded, born
from delivery.core.explaining import explain
from delivery.core.model import Attempt, Delivery, Effect, Fact, Route, Task
from delivery.core.outages import outage_json
from delivery.core.report import cloud_event, deadline_json, effect_json
from delivery.core.routing import plan_route
from delivery.core.rulebook import Rulebook
from delivery.core.standing import standing_facts
from delivery.core.submission import Submission
from delivery.journal.lists import DeliveryRow
from delivery.journal.reports import Reconciliation, ReportRow
from delivery.journal.submissions import SubmissionRow


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON for one case system alone."""
    more = {"Cache-Control": "no-store", **(headers or {})}
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json", headers=more)


def submission_json(row: SubmissionRow, lines: Iterable[DeliveryRow]) -> dict[str, Any]:
    """A submission, and in one line what became of each delivery."""
    return {
        "submission_id": row.id,
        "source": row.source,
        "id": row.source_id,
        "accepted_at": row.accepted_at,
        "deliveries": [
            {
                "delivery_id": line.id,
                "state": line.state,
                "outcome": line.outcome,
                "effective_date": line.effective_date,
            }
            for line in lines
        ],
    }


def delivery_json(delivery: Delivery) -> dict[str, Any]:
    """The fold of the events."""
    recipient, sealed = delivery.recipient, dict(delivery.sealed)
    return {
        "delivery_id": delivery.id,
        "submission_id": delivery.submission,
        "version": delivery.version,
        "state": state_of(delivery).value,
        "accepted_at": delivery.accepted_at,
        "needed_by": delivery.needed_by,
        "withdrawn_at": delivery.withdrawn_at,
        "case": delivery.case,
        "recipient": {"id": recipient.id, "role": recipient.role, "kind": recipient.kind, "name": recipient.name},
        "documents": [
            {"id": d.id, "type": d.type, "title": d.title, "sha256": d.sha256, "pages": d.pages, "size": d.size}
            | {"sealed_sha256": sealed.get(d.id)}
            for d in delivery.documents
        ],
        "route": route_json(recipient.id, delivery.route) if delivery.route else None,
        "attempts": [_attempt(attempt) for attempt in delivery.attempts],
        "tasks": [_task(task) for task in delivery.tasks],
        "effects": [effect_json(document, effect) for document, effect in delivery.concluded],
        "proofs": [{"number": number, "sha256": digest} for number, digest in delivery.proofs],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    names = (
        "id",
        "address",
        "channel",
        "number",
        "role",
        "announced_at",
        "tries",
        "answer",
        "answered_at",
        "references",
    )
    return {name: getattr(attempt, name) for name in names}


def _task(task: Task) -> dict[str, Any]:
    names = ("id", "kind", "reason", "owner", "opened_at", "due_at", "proposal", "attempt")
    return {name: getattr(task, name) for name in names}


STEP = ("address", "channel", "not_before", "wait", "reason", "grounds")


def route_json(recipient: str, route: Route) -> dict[str, Any]:
    """The route of one recipient (contract.md §1, `songda route`); `wait` in seconds."""
    return {
        "recipient": recipient,
        "steps": [{name: getattr(step, name) for name in STEP} for step in route.steps],
        "rejected": [{name: getattr(one, name) for name in ("address", "reason", "grounds")} for one in route.rejected],
    }


def routes_json(
    found: Submission, book: Rulebook, now: datetime, *, channels: frozenset[str]
) -> Iterator[dict[str, Any]]:
    """What `songda route` and POST /v1/routes answer: each recipient's route at the filing's own time, else `now`."""
    at = (found.time or now).astimezone(book.zone)
    for each in found.accepted:
        yield route_json(each.recipient.id, plan_route(born(each), book, at, channels=channels))


def events_json(delivery: Delivery, history: Sequence[Recorded]) -> dict[str, Any]:
    """Everything that happened, with two of the three times; the third is in the effect."""
    lines = [
        {
            "seq": row.seq,
            "kind": events.kind(row.event),
            "at": row.event.at,
            "recorded_at": row.recorded_at,
            "data": row.event,
        }
        for row in history
    ]
    return {"delivery_id": delivery.id, "events": lines}


def effect_view(delivery: Delivery, history: Sequence[Recorded], book: Rulebook, now: datetime) -> dict[str, Any]:
    """The effect of each document, why, and the facts it stands on: when each happened, when we learnt it."""
    learnt = _learnt(history)
    found = verdicts(delivery, book, now)
    return {
        "delivery_id": delivery.id,
        "as_of": now,
        "state": state_of(delivery).value,
        "rulebook": book.name,
        "documents": [
            {
                **effect_json(name, verdict.effect),
                "deadlines": _deadlines(verdict.effect, delivery, book),
                "reasons": explanation_json(explain(verdict)),
            }
            for name, verdict in found
        ],
        "facts": [_fact(fact, learnt) for fact in standing_facts(delivery)],
    }


def _deadlines(effect: Effect, delivery: Delivery, book: Rulebook) -> list[dict[str, Any]]:
    """Each with the outages of the court's systems that fall into it, for whoever decides on restoration."""
    beside, grounds = outages_beside(effect, book), outage_grounds(effect, delivery.case.kind, book)
    return [
        {
            **deadline_json(deadline),
            "outages": [outage_json(one, book.zone, grounds) for one in beside.get(deadline.period, ())],
        }
        for deadline in effect.deadlines
    ]


def _fact(fact: Fact, learnt: Mapping[str, datetime]) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(fact)
    told["recorded_at"] = learnt.get(fact.key)
    return {name: value for name, value in told.items() if value not in (None, "", False) or name == "recorded_at"}


def _learnt(history: Sequence[Recorded]) -> dict[str, datetime]:
    """When each fact was recorded first, by its key."""
    known: dict[str, datetime] = {}
    for row in history:
        for key in _keys(row.event):
            known.setdefault(key, row.recorded_at)
    return known


def _keys(event: events.Event) -> Iterable[str]:
    match event:
        case events.FactRecorded(fact=fact):
            yield fact.key
        case events.ReceiptReceived(receipt=receipt) if receipt.fact:
            yield receipt.fact.key
        case events.AttemptTaken(attempt=attempt):
            yield f"{attempt}:sent"
        case events.AttemptRefused(attempt=attempt):
            yield f"{attempt}:bounced"


def reports_json(rows: Sequence[ReportRow], after: int) -> dict[str, Any]:
    """Reports as they also go out by queue and webhook; `next` is the cursor to go on with."""
    return {"reports": [_report(row) for row in rows], "next": str(rows[-1].position if rows else after)}


def _report(row: ReportRow) -> dict[str, Any]:
    return cloud_event(
        report_id=row.id,
        court=row.court,
        kind=row.kind,
        at=row.at,
        recorded_at=row.recorded_at,
        sequence=row.sequence,
        data=row.data,
    )


def reconciliation_json(found: Reconciliation) -> dict[str, Any]:
    """Counts and a digest over the ids of the reports, in their order, each followed by a line feed."""
    return {
        "from": found.from_,
        "to": found.to,
        "count": found.count,
        "kinds": found.kinds,
        "digest": found.digest,
        "last": None if found.last is None else str(found.last),
    }
