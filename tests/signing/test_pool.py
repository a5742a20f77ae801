"""The pool of signing processes: same answers as the plain functions, and it outlives what kills a process."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from signing.errors import NotSealable, PageNotShown
from signing.file_signer import PemKey
from signing.keys import KeyFile, OpenedKeys
from signing.pdf import Limits, text_of
from signing.pool import SealKeys, SealPool
from tests import servers
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL
from tests.signing.test_proof import PLAIN


@pytest.fixture(params=[0, 1], ids=["in-thread", "one-process"])
async def pool(request: pytest.FixtureRequest, keys: OpenedKeys) -> AsyncIterator[SealPool]:
    made = SealPool({"demo": [seal_keys(keys)]}, processes=request.param, limits=Limits(max_pages=1))
    yield made
    made.close()


def seal_keys(keys: OpenedKeys) -> SealKeys:
    return SealKeys(PemKey(keys.private_key_pem, keys.certificate_pem), keys.certificate_pem, COURT_NAME, LABEL)


async def test_all_its_work(pool: SealPool, key_file: KeyFile, tmp_path: Path) -> None:
    letter = documents.reportlab_letter()
    sealed, proof, picture, findings = await asyncio.gather(
        pool.seal("demo", letter, AT, "送达", "示例市"),
        pool.proof("demo", PLAIN, AT, "送达凭证", "示例市"),
        pool.page_image(letter, 1, 200),
        pool.inspect(documents.reportlab_letter(pages=2)),
    )
    for content in (sealed, proof):
        (verdict,) = judges.pdfsig(content, tmp_path)
        assert verdict.valid
        assert verdict.whole
    assert PLAIN.certificate_no in text_of(proof)
    assert picture.startswith(b"\x89PNG")
    assert [fault.code for fault in findings.faults] == ["too_many_pages"]


async def test_it_counts_which_writer_made_its_seals(pool: SealPool) -> None:
    for content in (documents.reportlab_letter(), documents.broken_xref(), documents.typst_chinese()):
        await pool.seal("demo", content, AT, "送达", "示例市")
    assert pool.made == {"fast": 2, "fallback": 1}


async def test_refusals_come_through(pool: SealPool) -> None:
    with pytest.raises(NotSealable):
        await pool.seal("demo", b"%PDF-1.7", AT, "x", "x")
    with pytest.raises(PageNotShown):
        await pool.page_image(documents.reportlab_letter(), 2, 200)
    with pytest.raises(KeyError):
        await pool.seal("elsewhere", documents.reportlab_letter(), AT, "x", "x")


async def test_a_killed_process_costs_nothing(keys: OpenedKeys) -> None:
    pool = SealPool({"demo": [seal_keys(keys)]}, processes=1)
    try:
        await pool.inspect(documents.reportlab_letter())
        for child in workers(os.getpid()):
            child.send_signal(signal.SIGKILL)
        assert (await pool.inspect(documents.reportlab_letter())).faults == ()
    finally:
        pool.close()


def workers(parent: int) -> list[psutil.Process]:
    children = psutil.Process(parent).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


ORPHANS = """
import asyncio, sys
from signing.pool import SealPool

async def main():
    pool = SealPool({}, processes=1)
    await pool.inspect(b"")
    print("ready", flush=True)
    sys.stdin.read()

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_no_process_outlives_a_killed_service(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": str(servers.PROJECT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with servers.running([sys.executable, script], stop=signal.SIGKILL, env=environment, **pipes) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        children = workers(service.pid)
        assert children
        service.kill()
        _, alive = psutil.wait_procs(children, timeout=servers.PATIENCE)
    assert not alive
