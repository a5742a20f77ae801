"""The container of a proof pack: a zip (APPNOTE 6.3.3) in the one form that a pack is written in.

A zip has two lists of its members, room before, between and behind them, and fields that nobody reads: places to hide
another truth. So everything is read here byte by byte, both lists must say the same, and no byte is left over.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

LARGEST = 512 * 1024 * 1024
"""Bytes of a pack."""

MOST_MEMBERS = 4096
MIMETYPE = b"application/vnd.etsi.asic-e+zip"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_STORED = 0
"""Members are never packed: one content could be packed in many ways, and unpacked to more than memory holds."""

_NAME = re.compile(r"[A-Za-z0-9._/-]{1,200}")


class NotAPack(ValueError):
    """The bytes are no container in the form that packs have. The text says what is wrong, in English; `member` which
    member it is about, where it is about one.
    """

    def __init__(self, says: str, member: str = "") -> None:
        super().__init__(says)
        self.member = member


@dataclass(frozen=True)
class _Entry:
    shared: tuple[int, ...]
    """What both lists say: version, flags, method, time, date, CRC-32, both sizes."""
    offset: int
    name: str
    apart: tuple[int, ...]
    """What the directory alone says: made by, comment length, disk, attributes."""


def members(content: bytes) -> dict[str, bytes]:
    """The members in order, by name. Raises NotAPack."""
    if len(content) > LARGEST:
        raise NotAPack("it is too large")
    entries, directory = _directory(content)
    found: dict[str, bytes] = {}
    position = 0
    for entry in entries:
        if entry.offset != position:
            raise NotAPack("there are bytes between its members")
        if entry.name in found:
            raise NotAPack(f"two members are called {entry.name!r}", entry.name)
        found[entry.name], position = _member(content, entry)
    if position != directory:
        raise NotAPack("there are bytes between its members and its directory")
    _first(entries, found)
    return found


def _directory(content: bytes) -> tuple[list[_Entry], int]:
    if len(content) < _END.size:
        raise NotAPack("it is too short")
    mark, *fields = _END.unpack(content[-_END.size :])
    disk, start_disk, here, count, size, offset, comment = fields
    if mark != b"PK\5\6" or (disk, start_disk, comment) != (0, 0, 0) or here != count:
        raise NotAPack("it does not end with a zip's end record: it was cut or something was appended")
    if count > MOST_MEMBERS or offset + size != len(content) - _END.size:
        raise NotAPack("its directory is not where it should be")
    entries, position = [], offset
    for _ in range(count):
        entry, position = _entry(content, position, offset + size)
        entries.append(entry)
    if position != offset + size:
        raise NotAPack("its directory holds more than its members")
    return entries, offset


def _entry(content: bytes, position: int, end: int) -> tuple[_Entry, int]:
    if position + _CENTRAL.size > end:
        raise NotAPack("its directory is cut")
    mark, made_by, *fields = _CENTRAL.unpack_from(content, position)
    shared, (name_size, extra, comment, disk, internal, external, offset) = tuple(fields[:8]), fields[8:]
    if mark != b"PK\1\2" or extra:
        raise NotAPack("its directory is damaged")
    name = _name(content[position + _CENTRAL.size : position + _CENTRAL.size + name_size])
    entry = _Entry(shared, offset, name, (made_by, comment, disk, internal, external))
    if _plain(entry) is False:
        raise NotAPack(f"the directory's entry of {name!r} is not as packs have it")
    return entry, position + _CENTRAL.size + name_size


MADE_BY = 3 << 8 | 20
"""Unix, version 2.0."""
MODE = 0o644 << 16
MIDNIGHT, FIRST_DAY = 0, 1 << 5 | 1
"""1980-01-01: a pack's members carry no times of their own."""


def _plain(entry: _Entry) -> bool:
    version, flags, method, time, date, *_ = entry.shared
    fixed = entry.apart == (MADE_BY, 0, 0, 0, MODE) and (version, time, date) == (20, MIDNIGHT, FIRST_DAY)
    return fixed and flags == 0 and method == _STORED


def _name(raw: bytes) -> str:
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise NotAPack("a member's name is unreadable") from error
    if not _NAME.fullmatch(name) or any(part in ("", ".", "..") for part in name.split("/")):
        raise NotAPack("a member's name leads out of the container, or holds other signs than names have")
    return name


def _member(content: bytes, entry: _Entry) -> tuple[bytes, int]:
    if entry.offset + _LOCAL.size > len(content):
        raise NotAPack(f"{entry.name!r} is cut")
    mark, *fields = _LOCAL.unpack_from(content, entry.offset)
    shared, (name_size, extra) = tuple(fields[:8]), fields[8:]
    begin = entry.offset + _LOCAL.size + name_size
    named = content[entry.offset + _LOCAL.size : begin]
    if mark != b"PK\3\4" or shared != entry.shared or extra or named != entry.name.encode():
        raise NotAPack(f"the two lists of members differ about {entry.name!r}")
    packed, size = shared[6], shared[7]
    data = content[begin : begin + packed]
    if len(data) != packed:
        raise NotAPack(f"{entry.name!r} is cut", entry.name)
    if packed != size or zlib.crc32(data) != shared[5]:
        raise NotAPack(f"{entry.name!r} is damaged", entry.name)
    return data, begin + packed


def _first(entries: list[_Entry], found: dict[str, bytes]) -> None:
    """ETSI EN 319 162-1 §A.1: `mimetype` comes first, so that the kind can be read at a fixed place."""
    if not entries or entries[0].name != "mimetype":
        raise NotAPack("its first member should be mimetype")
    if found["mimetype"] != MIMETYPE:
        raise NotAPack("its mimetype should be that of ASiC-E", "mimetype")
