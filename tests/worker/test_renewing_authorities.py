"""The next renewal brings along what issuers say of the authority that made the one before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from adapters.counterparts.tsa import TsaCounterpart, make_keys
from adapters.http import HttpClient
from adapters.revocation import RevocationFetcher
from adapters.timestamping import Authority, Timestamping
from delivery.worker.packing import Packing
from delivery.worker.renewing import Renewing
from delivery.worker.revoking import RevocationData
from delivery.worker.stamping import Stamping
from signing.verify import VALID, Number, Result, verify
from tests.servers import free_port
from tests.signing import revoking
from tests.signing.authorities import der
from tests.signing.verifying.packs import unzipped
from tests.stage import START, Stage, address, recipient, seal_keys, stage
from tests.worker.test_sequencing import LOG, sequencing_of

KEYS = seal_keys()
YEAR = timedelta(days=365)
FIRST, SECOND = START + 3.9 * YEAR, START + 10.2 * YEAR
"""When the pack is renewed: before the first authority's certificate ends, and before that of the second does."""


def renewing_of(play: Stage, http: HttpClient, *authorities: Authority) -> Renewing:
    """As after a start, with these authorities in the settings."""
    seals, asked = play.bench.seals, Timestamping(authorities, clock=play.clock, http=http)
    fetcher = RevocationFetcher(clock=play.clock, http=http)
    revocations = RevocationData(play.journal, play.clock, fetcher, seals.chains, asked.anchors)
    stamping = Stamping(play.journal, play.clock, asked)
    packing = Packing(
        journal=play.journal,
        documents=play.files,
        clock=play.clock,
        seals=seals,
        log_key=str(LOG),
        revocations=revocations,
        stamping=stamping,
    )
    return Renewing(packing)


def added(pack: bytes) -> set[str]:
    return {name for name in unzipped(pack) if name.startswith("META-INF/revocation")}


async def test_the_word_of_issuers_on_the_last_authority_comes_with_the_next(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, keys=KEYS) as play:
        http = HttpClient("asking", timeout=5, first_pause=0.0)
        first, third = [
            TsaCounterpart(clock=play.clock, keys=make_keys(name, at, life=life * YEAR))
            for name, at, life in (("甲", START, 4), ("丙", SECOND - YEAR, 9))
        ]
        pki = revoking.made(tmp_path, f"http://127.0.0.1:{free_port()}", tsa_bits=3072)
        second = Authority(name="乙", url=f"{pki.url}/court/tsa/tsa", trust=(pki.certificate("root"),))
        ended = replace(second, until=(FIRST + YEAR).date())
        await first.start()
        await third.start()
        try:
            of_first, of_third = [
                Authority(name=name, url=there.url, trust=(der(there._keys.root),))
                for name, there in (("甲", first), ("丙", third))
            ]
            begun = renewing_of(play, http, of_first)
            play.bench = replace(play.bench, stamping=begun.packing.stamping)
            (delivery,) = await play.submit(recipient(address("email", "taken; 1h arrived")))
            await play.play(timedelta(hours=2))
            await sequencing_of(play.journal).catch_up()
            play.clock.jump(FIRST)
            async with revoking.answering(pki, FIRST):
                assert (await renewing_of(play, http, second).renew_all()).renewed == 1
            once = await begun.packing.pack(await play.delivery(delivery)) or b""
            assert added(once) == {"META-INF/revocation001-1.crl"}, "of the timestamp that the seal got just before"
            play.clock.jump(SECOND)
            async with revoking.answering(pki, SECOND):
                assert (await renewing_of(play, http, of_third, ended).renew_all()).renewed == 1
            twice = await begun.packing.pack(await play.delivery(delivery)) or b""
            assert added(twice) - added(once) == {"META-INF/revocation002-1.crl"}
        finally:
            await first.stop()
            await third.stop()
            await http.close()
    trust = [KEYS.certificate_pem, first.root_pem, third.root_pem, pki.certificate("root")]
    at = SECOND + YEAR
    verdict = await asyncio.to_thread(verify, [("pack.asice", twice)], trust=trust, at=at)
    assert verdict.exit == VALID
    told = [step for step in verdict.steps if step.number is Number.REVOCATION and "Manifest001" in step.part]
    assert [step.result for step in told] == [Result.PASSED]
