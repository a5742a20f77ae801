"""Killed at any write, with answers lost before and after they took effect: the same end, nothing sent twice, nothing
lost.

Each example is a submission of forty deliveries, each with a story and a schedule of deaths; after each death the
journal is opened anew and the normal code goes on. The provider's own log (a file that survives) is the judge.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.simulated import SimulatedChannel
from delivery.core import events
from delivery.core.model import Delivery, Fact, Person, Recipient
from delivery.journal.journal import Journal
from delivery.journal.migrations import migrate
from delivery.journal.store import Store
from tests.check_world import check_world
from tests.stage import JumpingClock, Stage, address, recipient, seal_keys, stage

KEYS = seal_keys()
DELIVERIES = 40

ANSWERS = ["taken", "later taken", "later*3 taken", "lost", "lost_before taken", "lost_before lost", "refused"]
ARRIVALS = ["1m arrived", "1m/9m arrived*2", "1m bounced:mailbox_unknown", "2m relayed", "0s arrived"]
LETTERS = [
    "4h posted; 2d signed:self",
    "4h/3d posted; 2d signed:other*2",
    "4h posted; 1d attempted:refused; 3d returned:refused",
    "4h posted; 2d signed:self; 3d cancelled; 4d signed:mailroom",
    "4h posted; 9d lost",
]


FAILING = ("taken; 1m bounced:mailbox_unknown", "refused", "lost_before taken; 2m bounced:mailbox_full")
"""What goes before a letter: an e-mail that comes to nothing."""


def _stories() -> list[Recipient]:
    mails = [f"{answer}; {arrival}" for answer in ANSWERS for arrival in ARRIVALS]
    letters = [f"{answer}; {letter}" for answer in ANSWERS for letter in LETTERS]
    return [
        *(recipient(address("email", mail)) for mail in mails),
        *(recipient(address("post", letter, id="a2")) for letter in letters),
        *(
            recipient(address("email", mail), address("post", letter, id="a2"))
            for mail in FAILING
            for letter in letters
        ),
    ]


STORIES = _stories()


class Died(BaseException):
    """The process was killed. No handler of ours catches it, as none catches SIGKILL."""


class Deaths:
    """Kills at the given writes, counted over the whole life: a negative number dies before the write, a positive
    after.
    """

    def __init__(self, schedule: Sequence[tuple[int, bool]]) -> None:
        self._schedule = dict(schedule)
        self.writes = 0
        self.dead = False

    async def write(self, journal: Store, real: Any, work: Any) -> Any:
        if self.dead:
            raise Died  # the other slots of a killed process
        self.writes += 1
        after = self._schedule.get(self.writes)
        if after is not None:
            self.dead = True
        if after is False:
            raise Died
        answer = await real(work)
        if after is True:
            raise Died
        return answer


class Mortal(Journal):
    """A journal whose process may be killed around a write."""

    deaths: Deaths | None = None

    async def _write(self, work: Any) -> Any:
        if self.deaths is None:
            return await super()._write(work)
        return await self.deaths.write(self, super()._write, work)


class Deaf(SimulatedChannel):
    """A provider that cannot be asked what it took (as SMTP and SMPP)."""

    can_inquire = False


async def act_as_clerk(play: Stage, ids: Sequence[str]) -> bool:
    """The clerk of design.md §5.3 sends again; who confirms presumptions confirms; who needs a slip enters it."""
    acted = False
    for delivery_id in ids:
        delivery = await play.delivery(delivery_id)
        for task in delivery.tasks:
            happened = decision(play, delivery, task.id, task.kind)
            if happened:
                await play.record(delivery_id, *happened)
                acted = True
    return acted


def decision(play: Stage, delivery: Delivery, task: str, kind: str) -> tuple[events.Event, ...]:
    at = play.clock.now()
    if kind == "in_doubt":
        # A clerk sends again until the provider has lost it three times: how often we died meanwhile makes no
        # difference.
        doubted = next(attempt for attempt in delivery.attempts if attempt.open_question)
        stem = doubted.id.rpartition(".")[0]
        lost = [each for each in play.simulated.log if each.what == "lost_before" and each.attempt.startswith(stem)]
        choice = "send_again" if len(lost) < 3 else "give_up"
        return (events.TaskClosed(at=at, task=task, decision=choice, by="clerk", reason="no receipt came"),)
    if kind == "clerk_confirm":
        fact = Fact(kind="official_confirmation", at=at, decided_by="clerk", key=f"{task}:confirmed")
        closed = events.TaskClosed(at=at, task=task, decision="confirm", by="clerk", reason="as proposed")
        return (events.FactRecorded(at=at, fact=fact, by="clerk"), closed)
    if kind == "cure_evidence":
        return tuple(slips(delivery, at=at))
    return ()


def slips(delivery: Delivery, *, at: Any) -> list[events.Event]:
    from delivery.core.standing import standing_facts

    found: list[events.Event] = []
    for fact in standing_facts(delivery):
        if fact.kind in ("signed", "refused") and not (fact.id_on_receipt or fact.identity_proven):
            who = fact.by if fact.by and fact.by.relation != "unverified" else Person(relation="self")
            slip = Fact(
                kind=fact.kind,
                at=fact.at,
                address=fact.address,
                attempt=fact.attempt,
                key=f"slip:{fact.key}",
                by=who,
                id_on_receipt=True,
                relation_on_receipt=True,
                identity_proven=True,
                noted=True,
            )
            found.append(events.FactRecorded(at=at, fact=slip, by="clerk", reason="from the slip"))
    return found


async def live(folder: Path, who: Sequence[Recipient], deaths: Deaths, *, deaf: bool) -> tuple[list[Any], int]:
    """Play to the end through all deaths; what each delivery came to, and how often the process was killed."""
    clock, ids, killed = JumpingClock(), list[str](), 0
    while True:
        async with stage(
            f"sqlite+aiosqlite:///{folder}/j.sqlite", folder, clock=clock, keys=KEYS, journal=Mortal
        ) as play:
            if deaf:
                play.simulated.__class__ = Deaf
            await play.journal.forget_leases()
            try:
                if not ids:
                    ids = await play.submit(*who)
                play.journal.deaths = deaths  # type: ignore[attr-defined]
                await play.play(timedelta(days=90))
                while await act_as_clerk(play, ids):
                    await play.play(timedelta(days=90))
            except (Died, BaseExceptionGroup) as ended:
                _only_deaths(ended)
                killed, deaths.dead = killed + 1, False
                continue
            play.journal.deaths = None  # type: ignore[attr-defined]
            taken = [entry.attempt for entry in play.simulated.log if entry.what == "taken"]
            await check_world(play.journal, play.files, ids, taken=taken)
            return [ending(await play.delivery(each)) for each in ids], killed


def _only_deaths(ended: BaseException) -> None:
    """Raises what else went wrong among the slots of the killed process."""
    if isinstance(ended, BaseExceptionGroup) and (others := ended.split(Died)[1]):
        raise others


def ending(delivery: Delivery) -> tuple[Any, ...]:
    """The same end (design.md §5.3): outcome, route and grounds; the date may move by a wait."""
    verdicts = tuple((effect.outcome, effect.grounds, effect.rule) for _, effect in delivery.concluded)
    routes = tuple(step.address for step in delivery.route.steps) if delivery.route else ()
    return verdicts, routes, tuple(task.kind for task in delivery.tasks)


SHM = Path("/dev/shm")  # noqa: S108 — a folder in memory, under a random name
MEMORY = SHM if SHM.is_dir() else None
"""Killing a process is played here, not a power cut: what was written is there, so the disk need not be asked to
sync.
"""


@pytest.fixture(scope="module")
def fresh() -> Iterator[Path]:
    """A migrated, empty journal to copy: migrations are tested elsewhere."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        asyncio.run(migrate(f"sqlite+aiosqlite:///{name}/j.sqlite"))
        yield Path(name)


