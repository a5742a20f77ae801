"""Signed notes, checkpoints, cosignatures. That Go reads them is shown in tests/flows/test_ledger_in_go.py."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from signing import ledger
from signing.errors import LedgerWrong
from signing.notes import (
    COSIGNATURE,
    ED25519,
    LARGEST_NOTE,
    Checkpoint,
    Key,
    cosign,
    cosignatures,
    open_checkpoint,
    proven,
    read_checkpoint,
    read_note,
    read_vkey,
    sign_note,
    vkey,
)

LOG_KEY, WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(32)), Ed25519PrivateKey.from_private_bytes(b"w" * 32)
LOG = Key("songda.local/632801", ED25519, LOG_KEY.public_key().public_bytes_raw())
WITNESS = Key("witness.example/w1", COSIGNATURE, WITNESS_KEY.public_key().public_bytes_raw())
CHECKPOINT = Checkpoint(LOG.name, 42, bytes(range(32)))
AT = datetime(2025, 9, 16, 1, 30, tzinfo=UTC)
NOTE = sign_note(CHECKPOINT.text(), LOG, LOG_KEY.sign)
COSIGNED = NOTE + f"{cosign(CHECKPOINT.text(), WITNESS, AT, WITNESS_KEY.sign)}\n".encode()


def test_a_vkey_known_from_the_go_documentation() -> None:
    """The example key of golang.org/x/mod/sumdb/note."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = read_vkey(text)
    assert (key.name, key.kind, str(key)) == ("PeterNeumann", ED25519, text)


def test_our_own_line() -> None:
    assert ledger.vkey(LOG.public, LOG.name) == vkey(LOG.public, LOG.name) == str(LOG)
    assert read_vkey(f"{WITNESS}\n") == WITNESS
    with pytest.raises(ValueError, match="no spaces"):
        vkey(LOG.public, "a log")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+",
        f"{LOG}x",
        str(LOG).replace("songda", "other"),
        str(LOG).replace("+", " ", 1),
        f"{Key('x', 0x06, bytes(32))}",
        f"{Key('x', ED25519, bytes(31))}",
    ],
)
def test_what_is_no_vkey(text: str) -> None:
    with pytest.raises(LedgerWrong, match="vkey"):
        read_vkey(text)


def test_a_checkpoint_comes_back() -> None:
    assert open_checkpoint(NOTE, LOG) == CHECKPOINT
    assert open_checkpoint(COSIGNED, LOG) == CHECKPOINT
    checkpoint, signed = cosignatures(COSIGNED, [WITNESS, LOG])
    assert checkpoint == CHECKPOINT
    assert [(each.key, each.at) for each in signed] == [(WITNESS, AT)]


def test_signatures_of_strangers_are_passed_over() -> None:
    stranger = Key("stranger.example", COSIGNATURE, WITNESS.public)
    assert proven(read_note(COSIGNED), [stranger]) == ()
    with pytest.raises(LedgerWrong, match="has not signed"):
        open_checkpoint(NOTE, Key(LOG.name, ED25519, WITNESS.public))


@given(st.integers(0, len(COSIGNED) - 1), st.integers(1, 255))
def test_no_byte_can_be_changed(at: int, flip: int) -> None:
    """Wherever it is changed: it is refused, or a signature is gone."""
    bent = bytearray(COSIGNED)
    bent[at] ^= flip
    try:
        signed = proven(read_note(bytes(bent)), [LOG, WITNESS])
    except LedgerWrong:
        return
    assert len(signed) < 2


def test_a_witness_who_signs_for_another_time_is_found_out() -> None:
    line = cosign(CHECKPOINT.text(), WITNESS, AT, WITNESS_KEY.sign)
    later = type(line)(line.name, line.key_id, bytes(8) + line.signature[8:])
    with pytest.raises(LedgerWrong, match=r"witness\.example"):
        cosignatures(NOTE + f"{later}\n".encode(), [WITNESS])
    never = type(line)(line.name, line.key_id, b"\xff" * 8 + line.signature[8:])
    with pytest.raises(LedgerWrong, match=r"witness\.example"):
        cosignatures(NOTE + f"{never}\n".encode(), [WITNESS])


def test_a_checkpoint_of_another_log_is_refused_even_when_signed_by_this_one() -> None:
    other = Checkpoint("other.example", 42, bytes(32))
    with pytest.raises(LedgerWrong, match="another log"):
        open_checkpoint(sign_note(other.text(), LOG, LOG_KEY.sign), LOG)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\nno dash here\n",
        b"\xff\n\n",
        NOTE[:-1],
        NOTE.replace(b"\n42\n", b"\n4\r2\n"),
        NOTE.replace("— ".encode(), "—  ".encode()),
        NOTE + b"\n" * LARGEST_NOTE,
        b"text\n\n" + "— a AAAAAAA=\n".encode() * 101,
    ],
)
def test_what_is_no_note(content: bytes) -> None:
    with pytest.raises(LedgerWrong, match=r"note|signature"):
        read_note(content)


@pytest.mark.parametrize(
    "text", ["", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\n" + "A" * 43 + "=\n", "\n1\n" + "A" * 43 + "=\n"]
)
def test_what_is_no_checkpoint(text: str) -> None:
    with pytest.raises(LedgerWrong, match="a checkpoint is"):
        read_checkpoint(text)
