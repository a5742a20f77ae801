"""Whether an SM2 signature fits (GB/T 32918.2 §7): the arithmetic, and a reading of DER that knows one spelling.

Only public values go through it, so it may take as long as it likes for each, and does: some 20 ms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from asn1crypto import parser, x509
from cryptography.hazmat.primitives import hashes

EC_KEY = "1.2.840.10045.2.1"
CURVE = "1.2.156.10197.1.301"
WITH_SM3 = "1.2.156.10197.1.501"
IDENTIFIER = b"1234567812345678"
"""Of whoever signs, where nobody agreed on another (GM/T 0009 §10)."""

LARGEST_SIGNATURE = 72
INTEGER, BIT_STRING, OCTET_STRING, SEQUENCE = 0x02, 0x03, 0x04, 0x30
"""First bytes, with class and form (X.690 §8.1.2)."""

Point: TypeAlias = tuple[int, int] | None
"""None is the point at infinity."""

# GB/T 32918.5 §2
P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)


def on_curve(certificate: x509.Certificate) -> bool:
    """Whether the certificate's key is one for SM2. Never raises for what bytes hold."""
    try:
        algorithm = certificate.public_key["algorithm"]
        named = algorithm["algorithm"].dotted == EC_KEY and algorithm["parameters"].name == "named"
        return named and bool(algorithm["parameters"].chosen.dotted == CURVE)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def fits(certificate: x509.Certificate, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (DER) over `message` is that key's, under the standard identifier. Raises ValueError for what
    is no signature or no key.
    """
    key = _public_point(certificate)
    r, s = _pair(signature)
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N and t):
        return False
    found = _sum_of_products(s, G, t, key)
    return found is not None and (_digest(key, message) + found[0]) % N == r


def sm3(content: bytes) -> bytes:
    """32 bytes (GB/T 32905)."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(content)
    return digest.finalize()


def parts(der: bytes) -> list[tuple[int, bytes, bytes]]:
    """First byte, whole encoding and content of each value in a sequence. Raises ValueError for other bytes."""
    outside = list(_values(der))
    if [tag for tag, _, _ in outside] != [SEQUENCE]:
        raise ValueError("not one sequence")
    return list(_values(outside[0][2]))


def _values(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    while content:
        kind, method, tag, header, inner, trailer = parser.parse(content)
        whole = header + inner + trailer
        if parser.emit(kind, method, tag, inner) != whole:
            raise ValueError("not the one spelling that DER has")
        yield header[0], whole, inner
        content = content[len(whole) :]


def _pair(signature: bytes) -> Sequence[int]:
    if len(signature) > LARGEST_SIGNATURE:
        raise ValueError("too long for a signature")
    numbers = parts(signature)
    if [tag for tag, _, _ in numbers] != [INTEGER, INTEGER]:
        raise ValueError("a signature is two numbers")
    return [_number(content) for _, _, content in numbers]


def _number(content: bytes) -> int:
    """Exactly one spelling of a positive number (X.690 §8.3.2)."""
    value = int.from_bytes(content, "big", signed=True)
    if value <= 0 or len(content) != value.bit_length() // 8 + 1:
        raise ValueError("not a number of a signature")
    return value


def _public_point(certificate: x509.Certificate) -> tuple[int, int]:
    if not on_curve(certificate):
        raise ValueError("the certificate's key is not on the SM2 curve")
    raw: bytes = certificate.public_key["public_key"].native
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if len(raw) != 65 or raw[0] != 4 or max(x, y) >= P or (y * y - x * x * x - A * x - B) % P:
        raise ValueError("the certificate's key is no point of the curve")
    return x, y


def _digest(key: tuple[int, int], message: bytes) -> int:
    """Of who signs and what (GB/T 32918.2 §5.5, §6.1)."""
    who = b"".join(number.to_bytes(32, "big") for number in (A, B, *G, *key))
    z = sm3((len(IDENTIFIER) * 8).to_bytes(2, "big") + IDENTIFIER + who)
    return int.from_bytes(sm3(z + message), "big")


def _sum_of_products(first: int, one: Point, second: int, other: Point) -> Point:
    """first·one + second·other, both at once from the highest bit down."""
    both, found = _add(one, other), None
    for place in reversed(range(256)):
        found = _add(found, found)
        found = _add(found, (None, one, other, both)[(first >> place & 1) + 2 * (second >> place & 1)])
    return found


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if one == other else (y2 - y1) * pow(x2 - x1, -1, P)
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P
