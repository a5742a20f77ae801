"""A provider that exists only here: each address plays its own script, and what was taken is remembered in a file."""

from __future__ import annotations

import asyncio
import fcntl
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import structlog

from adapters.simulated.script import DEFAULTS, HAPPENINGS, Script, ScriptedAnswer, parse_script
from delivery.core.model import Fact, Person, Receipt
from delivery.core.ports import Answer, Clock, Consignment, Later, RawReceipt, Refused, Sink, Taken, Unknown

log = structlog.get_logger()

PATIENCE = 1.0
"""Seconds between two looks at what other processes added, and between two tries to report."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of what the provider did: taken, refused, later, lost_before, duplicate, withdrawn."""

    attempt: str
    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSettings:
    """`memory`: the file in which the provider remembers what it took. `shrink`: 60 turns a minute into a second."""

    memory: Path
    shrink: float = 1.0


class SimulatedChannel:
    """A provider that exists only here: any channel word, each address playing its own script.

    It knows every attempt id it took, after a restart and between processes too (its file tells), and takes none twice.
    """

    name = "simulated"
    carries_documents = False
    can_inquire = True

    def __init__(self, settings: SimulatedSettings, *, clock: Clock) -> None:
        self._clock = clock
        self._memory = _Memory(settings.memory, settings.shrink)
        self._sink: Sink | None = None
        self._news = asyncio.Event()
        self._reporting = asyncio.Lock()

    @property
    def log(self) -> list[LogEntry]:
        self._memory.refresh()
        return [*self._memory.log]

    async def send(self, consignment: Consignment) -> Answer:
        answer = self._answer(consignment)
        self._news.set()
        if self._memory.knows(consignment.attempt):
            await self._report(consignment.attempt)  # a receipt of no delay comes before the answer
        return answer

    async def inquire(self, consignment: Consignment) -> Answer:
        self._memory.refresh()
        if self._memory.knows(consignment.attempt):
            return _taken(consignment)
        return Later(code="not_taken", words="never heard of it")

    async def cancel(self, consignment: Consignment, reference: str | None) -> Answer:
        """Only what has been taken, and of which nothing has happened yet, can be taken back."""
        now = self._clock.now()
        with self._memory.exclusive() as memory:
            if not memory.untouched(consignment.attempt, now):
                return Refused(code="too_late", words="it is on its way")
            memory.note(attempt=consignment.attempt, at=now.isoformat(), what="withdrawn")
        return _taken(consignment)

    def read(self, raw: RawReceipt) -> tuple[Receipt, ...]:
        try:
            said = json.loads(raw.body)
            report = _Report(**{name: said[name] for name in ("attempt", "key", "at", "what", "cancels")})
        except (KeyError, TypeError, RecursionError) as fault:
            raise ValueError("not a receipt of the simulated provider") from fault
        return (report.receipt(),)

    async def listen(self, sink: Sink) -> None:
        self._sink = sink
        try:
            while True:
                self._news.clear()
                await self.advance()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._news.wait()
        finally:
            self._sink = None

    def next_due(self) -> datetime | None:
        """The instant of the earliest happening still to be reported, by the domain clock."""
        self._memory.refresh()
        return self._memory.next_due()

    async def advance(self) -> None:
        """Report everything that is due. What the sink does not keep is reported again the next time."""
        self._memory.refresh()
        await self._report(None)

    async def close(self) -> None:
        self._news.set()

    def _pause(self) -> float:
        """Seconds until there may be something to report; another process may have added to the file meanwhile."""
        due = self.next_due()
        if due is None:
            return PATIENCE
        left = (due - self._clock.now()).total_seconds()
        return min(left, PATIENCE) if left > 0 else PATIENCE

    def _answer(self, consignment: Consignment) -> Answer:
        now, attempt = self._clock.now(), consignment.attempt
        written = consignment.address.script or DEFAULTS.get(consignment.address.channel, "taken")
        with self._memory.exclusive() as memory:
            if memory.knows(attempt):
                memory.note(attempt=attempt, at=now.isoformat(), what="duplicate")
                return _taken(consignment)
            said = parse_script(written).answer(memory.calls(attempt) + 1)
            took = said.kind in ("taken", "lost")
            line = {"attempt": attempt, "at": now.isoformat(), "what": "taken" if took else said.kind}
            memory.note(**line, **({"script": written} if took else {}))
        return _said(said, consignment)

    async def _report(self, attempt: str | None) -> None:
        async with self._reporting:
            for due in self._memory.due(self._clock.now(), attempt):
                if not await self._kept(due):
                    return

    async def _kept(self, due: _Due) -> bool:
        if self._sink is None:
            return False
        body = json.dumps(asdict(due.report), ensure_ascii=False).encode()
        raw = RawReceipt(channel=self.name, body=body, received_at=self._clock.now(), meta={})
        try:
            for _ in range(due.times):
                await self._sink.receive(raw)
        except Exception as fault:  # noqa: BLE001 - whatever kept it from being kept, it is told again
            log.warning("receipt_not_kept", channel=self.name, fault=type(fault).__name__)
            return False
        with self._memory.exclusive() as memory:
            memory.note(attempt=due.report.attempt, reported=due.index)
        return True


