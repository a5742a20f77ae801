"""One attempt judged: the first row that fires, table by table, as law.md §2 orders them.

What follows for the whole service from several attempts is effect.py's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import groupby

from delivery.core import vocabulary as words
from delivery.core.civil import NoCalendarData
from delivery.core.model import Address, Effect, Fact, Outcome, Person
from delivery.core.question import Question
from delivery.core.rows import Rule
from delivery.core.rulebook import Rulebook
from delivery.core.trial import NEVER_TRIED, Trial, When

NO_CALENDAR = "no_calendar"
"""In the place of a row's id: a day is needed that no calendar has."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An attempt with what became of it. `rule` is None where a day is needed that no calendar has."""

    trial: Trial
    effect: Effect
    rule: Rule | None = None

    @property
    def last(self) -> datetime:
        return max(fact.at for fact in self.trial.mine)

    @property
    def electronic(self) -> bool:
        """R10: the telephone counts as electronic, all else as paper."""
        return self.trial.found("medium").value != "paper"


def judged_attempts(question: Question, book: Rulebook) -> list[Judged]:
    """Every attempt of service, judged. A reminder has no legal effect (OLR 32); a plan alone is judged too."""
    tries = (judge(trial) for trial in _trials(question, book) if trial.began and not _reminder(trial))
    return [one for one in tries if one]


def _trials(question: Question, book: Rulebook) -> Iterable[Trial]:
    known = {address.id: address for address in question.recipient.addresses}
    placed = sorted((f for f in question.facts if f.address in known), key=_attempt_and_time)
    for (address, number), facts in groupby(placed, key=_attempt):
        yield Trial(question, book, known[address], number, tuple(facts), judge_effect)


def _attempt(fact: Fact) -> tuple[str, int]:
    return fact.address or "", fact.attempt


def _attempt_and_time(fact: Fact) -> tuple[str, int, datetime, str]:
    return fact.address or "", fact.attempt, fact.at, fact.kind


def _reminder(trial: Trial) -> bool:
    """R3.4: the role of what was sent holds for the whole attempt; a copy on paper serves as little as a reminder."""
    return any(fact.role not in (None, "service") for fact in trial.mine)


def judge(trial: Trial) -> Judged | None:
    """The first row that fires. None where no row looks at what has happened."""
    for table in trial.book.channels[trial.place.channel]:
        if judged := _first_row(trial, table):
            stood = _stood_before(trial) if table == "recipient" else None
            return stood or judged
    return None


def _stood_before(trial: Trial) -> Judged | None:
    """R2: what took effect before the recipient died or was imprisoned stands, whatever came from there afterwards."""
    since = trial.question.recipient.standing.since
    kept = tuple(fact for fact in trial.mine if not since or fact.at < since or fact.kind in NEVER_TRIED)
    if len(kept) == len(trial.mine):
        return None
    before = judge(Trial(trial.question, trial.book, trial.address, trial.number, kept, trial.judge))
    return before if before and before.effect.outcome.dated else None


def planned(question: Question, book: Rulebook, address: Address, number: int = 1) -> Judged | None:
    """What an attempt there would be if it were begun at the instant of the question: pending, or no use. A notice
    begins with an order in due form.
    """
    begins = "notice_ordered" if address.channel == "notice" else "send_planned"
    place = {"at": question.as_of, "address": address.id, "attempt": number}
    plan = Fact(kind=begins, steps_on_file=("mail",), file_note=True, **place)  # type: ignore[arg-type]
    return judge(Trial(question, book, address, number, (plan,), judge_effect))


def received(question: Question, book: Rulebook, address: Address, number: int = 1) -> Judged | None:
    """What it would be if the representative who holds the address signed, with all that a receipt should say. None
    where the recipient holds it, or one who only hands on (a prison, a unit).
    """
    held = next((one for one in question.recipient.representatives if one.id == address.holder), None)
    if held is None or held.kind not in words.RELATIONS:
        return None
    by = Person(relation=held.kind, adult=True, representative=held.id)
    place = {"at": question.as_of, "address": address.id, "attempt": number}
    signed = Fact(kind="signed", by=by, id_on_receipt=True, relation_on_receipt=True, **place)  # type: ignore[arg-type]
    return judge(Trial(question, book, address, number, (signed,), judge_effect))


def judge_effect(trial: Trial) -> Effect | None:
    judged = judge(trial)
    return judged.effect if judged else None


def _first_row(trial: Trial, table: str) -> Judged | None:
    day = trial.law_day(trial.book.law_days[table])
    for rule in trial.book.table(table, day):
        try:
            effect = _answer(rule, trial, day) if trial.fires(rule.when) else None
        except NoCalendarData as missing:
            return Judged(trial, _no_calendar(rule, trial, missing))
        if effect:
            return Judged(trial, _as_decided(effect, trial.question, trial.book), rule)
    return None


