"""What an open task lacks, in words: what the rules that nearly fired wanted, and what only a person can add. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from delivery.core.byhand import address_of
from delivery.core.model import Delivery, Task
from delivery.core.rulebook import Rulebook
from delivery.web.notice import check
from delivery.web.pages import Text
from delivery.web.reasons import NearMiss, Reasoned, about

NOTICES = frozenset({"public_notice", "fix_notice"})


def missing(
    delivery: Delivery, task: Task, found: Sequence[Reasoned], book: Rulebook, now: datetime, text: Text
) -> list[str]:
    """The sentences, what a person has to add first; `found`: the effects with their reasons."""
    told = [*_of_the_kind(delivery, task, book, now, text)]
    return [*told, *(near.lacks for near in can_still_come(task, found))]


def can_still_come(task: Task, found: Sequence[Reasoned]) -> Sequence[NearMiss]:
    """What the rules lacked that something which may yet happen would bring; nothing for a decision that is a person's
    alone.
    """
    ground = about(task, found)
    return [near for near in ground.nearly if near.open] if ground else []


def _of_the_kind(delivery: Delivery, task: Task, book: Rulebook, now: datetime, text: Text) -> Iterator[str]:
    if task.kind in NOTICES:
        for name in check(delivery, book, now).missing:
            own = f"notice_{name}"
            yield text(f"missing.{own}" if own in text.catalogue["missing"] else f"notice.missing_{name}")
    key = _begun(delivery, task) or task.kind
    if key in text.catalogue["missing"]:
        yield text(f"missing.{key}")


def _begun(delivery: Delivery, task: Task) -> str | None:
    """Another sentence where the way was begun: `entrust` asks for the papers to go out, the other for a result."""
    step = address_of(task)
    begun = step is not None and any(fact.address == step for fact in delivery.facts)
    return f"{task.kind}_begun" if begun and task.kind in ("entrust", "public_notice") else None
