"""Processes of the service that die at a chosen write: `python -m tests.flows.mortal`, driven over stdin and stdout.

Each line of stdin is one life: {"config": FILE, "log": FILE, "die_at": N or 0, "after": true or false}. Everything is
imported once; each life is a fork that runs `songda serve` with a journal that kills its own process, by SIGKILL,
before or after its N-th write. A line of stdout says `started PID`, a later one `ended STATUS`. How many writes a life
made stands in a file beside its log.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

from delivery import serving, wiring
from delivery.core.model import Delivery
from delivery.journal.journal import Journal
from signing.seal_art import draw
from tests.stage import COURT

PR_SET_PDEATHSIG = 1
_claiming: ContextVar[bool] = ContextVar("_claiming", default=False)


class Mortal(Journal):
    """Counts its writes from the first claim on: what comes before is the start, not the flow. Claims themselves leave
    nothing but a lease, and are not counted.
    """

    die_at = 0
    after = False
    tally = Path()
    _writes = 0
    _begun = False

    async def claim(self, limit: int, lease: timedelta) -> list[Delivery]:
        self._begun = True
        token = _claiming.set(True)
        try:
            return await super().claim(limit, lease)
        finally:
            _claiming.reset(token)

    async def _write(self, work: Any) -> Any:
        return await self._mortally(super()._write(work))

    async def _do(self, job: Any, *, news: bool = False) -> Any:
        return await self._mortally(super()._do(job, news=news))

    async def _mortally(self, writing: Any) -> Any:
        if not self._begun or _claiming.get():
            return await writing
        self._writes += 1
        self.tally.write_text(str(self._writes))
        mine = self._writes == self.die_at
        if mine and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await writing
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def _live(life: dict[str, Any]) -> None:
    """In the child, which ends with its parent (prctl(2)). Its output goes to the life's log."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    log = os.open(life["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    Mortal.die_at, Mortal.after, Mortal.tally = life["die_at"], life["after"], Path(life["log"]).with_suffix(".writes")
    os._exit(serving.serve(Path(life["config"]), wiring.ROLES, journal_kind=Mortal))


def main() -> None:
    draw(COURT.name_zh, COURT.seal_label)  # the slowest part of a start, kept by whoever is forked from here
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _live(json.loads(line))
        print("started", child, flush=True)
        _, status = os.waitpid(child, 0)
        print("ended", os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