def _no_calendar(rule: Rule, trial: Trial, missing: NoCalendarData) -> Effect:
    """R10: a day that needs a calendar nobody has published is for a judge; nothing is guessed."""
    return Effect(
        outcome=Outcome.REVIEW,
        next="judge_decision",
        grounds=(*rule.grounds, *trial.book.combination.no_calendar),
        explanation=f"the days off of {missing.year} are not on file: the date cannot be computed",
        explanation_zh=f"{missing.year}年放假安排未收录，无法计算日期",
        rule=NO_CALENDAR,
    )


def _answer(rule: Rule, trial: Trial, day: date) -> Effect | None:
    dated = rule.date.of(trial) if rule.date else None
    if rule.date and dated is None:
        return None  # the moment that would date it is not known: read on
    when = dated[1] if dated else None
    moved = when or _proposed_when(rule, trial)
    added = [row for row in trial.book.additions if row.in_force(day) and row.concerns(rule) and trial.fires(row.when)]
    grounds = [*rule.grounds, *(moved.grounds if moved else ()), *(key for row in added for key in row.grounds)]
    return Effect(
        outcome=rule.outcome,
        effective_date=trial.day(when.at) if when else None,
        grounds=tuple(dict.fromkeys(grounds)),
        next=rule.next,
        flags=(*rule.flags, *(flag for row in added for flag in row.flags), *_proposed(rule, trial)),
        rule=rule.id,
        explanation=rule.says,
        explanation_zh=rule.says_zh,
        dated_by=when.facts[0].kind if when and when.facts else None,
        at=instant_of(when, trial) if when else None,
    )


def _proposed(rule: Rule, trial: Trial) -> tuple[tuple[str, bool | str], ...]:
    if rule.proposes is None:
        return ()
    when = _proposed_when(rule, trial)
    day = trial.day(when.at).isoformat() if when else ""
    return (("proposed_outcome", str(rule.proposes[0])), ("proposed_date", day)) if when else ()


def _proposed_when(rule: Rule, trial: Trial) -> When | None:
    dated = rule.proposes[1].of(trial) if rule.proposes else None
    return dated[1] if dated else None


def instant_of(when: When, trial: Trial) -> datetime:
    """R10: a candidate dated by a day alone is dated by the fact's own time where that lies on it, else by its end."""
    if isinstance(when.at, datetime):
        return when.at
    on_day = [fact.at for fact in when.facts if trial.day(fact.at) == when.at]
    return on_day[0] if on_day else datetime.combine(when.at, time.max, tzinfo=trial.book.zone)


def proposal(effect: Effect) -> str:
    """The decision that a person is asked for, in words of the scenario format: also how it is known again."""
    if effect.outcome.dated:
        return f"{effect.outcome} {effect.effective_date}"
    if proposed := effect.flag("proposed_outcome"):
        return f"{proposed} {effect.flag('proposed_date')}"
    return f"{effect.next} {effect.rule}" if effect.outcome is Outcome.REVIEW else str(effect.next)


def _as_decided(effect: Effect, question: Question, book: Rulebook) -> Effect:
    """What a named person decided on a proposal: rejected, it dates nothing; accepted in review, it does."""
    asked = effect.next == "clerk_confirm" or effect.outcome is Outcome.REVIEW
    if asked and proposal(effect) in question.rejected:
        return _decided_against(effect)
    if effect.outcome is Outcome.REVIEW and effect.flag("proposed_date") and proposal(effect) in question.accepted:
        return _decided_for(effect, book)
    return effect


def _decided_against(effect: Effect) -> Effect:
    """The question is then how to serve."""
    return replace(
        effect,
        outcome=Outcome.NOT_SERVED if effect.outcome is Outcome.REVIEW else Outcome.REVIEW,
        effective_date=None,
        at=None,
        dated_by=None,
        next="serve_again",
        flags=(),
        explanation=f"an official did not confirm this: {effect.explanation}",
        explanation_zh=f"工作人员未予确认：{effect.explanation_zh}",
    )


def _decided_for(effect: Effect, book: Rulebook) -> Effect:
    """A decision of a person needs no confirmation by another (R9.6: until then no deadline runs from a proposal)."""
    day = date.fromisoformat(str(effect.flag("proposed_date")))
    return replace(
        effect,
        outcome=Outcome(str(effect.flag("proposed_outcome"))),
        effective_date=day,
        at=datetime.combine(day, time.max, tzinfo=book.zone),
        next=None,
        flags=tuple((name, value) for name, value in effect.flags if not name.startswith("proposed_")),
        explanation=f"an official decided: {effect.explanation}",
        explanation_zh=f"经工作人员决定：{effect.explanation_zh}",
    )
