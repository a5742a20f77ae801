"""What an open task lacks, in words: what the rules that nearly fired wanted, and what only a person can add. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from delivery.core.byhand import address_of
from delivery.core.model import Delivery, Task
from delivery.core.rulebook import Rulebook
from delivery.web.notice import check
from delivery.web.pages import Text
from delivery.web.reasons import Reasoned, about

NOTICES = frozenset({"public_notice", "fix_notice"})


def missing(
    delivery: Delivery, task: Task, found: Sequence[Reasoned], book: Rulebook, now: datetime, text: Text
) -> list[str]:
    """The sentences, what a person has to add first; `found`: the effects with their reasons."""
    ground = about(task, found)
    near = ground.lacking if ground else ()
    return list(dict.fromkeys([*_of_the_kind(delivery, task, book, now, text), *(one.lacks for one in near)]))


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