@contextmanager
def room(fresh: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        shutil.copy(fresh / "j.sqlite", name)
        yield Path(name)


_undisturbed: dict[bool, list[Any]] = {}


def undisturbed(fresh: Path, *, deaf: bool) -> list[Any]:
    """What every story comes to when nobody dies; they do not touch each other, so they are told in one submission."""
    if deaf not in _undisturbed:
        with room(fresh) as folder:
            _undisturbed[deaf], _ = asyncio.run(live(folder, STORIES, Deaths([]), deaf=deaf))
    return _undisturbed[deaf]


@settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    who=st.lists(st.sampled_from(range(len(STORIES))), min_size=DELIVERIES, max_size=DELIVERIES),
    deaths=st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=4, max_size=16),
    deaf=st.booleans(),
)
def test_the_same_end_after_any_deaths(
    fresh: Path, who: list[int], deaths: list[tuple[int, bool]], *, deaf: bool
) -> None:
    """25 submissions of forty deliveries: a thousand histories."""
    with room(fresh) as folder:
        survived, _ = asyncio.run(live(folder, [STORIES[each] for each in who], Deaths(deaths), deaf=deaf))
    expected = undisturbed(fresh, deaf=deaf)
    assert survived == [expected[each] for each in who]


def test_killed_at_each_single_write(fresh: Path) -> None:
    """One story with everything in it, killed before and after every one of its writes in turn."""
    who = [
        recipient(
            address("email", "later lost; 1m bounced:mailbox_unknown"),
            address("post", "lost_before taken; 4h posted; 1d attempted:refused; 3d returned:refused", id="a2"),
        )
    ]
    counting = Deaths([])
    with room(fresh) as folder:
        whole, _ = asyncio.run(live(folder, who, counting, deaf=False))
    for write in range(1, counting.writes + 1):
        for after in (False, True):
            with room(fresh) as folder:
                ended, killed = asyncio.run(live(folder, who, Deaths([(write, after)]), deaf=False))
            assert (ended, killed) == (whole, 1), (write, after)
