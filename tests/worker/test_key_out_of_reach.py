"""A court whose key is at a signing service, on a token, or not enabled yet: from the filing to the proof, through the
time in which nothing can be sealed.
"""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from adapters.counterparts.signer import SigningService
from delivery import keyring, keys
from delivery.core.model import Delivery, Document
from delivery.core.seal_keys import ENABLED
from delivery.core.tasks import FAILURES_IN_A_ROW
from delivery.journal.migrations import migrate
from delivery.settings import Settings
from delivery.web.pages import Text
from delivery.web.sayings import task_reason
from delivery.web.sessions import console_words
from delivery.worker.loop import advance_or_postpone
from signing.keys import KeyFile, make_key_file, open_key_file
from signing.pool import SealPool
from tests.core.world import book
from tests.stage import COURT, START, JumpingClock, Stage, address, pdf, recipient, seal_keys, stage
from tests.test_keys import act, enabled_by_two, settings
from tests.tokens import MODULE, PIN, softhsm

TOKEN = "a-bearer-token-of-some-length"
HOURS = timedelta(hours=1)
ZH = Text("zh", console_words())


@dataclass
class Court:
    """The worker at hand, and the inventory that it follows."""

    play: Stage
    watch: keys.Watch
    pool: SealPool

    async def enabled(self) -> None:
        for key in await self.play.journal.keys(COURT.code):
            await enabled_by_two(self.play.journal, key.id, self.play.clock.now())
        await self.watch.look_again(self.pool)

    async def filed(self, key: str) -> str:
        """A document of its own: what was sealed once is not sealed again."""
        digest = await self.play.files.put(content := pdf(key))
        paper = Document(id="d1", type="summons", title="传票", sha256=digest, pages=1, size=len(content))
        who = recipient(address("email", "taken; 2h arrived"), consented=True)
        (name,) = await self.play.submit(who, documents=[paper], key=key)
        return name

    async def told(self, name: str) -> Delivery:
        return await self.play.delivery(name)


@asynccontextmanager
async def court(
    own: Settings, url: str, folder: Path, *, clock: JumpingClock | None = None, processes: int = 0
) -> AsyncIterator[Court]:
    await migrate(url)
    async with stage(url, folder, keys=OTHER, clock=clock) as play:
        watch = keys.Watch(own, play.journal, play.clock)
        with closing(SealPool((await watch.begin()).courts, processes=processes)) as pool:
            play.bench, play.advance = replace(play.bench, seals=pool), advance_or_postpone
            yield Court(play, watch, pool)


OTHER = seal_keys()
"""What a stage seals with by itself; none of these courts' keys."""


def key_file(number: int) -> KeyFile:
    validity = {"not_before": START - timedelta(days=9), "not_after": START + timedelta(days=999)}
    return make_key_file(b"x", court=COURT.code, court_name=COURT.name_zh, serial=number, **validity)


def secrets(own: Settings, **files: str) -> None:
    for name, content in {"link-secret": os.urandom(16).hex(), **files}.items():
        keyring.write_private(own.data / "keys" / name, content.encode())


async def sealed_by(at: Court, name: str) -> set[int]:
    """Of which certificates (serial numbers) the sealed documents and the proof are."""
    told = await at.told(name)
    digests = [digest for _, digest in told.sealed] + [digest for _, digest in told.proofs]
    assert len(digests) == 2, "a document and its proof"
    found = [PdfFileReader(io.BytesIO(await at.play.files.get(one)), strict=False) for one in digests]
    return {int(one.embedded_signatures[0].signer_cert.serial_number) for one in found}


