"""Keys that whoever verifies knows to be revoked: what they sealed counts as far as its time is proven."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest

from signing.verify import INVALID, VALID, Number, Result, Verdict, verify
from tests.signing.verifying import national, packs, sealing
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer

DAY = timedelta(days=1)


def judged(content: bytes, since: datetime, certificate: bytes, *trust: bytes) -> Verdict:
    withdrawn = {hashlib.sha256(certificate).hexdigest(): since}
    return verify([("x", content)], trust=trust, at=LATER, withdrawn=withdrawn)


def failed(verdict: Verdict) -> set[Number]:
    return {step.number for step in verdict.steps if step.result is Result.FAILED}


def test_a_seal_whose_time_nobody_proves(court: Sealer, stranger: Sealer) -> None:
    content = sealing.basic(court)
    verdict = judged(content, LATER - DAY, court.chain[0], court.root_pem)
    assert (verdict.exit, Number.REVOCATION in failed(verdict)) == (INVALID, True)
    assert "2026-04-02" in next(step.says.en for step in verdict.steps if step.result is Result.FAILED)
    assert judged(content, LATER - DAY, stranger.chain[0], court.root_pem).exit == VALID
    assert judged(content, LATER + DAY, court.chain[0], court.root_pem).exit == VALID, "announced for later"


@pytest.mark.parametrize("level", ["stamped", "long_term", "archived"])
def test_what_is_proven_to_be_older_stays_good(level: str, court: Sealer, authority: Clock) -> None:
    content = getattr(sealing, level)(court, authority)
    trust = (court.root_pem, authority.root_pem)
    assert judged(content, AT + DAY, court.chain[0], *trust).exit == VALID
    verdict = judged(content, AT - DAY, court.chain[0], *trust)
    assert (verdict.exit, Number.REVOCATION in failed(verdict)) == (INVALID, True)
    assert judged(content, AT + DAY, court.chain[0], court.root_pem).exit == INVALID, "by an authority not trusted"


def test_the_seal_of_a_container_and_the_second_seal(court: Sealer, authority: Clock) -> None:
    honest, ours = packs.honest(court, authority), national.ours()
    content = packs.container(national.sealed_twice(honest, ours), court)
    trust = (court.root_pem, authority.root_pem, national.anchor(ours))
    assert verify([("x", content)], trust=trust, at=LATER).exit == VALID
    verdict = judged(content, LATER - DAY, court.chain[0], *trust)
    assert Number.REVOCATION in failed(verdict)
    verdict = judged(content, LATER - DAY, ours.chain[0], *trust)
    assert failed(verdict) == {Number.NATIONAL}
