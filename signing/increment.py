"""Incremental updates of PDF files (ISO 32000-1 §7.5.6), written byte by byte behind an unchanged original.

qpdf reads the few objects that change; what is written is ours: those objects, a cross-reference section of the kind
that the file ends with, and its trailer. Whatever is out of the ordinary raises Unusual, and a slower writer that
knows more of the world's odd files takes over.
"""

from __future__ import annotations

import io
import re
import struct
from itertools import pairwise
from types import TracebackType
from typing import Self

import pikepdf

TAIL = 1024
"""Octets from the end within which readers look for the last startxref (ISO 32000-1, annex H, note 18)."""

LARGEST_OFFSET = 10**10 - 1
"""The ten digits of a classic cross-reference entry (§7.5.4); entries of streams get five octets here."""

_STARTXREF = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF")
_STREAM_HEAD = re.compile(rb"\d{1,10} \d{1,5} obj\b")
_OF_ONE_SECTION = {"/Size", "/Prev", "/XRefStm", "/Type", "/W", "/Index", "/Length", "/Filter", "/DecodeParms", "/ID"}
"""Trailer entries that belong to one section; all others are carried on (§7.5.6)."""

Number = tuple[int, int]
"""Object number and generation."""


class Unusual(Exception):
    """This file has something that the fast writer does not vouch for. Names no content of the document."""


def reference(number: Number) -> bytes:
    """An indirect reference as written in a file (§7.3.10)."""
    return b"%d %d R" % number


def changed(dictionary: pikepdf.Object, changes: dict[str, bytes]) -> bytes:
    """A dictionary of the document as it is written, with some entries anew; references stay references.

    The old entries are taken out of the copy in memory, which nobody reads after this.
    """
    if not isinstance(dictionary, pikepdf.Dictionary):
        raise Unusual("a dictionary is something else")
    for key in changes:
        if key in dictionary:
            del dictionary[key]
    return dictionary.unparse(resolved=True)[:-2] + written(changes)[2:]


def written(dictionary: dict[str, bytes]) -> bytes:
    """A dictionary of ours as bytes (§7.3.7); its keys need no escaping."""
    return b"<<" + b" ".join([key.encode("ascii") + b" " + value for key, value in dictionary.items()]) + b">>"


def text_string(text: str) -> bytes:
    """A text string in UTF-16 with its mark (§7.9.2.2), in hexadecimal digits: nothing in it needs escaping."""
    return b"<" + b"\xfe\xff".hex().encode() + text.encode("utf-16-be").hex().encode() + b">"


