"""One attempt before the rulebook: what the rules may ask of it, each answer with the facts it rests on.

A finding is a named question with a closed list of answers; an instant is a named moment that may date an effect. Both
register here (core/findings) and are worked out when a rule asks for them, once. Names that begin with `K` ask for a
knob; `over.` and `within.` ask for a term of the rulebook.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from delivery.core.civil import local_day
from delivery.core.model import Address, Effect, Fact
from delivery.core.question import Question

if TYPE_CHECKING:
    from delivery.core.rows import Term
    from delivery.core.rulebook import Rulebook

Value = str | bool
NEVER_TRIED = frozenset(
    {
        "address_changed",
        "objection",
        "objection_rejected",
        "annulled",
        "arrival_proved",
        "audit_finding",
        "wait_elapsed",
    }
)
"""Facts about an attempt that make none by themselves."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer, and the facts it rests on."""

    value: Value
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class When:
    """A moment or a civil day, and the facts it rests on. `grounds`: of what moved it, if rest days did."""

    at: datetime | date
    facts: tuple[Fact, ...] = ()
    grounds: tuple[str, ...] = ()


Finding = Callable[["Trial"], Found | Value]
Moment = Callable[["Trial"], When | Fact | None]

FINDINGS: dict[str, tuple[frozenset[Value], Finding]] = {}
INSTANTS: dict[str, Moment] = {}


def finding(name: str, values: Iterable[Value] = (True, False)) -> Callable[[Finding], Finding]:
    """Register the function that answers this question with one of `values`."""

    def register(compute: Finding) -> Finding:
        FINDINGS[name] = (frozenset(values), compute)
        return compute

    return register


def moment(name: str) -> Callable[[Moment], Moment]:
    """Register the function that says when this was; None: not known, or not yet."""

    def register(compute: Moment) -> Moment:
        INSTANTS[name] = compute
        return compute

    return register


