"""How a good input becomes a bad one: bytes, numbers, lengths, and parts moved, taken out or taken from elsewhere."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

Chance = random.Random
INTERESTING = (0, 1, 0x7F, 0x80, 0x81, 0x84, 0xFE, 0xFF, 0x30, 0x31, 0xA0)
NUMBERS = (b"0", b"-1", b"1", b"2147483648", b"99999999999999999999", b"1e999", b"NaN")
WORDS = (
    b"\0", b"\n", b"\n\n", b"\xe2\x80\x94 ", b"+", b"<<", b">>", b"[" * 200, b"(" * 200, b"/Kids", b"/Prev", b"/Parent",
    b"endobj", b"stream\n", b"startxref\n", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<a>" * 300, b"{" * 200, b'{"a":' * 200,
    b"PK\x05\x06", b"PK\x01\x02", b"\xff\xfe", b"\xed\xa0\x80",
    b"Content-Type: multipart/x; boundary=", b"=?utf-8?q?=00?=",
)  # fmt: skip


def bytewise(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One to six changes."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        content = chance.choice(_CHANGES)(content, corpus, chance)[:1_000_000]
    return content


def _place(content: bytes, chance: Chance) -> int:
    return chance.randrange(len(content) + 1)


def _byte(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    at = _place(content, chance)
    value = chance.choice(INTERESTING) if chance.random() < 0.5 else chance.randrange(256)
    return content[:at] + bytes([value]) + content[at + 1 :]


def _taken_out(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    at = _place(content, chance)
    return content[:at] + content[at + chance.choice((1, 2, 4, 16, 256, 4096)) :]


def _twice(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    at, size = _place(content, chance), chance.choice((1, 4, 32, 512))
    return content[:at] + content[at : at + size] * chance.choice((2, 3, 50)) + content[at + size :]


def _word(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    at = _place(content, chance)
    return content[:at] + chance.choice(WORDS) + content[at:]


def _number(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """A run of digits becomes another number."""
    digits = [at for at, one in enumerate(content[:200_000]) if 0x30 <= one <= 0x39]
    if not digits:
        return content
    begin = end = chance.choice(digits)
    while end < len(content) and 0x30 <= content[end] <= 0x39:
        end += 1
    return content[:begin] + chance.choice(NUMBERS) + content[end:]


def _of_another(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    other = chance.choice(corpus) if corpus else content
    at, begin = _place(content, chance), _place(other, chance)
    return content[:at] + other[begin : begin + chance.choice((8, 64, 1024, 8192))] + content[at:]


def _cut(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    return content[: _place(content, chance)]


_CHANGES: tuple[Callable[[bytes, Sequence[bytes], Chance], bytes], ...] = (
    _byte, _byte, _byte, _taken_out, _twice, _word, _number, _of_another, _cut,
)  # fmt: skip
