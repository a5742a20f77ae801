"""Providers' messages: kept first, read later, matched by our ids or the provider's."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from delivery.core.ports import RawReceipt
from delivery.journal.journal import Journal
from tests.journal.world import CLIENT, COURT, START, HandClock, announced, filing, raw, taken

DELIVERY, ATTEMPT = "s1-d1", "s1-d1.a1.1"


async def _answered(journal: Journal, *references: str) -> None:
    """An attempt that the provider took under those references."""
    await journal.accept(filing(1))
    before = await journal.delivery(DELIVERY)
    known = [("smpp", reference, ATTEMPT) for reference in references]
    await journal.append(before, [announced(DELIVERY), taken(DELIVERY)], due_at=None, references=known)


async def _orphan(journal: Journal, *references: str, retry_at: timedelta | None = None) -> str:
    """A receipt that was read before its reference was known."""
    kept = await journal.keep(raw())
    await journal.unread(10)
    keys = [("smpp", reference) for reference in references]
    again = START + retry_at if retry_at else None
    await journal.settle(kept, state="orphan", delivery=None, keys=keys, retry_at=again)
    return kept


async def _unread(journal: Journal) -> list[str]:
    return [receipt for receipt, _ in await journal.unread(10)]


async def test_what_is_kept_is_read_back_byte_for_byte(journal: Journal) -> None:
    message = RawReceipt(channel="ems", body=bytes(range(256)), received_at=START, meta={"header": "值", "peer": "p"})
    kept = await journal.keep(message)
    assert await journal.raw_receipt(kept) == message
    assert await journal.unread(10) == [(kept, message)]


async def test_the_same_message_twice_is_kept_twice(journal: Journal) -> None:
    kept = [await journal.keep(raw()), await journal.keep(raw())]
    assert len(set(kept)) == 2
    assert await _unread(journal) == kept


async def test_messages_that_come_together_share_a_transaction(journal: Journal) -> None:
    commits = journal.commits
    await asyncio.gather(*[journal.keep(raw(str(n))) for n in range(30)])
    assert journal.commits - commits == 1
    assert [message.body for _, message in await journal.unread(100)] == [str(n).encode() for n in range(30)]


async def test_what_is_read_is_not_read_again(journal: Journal) -> None:
    kept = await journal.keep(raw())
    await journal.settle(kept, state="read", delivery=DELIVERY)
    assert await _unread(journal) == []
    assert await journal.next_reading() is None


async def test_a_reference_leads_to_its_attempt(journal: Journal) -> None:
    await _answered(journal, "ref-1", "ref-2")
    assert await journal.attempt_of("smpp", "ref-2") == ATTEMPT
    assert await journal.attempt_of("email", "ref-2") is None
    assert await journal.attempt_of("smpp", "ref-3") is None


async def test_a_number_that_the_provider_uses_again_leads_to_the_latest(journal: Journal) -> None:
    await _answered(journal, "ref-1")
    before = await journal.delivery(DELIVERY)
    await journal.append(
        before, [announced(DELIVERY, 2), taken(DELIVERY, 2)], due_at=None, references=[("smpp", "ref-1", "s1-d1.a1.2")]
    )
    assert await journal.attempt_of("smpp", "ref-1") == "s1-d1.a1.2"


async def test_an_orphan_is_read_again_when_its_reference_becomes_known(journal: Journal) -> None:
    orphan = await _orphan(journal, "ref-0", "ref-1")
    assert await _unread(journal) == []
    await _answered(journal, "ref-1")
    assert await _unread(journal) == [orphan]


async def test_an_orphan_of_another_reference_sleeps_on(journal: Journal) -> None:
    await _orphan(journal, "ref-9")
    await _answered(journal, "ref-1")
    assert await _unread(journal) == []


async def test_a_reference_that_came_between_look_and_settling_wakes_the_orphan(journal: Journal) -> None:
    kept = await journal.keep(raw())
    assert await _unread(journal) == [kept]
    await _answered(journal, "ref-1")
    await journal.settle(kept, state="orphan", delivery=None, keys=[("smpp", "ref-1")])
    assert await _unread(journal) == [kept]


async def test_a_reference_that_was_known_at_the_look_does_not(journal: Journal) -> None:
    """The reader has seen it and found it of no use; reading again and again would change nothing."""
    await _answered(journal, "ref-1")
    await _orphan(journal, "ref-1", "ref-2")
    assert await _unread(journal) == []


async def test_an_orphan_is_read_again_in_time(journal: Journal, clock: HandClock) -> None:
    orphan = await _orphan(journal, "ref-9", retry_at=timedelta(hours=48))
    assert await journal.next_reading() == START + timedelta(hours=48)
    clock.pass_time(hours=48)
    assert await _unread(journal) == [orphan]


async def test_a_person_finds_what_nobody_could_match(journal: Journal) -> None:
    orphan = await _orphan(journal, "ref-9")
    unclear = await journal.keep(raw("what?"))
    await journal.settle(unclear, state="unclear", delivery=None)
    found = await journal.unmatched(10)
    assert [(row.id, row.state) for row in found] == [(unclear, "unclear"), (orphan, "orphan")]
    assert found[0].receipt.body == b"what?"


async def test_an_unknown_receipt(journal: Journal) -> None:
    with pytest.raises(KeyError):
        await journal.raw_receipt("none")


async def test_a_reference_is_kept_with_its_events_or_not_at_all(journal: Journal) -> None:
    await _answered(journal, "ref-1")
    stale = (await journal.load(DELIVERY))[0]
    assert stale.seq == 1
    before = await journal.delivery(DELIVERY)
    await journal.record(DELIVERY, lambda _: [announced(DELIVERY, 2)])
    answers = await asyncio.gather(
        journal.append(before, [taken(DELIVERY)], due_at=None, references=[("smpp", "lost", ATTEMPT)]),
        return_exceptions=True,
    )
    assert isinstance(answers[0], Exception)
    assert await journal.attempt_of("smpp", "lost") is None
    assert len(await journal.reports_after(COURT, CLIENT, 0, 10)) == 2