async def through_an_outage(at: Court, down: Callable[[], None], back: Callable[[], None], number: int) -> None:
    """One delivery is under way when the key goes, one is filed while it is away; afterwards both are proved."""
    await at.enabled()
    under_way = await at.filed("s-1")
    await at.play.play(until=HOURS)
    assert (await at.told(under_way)).attempts, "sent"
    down()
    waiting = await at.filed("s-2")
    await at.play.play(until=6 * HOURS)
    for name, step in ((under_way, "Prove"), (waiting, "Seal")):
        told = await at.told(name)
        (task,) = told.tasks
        assert told.failed == f"{step}: KeyUnavailable"
        assert told.failures == FAILURES_IN_A_ROW
        assert "暂时无法使用" in task_reason(task.kind, task.reason, book(), ZH)[0]
    assert (await at.told(under_way)).concluded, "what was sent arrived, and counts, proof or not"
    assert not (await at.told(waiting)).attempts, "nothing unsealed has left"
    back()
    await at.play.play(until=6 * HOURS)
    for name in (under_way, waiting):
        told = await at.told(name)
        assert (told.failures, told.tasks, len(told.attempts)) == (0, (), 1)
        assert await sealed_by(at, name) == {number}


async def test_a_signing_service_that_goes_away_and_comes_back(sqlite_url: str, tmp_path: Path) -> None:
    opened = open_key_file(key_file(201).content, b"x")
    service = SigningService(opened.private_key_pem, opened.certificate_pem, TOKEN, credential="seal")

    def away(yes: bool) -> Callable[[], None]:
        return lambda: setattr(service, "away", yes)

    async with service.running() as url:
        key = f'{{ kind = "remote", url = "{url}", credential = "seal", token_file = "token" }}'
        own = settings(tmp_path, key, self_made=False)
        secrets(own, token=TOKEN)
        async with court(own, sqlite_url, tmp_path) as at:
            await through_an_outage(at, away(True), away(False), 201)
        service.away = True  # and songda is started again meanwhile, with processes that never saw the key
        async with court(own, sqlite_url, tmp_path, clock=at.play.clock, processes=1) as at:
            name = await at.filed("s-3")
            await at.play.play(until=HOURS)
            assert (await at.told(name)).failed == "Seal: KeyUnavailable"
            service.away = False
            await at.play.play(until=6 * HOURS)
            assert await sealed_by(at, name) == {201}


async def test_a_token_that_is_pulled_out_and_put_back(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with softhsm(tmp_path / "token", "court") as token:
        token.put(key_file(202), b"x", label="seal", key_id="01")
        key = f'{{ kind = "pkcs11", module = "{MODULE}", token = "court", label = "seal", pin_file = "pin" }}'
        own = settings(tmp_path, key, self_made=False)
        secrets(own, pin=PIN)
        async with court(own, sqlite_url, tmp_path) as at:
            await through_an_outage(at, token.taken_out, token.put_back, 202)


@pytest.mark.parametrize("half", [False, True], ids=["by nobody", "by one of two"])
async def test_a_key_that_is_not_enabled_yet(half: bool, sqlite_url: str, tmp_path: Path) -> None:
    """What was filed waits, the clerk reads what to do, and after the second name everything goes on by itself."""
    async with court(settings(tmp_path), sqlite_url, tmp_path):
        pass  # makes the key file
    (tmp_path / "journal.sqlite").unlink()
    async with court(settings(tmp_path, self_made=False), sqlite_url, tmp_path) as at:
        (key,) = await at.play.journal.keys(COURT.code)
        if half:
            assert await at.play.journal.act_on_key(COURT.code, key.id, act(ENABLED, "other clerk")) is None
        name = await at.filed("s-1")
        await at.play.play(until=6 * HOURS)
        told = await at.told(name)
        assert (told.failed, told.attempts) == ("Seal: NoSealEnabled", ())
        (task,) = told.tasks
        assert "须由两人" in task_reason(task.kind, task.reason, book(), ZH)[0]
        if half:
            assert await at.play.journal.act_on_key(COURT.code, key.id, act(ENABLED, "judge")) is None
            await at.watch.look_again(at.pool)
        else:
            await at.enabled()
        await at.play.play(until=6 * HOURS)
        told = await at.told(name)
        assert (told.failures, told.tasks, len(told.proofs)) == (0, (), 1)
