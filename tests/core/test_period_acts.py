"""Instants, hours, and whether an act came in time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.core.acts import Act, in_time
from delivery.core.periods import Start, WhyNot, compute
from tests.core.terms import CIVIL, CN, INSTANT, LAST, edited, ends, period_tables, service, shanghai, start
from tests.core.test_civil import ZONES


@given(st.datetimes(datetime(2010, 1, 2), datetime(2026, 12, 1)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_an_instant_counts_at_its_day_at_the_court(naive: datetime, zone: str) -> None:
    at = naive.replace(tzinfo=UTC)
    day = at.astimezone(ZoneInfo("Asia/Shanghai")).date()
    by_instant = Start(fact="service", at=at.astimezone(ZoneInfo(zone)), outcome="served")
    assert compute("ANSWER_1", by_instant, CN, case=CIVIL) == compute(
        "ANSWER_1", Start(fact="service", day=day, outcome="served"), CN, case=CIVIL
    )


@pytest.mark.parametrize(
    ("at", "first", "last", "last_day"),
    [
        ("2025-09-16T09:40", "2025-09-16T10:00", "2025-09-18T10:00", "2025-09-18"),
        ("2025-09-16T10:00", "2025-09-16T11:00", "2025-09-18T11:00", "2025-09-18"),
        ("2025-09-16T10:00:00.000001", "2025-09-16T11:00", "2025-09-18T11:00", "2025-09-18"),
        ("2025-09-16T10:59:59", "2025-09-16T11:00", "2025-09-18T11:00", "2025-09-18"),
        ("2025-09-16T23:10", "2025-09-17T00:00", "2025-09-19T00:00", "2025-09-18"),
        ("2025-09-16T00:00", "2025-09-16T01:00", "2025-09-18T01:00", "2025-09-18"),
        ("2025-09-30T22:30", "2025-09-30T23:00", "2025-10-02T23:00", "2025-10-02"),  # a holiday: hours never roll
    ],
)
def test_hours_count_from_the_next_full_one(at: str, first: str, last: str, last_day: str) -> None:
    found = compute(
        "PRESERVATION_RULING", Start(fact="application_received", at=shanghai(at).astimezone(UTC)), CN, case=CIVIL
    )
    assert (found.first_instant, found.last_instant) == (shanghai(first), shanghai(last))
    assert found.last_instant is not None
    assert found.last_instant.isoformat().endswith("+08:00")
    assert found.nominal_last_day == found.last_day == date.fromisoformat(last_day)
    assert found.first_day == shanghai(first).date()
    assert {"PRES 4", "CPLI 125"} <= set(found.basis)


def test_hours_without_a_time_of_day_do_not_start() -> None:
    assert ends("PRESERVATION_RULING", start("application_received", "2025-09-16"))[2] == WhyNot.WRONG_START_FACT


def test_hours_pass_as_they_are_where_clocks_change() -> None:
    """48 hours over a change of the clocks are 48 hours, and full hours are those of the clock on the wall."""
    tables = period_tables("periods")
    tables["periods"]["zone"] = "Europe/Berlin"
    berlin = ZoneInfo("Europe/Berlin")
    at = datetime(2025, 3, 29, 9, 40, tzinfo=berlin)
    found = compute("PRESERVATION_RULING", Start(fact="application_received", at=at), edited(tables), case=CIVIL)
    assert found.last_instant == datetime(2025, 3, 31, 11, 0, tzinfo=berlin)
    tables["periods"]["zone"] = "Asia/Kathmandu"
    kathmandu = ZoneInfo("Asia/Kathmandu")
    at = datetime(2025, 9, 16, 9, 40, tzinfo=kathmandu)
    found = compute("PRESERVATION_RULING", Start(fact="application_received", at=at), edited(tables), case=CIVIL)
    assert found.last_instant == datetime(2025, 9, 18, 10, 0, tzinfo=kathmandu)


# --- acts ------------------------------------------------------------------------------------------------------------

APPEAL = compute("APPEAL_JUDGMENT", service("2025-09-16"), CN, case=CIVIL)


def verdict(means: str, at: datetime, arrives_at: datetime | None = None, **knobs: str) -> bool | str | None:
    return in_time(Act(id="q", means=means, at=at, arrives_at=arrives_at), APPEAL, CN.with_knobs(knobs))


@pytest.mark.parametrize("means", ["post", "e_filing"])
def test_until_midnight_of_the_last_day(means: str) -> None:
    assert verdict(means, LAST - INSTANT) is True
    assert verdict(means, LAST) is False
    assert verdict(means, (LAST - INSTANT).astimezone(UTC)) is True
    assert verdict(means, LAST.astimezone(ZoneInfo("America/New_York"))) is False
    assert verdict(means, LAST - timedelta(days=300)) is True


def test_the_way_of_a_letter_takes_as_long_as_it_takes() -> None:
    assert verdict("post", LAST - INSTANT, LAST + timedelta(days=90)) is True
    assert verdict("post", LAST, LAST + timedelta(days=1)) is False


@pytest.mark.parametrize("value", ["review", "accept"])
def test_a_courier_is_no_post(value: str) -> None:
    late = True if value == "accept" else "review"
    assert verdict("courier", LAST - INSTANT, LAST - INSTANT, K19=value) is True
    assert verdict("courier", LAST - timedelta(days=1), LAST, K19=value) == late
    assert verdict("courier", LAST - timedelta(days=1), LAST + timedelta(days=2), K19=value) == late
    assert verdict("courier", LAST - timedelta(days=1), K19=value) == late
    assert verdict("courier", LAST, LAST + timedelta(days=1), K19=value) is False
    assert verdict("courier", LAST, K19=value) is False


def test_the_hour_of_closing_is_for_electronic_filing_on_the_last_day() -> None:
    closing = shanghai("2025-10-09T17:30")
    for at, expected in ((closing - INSTANT, True), (closing, False), (LAST - INSTANT, False)):
        assert verdict("e_filing", at, K16="17:30") is expected
    assert verdict("e_filing", shanghai("2025-10-08T23:59"), K16="17:30") is True
    assert verdict("e_filing", shanghai("2025-10-09T00:00"), K16="00:00") is False
    assert verdict("e_filing", shanghai("2025-10-08T23:59"), K16="00:00") is True
    assert verdict("post", closing, K16="17:30") is True
    assert verdict("courier", closing, closing, K16="17:30") is True
    assert verdict("e_filing", LAST - INSTANT, K16="24:00") is True


def test_an_act_against_hours_is_compared_with_their_end() -> None:
    begins = Start(fact="application_received", at=shanghai("2025-09-16T09:40"))
    hours = compute("PRESERVATION_RULING", begins, CN, case=CIVIL)
    law = CN.with_knobs({"K16": "08:00"})
    for means in ("post", "e_filing"):
        assert in_time(Act(id="q", means=means, at=shanghai("2025-09-18T09:59:59")), hours, law) is True
        assert in_time(Act(id="q", means=means, at=shanghai("2025-09-18T10:00:01")), hours, law) is False


def test_without_an_end_nothing_is_in_time_or_late() -> None:
    none = compute("ANSWER_1", service(None, "pending"), CN, case=CIVIL)
    assert in_time(Act(id="q", means="post", at=LAST), none, CN) is None


@given(st.datetimes(datetime(2025, 10, 8), datetime(2025, 10, 11)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_a_postmark_counts_at_the_courts_day_wherever_it_was_made(naive: datetime, zone: str) -> None:
    at = naive.replace(tzinfo=UTC)
    day = at.astimezone(ZoneInfo("Asia/Shanghai")).date()
    assert verdict("post", at.astimezone(ZoneInfo(zone))) is (day <= date(2025, 10, 9))
