"""A flow through any number of lives of the service: played to its end, and judged."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher

from delivery import wiring
from delivery.clock import SystemClock
from delivery.core.seal_keys import SealKey
from delivery.journal.accounts import Clerk, Client
from delivery.journal.documents import Files
from delivery.journal.journal import Journal
from delivery.settings import load
from delivery.web.credentials import hash_secret
from tests.check_world import check_world
from tests.flows.house import CLIENT, COURT, SECRET, Providers, case, config, mailed, posted, providers, texted, until
from tests.flows.people import CaseSystem, People, ended, ending
from tests.servers import PROJECT


class Lives:
    """A process that forks a service for each life (tests/flows/mortal.py), one at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._pid = 0
        self._ended: asyncio.Task[int] | None = None

    async def begin(self, config_file: Path, log: Path, *, die_at: int = 0, after: bool = False) -> None:
        """Raises EOFError when the parent is gone."""
        life = {"config": str(config_file), "log": str(log), "die_at": die_at, "after": after}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(life).encode() + b"\n")
        self._pid = int(await self._word("started"))
        self._ended = asyncio.create_task(self._end())

    @property
    def over(self) -> bool:
        return self._ended is None or self._ended.done()

    async def finish(self, how: int) -> int:
        """Stop the life with that signal; its exit status."""
        assert self._ended is not None
        if not self._ended.done():
            os.kill(self._pid, how)
        return await self._ended

    async def _end(self) -> int:
        return int(await self._word("ended"))

    async def _word(self, kind: str) -> str:
        assert self._process.stdout is not None
        line = (await self._process.stdout.readline()).decode().split()
        if len(line) != 2 or line[0] != kind:
            raise EOFError(line)
        return line[1]


@asynccontextmanager
async def lives() -> AsyncIterator[Lives]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.flows.mortal"),
        cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("SONGDA_")},
    )
    found = Lives(process)
    try:
        yield found
    finally:
        if not found.over:
            await found.finish(signal.SIGKILL)
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


SCRIPTS: Mapping[str, str] = {
    "zhang.wei@mail.example": "taken; 0s arrived",
    "+8613900000002": "taken; 0s arrived",
    "13900000003": "taken; 0s posted; 0s/1s signed:self",
}
CASE = (mailed(), texted(), posted())


@dataclass(frozen=True)
class Deaths:
    """The first life dies at its write `first`, each further one about `later` writes on; 0: none dies. Before and
    after the write alternate, beginning with `after`.

    The spans vary a little and the deaths come to an end: else each life might die between the same two writes.
    """

    first: int = 0
    later: int = 0
    after: bool = False
    most: int = 7

    def of(self, life: int) -> dict[str, Any]:
        write = self.first if life == 0 else self.later + life % 3 if life < self.most else 0
        return {"die_at": write, "after": self.after ^ bool(life % 2)}


@dataclass(frozen=True)
class Flow:
    """What came of a flow: how each recipient's delivery ended, how often the service died, the writes of its last
    life, and what was reported.
    """

    endings: Mapping[str, Any]
    deaths: int
    writes: int
    reports: list[dict[str, Any]]


