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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PR_SET_PDEATHSIG = 1
MAX_MESSAGE = 8 * 2**20
"""Bytes of one message: a submission with its documents inside; larger ones go up apart (contract.md §2)."""
PATIENCE = 15.0
"""Seconds it may take to answer; many times what it needs."""


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


@asynccontextmanager
async def embedded(folder: Path, port: int) -> AsyncIterator[str]:
    """Runs the server, its store in the existing `folder`; yields its URL once it answers, and stops it in the end.

    Raises PortTaken, RuntimeError.
    """
    check_port("127.0.0.1", port, "SONGDA_NATS_PORT")
    program = Path(sysconfig.get_path("scripts")) / "nats-server"
    settings = folder / "nats.conf"
    settings.write_text(f"max_payload: {MAX_MESSAGE}\n")
    with (folder / "nats.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(program, "-c", settings, "-js", "-sd", folder / "nats", "-a", "127.0.0.1", "-p", str(port)),
            stdout=log,
            stderr=log,
            preexec_fn=_end_with_parent,
            process_group=0,  # Ctrl-C is for us: what is in hand still needs the queue
        )
    try:
        await _answering(process, port, folder / "nats.log")
        yield f"nats://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def _end_with_parent() -> None:
    """When this process is killed the server ends too, and its port is free for the next start (prctl(2), Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


async def _answering(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
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
