"""What is put away encrypted: opened again, by others too, and never when it was changed."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from gmalg import SM4
from hypothesis import given
from hypothesis import strategies as st

from signing.at_rest import (
    KEY,
    MAGIC,
    NONCE,
    TAG,
    AtRest,
    Encryption,
    NoKeyForIt,
    NotOpened,
    key_id,
    new_key,
    read_keys,
)
from signing.errors import KeyFileUnreadable
from signing.national.sm2 import sm3

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
CONTENT = "送达回证".encode() * 100
NAME = hashlib.sha256(CONTENT).hexdigest()
KINDS = [*Encryption]


def keeping(encryption: Encryption | None = Encryption.SM4_GCM, *keys: bytes) -> AtRest:
    return AtRest(keys or (NEW, OLD), encryption)


@given(st.binary(max_size=300), st.text(max_size=40), st.sampled_from(KINDS))
def test_what_was_put_away_comes_out_again(content: bytes, name: str, encryption: Encryption) -> None:
    kept = keeping(encryption).put_away(content, name)
    assert keeping(None).take_out(kept, name) == content
    assert len(content) < 8 or content not in kept


@pytest.mark.parametrize("encryption", KINDS)
def test_no_changed_byte_comes_out(encryption: Encryption) -> None:
    """Of header, nonce, ciphertext and tag; nor what was cut, or is kept under another name."""
    kept = keeping(encryption).put_away(CONTENT[:64], NAME)
    changed = [kept[:at] + bytes([kept[at] ^ bit]) + kept[at + 1 :] for at in range(len(kept)) for bit in (1, 128)]
    for wrong in (*changed, kept[:-1], kept + b"\0", kept[1:], kept[:50], b""):
        with pytest.raises(NotOpened):
            keeping().take_out(wrong, NAME)
    with pytest.raises(NotOpened):
        keeping().take_out(kept, "another")


def test_the_first_key_closes_and_all_open() -> None:
    """A rotation: the new key is put first, the old one stays."""
    before = keeping(Encryption.SM4_GCM, OLD).put_away(CONTENT, NAME)
    after = keeping(Encryption.AES_256_GCM).put_away(CONTENT, NAME)
    assert before.startswith(MAGIC + b"sm4-gcm " + key_id(OLD).encode())
    assert after.startswith(MAGIC + b"aes-256-gcm " + key_id(NEW).encode())
    assert keeping().take_out(before, NAME) == keeping().take_out(after, NAME) == CONTENT
    with pytest.raises(NoKeyForIt, match=key_id(NEW)):
        keeping(Encryption.SM4_GCM, OLD).take_out(after, NAME)


def test_the_header_cannot_name_another_key_or_algorithm() -> None:
    kept = keeping(Encryption.SM4_GCM, OLD).put_away(CONTENT, NAME)
    for changed in (kept.replace(key_id(OLD).encode(), key_id(NEW).encode()), kept.replace(b"sm4-gcm", b"aes-256-gcm")):
        with pytest.raises(NotOpened):
            keeping().take_out(changed, NAME)


def test_a_nonce_is_used_once() -> None:
    nonces = {keeping().put_away(CONTENT, NAME)[len(MAGIC) + 17 :][:NONCE] for _ in range(200)}
    assert len(nonces) == 200


def test_without_a_key_nothing_is_put_away_in_the_clear() -> None:
    with pytest.raises(ValueError, match="key"):
        AtRest((), Encryption.SM4_GCM).put_away(CONTENT, NAME)


def test_the_file_of_keys() -> None:
    first, second = new_key(), new_key()
    keys = read_keys(f"# since 2026\n{first}   # new\n\n  {second}\n")
    assert [len(key) for key in keys] == [KEY, KEY]
    assert keys[0] != keys[1]
    for wrong in ("", "# nothing\n", "short", first[:-4], f"{first}\n{first[:20]}\n", "é" * 44, f"{first}\n" * 101):
        with pytest.raises(KeyFileUnreadable) as told:
            read_keys(wrong)
        assert first[:12] not in str(told.value)


def test_keys_are_not_shown() -> None:
    assert repr(NEW)[2:20] not in repr(keeping())


# --- read by other hands ----------------------------------------------------------------------------------------------


def hkdf_sm3(key: bytes, info: bytes) -> bytes:
    """RFC 5869 with HMAC-SM3 written out, for 16 bytes."""

    def mac(secret: bytes, message: bytes) -> bytes:
        secret = secret.ljust(64, b"\0")
        inner = sm3(bytes(one ^ 0x36 for one in secret) + message)
        return sm3(bytes(one ^ 0x5C for one in secret) + inner)

    return mac(mac(bytes(32), key), info + b"\x01")[:16]


def gcm_opened(cipher: SM4, nonce: bytes, sealed: bytes, tag: bytes, data: bytes) -> bytes | None:
    """NIST SP 800-38D §7.2, bit by bit."""

    def times(one: int, other: int) -> int:
        product = 0
        for place in reversed(range(128)):
            product ^= one if other >> place & 1 else 0
            one = one >> 1 ^ (0xE1 << 120 if one & 1 else 0)
        return product

    h, found = int.from_bytes(cipher.encrypt(bytes(16)), "big"), 0
    blocks = data + bytes(-len(data) % 16) + sealed + bytes(-len(sealed) % 16)
    blocks += (8 * len(data)).to_bytes(8, "big") + (8 * len(sealed)).to_bytes(8, "big")
    for at in range(0, len(blocks), 16):
        found = times(h, found ^ int.from_bytes(blocks[at : at + 16], "big"))
    mask = int.from_bytes(cipher.encrypt(nonce + b"\0\0\0\1"), "big")
    if not hmac.compare_digest((found ^ mask).to_bytes(16, "big"), tag):
        return None
    count = range(2, 2 + -(-len(sealed) // 16))
    stream = b"".join(cipher.encrypt(nonce + number.to_bytes(4, "big")) for number in count)
    return bytes(one ^ other for one, other in zip(sealed, stream, strict=False))


def test_another_sm4_and_a_gcm_by_hand_open_it() -> None:
    kept = keeping(Encryption.SM4_GCM, NEW).put_away(CONTENT, NAME)
    header, _, body = kept.partition(b"\n")
    key = hkdf_sm3(NEW, MAGIC + b"sm4-gcm")
    data = header + b"\n" + NAME.encode()
    assert gcm_opened(SM4(key), body[:NONCE], body[NONCE:-TAG], body[-TAG:], data) == CONTENT
    assert gcm_opened(SM4(key), body[:NONCE], body[NONCE:-TAG], body[-TAG:], data + b".") is None


def test_the_gcm_by_hand_agrees_with_the_example_of_rfc_8998() -> None:
    """Appendix A.1."""
    key, nonce = bytes.fromhex("0123456789abcdeffedcba9876543210"), bytes.fromhex("00001234567800000000abcd")
    plain = bytes.fromhex("".join(2 * 4 * pair for pair in ("aa", "bb", "cc", "dd", "ee", "ff", "ee", "aa")))
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
    )
    tag = bytes.fromhex("83de3541e4c2b58177e065a9bf7b62ec")
    data = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    assert gcm_opened(SM4(key), nonce, sealed, tag, data) == plain
