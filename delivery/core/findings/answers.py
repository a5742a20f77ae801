"""The service as a whole, for the rules on its consequences (law.md R9): what was decided, and what came after."""

from __future__ import annotations

from datetime import date

from delivery.core.deadlines import appeal_nominal, appeal_period
from delivery.core.model import Outcome
from delivery.core.periods import WhyNot
from delivery.core.trial import Found, Trial, Value, When, finding, moment, proof


@finding("outcome", tuple(Outcome))
def _outcome(trial: Trial) -> Value:
    return str(trial.answer.outcome) if trial.answer else "pending"


@finding("dated")
def _dated(trial: Trial) -> Value:
    return trial.answer is not None and trial.answer.outcome.dated


@finding("paper", ("not_asked", "asked", "handed_over"))
def _paper(trial: Trial) -> Found:
    """CPL 90(1): a paper copy asked for, and handed over after that."""
    asked, given = trial.anywhere("paper_requested"), trial.anywhere("paper_handed_over")
    if not asked:
        return Found("not_asked")
    done = bool(given) and max(fact.at for fact in given) >= max(fact.at for fact in asked)
    return proof(*asked, *given, value="handed_over" if done else "asked")


@finding("hearing_missed")
def _hearing_missed(trial: Trial) -> Found:
    return proof(*trial.anywhere("hearing_missed"))


@finding("clear_days_left", ("none", "few", "enough"))
def _clear_days_left(trial: Trial) -> Value:
    """CPL 139: whether the days that must lie between service and hearing do (how they are counted: K18)."""
    hearing, effect = trial.question.document.hearing_at, trial.answer
    if hearing is None or effect is None or effect.effective_date is None:
        return "none"
    between = (trial.day(hearing) - effect.effective_date).days
    knob = trial.found(trial.book.hearing_knob).value
    return "enough" if between >= trial.book.hearing_days[str(knob)] else "few"


@finding("died_in_appeal_period")
def _died_in_appeal_period(trial: Trial) -> Value:
    """CPL 153(1): before the period for appeal had run out. Who died before service was not served (law.md R2.1)."""
    since, last = trial.question.recipient.standing.since, _appeal_end(trial)
    return bool(since and last and trial.day(since) <= last)


@finding("appeal_end_unknown")
def _appeal_end_unknown(trial: Trial) -> Value:
    """Died when the period for appeal may have been over: its last day needs a calendar nobody has published."""
    since, appeal = trial.question.recipient.standing.since, appeal_period(trial)
    unknown = appeal is not None and appeal.why_not is WhyNot.NO_CALENDAR_DATA
    return bool(since and unknown and not trial.found("died_in_appeal_period").value)


def _appeal_end(trial: Trial) -> date | None:
    """The last day for appeal; where that needs such a calendar, the day before which it does not end."""
    appeal = appeal_period(trial)
    if appeal and appeal.why_not is WhyNot.NO_CALENDAR_DATA:
        return appeal_nominal(trial)
    return appeal.last_day if appeal else None


@moment("effect")
def _effect(trial: Trial) -> When | None:
    """The instant the service took effect."""
    effect = trial.answer
    return When(effect.at) if effect and effect.at else None
