"""What follows from the acts on a key: who seals when, what is refused to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.clock import COURT_ZONE
from delivery.core.seal_keys import (
    ENABLED,
    ITSELF,
    MADE,
    REVOKED,
    KeyAct,
    KeyState,
    Refusal,
    SealKey,
    overlapping,
    refusal_to_enable,
    refusal_to_revoke,
    sealing,
    state_of,
)

T = datetime(2026, 3, 2, 9, tzinfo=COURT_ZONE)
DAY = timedelta(days=1)
ROLES = {"clerk": "clerk", "second": "clerk", "judge": "judge", "other": "judge"}


def key(name: str, *acts: KeyAct, begins: datetime = T - DAY, ends: datetime = T + 365 * DAY) -> SealKey:
    return SealKey(
        id=name,
        court="632801",
        source="{}",
        algorithm="ecdsa-p256-sha256",
        bits=256,
        subject="CN=x",
        fingerprint=name,
        certificate="",
        not_before=begins,
        not_after=ends,
        acts=(act(MADE, "operator"), *acts),
    )


def act(what: str, by: str, at: datetime = T, since: datetime | None = None) -> KeyAct:
    return KeyAct(at=at, act=what, by=by, role=ROLES.get(by, "operator"), reason="x", since=since)


def enabled(name: str, at: datetime = T, **more: datetime) -> SealKey:
    return key(name, act(ENABLED, "clerk", at), act(ENABLED, "judge", at), **more)


def test_one_person_is_not_enough() -> None:
    one = key("a", act(ENABLED, "judge"))
    assert sealing([one], "632801", T + DAY) is None
    assert state_of(one, [one], T) is KeyState.HALF_ENABLED
    assert refusal_to_enable(one, "judge", "judge") is Refusal.SAME_PERSON
    assert refusal_to_enable(one, "clerk", "clerk") is None


def test_one_of_the_two_is_a_judge() -> None:
    one = key("a", act(ENABLED, "clerk"))
    assert refusal_to_enable(one, "second", "clerk") is Refusal.NEEDS_JUDGE
    assert refusal_to_enable(one, "judge", "judge") is None


def test_the_first_key_of_a_self_made_installation_enables_itself() -> None:
    one = key("a", act(ENABLED, ITSELF, T, since=T - DAY))
    assert sealing([one], "632801", T - DAY) == one
    assert state_of(one, [one], T) is KeyState.SEALING


def test_rotation_with_overlap() -> None:
    old = enabled("a")
    new = replace(enabled("b"), acts=(act(MADE, "operator", since=T + 7 * DAY), *enabled("b").acts[1:]))
    both = [old, new]
    assert sealing(both, "632801", T + 6 * DAY) == old
    assert sealing(both, "632801", T + 7 * DAY) == new
    assert [state_of(each, both, T + DAY) for each in both] == [KeyState.SEALING, KeyState.ENABLED]
    assert [state_of(each, both, T + 8 * DAY) for each in both] == [KeyState.RETIRED, KeyState.SEALING]
    assert overlapping(both, "632801") == (new, old)


def test_the_second_seal_s_keys_are_counted_apart() -> None:
    first, second = enabled("a"), replace(enabled("b", T + DAY), algorithm="sm2-sm3")
    both = [first, second]
    assert sealing(both, "632801", T + 2 * DAY) == first
    assert sealing(both, "632801", T + 2 * DAY, second=True) == second
    assert sealing(both, "632801", T, second=True) is None
    assert [state_of(each, both, T + 2 * DAY) for each in both] == [KeyState.SEALING, KeyState.SEALING]
    assert (overlapping(both, "632801"), overlapping(both, "632801", second=True)) == ((first,), (second,))


def test_a_revoked_key_seals_no_more_and_the_old_one_steps_in() -> None:
    old, new = enabled("a"), enabled("b", T + DAY)
    revoked = replace(new, acts=(*new.acts, act(REVOKED, "judge", T + 2 * DAY)))
    assert sealing([old, new], "632801", T + 3 * DAY) == new
    assert sealing([old, revoked], "632801", T + 3 * DAY) == old
    assert overlapping([old, revoked], "632801") == (old,)
    assert refusal_to_enable(revoked, "other", "judge") is Refusal.OVER
    assert refusal_to_revoke(revoked, "other", "judge") is Refusal.OVER


def test_a_certificate_that_has_run_out() -> None:
    one = enabled("a", ends=T + DAY)
    assert sealing([one], "632801", T + 2 * DAY) is None
    assert state_of(one, [one], T + 2 * DAY) is KeyState.EXPIRED


def test_a_key_does_not_seal_before_its_certificate() -> None:
    one = enabled("a", begins=T + DAY)
    assert sealing([one], "632801", T) is None
    assert sealing([one], "632801", T + DAY) == one


@pytest.mark.parametrize(("who", "refused"), [("clerk", Refusal.NEEDS_JUDGE), ("judge", None)])
def test_a_judge_revokes(who: str, refused: Refusal | None) -> None:
    assert refusal_to_revoke(key("a"), who, ROLES[who]) is refused
    assert refusal_to_revoke(None, who, ROLES[who]) is Refusal.UNKNOWN


@given(st.lists(st.tuples(st.sampled_from((ENABLED, REVOKED)), st.sampled_from(sorted(ROLES))), max_size=8))
def test_whatever_they_try_it_seals_only_with_two_people_and_a_judge(tried: list[tuple[str, str]]) -> None:
    one = key("a")
    for number, (what, by) in enumerate(tried):
        rule = refusal_to_enable if what == ENABLED else refusal_to_revoke
        if rule(one, by, ROLES[by]) is None:
            one = replace(one, acts=(*one.acts, act(what, by, T + number * DAY)))
    if sealing([one], "632801", T + 100 * DAY):
        people = {each.by for each in one.enabled_by}
        assert len(people) == 2
        assert "judge" in {ROLES[name] for name in people}
        assert not one.revoked
