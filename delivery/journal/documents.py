"""Bytes by digest, written once: sealed documents, proofs, evidence. What comes back is checked against its digest.

A cipher may stand between content and store; names stay the digests of the content. Plain and encrypted may lie side by
side, because a store outlives its settings.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from obstore.store import ObjectStore as Bucket
from obstore.store import from_url

from delivery.journal.errors import DocumentBroken

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Documents(Protocol):
    """Where bytes are kept. All digests are SHA-256, lower-case hex."""

    async def put(self, content: bytes) -> str:
        """Keep them; returns their digest once they would survive a power cut. Twice is as good as once."""

    async def get(self, sha256: str) -> bytes:
        """Raises KeyError when there are none, DocumentBroken when what is stored is not what the digest says."""

    async def has(self, sha256: str) -> bool:
        """Whether something is stored under that digest; it is checked when it is read."""


class Cipher(Protocol):
    """How content is kept. Used from several threads."""

    def closed(self, content: bytes, sha256: str) -> bytes:
        """As it is written to the store under that digest, which is the content's own."""

    def opened(self, kept: bytes, sha256: str) -> bytes:
        """The content of what `closed` made. Raises DocumentBroken for anything else."""


class Plain:
    """Kept as it is."""

    def closed(self, content: bytes, sha256: str) -> bytes:
        return content

    def opened(self, kept: bytes, sha256: str) -> bytes:
        raise DocumentBroken(f"the bytes stored as {sha256} have another digest")


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _opened(kept: bytes, sha256: str, cipher: Cipher) -> bytes:
    """Bytes that have the digest are the content, whenever they were stored, and whatever they begin with."""
    if digest_of(kept) == sha256:
        return kept
    content = cipher.opened(kept, sha256)
    if digest_of(content) != sha256:
        raise DocumentBroken(f"the bytes stored as {sha256} have another digest")
    return content


def _name(sha256: str) -> str:
    """`ab/cdef…`: a folder per first byte, so that none grows endless. Raises KeyError for what is no digest."""
    if not _DIGEST.fullmatch(sha256):
        raise KeyError(sha256)
    return f"{sha256[:2]}/{sha256[2:]}"


class Files:
    """In a folder of this computer."""

    def __init__(self, folder: Path, cipher: Cipher | None = None) -> None:
        self._folder, self._cipher = folder, cipher or Plain()

    async def put(self, content: bytes) -> str:
        sha256 = digest_of(content)
        await asyncio.to_thread(self._write, self._folder / _name(sha256), content, sha256)
        return sha256

    async def get(self, sha256: str) -> bytes:
        try:
            return await asyncio.to_thread(self._read, self._folder / _name(sha256), sha256)
        except FileNotFoundError:
            raise KeyError(sha256) from None

    async def has(self, sha256: str) -> bool:
        return bool(_DIGEST.fullmatch(sha256)) and await asyncio.to_thread((self._folder / _name(sha256)).is_file)

    def _read(self, target: Path, sha256: str) -> bytes:
        return _opened(target.read_bytes(), sha256, self._cipher)

    def _is_whole(self, target: Path, sha256: str) -> bool:
        try:
            self._read(target, sha256)
        except (FileNotFoundError, DocumentBroken):
            return False
        return True

    def _write(self, target: Path, content: bytes, sha256: str) -> None:
        """A reader sees the whole file or none: it gets its name only when its bytes are on the disk."""
        if self._is_whole(target, sha256):
            _sync(target)  # its writer may have died between the link and the sync of the folder
            _sync(target.parent)
            return
        self._make(target.parent)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
        try:
            _write_and_sync(draft, self._cipher.closed(content, sha256))
            self._give_name(draft, target, sha256)
        finally:
            draft.unlink(missing_ok=True)
        _sync(target.parent)

    def _give_name(self, draft: Path, target: Path, sha256: str) -> None:
        """Write once: a link never replaces. Only a file whose bytes are broken is put right again."""
        with suppress(FileExistsError):
            os.link(draft, target)
            return
        if not self._is_whole(target, sha256):
            draft.replace(target)

    def _make(self, folder: Path) -> None:
        for each in (self._folder, folder):
            if not each.is_dir():
                each.mkdir(parents=True, exist_ok=True)
                _sync(each.parent)


def _write_and_sync(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class ObjectStore:
    """In a bucket of any object store that obstore speaks to; durability is that store's promise."""

    def __init__(self, bucket: Bucket, cipher: Cipher | None = None) -> None:
        self._bucket, self._cipher = bucket, cipher or Plain()

    async def put(self, content: bytes) -> str:
        sha256 = digest_of(content)
        kept = await asyncio.to_thread(self._cipher.closed, content, sha256)
        await self._bucket.put_async(_name(sha256), kept)  # over itself, at worst: one name, one content
        return sha256

    async def get(self, sha256: str) -> bytes:
        try:
            result = await self._bucket.get_async(_name(sha256))
            kept = bytes(await result.bytes_async())
        except FileNotFoundError:
            raise KeyError(sha256) from None
        return await asyncio.to_thread(_opened, kept, sha256, self._cipher)

    async def has(self, sha256: str) -> bool:
        if not _DIGEST.fullmatch(sha256):
            return False
        try:
            await self._bucket.head_async(_name(sha256))
        except FileNotFoundError:
            return False
        return True


def open_documents(store: str, folder: Path, cipher: Cipher | None = None) -> Documents:
    """`files`: in `folder`; anything else is the URL of a bucket, such as s3://name. Raises ValueError."""
    return Files(folder, cipher) if store == "files" else ObjectStore(from_url(store), cipher)
