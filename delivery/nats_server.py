"""The queue's server as the embedded default: `nats-server` from the wheel, a child of this process, its store in
`<data>`.
"""

from __future__ import annotations

import asyncio
import ctypes
import signal
import socket
import sys
import sysconfig
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

PR_SET_PDEATHSIG = 1
MAX_MESSAGE = 8 * 2**20
"""Bytes of one message: a submission with its documents inside; larger ones go up apart (contract.md §2)."""
PATIENCE = 15.0
"""Seconds it may take to answer; many times what it needs."""
FIRST_PAUSE, TRIES, STEADY = 0.5, 6, 60.0
"""Half a minute of tries in all; who stays up for a minute has not failed to start."""

log = structlog.get_logger()


class QueueServerGone(Exception):
    """The embedded server does not stay up."""


class PortTaken(OSError):
    """A port of ours is in use by somebody else."""

    def __init__(self, port: int, setting: str) -> None:
        super().__init__(f"port {port} is taken: stop what uses it, or choose another one with {setting}")


def check_port(host: str, port: int, setting: str) -> None:
    """Raises PortTaken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise PortTaken(port, setting) from None


class EmbeddedServer:
    """The server as a child of this process, its store in the existing `folder`."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"nats://127.0.0.1:{port}"
        self._folder, self._port = folder, port
        self._log = folder / "nats.log"
        self._process: Process | None = None

    async def start(self) -> None:
        """Returns once it answers. Raises PortTaken, and RuntimeError or TimeoutError when it does not answer."""
        check_port("127.0.0.1", self._port, "SONGDA_NATS_PORT")
        self._process = await self._spawned()
        await _answering(self._process, self._port, self._log)

    async def watch(self, *, pause: float = FIRST_PAUSE) -> None:
        """Starts it again whenever it ends; until cancelled. The store is on the disk, and whoever uses the queue
        waits and connects anew, so nothing is lost. `pause`, in seconds, doubles from try to try.

        Raises QueueServerGone when it does not stay up for a minute in `TRIES` tries.
        """
        tries = 0
        while True:
            up_for = await self._up()
            tries = 1 if up_for >= STEADY else tries + 1
            if tries > TRIES:
                log.error("queue_server_given_up", tries=TRIES, says_why=str(self._log))
                raise QueueServerGone
            status = self._process.returncode if self._process else None
            again_in = pause * 2 ** (tries - 1)
            log.error("queue_server_ended", status=status, again_in=again_in, says_why=str(self._log))
            await asyncio.sleep(again_in)
            try:
                await self.start()
            except (OSError, RuntimeError, TimeoutError) as fault:
                log.error("queue_server_not_started", fault=type(fault).__name__)  # noqa: TRY400 — the log is named
                await self.stop()
            else:
                log.info("queue_server_started_again")

    async def stop(self) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def _up(self) -> float:
        """For how long it was up, in seconds, when it has ended."""
        began = asyncio.get_running_loop().time()
        if self._process is not None:
            await self._process.wait()
        return asyncio.get_running_loop().time() - began

    async def _spawned(self) -> Process:
        program = Path(sysconfig.get_path("scripts")) / "nats-server"
        settings = self._folder / "nats.conf"
        settings.write_text(f"max_payload: {MAX_MESSAGE}\n")
        store = self._folder / "nats"
        with self._log.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *(program, "-c", settings, "-js", "-sd", store, "-a", "127.0.0.1", "-p", str(self._port)),
                stdout=output,
                stderr=output,
                preexec_fn=_end_with_parent,
                process_group=0,  # Ctrl-C is for us: what is in hand still needs the queue
            )


@asynccontextmanager
async def embedded(folder: Path, port: int) -> AsyncIterator[EmbeddedServer]:
    """Runs the server; yields it once it answers, and stops it in the end. Raises what `start` raises."""
    server = EmbeddedServer(folder, port)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def _end_with_parent() -> None:
    """When this process is killed the server ends too, and its port is free for the next start (prctl(2), Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _answering(process: Process, port: int, log: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
    raise RuntimeError(f"nats-server ended at once; it says why in {log}")
