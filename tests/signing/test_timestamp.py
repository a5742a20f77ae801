"""Timestamps: what three makers' authorities answer is accepted, and each thing that may be wrong is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import algos, cms, tsp
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.counterparts.tsa import POLICY, TsaCounterpart, TsaKeys, make_keys
from signing import timestamp
from signing.timestamp import Fault, TimestampWrong
from tests.signing.authorities import (
    AT,
    IMPRINT,
    NONCE,
    authority,
    certomancer,
    der,
    keys_for,
    openssl_answer,
    openssl_verifies,
)

KEYS = make_keys("练习时间戳机构", AT)
ROOT = der(KEYS.root)
QUESTION = timestamp.query(IMPRINT, NONCE, None)


def judged(response: bytes, keys: TsaKeys = KEYS, *, nonce: int = NONCE, policy: str | None = None) -> timestamp.Token:
    return timestamp.token_of(response, imprint=IMPRINT, nonce=nonce, trust=[der(keys.root)], policy=policy)


def fault(response: bytes, keys: TsaKeys = KEYS, *, nonce: int = NONCE, policy: str | None = None) -> Fault:
    with pytest.raises(TimestampWrong) as wrong:
        judged(response, keys, nonce=nonce, policy=policy)
    return wrong.value.fault


def test_a_token_tells_its_time_its_policy_and_its_authority() -> None:
    token = judged(authority(keys=KEYS).respond(QUESTION))
    assert (token.at, token.accuracy, token.policy) == (AT, timedelta(seconds=1), POLICY)
    assert (token.authority, token.imprint) == ("练习时间戳机构", IMPRINT)
    assert timestamp.check(token.der, imprint=IMPRINT, trust=[ROOT]) == token == timestamp.read(token.der)


def test_openssl_reads_our_question_and_accepts_the_counterparts_tokens(tmp_path: Path) -> None:
    question = timestamp.query(IMPRINT, NONCE, POLICY)
    there = authority(keys=KEYS)
    answer = there.respond(question)
    assert openssl_verifies(tmp_path, question, answer, there.root_pem, AT)
    other = timestamp.query(IMPRINT, NONCE + 1, POLICY)
    assert not openssl_verifies(tmp_path, other, answer, there.root_pem, AT)


@pytest.mark.parametrize("ess", ["sha1", "sha256", "sha512"])
def test_what_openssl_answers_is_accepted(tmp_path: Path, ess: str) -> None:
    """Certificate identifiers of version 1 (sha1) and 2."""
    now = datetime(2020, 1, 1, tzinfo=UTC)
    keys = make_keys("openssl", now, life=timedelta(days=36_500))
    token = judged(openssl_answer(tmp_path, QUESTION, keys, ess=ess), keys, policy="1.2.3.4.5")
    assert token.accuracy == timedelta(seconds=1, milliseconds=500, microseconds=100)


def test_what_certomancer_answers_is_accepted(tmp_path: Path) -> None:
    """An RSA authority, its certificate named by version 1."""
    there = certomancer(tmp_path).get_pki_arch("court")
    stamper = there.service_registry.summon_timestamper("tsa", AT)
    answer = stamper.request_tsa_response(tsp.TimeStampReq.load(QUESTION)).dump()
    root = there.get_cert("root").dump()
    token = timestamp.token_of(answer, imprint=IMPRINT, nonce=NONCE, trust=[root])
    assert (token.at, token.authority) == (AT, "Test Authority")


def test_an_rsa_key_of_1024_bits_is_refused_by_name(tmp_path: Path) -> None:
    there = certomancer(tmp_path, bits=1024).get_pki_arch("court")
    stamper = there.service_registry.summon_timestamper("tsa", AT)
    answer = stamper.request_tsa_response(tsp.TimeStampReq.load(QUESTION)).dump()
    with pytest.raises(TimestampWrong, match="RSA-1024") as wrong:
        timestamp.token_of(answer, imprint=IMPRINT, nonce=NONCE, trust=[there.get_cert("root").dump()])
    assert wrong.value.fault is Fault.ALGORITHM


def test_a_pinned_certificate_needs_no_root() -> None:
    answer = authority(keys=KEYS).respond(QUESTION)
    own = der(KEYS.certificate)
    assert timestamp.token_of(answer, imprint=IMPRINT, nonce=NONCE, trust=[own]).at == AT
    late = authority(AT + timedelta(days=4000), KEYS).respond(QUESTION)
    with pytest.raises(TimestampWrong) as wrong:
        timestamp.token_of(late, imprint=IMPRINT, nonce=NONCE, trust=[own])
    assert wrong.value.fault is Fault.CHAIN


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (timestamp.query(bytes(32), NONCE, None), Fault.IMPRINT),
        (timestamp.query(IMPRINT, NONCE + 1, None), Fault.NONCE),
        (tsp.TimeStampReq({**tsp.TimeStampReq.load(QUESTION).native, "nonce": None}).dump(), Fault.NONCE),
        (tsp.TimeStampReq({**tsp.TimeStampReq.load(QUESTION).native, "cert_req": False}).dump(), Fault.UNREADABLE),
        (b"\x30\x00", Fault.REJECTED),
        (timestamp.query(IMPRINT, NONCE, "1.2.3"), Fault.REJECTED),
    ],
    ids=["imprint", "nonce", "no nonce", "no certificate", "unreadable question", "foreign policy"],
)
def test_an_answer_to_another_question_is_refused(question: bytes, expected: Fault) -> None:
    assert fault(authority(keys=KEYS).respond(question)) is expected


def test_another_policy_than_the_one_asked_for_is_refused() -> None:
    assert fault(authority(keys=KEYS).respond(QUESTION), policy="1.2.3") is Fault.POLICY


def test_a_rejection_tells_the_authoritys_reason() -> None:
    with pytest.raises(TimestampWrong, match="rejection unaccepted_policy"):
        judged(authority(keys=KEYS).respond(timestamp.query(IMPRINT, NONCE, "1.2.3")))


@pytest.mark.parametrize(
    ("purposes", "critical"),
    [
        ((), True),
        ((ExtendedKeyUsageOID.TIME_STAMPING,), False),
        ((ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING), True),
        ((ExtendedKeyUsageOID.CLIENT_AUTH,), True),
    ],
    ids=["none", "not critical", "not alone", "another"],
)
def test_a_certificate_for_other_purposes_stamps_nothing(purposes: tuple[object, ...], critical: bool) -> None:
    keys = keys_for(purposes, critical=critical)  # type: ignore[arg-type]
    assert fault(authority(keys=keys).respond(QUESTION), keys) is Fault.PURPOSE


def test_the_right_purpose_alone_is_enough() -> None:
    keys = keys_for()
    assert judged(authority(keys=keys).respond(QUESTION), keys).authority == "Odd Authority"


@pytest.mark.parametrize("days", [-2, 400])
def test_a_certificate_that_was_not_valid_at_the_tokens_time_is_refused(days: int) -> None:
    keys = keys_for()
    assert fault(authority(AT + timedelta(days=days), keys).respond(QUESTION), keys) is Fault.CHAIN


def test_a_root_that_may_not_issue_and_a_foreign_root_are_refused() -> None:
    plain = keys_for(issuer_is_ca=False)
    assert fault(authority(keys=plain).respond(QUESTION), plain) is Fault.CHAIN
    assert fault(authority(keys=KEYS).respond(QUESTION), keys_for()) is Fault.CHAIN
    with pytest.raises(TimestampWrong, match="no anchor"):
        timestamp.token_of(authority(keys=KEYS).respond(QUESTION), imprint=IMPRINT, nonce=NONCE, trust=[])


def signed_again(change: str) -> bytes:
    """The authority's own signature over attributes of which one is wrong."""
    response = tsp.TimeStampResp.load(authority(keys=KEYS).respond(QUESTION))
    signer = response["time_stamp_token"]["content"]["signer_infos"][0]
    attributes = [cms.CMSAttribute.load(one.dump()) for one in signer["signed_attrs"]]
    named = {one["type"].native: one for one in attributes}
    match change:
        case "other certificate":
            other = tsp.SigningCertificateV2({"certs": [tsp.ESSCertIDv2({"cert_hash": bytes(32)})]})
            attributes.remove(named["signing_certificate_v2"])
            attributes.append(cms.CMSAttribute({"type": "signing_certificate_v2", "values": [other]}))
        case "no certificate":
            attributes.remove(named["signing_certificate_v2"])
        case "other digest":
            attributes.remove(named["message_digest"])
            attributes.append(cms.CMSAttribute({"type": "message_digest", "values": [bytes(32)]}))
        case "other type":
            attributes.remove(named["content_type"])
            attributes.append(cms.CMSAttribute({"type": "content_type", "values": ["data"]}))
        case "twice":
            attributes.append(named["message_digest"])
    changed = cms.CMSAttributes(attributes)
    signer["signed_attrs"] = changed
    signer["signature"] = KEYS.key.sign(changed.dump(), ec.ECDSA(hashes.SHA256()))
    return bytes(response.dump(force=True))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("nothing", None),
        ("other certificate", Fault.CERTIFICATE),
        ("no certificate", Fault.SIGNATURE),
        ("other digest", Fault.SIGNATURE),
        ("other type", Fault.SIGNATURE),
        ("twice", Fault.SIGNATURE),
    ],
)
def test_what_was_signed_must_be_this_content_and_this_certificate(change: str, expected: Fault | None) -> None:
    if expected is None:
        judged(signed_again(change))
    else:
        assert fault(signed_again(change)) is expected