class Increment:
    """One update of `content`: objects are added and replaced, then `finished` writes all of them.

    Use as a context manager: the document stays open in qpdf meanwhile. Raises Unusual and pikepdf's errors.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._start = _last_section(content)
        self._is_table = content.startswith(b"xref", self._start)
        self.document = pikepdf.open(io.BytesIO(content), attempt_recovery=False, suppress_warnings=True)
        self._free = int(self.document.trailer["/Size"])
        self._bodies: dict[Number, bytes] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.document.close()

    def reserve(self) -> Number:
        """A new object's number, for bodies that refer to each other in a ring."""
        self._free += 1
        return self._free - 1, 0

    def put(self, number: Number, body: bytes) -> None:
        """Write this body under a reserved number, or in place of an object of the document; once for each."""
        if number[0] == 0 or number in self._bodies:
            raise Unusual("two changes meet in one object, or an object that must be indirect is not")
        self._bodies[number] = body

    def add(self, body: bytes) -> Number:
        """Write this body under a new number."""
        number = self.reserve()
        self.put(number, body)
        return number

    def finished(self, identity: bytes) -> tuple[bytes, dict[Number, int]]:
        """What follows the original, and where in it each body begins. `identity` is this version's half of /ID."""
        if self.document.get_warnings():
            raise Unusual("qpdf had to mend the file")
        end = len(self.content)
        # §7.5.8.4 and §7.5.4: an object begins on a line of its own.
        parts, at, offsets = [b"\n"], end + 1, {}
        begins: dict[Number, int] = {}
        for number, body in self._bodies.items():
            head = b"%d %d obj\n" % number
            offsets[number], begins[number] = at, at + len(head) - end
            parts += (head, body, b"\nendobj\n")
            at += len(head) + len(body) + 8
        trailer = self._trailer(identity)
        parts.append(
            _table(offsets, self._carried_on(trailer)) if self._is_table else self._stream(offsets, at, trailer)
        )
        parts.append(b"startxref\n%d\n%%%%EOF\n" % at)
        if at > LARGEST_OFFSET:
            raise Unusual("the file is larger than a cross-reference can say")
        return b"".join(parts), begins

    def _trailer(self, identity: bytes) -> dict[str, bytes]:
        """§7.5.5: this section's own entries, and /ID with its second half anew."""
        trailer = self.document.trailer
        first = bytes(trailer["/ID"][0]) if "/ID" in trailer else identity
        marks = b"[<" + first.hex().encode() + b"><" + identity.hex().encode() + b">]"
        return {"/Size": b"%d" % self._free, "/Prev": b"%d" % self._start, "/ID": marks}

    def _carried_on(self, own: dict[str, bytes]) -> bytes:
        """What the last trailer said, but for what belongs to one section, and this section's own entries."""
        trailer = self.document.trailer
        for key in _OF_ONE_SECTION:
            if key in trailer:
                del trailer[key]
        return changed(trailer, own)

    def _stream(self, offsets: dict[Number, int], at: int, trailer: dict[str, bytes]) -> bytes:
        """A cross-reference stream (§7.5.8), which lists itself as well. Not compressed: it has a few lines."""
        number = self._free, 0
        numbers = sorted({**offsets, number: at}.items())
        data = b"".join(struct.pack(">BBIH", 1, where >> 32, where & 0xFFFFFFFF, one[1]) for one, where in numbers)
        index = b"".join(b"%d %d " % (run[0][0][0], len(run)) for run in _runs(numbers))
        head = {"/Type": b"/XRef", "/W": b"[1 5 2]", "/Index": b"[" + index + b"]", "/Length": b"%d" % len(data)}
        body = self._carried_on(trailer | head | {"/Size": b"%d" % (self._free + 1)})
        return b"%d %d obj\n" % number + body + b"\nstream\n" + data + b"\nendstream\nendobj\n"


def _table(offsets: dict[Number, int], trailer: bytes) -> bytes:
    """A classic cross-reference table and trailer (§7.5.4, §7.5.5)."""
    lines = [b"xref\n"]
    for run in _runs(sorted(offsets.items())):
        lines.append(b"%d %d\n" % (run[0][0][0], len(run)))
        lines += (b"%010d %05d n \n" % (where, number[1]) for number, where in run)
    return b"".join(lines) + b"trailer\n" + trailer + b"\n"


def _runs(numbers: list[tuple[Number, int]]) -> list[list[tuple[Number, int]]]:
    """Entries with consecutive object numbers together: each run is a subsection."""
    runs = [numbers[:1]]
    for before, after in pairwise(numbers):
        if after[0][0] == before[0][0] + 1:
            runs[-1].append(after)
        else:
            runs.append([after])
    return runs


def _last_section(content: bytes) -> int:
    """Where the last cross-reference section begins: the one that readers start from (§7.5.5)."""
    if not content.startswith(b"%PDF-"):
        raise Unusual("something stands before the header, so offsets are not counted from the first octet")
    found = _STARTXREF.findall(content, max(0, len(content) - TAIL))
    if not found:
        raise Unusual("the file does not end with a startxref")
    start = int(found[-1])
    if not (content.startswith(b"xref", start) or _STREAM_HEAD.match(content, start)):
        raise Unusual("startxref points beside the cross-reference")
    return start
