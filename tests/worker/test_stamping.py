"""Timestamps that are late: they are made up for, told after an hour, and waited for after four."""

from __future__ import annotations

import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog
from pyhanko.pdf_utils.reader import PdfFileReader

from adapters.counterparts.tsa import TsaCounterpart, make_keys
from adapters.http import HttpClient
from adapters.timestamping import Authority, Timestamping
from delivery.core.trusted_time import proofs_wait, to_be_told
from delivery.journal.ledger import CheckpointRow
from delivery.journal.stamps import CHECKPOINT, PROOF, SEAL
from delivery.worker.stamping import ANCHOR_EVERY, Stamping
from signing import timestamp
from signing.pages import text_of
from signing.pdf import timestamp_imprint
from signing.pool import SealKeys
from tests import stage as stages
from tests.signing.authorities import der
from tests.stage import Stage, address, recipient, seal_keys, stage

KEYS: SealKeys = seal_keys()


@asynccontextmanager
async def stamped_stage(url: str, folder: Path) -> AsyncIterator[tuple[Stage, Stamping, TsaCounterpart]]:
    async with stage(url, folder, keys=KEYS) as played:
        there = TsaCounterpart(clock=played.clock, keys=make_keys("甲", played.clock.now()))
        await there.start()
        http = HttpClient("timestamping", timeout=5, first_pause=0.0)
        trust = (der(there._keys.root),)
        asked = Timestamping([Authority(name="甲", url=there.url, trust=trust)], clock=played.clock, http=http)
        stamping = Stamping(played.journal, played.clock, asked)
        played.bench = replace(played.bench, stamping=stamping)
        try:
            yield played, stamping, there
        finally:
            await asked.close()
            await there.stop()


async def concluded(played: Stage, key: str = "s-1") -> str:
    """A delivery by confirmed e-mail that has arrived."""
    (delivery,) = await played.submit(recipient(address("email", "taken; 1h arrived")), key=key)
    await played.play(timedelta(hours=2))
    return delivery


async def proof_text(played: Stage, delivery: str) -> str:
    content = await played.files.get((await played.delivery(delivery)).proofs[-1][1])
    return "".join(text_of(content).split())


async def test_a_proof_is_stamped_and_says_by_whom(database_url: str, tmp_path: Path) -> None:
    async with stamped_stage(database_url, tmp_path) as (played, stamping, there):
        delivery = await concluded(played)
        digest = (await played.delivery(delivery)).proofs[-1][1]
        kept, content = await played.journal.stamp_of(SEAL, digest), await played.files.get(digest)
        assert kept is not None
        assert (kept.authority, kept.imprint) == ("甲", timestamp_imprint(content))
        token = timestamp.check(kept.token, imprint=kept.imprint, trust=[der(there._keys.root)])
        assert token.at == kept.stamped_at
        (attribute,) = PdfFileReader(io.BytesIO(content)).embedded_signatures[-1].signer_info["unsigned_attrs"]
        assert attribute["type"].native == "signature_time_stamp_token"
        assert attribute["values"][0].dump() == kept.token
        assert "由甲加盖于本文件的印章签名" in await proof_text(played, delivery)
        assert await stamping.missing_since() is None


async def test_without_an_authority_every_proof_says_so(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, keys=KEYS) as played:
        assert "Timestamp:none" in await proof_text(played, await concluded(played))


async def test_a_proof_of_a_short_gap_is_issued_says_so_and_is_stamped_later(database_url: str, tmp_path: Path) -> None:
    async with stamped_stage(database_url, tmp_path) as (played, stamping, there):
        there.away = True
        delivery = await concluded(played)
        digest = (await played.delivery(delivery)).proofs[-1][1]
        assert "时间戳：暂缺" in await proof_text(played, delivery)
        assert await played.journal.stamp_of(PROOF, digest) is None
        assert await stamping.missing_since() is not None
        assert not await stamping.catch_up()
        there.away = False
        assert await stamping.catch_up()
        assert await played.journal.stamp_of(PROOF, digest) is not None
        assert await stamping.missing_since() is None


