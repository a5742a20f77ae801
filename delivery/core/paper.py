"""Paper on request (CPL 90(1)): who was served electronically may ask for paper.

It is a task, and where a clerk says so a letter; neither moves the date of service or starts a period again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from delivery.core.model import Attempt, Delivery, Fact

if TYPE_CHECKING:
    from delivery.core.rulebook import Rulebook

PAPER = "paper"
"""The role of an attempt that carries the copy: no attempt of service, whatever becomes of it."""

SEND_PAPER = "send_paper"
"""The decision that the copy goes by post."""

ENDS = frozenset({"signed", "returned", "lost", "refused"})


def handed_over(facts: Iterable[Fact]) -> Iterator[Fact]:
    """What the letters with copies tell: signed for is handed over, by its own time."""
    every = tuple(facts)
    copies = {(fact.address, fact.attempt) for fact in every if fact.role == PAPER}
    for fact in every:
        if fact.kind == "signed" and (fact.address, fact.attempt) in copies:
            yield Fact(kind="paper_handed_over", at=fact.at, key=f"{fact.key}:paper")


def wanted(facts: Iterable[Fact]) -> Fact | None:
    """The wish for paper that nobody has fulfilled since."""
    every = tuple(facts)
    asked = max((fact for fact in every if fact.kind == "paper_requested"), key=_time, default=None)
    given = any(fact.kind == "paper_handed_over" and asked and fact.at >= asked.at for fact in every)
    return None if given else asked


def _time(fact: Fact) -> datetime:
    return fact.at


def letters(delivery: Delivery) -> tuple[Attempt, ...]:
    """The attempts that carry copies, in their order."""
    return tuple(attempt for attempt in delivery.attempts if attempt.role == PAPER)


def on_its_way(delivery: Delivery, facts: Iterable[Fact]) -> bool:
    """Whether a copy is under way, or about to be sent."""
    done = {(fact.address, fact.attempt) for fact in facts if fact.kind in ENDS}
    live = (one for one in letters(delivery) if one.answer not in ("refused", "given_up"))
    return to_be_sent(delivery) or any((one.address, one.number) not in done for one in live)


def to_be_sent(delivery: Delivery) -> bool:
    """Whether a clerk decided for a letter that has not been announced yet."""
    decided = sum(1 for task, said in delivery.closed_tasks if (task.kind, said) == ("send_paper_copy", SEND_PAPER))
    return decided > len(letters(delivery))


def address_for_paper(delivery: Delivery, book: Rulebook) -> str | None:
    """The postal address that stands first on the ladder; None where the recipient has none."""
    classes = [rung.address_class for rung in book.ladder if rung.media == "mail"]
    ranked = [
        (classes.index(found), place.id)
        for place in delivery.recipient.addresses
        if place.channel == "post" and (found := book.class_of(place)) in classes
    ]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None