def test_a_backdated_token_does_not_hold() -> None:
    token = judged(authority(keys=KEYS).respond(QUESTION)).der
    assert token.count(b"20260304023000Z") == 1
    with pytest.raises(TimestampWrong) as wrong:
        timestamp.check(token.replace(b"20260304023000Z", b"20250304023000Z"), imprint=IMPRINT, trust=[ROOT])
    assert wrong.value.fault is Fault.SIGNATURE


def test_a_time_without_its_zone_is_refused() -> None:
    token = judged(authority(keys=KEYS).respond(QUESTION)).der
    with pytest.raises(TimestampWrong) as wrong:
        timestamp.read(token.replace(b"20260304023000Z", b"202603040230000"))
    assert wrong.value.fault is Fault.TIME


def test_sha1_is_refused_by_name() -> None:
    response = tsp.TimeStampResp.load(authority(keys=KEYS).respond(QUESTION))
    signer = response["time_stamp_token"]["content"]["signer_infos"][0]
    signer["digest_algorithm"] = algos.DigestAlgorithm({"algorithm": "sha1"})
    with pytest.raises(TimestampWrong, match="sha1") as wrong:
        judged(bytes(response.dump(force=True)))
    assert wrong.value.fault is Fault.ALGORITHM


ANSWER = authority(keys=KEYS).respond(QUESTION)


