"""The door for reports: what it takes, and which worker of a host stands at it."""

from __future__ import annotations

import asyncio
import errno

import pytest
import structlog

from tests import servers
from tests.adapters.contract import Basket
from tests.adapters.email_rig import PATIENCE, Letterbox, channel, dialogue, listening, spoken, verp


async def test_one_worker_listens_and_another_takes_over_when_it_is_gone() -> None:
    port, boxes = servers.free_port(), [Letterbox(), Letterbox()]
    first, second = (channel(listen_port=port, pause=0.02) for _ in boxes)
    with structlog.testing.capture_logs() as lines:
        async with listening(first, boxes[0]):
            waiting = asyncio.create_task(second.listen(boxes[1]))
            async with asyncio.timeout(PATIENCE):
                while not any(line["event"] == "another_worker_listens_for_reports" for line in lines):  # noqa: ASYNC110 - a log has no bell
                    await asyncio.sleep(0.01)
            assert not waiting.done(), "it works without the port"
            assert await spoken(port, verp()) == [250, 250]
        async with asyncio.timeout(PATIENCE):
            assert await second.listening_port() == port
        assert await spoken(port, verp()) == [250, 250]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [len(box.raws) for box in boxes] == [1, 1], "each report once, by whoever listened"
    heard = [line["event"] for line in lines if line["event"].endswith("listens_for_reports")]
    assert heard == ["listens_for_reports", "another_worker_listens_for_reports", "listens_for_reports"]


async def test_the_port_of_another_installation_is_a_mistake_to_mend() -> None:
    """Its door refuses our mailboxes, so no report would ever reach us."""
    stranger = channel(listen_port=servers.free_port(), secret="another court's secret, never used")
    async with listening(stranger, Basket()) as port:
        with pytest.raises(OSError, match=f"port {port} is taken.*listen_port") as wrong:
            await channel(listen_port=port).listen(Basket())
    assert wrong.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("replies", [["220 mail.court.test", *["250 ok"] * 3], ["HTTP/1.1 400 Bad Request"]])
async def test_the_port_of_another_program_is_a_mistake_to_mend(replies: list[str]) -> None:
    async with dialogue(*replies) as port:
        with pytest.raises(OSError, match=f"port {port} is taken"):
            await channel(listen_port=port).listen(Basket())


async def test_a_port_that_is_held_in_silence_is_a_mistake_in_the_end() -> None:
    async with dialogue() as port:
        with pytest.raises(OSError, match=f"port {port} is taken"):
            await channel(listen_port=port, pause=0.001).listen(Basket())


async def test_the_door_takes_what_is_ours_and_nothing_else() -> None:
    ours, basket = channel(), Basket()
    mailbox = verp()
    async with listening(ours, basket) as port:
        assert await spoken(port, "nobody@court.test") == [550]
        assert await spoken(port, mailbox.replace("d1.", "d2.")) == [550], "a tag of another attempt"
        assert await spoken(port, mailbox.replace("court.test", "elsewhere.test")) == [550]
        assert await spoken(port, mailbox, mailbox) == [250, 452, 250]
        assert await spoken(port, mailbox.upper()) == [250, 250]
        assert await spoken(port, "bounces@court.test") == [250, 250]
    assert [kept.meta["recipient"].lower() for kept in basket.raws] == [mailbox, mailbox, "bounces@court.test"]
    assert {kept.meta["sender"] for kept in basket.raws} == {"<>"}


async def test_what_cannot_be_kept_is_not_acknowledged() -> None:
    ours, basket = channel(), Basket(broken=True)
    async with listening(ours, basket) as port:
        assert await spoken(port, verp()) == [250, 451]


async def test_what_is_too_large_is_not_taken() -> None:
    ours, basket = channel(report_up_to=1000), Basket()
    async with listening(ours, basket) as port:
        assert await spoken(port, verp(), body=b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 20) == [250, 552]
    assert basket.raws == []
