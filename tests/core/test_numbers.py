"""Numbers of people: against python-stdnum, which somebody else wrote from the same standards."""

from __future__ import annotations

from datetime import date

import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.exceptions import ValidationError

from delivery.core.numbers import is_credit_code, is_identity_number, normal_case_number

BEIJING = "110105"
BORN = st.dates(min_value=date(1900, 1, 1), max_value=date(2025, 12, 31))


@given(BORN, st.integers(0, 999), st.sampled_from("0123456789X"))
@settings(deadline=None, derandomize=True)
def test_identity_numbers(born: date, order: int, check: str) -> None:
    number = f"{BEIJING}{born:%Y%m%d}{order:03d}{check}"
    assert is_identity_number(number) == (stdnum.cn.ric.calc_check_digit(number) == check)


@given(st.from_regex(r"[1-9][0-9]{5}(18|19|20)[0-9]{2}[01][0-9][0-3][0-9][0-9]{3}", fullmatch=True))
@settings(deadline=None, derandomize=True)
def test_a_day_of_birth_has_to_exist(head: str) -> None:
    number = head + stdnum.cn.ric.calc_check_digit(head + "0")
    try:
        stdnum.cn.ric.get_birth_date(number)
    except ValidationError:
        assert not is_identity_number(number)
    else:
        assert is_identity_number(number)


@given(st.text(stdnum.cn.uscc._alphabet, min_size=18, max_size=18), st.integers(0, 99_999_999))
@settings(deadline=None, derandomize=True)
def test_credit_codes(symbols: str, head: int) -> None:
    body = f"{head:08d}{symbols[8:17]}"
    right = body + stdnum.cn.uscc.calc_check_digit(body)
    assert is_credit_code(right)
    assert stdnum.cn.uscc.is_valid(right)
    assert is_credit_code(body + symbols[17]) == (right[17] == symbols[17])


@pytest.mark.parametrize("number", ["11010519491231002X", "81000019800101001" + "X", "83000019800101001X"])
def test_known_numbers(number: str) -> None:
    right = number[:17] + stdnum.cn.ric.calc_check_digit(number)
    assert is_identity_number(right)


@pytest.mark.parametrize("code", ["91350100M000100Y43", "91110000600037341L", "11100000000013127D"])
def test_known_codes(code: str) -> None:
    assert is_credit_code(code) == stdnum.cn.uscc.is_valid(code) is True


SAMPLES = (
    "（2024）青2801民初123号",
    "（2019）最高法知民终1号",
    "（2023）兵0103执恢7号",
    "（2020）京73行初9999号",
    "（2021）沪0115财保12号之二",
    "（2022）苏05破申3号",
    "（2018）粤刑核12345678号",
    "（2016）内04民终5号",
    "（2024）浙0192诉前调77号",
    "（2017）军01刑初2号",
    "（2023）桂知民终8号",
)


@pytest.mark.parametrize("number", SAMPLES)
def test_case_numbers(number: str) -> None:
    half = number.replace("（", "( ").replace("）", " )").replace("号", " 号")
    assert normal_case_number(number) == number == normal_case_number(half)