class Playing:
    """One case for three people, through all lives of the service, to its end."""

    def __init__(self, folder: Path, life: Lives, post: Providers, file: Path, deaths: Deaths) -> None:
        self._life, self._post, self._file, self._plan = life, post, file, deaths
        self._log = folder / "life.log"
        self._system = CaseSystem(f"http://127.0.0.1:{post.http_port}")
        self._people = People(self._system.base, post, folder / "data", CLERKS if deaths.first else CLERKS[:1])
        self._names: dict[str, str] = {}
        self._last: list[dict[str, Any]] = []
        self.deaths = 0

    async def to_the_end(self) -> Flow:
        await self._life.begin(self._file, self._log, **self._plan.of(0))
        try:
            found = await until(self._ended, every=0.2, patience=180)
        except TimeoutError:
            raise AssertionError(f"{self._plan} did not end: {self._last}\n{self._log.read_text()[-4000:]}") from None
        reports = await until(self._reports)
        status = await self._life.finish(signal.SIGTERM)
        assert status in (0, -signal.SIGKILL), self._log.read_text()
        writes = int(self._log.with_suffix(".writes").read_text() or 0)
        await judge(self._file, [*self._names.values()], self._post)
        return Flow({each["recipient"]["id"]: ending(each) for each in found}, self.deaths, writes, reports)

    async def _ended(self) -> list[dict[str, Any]] | None:
        await self._live_on()
        self._names = self._names or await self._system.submit(case(*CASE)) or {}
        found = [each for name in self._names.values() if (each := await self._system.delivery(name))]
        if not found or len(found) < len(self._names):
            return None
        self._last = found
        if all(map(ended, found)):
            return found
        await self._people.act(found)
        await self._post.advance()
        return None

    async def _reports(self) -> list[dict[str, Any]] | None:
        await self._live_on()
        return await self._system.reports()

    async def _live_on(self) -> None:
        if not self._life.over:
            return
        status = await self._life.finish(signal.SIGKILL)
        assert status == -signal.SIGKILL, self._log.read_text()
        self.deaths += 1
        await self._life.begin(self._file, self._log, **self._plan.of(self.deaths))


async def play(folder: Path, life: Lives, nats: str, deaths: Deaths | None = None) -> Flow:
    """A flow in a folder of its own. One with deaths begins with what a calm one has made (`furnish`)."""
    async with providers(SCRIPTS) as post:
        file = config(folder, post, nats=nats, self_made=deaths is None)
        return await Playing(folder, life, post, file, deaths or Deaths()).to_the_end()


CLERKS = ("clerk", *(f"clerk-{number}" for number in range(2, 12)))
KEPT = ("keys", "clerk-password", "email-secret", "journal.sqlite")


async def made_ready(data: Path, folder: Path) -> Path:
    """What a start makes, in `folder`, to be copied: each start would take its time over keys and passwords.

    `data` has the keys and the clerk's password of an earlier run.
    """
    for name in KEPT[:-1]:
        (shutil.copytree if (data / name).is_dir() else shutil.copy)(data / name, folder / name)
    journal = await Journal.open(f"sqlite+aiosqlite:///{folder / 'journal.sqlite'}", SystemClock())
    kept = await kept_keys(data)
    password = (data / "clerk-password").read_text().strip()
    hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password)
    try:
        for key in kept:
            await journal.keep_key(key, *key.acts)
        await journal.put_client(Client(court=COURT, client=CLIENT, secret_hash=hash_secret(SECRET)))
        for name in CLERKS:
            await journal.put_clerk(Clerk(name=name, court=COURT, role="clerk", password_hash=hashed))
    finally:
        await journal.close()
    return folder


async def kept_keys(data: Path) -> list[SealKey]:
    """The inventory of that earlier run: without it nothing may seal (two clerks would have to enable the key)."""
    journal = await Journal.open(f"sqlite+aiosqlite:///{data / 'journal.sqlite'}", SystemClock(), migrate=False)
    try:
        return await journal.keys()
    finally:
        await journal.close()


def furnish(data: Path, ready: Path) -> None:
    """A copy of what is ready, as a new installation's data folder."""
    data.mkdir(parents=True)
    for name in KEPT:
        (shutil.copytree if (ready / name).is_dir() else shutil.copy)(ready / name, data / name)


async def judge(file: Path, names: Sequence[str], post: Providers) -> None:
    """The promises, by the providers' logs and the journal."""
    settings = load(file, {})
    journal = await Journal.open(wiring.journal_url(settings), SystemClock(), migrate=False)
    try:
        await check_world(journal, Files(settings.data / "documents"), names, taken=post.taken())
    finally:
        await journal.close()
