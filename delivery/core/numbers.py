"""Numbers and addresses of people, as the standards write them: is this one of those? Each function says yes or no.

Case numbers: Fa (2015) 137; identity numbers: GB 11643; credit codes: GB 32100; telephone: E.164 and the national
numbering plan; mailboxes: RFC 5321 without the forms that no mailbox provider gives out.
"""

from __future__ import annotations

import re
from datetime import date

_CASE_NUMBER = re.compile(
    r"[（(〔\[](?P<year>(?:19|20)\d{2})[)）〕\]]"
    r"(?P<court>最高法|[京津冀晋内辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新军兵](?:\d{2}(?:\d{2})?)?)"
    r"(?P<special>知|商(?=民|行|刑))?(?P<type>[\u4e00-\u9fa5]{1,4}?)(?P<number>\d{1,8})号"
    r"(?P<suffix>之[一二三四五六七八九十]+)?",
    re.ASCII,
)

_IDENTITY = re.compile(r"[1-9]\d{5}(?P<born>(?:18|19|20)\d{6})\d{3}[\dX]", re.ASCII)
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10X98765432"

_CREDIT_SYMBOLS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_CREDIT = re.compile(rf"[{_CREDIT_SYMBOLS}]{{2}}\d{{6}}[{_CREDIT_SYMBOLS}]{{10}}", re.ASCII)
_CREDIT_WEIGHTS = tuple(3**i % 31 for i in range(17))

_MOBILE = re.compile(r"(?:\+?86)?1[3-9]\d{9}", re.ASCII)
_LANDLINE = re.compile(r"(?:\+86[- ]?|0)[1-9]\d{1,2}-?\d{7,8}", re.ASCII)
_ABROAD = re.compile(r"\+(?!86)[1-9]\d{6,14}", re.ASCII)

_LOCAL_PART = re.compile(r"[A-Za-z0-9!$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", re.ASCII)
_POSTCODE = re.compile(r"\d{6}", re.ASCII)


def normal_case_number(text: str) -> str | None:
    """The number with full-width brackets and without spaces; None when it is no case number."""
    found = _CASE_NUMBER.fullmatch("".join(text.split()))
    if found is None:
        return None
    parts = (found[name] or "" for name in ("court", "special", "type", "number"))
    return f"（{found['year']}）{''.join(parts)}号{found['suffix'] or ''}"


def is_identity_number(text: str) -> bool:
    """GB 11643: 18 characters, a day of birth that exists, and the check character (ISO 7064 MOD 11-2)."""
    found = _IDENTITY.fullmatch(text)
    if found is None or not _is_day(found["born"]):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_IDENTITY_WEIGHTS, text, strict=False))
    return text[17] == _IDENTITY_CHECKS[total % 11]


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def is_credit_code(text: str) -> bool:
    """GB 32100: 18 symbols without I, O, S, V, Z, six digits of a division, and the check symbol (MOD 31-3)."""
    if _CREDIT.fullmatch(text) is None:
        return False
    values = (_CREDIT_SYMBOLS.index(symbol) for symbol in text)
    total = sum(weight * value for weight, value in zip(_CREDIT_WEIGHTS, values, strict=False))
    return text[17] == _CREDIT_SYMBOLS[-total % 31]


def is_mobile_number(text: str) -> bool:
    """What can receive a text: a mainland mobile number, with or without +86, or another country's number in E.164."""
    return bool(_MOBILE.fullmatch(text) or _ABROAD.fullmatch(text))


def is_telephone_number(text: str) -> bool:
    """What can be called: a mobile number, or a fixed line with its area code."""
    return is_mobile_number(text) or bool(_LANDLINE.fullmatch(text))


def is_postcode(text: str) -> bool:
    return bool(_POSTCODE.fullmatch(text))


def is_mailbox(text: str) -> bool:
    """RFC 5321 §4.1.2 with a dot-string before the @ and a domain of two labels or more behind it (IDN allowed)."""
    local, _, domain = text.rpartition("@")
    return len(text) <= 254 and len(local) <= 64 and bool(_LOCAL_PART.fullmatch(local)) and _is_domain(domain)


def _is_domain(domain: str) -> bool:
    try:
        labels = domain.encode("idna").decode("ascii").split(".")
    except UnicodeError:
        return False
    whole = ".".join(labels)
    return len(labels) >= 2 and len(whole) <= 253 and all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdigit()
