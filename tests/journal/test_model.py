"""The journal against a model of it: any order of accepting, claiming, appending, recording, releasing and waiting."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from delivery.core.events import FactRecorded
from delivery.core.model import Delivery, Fact
from delivery.journal.errors import VersionConflict
from delivery.journal.journal import Journal
from tests import servers
from tests.journal.world import CLIENT, COURT, LEASE, HandClock, filing, sending

T = TypeVar("T")
waits = st.sampled_from([None, 0, 30, 90]).map(lambda seconds: None if seconds is None else timedelta(seconds=seconds))


@dataclass
class Known:
    """What the model knows of a delivery. `holder`: a worker and the end of its lease."""

    version: int
    due_at: datetime | None
    reports: int = 0
    attempts: int = 0
    holder: tuple[int, datetime] | None = None


class Against(RuleBasedStateMachine):
    """Two workers share one database. Each holds what it claimed as it saw it then, stale or not."""

    url_of: Any

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.stack = ExitStack()
        self.clock = HandClock()
        self.known: dict[str, Known] = {}
        self.seen: dict[tuple[int, str], Delivery] = {}
        self.held_at: dict[tuple[int, str], int] = {}

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(work)

    @initialize()
    def open(self) -> None:
        url = self.stack.enter_context(self.url_of())
        self.workers = [self.do(Journal.open(url, self._clock(name))) for name in ("a", "b")]

    def _clock(self, name: str) -> HandClock:
        machine = self

        class Shared(HandClock):
            def now(self) -> datetime:
                return machine.clock.time

        return Shared(prefix=name)

    def teardown(self) -> None:
        for journal in getattr(self, "workers", []):
            self.do(journal.close())
        self.stack.close()
        self.loop.close()

    @property
    def now(self) -> datetime:
        return self.clock.time

    @rule(seconds=st.sampled_from([1, 20, 60]))
    def time_passes(self, seconds: int) -> None:
        self.clock.pass_time(seconds=seconds)

    @precondition(lambda self: len(self.known) < 4)
    @rule(worker=st.integers(0, 1))
    def accept(self, worker: int) -> None:
        number = len(self.known) + 1
        assert self.do(self.workers[worker].accept(filing(number))).kind == "new"
        self.known[f"s{number}-d1"] = Known(version=1, due_at=self.now)

    @rule(worker=st.integers(0, 1), limit=st.integers(1, 3))
    def claim(self, worker: int, limit: int) -> None:
        claimed = self.do(self.workers[worker].claim(limit, LEASE))
        free = {name: known.due_at for name, known in self.known.items() if self._is_free(known)}
        assert len(claimed) == min(limit, len(free))
        for delivery in claimed:
            known = self.known[delivery.id]
            assert delivery.version == known.version
            left = [due for name, due in free.items() if name not in {each.id for each in claimed}]
            assert all(free[delivery.id] <= due for due in left if due)  # type: ignore[operator]
            known.holder = (worker, self.now + LEASE)
            self.seen[worker, delivery.id] = delivery
            self.held_at[worker, delivery.id] = delivery.version

    def _is_free(self, known: Known) -> bool:
        due = known.due_at is not None and known.due_at <= self.now
        return due and (known.holder is None or known.holder[1] <= self.now)

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), wait=waits, release=st.booleans())
    def append(self, data: st.DataObject, wait: timedelta | None, release: bool) -> None:
        """By somebody who claimed it, perhaps too long ago."""
        worker, name = key = data.draw(st.sampled_from(sorted(self.seen)))
        before, known = self.seen[key], self.known[name]
        due_at = None if wait is None else self.now + wait
        happened = sending(name, known.attempts + 1)
        work = self.workers[worker].append(before, happened, due_at=due_at, release=release)
        if before.version != known.version:
            with pytest.raises(VersionConflict):
                self.do(work)
            self.seen[key] = self.do(self.workers[worker].delivery(name))
            return
        after = self.do(work)
        known.version, known.due_at = before.version + 2, due_at
        known.reports, known.attempts = known.reports + 1, known.attempts + 1
        assert after.version == known.version
        self.seen[key] = after
        self.held_at[key] = after.version
        if release:
            self._let_go(worker, name)

    def _let_go(self, worker: int, name: str) -> bool:
        """Whether the claim was still this worker's."""
        del self.seen[worker, name]
        known = self.known[name]
        if known.holder is None or known.holder[0] != worker:
            return False
        known.holder = None
        return True

    @precondition(lambda self: self.seen)
    @rule(data=st.data(), wait=waits)
    def release(self, data: st.DataObject, wait: timedelta | None) -> None:
        worker, name = key = data.draw(st.sampled_from(sorted(self.seen)))
        known, fresh = self.known[name], self.held_at[key] == self.known[name].version
        due_at = None if wait is None else self.now + wait
        self.do(self.workers[worker].release(name, due_at=due_at))
        if self._let_go(worker, name) and fresh:
            known.due_at = due_at

    @precondition(lambda self: self.known)
    @rule(data=st.data(), worker=st.integers(0, 1))
    def news(self, data: st.DataObject, worker: int) -> None:
        """A recipient or a clerk writes, whoever holds the delivery."""
        name = data.draw(st.sampled_from(sorted(self.known)))
        known = self.known[name]
        fact = Fact(kind="read", at=self.now, address="a1", key=f"{known.version}")
        event = FactRecorded(at=self.now, fact=fact, by="recipient")
        after = self.do(self.workers[worker].record(name, lambda _: [event]))
        known.version, known.due_at, known.reports = known.version + 1, self.now, known.reports + 1
        assert after.version == known.version

    @invariant()
    def rows_agree_with_the_model(self) -> None:
        for name, known in self.known.items():
            row = self.do(self.workers[0].delivery_row(name))
            assert row is not None
            assert (row.version, row.due_at) == (known.version, known.due_at)

    @invariant()
    def the_next_due_time_is_the_earliest_free_one(self) -> None:
        if self.known:
            free = [each for each in self.known.values() if each.holder is None or each.holder[1] <= self.now]
            due = min((each.due_at for each in free if each.due_at), default=None)
            assert self.do(self.workers[1].next_due()) == due

    @invariant()
    def reports_have_no_gaps(self) -> None:
        if not self.known:
            return
        told = self.do(self.workers[1].reports_after(COURT, CLIENT, 0, 1000))
        for name, known in self.known.items():
            assert [row.sequence for row in told if row.delivery == name] == list(range(1, known.reports + 1))


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_the_journal_does_what_the_model_does(request: pytest.FixtureRequest, engine: str) -> None:
    request.node.user_properties.append(("engine", engine))

    class Here(Against):
        url_of = staticmethod(_sqlite if engine == "sqlite" else _postgres(request))

    limits = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Here, settings=limits)  # type: ignore[no-untyped-call]


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite+aiosqlite:///{folder}/journal.sqlite"


def _postgres(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[str]]:
    server: servers.Postgres = request.getfixturevalue("postgres")
    template: str = request.getfixturevalue("with_schema")

    @contextmanager
    def database() -> Iterator[str]:
        name = server.create(template)
        yield server.url(name)
        server.drop(name)

    return database
