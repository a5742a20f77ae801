"""The queue against a real NATS server: kept before acknowledged, nothing lost, no message in another's way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import pytest
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from adapters.nats import NatsCaseSystem, NatsSettings
from delivery.core.ports import Outgoing
from tests import servers

COURT = "632801"
INBOX = f"songda.{COURT}.submissions"


class Journal:
    """Keeps what it is given; `trouble` says what each body runs into, as often as it is listed there."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, bytes]] = []
        self.seen: list[bytes] = []
        self.handed_over: asyncio.Queue[bytes] = asyncio.Queue()
        self.trouble: dict[bytes, list[Exception]] = {}
        self.refuse: dict[bytes, list[tuple[bytes, ...]]] = {}
        self.hold: asyncio.Event | None = None

    async def submit_message(self, court: str, body: bytes) -> tuple[bytes, ...]:
        self.seen.append(body)
        self.handed_over.put_nowait(body)
        if self.hold is not None:
            await self.hold.wait()
        if self.trouble.get(body):
            raise self.trouble[body].pop(0)
        if body in self.refuse:
            return self.refuse[body].pop(0)
        self.kept.append((court, body))
        return ()


def settings(url: str, **changed: float) -> NatsSettings:
    quick = {"ack_wait": 1.0, "patience": 2.0, "first_delay": 0.05, "longest_delay": 0.2, "tries": 3}
    return NatsSettings(url=url, **(quick | changed))  # type: ignore[arg-type]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server of this test's own: the streams have fixed names."""
    with servers.nats_server(tmp_path / "nats") as address:
        yield address


@pytest.fixture
async def queue(url: str) -> AsyncIterator[NatsCaseSystem]:
    queue = NatsCaseSystem(settings(url))
    await queue.start()
    yield queue
    await queue.close()


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    """The case system's own connection."""
    client = await nats.connect(url)
    yield client
    await client.close()


@asynccontextmanager
async def listening(queue: NatsCaseSystem, journal: Journal) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(queue.listen(journal))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def settled(queue: NatsCaseSystem) -> None:
    """Until every submission is acknowledged, which the server tells only to those who ask."""
    async with asyncio.timeout(20):
        while await queue.pending():
            pass


async def soon(awaited: Coroutine[None, None, bytes]) -> bytes:
    """What does not come fails loudly instead of hanging."""
    async with asyncio.timeout(20):
        return await awaited


async def submit(client: Client, *bodies: bytes) -> None:
    for body in bodies:
        await client.jetstream().publish(INBOX, body)


async def everything(client: Client, stream: str) -> list[Msg]:
    jetstream = client.jetstream()
    count = (await jetstream.stream_info(stream)).state.messages
    subscription = await jetstream.subscribe("songda.>", stream=stream, ordered_consumer=True)
    return [await subscription.next_msg(timeout=5) for _ in range(count)]


async def test_a_submission_is_handed_over_with_its_court_and_leaves_the_stream(
    queue: NatsCaseSystem, client: Client
) -> None:
    journal = Journal()
    await submit(client, b"one", b"two")
    async with listening(queue, journal):
        await settled(queue)
    assert sorted(journal.kept) == [(COURT, b"one"), (COURT, b"two")]
    assert (await client.jetstream().stream_info("SUBMISSIONS")).state.messages == 0


async def test_streams_are_made_once_and_left_as_the_operator_set_them(url: str, client: Client) -> None:
    await client.jetstream().add_stream(name="REPORTS", subjects=["songda.*.reports.*"], max_msgs=17)
    for _ in range(2):
        queue = NatsCaseSystem(settings(url))
        await queue.start()
        await queue.close()
    assert (await client.jetstream().stream_info("REPORTS")).config.max_msgs == 17
    assert (await client.jetstream().stream_info("SUBMISSIONS")).config.subjects == ["songda.*.submissions"]


