"""Documents encrypted in their store: from the settings to the bytes on the disk, through a switch and a rotation."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from delivery.document_keys import StoreCipher, at_rest, documents_of
from delivery.journal.documents import Documents, Files, ObjectStore
from delivery.journal.errors import DocumentBroken
from delivery.keyring import SecretMissing
from delivery.settings import Settings, SettingsWrong, load
from signing.at_rest import MAGIC, AtRest, Encryption, key_id, new_key, read_keys
from signing.errors import KeyFileUnreadable
from tests.servers import PROJECT

CONTENT = b"%PDF-1.7 " + "传票".encode() * 50
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def settings(folder: Path, encryption: str, *, self_made: bool = True) -> Settings:
    text = (PROJECT / "config" / "local.toml").read_text("utf-8")
    text = text.replace("self_made = true", f"self_made = {str(self_made).lower()}")
    (folder / "settings.toml").write_text(f'{text}\n[documents]\nencryption = "{encryption}"\n', "utf-8")
    return load(folder / "settings.toml", {"SONGDA_DATA": str(folder / "data")})


def stored(folder: Path, digest: str = DIGEST) -> Path:
    return folder / "data" / "documents" / digest[:2] / digest[2:]


def key_file(folder: Path) -> Path:
    return folder / "data" / "keys" / "documents.key"


def another_key_first(folder: Path, *, keep: bool) -> None:
    old = key_file(folder).read_text() if keep else ""
    key_file(folder).write_text(f"{new_key()}\n{old}")


@pytest.mark.parametrize("encryption", ["sm4-gcm", "aes-256-gcm"])
async def test_only_ciphertext_is_on_the_disk_under_the_digest_of_the_content(tmp_path: Path, encryption: str) -> None:
    documents = documents_of(settings(tmp_path, encryption))
    assert await documents.put(CONTENT) == DIGEST
    kept = stored(tmp_path).read_bytes()
    assert kept.startswith(MAGIC + encryption.encode())
    assert b"%PDF" not in kept
    assert await documents.has(DIGEST)
    assert await documents.get(DIGEST) == CONTENT
    assert stat.S_IMODE(key_file(tmp_path).stat().st_mode) == 0o600


async def test_written_once_by_many(tmp_path: Path) -> None:
    """Each writer encrypts with a nonce of its own; the first one's bytes stay."""
    documents = documents_of(settings(tmp_path, "sm4-gcm"))
    await asyncio.gather(*[documents.put(CONTENT) for _ in range(8)])
    first = stored(tmp_path).read_bytes()
    await documents.put(CONTENT)
    assert stored(tmp_path).read_bytes() == first
    assert list(stored(tmp_path).parent.iterdir()) == [stored(tmp_path)]


async def test_a_store_outlives_its_settings(tmp_path: Path) -> None:
    """Plain, SM4 and AES side by side, each read under each setting."""
    put = {}
    for encryption in ("none", "sm4-gcm", "aes-256-gcm", "none"):
        content = f"{encryption} {len(put)}".encode()
        put[await documents_of(settings(tmp_path, encryption)).put(content)] = content
    kept = [stored(tmp_path, digest).read_bytes() for digest in put]
    assert [one.startswith(MAGIC) for one in kept] == [False, True, True, False]
    for encryption in ("none", "sm4-gcm", "aes-256-gcm"):
        documents = documents_of(settings(tmp_path, encryption))
        assert {digest: await documents.get(digest) for digest in put} == put


async def test_a_document_that_begins_like_an_encrypted_one_is_a_document(tmp_path: Path) -> None:
    """Somebody files what lies in another store: plain or encrypted once more, it comes back as it was filed."""
    content = AtRest((bytes(32),), Encryption.SM4_GCM).put_away(b"x", "name")
    for encryption in ("none", "sm4-gcm"):
        documents = documents_of(settings(tmp_path, encryption))
        digest = await documents.put(content)
        assert await documents_of(settings(tmp_path, "sm4-gcm")).get(digest) == content
        stored(tmp_path, digest).unlink()


