"""Why: the rule that fired, the facts it used, the rules that nearly fired and what each lacked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from delivery.core.civil import NoCalendarData
from delivery.core.effect import Verdict
from delivery.core.judging import NO_CALENDAR, Judged
from delivery.core.model import Effect, Fact
from delivery.core.rows import Rule, Wanted
from delivery.core.trial import Trial, Value

MOST_NEAR = 8
GIVEN = frozenset(
    {
        *("case_kind", "procedure", "stage", "court", "document", "judgment_class", "recipient_kind", "domicile"),
        *("standing", "channel", "medium", "basis", "holder", "law_on_e_service", "law_on_mail"),
    }
)
"""Findings that nothing which could still happen to the attempt would change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A rule that would have fired but for one finding: what it wanted there, and what was found."""

    rule: str
    says: str
    says_zh: str
    finding: str
    wanted: tuple[Value, ...]
    found: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Of one row that fired: its findings as they were found, and the facts they rest on, by time."""

    rule: str
    says: str
    says_zh: str
    because: Mapping[str, Value] = field(default_factory=dict)
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherAttempt:
    """What became of an attempt that does not give the answer."""

    address: str
    attempt: int
    effect: Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Of a whole verdict. `law_of`: the day whose law decided; None where nothing was tried."""

    decided: Reasons
    law_of: date | None = None
    nearly: tuple[Near, ...] = ()
    consequences: tuple[Reasons, ...] = ()
    others: tuple[OtherAttempt, ...] = ()


def explain(verdict: Verdict) -> Explanation:
    """The explanation of a verdict."""
    effect, by = verdict.effect, verdict.by
    says, says_zh = effect.explanation, effect.explanation_zh
    drawn = tuple(_reasons(row.id, row.says, row.says_zh, row.when, verdict.whole) for row in verdict.consequences)
    if by is None or by.rule is None:
        plain = Reasons(rule=effect.rule or "", says=says, says_zh=says_zh, facts=by.trial.mine if by else ())
        return Explanation(decided=plain, consequences=drawn, others=_others(verdict))
    return Explanation(
        decided=_reasons(by.rule.id, says, says_zh, by.rule.when, by.trial, by.rule),
        law_of=by.trial.law_day(by.trial.book.law_days[by.rule.table]),
        nearly=tuple(_nearly(by)),
        consequences=drawn,
        others=_others(verdict),
    )


def _reasons(rule: str, says: str, says_zh: str, when: Wanted, trial: Trial, dated: Rule | None = None) -> Reasons:
    found = {name: trial.found(name) for name, _ in when}
    moment = dated.date.of(trial) if dated and dated.date else None
    used = [fact for answer in found.values() for fact in answer.facts] + [*(moment[1].facts if moment else ())]
    return Reasons(
        rule=rule,
        says=says,
        says_zh=says_zh,
        because={name: answer.value for name, answer in found.items()},
        facts=tuple(sorted(set(used), key=lambda fact: (fact.at, fact.kind))),
    )


def _others(verdict: Verdict) -> tuple[OtherAttempt, ...]:
    rest = (one for one in verdict.attempts if one is not verdict.by)
    return tuple(OtherAttempt(address=o.trial.place.id, attempt=o.trial.number, effect=o.effect) for o in rest)


def _nearly(by: Judged) -> Iterable[Near]:
    """The rules of the attempt's tables that lacked one finding. Those that lacked something that happened come before
    those for another kind of case or person; then those that ask most.
    """
    near = [(rule, one) for rule in _rules(by) if rule is not by.rule and (one := _near(rule, by.trial))]
    near.sort(key=lambda pair: (pair[1].finding in GIVEN or pair[1].finding in by.trial.book.knobs, -len(pair[0].when)))
    return (one for _, one in near[:MOST_NEAR])


def _rules(by: Judged) -> Iterable[Rule]:
    trial = by.trial
    for table in trial.book.channels[trial.place.channel]:
        yield from trial.book.table(table, trial.law_day(trial.book.law_days[table]))


def _near(rule: Rule, trial: Trial) -> Near | None:
    lacking = [(name, wanted) for name, wanted in rule.when if _found(trial, name) not in wanted]
    if len(lacking) != 1 or len(rule.when) == 1:
        return None
    ((name, wanted),) = lacking
    found = _found(trial, name)
    return Near(rule=rule.id, says=rule.says, says_zh=rule.says_zh, finding=name, wanted=wanted, found=found)


def _found(trial: Trial, name: str) -> Value:
    try:
        return trial.found(name).value
    except NoCalendarData:
        return NO_CALENDAR
