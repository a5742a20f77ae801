"""The embedded queue's server is killed while the service runs: it comes back, and nothing that it took is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import nats
import nats.errors
import pytest
import structlog

from delivery import nats_server
from delivery.serving import told
from tests.filings import CLIENT, COURT, filing, summons
from tests.flows.house import quiet_port, until
from tests.flows.shell import service

SUBJECT = f"songda.{COURT}.submissions"


def children(process: int, port: int | None = None) -> list[int]:
    """Those that are the queue's server; of several the one at that port."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    servers = [int(child) for child in found if "nats-server" in Path(f"/proc/{child}/comm").read_text()]
    return [server for server in servers if port is None or str(port) in words(server)]


def words(process: int) -> list[str]:
    return Path(f"/proc/{process}/cmdline").read_text().split("\0")


async def another(process: int, before: int) -> int | None:
    return next((child for child in children(process) if child != before), None)


async def put(queue: str, *names: str) -> None:
    connection = await nats.connect(queue, allow_reconnect=False)
    try:
        for name in names:
            body = json.dumps(filing(summons(), id=name)).encode()
            await connection.jetstream().publish(SUBJECT, body)
    finally:
        await connection.close()


async def reported(queue: str, of: set[str]) -> list[dict[str, Any]] | None:
    """The answers to these submissions, once all are in the stream of reports."""
    with suppress(OSError, nats.errors.Error):
        connection = await nats.connect(queue, allow_reconnect=False)
        try:
            stream = connection.jetstream()
            ours = await stream.subscribe(f"songda.{COURT}.reports.{CLIENT}", ordered_consumer=True)
            pending = (await ours.consumer_info()).num_pending or 0
            reports = [json.loads((await ours.next_msg(timeout=5)).data) for _ in range(pending)]
        finally:
            await connection.close()
        told_of = [each for each in reports if each["type"] == "songda.report.submission_accepted.v1"]
        return told_of if len(told_of) >= len(of) else None
    return None


async def test_a_server_that_is_killed_comes_back_with_all_it_had(tmp_path: Path) -> None:
    http, port, log = quiet_port(), quiet_port(), tmp_path / "log"
    env = {"SONGDA_HTTP_PORT": str(http), "SONGDA_NATS_PORT": str(port), "SONGDA_DATA": str(tmp_path / "data")}
    queue, names = f"nats://127.0.0.1:{port}", {f"before-{n}" for n in range(5)} | {"after"}
    with service(["serve"], log, env=env) as process:
        (first,) = children(process.pid)
        await put(queue, *(names - {"after"}))
        os.kill(first, signal.SIGKILL)
        second = await until(partial(another, process.pid, first))
        await until(partial(answers, port))
        await put(queue, "after")
        found = await until(partial(reported, queue, names))
        assert children(process.pid) == [second]
    assert process.returncode == 0
    assert len({each["data"]["submission_id"] for each in found}) == len(names), "each once, and none is missing"
    said = [line for line in log.read_text().splitlines() if '"queue_server_' in line]
    assert [json.loads(line)["event"] for line in said] == ["queue_server_ended", "queue_server_started_again"]
    assert json.loads(said[0])["status"] == -signal.SIGKILL


async def answers(port: int) -> bool | None:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return None


async def test_a_server_that_does_not_come_back_ends_the_service(tmp_path: Path) -> None:
    port = quiet_port()
    with structlog.testing.capture_logs() as lines:
        async with nats_server.embedded(tmp_path, port) as server:
            watching = asyncio.create_task(server.watch(pause=0.05))
            with socket.socket() as somebody:
                somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                await until(partial(seized, somebody, port))
                with pytest.raises(nats_server.QueueServerGone):
                    await asyncio.wait_for(watching, 60)
    assert lines[-1]["event"] == "queue_server_given_up"
    assert lines[-1]["says_why"] == str(tmp_path / "nats.log")


async def seized(somebody: socket.socket, port: int) -> bool | None:
    """The server killed, that one alone (other tests of this run have theirs), and its port in other hands."""
    for server in children(os.getpid(), port):
        os.kill(server, signal.SIGKILL)
    with suppress(OSError):
        somebody.bind(("127.0.0.1", port))
        somebody.listen()
        return True
    return None


def test_the_service_ends_with_a_status_that_says_so() -> None:
    def start() -> int:
        raise ExceptionGroup("what ended", [nats_server.QueueServerGone()])

    assert told(start) == 1
