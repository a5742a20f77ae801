"""Every outcome on demand: a script says what a provider answers and what happens next (docs/rehearsal.md).

The parser is shared with adapters/counterparts, which play the same scripts over real wires.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog

from delivery.core.model import Fact, Person, Receipt
from delivery.core.ports import Answer, Clock, Consignment, Later, RawReceipt, Refused, Sink, Taken, Unknown

log = structlog.get_logger()

PATIENCE = 1.0
"""Seconds between two looks at what other processes added, and between two tries to report."""

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "email": "taken; 1m arrived",
        "sms": "taken; 1m arrived",
        "im": "taken; 1m arrived",
        "platform": "taken; 1m arrived",
        "fax": "taken; 1m arrived",
        "post": "taken; 4h posted; 2d signed:self",
    }
)
"""What an address without a script plays, by channel."""

MAX_SCRIPT = 500
MAX_TIMES = 20

REASONS_BOUNCED = frozenset({"mailbox_unknown", "number_void", "mailbox_full", "blocked"})
REASONS_RETURNED = frozenset(
    {"refused", "unknown_person", "no_such_address", "moved", "nobody_home", "content_mismatch"},
)
RESULTS_ATTEMPTED = frozenset({"nobody_home", "refused", "moved", "unknown_person", "no_such_address"})
FAMILY = frozenset({"spouse", "child", "parent", "sibling", "other_relative"})
OF_AN_ENTITY = frozenset(
    {"legal_representative", "mailroom", "wholly_owned_enterprise", "representative_office", "branch", "business_agent"}
)
FOR_THE_RECIPIENT = frozenset(
    {"guardian", "litigation_agent", "designated_receiver", "co_defendant_company", "representative_in_china"}
)
OTHERS = frozenset(
    {"employer_head", "neighbour", "landlord", "property_management", "parcel_locker", "colleague", "opponent"}
)
RELATIONS = FAMILY | OF_AN_ENTITY | FOR_THE_RECIPIENT | OTHERS | {"self", "unverified"}
SIGNERS = RELATIONS | {"other"}
"""`other`: the carrier says that somebody else signed, and no more."""

NOTHING: frozenset[str] = frozenset()
ANSWERS: Mapping[str, bool] = MappingProxyType(
    {"taken": False, "refused": True, "later": True, "lost": False, "lost_before": False}
)
"""The words of the first part, and whether a `:CODE` may follow."""

HAPPENINGS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "arrived": NOTHING,
        "relayed": NOTHING,
        "delayed": NOTHING,
        "bounced": REASONS_BOUNCED,
        "read": NOTHING,
        "replied": NOTHING,
        "posted": NOTHING,
        "out_for_delivery": NOTHING,
        "attempted": RESULTS_ATTEMPTED,
        "signed": SIGNERS,
        "returned": REASONS_RETURNED,
        "lost": NOTHING,
        "cancelled": NOTHING,
        "slip_posted": NOTHING,
        "slip_delivered": NOTHING,
    }
)
"""The words of the further parts, and the arguments each must have one of."""

_UNITS = MappingProxyType({"s": "seconds", "m": "minutes", "h": "hours", "d": "days"})
_WORD = re.compile(r"(?P<word>[a-z_]+)(?::(?P<argument>[A-Za-z0-9_.-]{1,40}))?(?:\*(?P<times>[0-9]{1,3}))?")
_DELAY = re.compile(r"([0-9]{1,4})([smhd])")


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What one call answers. `lost`: it took effect, the answer went missing; `lost_before`: it did not take effect."""

    kind: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """What happens `after` the taking and is reported `reported_after` the taking, `times` times over."""

    after: timedelta
    reported_after: timedelta
    what: str
    argument: str | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class Script:
    """`answers`: what successive calls answer; the last one repeats. There is at least one."""

    answers: tuple[ScriptedAnswer, ...] = (ScriptedAnswer("taken"),)
    happenings: tuple[Happening, ...] = ()

    def answer(self, call: int) -> ScriptedAnswer:
        """What the `call`-th call is answered, counted from 1."""
        return self.answers[min(call, len(self.answers)) - 1]


class ScriptError(ValueError):
    """A script that cannot be played; `faults` has one sentence for each mistake."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


def parse_script(text: str) -> Script:
    """Read a script (grammar: docs/rehearsal.md). Raises ScriptError with all its faults."""
    if len(text) > MAX_SCRIPT:
        raise ScriptError([f"a script has at most {MAX_SCRIPT} characters"])
    first, *rest = (part.strip() for part in text.split(";"))
    faults: list[str] = []
    answers = _answers(first, faults)
    happenings = tuple(filter(None, (_happening(part, faults) for part in rest)))
    if happenings and happenings[0].what == "cancelled":
        faults.append("cancelled takes back the happening before it, and there is none")
    if faults:
        raise ScriptError(dict.fromkeys(faults))
    return Script(answers, happenings)


def _answers(part: str, faults: list[str]) -> tuple[ScriptedAnswer, ...]:
    if not part:
        faults.append(f"a script begins with what the call answers: {', '.join(ANSWERS)}")
    answers: list[ScriptedAnswer] = []
    for written in part.split():
        word, code, times = _word(written, faults)
        if word not in ANSWERS:
            faults.append(f"{written!r} is no answer: {', '.join(ANSWERS)}")
        elif code and not ANSWERS[word]:
            faults.append(f"{word} has no code")
        answers += [ScriptedAnswer(word, code)] * times
    return tuple(answers)


def _happening(part: str, faults: list[str]) -> Happening | None:
    delays, _, written = part.partition(" ")
    word, argument, times = _word(written.strip(), faults)
    allowed = HAPPENINGS.get(word)
    if allowed is None:
        faults.append(f"{part!r} is no happening: a delay, then one of {', '.join(HAPPENINGS)}")
        return None
    if allowed and argument not in allowed:
        faults.append(f"{word} needs one of {', '.join(sorted(allowed))}")
    elif argument and not allowed:
        faults.append(f"{word} has no argument")
    happened, _, reported = delays.partition("/")
    after, reported_after = _delay(happened, faults), _delay(reported or happened, faults)
    if reported_after < after:
        faults.append(f"{part!r} is reported before it happens")
    return Happening(after, reported_after, word, argument, times)


def _word(written: str, faults: list[str]) -> tuple[str, str | None, int]:
    """`word[:argument][*times]`; the word comes back as it was written when it has no such shape."""
    found = _WORD.fullmatch(written)
    if found is None:
        return written, None, 1
    times = int(found["times"] or 1)
    if not 1 <= times <= MAX_TIMES:
        faults.append(f"{written!r}: between 1 and {MAX_TIMES} times")
    return found["word"], found["argument"], min(times, MAX_TIMES)


def _delay(written: str, faults: list[str]) -> timedelta:
    found = _DELAY.fullmatch(written)
    if found is None:
        faults.append(f"{written!r} is no delay: a number and one of s, m, h, d")
        return timedelta()
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


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