@given(st.integers(0, len(ANSWER) - 1), st.integers(1, 255))
@settings(max_examples=400, deadline=None)
def test_no_changed_byte_passes_unless_it_says_the_same(place: int, change: int) -> None:
    """A change may be of no account (a flag of the status, an unsigned field): then everything told is the same."""
    changed = bytes([*ANSWER[:place], ANSWER[place] ^ change, *ANSWER[place + 1 :]])
    try:
        token = judged(changed)
    except TimestampWrong:
        return
    good = judged(ANSWER)
    assert (token.at, token.imprint, token.policy, token.authority) == (AT, IMPRINT, good.policy, good.authority)


def test_a_certificate_that_says_one_thing_twice_is_refused_by_name() -> None:
    key_usage, purpose = bytes.fromhex("0603551d0f"), bytes.fromhex("0603551d25")
    assert purpose in ANSWER
    assert fault(ANSWER.replace(purpose, key_usage)) is Fault.UNREADABLE


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_name(content: bytes) -> None:
    assert fault(content) in (Fault.UNREADABLE, Fault.REJECTED)


def test_more_than_a_token_can_be_is_not_even_read() -> None:
    assert fault(bytes(timestamp.MAX_RESPONSE + 1)) is Fault.UNREADABLE
    with pytest.raises(ValueError, match="32 bytes"):
        timestamp.query(b"short", NONCE, None)


def test_the_counterpart_hands_out_what_its_users_trust() -> None:
    there: TsaCounterpart = authority(keys=KEYS)
    assert there.root_pem == KEYS.root.public_bytes(serialization.Encoding.PEM)
