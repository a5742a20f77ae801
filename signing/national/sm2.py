"""SM2 signatures (GB/T 32918.2, RFC 8998 §3.2.1) behind the Signer port, always under the standard identifier.

The curve is gmalg's arithmetic in plain Python: slow, and its running time depends on the key, so these keys belong on
a machine that outsiders cannot measure. The hash is OpenSSL's. Signatures are DER, a SEQUENCE of r and s (GB/T 35276
§7.3).
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from asn1crypto import core, keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives import hashes
from gmalg.base import Hash
from gmalg.ellipticcurve import ECDLP
from gmalg.sm2 import SM2Core

from signing.certificates import KeyFacts
from signing.errors import KeyFileUnreadable
from signing.signer import Algorithm

IDENTIFIER = b"1234567812345678"
"""Who signs, as the hash of every signature wants it (GM/T 0009 §10): without it, verifiers differ."""

CURVE_OID = "1.2.156.10197.1.301"
SM2_WITH_SM3_OID = "1.2.156.10197.1.501"
SM3_OID = "1.2.156.10197.1.401"
SIZE = 32
LARGEST_SIGNATURE = 72

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
_GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

_CURVE = ECDLP(_P, _A, _B, (_GX, _GY), ORDER)
keys.NamedCurve.register("sm2p256v1", CURVE_OID, SIZE)


class _Sm3(Hash):  # type: ignore[misc]
    """SM3 by OpenSSL, as gmalg wants a hash: its own is in plain Python, and documents are long."""

    def __init__(self) -> None:
        self.reset()

    @classmethod
    def max_msg_length(cls) -> int:
        return (1 << 61) - 1

    @classmethod
    def hash_length(cls) -> int:
        return SIZE

    def reset(self) -> None:
        self._state = hashes.Hash(hashes.SM3())

    def update(self, data: bytes) -> None:
        self._state.update(bytes(data))

    def value(self) -> bytes:
        return self._state.copy().finalize()


class _Pair(core.Sequence):  # type: ignore[misc]
    """SM2Signature ::= SEQUENCE { r, s }."""

    _fields = [("r", core.Integer), ("s", core.Integer)]  # noqa: RUF012


def sm3(content: bytes) -> bytes:
    """32 bytes (GB/T 32905)."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(content)
    return digest.finalize()


def new_private_key() -> int:
    """A number from 1 to the order less 2, from the system's randomness."""
    number, _ = _core().generate_keypair()
    return int(number)


def public_point(private_key: int) -> bytes:
    """The public key, uncompressed: 04, x, y (65 bytes)."""
    x, y = _core().generate_pk(private_key)
    return b"\x04" + int(x).to_bytes(SIZE, "big") + int(y).to_bytes(SIZE, "big")


class Sm2Signer:
    """One key in memory, with its certificate first in `chain` (DER). Raises KeyFileUnreadable when they differ."""

    __slots__ = ("_chain", "_key", "_point")

    def __init__(self, private_key: int, chain: tuple[bytes, ...]) -> None:
        if not 1 <= private_key <= ORDER - 2 or not chain:
            raise KeyFileUnreadable("an SM2 key is a number below the order, with a certificate")
        self._key, self._chain = private_key, chain
        self._point = public_point(private_key)
        if point_of(chain[0]) != self._point:
            raise KeyFileUnreadable("the first certificate should belong to the private key")

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.SM2_SM3

    @property
    def chain(self) -> tuple[bytes, ...]:
        return self._chain

    def sign(self, message: bytes) -> bytes:
        return sign(self._key, self._point, message)

    def __repr__(self) -> str:
        return "Sm2Signer()"


def sign(private_key: int, point: bytes, message: bytes) -> bytes:
    """The DER signature over `message` by that key, whose public point is `point`."""
    r, s = _core().sign(message, private_key, IDENTIFIER, _coordinates(point))
    return bytes(_Pair({"r": int(r), "s": int(s)}).dump())


def verify(point: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (DER) is that key's over `message`. Never raises for what bytes hold."""
    try:
        if len(signature) > LARGEST_SIGNATURE:
            return False
        pair = _Pair.load(signature, strict=True)
        r, s = int(pair["r"].native), int(pair["s"].native)
        if bytes(_Pair({"r": r, "s": s}).dump()) != signature:
            return False  # one signature, one spelling
        core_, place = _core(), _coordinates(point)
        return bool(core_.verify_pk(place)) and bool(core_.verify(message, r, s, IDENTIFIER, place))
    except (ValueError, TypeError, KeyError):
        return False


def point_of(certificate: bytes) -> bytes:
    """The public point in a certificate (DER) on the SM2 curve. Raises KeyFileUnreadable."""
    try:
        found = asn1_x509.Certificate.load(certificate, strict=True).public_key
        algorithm = found["algorithm"]
        if algorithm["algorithm"].native != "ec" or algorithm["parameters"].chosen.dotted != CURVE_OID:
            raise KeyFileUnreadable("the certificate's key is not on the SM2 curve")
        point: bytes = found["public_key"].native
        _coordinates(point)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileUnreadable("the certificate cannot be read") from error
    return point


def validity_of(certificate: bytes) -> tuple[datetime, datetime]:
    """From when until when (aware). Raises KeyFileUnreadable."""
    try:
        found = asn1_x509.Certificate.load(certificate, strict=True)
        begin, end = found.not_valid_before, found.not_valid_after
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise KeyFileUnreadable("the certificate cannot be read") from error
    return begin, end


def facts_of(certificate: bytes) -> KeyFacts:
    """The facts of one certificate (DER) on the SM2 curve, as signing.certificates has them of others. Raises
    KeyFileUnreadable.
    """
    point_of(certificate)
    begin, end = validity_of(certificate)
    found = asn1_x509.Certificate.load(certificate)
    return KeyFacts(
        algorithm=Algorithm.SM2_SM3,
        bits=8 * SIZE,
        subject=", ".join(f"{name}={value}" for name, value in _names(found.subject)),
        serial=int(found.serial_number),
        not_before=begin,
        not_after=end,
        fingerprint=hashlib.sha256(certificate).hexdigest(),
    )


def _names(subject: asn1_x509.Name) -> list[tuple[str, str]]:
    """Most particular first, as RFC 4514 §2.1 has it."""
    each = [pair for relative in subject.chosen for pair in relative]
    return [(_SHORT.get(one["type"].native, one["type"].dotted), str(one["value"].native)) for one in reversed(each)]


_SHORT = {"country_name": "C", "organization_name": "O", "organizational_unit_name": "OU", "common_name": "CN"}


def _core() -> SM2Core:
    """A fresh one each time: it holds the state of its hash, and signers are shared between threads."""
    return SM2Core(_CURVE, _Sm3())


def _coordinates(point: bytes) -> tuple[int, int]:
    """Raises ValueError for what is no uncompressed point; whether it is on the curve, `verify` asks."""
    if len(point) != 1 + 2 * SIZE or point[0] != 4:
        raise ValueError("not an uncompressed point")
    return int.from_bytes(point[1 : 1 + SIZE], "big"), int.from_bytes(point[1 + SIZE :], "big")
