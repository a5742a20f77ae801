"""Links, tries, seals, accounts, looks and lists."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from delivery.journal.accounts import Clerk, Client, Look, Session
from delivery.journal.journal import Journal
from delivery.journal.links import Link
from delivery.journal.seals import DocumentRow
from tests.journal.world import COURT, START, HandClock, filing, planned

DAY = timedelta(days=1)


def _link(name: bytes, delivery: str = "d1") -> Link:
    return Link(id=name, attempt=f"{delivery}.a1.1", delivery=delivery, purpose="read", expires_at=START + DAY)


async def test_a_link_is_kept_as_it_was_first(journal: Journal) -> None:
    await journal.keep_link(_link(b"\x00\xff"))
    await journal.keep_link(_link(b"\x00\xff", "d2"))
    assert await journal.link(b"\x00\xff") == _link(b"\x00\xff")
    assert await journal.link(b"other") is None


async def test_links_of_a_delivery_are_revoked_together_and_once(journal: Journal, clock: HandClock) -> None:
    for name, delivery in ((b"1", "d1"), (b"2", "d1"), (b"3", "d2")):
        await journal.keep_link(_link(name, delivery))
    assert await journal.revoke_links("d1") == 2
    clock.pass_time(hours=1)
    assert await journal.revoke_links("d1") == 0
    revoked = [await journal.link(name) for name in (b"1", b"2", b"3")]
    assert [link and link.revoked_at for link in revoked] == [START, START, None]


async def test_tries_are_counted_from_an_instant_on(journal: Journal) -> None:
    for hours in (0, 1, 2):
        await journal.count_try("d1", START + timedelta(hours=hours))
    await journal.count_try("d2", START)
    assert await journal.tries("d1", START) == 3
    assert await journal.tries("d1", START + timedelta(hours=1)) == 2
    assert await journal.tries("d3", START) == 0


async def test_the_first_seal_counts(journal: Journal) -> None:
    seals = await asyncio.gather(*[journal.keep_seal(COURT, "a" * 64, f"{n}" * 64) for n in range(5)])
    assert len(set(seals)) == 1
    assert await journal.seal_of(COURT, "a" * 64) == seals[0]
    assert await journal.seal_of("another", "a" * 64) is None


async def test_documents_are_known_per_court(journal: Journal) -> None:
    await journal.keep_document(COURT, "a" * 64, 5_000_000_000, 3)
    await journal.keep_document(COURT, "a" * 64, 1, 1)
    known = await journal.known_document(COURT, "a" * 64)
    assert known == DocumentRow(court=COURT, sha256="a" * 64, size=5_000_000_000, pages=3)
    assert await journal.known_document("another", "a" * 64) is None


async def test_clients_are_looked_up_by_their_id(journal: Journal) -> None:
    """A request names its client: however many there are, nobody else's are read."""
    made = [Client(court=court, client=name, secret_hash="h") for court in ("a", COURT) for name in ("c1", "c2")]
    for client in made:
        await journal.put_client(client)
    assert await journal.clients("c2") == sorted((made[1], made[3]), key=lambda client: client.court)
    assert await journal.clients("c") == []


async def test_accounts_are_replaced_by_name(journal: Journal) -> None:
    client = Client(court=COURT, client="c1", secret_hash="h1")
    hooked = Client(court=COURT, client="c1", secret_hash="h2", webhook_url="https://example.org", webhook_secret="s")
    await journal.put_client(client)
    await journal.put_client(hooked)
    assert await journal.client(COURT, "c1") == hooked
    assert await journal.clients("c1") == [hooked]
    clerk = Clerk(name="clerk", court=COURT, role="clerk", password_hash="h")
    await journal.put_clerk(clerk)
    assert await journal.clerk("clerk") == clerk
    assert await journal.clerks(COURT) == [clerk]
    assert await journal.clerk("nobody") is None


def test_no_secret_is_shown_by_accident() -> None:
    shown = [Client(court=COURT, client="c", secret_hash="hidden", webhook_secret="hidden")]
    assert "hidden" not in repr([*shown, Clerk(name="n", court=COURT, role="r", password_hash="hidden")])
    assert "hidden" not in repr(Session(token_hash="hidden", clerk="n", csrf="hidden", expires_at=START))


async def test_a_session_ends(journal: Journal, clock: HandClock) -> None:
    await journal.put_clerk(Clerk(name="clerk", court=COURT, role="clerk", password_hash="h"))
    short, long = (
        Session(token_hash=name, clerk="clerk", csrf="c", expires_at=START + length)
        for name, length in (("short", DAY), ("long", 3 * DAY))
    )
    await journal.put_session(short)
    assert await journal.session("short") == short
    clock.pass_time(days=2)
    await journal.put_session(long)
    assert await journal.session("short") is None
    await journal.end_session("long")
    assert await journal.session("long") is None


async def test_who_looked_at_what(journal: Journal) -> None:
    looks = [
        Look(court=COURT, clerk="clerk", at=START, what=what, delivery=d)
        for what, d in (("list", None), ("proof", "d1"))
    ]
    for look in looks:
        await journal.put_look(look)
    assert await journal.looks(COURT) == looks[::-1]
    assert await journal.looks(COURT, delivery="d1") == looks[1:]
    assert await journal.looks("another") == []


async def _three(journal: Journal) -> None:
    for number, name in (("1", "王小明"), ("2", "青海三江贸易有限公司"), ("3", "王大明")):
        await journal.accept(filing(number, name=name))
    before = await journal.delivery("s2-d1")
    await journal.append(before, [planned()], due_at=None)


async def test_a_list_is_narrowed_and_turned_by_pages(journal: Journal) -> None:
    await _three(journal)

    async def ids(**narrow: str) -> list[str]:
        return [row.id for row in await journal.deliveries(COURT, **narrow)]  # type: ignore[arg-type]

    assert await ids() == ["s3-d1", "s2-d1", "s1-d1"]
    assert await ids(party="王") == ["s3-d1", "s1-d1"]
    assert await ids(party="三江") == ["s2-d1"]
    assert await ids(party="%") == []
    assert await ids(state="routed") == ["s2-d1"]
    assert await ids(outcome="served") == []
    assert await ids(case_number="（2024）青2801民初123号", after="s3-d1") == ["s2-d1", "s1-d1"]
    assert await ids(case_number="（2024）青2801民初1号") == []
    assert [row.id for row in await journal.deliveries(COURT, limit=1)] == ["s3-d1"]
    assert await journal.deliveries("another") == []


async def test_deliveries_are_counted_by_state(journal: Journal) -> None:
    await _three(journal)
    assert await journal.counts(COURT) == {"accepted": 2, "routed": 1}