def _taken(consignment: Consignment) -> Taken:
    return Taken(references=(f"S-{consignment.attempt}",))


def _said(said: ScriptedAnswer, consignment: Consignment) -> Answer:
    match said.kind:
        case "taken":
            return _taken(consignment)
        case "refused":
            return Refused(code=said.code or "refused", words="refused, as the script says")
        case "later":
            return Later(code=said.code or "busy", words="not now, as the script says")
        case _:
            return Unknown(words="the answer was lost, as the script says")


@dataclass(frozen=True, slots=True)
class _Report:
    """One receipt as the provider writes it: `what` with its argument, `cancels` the same of what it takes back."""

    attempt: str
    key: str
    at: str
    what: str
    cancels: str | None

    def receipt(self) -> Receipt:
        """Raises ValueError when a field is not what it should be."""
        if not all(
            isinstance(field, str) for field in (self.attempt, self.key, self.at, self.what, self.cancels or "")
        ):
            raise ValueError("a receipt's fields are text")
        at = datetime.fromisoformat(self.at)
        word, _, argument = self.what.partition(":")
        if at.tzinfo is None or word not in HAPPENINGS:
            raise ValueError("a receipt has an instant with offset and a word of the scripts")
        return Receipt(
            channel=SimulatedChannel.name,
            key=self.key,
            at=at,
            code=self.what,
            words=self.what.replace("_", " "),
            attempt=self.attempt,
            reference=f"S-{self.attempt}",
            fact=_fact(word, argument, at, self.key),
            cancels=self.cancels,
        )


def _fact(word: str, argument: str, at: datetime, key: str) -> Fact | None:
    """What the word says in the scenario format. Nobody checked who refused, nor who the `other` is who signed."""
    unverified = Person(relation="unverified")
    match word, argument:
        case (("arrived" | "lost"), _):
            return Fact(kind=word, at=at, key=key)
        case "relayed", _:
            return Fact(kind="gateway_accepted", at=at, key=key)
        case "bounced" | "returned", reason:
            return Fact(kind=word, at=at, key=key, reason=reason)
        case "read" | "replied", _:
            return Fact(kind=word, at=at, key=key, by=Person(relation="self"))
        case "posted", _:
            return Fact(kind=word, at=at, key=key, carrier="state_post")
        case "attempted", "nobody_home":
            return Fact(kind="delivery_attempt", at=at, key=key, result="nobody_home")
        case "attempted", "refused":
            return Fact(kind="refused", at=at, key=key, by=unverified)
        case "signed", relation:
            return Fact(kind=word, at=at, key=key, by=unverified if relation == "other" else Person(relation=relation))
        case _:
            return None


