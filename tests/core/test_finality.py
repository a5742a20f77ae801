"""When a judgment is final: the periods of all parties together."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.core.acts import Act, in_time
from delivery.core.periods import Case, Party, Period, Start, WhyNot, compute, finality
from tests.core.terms import CIVIL, CN, INSTANT, LAST, known, service, start


def party(day: str | None, outcome: str = "served", *, home: bool = True, id_: str = "p") -> Party:
    return Party(id=id_, prc_domicile=home, start=service(day, outcome))


def final(*parties: Party, code: str = "FINALITY_JUDGMENT", case_kind: str = "civil") -> Period:
    return finality(code, parties, CN, case=Case(kind=case_kind))


def test_the_latest_appeal_period_decides() -> None:
    found = final(party("2025-09-10"), party("2025-09-18"), party("2025-09-01", home=False), party("2025-09-02"))
    assert (found.last_day, found.nominal_last_day, found.why_not) == (date(2025, 10, 9), None, None)
    assert final(party("2025-09-10"), party("2025-09-12")).last_day == date(2025, 9, 28)
    assert final(party("2025-09-12"), party("2025-09-10")).last_day == date(2025, 9, 28)
    assert final(party("2025-09-10"), code="FINALITY_RULING").last_day == date(2025, 9, 22)
    assert final(party("2025-09-10"), case_kind="criminal").last_day == date(2025, 9, 22)
    assert final(party("2025-09-09"), case_kind="criminal", code="FINALITY_RULING").last_day == date(2025, 9, 15)
    assert [name for name, _ in found.parts] == ["p"] * 4
    assert found.effective_on == date(2025, 10, 10)
    assert compute("ANSWER_1", service("2025-09-01"), CN, case=CIVIL).effective_on is None
    assert final(party(None, "pending")).effective_on is None
    assert {"CPLI 244", "CPL 171", "CPL 85(3)"} <= set(found.basis)


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ([party(None, "pending")], WhyNot.RECIPIENT_NOT_SERVED),
        ([party(None, "not_served")], WhyNot.RECIPIENT_NOT_SERVED),
        ([party("2025-09-01", "annulled")], WhyNot.RECIPIENT_NOT_SERVED),
        ([party(None, "review")], WhyNot.RECIPIENT_NOT_SERVED),
        ([party("2031-09-01")], WhyNot.NO_CALENDAR_DATA),
        ([party("2031-09-01"), party(None, "pending")], WhyNot.RECIPIENT_NOT_SERVED),
        ([Party(id="x", prc_domicile=True, start=start("sent", "2025-09-01"))], WhyNot.WRONG_START_FACT),
        (
            [party(None, "pending"), Party(id="x", prc_domicile=True, start=start("sent", "2025-09-01"))],
            WhyNot.WRONG_START_FACT,
        ),
    ],
)
def test_one_missing_service_blocks_finality(others: list[Party], why: WhyNot) -> None:
    for parties in ([party("2025-09-10", "presumed"), *others], [*others, party("2025-09-10")]):
        found = final(*parties)
        assert (found.why_not, found.last_day, found.provisional, found.expiry) == (why, None, False, None)


def test_finality_is_provisional_if_one_service_is() -> None:
    assert not final(party("2025-09-10"), party("2025-09-11", "deemed")).provisional
    assert final(party("2025-09-10", "presumed"), party("2025-09-18")).provisional
    assert final(party("2025-09-10"), party("2025-09-18", "review")).provisional


def test_an_act_is_compared_with_the_latest_end() -> None:
    found = final(party("2025-09-10"), party("2025-09-18"))
    assert in_time(Act(id="q", means="post", at=LAST - INSTANT), found, CN) is True
    assert in_time(Act(id="q", means="post", at=LAST), found, CN) is False


@given(st.lists(st.tuples(known, st.booleans()), min_size=1, max_size=5))
def test_no_party_may_still_appeal_when_it_is_final(services: list[tuple[date, bool]]) -> None:
    parties = [
        Party(id=str(n), prc_domicile=home, start=Start(fact="service", day=day, outcome="served"))
        for n, (day, home) in enumerate(services)
    ]
    found = final(*parties)
    each = [compute("APPEAL_JUDGMENT", p.start, CN, case=CIVIL, prc_domicile=p.prc_domicile).last_day for p in parties]
    if None in each:
        assert found.why_not == WhyNot.NO_CALENDAR_DATA
    else:
        assert found.last_day == max(day for day in each if day)
        assert found == final(*parties) == finality("FINALITY_JUDGMENT", tuple(parties), CN, case=CIVIL)
        assert final(*reversed(parties)).last_day == found.last_day
