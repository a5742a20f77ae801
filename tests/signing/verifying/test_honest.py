"""What is as it should be is found so: every level of seal, foreign ones, packs, and what cannot be told is said."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from signing import proof
from signing.pack import LedgerEvent, LedgerPart, PackContent, RawMessage, Stamp, sealed_pack
from signing.pool import SealPool
from signing.verify import CANNOT_TELL, INVALID, VALID, NoCertificate, Number, Result, Verdict, verify
from tests.signing import documents, hand_made, naive
from tests.signing.test_proof import PLAIN
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer, sealer


def results(verdict: Verdict, number: Number) -> set[Result]:
    return {step.result for step in verdict.steps if step.number is number}


def faults(verdict: Verdict) -> list[str]:
    return [f"{step.part}: {step.says.en}" for step in verdict.steps if step.result is Result.FAILED]


def judged(
    content: bytes, trust: Sequence[bytes], name: str = "letter.pdf", checkpoint: bytes | None = None
) -> Verdict:
    return verify([(name, content)], trust=trust, checkpoint=checkpoint, at=LATER)


@pytest.mark.parametrize("level", ["basic", "stamped", "long_term", "archived"])
def test_every_level_of_our_seal(level: str, court: Sealer, authority: Clock) -> None:
    make = getattr(sealing, level)
    content = make(court) if level == "basic" else make(court, authority)
    verdict = judged(content, [court.root_pem, authority.root_pem])
    assert (verdict.exit, faults(verdict)) == (VALID, [])
    assert results(verdict, Number.TIME) == {Result.NOT_CHECKED if level == "basic" else Result.PASSED}
    assert (Result.PASSED in results(verdict, Number.REVOCATION)) == (level in ("long_term", "archived"))


def test_without_trust_nothing_is_told(court: Sealer) -> None:
    verdict = judged(sealing.basic(court), [])
    assert verdict.exit == CANNOT_TELL
    assert results(verdict, Number.TRUST) == {Result.NOT_CHECKED}


def test_a_name_proves_nothing(court: Sealer, stranger: Sealer) -> None:
    assert judged(sealing.basic(stranger), [court.root_pem]).exit == INVALID


def test_every_file_needs_a_seal_that_is_trusted(court: Sealer, stranger: Sealer) -> None:
    ours, theirs = sealing.basic(court), sealing.basic(stranger)
    assert verify([("a", ours), ("b", ours)], trust=[court.root_pem], at=LATER).exit == VALID
    assert verify([("a", ours), ("b", theirs)], trust=[court.root_pem], at=LATER).exit == INVALID
    assert verify([("a", ours), ("a", b"")], trust=[court.root_pem], at=LATER).exit == INVALID
    assert verify([], trust=[court.root_pem], at=LATER).exit == CANNOT_TELL


def test_foreign_documents_with_several_seals(court: Sealer, stranger: Sealer) -> None:
    one = sealing.foreign(court, sealing.letter(), "A")
    two = sealing.foreign(court, one, "B", box=(40, 40, 200, 100))
    assert judged(one, [court.root_pem]).exit == VALID
    assert judged(two, [court.root_pem]).exit == VALID
    assert judged(two, []).exit == CANNOT_TELL
    ours_over_theirs = sealing.basic(court, sealing.foreign(stranger, sealing.letter(), "A"))
    assert judged(ours_over_theirs, [court.root_pem]).exit == VALID


def test_documents_that_others_signed_before(court: Sealer) -> None:
    for name, content in hand_made.signed_before():
        verdict = judged(sealing.basic(court, content), [court.root_pem], name)
        # Who locks all fields forbids every later seal, ours too (ISO 32000-2 §12.8.2.4).
        assert verdict.exit == (INVALID if name == "locked-all" else VALID), (name, faults(verdict))


@pytest.mark.parametrize("stamped", [True, False])
def test_a_pack(pack: packs.Pack, court: Sealer, authority: Clock, stamped: bool) -> None:
    content = pack.sealed(court, authority if stamped else None)
    trust = [court.root_pem, authority.root_pem]
    verdict = judged(content, trust, "pack.asice", pack.log.checkpoint())
    assert (verdict.exit, faults(verdict)) == (VALID, [])
    for number in (Number.FORM, Number.LEDGER, Number.CHECKPOINT):
        assert results(verdict, number) == {Result.PASSED}
    open_ = [one.says.en for one in verdict.steps if one.number is Number.CONTENTS and one.result is not Result.PASSED]
    assert open_ == ["whether a later, corrected proof has replaced it cannot be told offline"]
    without = judged(content, trust, "pack.asice")
    assert results(without, Number.CHECKPOINT) == {Result.PASSED, Result.NOT_CHECKED}
    assert judged(content, [], "pack.asice").exit == CANNOT_TELL


def test_trust_without_a_certificate_is_an_error_of_the_caller(court: Sealer) -> None:
    with pytest.raises(NoCertificate):
        judged(sealing.basic(court), [b"-----BEGIN NOTHING-----"])


def test_names_cannot_draw_a_verdict(court: Sealer) -> None:
    verdict = judged(b"", [court.root_pem], "\x1b[2K\u202eok\n  passed")
    assert all(
        "\x1b" not in step.part and "\n" not in step.part and "\u202e" not in step.part for step in verdict.steps
    )


@pytest.mark.parametrize("forked", [False, True])
def test_a_checkpoint_of_another_size_with_its_proof(
    pack: packs.Pack, court: Sealer, authority: Clock, forked: bool
) -> None:
    """The log has grown since; a forked one has grown from another entry."""
    log = pack.log
    entries = [b"x" * 32, *log.entries[1:]] if forked else log.entries
    later = packs.Log(log.origin, log.secret, [*entries, b"y" * 32, b"z" * 32])
    proof = [base64.b64encode(one).decode() for one in naive.proof(len(log.entries), later.entries)]
    held = later.checkpoint() + "\n".join(["", "consistency proof", *proof, ""]).encode()
    trust, content = [court.root_pem, authority.root_pem], pack.sealed(court)
    assert judged(content, trust, "p", held).exit == (INVALID if forked else VALID)
    without = judged(content, trust, "p", later.checkpoint())
    assert results(without, Number.CHECKPOINT) == {Result.PASSED, Result.NOT_CHECKED}


def written_by_us(pack: packs.Pack, court: Sealer, authority: Clock) -> bytes:
    members, log = pack.members, pack.log
    listed = json.loads(members["ledger/events.json"])
    leaves = tuple(
        LedgerEvent(
            one["index"],
            bytes.fromhex(one["salt"]),
            one["entry"],
            tuple(bytes.fromhex(node) for node in one["proof"]),
        )
        for one in listed
    )
    content = PackContent(
        documents=tuple((name, members[f"documents/{name}.pdf"]) for name in ("d1", "d2")),
        proof=members["proof.pdf"],
        evidence=members["evidence.xml"],
        receipts=(RawMessage("receipts/1.bin", "sms", AT, members["receipts/1.bin"], {"id": "1"}, 5),),
        ledger=LedgerPart(members["ledger/checkpoint"], str(log.key), leaves),
        timestamps=(Stamp("ledger/checkpoint", members["timestamps/1.tsr"]),),
        certificates=(authority.certificates[0],),
        crls=(court.revocations(),),
    )
    return sealed_pack(content, court.signer, at=AT)


def test_a_pack_of_the_real_writer(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    verdict = judged(
        written_by_us(pack, court, authority), [court.root_pem, authority.root_pem], "p", pack.log.checkpoint()
    )
    assert (verdict.exit, faults(verdict)) == (VALID, [])


def test_a_seal_of_the_container_with_a_revoked_certificate(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    revoked = {**pack.members, "revocation/1.crl": court.revocations(revoked_at=AT - timedelta(days=1))}
    verdict = judged(packs.container(revoked, court), [court.root_pem, authority.root_pem], "p")
    assert verdict.exit == INVALID
    assert Result.FAILED in results(verdict, Number.REVOCATION)


@pytest.mark.parametrize("trusted", ["certificate alone", "certificate and root"])
def test_a_certificate_that_is_trusted_itself_is_still_asked_about(
    trusted: str, pack: packs.Pack, court: Sealer, authority: Clock
) -> None:
    """As `seal.pem` has it: to be trusted by name is not to live for ever, and a list of its issuer is heard."""
    own = court.chain_pem if trusted == "certificate and root" else court.chain[0]
    trust = [own, authority.root_pem]
    assert judged(packs.container(pack.members, court), trust, "p").exit == VALID
    revoked = {**pack.members, "revocation/1.crl": court.revocations(revoked_at=AT - timedelta(days=1))}
    verdict = judged(packs.container(revoked, court), trust, "p")
    assert (verdict.exit, Result.FAILED in results(verdict, Number.REVOCATION)) == (INVALID, True)
    silent = {name: content for name, content in pack.members.items() if not name.startswith("revocation/")}
    assert Result.PASSED not in results(judged(packs.container(silent, court), trust, "p"), Number.REVOCATION)


async def test_the_pool_judges_the_same(court: Sealer) -> None:
    """In a process of its own, where it runs out of memory or time alone."""
    pool = SealPool({}, processes=1)
    try:
        content = sealing.basic(court)
        verdict = await pool.verify([("a", content)], trust=[court.root_pem], at=LATER)
        assert verdict == await asyncio.to_thread(judged, content, [court.root_pem], "a")
        with pytest.raises(RuntimeError, match="thread"):  # where it would find every file unreadable
            judged(content, [court.root_pem])
    finally:
        pool.close()


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (documents._script_in_names, "scripts"),
        (documents._script_in_form_field, "scripts"),
        (documents._script_in_xfa, "XFA"),
    ],
)
def test_what_can_show_another_thing_tomorrow_is_told(make: Callable[[], bytes], word: str, court: Sealer) -> None:
    """Whoever seals a script seals what it will show on any day."""
    verdict = judged(sealing.foreign(court, make(), "A"), [court.root_pem])
    assert verdict.exit == VALID
    cautions = [one.says.en for one in verdict.steps if one.result is Result.NOT_CHECKED and word in one.says.en]
    assert cautions
    plain = judged(sealing.basic(court), [court.root_pem])
    assert not any(one.number is Number.BYTES and one.result is Result.NOT_CHECKED for one in plain.steps)


def test_a_proof_by_itself_tells_what_its_evidence_states(pack: packs.Pack, court: Sealer) -> None:
    verdict = judged(pack.members["proof.pdf"], [court.root_pem], "proof.pdf")
    assert verdict.exit == VALID
    stated = [one.says.en for one in verdict.steps if "states" in one.says.en]
    assert any("served" in one and "传票" in one for one in stated), stated
    assert any("corrected proof" in one.says.en for one in verdict.steps)
    assert not any("states" in one.says.en for one in judged(pack.members["proof.pdf"], [], "p").steps)


def test_the_evidence_in_a_proof_is_judged_for_the_time_that_its_seal_proves(authority: Clock) -> None:
    ended = sealer("示例市滨江区人民法院", not_after=AT + timedelta(days=3))
    evidence_xml = packs.honest(ended, authority).members["evidence.xml"]
    plain = proof.render_proof(PLAIN, evidence_xml)
    trust = [ended.root_pem, authority.root_pem]
    stamped = judged(sealing.stamped(ended, authority, plain), trust)
    assert (stamped.exit, faults(stamped)) == (VALID, [])
    assert judged(sealing.basic(ended, plain), trust).exit == INVALID


def test_evidence_of_a_stranger_in_a_courts_pdf(court: Sealer, stranger: Sealer, authority: Clock) -> None:
    """The court sealed the pages; what is attached speaks in another's name."""
    foreign = packs.honest(stranger, authority).members["evidence.xml"]
    verdict = judged(packs.proof_with(foreign, court), [court.root_pem])
    assert verdict.exit == INVALID
    assert any("evidence's seal" in one for one in faults(verdict))
