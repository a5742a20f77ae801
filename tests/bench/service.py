"""The service under measurement: the whole of it, built by the wiring, in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
import structlog

from delivery import first_accounts, wiring
from delivery.settings import DATA, HTTP_PORT, NATS_PORT, Settings, load
from delivery.worker.sequencing import Sequencing
from tests.servers import free_port

MORNING = datetime.fromisoformat("2025-09-16T09:30:00+08:00")
"""When the clock starts: whatever the hour is, messages may go out."""
PATIENCE = 60.0


@dataclass(frozen=True)
class Service:
    """Where it answers, and what it keeps."""

    settings: Settings
    pid: int

    @property
    def url(self) -> str:
        return self.settings.base_url

    @property
    def credential(self) -> str:
        return f"{first_accounts.CLIENT}.{(self.settings.data / 'client-secret').read_text().strip()}"

    def asked(self, question: str) -> tuple[Any, ...]:
        """The first row of an answer of its journal, where that is SQLite."""
        path = self.settings.data / "journal.sqlite"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as journal:
            row: tuple[Any, ...] = journal.execute(question).fetchone()
        return row

    def worked(self) -> float:
        """Seconds of processor time so far, with the processes that seal for it."""
        own = psutil.Process(self.pid)
        times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
        return sum(each.user + each.system for each in times)


def settings_for(folder: Path, *, journal: str = "sqlite", seal_processes: int = 2) -> Settings:
    """`config/local.toml` as it is delivered, with ports that are free and a clock that starts in the morning."""
    places = {DATA: str(folder), HTTP_PORT: str(free_port()), NATS_PORT: str(free_port())}
    local = load(wiring.DEFAULT, places)
    return replace(local, journal=journal, seal_processes=seal_processes, rehearsal_start=MORNING)


@contextmanager
def serving(settings: Settings, roles: frozenset[str] = wiring.ROLES, *, sequencing: bool = True) -> Iterator[Service]:
    """The service, answering; without `sequencing`, no event becomes a leaf of the ledger. Raises RuntimeError when it
    ends before that.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(settings, roles, sequencing, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(PATIENCE) or ours.recv() != "ready":
            raise RuntimeError("the service did not start")
        assert process.pid
        yield Service(settings, process.pid)
    except EOFError:
        raise RuntimeError("the service ended while it started") from None
    finally:
        ours.close()  # which tells it to end
        process.join(PATIENCE)
        process.kill()


def _serve(settings: Settings, roles: frozenset[str], sequencing: bool, caller: Connection) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(_until_told(settings, roles, sequencing, caller))


async def _until_told(settings: Settings, roles: frozenset[str], sequencing: bool, caller: Connection) -> None:
    async with wiring.build(settings) as built:
        house = built if sequencing else replace(built, sequencing=_Resting.instead_of(built.sequencing))
        running = asyncio.create_task(wiring.run(house, roles, ready=lambda: caller.send("ready")))
        told = asyncio.create_task(_hung_up(caller))
        await asyncio.wait((running, told), return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        await asyncio.wait((running,))


class _Resting(Sequencing):
    """Sequences nothing."""

    @classmethod
    def instead_of(cls, real: Sequencing) -> _Resting:
        return cls(journal=real.journal, clock=real.clock, key=real.key, sign=real.sign)

    async def run(self) -> None:
        await asyncio.Event().wait()


async def _hung_up(caller: Connection) -> None:
    """Returns when the other end of the pipe was closed."""
    closed = asyncio.Event()
    asyncio.get_running_loop().add_reader(caller.fileno(), closed.set)
    await closed.wait()
    asyncio.get_running_loop().remove_reader(caller.fileno())


def machine() -> str:
    """Processor, cores, memory, Python, and how busy others keep it."""
    model = next((line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "?")
    kilobytes = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    load_now = os.getloadavg()[0]
    cores, python = os.cpu_count(), platform.python_version()
    return f"{model}, {cores} cores, {kilobytes / 2**20:.0f} GiB, Python {python}; load before the start {load_now:.1f}"


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []
