"""What the fuzzer found, each as small as it can be told: refused by the name that the module documents."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from asn1crypto import cms, pem
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from signing import certificates, keys, pdf, renewal, revocation, timestamp
from signing.errors import KeyFileUnreadable, SigningError
from signing.levels import containers
from signing.revocation import Fault, Kind, RevocationWrong
from signing.verify import VALID, verify
from signing.verifying import cms as cms_rules
from signing.verifying import national
from signing.verifying.trust import NoCertificate, trusting
from tests.fuzz import outside, packs
from tests.fuzz.outside import PASSWORD, key_files
from tests.fuzz.structures import Value, values
from tests.fuzz.targets import IMPRINT, people
from tests.signing import documents
from tests.signing.authorities import AT
from tests.signing.test_national import SIGNED, SIGNER
from tests.signing.verifying import sealing
from tests.signing.verifying.packs import unzipped, zipped
from tests.signing.verifying.pki import LATER, clock

P256, UNKNOWN_CURVE = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a0848ce3d030107")
COUNTRY, UNREADABLE = b"\x13\x02CN", b"\x93\x02CN"


def pem_with(change: Callable[[bytes], bytes], content: bytes) -> bytes:
    """A key file whose first certificate was changed."""
    (own, *_) = x509.load_pem_x509_certificates(content)
    changed = pem.armor("CERTIFICATE", change(own.public_bytes(serialization.Encoding.DER)))
    return content.replace(own.public_bytes(serialization.Encoding.PEM), changed)


def without_a_curve(certificate: bytes) -> bytes:
    return certificate.replace(P256, UNKNOWN_CURVE)


def without_a_point(certificate: bytes) -> bytes:
    at = certificate.index(b"\x03\x42\x00\x04") + 10
    return certificate[:at] + bytes(20) + certificate[at + 20 :]


def of_no_version(certificate: bytes) -> bytes:
    return certificate.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)


def with_a_bit_string(certificate: bytes) -> bytes:
    return certificate.replace(COUNTRY, b"\x03\x02\x00N")


def test_an_issuer_with_a_key_of_an_unknown_curve() -> None:
    own, issuer = outside.world().chain("seal")
    with pytest.raises(RevocationWrong) as wrong:
        revocation.judged(Kind.CRL, outside.world().listed, own, without_a_curve(issuer), AT)
    assert wrong.value.fault is Fault.SIGNATURE


def test_a_list_of_an_issuer_whose_name_is_empty() -> None:
    own, issuer = outside.world().chain("seal")
    named, empty = bytes.fromhex("310b3009060355040613 02434e"), bytes.fromhex("3100 3109300706035504061300")
    with pytest.raises(RevocationWrong) as wrong:
        revocation.judged(Kind.CRL, outside.world().listed.replace(named, empty), own, issuer, AT)
    assert wrong.value.fault is Fault.UNREADABLE


def test_an_authority_with_a_key_of_an_unknown_curve() -> None:
    authority = clock()
    token = authority.over(b"x")
    own = authority.certificates[0]
    changed = token.replace(own, without_a_curve(own)).replace(_sha256(own), _sha256(without_a_curve(own)))
    with pytest.raises(timestamp.TimestampWrong) as wrong:
        timestamp.check(changed, imprint=IMPRINT, trust=[authority.certificates[1]])
    assert wrong.value.fault is timestamp.Fault.ALGORITHM


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.mark.parametrize("change", [with_a_bit_string, of_no_version, lambda one: one.replace(COUNTRY, UNREADABLE)])
def test_a_certificate_that_breaks_inside(change: Callable[[bytes], bytes]) -> None:
    broken = change(outside.world().certificates["seal"])
    with pytest.raises(ValueError, match=r"."):
        certificates.parsed(broken)
    with pytest.raises(KeyFileUnreadable):
        certificates.key_facts(broken)
    with pytest.raises(KeyFileUnreadable):
        certificates.pem_chain(pem.armor("CERTIFICATE", broken))


def test_a_trusted_certificate_that_breaks_inside() -> None:
    broken = outside.world().certificates["root"].replace(COUNTRY, b"\x30\x02CN")
    with pytest.raises(NoCertificate):
        trusting([broken], AT)


@pytest.mark.parametrize("change", [without_a_point, without_a_curve, of_no_version])
def test_a_key_file_whose_certificate_has_no_key(change: Callable[[bytes], bytes]) -> None:
    broken = pem_with(change, key_files()[0])
    assert broken != key_files()[0]
    with pytest.raises(KeyFileUnreadable):
        keys.open_signer(broken, PASSWORD)


@pytest.mark.parametrize("name", [b"\xcb\xce\xcc\xe5", "宋体".encode()], ids=["GBK", "UTF-8"])
def test_a_name_in_bytes_beyond_ascii_is_read_in_every_revision(name: bytes) -> None:
    court, authority, _, _ = people()
    letter = documents.reportlab_letter(3).replace(b"Helvetica", name.ljust(9, b"i"), 1)
    roomy = sealing.stamped(court, authority, letter)
    whole = pdf.with_validation_data(roomy, [*court.chain, *authority.certificates], [], [court.revocations()])
    archived = sealing.archived(court, authority, whole)
    assert verify([("a.pdf", archived)], trust=[court.root_pem, authority.root_pem], at=LATER).exit == VALID


def test_a_field_that_the_form_does_not_list_is_no_reason_to_warn_where_a_document_is_repaired() -> None:
    letter = documents.reportlab_letter(3).replace(b"/Type /Page\n", b"/Type /Page /Annots [<< /Subtype /Widget >>]\n")
    assert pdf._rewritten(letter)


@pytest.mark.parametrize("tag", [0x0C, 0x13, 0x24, 0x80])
def test_the_certificate_of_an_electronic_seal_is_an_octet_string(tag: int) -> None:
    certificate = SIGNER.chain[0]
    at = SIGNED.rindex(certificate) - 4
    assert SIGNED[at] == 0x04
    with pytest.raises(ValueError, match="octet string"):
        national._read(SIGNED[:at] + bytes([tag]) + SIGNED[at + 1 :])


@pytest.mark.parametrize("where", ["container", "signed data", "algorithm", "signers", "signer", "its name"])
def test_nothing_stands_behind_what_is_read_of_a_seal(where: str) -> None:
    court, _, _, _ = people()
    (info,) = values(containers(sealing.basic(court))[0])
    signed = below(info, 1, 0)
    signer = below(signed, 4, 0)
    holders = {
        "container": below(info, 1), "signed data": signed, "signers": below(signed, 1),
        "algorithm": below(signed, 1, 0), "signer": signer, "its name": below(signer, 1),
    }  # fmt: skip
    good = info.encoded()
    anchors = trusting([court.root_pem], AT).anchors
    assert list(cms_rules.faults(good, anchors)) == []
    row = holders[where].content
    assert isinstance(row, list)
    row.append(row[-1])
    assert list(cms_rules.faults(info.encoded(), anchors)) != []


def below(value: Value, *path: int) -> Value:
    for at in path:
        assert isinstance(value.content, list)
        value = value.content[at]
    return value


def test_an_archive_token_without_a_content() -> None:
    half = renewal.prepared(packs.world().young)
    token = packs.world().second.token(half.imprint)
    said = bytes(cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"])
    with pytest.raises(SigningError):
        renewal.renewed(half, token.replace(said, b"\x31" + said[1:]))


def test_a_pack_with_a_key_that_signs_nothing_is_due() -> None:
    members = unzipped(packs.world().young)
    ec, diffie_hellman = bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3e0201")
    token = members["timestamps/1.tsr"].replace(ec, diffie_hellman)
    found = renewal.weakens(zipped({**members, "timestamps/1.tsr": token}.items()))
    assert found is not None
    assert "timestamps/1.tsr" in found.why


@pytest.mark.parametrize("evidence", [b"<?xml version='1.0'?><a/>", b"no xml"])
def test_a_pack_whose_evidence_cannot_be_read_is_due(evidence: bytes) -> None:
    members = unzipped(packs.world().young)
    found = renewal.weakens(zipped({**members, "evidence.xml": evidence}.items()))
    assert found is not None
    assert "evidence.xml" in found.why
