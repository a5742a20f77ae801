"""Revocation data of the authorities of archive timestamps: added at the next renewal, under its timestamp."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.counterparts.tsa import TsaKeys, make_keys
from signing import renewal
from signing.pack import with_seal_timestamp
from signing.verify import INVALID, VALID, Number, Result, Verdict, verify
from tests.signing import containers
from tests.signing.test_pack_seal_time import imprint
from tests.signing.test_renewal import NOW, SECOND, THIRD, YEAR, authority, failed, renewed
from tests.signing.verifying import packs
from tests.signing.verifying.pki import AT, Clock, sealer

LIST = "META-INF/revocation002-1.crl"
COURT = sealer("示例市滨江区人民法院", not_after=AT + 5 * YEAR)
FIRST, THE_THIRD = authority("甲", AT - YEAR, 6), authority("丙", THIRD - YEAR, 9)
ROOT_KEY = ec.generate_private_key(ec.SECP256R1())


def issued_by(keys: TsaKeys, key: ec.EllipticCurvePrivateKey) -> TsaKeys:
    """The same authority under the same root's name, with a key of the root that we know."""
    taken = (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)
    found = []
    for one, own in ((keys.root, key.public_key()), (keys.certificate, keys.key.public_key())):
        builder = x509.CertificateBuilder(one.issuer, one.subject, own, one.serial_number)
        builder = builder.not_valid_before(one.not_valid_before_utc).not_valid_after(one.not_valid_after_utc)
        for extension in one.extensions:
            if not isinstance(extension.value, taken):
                builder = builder.add_extension(extension.value, extension.critical)
        found.append(builder.sign(key, hashes.SHA256()))
    return replace(keys, root=found[0], certificate=found[1])


SECOND_KEYS = issued_by(make_keys("乙", SECOND - YEAR, life=7 * YEAR), ROOT_KEY)
THE_SECOND = Clock(SECOND_KEYS)
TRUST = [COURT.root_pem, FIRST.root_pem, THE_SECOND.root_pem, THE_THIRD.root_pem]


def revocations(at: datetime, revoked_at: datetime | None = None) -> bytes:
    """The list of the second authority's issuer, of that time."""
    builder = x509.CertificateRevocationListBuilder(SECOND_KEYS.root.subject, at, at + timedelta(days=60))
    if revoked_at is not None:
        entry = x509.RevokedCertificateBuilder(SECOND_KEYS.certificate.serial_number, revoked_at)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(ROOT_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.fixture(scope="module")
def once() -> bytes:
    return renewed(packs.honest(COURT, FIRST).sealed(COURT, FIRST), THE_SECOND, SECOND)


def twice(once: bytes, *lists: bytes) -> bytes:
    half = renewal.prepared(once, crls=lists)
    return renewal.renewed(half, THE_THIRD.token(half.imprint, THIRD))


def judged(pack: bytes) -> Verdict:
    return verify([("pack.asice", pack)], trust=TRUST, at=NOW)


def test_the_last_tokens_are_those_that_nothing_covers_yet(once: bytes) -> None:
    plain = packs.honest(COURT, FIRST).sealed(COURT)
    assert renewal.last_tokens(plain) == ()
    token = FIRST.token(imprint(plain), AT)
    assert renewal.last_tokens(with_seal_timestamp(plain, token)) == (token,)
    assert renewal.last_tokens(once) == (packs.unzipped(once)["META-INF/timestamp001.tst"],)


def test_it_is_shown_that_an_authority_was_alive(once: bytes) -> None:
    pack = twice(once, revocations(THIRD - timedelta(days=1)))
    assert LIST in packs.unzipped(pack)
    verdict = judged(pack)
    assert (verdict.exit, failed(verdict)) == (VALID, [])
    part = "pack.asice · META-INF/ASiCArchiveManifest001.xml"
    (told,) = [step for step in verdict.steps if step.number is Number.REVOCATION and step.part == part]
    assert (told.result, "“乙” alive" in told.says.en) == (Result.PASSED, True)
    without = judged(twice(once))
    assert not [step for step in without.steps if step.number is Number.REVOCATION and step.part == part]


def test_an_authority_that_was_revoked_before_the_renewal_proves_nothing(once: bytes) -> None:
    gone = revocations(THIRD - timedelta(days=1), revoked_at=THIRD - timedelta(days=9))
    verdict = judged(twice(once, gone))
    assert verdict.exit == INVALID
    assert any("the authority of time was revoked" in fault for fault in failed(verdict)), failed(verdict)


def test_what_the_pack_has_is_not_added_again(once: bytes) -> None:
    (held,) = [one for name, one in packs.unzipped(once).items() if name.startswith("revocation/")]
    assert not [name for name in packs.unzipped(twice(once, held)) if name.startswith("META-INF/revocation")]


def test_what_was_added_is_under_the_next_timestamp(once: bytes) -> None:
    members = packs.unzipped(twice(once, revocations(THIRD - timedelta(days=1))))
    other = revocations(THIRD - timedelta(days=2))
    for changed in (
        members | {LIST: other},
        {name: one for name, one in members.items() if name != LIST},
        {LIST.replace("002", "001") if name == LIST else name: one for name, one in members.items()},
        members | {LIST.replace("002", "003"): other},
        members | {LIST.replace("-1", "-2"): other},
    ):
        verdict = judged(packs.zipped(changed.items()))
        assert verdict.exit == INVALID
        assert any(fault.startswith("RENEWAL") for fault in failed(verdict))


def test_libdigidocpp_and_xmlsec1_take_it_as_before(once: bytes, tmp_path: Path) -> None:
    pack = twice(once, revocations(THIRD - timedelta(days=1)))
    verdict = containers.digidoc(pack, tmp_path)
    assert (verdict.signatures, verdict.faults) == (1, ())
    folder = containers.unpacked(pack, tmp_path / "all")
    accepted, words = containers.xmlsec_accepts(folder, COURT.root_pem, f"{AT:%Y-%m-%d %H:%M:%S}")
    assert accepted, words
