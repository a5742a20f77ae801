"""Which key seals on which day, in the pool: rotation with overlap, revocation, a token that is out, private memory."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.errors import KeyRefused, KeyUnavailable, NoSealEnabled
from signing.file_signer import FileSigner, PemKey
from signing.keys import KeyKind, OpenedKeys, make_key_file, open_key_file
from signing.pool import SealKeys, SealPool
from tests import servers
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL, PASSWORD

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def newer() -> OpenedKeys:
    validity = {"not_before": AT.replace(year=2025), "not_after": AT.replace(year=2040)}
    made = make_key_file(PASSWORD, court="demo", court_name=COURT_NAME, serial=4712, kind=KeyKind.P384, **validity)
    return open_key_file(made.content, PASSWORD)


def seal_keys(keys: OpenedKeys) -> SealKeys:
    recipe = PemKey(keys.private_key_pem, keys.certificate_pem)
    return SealKeys(recipe, keys.certificate_pem, COURT_NAME, LABEL)


@pytest.fixture(params=[0, 1], ids=["in-thread", "one-process"])
async def pool(request: pytest.FixtureRequest, keys: OpenedKeys, newer: OpenedKeys) -> AsyncIterator[SealPool]:
    both = [replace(seal_keys(newer), seals_from=AT + 7 * DAY), replace(seal_keys(keys), seals_until=AT + 30 * DAY)]
    made = SealPool({"demo": both}, processes=request.param)
    yield made
    made.close()


def serial(content: bytes) -> int:
    """Of the certificate that signed, as pyHanko reads it."""
    (embedded,) = PdfFileReader(io.BytesIO(content), strict=False).embedded_signatures
    return int(embedded.signer_cert.serial_number)


async def test_the_new_key_seals_from_its_day_on_and_both_verify(pool: SealPool, tmp_path: Path) -> None:
    letter = documents.reportlab_letter()
    for at, expected in ((AT, 4711), (AT + 6 * DAY, 4711), (AT + 7 * DAY, 4712), (AT + 31 * DAY, 4712)):
        sealed = await pool.seal("demo", letter, at, "x", "x")
        assert serial(sealed) == expected
        (verdict,) = judges.pdfsig(sealed, tmp_path)
        assert verdict.valid


async def test_a_revoked_key_is_dropped_while_it_runs(pool: SealPool, keys: OpenedKeys) -> None:
    letter = documents.reportlab_letter()
    assert serial(await pool.seal("demo", letter, AT + 8 * DAY, "x", "x")) == 4712
    pool.use({"demo": [seal_keys(keys)]})
    assert serial(await pool.seal("demo", letter, AT + 8 * DAY, "x", "x")) == 4711
    pool.use({"demo": []})
    with pytest.raises(NoSealEnabled, match="two clerks"):
        await pool.seal("demo", letter, AT, "x", "x")
    assert (await pool.inspect(letter)).faults == ()


@dataclass(frozen=True)
class Away:
    """A token that is put in by making a file."""

    mark: str
    key: PemKey

    def __call__(self) -> FileSigner:
        if not Path(self.mark).exists():
            raise KeyUnavailable("the token cannot be used now")
        return self.key()


@pytest.mark.parametrize("processes", [0, 1])
async def test_a_token_that_is_out_stops_no_look_and_no_later_seal(
    processes: int, keys: OpenedKeys, tmp_path: Path
) -> None:
    mark = tmp_path / "in"
    away = Away(str(mark), PemKey(keys.private_key_pem, keys.certificate_pem))
    pool = SealPool({"away": [replace(seal_keys(keys), signer=away)]}, processes=processes)
    letter = documents.reportlab_letter()
    try:
        assert (await pool.inspect(letter)).faults == ()
        with pytest.raises(KeyUnavailable):
            await pool.seal("away", letter, AT, "x", "x")
        _touch(mark)
        assert serial(await pool.seal("away", letter, AT, "x", "x")) == 4711
    finally:
        pool.close()


@pytest.mark.parametrize("processes", [0, 1])
async def test_another_certificate_behind_the_same_name_seals_nothing(
    processes: int, keys: OpenedKeys, newer: OpenedKeys
) -> None:
    """A file that was replaced, a service that renewed by itself: not what two clerks enabled."""
    other = PemKey(newer.private_key_pem, newer.certificate_pem)
    pool = SealPool({"other": [replace(seal_keys(keys), signer=other)]}, processes=processes)
    try:
        with pytest.raises(KeyRefused, match="enabled"):
            await pool.seal("other", documents.reportlab_letter(), AT, "x", "x")
    finally:
        pool.close()


def _touch(mark: Path) -> None:
    mark.touch()


def test_a_seals_key_is_not_shown(keys: OpenedKeys) -> None:
    assert keys.private_key_pem.splitlines()[1].decode() not in repr(seal_keys(keys))


async def test_a_worker_leaves_no_core_dump(keys: OpenedKeys) -> None:
    pool = SealPool({"demo": [seal_keys(keys)]}, processes=1)
    try:
        await pool.inspect(b"")
        children = psutil.Process(os.getpid()).children(recursive=True)
        limits = [child.rlimit(psutil.RLIMIT_CORE) for child in children if "spawn_main" in " ".join(child.cmdline())]
        assert limits == [(0, 0)]
    finally:
        pool.close()


PRIVATE = """
import ctypes, resource
from signing.secrecy import keep_memory_private
keep_memory_private()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_the_memory_is_private() -> None:
    command = [sys.executable, "-c", PRIVATE]
    answer = subprocess.run(command, cwd=servers.PROJECT, check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "(0, 0) 0"


def test_the_certificates_differ(keys: OpenedKeys, newer: OpenedKeys) -> None:
    numbers = [x509.load_pem_x509_certificates(one.certificate_pem)[0].serial_number for one in (keys, newer)]
    assert numbers == [4711, 4712]
