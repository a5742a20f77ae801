"""The table of algorithms: what is refused is named, what ends has a day, and the table cannot contradict itself."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing.policy import PolicyBroken, judge, policy, read_policy, weakens_on

DAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("algorithm", "bits", "digest", "at", "named"),
    [
        ("rsa", 2048, "md5", DAY, "MD5"),
        ("rsa", 4096, "sha1", DAY, "SHA-1"),
        ("rsa", 4096, "SHA-1", date(2001, 1, 1), "SHA-1"),  # a claimed date helps nobody
        ("rsa", 2047, "sha256", DAY, "RSA-2047"),
        ("rsa", 1024, "sha256", date(1999, 1, 1), "RSA-1024"),
        ("rsa", 2048, "sha256", date(2031, 1, 1), "RSA-2048"),
        ("ecdsa", 192, "sha256", DAY, "ECDSA-192"),
        ("ecdsa", 224, "sha256", date(2031, 1, 1), "ECDSA-224"),
        ("ecdsa", 256, "sha224", date(2031, 1, 1), "SHA-224"),
        ("dsa", 2048, "sha256", DAY, "DSA-2048"),
        ("dsa", 1024, "sha256", date(2010, 1, 1), "DSA-1024"),
        ("gost", 256, "sha256", DAY, "GOST-256"),
        ("rsa", 3072, "whirlpool", DAY, "whirlpool"),
        ("rsa", 16385, "sha256", DAY, "RSA-16385"),
        ("rsa", -1, "sha256", DAY, "RSA--1"),
    ],
)
def test_what_is_refused_is_named(algorithm: str, bits: int, digest: str, at: date, named: str) -> None:
    ruling = judge(algorithm, bits, digest, at)
    assert not ruling.ok
    assert ruling.reason_zh.startswith(named)
    assert ruling.reason_en.startswith(named)


@pytest.mark.parametrize(
    ("algorithm", "bits", "digest", "at"),
    [
        ("rsa", 2048, "sha256", date(2030, 12, 31)),
        ("rsa", 3072, "SHA-384", date(2060, 1, 1)),
        ("ecdsa", 256, "sha256", date(2060, 1, 1)),
        ("ecdsa", 384, "sha3-384", DAY),
        ("ecdsa", 521, "sha512", DAY),
        ("ecdsa", 224, "sha224", DAY),
        ("ed25519", 256, "sha512", DAY),
        ("sm2", 256, "sm3", DAY),
        ("dsa", 2048, "sha256", date(2020, 1, 1)),
    ],
)
def test_what_may_be_relied_on(algorithm: str, bits: int, digest: str, at: date) -> None:
    assert judge(algorithm, bits, digest, at).ok


@pytest.mark.parametrize(
    ("algorithm", "bits", "digest", "day"),
    [
        ("rsa", 2048, "sha256", date(2030, 12, 31)),
        ("rsa", 3072, "sha256", None),
        ("ecdsa", 256, "sha224", date(2030, 12, 31)),
        ("rsa", 2048, "sha1", date(2014, 1, 1)),
        ("sm2", 256, "sm3", None),
        ("gost", 256, "sm3", date.min),
    ],
)
def test_when_it_weakens(algorithm: str, bits: int, digest: str, day: date | None) -> None:
    assert weakens_on(algorithm, bits, digest) == day


@given(
    algorithm=st.sampled_from(sorted({row.name for row in policy().algorithms})),
    bits=st.integers(0, 20_000),
    digest=st.sampled_from(sorted(row.name for row in policy().hashes)),
    at=st.dates(date(2000, 1, 1), date(2100, 1, 1)),
)
def test_it_never_gets_better_and_weakens_on_its_day(algorithm: str, bits: int, digest: str, at: date) -> None:
    if not judge(algorithm, bits, digest, at).ok:
        assert not judge(algorithm, bits, digest, at + timedelta(days=1)).ok
        return
    end = weakens_on(algorithm, bits, digest)
    assert end is None or at <= end
    if end is not None:
        assert not judge(algorithm, bits, digest, end + timedelta(days=1)).ok


def test_every_row_has_its_source() -> None:
    assert all(len(row.source) > 8 for row in (*policy().algorithms, *policy().hashes))


def test_a_table_that_contradicts_itself_is_refused_with_every_fault() -> None:
    table = """
reviewed_on = 2026-01-01
algorithm = [
  {name = "rsa", bits = [0, 2048], source = "one"},
  {name = "rsa", bits = [2047, 4096], source = "two"},
  {name = "dsa", bits = [0, 1], source = ""},
]
hash = [
  {name = "md5", refused_since = 2001-01-01, acceptable_until = 2002-01-01, source = "three"},
  {name = "md5", source = "four"},
]
"""
    with pytest.raises(PolicyBroken) as broken:
        read_policy(table)
    assert len(broken.value.faults) == 4
