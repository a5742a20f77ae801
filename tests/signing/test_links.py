"""Tokens and passes: only ours are genuine, only for what they were made for, and any change is noticed."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signing import links

KEY, OLD_KEY = b"k" * 32, b"o" * 32
ALPHABET = string.ascii_letters + string.digits + "-_"
EXPIRES = datetime(2026, 4, 1, tzinfo=UTC)
LINK = links.link_id(KEY, "a-1")
TOKEN = links.make_token(KEY, link=LINK, attempt="a-1", purpose="read", expires_at=EXPIRES)
PASS = links.make_pass(KEY, LINK, EXPIRES)
HOUR = timedelta(hours=1)

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
words = st.text(max_size=40)


def genuine(
    token: str, key: links.Keys = KEY, attempt: str = "a-1", purpose: str = "read", at: datetime = EXPIRES
) -> bool:
    return links.token_is_genuine(key, token, attempt=attempt, purpose=purpose, expires_at=at)


@given(st.binary(min_size=1, max_size=64), words, words, moments)
def test_our_own_token_is_genuine(key: bytes, attempt: str, purpose: str, expires_at: datetime) -> None:
    link = links.link_id(key, attempt)
    token = links.make_token(key, link=link, attempt=attempt, purpose=purpose, expires_at=expires_at)
    assert links.token_is_genuine(key, token, attempt=attempt, purpose=purpose, expires_at=expires_at)
    assert links.split_token(token) == (link, links.split_token(token)[1])  # type: ignore[index]
    assert (len(link), len(token)) == (8, 24)
    assert set(token) <= set(ALPHABET)


def test_the_same_attempt_gives_the_same_link() -> None:
    assert links.link_id(KEY, "a-1") == LINK != links.link_id(KEY, "a-2")
    assert links.make_token(KEY, link=LINK, attempt="a-1", purpose="read", expires_at=EXPIRES) == TOKEN


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_any_changed_character_is_refused(place: int) -> None:
    others = [letter for letter in ALPHABET if letter != TOKEN[place]]
    assert not any(genuine(TOKEN[:place] + letter + TOKEN[place + 1 :]) for letter in others)


@given(words, words, moments)
def test_a_token_serves_for_nothing_else(attempt: str, purpose: str, expires_at: datetime) -> None:
    assume((attempt, purpose, int(expires_at.timestamp())) != ("a-1", "read", int(EXPIRES.timestamp())))
    assert not genuine(TOKEN, attempt=attempt, purpose=purpose, at=expires_at)


def test_each_of_its_three_bonds_holds_alone() -> None:
    assert genuine(TOKEN)
    assert not genuine(TOKEN, attempt="a-2")
    assert not genuine(TOKEN, purpose="renew")
    assert not genuine(TOKEN, at=EXPIRES + timedelta(seconds=1))


@given(words, words)
def test_attempt_and_purpose_cannot_flow_into_each_other(one: str, two: str) -> None:
    assume(two)
    make = links.make_token
    first = make(KEY, link=LINK, attempt=one + two, purpose="", expires_at=EXPIRES)
    assert first != make(KEY, link=LINK, attempt=one, purpose=two, expires_at=EXPIRES)


@given(st.one_of(st.text(), st.text(ALPHABET, min_size=20, max_size=28)))
def test_what_comes_from_outside_never_raises(token: str) -> None:
    parts = links.split_token(token)
    assert (parts is not None) == (len(token) == 24 and set(token) <= set(ALPHABET))
    assert not genuine(token) or token == TOKEN


@pytest.mark.parametrize(
    "token", ["", TOKEN + "\n", " " + TOKEN[1:], TOKEN[:-1] + "=", TOKEN.replace(TOKEN[0], "é"), TOKEN * 2]
)
def test_the_shape_is_strict(token: str) -> None:
    assert links.split_token(token) is None
    assert not genuine(token)


def test_old_keys_live_on_until_dropped() -> None:
    old = links.make_token(OLD_KEY, link=LINK, attempt="a-1", purpose="read", expires_at=EXPIRES)
    assert genuine(old, key=[KEY, OLD_KEY])
    assert genuine(TOKEN, key=[KEY, OLD_KEY])
    assert not genuine(old, key=[KEY])
    assert not genuine(old, key=[])


@given(st.binary(min_size=8, max_size=8))
def test_a_check_code_is_four_digits_of_its_link(link: bytes) -> None:
    code = links.check_code(KEY, link)
    assert len(code) == 4
    assert code.isdecimal()
    assert code == links.check_code(KEY, link)


def test_check_codes_differ() -> None:
    codes = {links.check_code(KEY, number.to_bytes(8, "big")) for number in range(1000)}
    assert len(codes) > 900


@given(moments, st.integers(0, 3600))
def test_a_pass_lasts_its_time(issued_at: datetime, seconds: int) -> None:
    value = links.make_pass(KEY, LINK, issued_at)
    assert links.pass_is_valid(KEY, value, LINK, issued_at + timedelta(seconds=seconds), HOUR)
    assert not links.pass_is_valid(KEY, value, LINK, issued_at + HOUR + timedelta(seconds=seconds + 1), HOUR)


def test_a_pass_from_the_future_is_refused() -> None:
    assert links.pass_is_valid(KEY, PASS, LINK, EXPIRES - links.CLOCK_SKEW, HOUR)
    assert not links.pass_is_valid(KEY, PASS, LINK, EXPIRES - links.CLOCK_SKEW - timedelta(seconds=1), HOUR)


def test_a_pass_opens_its_own_link_only() -> None:
    assert not links.pass_is_valid(KEY, PASS, links.link_id(KEY, "a-2"), EXPIRES, HOUR)
    assert not links.pass_is_valid(OLD_KEY, PASS, LINK, EXPIRES, HOUR)
    assert links.pass_is_valid([OLD_KEY, KEY], PASS, LINK, EXPIRES, HOUR)


@pytest.mark.parametrize("place", range(len(PASS)))
def test_any_changed_character_of_a_pass_is_refused(place: int) -> None:
    others = [letter for letter in ALPHABET if letter != PASS[place]]
    changed = (PASS[:place] + letter + PASS[place + 1 :] for letter in others)
    assert not any(links.pass_is_valid(KEY, value, LINK, EXPIRES, HOUR) for value in changed)


def test_a_token_is_no_pass_and_a_key_is_needed() -> None:
    assert not links.pass_is_valid(KEY, TOKEN, LINK, EXPIRES, HOUR)
    assert not links.pass_is_valid(KEY, "ü" * 32, LINK, EXPIRES, HOUR)
    with pytest.raises(ValueError, match="key"):
        links.link_id(b"", "a-1")
    with pytest.raises(ValueError, match="time zone"):
        links.make_pass(KEY, LINK, datetime(2026, 1, 1))  # noqa: DTZ001
