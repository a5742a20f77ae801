"""A computed period as the command line prints it, with its explanation in Chinese and English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from delivery.core.catalogue import Catalogue
from delivery.core.civil import NOT_MADE_UP, WEEKLY_REST, add
from delivery.core.periods import Period, WhyNot
from delivery.core.words import Words, named

UNIT_WORDS = {"day": ("日", "day"), "month": ("个月", "month"), "year": ("年", "year"), "hour": ("小时", "hour")}

REST_WORDS = {
    WEEKLY_REST: ("周末", "weekend"),
    NOT_MADE_UP: ("按休息日计的调休上班日", "make-up day that counts as a rest day"),
    "元旦": ("元旦", "New Year's Day"),
    "春节": ("春节", "Spring Festival"),
    "清明节": ("清明节", "Tomb-Sweeping Day"),
    "劳动节": ("劳动节", "Labour Day"),
    "端午节": ("端午节", "Dragon Boat Festival"),
    "中秋节": ("中秋节", "Mid-Autumn Festival"),
    "国庆节": ("国庆节", "National Day"),
    "抗战胜利70周年纪念日": ("抗战胜利70周年纪念日", "70th anniversary of victory, 2015"),
}

STAY_WORDS = {"jurisdiction_objection": ("提出管辖权异议", "An objection to jurisdiction")}

WHY_NOT_WORDS: Mapping[WhyNot, Words] = {
    WhyNot.WRONG_START_FACT: Words(
        "该事实不能起算此期间，或此类案件无此期间",
        "this fact does not start this period, or such a case has no such period",
    ),
    WhyNot.START_ANNULLED: Words("起算的送达已被撤销", "the service that started it was annulled"),
    WhyNot.NOT_SERVED: Words("起算事实尚未发生", "what starts it has not happened yet"),
    WhyNot.RECIPIENT_NOT_SERVED: Words("有当事人尚未有效送达", "a party has not been validly served"),
    WhyNot.LENGTH_NOT_ALLOWED: Words("法院所定期限超出允许范围", "the court set a length outside the bounds"),
    WhyNot.SUSPENDED: Words("期间中止，尚未恢复计算", "the period is stopped and does not run on yet"),
    WhyNot.NO_CALENDAR_DATA: Words("所需年份尚无放假安排数据", "there is no calendar for a year that is needed"),
}


def period_json(
    id_: str,
    period: Period,
    in_time: Mapping[str, bool | str],
    catalogue: Catalogue,
    outages: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The answer to one scenario, ready for JSON: days as YYYY-MM-DD, instants with the offset of the court's zone.
    `outages`: what is shown beside it (outage_json), and moves nothing.
    """
    found: dict[str, Any] = {
        "id": id_,
        "nominal_last_day": _day(period.nominal_last_day),
        "last_day": _day(period.last_day),
        "error": period.why_not,
        "provisional": period.provisional,
    }
    if period.last_instant is not None:
        found["last_instant"] = period.last_instant.isoformat()
    if in_time:
        found["in_time"] = dict(in_time)
    if outages:
        found["outages"] = list(outages)
    return {**found, "explanation": explanation(period, catalogue)}


def explanation(period: Period, catalogue: Catalogue) -> dict[str, Any]:
    """What the days rest on: articles and knobs, the calendar's version, and each step in words."""
    found: dict[str, Any] = {
        "basis": list(period.basis),
        "calendar_version": period.calendar_version,
        "first_day": _day(period.first_day),
        "length": {"n": period.span.n, "unit": period.span.unit} if period.span else None,
        "rolled_by": [{"day": day.isoformat(), "why": why} for day, why in period.rolled_by],
        "steps": [step._asdict() for step in steps(period, catalogue)],
    }
    if period.stays:
        found["suspended_by"] = [
            {"fact": stay.fact, "from": stay.begins.isoformat(), "to": _day(stay.ends)} for stay in period.stays
        ]
    if period.parts:
        found["effective_on"] = _day(period.effective_on)
        found["parties"] = {
            name: {"last_day": _day(part.last_day), "error": part.why_not, "basis": list(part.basis)}
            for name, part in period.parts
        }
    return found


def steps(period: Period, catalogue: Catalogue) -> Iterator[Words]:
    """The way from the start fact to the last day, a sentence each."""
    rule = catalogue.rules[period.code]
    yield Words(f"{rule.name_zh}（{period.code}）", f"Period: {rule.name_en} ({period.code})")
    if period.why_not is not None:
        zh, en = WHY_NOT_WORDS[period.why_not]
        yield Words(f"无法计算：{zh}", f"No day can be told: {en}")
        return
    yield from _counted(period) if period.span else _of_all(period)
    if period.rolled_by:
        yield _rolled(period)
    if period.unusual:
        yield Words("期限长于通常，请核对", "This is longer than usual: please check")
    if period.provisional:
        yield Words("起算的送达为推定或待审查，结果为暂定", "The start is presumed or under review: provisional")


def _counted(period: Period) -> Iterator[Words]:
    assert period.span is not None  # noqa: S101 - steps() has seen it
    n, unit = period.span.n, named(UNIT_WORDS, period.span.unit)
    length = Words(f"{n}{unit.zh}", f"{n} {unit.en}{'' if n == 1 else 's'}")
    if period.first_instant is not None and period.last_instant is not None:
        first, last = period.first_instant.isoformat(), period.last_instant.isoformat()
        yield Words(f"自下一整点 {first} 起算，开始之时不计入", f"It counts from the next full hour, {first}")
        yield Words(f"期间{length.zh}，于 {last} 届满", f"It lasts {length.en}, until {last}")
        return
    start, first_day = period.start_day, period.first_day
    last_day = period.nominal_last_day if start is None else add(start, n, period.span.unit)
    yield Words(f"{start} 起算，当日不计入；第一日为 {first_day}", f"{start} is not counted; day 1 is {first_day}")
    yield Words(f"期间{length.zh}，届满日为 {last_day}", f"It lasts {length.en}: the last day is {last_day}")
    for stay in period.stays:
        why = named(STAY_WORDS, stay.fact)
        yield Words(
            f"{stay.begins} {why.zh}，期间中止；裁定于 {stay.ends} 生效，次日起恢复计算",
            f"{why.en} on {stay.begins} stops it; the ruling takes effect on {stay.ends}: it runs on the day after",
        )
    if period.stays:
        nominal = period.nominal_last_day
        yield Words(f"剩余期间计算后，届满日为 {nominal}", f"With what was left of it, the last day is {nominal}")


def _of_all(period: Period) -> Iterator[Words]:
    for name, part in period.parts:
        yield Words(f"{name}：上诉期至 {part.last_day}", f"{name}: may appeal until {part.last_day}")
    yield Words(
        f"以最后届满者为准：{period.last_day}；无人上诉的，{period.effective_on} 生效",
        f"The latest counts: {period.last_day}. If nobody appeals, it takes effect on {period.effective_on}",
    )


def _rolled(period: Period) -> Words:
    reasons = [named(REST_WORDS, why) for why in dict.fromkeys(why for _, why in period.rolled_by)]
    first, last = period.rolled_by[0][0], period.rolled_by[-1][0]
    zh, en = "、".join(r.zh for r in reasons), ", ".join(r.en for r in reasons)
    return Words(
        f"{first} 至 {last} 为休息日（{zh}），顺延至 {period.last_day}",
        f"{first} to {last} are rest days ({en}): it rolls to {period.last_day}",
    )


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
