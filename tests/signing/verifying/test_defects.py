"""Each defect of defects.py is found by the step that it belongs to; what ends in time ends as the calendar says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from signing.verify import INVALID, VALID, Number, Result, Verdict, verify
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.defects import DEFECTS, Scene
from tests.signing.verifying.document_defects import DOCUMENTS
from tests.signing.verifying.pack_defects import PACKS
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer, sealer


@pytest.fixture(scope="module")
def scene(court: Sealer, stranger: Sealer, authority: Clock, pack: packs.Pack) -> Scene:
    return Scene(court, stranger, authority, pack)


def failing(verdict: Verdict) -> list[tuple[Number, str, str]]:
    return [(step.number, step.part, step.says.en) for step in verdict.steps if step.result is Result.FAILED]


ALL = {**DEFECTS, **DOCUMENTS, **PACKS}


@pytest.mark.parametrize("name", ALL)
def test_a_defect(name: str, scene: Scene) -> None:
    defect = ALL[name]
    checkpoint = defect.checkpoint(scene) if defect.checkpoint else scene.pack.log.checkpoint()
    verdict = verify([(name, defect.make(scene))], trust=scene.trust, checkpoint=checkpoint, at=LATER)
    found = failing(verdict)
    assert verdict.exit == INVALID
    assert any(number is defect.step and defect.part in part and defect.says in says for number, part, says in found), (
        found
    )


def test_a_certificate_that_has_ended(authority: Clock) -> None:
    """Sealed in time: a timestamp proves that, the sealer's own clock does not."""
    ended = sealer("示例市滨江区人民法院", not_after=AT + timedelta(days=3))
    trust = [ended.root_pem, authority.root_pem]
    bare = verify([("bare", sealing.basic(ended))], trust=trust, at=LATER)
    proven = verify([("stamped", sealing.stamped(ended, authority))], trust=trust, at=LATER)
    too_late = sealing.stamped(ended, authority, token_at=AT + timedelta(days=4))
    assert (bare.exit, proven.exit) == (INVALID, VALID)
    assert verify([("late", too_late)], trust=trust, at=LATER).exit == INVALID


def test_revoked_after_the_proven_time(court: Sealer, authority: Clock) -> None:
    """What a timestamp proves to be older than the revocation stays good."""
    content = sealing.long_term(court, authority, revoked_at=AT + timedelta(days=2))
    verdict = verify([("x", content)], trust=[court.root_pem, authority.root_pem], at=LATER)
    assert verdict.exit == VALID, failing(verdict)


def test_an_authority_of_time_seals_nothing(court: Sealer, authority: Clock) -> None:
    """It is trusted for time, in the same list."""
    posing = Sealer(court.root_key, authority.keys.root, authority.keys.key, authority.keys.certificate)
    content = sealing.foreign(posing, sealing.letter(), "A")
    assert verify([("x", content)], trust=[court.root_pem, authority.root_pem], at=LATER).exit == INVALID
