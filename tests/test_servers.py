"""Each server that the tests rely on starts, and answers in its own language."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nats
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests import servers

COUNT_TABLES = {
    "sqlite": "SELECT count(*) FROM sqlite_master",
    "postgresql": "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'",
}


@pytest.mark.parametrize("_again", [1, 2])
async def test_each_test_gets_an_empty_database(database_url: str, _again: int) -> None:
    engine = create_async_engine(database_url)
    async with engine.begin() as connection:
        assert await connection.scalar(text(COUNT_TABLES[engine.dialect.name])) == 0
        await connection.execute(text("CREATE TABLE left_behind (id integer)"))
    await engine.dispose()


async def test_postgres_can_copy_a_template(postgres: servers.Postgres) -> None:
    template = postgres.create()
    copy = postgres.create(template)
    postgres.drop(copy)
    postgres.drop(template)
    assert postgres.answers()


async def test_nats_keeps_what_it_acknowledged(nats_url: str) -> None:
    connection = await nats.connect(nats_url)
    stream = connection.jetstream()
    await stream.add_stream(name="SERVERS", subjects=["servers.>"])
    assert (await stream.publish("servers.hello", "送达".encode())).seq == 1
    assert (await stream.get_last_msg("SERVERS", "servers.hello")).data == "送达".encode()
    await connection.close()


def test_nats_in_a_folder_with_a_space(tmp_path: Path) -> None:
    with servers.nats_server(tmp_path / "a space") as address:
        assert address.startswith("nats://127.0.0.1:")


@pytest.mark.parametrize("package", ["smpp", "smtp-server"])
def test_node_loads_the_counterparts(npm_packages: Path, tmp_path: Path, package: str) -> None:
    script = tmp_path / "load.js"
    script.write_text(f"require('{package}'); console.log('loaded'); process.stdin.resume()")
    with servers.node_server(script) as (process, first_line):
        assert first_line == "loaded"
        assert process.poll() is None


def test_debian_brings_pdfsig() -> None:
    pdfsig = servers.debian("poppler-utils", "pdfsig")
    assert "pdfsig" in subprocess.run([str(pdfsig), "-v"], check=False, capture_output=True, text=True).stderr


def test_chromium_starts(chromium: Path) -> None:
    assert "Chromium" in subprocess.run([str(chromium), "--version"], check=True, capture_output=True, text=True).stdout


def test_what_cannot_be_had_skips_with_one_line_and_fails_on_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such thing"):
        servers.missing("no such thing")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such thing"):
        servers.missing("no such thing")


def test_a_server_that_ends_at_once_is_not_waited_for() -> None:
    with servers.running(["true"]) as process:
        assert not servers.wait_until(lambda: False, process)
