"""Served or not, how firmly, on which date, on which ground: a pure function of the facts and the rulebook (law.md §2).

Each attempt is judged by the rulebook's tables (judging.py). The attempts are combined (R8): the earliest candidate
dates the service, the stronger one on one day. Then come the consequences (R9). The order in which facts arrived, and
how often, plays no part: each fact counts at its own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from delivery.core.civil import NoCalendarData, local_day
from delivery.core.deadlines import deadlines
from delivery.core.judging import NO_CALENDAR, Judged, instant_of, judge_effect, judged_attempts
from delivery.core.model import Delivery, Document, Effect, Fact, Outcome
from delivery.core.periods import WhyNot
from delivery.core.question import Question
from delivery.core.rows import Consequence
from delivery.core.rulebook import Rulebook
from delivery.core.standing import standing_facts
from delivery.core.trial import Trial

STRENGTH = {Outcome.SERVED: 3, Outcome.DEEMED: 2, Outcome.PRESUMED: 1}
ON_PROPOSALS = frozenset({"clerk_confirm", "judge_decision", "cure_evidence", "direct_service"})
"""Tasks whose decision is one on the effect that the rulebook proposes."""

LOOK_AGAIN = timedelta(days=1)

STICKY = ("incident", "legal_opinion_due")
"""Flags that one attempt raises and another attempt's success does not lower."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, the attempt that gives it (None: nothing was tried), all attempts, and the consequences drawn from
    the `whole`.
    """

    effect: Effect
    by: Judged | None
    attempts: tuple[Judged, ...]
    consequences: tuple[Consequence, ...]
    whole: Trial

    @property
    def changes_at(self) -> datetime | None:
        """When time alone may make it another: the end of the first term that was asked for and is not over, and a day
        from now where a calendar is missing: it may be on file by then (law.md P15).
        """
        trials, now = [self.whole, *(one.trial for one in self.attempts)], self.whole.question.as_of
        ends = [end for trial in trials for end in trial.terms_end() if end > now]
        ends += [now + LOOK_AGAIN] if self._lacks_calendar else []
        return min(ends, default=None)

    @property
    def _lacks_calendar(self) -> bool:
        periods = any(one.why_not == WhyNot.NO_CALENDAR_DATA for one in self.effect.deadlines)
        return periods or any(one.effect.rule == NO_CALENDAR for one in self.attempts)


def decide(question: Question, book: Rulebook) -> Verdict:
    """The whole answer to a question."""
    verdict = _decided(question, book)
    flags = (*verdict.effect.flags, *_cancelled(question, book, verdict))
    grounds = (*verdict.effect.grounds, *_knob_grounds(question, book, verdict.effect))
    return replace(verdict, effect=replace(verdict.effect, flags=flags, grounds=tuple(dict.fromkeys(grounds))))


def _decided(question: Question, book: Rulebook) -> Verdict:
    attempts = tuple(judged_attempts(question, book))
    by, effect = _combined(question, book, attempts)
    whole = _whole(question, book, by, effect)
    drawn = tuple(_consequences(whole))
    told = _with_consequences(effect, drawn, whole)
    return Verdict(replace(told, deadlines=deadlines(whole)), by, attempts, drawn, whole)


def _cancelled(question: Question, book: Rulebook, verdict: Verdict) -> tuple[tuple[str, bool], ...]:
    """R10: a service that had an effective date has fallen; not where the legal date stays the same."""
    effect = verdict.effect
    standing = tuple(fact for fact in question.facts if not _falls(fact, book, verdict.attempts))
    if len(standing) == len(question.facts):
        return ()
    before = _decided(replace(question, facts=standing), book).effect
    fallen = before.outcome.dated and before.effective_date != effect.effective_date
    return (("deadlines_cancelled", True),) if fallen else ()


def _falls(fact: Fact, book: Rulebook, attempts: tuple[Judged, ...]) -> bool:
    """Whether such a fact can make a service fall. What is told on the spot, in writing or not, ends it before it has
    effect (MAIL 10(1)); only after another's signature does the courier carry back what counted (MAIL 10(2)).
    """
    if fact.kind not in book.combination.falls_with:
        return False
    mine = (one.trial for one in attempts if (one.trial.place.id, one.trial.number) == (fact.address, fact.attempt))
    return fact.raised_to != "courier" or all(trial.found("mismatch").value != "courier" for trial in mine)


def _knob_grounds(question: Question, book: Rulebook, effect: Effect) -> Iterable[str]:
    """R10: a knob that is not at its default is a ground where the answer would be another without it."""
    for name in question.knobs:
        plain = {other: told for other, told in question.knobs.items() if other != name}
        if _answer_of(_decided(replace(question, knobs=plain), book).effect) != _answer_of(effect):
            yield book.knobs[name].ground


def _answer_of(effect: Effect) -> tuple[object, ...]:
    return effect.outcome, effect.effective_date, effect.next, effect.flag("proposed_date")


# --- R8: several attempts --------------------------------------------------------------------------------------------


def _combined(question: Question, book: Rulebook, attempts: tuple[Judged, ...]) -> tuple[Judged | None, Effect]:
    candidates = [one for one in attempts if one.effect.outcome.dated]
    if candidates:
        by = _dating(question, book, candidates)
        return by, _stuck(_legal_date(question, book, by, candidates), attempts)
    live = [one for one in attempts if one.effect.outcome is Outcome.PENDING]
    if not attempts:
        return None, _nothing_yet()
    # R8.3: while something is under way the whole is; else what came of the latest attempt stands.
    by = max(live or attempts, key=lambda one: (one.last, one.trial.began.at if one.trial.began else one.last))
    return by, _stuck(by.effect, attempts)


def _nothing_yet() -> Effect:
    return Effect(
        outcome=Outcome.PENDING, explanation="nothing has been sent yet", explanation_zh="尚未发送", rule="none"
    )


def _stuck(effect: Effect, attempts: tuple[Judged, ...]) -> Effect:
    raised = {name for one in attempts for name, value in one.effect.flags if value and name in STICKY}
    added = [(name, True) for name in STICKY if name in raised and not effect.flag(name)]
    return replace(effect, flags=(*effect.flags, *added))


def _order(one: Judged) -> tuple[date, int, datetime]:
    """R8.1: the earliest; on one date the stronger; with one strength the earlier instant."""
    effect = one.effect
    return effect.effective_date or date.max, -STRENGTH[effect.outcome], effect.at or one.last


def _dating(question: Question, book: Rulebook, candidates: list[Judged]) -> Judged:
    media = [[one for one in candidates if one.electronic], [one for one in candidates if not one.electronic]]
    best = [min(group, key=_order) for group in media if group]
    knob = candidates[0].trial.found(book.combination.knob).value
    if knob == "latest":  # on one day the stronger all the same
        last = max(one.effect.effective_date or date.min for one in best)
        best = [one for one in best if one.effect.effective_date == last]
    return min(best, key=_order)


def _legal_date(question: Question, book: Rulebook, by: Judged, candidates: list[Judged]) -> Effect:
    effect = by.effect
    flags: list[tuple[str, bool | str]] = [*effect.flags, ("effective_address", by.trial.place.id)]
    firm = [one.effect.effective_date for one in candidates if one.effect.outcome is Outcome.SERVED]
    if effect.outcome is Outcome.PRESUMED:
        flags += [("fallback_date", str(min(day for day in firm if day)))] if firm else []
        flags.append(("objection_window_open", not by.trial.found("objection_decided").value))
    grounds = (*effect.grounds, *_competing(question, book, candidates))
    confirmed = _confirmed(replace(effect, grounds=grounds, flags=tuple(flags)), question, book)
    flags += [("confirmation_due", True)] if confirmed.next == "clerk_confirm" else []
    return replace(confirmed, flags=tuple(flags))


def _competing(question: Question, book: Rulebook, candidates: list[Judged]) -> tuple[str, ...]:
    """R8.1: what candidates that compete add to the grounds."""
    part = book.combination
    if len(candidates) < 2:
        return ()
    electronic = [one for one in candidates if one.electronic]
    added = [*part.electronic] if len(electronic) > 1 else []
    added += part.media if 0 < len(electronic) < len(candidates) else ()
    added += part.agent if len({one.trial.place.holder for one in candidates}) > 1 else ()
    return (*added, *part.domicile.get(question.recipient.domicile, ()))


def _confirmed(effect: Effect, question: Question, book: Rulebook) -> Effect:
    """R9.1: what is presumed or deemed waits for a named official, then stands."""
    if effect.next == "clerk_confirm" and any(_confirms(fact, effect, question, book) for fact in question.facts):
        return replace(effect, next=None)
    return effect


def _confirms(fact: Fact, effect: Effect, question: Question, book: Rulebook) -> bool:
    """A confirmation is of what was there to confirm: not of a later day, nor of what replaces something annulled."""
    if fact.kind != "official_confirmation" or effect.effective_date is None:
        return False
    if effect.effective_date > local_day(fact.at, book.zone):
        return False
    kept = tuple(other for other in question.facts if other.kind != "annulled" or other.at < fact.at)
    if kept == question.facts:
        return True
    return _dated_by(_decided(replace(question, facts=kept), book).effect) == _dated_by(effect)


def _dated_by(effect: Effect) -> tuple[object, ...]:
    return effect.outcome, effect.effective_date, effect.flag("effective_address")


# --- R9: consequences ------------------------------------------------------------------------------------------------


def _whole(question: Question, book: Rulebook, by: Judged | None, effect: Effect) -> Trial:
    """The service as a whole before the rules on its consequences."""
    if by is None:
        return Trial(question, book, None, 1, (), judge_effect, effect)
    trial = by.trial
    return Trial(question, book, trial.address, trial.number, trial.mine, judge_effect, effect)


def _consequences(whole: Trial) -> Iterable[Consequence]:
    day = whole.day(whole.question.as_of)
    for row in whole.book.consequences:
        try:
            if row.in_force(day) and whole.fires(row.when):
                yield row
        except NoCalendarData:
            continue  # what depends on a calendar nobody has published is not said


def _with_consequences(effect: Effect, drawn: tuple[Consequence, ...], whole: Trial) -> Effect:
    for row in drawn:
        flags: list[tuple[str, bool | str]] = [*effect.flags, *row.flags]
        moments = ((name, whole.when(moment)) for name, moment in row.instants)
        zone = whole.book.zone
        flags += [(name, instant_of(when, whole).astimezone(zone).isoformat()) for name, when in moments if when]
        effect = replace(effect, flags=tuple(flags), grounds=tuple(dict.fromkeys((*effect.grounds, *row.grounds))))
        if row.outcome:
            effect = _replaced(effect, row)
    return replace(effect, next=_next([effect.next, *(row.next for row in drawn)], whole.book))


def _replaced(effect: Effect, row: Consequence) -> Effect:
    """R5.3: whatever the attempts say."""
    return replace(
        effect,
        outcome=row.outcome or effect.outcome,
        next=row.next,
        grounds=row.grounds,
        rule=row.id,
        explanation=row.says,
        explanation_zh=row.says_zh,
    )


def _next(steps: list[str | None], book: Rulebook) -> str | None:
    """R10: of several next steps the first of these; the others are open tasks all the same."""
    return next((step for step in book.combination.first_next if step in steps), steps[0])


# --- deliveries ------------------------------------------------------------------------------------------------------


def questions(
    delivery: Delivery, now: datetime, knobs: Mapping[str, str] | None = None
) -> tuple[tuple[Document, Question], ...]:
    """What is asked of a delivery's documents, by the facts that stand at `now`."""
    facts = tuple(fact for fact in standing_facts(delivery) if fact.at <= now)
    asked = Question(
        case=delivery.case,
        document=delivery.documents[0],
        recipient=delivery.recipient,
        facts=facts,
        as_of=now,
        knobs=knobs or {},
        accepted=_decisions(delivery, "confirm"),
        rejected=_decisions(delivery, "reject"),
    )
    return tuple((document, replace(asked, document=document)) for document in delivery.documents)


def verdicts(delivery: Delivery, book: Rulebook, now: datetime) -> tuple[tuple[str, Verdict], ...]:
    """The verdict on each document, as of `now`."""
    return tuple((document.id, decide(question, book)) for document, question in questions(delivery, now))


def document_effects(delivery: Delivery, book: Rulebook, now: datetime) -> tuple[tuple[str, Effect], ...]:
    """The effect of each document, as of `now`."""
    return tuple((document, verdict.effect) for document, verdict in verdicts(delivery, book, now))


def _decisions(delivery: Delivery, wanted: str) -> frozenset[str]:
    """The proposals on which a person decided so."""
    decided = [task.proposal for task, said in delivery.closed_tasks if said == wanted and task.kind in ON_PROPOSALS]
    return frozenset(proposed for proposed in decided if proposed)


def is_final(effects: tuple[tuple[str, Effect], ...]) -> bool:
    """Every document has a date, and nobody has to confirm it any more (R9.1)."""
    return bool(effects) and all(e.outcome.dated and not e.flag("confirmation_due") for _, e in effects)