async def test_nothing_is_acknowledged_before_it_is_kept(queue: NatsCaseSystem, client: Client) -> None:
    journal = Journal()
    journal.hold = asyncio.Event()
    await submit(client, b"one")
    async with listening(queue, journal):
        await soon(journal.handed_over.get())
        assert await queue.pending() == 1
        journal.hold.set()
        await settled(queue)


async def test_a_crash_before_the_acknowledgement_brings_the_message_again(url: str, client: Client) -> None:
    first, second = NatsCaseSystem(settings(url)), NatsCaseSystem(settings(url))
    await first.start()
    await submit(client, b"one")
    crashed = Journal()
    crashed.hold = asyncio.Event()
    async with listening(first, crashed):
        await soon(crashed.handed_over.get())
        await first.close()  # the connection is gone, as when the process is killed; `one` is in hand
        journal = Journal()
        async with listening(second, journal):
            await settled(second)
        crashed.hold.set()
    assert journal.kept == [(COURT, b"one")]
    await first.close()
    await second.close()


async def test_while_the_journal_is_away_nothing_is_lost(queue: NatsCaseSystem, client: Client) -> None:
    journal = Journal()
    journal.trouble[b"one"] = [OSError("disk"), TimeoutError(), RuntimeError("a database's own words")] * 2
    await submit(client, b"one")
    async with listening(queue, journal):
        await settled(queue)
    assert journal.kept == [(COURT, b"one")]
    assert await everything(client, "REJECTED") == []


async def test_a_poisoned_message_stops_no_other_and_ends_where_a_person_finds_it(
    queue: NatsCaseSystem, client: Client
) -> None:
    journal = Journal()
    journal.trouble[b"\xffpoison"] = [KeyError("ours")] * 100
    await submit(client, b"\xffpoison", *(b"%d" % n for n in range(20)))
    async with listening(queue, journal):
        await settled(queue)
    assert len(journal.kept) == 20
    assert journal.seen.count(b"\xffpoison") == 3
    (rejected,) = await everything(client, "REJECTED")
    assert rejected.subject == f"songda.{COURT}.rejected"
    data = json.loads(rejected.data)["data"]
    assert [fault["code"] for fault in data["faults"]] == ["internal"]
    assert data["original_base64"] == "/3BvaXNvbg=="


async def test_what_is_refused_is_told_once_even_when_it_comes_again(queue: NatsCaseSystem, client: Client) -> None:
    journal = Journal()
    # The first time the second rejection is too large for the server: one is told, the message is not acknowledged.
    told = [(b'{"id": 1}', b"x" * 2_000_000), (b'{"id": 3}', b'{"id": 4}')]
    journal.refuse[b"bad"] = list(told)
    await submit(client, b"bad")
    async with listening(queue, journal):
        await settled(queue)
    assert [message.data for message in await everything(client, "REJECTED")] == [told[0][0], told[1][1]]
    assert journal.kept == []


async def test_too_large_and_without_a_court(url: str, client: Client) -> None:
    await client.jetstream().add_stream(name="SUBMISSIONS", subjects=["songda.*.submissions"])
    queue, journal = NatsCaseSystem(settings(url, max_message=10)), Journal()
    await queue.start()
    await submit(client, b"12345678901")
    await client.jetstream().publish("songda.$x.submissions", b"hello")
    async with listening(queue, journal):
        await settled(queue)
    assert journal.seen == []
    told = {message.subject: json.loads(message.data)["data"] for message in await everything(client, "REJECTED")}
    assert told["songda.632801.rejected"]["faults"][0]["code"] == "too_large"
    assert told["songda.632801.rejected"].keys() == {"faults", "sha256"}
    assert told["songda.$x.rejected"]["faults"][0]["code"] == "court_unknown"
    await queue.close()


async def test_the_server_refuses_a_submission_that_is_too_large(url: str, client: Client) -> None:
    queue = NatsCaseSystem(settings(url, max_message=10))
    await queue.start()
    with pytest.raises(nats.js.errors.APIError, match="maximum"):
        await submit(client, b"12345678901")
    await queue.close()


