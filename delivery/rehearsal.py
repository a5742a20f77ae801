"""A rehearsal: real adapters against counterparts on loopback, and a clock that jumps when all is quiet.

The counterparts are real servers (adapters/counterparts). The conductor moves the clock to the next due moment of a
counterpart or a delivery, and only when nobody has anything in hand: nothing is ever skipped.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, Protocol

from adapters.counterparts.ems import EmsCounterpart
from adapters.counterparts.smsc import SmscCounterpart
from adapters.counterparts.smtp import SmtpCounterpart
from adapters.counterparts.tsa import TsaCounterpart, make_keys
from adapters.simulated import Script, parse_script
from delivery import keyring
from delivery.authorities import COUNTERPART
from delivery.clock import RehearsalClock
from delivery.core.ports import Clock
from delivery.settings import Settings, SettingsWrong

STEADY = 3
"""So many looks in a row must find nothing in hand before the clock jumps."""
LOOK_EVERY = 0.03
"""Seconds, of the machine, between two looks."""


class Counterpart(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def next_due(self) -> datetime | None: ...
    async def advance(self) -> None: ...


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Counterparts:
    """The other side of the wire, by channel word. `endpoints`: what each adapter's settings must know of its
    counterpart.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.by_word: dict[str, Counterpart] = {}
        self._settings, self._clock = settings, clock
        self._bounces = free_port()
        for word, table in settings.counterparts.items():
            self.by_word[word] = self._made(word, table)

    def _made(self, word: str, table: Mapping[str, str]) -> Counterpart:
        if word == COUNTERPART:
            names = [authority.name for authority in self._settings.timestamps]
            return TsaCounterpart(clock=self._clock, keys=make_keys(names[0] if names else word, self._clock.now()))
        scripts = _scripts(f"/counterparts/{word}", table)
        default = scripts.pop("default", Script())
        match self._settings.channels[word]["adapter"]:
            case "email":
                reports_to = ("127.0.0.1", self._bounces)
                return SmtpCounterpart(clock=self._clock, scripts=scripts, default=default, reports_to=reports_to)
            case "smpp":
                password = keyring.secret(self._settings, str(self._settings.channels[word]["password_file"]))
                return SmscCounterpart(clock=self._clock, scripts=scripts, default=default, password=password)
            case "ems":
                return self._post(self._settings.channels[word], scripts, default)
        raise SettingsWrong([f"/counterparts/{word}: there is no counterpart for this adapter"])

    def _post(self, table: Mapping[str, Any], scripts: Mapping[str, Script], default: Script) -> EmsCounterpart:
        return EmsCounterpart(
            clock=self._clock,
            scripts=scripts,
            default=default,
            key=keyring.secret(self._settings, table["key_file"]),
            sender_no=table["sender_no"],
            authorization=keyring.secret(self._settings, table["authorization_file"]),
            callback=f"http://127.0.0.1:{self._settings.port}/callbacks/ems/track",
        )

    def endpoints(self, word: str) -> Mapping[str, object]:
        """Settings for the adapter of that channel that only the running counterpart knows."""
        match self.by_word.get(word):
            case SmtpCounterpart() as smtp:
                return {"host": smtp.host, "port": smtp.port, "listen_port": self._bounces}
            case SmscCounterpart() as smsc:
                return {"host": "127.0.0.1", "port": smsc.port}
            case EmsCounterpart() as ems:
                return {"url": ems.url}
            case TsaCounterpart() as tsa:
                return {"url": tsa.url, "trust": tsa.root_pem}
        return {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        started: list[Counterpart] = []
        try:
            for counterpart in self.by_word.values():
                await counterpart.start()
                started.append(counterpart)
            yield
        finally:
            for counterpart in started:
                await counterpart.stop()

    def next_due(self) -> datetime | None:
        due = [counterpart.next_due() for counterpart in self.by_word.values()]
        return min((instant for instant in due if instant), default=None)

    async def advance(self) -> None:
        for counterpart in self.by_word.values():
            await counterpart.advance()


def _scripts(place: str, table: Mapping[str, str]) -> dict[str, Script]:
    faults, scripts = [], {}
    for address, text in table.items():
        try:
            scripts[address] = parse_script(text)
        except ValueError as wrong:
            faults.append(f"{place}/{address}: {wrong}")
    if faults:
        raise SettingsWrong(faults)
    return scripts


Idle = Callable[[], bool]
Pending = Callable[[], Awaitable[int]]


class Conductor:
    """Jumps the clock. `idle`: things that must all say that they have nothing in hand; `pending`: counts that must
    be 0.
    """

    def __init__(
        self,
        clock: RehearsalClock,
        counterparts: Counterparts,
        *,
        next_due: Callable[[], Awaitable[datetime | None]],
        wake: Callable[[], None],
        idle: Sequence[Idle],
        pending: Sequence[Pending],
    ) -> None:
        self._clock, self._counterparts = clock, counterparts
        self._next_due, self._wake = next_due, wake
        self._idle, self._pending = list(idle), list(pending)
        self._holders = 0

    def watch(self, pending: Pending) -> None:
        """One more count that must be 0 before a jump."""
        self._pending.append(pending)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """No jump while somebody acts (a player, a visitor)."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    async def run(self) -> None:
        while True:
            due = await self._quiet()
            if due is None:
                continue
            self._clock.jump(due)  # to now where a counterpart is late: what was not acknowledged is told again
            self._wake()
            await self._counterparts.advance()

    async def _quiet(self) -> datetime | None:
        """The moment to jump to, once everything has been quiet for some looks; None: look again."""
        for _ in range(STEADY):
            await asyncio.sleep(LOOK_EVERY)
            if any([await pending() for pending in self._pending]):
                return None
            ours = await self._next_due()
            if self._holders or not all(idle() for idle in self._idle):
                return None  # asked last: between this and the jump nobody else gets a turn
        if ours and ours <= self._clock.now():
            return None  # a worker is about to take it
        due = [instant for instant in (self._counterparts.next_due(), ours) if instant]
        return min(due, default=None)
