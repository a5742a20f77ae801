"""Which facts stand: what the attempts themselves say, what was reported and not taken back, what was recorded.

The order in which they arrived, and how often, plays no part: each fact counts at its own time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from delivery.core.model import Attempt, Delivery, Fact, Person, Receipt, attempt_id
from delivery.core.paper import handed_over


def standing_facts(delivery: Delivery) -> tuple[Fact, ...]:
    """All facts that nothing has taken back, each with the address and number of its attempt, repeats merged."""
    facts = [*_sending_facts(delivery), *_reported_facts(delivery), *delivery.facts]
    return _with_return_reasons(merged([*facts, *handed_over(facts)]))


def _sending_facts(delivery: Delivery) -> Iterable[Fact]:
    """What the attempts themselves say: announced is planned, taken has left (or lies with the post), and what was
    refused at the door has bounced.
    """
    for attempt in delivery.attempts:
        electronic = delivery.recipient.address(attempt.address).electronic
        if attempt.answer != "given_up" and (electronic or attempt.answer != "refused"):
            yield _of(attempt, "send_planned", attempt.announced_at)  # of what came to nothing the plan is no news
        answers = {"taken": "sent", "refused": "bounced"} if electronic else {"taken": "gateway_accepted"}
        if kind := answers.get(attempt.answer):
            yield _of(attempt, kind, attempt.answered_at or attempt.announced_at)


def _of(attempt: Attempt, kind: str, at: datetime) -> Fact:
    place = {"address": attempt.address, "attempt": attempt.number}
    return Fact(kind=kind, at=at, role=attempt.role, key=f"{attempt.id}:{kind}", **place)  # type: ignore[arg-type]


def _reported_facts(delivery: Delivery) -> Iterable[Fact]:
    of_attempt: dict[str, list[Receipt]] = defaultdict(list)
    for receipt in delivery.receipts:
        of_attempt[receipt.attempt or ""].append(receipt)
    for attempt in delivery.attempts:
        standing = _uncancelled(of_attempt[attempt.id])
        for receipt in standing:
            if receipt.fact and _counts(receipt, standing, attempt):
                yield replace(receipt.fact, address=attempt.address, attempt=attempt.number)


def _uncancelled(receipts: Iterable[Receipt]) -> list[Receipt]:
    """A cancellation takes back the latest standing report of its code, at or before its own time, whenever it
    arrived.
    """
    standing: list[Receipt] = []
    for receipt in sorted(receipts, key=lambda r: (r.at, r.cancels is not None, r.key)):
        if receipt.cancels is None:
            standing.append(receipt)
            continue
        victims = [r for r in standing if r.code.split("/")[0] == receipt.cancels]
        if victims:
            standing.remove(victims[-1])
    return standing


def _counts(receipt: Receipt, standing: list[Receipt], attempt: Attempt) -> bool:
    """A message in parts has arrived when the last of them has, each at the first report of it."""
    if receipt.part is None or receipt.fact is None or receipt.fact.kind != "arrived":
        return True
    arrived: dict[str, datetime] = {}
    for other in standing:
        if other.part and other.fact and other.fact.kind == "arrived":
            arrived[other.part] = min(other.at, arrived.get(other.part, other.at))
    if not attempt.references or not {*attempt.references} <= {*arrived}:
        return False
    return receipt.at == max(arrived[part] for part in attempt.references)


ONE_FACT = frozenset({"signed", "refused", "returned"})


def merged(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """`signed`, `refused`, `returned` of one attempt at one instant are one fact: a later record (the slip) completes
    it. Of the others those are one that have one key, or that differ in nothing.
    """
    whole: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        key = (fact.kind, fact.at, fact.address, fact.attempt, *_apart(fact))
        whole[key] = _completed(whole[key], fact) if key in whole else fact
    return tuple(
        sorted(whole.values(), key=lambda fact: (fact.at, fact.kind, fact.key, "" if fact.key else repr(fact)))
    )


def _apart(fact: Fact) -> tuple[object, ...]:
    """What keeps facts of one kind and instant apart. Both sides of a mediation statement may sign at one table."""
    if fact.kind in ONE_FACT:
        return (fact.by is not None and fact.by.relation == "opponent",)
    return (fact.key, fact.claim) if fact.key else (fact,)


def _completed(first: Fact, later: Fact) -> Fact:
    changes: dict[str, Any] = {
        name: getattr(later, name)
        for name in Fact.__dataclass_fields__
        if getattr(later, name) not in (None, False, "") and name not in ("key", "by")
    }
    return replace(first, by=_known_person(first.by, later.by), **changes)


def _known_person(first: Person | None, later: Person | None) -> Person | None:
    if later is None or (later.relation == "unverified" and first is not None):
        return first
    return later


def _with_return_reasons(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """A return that names no reason has that of the last try before it (the carrier's codes work that way)."""
    done: list[Fact] = []
    for fact in facts:
        if fact.kind == "returned" and fact.reason is None:
            tries = [f for f in done if (f.address, f.attempt) == (fact.address, fact.attempt) and f.kind in TRIES]
            fact = replace(fact, reason=_reason_of(tries[-1]) if tries else None)
        done.append(fact)
    return tuple(done)


def all_attempts(delivery: Delivery, facts: Iterable[Fact]) -> tuple[Attempt, ...]:
    """Our attempts, and those made elsewhere that facts alone tell of: a letter posted by hand, a visit to court."""
    known = {(attempt.address, attempt.number) for attempt in delivery.attempts}
    told: dict[tuple[str, int], list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.address and (fact.address, fact.attempt) not in known:
            told[fact.address, fact.attempt].append(fact)
    return (*delivery.attempts, *(_told(delivery, mine) for mine in told.values()))


def _told(delivery: Delivery, facts: list[Fact]) -> Attempt:
    address, number = facts[0].address or "", facts[0].attempt
    return Attempt(
        id=attempt_id(delivery.id, address, number),
        address=address,
        channel=delivery.recipient.address(address).channel,
        number=number,
        role=next((fact.role for fact in facts if fact.role), "service"),
        announced_at=min(fact.at for fact in facts),
        answer="elsewhere",
    )


TRIES = frozenset({"delivery_attempt", "refused"})


def _reason_of(fact: Fact) -> str | None:
    return fact.reason or ("refused" if fact.kind == "refused" else fact.result)
