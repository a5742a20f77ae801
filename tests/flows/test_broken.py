"""A hundred broken submissions of different kinds, over HTTP and over the queue: each is answered with every fault,
none is stored, and the service goes on as if nothing had been.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from delivery import wiring
from delivery.clock import SystemClock
from delivery.journal.journal import Journal
from delivery.settings import load
from tests.filings import CLIENT, COURT, Break, breaks, filing, summons
from tests.flows.house import quiet_port
from tests.flows.shell import service
from tests.servers import PROJECT

MANY = 100

Json = dict[str, Any]


def chosen() -> list[Break]:
    """A hundred of some hundreds, evenly spread over all that the rules know of a filing with its content inside."""
    every = [each for each in breaks() if each.code != "not_uploaded"]
    assert len(every) >= MANY
    return [every[place * len(every) // MANY] for place in range(MANY)]


def broken(number: int) -> tuple[Json, list[Break]]:
    """The filing, and what is wrong with it: two different things where the first one does not hide the other."""
    event, mine = filing(summons(), id=f"broken-{number}"), chosen()
    first, second = mine[number], mine[(number + 37) % MANY]
    wrong = [first] if hides(first, second) or hides(second, first) else [first, second]
    for each in wrong:
        each.apply(event)
    return event, wrong


def hides(one: Break, other: Break) -> bool:
    """Also where both are about one list, whose entries the other counts by place."""
    return one.hides(other) or one.pointer.rpartition("/")[0] == other.pointer.rpartition("/")[0]


class Installation:
    """config/local.toml at work on ports and data of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.env = {"SONGDA_HTTP_PORT": str(quiet_port()), "SONGDA_NATS_PORT": str(quiet_port())}
        self.env["SONGDA_DATA"] = str(data)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.env['SONGDA_HTTP_PORT']}"

    @property
    def queue(self) -> str:
        return f"nats://127.0.0.1:{self.env['SONGDA_NATS_PORT']}"

    @property
    def headers(self) -> Mapping[str, str]:
        secret = (self.data / "client-secret").read_text().strip()
        return {"Authorization": f"Bearer {CLIENT}.{secret}"}


@pytest.fixture
def court(tmp_path: Path) -> Iterator[Installation]:
    found = Installation(tmp_path / "data")
    with service(["serve"], tmp_path / "log", env=found.env):
        yield found


async def stored(court: Installation) -> tuple[int, int]:
    """Deliveries in the journal, and files among the documents."""
    settings = load(PROJECT / "config" / "local.toml", court.env)
    journal = await Journal.open(wiring.journal_url(settings), SystemClock(), migrate=False)
    try:
        rows = await journal.deliveries(COURT, limit=1000)
    finally:
        await journal.close()
    return len(rows), sum(file.is_file() for file in (settings.data / "documents").rglob("*"))


def named(faults: list[Json]) -> set[tuple[str, str]]:
    for fault in faults:
        assert fault["message"].endswith("."), fault  # a sentence that says what would be right
    return {(fault["pointer"], fault["code"]) for fault in faults}


async def test_over_http(court: Installation) -> None:
    async with aiohttp.ClientSession(court.base, headers=court.headers) as session:

        async def answered(number: int) -> None:
            event, wrong = broken(number)
            async with session.post("/v1/submissions", json=event) as response:
                answer = await response.json()
            assert response.status == 422, (wrong, answer)
            assert named(answer["errors"]) >= {(each.pointer, each.code) for each in wrong}, wrong

        await asyncio.gather(*(answered(number) for number in range(MANY)))
        assert await stored(court) == (0, 0)
        async with session.get("/readyz") as response:
            assert response.status == 200
    await is_unimpressed(court, "after-http")


async def is_unimpressed(court: Installation, key: str) -> None:
    async with (
        aiohttp.ClientSession(court.base, headers=court.headers) as session,
        session.post("/v1/submissions", json=filing(summons(), id=key)) as response,
    ):
        assert response.status == 202, await response.text()


@asynccontextmanager
async def heard(court: Installation) -> AsyncIterator[tuple[Client, list[Json], list[Json]]]:
    """A connection, and all that comes in on the subjects of the rejected messages and of the reports."""
    rejected: list[Json] = []
    reports: list[Json] = []
    connection = await nats.connect(court.queue)

    async def on_rejected(message: Msg) -> None:
        rejected.append(json.loads(message.data))

    async def on_report(message: Msg) -> None:
        reports.append(json.loads(message.data))

    try:
        await connection.subscribe(f"songda.{COURT}.rejected", cb=on_rejected)
        await connection.subscribe(f"songda.{COURT}.reports.{CLIENT}", cb=on_report)
        yield connection, rejected, reports
    finally:
        await connection.close()


async def test_over_the_queue(court: Installation) -> None:
    async with heard(court) as (connection, rejected, reports):
        stream = connection.jetstream()
        sent = {}
        for number in range(MANY):
            event, wrong = broken(number)
            body = json.dumps(event, ensure_ascii=False).encode()
            sent[body.decode()] = (event, wrong)
            await stream.publish(f"songda.{COURT}.submissions", body)
        await stream.publish(f"songda.{COURT}.submissions", b"\xff not JSON at all")
        readable = [(event, wrong) for event, wrong in sent.values() if is_readable(event)]
        await enough(rejected, MANY + 1)
        await enough(reports, len(readable))
    assert len(rejected) == MANY + 1
    by_original = {message["data"]["original"]: message for message in rejected if "original" in message["data"]}
    assert by_original.keys() == sent.keys()
    for original, (event, wrong) in sent.items():
        faults = named(by_original[original]["data"]["faults"])
        expected = {(each.pointer, each.code) for each in wrong}
        assert faults >= (expected if is_readable(event) else {("/source", "wrong_source")}), wrong
    assert {report["type"] for report in reports} == {"songda.report.submission_rejected.v1"}
    assert len(reports) == len(readable)
    assert await stored(court) == (0, 0)
    await is_unimpressed(court, "after-queue")


def is_readable(event: Json) -> bool:
    """Whether it is known whose it is (contract.md §3): else there is nobody to report to."""
    return event.get("source") == f"/courts/{COURT}/{CLIENT}"


async def enough(messages: list[Json], count: int) -> None:
    """Waits until that many are there. Raises TimeoutError."""
    async with asyncio.timeout(60):
        while len(messages) < count:  # noqa: ASYNC110 — the subscription's callback fills it
            await asyncio.sleep(0.05)


def test_the_hundred_are_of_different_kinds() -> None:
    mine = chosen()
    assert len({(each.pointer, each.code) for each in mine}) >= 60
    assert len({each.code for each in mine}) >= 20
