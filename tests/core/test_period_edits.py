"""Periods when a lawyer edits the rulebook, or a gazette appears."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from delivery.core.acts import Act, in_time
from delivery.core.decide import Conclude, next_step
from delivery.core.knobs import Knobs
from delivery.core.periods import WhyNot, compute
from tests.core.story import DAYS, Story
from tests.core.terms import CIVIL, CN, calendar_files, edited, ends, period_tables, service, shanghai, start
from tests.core.world import address, book


def test_a_new_notice_length_from_a_date_on() -> None:
    tables = period_tables("periods")
    notice = next(row for row in tables["period"] if row["code"] == "NOTICE_DOM")
    notice["lengths"][-1]["valid_to"] = date(2026, 6, 30)
    notice["lengths"].append({"n": 20, "unit": "day", "valid_from": date(2026, 7, 1), "sources": ["CPL 95 (2026)"]})
    law = edited(tables)
    assert ends("NOTICE_DOM", start("last_publication", "2026-06-30"), law)[0] == "2026-07-30"
    assert ends("NOTICE_DOM", start("last_publication", "2026-07-01"), law)[0] == "2026-07-21"
    old = start("last_publication", "2021-10-01")
    assert compute("NOTICE_DOM", old, law, case=CIVIL) == compute("NOTICE_DOM", old, CN, case=CIVIL)


def test_a_new_make_up_day() -> None:
    files = calendar_files()
    assert ends("ANSWER_1", service("2025-06-06"), edited()) == ("2025-06-21", "2025-06-23", None)
    row = {"date": date(2025, 6, 21), "kind": "make_up", "festival": "端午节"}
    files["2025.toml"]["days"].append(row)
    law = edited(calendars=files)
    assert ends("ANSWER_1", service("2025-06-06"), law) == ("2025-06-21", "2025-06-21", None)
    assert law.calendar.version != CN.calendar.version
    assert ends("ANSWER_1", service("2025-06-06"), law.with_knobs({"K15": "no"}))[1] == "2025-06-23"


def test_the_gazette_of_a_new_year_answers_what_could_not_be_told() -> None:
    files = calendar_files()
    new_year = {"date": date(2027, 1, 1), "kind": "off", "festival": "元旦"}
    files["2027.toml"] = {"year": 2027, "version": "2027-1", "days": [new_year]}
    law = edited(calendars=files)
    assert ends("ANSWER_1", service("2026-12-17"))[2] == WhyNot.NO_CALENDAR_DATA
    assert ends("ANSWER_1", service("2026-12-17"), law) == ("2027-01-01", "2027-01-04", None)
    assert law.calendar.version.startswith("2027-1+")


def test_a_delivery_that_waits_for_the_gazette_is_told_anew_once_it_is_there() -> None:
    """Concluded in the last December known; its deadlines lie in a year nobody has published."""
    year, story = max(CN.calendar.years), Story(address("email"))
    story.delivery = replace(story.delivery, documents=(replace(story.delivery.documents[0], type="complaint_copy"),))
    story.later(shanghai(f"{year}-12-28T10:00") - story.now)
    story.sent()
    story.told("arrived")
    story.concludes()
    story.proves()
    assert story.rests() == story.now + DAYS
    files = calendar_files()
    off = {"date": date(year + 1, 1, 1), "kind": "off", "festival": "元旦"}
    files["new.toml"] = {"year": year + 1, "version": "new-1", "days": [off]}
    law = edited(calendars=files)
    published = replace(book(), rest_days=law.calendar, period_law=law)
    step = next_step(story.delivery, published, story.now + DAYS, inquirable=frozenset())
    assert isinstance(step, Conclude)
    assert step.revised
    last = {deadline.last_day for _, effect in step.effects for deadline in effect.deadlines}
    assert all(day and date(year + 1, 1, 12) <= day < date(year + 1, 1, 15) for day in last)


def test_a_period_of_a_courts_own() -> None:
    tables = period_tables("periods")
    tables["period"].append(
        {
            "code": "PAY_FEES",
            "name_zh": "缴费期限",
            "name_en": "payment of fees",
            "starts": ["notice_received"],
            "rolls": True,
            "lengths": [{"n": 7, "unit": "day", "sources": ["FEES 22"]}],
        }
    )
    assert ends("PAY_FEES", start("notice_received", "2025-09-01"), edited(tables))[1] == "2025-09-08"


def test_a_setting_from_a_day_on_leaves_earlier_periods_alone() -> None:
    """2025-09-28 and 2025-10-11 are make-up days: the first ends a period here, the second does not."""
    since = {"K15": (date(2025, 9, 20), "no"), "K16": (date(2025, 10, 1), "17:30")}
    later = {name: replace(CN.knobs.by_id[name], since=(change,)) for name, change in since.items()}
    law = replace(CN, knobs=Knobs({**CN.knobs.by_id, **later}))
    assert ends("ANSWER_1", service("2025-09-13"), law)[1] == "2025-09-28"
    assert ends("ANSWER_1", service("2025-09-26"), law)[1] == "2025-10-13"
    assert ends("ANSWER_1", service("2025-09-26"), law.with_knobs({"K15": "yes"}))[1] == "2025-10-11"
    for served, taken in (("2025-09-08", True), ("2025-09-16", False)):
        found = compute("ANSWER_1", service(served), law, case=CIVIL)
        assert found.expiry is not None
        act = Act(id="q", means="e_filing", at=found.expiry - timedelta(hours=1))
        assert in_time(act, found, law) is taken