@dataclass(slots=True)
class Trial:
    """`mine`: the facts of this attempt by time. `judge` judges the same attempt under other circumstances.

    `answer` and `address` are those of the whole service when its consequences are asked for.
    """

    question: Question
    book: Rulebook
    address: Address | None
    number: int
    mine: tuple[Fact, ...]
    judge: Callable[[Trial], Effect | None]
    answer: Effect | None = None
    _known: dict[str, Found] = field(default_factory=dict)
    _dated: dict[str, When | None] = field(default_factory=dict)
    _running: dict[str, date] = field(default_factory=dict)

    def found(self, name: str) -> Found:
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def when(self, name: str) -> When | None:
        """Raises NoCalendarData where a day is needed that no calendar has."""
        if name not in self._dated:
            self._dated[name] = self._moment(name)
        return self._dated[name]

    def day(self, at: datetime | date) -> date:
        """The civil day of the court (P17)."""
        return local_day(at, self.book.zone) if isinstance(at, datetime) else at

    def _find(self, name: str) -> Found:
        kind, _, term = name.partition(".")
        if kind in ("over", "within", "outlives"):
            return self._term(kind, term)
        if name in self.book.knobs:
            return Found(self.question.knobs.get(name) or self.book.knobs[name].at(self._began_on))
        answer = FINDINGS[name][1](self)
        return answer if isinstance(answer, Found) else Found(answer)

    def _term(self, kind: str, term: str) -> Found:
        """`over`: the question is asked after the term's last day. `within`: its act came no later than that.
        `outlives`: it runs past the last day of the text it began under.
        """
        if kind == "over" and (running := self._still_running(term)):
            return running
        ends = self.when(term)
        if ends is None:
            return Found(False)
        if kind == "outlives":
            row = self._row(term)
            return Found(bool(row and row.valid_to and self.day(ends.at) > row.valid_to), ends.facts)
        if kind == "over":
            return Found(self.day(self.question.as_of) > self.day(ends.at), ends.facts)
        act = self.when(self.book.terms_act(term))
        if act is None:
            return Found(False, ends.facts)
        return Found(self.day(act.at) <= self.day(ends.at), (*ends.facts, *act.facts))

    def _still_running(self, term: str) -> Found | None:
        """Before its nominal last day a term is not over: that needs no calendar, which may not be published yet."""
        row = self._row(term)
        start = self.when(row.starts) if row else None
        if row is None or start is None or self.day(self.question.as_of) > (nominal := row.nominal(start, self)):
            return None
        self._running[term] = nominal
        return Found(False, start.facts)

    def _moment(self, name: str) -> When | None:
        if name in INSTANTS:
            told = INSTANTS[name](self)
            return When(told.at, (told,)) if isinstance(told, Fact) else told
        row = self._row(name)
        start = self.when(row.starts) if row else None
        return row.last_day(start, self) if row and start else None

    def _row(self, name: str) -> Term | None:
        """The row of that term that holds here."""
        rows = self.book.terms.get(name, ())
        return next((row for row in rows if row.in_force(self.law_day(row.day)) and self.fires(row.when)), None)

    def law_day(self, anchors: Iterable[str]) -> date:
        """The day whose law decides: of the first of these moments that is known, else of the question."""
        for name in anchors:
            if dated := self.when(name):
                return self.day(dated.at)
        return self.day(self.question.as_of)

    def terms_end(self) -> Iterable[datetime]:
        """When each term that was asked for may be over: the midnight after its last day (of one that is running: the
        nominal one; it is looked at again then).
        """
        known = {name: self.day(when.at) for name, when in self._dated.items() if when and name in self.book.terms}
        for last in {**self._running, **known}.values():
            yield datetime.combine(last + timedelta(days=1), time.min, tzinfo=self.book.zone)

    def rolled(self, day: date) -> date:
        """The first working day on or after `day`. Raises NoCalendarData."""
        make_up = self.found(self.book.make_up_knob).value == "yes"
        return self.book.rest_days.roll(day, make_up_is_workday=make_up)

    def fires(self, when: Iterable[tuple[str, tuple[Value, ...]]]) -> bool:
        return all(self.found(name).value in wanted for name, wanted in when)

    # --- facts ------------------------------------------------------------------------------------------------------

    def all(self, *kinds: str) -> tuple[Fact, ...]:
        return tuple(fact for fact in self.mine if fact.kind in kinds)

    def first(self, *kinds: str) -> Fact | None:
        return next((fact for fact in self.mine if fact.kind in kinds), None)

    def last(self, *kinds: str) -> Fact | None:
        return next((fact for fact in reversed(self.mine) if fact.kind in kinds), None)

    def anywhere(self, *kinds: str) -> tuple[Fact, ...]:
        """Facts of the whole service, whatever attempt they belong to."""
        return tuple(fact for fact in self.question.facts if fact.kind in kinds)

    def otherwise(self, question: Question | None = None, without: frozenset[str] = frozenset()) -> Effect | None:
        """How this attempt would be judged with another question, or without facts of these kinds."""
        mine = tuple(fact for fact in self.mine if fact.kind not in without)
        return self.judge(Trial(question or self.question, self.book, self.address, self.number, mine, self.judge))

    @property
    def _began_on(self) -> date:
        """The day whose defaults hold for it: old attempts keep the settings of their time."""
        return self.day(self.began.at if self.began else self.question.as_of)

    @property
    def began(self) -> Fact | None:
        """The first thing that happened to it: sending planned, sent, posted, called, signed …"""
        return next((fact for fact in self.mine if fact.kind not in NEVER_TRIED), None)

    @property
    def dispatched(self) -> Fact | None:
        """The first thing that came of it but a plan; a plan where there is nothing else. What has to be so before the
        message leaves is asked of this moment.
        """
        return next((f for f in self.mine if f.kind not in NEVER_TRIED and f.kind != "send_planned"), self.began)

    @property
    def place(self) -> Address:
        """The address. Raises ValueError where the trial is of no attempt."""
        if self.address is None:
            raise ValueError("no attempt, no address")
        return self.address


def proof(*facts: Fact | None, value: Any = None) -> Found:
    """Whether any of these facts is there, resting on those that are; or `value`, resting on them."""
    known = tuple(fact for fact in facts if fact)
    return Found(bool(known) if value is None else value, known)
