"""The container of a proof pack: a zip (APPNOTE 6.3.3) in the one form that a pack is written in.

A zip has two lists of its members, room before, between and behind them, and fields that nobody reads: places to hide
another truth. So everything is read here byte by byte, both lists must say the same, and no byte is left over.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

LARGEST = 512 * 1024 * 1024
"""Bytes of all members together, unpacked."""

MOST_MEMBERS = 4096
MIMETYPE = b"application/vnd.etsi.asic-e+zip"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_STORED, _DEFLATED = 0, 8
_UTF8_NAME = 0x800


class NotAPack(ValueError):
    """The bytes are no container in the form that packs have. The text says what is wrong, in English."""


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
    position = unpacked = 0
    for entry in entries:
        if entry.offset != position:
            raise NotAPack("there are bytes between its members")
        unpacked += entry.shared[7]
        if unpacked > LARGEST:
            raise NotAPack("it unpacks to too much")
        if entry.name in found:
            raise NotAPack(f"two members are called {entry.name!r}")
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
    name = _name(content[position + _CENTRAL.size : position + _CENTRAL.size + name_size], shared[1])
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
    return fixed and flags in (0, _UTF8_NAME) and method in (_STORED, _DEFLATED)


def _name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8_NAME else "ascii")
    except UnicodeDecodeError as error:
        raise NotAPack("a member's name is unreadable") from error
    parts = name.split("/")
    if "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise NotAPack("a member's name leads out of the container")
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
        raise NotAPack(f"{entry.name!r} is cut")
    plain = data if shared[2] == _STORED else _inflated(data, size, entry.name)
    if len(plain) != size or zlib.crc32(plain) != shared[5]:
        raise NotAPack(f"{entry.name!r} is damaged")
    return plain, begin + packed


def _inflated(data: bytes, size: int, name: str) -> bytes:
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = machine.decompress(data, size + 1)
    except zlib.error as error:
        raise NotAPack(f"{name!r} is damaged") from error
    if not machine.eof or machine.unused_data:
        raise NotAPack(f"{name!r} is damaged")
    return plain


def _first(entries: list[_Entry], found: dict[str, bytes]) -> None:
    """ETSI EN 319 162-1 §A.1: `mimetype` comes first and is stored, so that the kind can be read at a fixed place."""
    if not entries or entries[0].name != "mimetype" or entries[0].shared[2] != _STORED:
        raise NotAPack("its first member should be mimetype, stored")
    if found["mimetype"] != MIMETYPE:
        raise NotAPack("its mimetype should be that of ASiC-E")
