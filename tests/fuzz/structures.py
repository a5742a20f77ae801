"""Changes that leave the form whole: values of DER, elements of XML, members of a zip, values of JSON, lines of text.

A parser that looks at lengths first sees little of bytes changed at random; so what is inside is changed, and what is
around it is written anew.
"""

from __future__ import annotations

import base64
import copy
import io
import json
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from tests.fuzz.changes import NUMBERS, Chance, bytewise

DEEPEST = 40
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----\n(.+?)-----END \1-----", re.S)


def changed(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """In its own form where it has one, bytewise otherwise and every third time."""
    way = None if chance.random() < 0.35 else _way(content)
    try:
        return way(content, corpus, chance) if way else bytewise(content, corpus, chance)
    except (ValueError, UnicodeError, zipfile.BadZipFile, NotImplementedError, RecursionError):
        return bytewise(content, corpus, chance)  # what was changed before has lost its form


Way = Callable[[bytes, Sequence[bytes], Chance], bytes]


def _way(content: bytes) -> Way | None:
    ways: tuple[tuple[bytes, Way], ...] = (
        (b"-----BEGIN", in_pem), (b"PK", in_zip), (b"<?xml", in_xml), (b"{", in_json), (b"[", in_json),
        (b"\x30", in_der),
    )  # fmt: skip
    found = next((way for begin, way in ways if content.startswith(begin)), None)
    return found or (in_lines if len(content) < 5000 and b"\n" in content else None)


# --- DER --------------------------------------------------------------------------------------------------------------


@dataclass
class Value:
    """One value (X.690 §8.1): its first bytes, and what it holds, as values where it holds some."""

    tag: bytes
    content: bytes | list[Value]
    before: bytes = b""
    size: bytes | None = field(default=None)

    def encoded(self) -> bytes:
        inner = self.content if isinstance(self.content, bytes) else b"".join(one.encoded() for one in self.content)
        inner = self.before + inner
        return self.tag + (_size(len(inner)) if self.size is None else self.size) + inner


def in_der(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One or two values get another tag, length or content, are taken out, doubled, moved or exchanged."""
    whole = values(content)
    for _ in range(chance.choice((1, 1, 2))):
        holders = [one.content for one in _all(whole) if isinstance(one.content, list) and one.content]
        holder = chance.choice([whole, *holders])
        at = chance.randrange(len(holder))
        _DER[chance.randrange(len(_DER))](holder, at, corpus, chance)
        if not whole:
            break
    return b"".join(one.encoded() for one in whole)


def values(content: bytes, depth: int = 0) -> list[Value]:
    """Raises ValueError for what is no row of values with definite lengths."""
    found = []
    while content:
        if len(content) < 2 or content[0] & 0x1F == 0x1F or depth > DEEPEST:
            raise ValueError("no DER")
        size, at = content[1], 2
        if size & 0x80:
            at += size & 0x7F
            size = int.from_bytes(content[2:at], "big")
        if content[1] == 0x80 or at + size > len(content):
            raise ValueError("no DER")
        found.append(_value(content[:1], content[at : at + size], depth))
        content = content[at + size :]
    return found


def _value(tag: bytes, inner: bytes, depth: int) -> Value:
    before = inner[:1] if tag == b"\x03" else b""
    if tag[0] & 0x20 or (tag in (b"\x03", b"\x04") and inner[len(before) :][:1] in (b"\x30", b"\x31", b"\x04")):
        try:
            return Value(tag, values(inner[len(before) :], depth + 1), before)
        except ValueError:
            pass
    return Value(tag, inner)


def _all(row: list[Value]) -> Iterator[Value]:
    for one in row:
        yield one
        if isinstance(one.content, list):
            yield from _all(one.content)


def _size(count: int) -> bytes:
    if count < 0x80:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def _der_tag(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    tags = (
        chance.randrange(256),
        row[at].tag[0] ^ 0x20,
        chance.choice((1, 2, 3, 4, 5, 6, 0x0C, 0x17, 0x18, 0x30, 0xA0)),
    )
    row[at].tag = bytes([chance.choice(tags)])


def _der_size(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    true = len(row[at].encoded()) - 2
    row[at].size = chance.choice(
        (b"\x80", b"\x00", b"\x81" + bytes([true & 0xFF]), b"\x82" + (true & 0xFFFF).to_bytes(2, "big"),
         b"\x84\xff\xff\xff\xff",
         _size(max(0, true - 1)), _size(true + 1), b"\x88" + bytes(8), b"\xff")
    )  # fmt: skip


def _der_twice(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    row[at:at] = [row[at]] * chance.choice((1, 1, 30))


def _der_out(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    del row[at]


def _der_moved(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    other = chance.randrange(len(row))
    row[at], row[other] = row[other], row[at]


def _der_of_another(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    row[at] = chance.choice([*_all(values(chance.choice(corpus or [row[at].encoded()])))])


def _der_content(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    """Numbers, times and names at the edge of what they can be."""
    given = row[at].encoded()[2:][:64]
    row[at].content = chance.choice(
        (b"", b"\0", b"\xff" * 9, b"\x80", bytes(1000), b"99991231235959Z", b"00000101000000Z", b"20260230000000Z",
         b"20260304023000+0800", b"20260304023000", b"20260304023000.5Z", b"\x2a\x80\x80\x01",
         "\ud800".encode("utf-16-be", "surrogatepass"), b"\xff\xfe\xfd",
         bytewise(given, corpus, chance))
    )  # fmt: skip


def _der_deep(row: list[Value], at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    for _ in range(chance.choice((1, 200))):
        row[at] = Value(b"\x30", row[at].encoded())


_DER = (
    _der_tag, _der_tag, _der_size, _der_twice, _der_out, _der_moved, _der_of_another, _der_content, _der_content,
    _der_deep,
)  # fmt: skip


def in_pem(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One block of a PEM text, or the blocks themselves."""
    blocks = [*_PEM.finditer(content)]
    if not blocks or chance.random() < 0.2:
        return in_lines(content, corpus, chance)
    one = chance.choice(blocks)
    others = [base64.b64decode(found[2]) for other in corpus for found in _PEM.finditer(other)]
    inner = changed(base64.b64decode(one[2]), others, chance)
    return content[: one.start(2)] + base64.encodebytes(inner) + content[one.end(2) :]


# --- XML --------------------------------------------------------------------------------------------------------------


def in_xml(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One to three elements doubled, taken out, moved, taken from elsewhere, or with another text or attribute."""
    root = _tree(content)
    for _ in range(chance.choice((1, 1, 2, 3))):
        below = [one for one in root.iter() if one is not root]
        if below:
            chance.choice(_XML)(root, chance.choice(below), corpus, chance)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _tree(content: bytes) -> Any:
    try:
        return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ValueError("no XML") from error


def _copied(element: Any) -> Any:
    found = copy.deepcopy(element)
    found.tail = None
    return found


def _xml_twice(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    one.addnext(_copied(one))


def _xml_out(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    one.getparent().remove(one)


def _xml_moved(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    below = {*one.iter()}
    places = [other for other in root.iter(etree.Element) if other not in below]
    chance.choice(places).insert(chance.randrange(3), one)


def _xml_of_another(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    trees = [_tree(other) for other in corpus if other.startswith(b"<?xml")]
    if trees:
        one.addnext(_copied(chance.choice([*chance.choice(trees).iter()])))


def _xml_text(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    said = one.text or ""
    values = ("", " ", said + " ", said[:-1], "0", "-1", "AAAA", "=", "é", "A" * 5000, "\u202e", "2026-03-04", said * 2)
    one.text = chance.choice(values)
    if chance.random() < 0.1:
        one.tail = "\n"


def _xml_attribute(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    names = [*one.keys(), "Id", "URI", "Algorithm"]
    name = chance.choice(names)
    said = one.get(name) or ""
    values = ("", "#", "#S0", said + " ", "%2e%2e/x", "%zz", "%ff", said[:-1], said.upper(), "A" * 5000)
    one.set(name, chance.choice(values))
    if chance.random() < 0.3:
        del one.attrib[name]


def _xml_tag(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    tags = [other.tag for other in root.iter() if isinstance(other.tag, str)]
    if isinstance(one.tag, str):
        one.tag = chance.choice([*tags, etree.QName(one).localname, "{urn:other}x"])


def _xml_comment(root: Any, one: Any, corpus: Sequence[bytes], chance: Chance) -> None:
    one.addnext(chance.choice((etree.Comment("x"), etree.ProcessingInstruction("x", "y"))))


_XML = (
    _xml_twice, _xml_out, _xml_moved, _xml_of_another, _xml_text, _xml_text, _xml_attribute, _xml_attribute, _xml_tag,
    _xml_comment,
)  # fmt: skip


# --- zip --------------------------------------------------------------------------------------------------------------

Members = list[tuple[str, bytes]]


def in_zip(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """Members renamed, doubled, moved, taken out, exchanged, packed; or one of them changed in its own form."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(one.filename, archive.read(one)) for one in archive.infolist()]
    for _ in range(chance.choice((1, 1, 2))):
        if members:
            chance.choice(_ZIP)(members, chance.randrange(len(members)), corpus, chance)
    return zipped(members, chance)


def zipped(members: Members, chance: Chance) -> bytes:
    """As packs are written, but for one in four with a field that packs do not have."""
    output, odd = io.BytesIO(), chance.choice(("", "", "", "packed", "extra", "comment", "time", "mode"))
    with warnings.catch_warnings(), zipfile.ZipFile(output, "w") as archive:
        warnings.simplefilter("ignore")  # of two members of one name, which are meant
        for name, content in members:
            one = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 2 * (odd == "time")))
            one.create_system, one.external_attr = 3, (0o644 << 16) + (odd == "mode")
            one.extra, one.comment = b"\1\0\1\0x" * (odd == "extra"), b"x" * (odd == "comment")
            one.compress_type = zipfile.ZIP_DEFLATED if odd == "packed" else zipfile.ZIP_STORED
            archive.writestr(one, content)
    return output.getvalue()


def _zip_name(members: Members, at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    name = members[at][0]
    names = (
        chance.choice(members)[0], f"META-INF/{name}", f"documents/{name}", name.upper(), f"../{name}", f"{name}/",
        "x" * 300, "证.pdf", "seals/x.sm2",
        f"seals/{name}.ses", "META-INF/timestamp000.tst", "META-INF/ASiCArchiveManifest.xml",
        "certificates/9.der", "revocation/9.crl", "revocation/9.ocsp",
    )  # fmt: skip
    members[at] = (chance.choice(names), members[at][1])


def _zip_twice(members: Members, at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    members.insert(chance.randrange(len(members) + 1), members[at])


def _zip_moved(members: Members, at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    members.insert(chance.randrange(len(members)), members.pop(at))


def _zip_out(members: Members, at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    del members[at]


def _zip_content(members: Members, at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    members[at] = (members[at][0], chance.choice(members)[1])


def _zip_inside(members: Members, at: int, corpus: Sequence[bytes], chance: Chance) -> None:
    name, content = members[at]
    members[at] = (name, changed(content, [one for _, one in members], chance))


_ZIP = (_zip_name, _zip_twice, _zip_moved, _zip_out, _zip_content, *[_zip_inside] * 5)


# --- JSON and text ----------------------------------------------------------------------------------------------------

_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 10**30, 1e300, float("nan"), "", "\ud800", "\0", "x" * 3000, [], {}, [[]], {"": None},
    "2026-02-30T00:00:00Z", "0001-01-01", "proof.pdf", "../x", "zz",
)  # fmt: skip


def in_json(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One to three values exchanged for odd ones or for each other, taken out, or doubled."""
    whole = [json.loads(content)]
    for _ in range(chance.choice((1, 1, 2, 3))):
        holders = [*_holders(whole)]
        holder = chance.choice(holders)
        key = chance.choice([*holder] if isinstance(holder, dict) else range(len(holder)))
        match chance.randrange(5):
            case 0:
                other = chance.choice(holders)
                holder[key] = chance.choice([*(other.values() if isinstance(other, dict) else other)])
            case 1 if holder is not whole:
                del holder[key]
            case 2 if isinstance(holder, list) and holder is not whole:
                holder.append(holder[key])
            case 3 if isinstance(holder[key], str):
                holder[key] = bytewise(holder[key].encode(), [], chance).decode("utf-8", "replace")
            case _:
                holder[key] = chance.choice(_ODD)
    try:
        return json.dumps(whole[0], ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except (RecursionError, ValueError):  # a value moved into itself
        return content[: chance.randrange(len(content))]


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list) and value:
        yield value
        for one in [*(value.values() if isinstance(value, dict) else value)]:
            yield from _holders(one)


def in_lines(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """Lines doubled, taken out, moved, taken from elsewhere, changed; ends of lines and words that are odd."""
    rows = content.split(b"\n")
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(rows))
        match chance.randrange(6):
            case 0:
                rows.insert(at, rows[at])
            case 1 if len(rows) > 1:
                del rows[at]
            case 2:
                rows.insert(chance.randrange(len(rows)), rows.pop(at))
            case 3 if corpus:
                rows.insert(at, chance.choice(chance.choice(corpus).split(b"\n")))
            case 4:
                rows[at] = chance.choice(
                    (b"", b" " + rows[at], rows[at] + b"\r", rows[at] + b"=", *NUMBERS, "٣".encode(), "²".encode())
                )
            case _:
                words = rows[at].split(b" ")
                word = chance.randrange(len(words))
                words[word] = bytewise(words[word], [], chance)
                rows[at] = b" ".join(words)
    return b"\n".join(rows)
