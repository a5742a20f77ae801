"""History → what the case record is told. Reports are facts about facts: they are derived here and written with the
events.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from delivery.core import events
from delivery.core.model import Deadline, Delivery, Effect, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`kind` is the last part of the CloudEvent's type; `data` is JSON-ready. The journal adds id, sequence and
    recording time.
    """

    kind: str
    at: datetime
    data: Mapping[str, Any]


def reports_of(before: Delivery | None, event: events.Event, after: Delivery) -> tuple[Report, ...]:
    """What this event tells the case record; often nothing. A repeat that changed nothing is not told again."""
    match event:
        case events.AttemptTaken(words=words) if words.startswith(events.TAKING_BACK):
            return ()  # the same attempt, after `withdrawn` was told: nothing was sent
        case events.AttemptTaken() | events.AttemptRefused():
            return (_report("attempt_made", event.at, after, attempt=_attempt(after, event.attempt)),)
        case events.ReceiptReceived(receipt=receipt) if before and before.receipts != after.receipts:
            fact = _fact(receipt.fact) if receipt.fact else None
            told = {"channel": receipt.channel, "code": receipt.code, "cancels": receipt.cancels, "fact": fact}
            return (_report("receipt_received", receipt.at, after, attempt=receipt.attempt, receipt=told),)
        case events.FactRecorded(fact=fact, by=by) if before and before.facts != after.facts:
            told = {"channel": "record", "by": by, "fact": _fact(fact)}
            return (_report("receipt_received", fact.at, after, receipt=told),)
        case events.TaskOpened(task=task):
            told = {"id": task.id, "kind": task.kind, "owner": task.owner, "due_at": task.due_at.isoformat()}
            return (_report("task_opened", event.at, after, task={**told, "reason": task.reason}),)
        case events.TaskClosed(task=task_id, decision=decision, by=by):
            return (_report("task_closed", event.at, after, task={"id": task_id, "decision": decision, "by": by}),)
        case events.Concluded(effects=effects, revised=revised):
            kind = "revised" if revised else "concluded"
            return (_report(kind, event.at, after, documents=[effect_json(d, e) for d, e in effects]),)
        case events.ProofIssued(number=number, sha256=digest, replaces=replaces):
            told = {"number": number, "sha256": digest, "replaces": replaces}
            return (_report("proof_issued", event.at, after, proof=told, documents=_effects(after)),)
        case events.Withdrawn(reason=reason):
            return (_report("withdrawn", event.at, after, reason=reason),)
    return ()


def _report(kind: str, at: datetime, after: Delivery, **more: Any) -> Report:
    head = {
        "delivery_id": after.id,
        "submission_id": after.submission,
        "case_number": after.case.number,
        "recipient": after.recipient.id,
        "at": at.isoformat(),
    }
    return Report(kind=kind, at=at, data={**head, **more})


def _attempt(after: Delivery, attempt_id: str) -> dict[str, Any]:
    attempt = after.attempt(attempt_id)
    if attempt is None:
        return {"id": attempt_id}
    return {
        "id": attempt.id,
        "address": attempt.address,
        "channel": attempt.channel,
        "number": attempt.number,
        "answer": attempt.answer,
    }


def _fact(fact: Fact) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": fact.kind, "at": fact.at.isoformat(), "reason": fact.reason}
    return {**told, "by": fact.by.relation if fact.by else None}


def _effects(delivery: Delivery) -> list[dict[str, Any]]:
    return [effect_json(document, effect) for document, effect in delivery.concluded]


def effect_json(document: str, effect: Effect) -> dict[str, Any]:
    """An effect in the words of the scenario format, with the rule and its explanation."""
    return {
        "document": document,
        "outcome": str(effect.outcome),
        "effective_date": effect.effective_date.isoformat() if effect.effective_date else None,
        "grounds": list(effect.grounds),
        "next": effect.next,
        "flags": dict(effect.flags),
        "deadlines": [deadline_json(deadline) for deadline in effect.deadlines],
        "rule": effect.rule,
        "explanation": effect.explanation,
        "explanation_zh": effect.explanation_zh,
    }


def deadline_json(deadline: Deadline) -> dict[str, Any]:
    """A period that the service starts, with the version of the calendar it was computed with (law.md P15)."""
    return {
        "period": deadline.period,
        "name": deadline.name,
        "name_zh": deadline.name_zh,
        "last_day": deadline.last_day.isoformat() if deadline.last_day else None,
        "error": deadline.why_not,
        "basis": list(deadline.basis),
        "calendar_version": deadline.calendar_version,
        "provisional": deadline.provisional,
    }


def cloud_event(
    *, report_id: str, court: str, kind: str, at: datetime, recorded_at: datetime, sequence: int | None, data: Any
) -> dict[str, Any]:
    """The message as it goes out (CloudEvents 1.0, contract.md §3). `at`, `recorded_at`, and the effective dates
    inside, are the three times. `sequence` counts per delivery without gaps; reports about a submission have none."""
    told = {**data, "recorded_at": recorded_at.isoformat()}
    if sequence is not None:
        told["sequence"] = sequence
    return {
        "specversion": "1.0",
        "type": f"songda.report.{kind}.v1",
        "source": f"/courts/{court}/songda",
        "id": report_id,
        "time": at.isoformat(),
        "datacontenttype": "application/json",
        "data": told,
    }