async def test_after_four_hours_proofs_wait_and_go_on_by_themselves(database_url: str, tmp_path: Path) -> None:
    async with stamped_stage(database_url, tmp_path) as (played, stamping, there):
        there.away = True
        await concluded(played)
        since = await stamping.missing_since()
        assert since is not None
        played.clock.jump(since + timedelta(hours=4))
        late = await concluded(played, "s-2")
        waiting = await played.delivery(late)
        assert waiting.concluded
        assert (waiting.proofs, waiting.tasks) == ((), ())
        due = await played.journal.next_due()
        assert due is not None
        there.away = False
        assert await stamping.catch_up()
        await played.play(timedelta(hours=1))
        assert "由甲加盖于本文件的印章签名" in await proof_text(played, late)


async def test_an_hour_is_told(sqlite_url: str, tmp_path: Path) -> None:
    async with stamped_stage(sqlite_url, tmp_path) as (played, stamping, there):
        there.away = True
        await played.journal.want_stamp(PROOF, "00" * 32, bytes(32))
        for hours, told in ((0.0, 0), (0.99, 0), (1.0, 1), (1.5, 1)):
            since = await stamping.missing_since() or played.clock.now()
            played.clock.jump(since + timedelta(hours=hours))
            with structlog.testing.capture_logs() as logs:
                assert not await stamping.catch_up()
            assert len([line for line in logs if line["event"] == "timestamps_missing"]) == told


async def test_the_ledger_is_anchored_now_and_then(database_url: str, tmp_path: Path) -> None:
    async with stamped_stage(database_url, tmp_path) as (played, stamping, there):

        async def grow(size: int) -> bytes:
            note = f"log\n{size}\n".encode()
            await played.journal.keep_checkpoint(CheckpointRow(size, bytes(32), note, played.clock.now()))
            assert await stamping.catch_up()
            return note

        note = await grow(5)
        kept = await played.journal.stamp_of(CHECKPOINT, "5")
        assert kept is not None
        assert kept.imprint == hashlib.sha256(note).digest()
        await grow(9)
        assert await played.journal.stamp_of(CHECKPOINT, "9") is None
        played.clock.jump(played.clock.now() + ANCHOR_EVERY)
        assert await stamping.catch_up()
        assert await played.journal.stamp_of(CHECKPOINT, "9") is not None
        played.clock.jump(played.clock.now() + ANCHOR_EVERY)
        given = there.given
        assert await stamping.catch_up()
        assert there.given == given


async def test_what_waited_longest_comes_first_and_a_token_stays(database_url: str, tmp_path: Path) -> None:
    async with stamped_stage(database_url, tmp_path) as (played, _, _there):
        journal = played.journal
        for minute, subject in enumerate(("b", "a")):
            played.clock.jump(stages.START + timedelta(minutes=minute))
            await journal.want_stamp(PROOF, subject, bytes(32))
        await journal.want_stamp(PROOF, "b", b"x" * 32)
        assert [(each.subject, each.imprint) for each in await journal.unstamped(9)] == [
            ("b", bytes(32)),
            ("a", bytes(32)),
        ]
        assert await journal.timestamps_missing_since() is None
        await journal.stamp_failed(PROOF, "a")
        assert await journal.timestamps_missing_since() == stages.START + timedelta(minutes=1)
        now = played.clock.now()
        await journal.keep_stamp(PROOF, "a", b"first", stamped_at=now, authority="甲")
        await journal.keep_stamp(PROOF, "a", b"second", stamped_at=now, authority="乙")
        kept = await journal.stamp_of(PROOF, "a")
        assert kept is not None
        assert (kept.token, kept.authority) == (b"first", "甲")
        assert [each.subject for each in await journal.unstamped(9)] == ["b"]


def test_the_two_limits() -> None:
    since = stages.START
    assert not to_be_told(None, since)
    assert not to_be_told(since, since + timedelta(minutes=59, seconds=59))
    assert to_be_told(since, since + timedelta(hours=1))
    assert not proofs_wait(since, since + timedelta(hours=3, minutes=59, seconds=59))
    assert proofs_wait(since, since + timedelta(hours=4))