async def test_a_report_is_published_once_under_its_id(queue: NatsCaseSystem, client: Client) -> None:
    report = Outgoing(id="R1", court=COURT, client="case-system", body=b'{"hello": 1}')
    await queue.publish(report)
    await queue.publish(report)
    (message,) = await everything(client, "REPORTS")
    assert (message.subject, message.data) == (f"songda.{COURT}.reports.case-system", report.body)
    assert message.headers is not None
    assert message.headers["Nats-Msg-Id"] == "R1"


@pytest.mark.parametrize(
    ("court", "name"), [("a.b", "c"), ("*", "c"), ("a", ">"), ("a", ""), ("a", "b c"), ("a", "\r\n")]
)
async def test_a_name_that_would_change_the_subject_is_refused(queue: NatsCaseSystem, court: str, name: str) -> None:
    with pytest.raises(ValueError, match="letters"):
        await queue.publish(Outgoing(id="R1", court=court, client=name, body=b""))


async def test_without_a_server(tmp_path: Path) -> None:
    queue = NatsCaseSystem(settings(f"nats://127.0.0.1:{servers.free_port()}", patience=0.3))
    with pytest.raises((OSError, TimeoutError)):
        await queue.publish(Outgoing(id="R1", court=COURT, client="case-system", body=b""))
    with pytest.raises((OSError, TimeoutError)):
        await queue.pending()
    await queue.close()


async def test_the_server_goes_and_comes_back(tmp_path: Path) -> None:
    port, journal = servers.free_port(), Journal()
    queue = NatsCaseSystem(settings(f"nats://127.0.0.1:{port}", patience=0.5))
    async with listening(queue, journal):
        with servers.nats_server(tmp_path, port=port) as address:
            await told(address, b"one")
            assert await soon(journal.handed_over.get()) == b"one"
            await settled(queue)
        with pytest.raises((OSError, TimeoutError)):
            await queue.publish(Outgoing(id="R1", court=COURT, client="case-system", body=b""))
        with servers.nats_server(tmp_path, port=port) as address:
            await told(address, b"two")
            assert await soon(journal.handed_over.get()) == b"two"
    await queue.close()


async def told(address: str, body: bytes) -> None:
    """Submit as soon as the stream is there."""
    client = await nats.connect(address)
    async with asyncio.timeout(10):
        while True:
            try:
                await submit(client, body)
                break
            except (nats.js.errors.NoStreamResponseError, nats.js.errors.ServiceUnavailableError):
                await client.flush()
    await client.close()


async def test_what_is_in_hand_is_finished_when_we_stop(queue: NatsCaseSystem, client: Client) -> None:
    journal = Journal()
    journal.hold = asyncio.Event()
    await submit(client, b"one")
    async with listening(queue, journal) as task:
        await soon(journal.handed_over.get())
        task.cancel()
        await asyncio.sleep(0)
        journal.hold.set()
        with suppress(asyncio.CancelledError):
            await task
    assert journal.kept == [(COURT, b"one")]
    assert await queue.pending() == 0


async def test_no_log_line_tells_content(queue: NatsCaseSystem, client: Client) -> None:
    journal = Journal()
    journal.trouble["李四的传票".encode()] = [OSError("李四"), ValueError("李四")] * 3
    await submit(client, "李四的传票".encode())
    with structlog.testing.capture_logs() as lines:
        async with listening(queue, journal):
            await settled(queue)
    assert lines
    assert "李四" not in str(lines)


async def test_whoever_is_cancelled_while_the_answer_comes_ends(queue: NatsCaseSystem) -> None:
    """The cancellation falls into the turn in which the answer has come and nobody has taken it yet."""
    client = queue._client
    assert client is not None
    for _ in range(5):
        heard = client.stats["in_msgs"]
        asking = asyncio.create_task(queue.pending())
        while client.stats["in_msgs"] == heard:  # noqa: ASYNC110 — turn by turn: it is the turn that matters
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