async def test_a_rotation(tmp_path: Path) -> None:
    own = settings(tmp_path, "sm4-gcm")
    await documents_of(own).put(CONTENT)
    another_key_first(tmp_path, keep=True)
    documents = documents_of(own)
    newer = await documents.put(b"newer")
    first, second = read_keys(key_file(tmp_path).read_text())
    assert key_id(first).encode() in stored(tmp_path, newer).read_bytes()
    assert key_id(second).encode() in stored(tmp_path).read_bytes()
    assert (await documents.get(DIGEST), await documents.get(newer)) == (CONTENT, b"newer")


async def test_without_its_key_it_is_named_and_put_right_by_who_has_the_content(tmp_path: Path) -> None:
    own = settings(tmp_path, "sm4-gcm")
    await documents_of(own).put(CONTENT)
    (lost,) = read_keys(key_file(tmp_path).read_text())
    another_key_first(tmp_path, keep=False)
    documents = documents_of(own)
    with pytest.raises(DocumentBroken, match=f"{key_id(lost)} is not here"):
        await documents.get(DIGEST)
    await documents.put(CONTENT)
    assert await documents.get(DIGEST) == CONTENT


async def test_changed_ciphertext_never_comes_back(tmp_path: Path) -> None:
    documents = documents_of(settings(tmp_path, "sm4-gcm"))
    await documents.put(CONTENT)
    kept = stored(tmp_path).read_bytes()
    other = await documents.put(b"another document")
    for wrong in (kept[:-1] + bytes([kept[-1] ^ 1]), kept[:60], b"", b"plain", stored(tmp_path, other).read_bytes()):
        stored(tmp_path).write_bytes(wrong)
        with pytest.raises(DocumentBroken):
            await documents.get(DIGEST)
    await documents.put(CONTENT)
    assert await documents.get(DIGEST) == CONTENT


@pytest.mark.parametrize("kind", ["files", "bucket"])
async def test_a_cipher_that_opens_something_else_is_not_believed(kind: str, tmp_path: Path) -> None:
    """The digest is asked last, whatever stands in between."""

    class Wrong:
        def closed(self, content: bytes, sha256: str) -> bytes:
            return b"closed"

        def opened(self, kept: bytes, sha256: str) -> bytes:
            return b"something else"

    documents: Documents = Files(tmp_path, Wrong()) if kind == "files" else ObjectStore(MemoryStore(), Wrong())
    await documents.put(CONTENT)
    with pytest.raises(DocumentBroken):
        await documents.get(DIGEST)


async def test_in_a_bucket(tmp_path: Path) -> None:
    bucket = MemoryStore()
    documents = ObjectStore(bucket, StoreCipher(at_rest(settings(tmp_path, "sm4-gcm"))))
    assert await documents.put(CONTENT) == DIGEST
    kept = bytes(await (await bucket.get_async(f"{DIGEST[:2]}/{DIGEST[2:]}")).bytes_async())
    assert kept.startswith(MAGIC)
    assert await documents.get(DIGEST) == CONTENT
    await bucket.put_async(f"{DIGEST[:2]}/{DIGEST[2:]}", kept[:-1])
    with pytest.raises(DocumentBroken):
        await documents.get(DIGEST)


def test_keys_are_made_where_the_settings_allow_it(tmp_path: Path) -> None:
    at_rest(settings(tmp_path, "none"))
    assert not key_file(tmp_path).exists()
    with pytest.raises(SecretMissing, match=r"documents\.key"):
        at_rest(settings(tmp_path, "sm4-gcm", self_made=False))
    assert not key_file(tmp_path).exists()
    made = at_rest(settings(tmp_path, "sm4-gcm"))
    assert at_rest(settings(tmp_path, "sm4-gcm", self_made=False)) == made
    key_file(tmp_path).write_text("not a key")
    with pytest.raises(KeyFileUnreadable):
        at_rest(settings(tmp_path, "none"))


def test_an_unknown_word_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong, match="/documents/encryption: one of none, sm4-gcm, aes-256-gcm"):
        settings(tmp_path, "rot13")
