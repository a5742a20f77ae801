"""Signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

A note is a text, a blank line, and one line per signature: `— <name> <base64(key id ‖ signature)>`. The log signs with
plain Ed25519 (type 0x01); a witness with a timestamped Ed25519 cosignature (type 0x04), which says that it saw the log
grow from what it saw before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signing.errors import LedgerWrong

ED25519, COSIGNATURE = 0x01, 0x04
LARGEST_NOTE = 64 * 1024
MOST_SIGNATURES = 100
_NAME = re.compile(r"[^\s+]{1,200}")
_LINE = re.compile(r"— (\S+) (\S+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Key:
    """Whoever signs notes: a name, the kind of signature, and the raw Ed25519 public key."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that find the right line; they prove nothing."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    def __str__(self) -> str:
        """The vkey: `<name>+<key id>+<base64(kind ‖ public key)>`."""
        return f"{self.name}+{self.id.hex()}+{_encoded(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True)
class Line:
    """A signature of a note; `signature` without the key id."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"— {self.name} {_encoded(self.key_id + self.signature)}"


@dataclass(frozen=True, slots=True)
class Note:
    """A note as read: nothing of it is proven yet. `text` ends with a newline."""

    text: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log: its name, its number of leaves, its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{_encoded(self.root)}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed, as proven. `at`: a cosignature's own time (UTC); None for a plain signature, which has none."""

    key: Key
    line: Line
    at: datetime | None


# --- keys ------------------------------------------------------------------------------------------------------------


def vkey(public_key: bytes, origin: str) -> str:
    """The line by which outsiders know the log: its name and its raw Ed25519 public key. Raises ValueError for a name
    that no note can carry.
    """
    if not is_name(origin):
        raise ValueError("a log's name has no spaces and no plus sign")
    return str(Key(origin, ED25519, public_key))


def is_name(text: str) -> bool:
    """Whether notes can carry that name (signed-note: not empty, no space, no plus)."""
    return _NAME.fullmatch(text) is not None


def read_vkey(text: str) -> Key:
    """Raises LedgerWrong for what is no vkey of a kind that is known here, or whose key id does not belong to it."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    content = _decoded(encoded)
    if not is_name(name) or len(content) != 33 or content[0] not in (ED25519, COSIGNATURE):
        raise LedgerWrong("a vkey is <name>+<key id>+<base64 of one byte 01 or 04 and an Ed25519 public key>")
    key = Key(name, content[0], content[1:])
    if key.id.hex() != key_id:
        raise LedgerWrong("the key id of the vkey does not belong to its name and key")
    return key


# --- notes -----------------------------------------------------------------------------------------------------------


def read_note(content: bytes) -> Note:
    """The parts of a note. Raises LedgerWrong for what is none."""
    if len(content) > LARGEST_NOTE:
        raise LedgerWrong(f"a note here has at most {LARGEST_NOTE} bytes")
    try:
        whole = content.decode()
    except UnicodeDecodeError:
        raise LedgerWrong("a note is text in UTF-8") from None
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or re.search(r"[^\n -~\x80-\U0010ffff]", whole):
        raise LedgerWrong("a note is a text, a blank line, and signatures, without control characters")
    return Note(text + "\n", _lines(signatures))


def _lines(signatures: str) -> tuple[Line, ...]:
    rows = signatures[:-1].split("\n")
    if len(rows) > MOST_SIGNATURES:
        raise LedgerWrong(f"a note here has at most {MOST_SIGNATURES} signatures")
    return tuple(_line(row) for row in rows)


def _line(row: str) -> Line:
    found = _LINE.fullmatch(row)
    content = _decoded(found[2]) if found else b""
    if not found or not is_name(found[1]) or len(content) < 5:
        raise LedgerWrong("a signature line is: dash, name, base64 of key id and signature")
    return Line(found[1], content[:4], content[4:])


def sign_note(text: str, key: Key, sign: Callable[[bytes], bytes]) -> bytes:
    """The note with the signature of `key` (kind Ed25519); `sign` makes the raw signature."""
    return f"{text}\n{Line(key.name, key.id, sign(text.encode()))}\n".encode()


def cosign(text: str, key: Key, at: datetime, sign: Callable[[bytes], bytes]) -> Line:
    """A witness's line for that text; `at` counts in whole seconds."""
    seconds = int(at.timestamp())
    return Line(key.name, key.id, seconds.to_bytes(8, "big") + sign(_cosigned(text, seconds)))


def _cosigned(text: str, seconds: int) -> bytes:
    """What a witness signs (tlog-cosignature, cosignature/v1)."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def proven(note: Note, keys: Sequence[Key]) -> tuple[Signed, ...]:
    """The signatures of these keys; lines of others are passed over. Raises LedgerWrong when one of them is false: a
    note with a forged line is not to be used at all.
    """
    known = {(key.name, key.id): key for key in keys}
    lines = [(key, line) for line in note.lines if (key := known.get((line.name, line.key_id)))]
    return tuple(Signed(key, line, _verified(note.text, key, line.signature)) for key, line in lines)


def _verified(text: str, key: Key, signature: bytes) -> datetime | None:
    stamped = key.kind == COSIGNATURE
    seconds = int.from_bytes(signature[:8], "big") if stamped else 0
    message, raw = (_cosigned(text, seconds), signature[8:]) if stamped else (text.encode(), signature)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(raw, message)
        return datetime.fromtimestamp(seconds, UTC) if stamped else None
    except (InvalidSignature, ValueError, OverflowError, OSError):  # the last three: a time that is no time
        raise LedgerWrong(f"the signature of {key.name} does not belong to this note") from None


# --- checkpoints -----------------------------------------------------------------------------------------------------


def read_checkpoint(text: str) -> Checkpoint:
    """The first three lines; further ones are extensions, which nobody here makes. Raises LedgerWrong."""
    lines = text.split("\n")
    root = _decoded(lines[2]) if len(lines) >= 4 else b""
    if len(root) != 32 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise LedgerWrong("a checkpoint is: origin, size, base64 of a root of 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def open_checkpoint(content: bytes, log: Key) -> Checkpoint:
    """The checkpoint of a note that this log has signed. Raises LedgerWrong when it has not."""
    note = read_note(content)
    if not proven(note, [log]):
        raise LedgerWrong(f"{log.name} has not signed this note")
    checkpoint = read_checkpoint(note.text)
    if checkpoint.origin != log.name:
        raise LedgerWrong(f"this is a checkpoint of another log than {log.name}")
    return checkpoint


def cosignatures(content: bytes, witnesses: Sequence[Key]) -> tuple[Checkpoint, tuple[Signed, ...]]:
    """What of these witnesses stands under a note, verified. Raises LedgerWrong as `read_note` and `proven` do."""
    note = read_note(content)
    return read_checkpoint(note.text), proven(note, [key for key in witnesses if key.kind == COSIGNATURE])


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _decoded(text: str) -> bytes:
    """Nothing for what is not strict base64."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return content if _encoded(content) == text else b""
