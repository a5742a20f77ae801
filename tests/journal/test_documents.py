"""Bytes by digest: in files, and in an object store that speaks S3."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from obstore.store import MemoryStore, S3Store

from delivery.journal.documents import Documents, Files, ObjectStore
from delivery.journal.errors import DocumentBroken

CONTENT = b"%PDF-1.7 \x00\xff"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def _s3(url: str) -> ObjectStore:
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{url}/documents", method="PUT")).close()  # noqa: S310 — our own server
    return ObjectStore(
        S3Store(
            "documents",
            endpoint=url,
            region="us-east-1",
            access_key_id="invented",
            secret_access_key="invented",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
    )


@pytest.fixture(params=["files", "memory", "s3"])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Documents:
    if request.param == "files":
        return Files(tmp_path / "a folder with spaces")
    if request.param == "memory":
        return ObjectStore(MemoryStore())
    return _s3(request.getfixturevalue("s3_url"))


async def test_what_is_put_is_got(documents: Documents) -> None:
    assert not await documents.has(DIGEST)
    assert await documents.put(CONTENT) == DIGEST
    assert await documents.has(DIGEST)
    assert await documents.get(DIGEST) == CONTENT


async def test_putting_it_by_many_at_once_is_putting_it_once(documents: Documents) -> None:
    assert await asyncio.gather(*[documents.put(CONTENT) for _ in range(8)]) == [DIGEST] * 8
    assert await documents.get(DIGEST) == CONTENT


async def test_empty_content_is_content(documents: Documents) -> None:
    assert await documents.get(await documents.put(b"")) == b""


@pytest.mark.parametrize("name", ["0" * 64, "../../etc/passwd", "", DIGEST.upper()])
async def test_what_was_never_put(documents: Documents, name: str) -> None:
    with pytest.raises(KeyError):
        await documents.get(name)
    assert not await documents.has(name)


def _only_file(folder: Path) -> Path:
    (found,) = [path for path in folder.rglob("*") if path.is_file()]
    return found


async def test_broken_bytes_never_come_back(tmp_path: Path) -> None:
    files = Files(tmp_path)
    await files.put(CONTENT)
    path = _only_file(tmp_path)
    path.chmod(0o600)
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(DocumentBroken):
        await files.get(DIGEST)
    await files.put(CONTENT)
    assert await files.get(DIGEST) == CONTENT


async def test_broken_bytes_never_come_back_from_a_bucket() -> None:
    bucket = MemoryStore()
    store = ObjectStore(bucket)
    await store.put(CONTENT)
    await bucket.put_async(f"{DIGEST[:2]}/{DIGEST[2:]}", b"other")
    with pytest.raises(DocumentBroken):
        await store.get(DIGEST)


async def test_nothing_is_left_behind_and_others_cannot_read(tmp_path: Path) -> None:
    files = Files(tmp_path)
    await asyncio.gather(*[files.put(CONTENT) for _ in range(8)])
    assert _only_file(tmp_path).stat().st_mode & 0o007 == 0


async def test_a_file_is_whole_before_it_has_its_name(tmp_path: Path) -> None:
    """A draft left by a crash is no document, and does not stand in the way of one."""
    files = Files(tmp_path)
    folder = tmp_path / DIGEST[:2]
    folder.mkdir()
    (folder / f".{DIGEST[2:]}.0").write_bytes(CONTENT[:3])
    assert not await files.has(DIGEST)
    await files.put(CONTENT)
    assert await files.get(DIGEST) == CONTENT
    assert os.stat(folder / DIGEST[2:]).st_nlink == 1