@dataclass(frozen=True, slots=True, order=True)
class _Due:
    at: datetime
    attempt: str
    index: int
    times: int = field(compare=False)
    report: _Report = field(compare=False)


class _Memory:
    """A file of JSON lines, only ever added to, under a lock that the system drops with the process that held it.

    A line for each answer and for each report that was kept. No fsync: a rehearsal survives a kill, not a power cut.
    """

    def __init__(self, path: Path, shrink: float) -> None:
        if shrink <= 0:
            raise ValueError("shrink is greater than zero")
        self._path, self._shrink = path, shrink
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._offset = 0
        self._calls: Counter[str] = Counter()
        self._open: dict[str, dict[int, _Due]] = {}
        self._begins: dict[str, str | None] = {}
        self._queue: list[_Due] = []
        self.log: list[LogEntry] = []
        self.refresh()

    @contextmanager
    def exclusive(self) -> Iterator[_Memory]:
        """Nobody else writes meanwhile. Half a line, left by a process that was killed, is cut off."""
        with self._path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.refresh()
            file.truncate(self._offset)
            yield self

    def refresh(self) -> None:
        """Learn what other processes wrote, up to the last whole line."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            *lines, _half = file.read().split(b"\n")
        for line in lines:
            self._learn(json.loads(line))
            self._offset += len(line) + 1

    def note(self, **line: str | int) -> None:
        """Add one line; only inside `exclusive`."""
        with self._path.open("ab") as file:
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self.refresh()

    def knows(self, attempt: str) -> bool:
        return attempt in self._open

    def calls(self, attempt: str) -> int:
        return self._calls[attempt]

    def untouched(self, attempt: str, now: datetime) -> bool:
        """Taken, with all that will happen still ahead."""
        begins = self._begins.get(attempt)
        return self.knows(attempt) and (begins is None or datetime.fromisoformat(begins) > now)

    def next_due(self) -> datetime | None:
        while self._queue and not self._stands(self._queue[0]):
            heappop(self._queue)
        return self._queue[0].at if self._queue else None

    def due(self, now: datetime, attempt: str | None) -> Iterator[_Due]:
        """What is to be reported by `now`, the earliest first; of one attempt, or of all."""
        if attempt is not None:
            yield from sorted(due for due in [*self._open.get(attempt, {}).values()] if due.at <= now)
            return
        while (at := self.next_due()) is not None and at <= now:
            first = self._queue[0]
            yield first
            if self._stands(first):
                return

    def _stands(self, due: _Due) -> bool:
        return due.index in self._open.get(due.attempt, {})

    def _learn(self, line: dict[str, Any]) -> None:
        attempt = line["attempt"]
        if "reported" in line:
            self._open[attempt].pop(line["reported"], None)
            return
        what, at = line["what"], datetime.fromisoformat(line["at"])
        self.log.append(LogEntry(attempt, at, what))
        self._calls[attempt] += 1
        if what == "taken":
            self._open[attempt] = dict(enumerate(_plan(attempt, at, parse_script(line["script"]), self._shrink)))
            for due in self._open[attempt].values():
                heappush(self._queue, due)
            self._begins[attempt] = min((due.report.at for due in self._open[attempt].values()), default=None)
        elif what == "withdrawn":
            self._open[attempt].clear()


def _plan(attempt: str, taken_at: datetime, script: Script, shrink: float) -> Iterator[_Due]:
    before = None
    for index, happening in enumerate(script.happenings):
        what = f"{happening.what}:{happening.argument}" if happening.argument else happening.what
        happened = taken_at + happening.after / shrink
        cancels = before if what == "cancelled" else None
        report = _Report(attempt, f"{attempt}/{index}", happened.isoformat(), what, cancels)
        yield _Due(taken_at + happening.reported_after / shrink, attempt, index, happening.times, report)
        before = what
