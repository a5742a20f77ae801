"""What the text says, and how it is cut into short messages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from delivery.core.ports import Consignment

ONE_PART, OF_SEVERAL = 140, 134
"""Octets of text: 70 UTF-16 units alone, 67 beside the six octets that join parts (3GPP TS 23.040 §9.2.3.24.1)."""
JOINED = 0x40
"""esm_class of a part that begins with a header (SMPP 3.4 §5.2.12)."""


def write(consignment: Consignment) -> str:
    """The fullest wording that fits one part; where the court's name is too long for all of them, the fullest in two.

    Names the court, the check code and the link; never a person, a cause or an amount. The link ends the text, so that
    no telephone takes a word for a piece of it.
    """
    court, code, link = consignment.court_name, consignment.check_code, consignment.link
    there_is = "仍有" if consignment.reminder else "有"
    wordings = (
        f"【{court}】您{there_is}法院文书待查收，校验码{code}，请打开 {link}",
        f"【{court}】您{there_is}文书待收，校验码{code} {link}",
        f"【{court}】文书校验码{code} {link}",
    )
    return next((text for text in wordings if len(_octets(text)) <= ONE_PART), wordings[0])


def split(text: str, attempt: str) -> tuple[bytes, ...]:
    """UCS-2 short messages of at most 140 octets; where there are several, each with the header that joins them.

    No surrogate pair is cut. The joining number comes from the attempt, so that a part sent again is the same part.
    Raises ValueError for more than 255 parts.
    """
    octets = _octets(text)
    if len(octets) <= ONE_PART:
        return (octets,)
    pieces = tuple(_pieces(octets))
    if len(pieces) > 255:
        raise ValueError("a text has at most 255 parts")
    joining = hashlib.sha256(attempt.encode()).digest()[2]
    return tuple(bytes((5, 0, 3, joining, len(pieces), number)) + piece for number, piece in enumerate(pieces, 1))


def _pieces(octets: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(octets):
        end = min(start + OF_SEVERAL, len(octets))
        if end < len(octets) and 0xD8 <= octets[end - 2] <= 0xDB:  # the first half of a pair
            end -= 2
        yield octets[start:end]
        start = end


def _octets(text: str) -> bytes:
    return text.encode("utf-16-be")
