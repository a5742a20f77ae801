"""What a signature may be made of, and until when: policy.toml, asked.

Nothing here looks at a signature. The verifier asks `judge` for each one that it meets, the inventory for each key,
the renewal asks `weakens_on`. What the table does not know is refused by name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table. `name` as in policy.toml, `bits` the range [from, to) of key sizes, None for hashes."""

    name: str
    bits: tuple[int, int] | None = None
    refused_since: date | None = None
    acceptable_until: date | None = None
    source: str

    @property
    def ends(self) -> date | None:
        """The first day on which it is not relied on, or the last on which it is; None while no end is known."""
        return self.refused_since or self.acceptable_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    reviewed_on: date
    algorithms: tuple[Row, ...]
    hashes: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Whether it may be relied on, and why not (or on what ground), in both languages."""

    ok: bool
    reason_zh: str
    reason_en: str


class PolicyBroken(ValueError):
    """The table contradicts itself. `faults`: each with its row."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def judge(algorithm: str, key_bits: int, hash: str, at: date) -> Ruling:
    """Whether a signature by that algorithm, key size and hash that existed on the civil day `at` may be relied on.

    `algorithm`: rsa, dsa, ecdsa, ed25519, sm2; `key_bits`: of the modulus or the curve; `hash`: sha256, SHA-256, sm3 …
    `at` must be proven, not claimed: of what is refused outright no date makes it better.
    """
    rows = _rows(algorithm, key_bits, hash)
    for name, row in rows:
        if (ruling := _against(name, row, at)) is not None:
            return ruling
    names = " + ".join(name for name, _ in rows)
    return Ruling(ok=True, reason_zh=f"{names} 可以信赖", reason_en=f"{names} may be relied on")


def weakens_on(algorithm: str, key_bits: int, hash: str) -> date | None:
    """The day by which what it signed needs a stronger timestamp around it; None while no end is known. For what the
    table does not know, or refuses, a day that is long past.
    """
    ends = [date.min if row is None else row.ends for _, row in _rows(algorithm, key_bits, hash)]
    return min((end for end in ends if end is not None), default=None)


def policy() -> Policy:
    """The table that songda is shipped with. Raises PolicyBroken."""
    return _shipped()


@cache
def _shipped() -> Policy:
    return read_policy((files(__package__) / "policy.toml").read_text("utf-8"))


def read_policy(content: str) -> Policy:
    """A table as in policy.toml. Raises PolicyBroken with all its faults, TOMLDecodeError."""
    tables = tomllib.loads(content)
    rows = {kind: tuple(_row(each) for each in tables.get(kind, [])) for kind in ("algorithm", "hash")}
    found = Policy(reviewed_on=tables["reviewed_on"], algorithms=rows["algorithm"], hashes=rows["hash"])
    if faults := [*_faults(found)]:
        raise PolicyBroken(faults)
    return found


def _row(table: Mapping[str, Any]) -> Row:
    bits = table.get("bits")
    return Row(**{**table, "bits": tuple(bits) if bits else None})


def _faults(found: Policy) -> Iterator[str]:
    for row in (*found.algorithms, *found.hashes):
        if row.refused_since and row.acceptable_until:
            yield f"{row.name} {row.bits or ''}: either refused_since or acceptable_until"
        if not row.source:
            yield f"{row.name} {row.bits or ''}: a source is needed"
    for one, other in _pairs(found.algorithms):
        if one.bits is None or other.bits is None or max(one.bits[0], other.bits[0]) < min(one.bits[1], other.bits[1]):
            yield f"{one.name}: the rows {one.bits} and {other.bits} overlap"
    for one, other in _pairs(found.hashes):
        yield f"{one.name}: two rows for one hash ({other.source})"


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    for index, one in enumerate(rows):
        yield from ((one, other) for other in rows[index + 1 :] if other.name == one.name)


def _rows(algorithm: str, key_bits: int, hash_name: str) -> tuple[tuple[str, Row | None], tuple[str, Row | None]]:
    """The rows that apply, each with the name that people know it by."""
    sized, digest = algorithm.lower(), hash_name.lower().replace("sha-", "sha").replace("-", "_")
    known = (row for row in policy().algorithms if row.name == sized and row.bits)
    found = next((row for row in known if row.bits and row.bits[0] <= key_bits < row.bits[1]), None)
    own = next((row for row in policy().hashes if row.name == digest), None)
    return (f"{algorithm.upper()}-{key_bits}", found), (_HASH_NAMES.get(digest, hash_name), own)


_HASH_NAMES: Mapping[str, str] = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3_256": "SHA3-256",
    "sha3_384": "SHA3-384",
    "sha3_512": "SHA3-512",
    "sm3": "SM3",
}


def _against(name: str, row: Row | None, at: date) -> Ruling | None:
    if row is None:
        return Ruling(False, f"{name} 不在算法表中，不予采信", f"{name} is not in the table of algorithms")
    if row.refused_since:
        return Ruling(
            False,
            f"{name} 自 {row.refused_since} 起不再采信（{row.source}）",
            f"{name} is refused since {row.refused_since} ({row.source})",
        )
    if row.acceptable_until and at > row.acceptable_until:
        return Ruling(
            False,
            f"{name} 只采信至 {row.acceptable_until}（{row.source}）",
            f"{name} was acceptable until {row.acceptable_until} ({row.source})",
        )
    return None
