"""Who is believed, and for what: what the caller brings, and nothing that the file says of itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from adapters.counterparts.tsa import TsaKeys
from signing import notes
from signing.verify import CANNOT_TELL, INVALID, VALID, NoCheckpoint, Number, Result, Says, Verdict, summary, verify
from tests.signing import naive
from tests.signing.verifying import packs, pki, sealing
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer


def said(verdict: Verdict, number: Number) -> dict[Result, list[str]]:
    return {
        result: [step.says.en for step in verdict.steps if step.number is number and step.result is result]
        for result in Result
    }


def issuing_to_all() -> tuple[Clock, Sealer]:
    """An authority of time whose root issues to anybody, and a man who has a certificate of that root in the court's
    name.
    """
    man, key = pki.sealer("示例市滨江区人民法院"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "时间戳机构")])
    begun = pki.begun(name, man.root.subject, key, (AT - timedelta(days=9), LATER + timedelta(days=900)))
    begun = begun.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    begun = begun.add_extension(pki.usage(issues=False), critical=True)
    certificate = begun.sign(man.root_key, hashes.SHA256())
    return Clock(TsaKeys(key=key, certificate=certificate, root=man.root)), man


def test_who_is_believed_for_time_alone_seals_nothing(court: Sealer) -> None:
    authority, man = issuing_to_all()
    honest, forged = sealing.stamped(court, authority), sealing.basic(man)
    both, apart = [court.root_pem, authority.root_pem], {"trust": [court.root_pem], "trust_time": [authority.root_pem]}
    assert verify([("x", forged)], trust=both, at=LATER).exit == VALID  # he said that he believes that root for all
    assert verify([("x", forged)], **apart, at=LATER).exit == INVALID
    verdict = verify([("x", honest)], **apart, at=LATER)
    assert (verdict.exit, said(verdict, Number.TIME)[Result.NOT_CHECKED]) == (VALID, [])
    assert verify([("x", honest)], trust_time=[authority.root_pem], at=LATER).exit == CANNOT_TELL


@pytest.mark.parametrize("held", [b"", b"hello", b"\xff", b"a\n1\nAAAA\n\nb\n"])
def test_a_checkpoint_that_is_none_is_an_error_of_the_caller(held: bytes, court: Sealer) -> None:
    with pytest.raises(NoCheckpoint):
        verify([("x", sealing.basic(court))], trust=[court.root_pem], checkpoint=held, at=LATER)


def test_strangers_who_sign_the_checkpoint_count_for_nothing(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    """A witness is believed by whoever has his key; here nobody has, and that is said."""
    stranger = packs.Log("witness.example/w")
    log, entries = pack.log, pack.log.entries
    text = notes.Checkpoint(log.origin, len(entries), naive.mth(entries)).text() + "an extension line\n"
    note = notes.sign_note(text, log.key, log.secret.sign)
    note += notes.sign_note(text, stranger.key, stranger.secret.sign).split(b"\n\n", 1)[1]
    members = {
        **pack.members,
        "ledger/checkpoint": note,
        "timestamps/1.tsr": authority.over(note, AT + timedelta(hours=1)),
    }
    verdict = verify([("p", packs.container(members, court))], trust=[court.root_pem, authority.root_pem], at=LATER)
    found = said(verdict, Number.CHECKPOINT)
    assert verdict.exit == VALID
    assert found[Result.FAILED] == []
    assert any("witness.example/w" in one for one in found[Result.NOT_CHECKED])
    assert not any("witness" in one for one in found[Result.PASSED])


def test_the_key_of_the_log_in_the_pack_proves_nothing(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    trust = [court.root_pem, authority.root_pem]
    alone = verify([("p", pack.sealed(court))], trust=trust, at=LATER)
    held = verify([("p", pack.sealed(court))], trust=trust, checkpoint=pack.log.checkpoint(), at=LATER)

    def proven(verdict: Verdict) -> list[str]:
        return [
            one.en for one in summary(verdict)[Result.PASSED] if "checkpoint that you hold" in one.en or "key" in one.en
        ]

    assert proven(alone) == []
    assert proven(held) == ["of one log with the checkpoint that you hold"]


def test_what_failed_is_told_with_its_part(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    whole = packs.unzipped(pack.sealed(court))
    spoilt = packs.zipped({**whole, "receipts/1.bin": b"id:1 stat:UNDELIV"}.items())
    verdict = verify([("p", spoilt)], trust=[court.root_pem, authority.root_pem], at=LATER)
    failed: tuple[Says, ...] = summary(verdict)[Result.FAILED]
    assert any("receipts/1.bin" in one.zh and "receipts/1.bin" in one.en for one in failed)


def test_an_issuer_that_changed_its_key_is_no_forger(court: Sealer, authority: Clock) -> None:
    """The authority's new root has the old name. What the old one stamped is not proven by it, and is not forged."""
    successor = pki.clock()
    assert successor.keys.root.subject == authority.keys.root.subject
    verdict = verify([("x", sealing.stamped(court, authority))], trust=[court.root_pem, successor.root_pem], at=LATER)
    found = said(verdict, Number.TIME)
    assert (verdict.exit, found[Result.PASSED], len(found[Result.NOT_CHECKED])) == (VALID, [], 1)
