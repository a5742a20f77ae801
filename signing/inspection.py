"""What is wrong with a PDF before it may be served: every fault at once, each with what would be right.

The file comes from outside and may be hostile. It is opened once by qpdf (pikepdf), never executed, and its indirect
objects are looked at one by one, whether or not anything leads to them: a script is found wherever it hides, and no
cycle can trap the walk. The numbers below bound depth, objects and what any stream may unpack to.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import pikepdf
from pikepdf import settings

from signing import pages
from signing.errors import PageNotShown

HEADER_WITHIN = 1024
MOST_OBJECTS = 300_000
MOST_DEPTH = 40
LARGEST_UNPACKED = 256 * 1024 * 1024
SAMPLE = 4 * 1024 * 1024
"""Bytes of an embedded file or form script that are unpacked to be looked at."""

LONGEST_MEMBER_LIST = 2000

EXECUTABLE_SUFFIXES = frozenset(
    {
        *(".apk", ".app", ".com", ".cpl", ".deb", ".dll", ".dmg", ".elf", ".exe", ".hta", ".jar", ".msi", ".msp"),
        *(".pif", ".pkg", ".rpm", ".run", ".scr", ".so", ".sys"),
        *(
            ".bash",
            ".bat",
            ".cmd",
            ".js",
            ".jse",
            ".lnk",
            ".ps1",
            ".psm1",
            ".reg",
            ".sh",
            ".vbe",
            ".vbs",
            ".wsf",
            ".wsh",
        ),
    }
)
EXECUTABLE_STARTS = (
    b"MZ",
    b"\x7fELF",
    b"#!",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)

MESSAGES = {
    "empty_file": "The file is empty: a PDF document with at least one written page should be given.",
    "not_pdf": "The file does not begin as a PDF: a PDF document (starting with %PDF-) should be given.",
    "unreadable": "The PDF is damaged and cannot be read: write it again with the program that made it.",
    "no_pages": "The PDF has no page: it should have at least one.",
    "encrypted": "The PDF is encrypted: give it without password and without usage restrictions.",
    "javascript": "The PDF carries JavaScript or a form script: give it without scripts, for instance as PDF/A.",
    "launch_action": "The PDF carries an action that starts a program: give it without launch actions.",
    "embedded_executable": "The PDF has a program attached to it: give it without executable attachments.",
    "empty": "Every page of the PDF is blank: at least one page should show something.",
}


@dataclass(frozen=True)
class Limits:
    """The largest document taken: bytes, and pages."""

    max_bytes: int = 20 * 1024 * 1024
    max_pages: int = 500


@dataclass(frozen=True)
class Fault:
    """One thing wrong: `code` for programs, `message` says in English what would be right."""

    code: str
    message: str


@dataclass(frozen=True)
class Findings:
    """What a look at a document found. `pages` is 0 where the file could not be opened; `sha256` is lower-case hex."""

    pages: int
    size: int
    sha256: str
    faults: tuple[Fault, ...]


def inspect(content: bytes, limits: Limits) -> Findings:
    """Look at a whole document and name all its faults. Never raises on account of the content."""
    count, faults = _faults(content, limits)
    if len(content) > limits.max_bytes:
        faults.insert(0, _too_large(len(content), limits.max_bytes))
    return Findings(count, len(content), hashlib.sha256(content).hexdigest(), tuple(faults))


def unreadable(content: bytes) -> Findings:
    """What is said of a document that could not be looked at to the end."""
    return Findings(0, len(content), hashlib.sha256(content).hexdigest(), (_fault("unreadable"),))


def _faults(content: bytes, limits: Limits) -> tuple[int, list[Fault]]:
    if not content:
        return 0, [Fault("empty", MESSAGES["empty_file"])]
    if b"%PDF-" not in content[:HEADER_WITHIN]:
        return 0, [_fault("not_pdf")]
    _bound_qpdf()
    try:
        with pikepdf.open(io.BytesIO(content), suppress_warnings=True) as document:
            return _look(document, content, limits)
    except pikepdf.PasswordError:
        return 0, [_fault("encrypted")]
    except (pikepdf.PdfError, pikepdf.DataDecodingError, ValueError, RuntimeError, LookupError, TypeError, MemoryError):
        # Whatever qpdf cannot make sense of, nobody may be asked to rely on.
        return 0, [_fault("unreadable")]


def _look(document: pikepdf.Pdf, content: bytes, limits: Limits) -> tuple[int, list[Fault]]:
    count = len(document.pages)
    codes = ["encrypted"] if document.is_encrypted else []
    faults = [_too_many_pages(count, limits.max_pages)] if count > limits.max_pages else []
    if count == 0:
        codes.append("no_pages")
    codes += _dangers(document)
    if 0 < count <= limits.max_pages:
        codes += _blankness(content)
    return count, [_fault(code) for code in codes] + faults


def _dangers(document: pikepdf.Pdf) -> list[str]:
    """The codes of everything in the file that acts instead of being read."""
    found: set[str] = set()
    if len(document.objects) > MOST_OBJECTS:
        return ["unreadable"]
    for thing in document.objects:
        for dictionary in _dictionaries(thing):
            found |= _danger(dictionary)
    return [code for code in ("javascript", "launch_action", "embedded_executable") if code in found]


def _dictionaries(thing: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """`thing` and what is written directly inside it; what is referenced gets its own visit."""
    waiting = [(thing, 0)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, (pikepdf.Dictionary, pikepdf.Stream)):
            yield one
            children = [child for _, child in one.items()]
        elif isinstance(one, pikepdf.Array):
            children = list(one)
        else:
            continue
        if depth >= MOST_DEPTH:
            raise ValueError("nested deeper than any honest document")
        waiting += [(child, depth + 1) for child in children if _is_direct_container(child)]


def _is_direct_container(child: object) -> bool:
    return isinstance(child, (pikepdf.Dictionary, pikepdf.Array)) and not child.is_indirect


def _danger(dictionary: pikepdf.Object) -> set[str]:
    found = set()
    if _runs_script(dictionary):
        found.add("javascript")
    if dictionary.get("/S") == pikepdf.Name.Launch:
        found.add("launch_action")
    if _attaches_program(dictionary):
        found.add("embedded_executable")
    return found


def _runs_script(dictionary: pikepdf.Object) -> bool:
    """Actions, JavaScript name trees (ISO 32000-1 §12.6.4.16, §7.7.4), javascript: links, and scripts in XFA forms."""
    action = dictionary.get("/S")
    script = dictionary.get("/JS")
    if action == pikepdf.Name.JavaScript or isinstance(script, (pikepdf.String, pikepdf.Stream)):
        return True
    if isinstance(dictionary.get("/JavaScript"), pikepdf.Dictionary) and "/Type" not in dictionary:
        return True
    address = dictionary.get("/URI")
    if action == pikepdf.Name.URI and bytes(address or b"").strip().lower().startswith(b"javascript:"):
        return True
    return "/XFA" in dictionary and any(_has_form_script(part) for part in _xfa_streams(dictionary["/XFA"]))


def _xfa_streams(packets: pikepdf.Object) -> Iterator[pikepdf.Stream]:
    """The packets of an XFA form (ISO 32000-1 §12.7.8): one stream, or an array of names and streams."""
    for packet in packets if isinstance(packets, pikepdf.Array) else (packets,):
        if isinstance(packet, pikepdf.Stream):
            yield packet


def _has_form_script(stream: pikepdf.Stream) -> bool:
    sample = _sample(stream)
    # What cannot be unpacked to the end cannot be called free of scripts.
    return sample is None or len(sample) >= SAMPLE or b"<script" in sample.replace(b"\0", b"").lower()


def _attaches_program(dictionary: pikepdf.Object) -> bool:
    """A file specification (§7.11.3) named like a program, or an embedded file (§7.11.4) that begins like one."""
    embedded = dictionary.get("/EF")
    if isinstance(embedded, pikepdf.Dictionary):
        names = (str(dictionary[key]) for key in ("/F", "/UF", "/DOS", "/Unix", "/Mac") if key in dictionary)
        streams = (stream for _, stream in embedded.items() if isinstance(stream, pikepdf.Stream))
        return any(_named_like_program(name) for name in names) or any(_begins_like_program(one) for one in streams)
    return dictionary.get("/Type") == pikepdf.Name.EmbeddedFile and _begins_like_program(dictionary)


def _named_like_program(name: str) -> bool:
    return PurePosixPath(name.replace("\\", "/").strip(" .\0").lower()).suffix in EXECUTABLE_SUFFIXES


def _begins_like_program(stream: pikepdf.Object) -> bool:
    sample = _sample(stream)
    if sample is None:
        return False
    return sample.startswith(EXECUTABLE_STARTS) or (sample.startswith(b"PK\3\4") and _packs_program(sample))


def _packs_program(archive: bytes) -> bool:
    try:
        names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False
    return any(_named_like_program(name) for name in names[:LONGEST_MEMBER_LIST])


def _sample(stream: pikepdf.Object) -> bytes | None:
    """The first `SAMPLE` bytes of a stream, unpacked by hand against bombs; None when packed in another way."""
    packed, filters = stream.read_raw_bytes(), stream.get("/Filter")
    names = [str(name) for name in filters] if isinstance(filters, pikepdf.Array) else [str(filters)] if filters else []
    for name in names:
        if name not in ("/FlateDecode", "/Fl"):
            return None
        try:
            packed = zlib.decompressobj().decompress(packed, SAMPLE)
        except zlib.error:
            return None
    return packed[:SAMPLE]


def _blankness(content: bytes) -> list[str]:
    try:
        return ["empty"] if pages.all_blank(content) else []
    except PageNotShown:
        return ["unreadable"]


def _bound_qpdf() -> None:
    """Limits of the whole process; setting them anew costs nothing and needs no start-up order."""
    settings.set_qpdf_limits(
        flate_max_memory=LARGEST_UNPACKED,
        run_length_max_memory=LARGEST_UNPACKED,
        png_max_memory=LARGEST_UNPACKED,
        tiff_max_memory=LARGEST_UNPACKED,
    )


def _fault(code: str) -> Fault:
    return Fault(code, MESSAGES[code])


def _too_large(size: int, limit: int) -> Fault:
    return Fault("too_large", f"The file has {size} bytes: it should have at most {limit}.")


def _too_many_pages(count: int, limit: int) -> Fault:
    return Fault("too_many_pages", f"The PDF has {count} pages: it should have at most {limit}.")
