"""The text of a message and its parts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.smpp.text import split, write
from tests.adapters.smpp_rig import LONG_COURT, SHORT_LINK, text_to


@pytest.mark.parametrize("reminder", [False, True])
@pytest.mark.parametrize(
    "court", ["某县人民法院", "德令哈市人民法院", "青海省德令哈市人民法院", "柴达木盆地德令哈市人民法院"]
)
def test_one_part_with_court_code_and_link_and_nothing_else(court: str, reminder: bool) -> None:
    consignment = replace(text_to("13800130000", court=court), reminder=reminder)
    text = write(consignment)
    assert len(text.encode("utf-16-be")) <= 140
    assert text.startswith(f"【{court}】")
    assert consignment.check_code in text
    assert text.endswith(f" {SHORT_LINK}")
    assert consignment.recipient.name not in text
    assert consignment.case_number not in text


def test_a_court_with_a_very_long_name_needs_two_parts() -> None:
    assert len(split(write(text_to("13800130000", court=LONG_COURT)), "D1.a1.1")) == 2


def test_the_wire_octets_of_two_parts() -> None:
    """3GPP TS 23.040 §9.2.3.24.1: 05 00 03, one number for all, how many, which; 110 characters: 140 and 92 octets."""
    first, second = split("送" * 110, "D1.a1.1")
    assert (len(first), len(second)) == (140, 6 + 2 * 43)
    assert first[:3] == second[:3] == b"\x05\x00\x03"
    assert first[3] == second[3] == split("达" * 110, "D1.a1.1")[0][3], "the attempt's number, whatever the text"
    assert (first[4:6], second[4:6]) == (b"\x02\x01", b"\x02\x02")
    assert first[6:] == bytes.fromhex("9001") * 67


@pytest.mark.parametrize(("length", "parts"), [(0, 1), (70, 1), (71, 2), (134, 2), (135, 3)])
def test_where_a_further_part_begins(length: int, parts: int) -> None:
    assert len(split("送" * length, "D1.a1.1")) == parts


@given(st.text(max_size=500), st.text(max_size=30))
def test_the_parts_are_the_text(text: str, attempt: str) -> None:
    parts = split(text, attempt)
    assert parts == split(text, attempt)
    assert all(len(part) <= 140 for part in parts)
    bodies = [part[6:] for part in parts] if len(parts) > 1 else [*parts]
    assert "".join(body.decode("utf-16-be") for body in bodies) == text, "each part decodes by itself"
    if len(parts) > 1:
        assert [(*part[:3], *part[4:6]) for part in parts] == [(5, 0, 3, len(parts), n + 1) for n in range(len(parts))]
        assert len({part[3] for part in parts}) == 1


@pytest.mark.parametrize("pairs", range(60, 75))
def test_no_pair_is_cut(pairs: int) -> None:
    for shift in ("", "送"):
        text = shift + "𠮷" * pairs
        assert "".join(part[6:].decode("utf-16-be") for part in split(text, "D1.a1.1")) == text
