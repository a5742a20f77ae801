"""The ledger's part of a proof: is each event in the log, and is the checkpoint the one that others hold?

Merkle hashes as in RFC 9162 §2.1, notes and checkpoints as in C2SP signed-note and tlog-checkpoint; read here anew,
nothing is shared with what writes them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ENTRY_LABEL = b"songda:event:1\n"
SALT_SIZE = 16
ED25519 = 1
MOST_LINES = 64
PROOF_FOLLOWS = "consistency proof"


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself at one size. `text` is what was signed; `signatures` by key name and key id."""

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: Mapping[tuple[str, bytes], bytes]


def read_checkpoint(note: bytes) -> Checkpoint:
    """Raises ValueError for bytes that are no checkpoint."""
    text, apart, signed = note.decode("utf-8").partition("\n\n")
    lines = text.split("\n")
    if not apart or len(lines) < 3 or not lines[1].isdecimal() or lines[1] != str(int(lines[1])):
        raise ValueError("a checkpoint is origin, size and root, an empty line, then signatures")
    root = _unbase64(lines[2])
    if not lines[0] or len(root) != 32:
        raise ValueError("a root is a SHA-256")
    return Checkpoint(lines[0], int(lines[1]), root, f"{text}\n".encode(), _signatures(signed))


Held: TypeAlias = tuple[Checkpoint, tuple[bytes, ...]]
"""A checkpoint that the caller got elsewhere, and the proof that one log is the beginning of the other."""


class NoCheckpoint(ValueError):
    """What the caller gave as checkpoint is none: no fault of the file that is looked at."""


def read_trusted(content: bytes) -> Held:
    """A checkpoint that a caller holds, and the consistency proof that may follow it: a line PROOF_FOLLOWS behind the
    note, then one base64 hash a line (RFC 9162 §2.1.4.1) between the smaller and the larger log. Raises NoCheckpoint.
    """
    note, _, proof = content.partition(f"\n{PROOF_FOLLOWS}\n".encode())
    try:
        held = read_checkpoint(note)
        hashes = tuple(_unbase64(line) for line in proof.decode("ascii").split())
    except ValueError as error:
        raise NoCheckpoint(f"no checkpoint of a log can be read there: {error}") from error
    if len(hashes) > MOST_LINES or any(len(one) != 32 for one in hashes):
        raise NoCheckpoint("a consistency proof is a few hashes")
    return held, hashes


def _signatures(lines: str) -> dict[tuple[str, bytes], bytes]:
    if not lines.endswith("\n") or lines.count("\n") > MOST_LINES:
        raise ValueError("the signatures of a note are lines")
    found = {}
    for line in lines.removesuffix("\n").split("\n"):
        dash, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        raw = _unbase64(encoded)
        if dash != "—" or not name or len(raw) < 5:
            raise ValueError("a signature line is a dash, a name, and base64")
        found[name, raw[:4]] = raw[4:]
    return found


def _unbase64(text: str) -> bytes:
    """Exactly one text stands for some bytes: no spaces, no left-over bits."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("this is no base64") from error
    if base64.b64encode(raw).decode() != text:
        raise ValueError("this base64 has left-over bits")
    return raw


def signed_by(checkpoint: Checkpoint, vkey: str) -> bool:
    """Whether the log's key (`name+hex+base64`, Ed25519) signed it. Raises ValueError for a key that is none."""
    name, derived, key = read_key(vkey)
    signature = checkpoint.signatures.get((name, derived))
    if signature is None or name != checkpoint.origin:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, checkpoint.text)
    except InvalidSignature:
        return False
    return True


def read_key(vkey: str) -> tuple[str, bytes, bytes]:
    """Name, identity and public key of a line `name+hex+base64`. Raises ValueError."""
    name, _, rest = vkey.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    key = _unbase64(encoded)
    if not name or len(key) != 33 or key[0] != ED25519:
        raise ValueError("the log's key should be an Ed25519 key")
    derived = hashlib.sha256(f"{name}\n".encode() + key).digest()[:4]
    if derived.hex() != identity:
        raise ValueError("the identity of the log's key is not that of its bytes")
    return name, derived, key[1:]


def leaf(salt: bytes, entry: bytes) -> bytes:
    """The leaf hash of an event: the log holds a salted digest of it, never the event."""
    if len(salt) != SALT_SIZE:
        raise ValueError("a salt has 16 bytes")
    return hashlib.sha256(b"\0" + hashlib.sha256(ENTRY_LABEL + salt + entry).digest()).digest()


def included(leaf_hash: bytes, index: int, path: Sequence[bytes], checkpoint: Checkpoint) -> bool:
    """RFC 9162 §2.1.3.2: does the path lead from the leaf to the root?"""
    if not 0 <= index < checkpoint.size:
        return False
    node, last, current = index, checkpoint.size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            current = _node(sibling, current)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            current = _node(current, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and current == checkpoint.root


def consistent(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> bool:
    """RFC 9162 §2.1.4.2: is the old log the beginning of the new one?"""
    if old.size == new.size:
        return old.root == new.root and not proof
    if not 0 < old.size < new.size or not proof:
        return old.size == 0 and not proof
    path = [old.root, *proof] if old.size & (old.size - 1) == 0 else list(proof)
    node, last = old.size - 1, new.size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = _node(sibling, first), _node(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = _node(second, sibling)
        node, last = node >> 1, last >> 1
    return first == old.root and second == new.root and last == 0


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
