"""The sealed evidence: valid after its schema, accepted by xmlsec1 and signxml, broken by any change."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from signxml.xades import XAdESSignatureConfiguration, XAdESVerifier

from signing import xades
from signing.errors import EvidenceNotWritten, SigningError
from signing.evidence import Node, explanation_of, schema_text, sealed_evidence
from signing.file_signer import FileSigner, PemKey, make_log_key, open_log_key
from signing.keys import OpenedKeys
from tests import servers
from tests.signing.conftest import AT, PASSWORD

AT_TEXT = "2025-09-16T09:00:00+08:00"
EVENT = Node(
    "Event",
    (
        ("number", "1"),
        ("event", "http://uri.etsi.org/19522/Event/ContentConsignment"),
        ("kind", "arrived"),
        ("at", AT_TEXT),
        ("recordedAt", AT_TEXT),
    ),
    (Node("Words", (("code", "2.0.0"),), text="queued <as> 77 & more"),),
)
EFFECT = Node(
    "Effect",
    (("document", "d1"), ("outcome", "served"), ("effectiveDate", "2025-09-16"), ("rule", "R5")),
    (Node("Ground", text="OLR 31(2)"), Node("Explanation", (("lang", "zh"),), text="到达即送达")),
)


def evidence(event: Node = EVENT) -> Node:
    document = (("id", "d1"), ("type", "summons"), ("mediaType", "application/pdf"), ("pages", "1"))
    digests = (("filedSha256", "0" * 64), ("sealedSha256", "1" * 64), ("sealedAt", AT_TEXT))
    return Node(
        "Evidence",
        (("version", "1"), ("id", "E1")),
        (
            Node("Proof", (("number", "P1"), ("issuedAt", AT_TEXT), ("replaces", None))),
            Node("Issuer", (("court", "632801"),), text="格尔木市人民法院"),
            Node("Case", (("number", "123"), ("kind", "civil"), ("procedure", "ordinary"), ("stage", "retrial"))),
            Node("Delivery", (("id", "D1"), ("submission", "S1"))),
            Node("Recipient", (("id", "r1"), ("role", "defendant"), ("kind", "natural_person")), (Node("Name"),)),
            Node("Documents", children=(Node("Document", (*document, *digests), (Node("Title", text="传票"),)),)),
            Node("Events", children=(event,)),
            Node("Effects", children=(EFFECT,)),
            Node(
                "Rulebook",
                (("name", "cn"), ("version", "2025-1")),
                (Node("File", (("name", "a.toml"), ("sha256", "2" * 64))),),
            ),
        ),
    )


@pytest.fixture(scope="session")
def signer(keys: OpenedKeys) -> FileSigner:
    return PemKey(keys.private_key_pem, keys.certificate_pem)()


@pytest.fixture(scope="session")
def sealed(signer: FileSigner) -> bytes:
    return sealed_evidence(evidence(), signer, at=AT)


def anchor_pem(signer: FileSigner) -> bytes:
    return x509.load_der_x509_certificate(signer.chain[-1]).public_bytes(serialization.Encoding.PEM)


def xmlsec(content: bytes, signer: FileSigner, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """What xmlsec1 says of a signed file that lies in `folder`."""
    program = servers.debian("xmlsec1", "xmlsec1")
    (folder / "ca.pem").write_bytes(anchor_pem(signer))
    (folder / "signed.xml").write_bytes(content)
    words: Sequence[str | Path] = (
        program,
        "--verify",
        *("--trusted-pem", "ca.pem", "--id-attr:Id", "SignedProperties", "--verification-time", "2026-03-04 10:00:00"),
        *more,
        "signed.xml",
    )
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_xmlsec1_accepts_it_and_both_its_references(sealed: bytes, signer: FileSigner, tmp_path: Path) -> None:
    answer = xmlsec(sealed, signer, tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "SignedInfo References (ok/all): 2/2" in answer.stderr


@pytest.mark.parametrize("old", [b"served", b"queued", b"2026-03-04", "传票".encode()])
def test_xmlsec1_sees_a_change(sealed: bytes, signer: FileSigner, tmp_path: Path, old: bytes) -> None:
    assert xmlsec(sealed.replace(old, old[:-1] + b"6", 1), signer, tmp_path).returncode != 0


def test_signxml_accepts_it_as_xades(sealed: bytes, signer: FileSigner) -> None:
    expected = XAdESSignatureConfiguration(expect_references=2)
    anchor = x509.load_der_x509_certificate(signer.chain[0])
    first = XAdESVerifier().verify(sealed, x509_cert=anchor, expect_config=expected)[0]
    assert first.signed_xml is not None
    assert first.signed_xml.tag == "{urn:songda:evidence:1}Evidence"


def test_the_published_schema_is_the_one_that_is_used(sealed: bytes) -> None:
    published = servers.PROJECT / "docs" / "schemas" / "evidence-1.xsd"
    assert published.read_bytes() == schema_text()
    etree.XMLSchema(etree.fromstring(published.read_bytes())).assertValid(etree.fromstring(sealed))


def test_equal_content_differs_by_its_signature_value_alone(signer: FileSigner) -> None:
    one, two = (sealed_evidence(evidence(), signer, at=AT) for _ in range(2))
    cut = [
        text[: text.index(b"<ds:SignatureValue")] + text[text.index(b"</ds:SignatureValue") :] for text in (one, two)
    ]
    assert cut[0] == cut[1]


@pytest.mark.parametrize(
    "wrong",
    [
        replace(EVENT, name="Ereignis"),
        replace(EVENT, attributes=(*EVENT.attributes[:3], ("at", "2025-09-16T09:00:00"), ("recordedAt", AT_TEXT))),
        replace(EVENT, attributes=EVENT.attributes[1:]),
    ],
)
def test_what_does_not_fit_the_schema_is_not_sealed(signer: FileSigner, wrong: Node) -> None:
    with pytest.raises(EvidenceNotWritten):
        sealed_evidence(evidence(wrong), signer, at=AT)


@given(words=st.text(max_size=40), code=st.text(max_size=10))
def test_whatever_a_provider_says_can_be_written_and_read(keys: OpenedKeys, words: str, code: str) -> None:
    signer = PemKey(keys.private_key_pem, keys.certificate_pem)()
    event = replace(EVENT, children=(Node("Words", (("code", code),), text=words),))
    assert explanation_of(sealed_evidence(evidence(event), signer, at=AT))["proof"] == "P1"


def test_it_explains_itself(sealed: bytes) -> None:
    said = explanation_of(sealed)
    assert said["rulebook"] == {"name": "cn", "version": "2025-1", "sha256": {"a.toml": "2" * 64}}
    (effect,) = said["documents"]
    assert (effect["document"], effect["effectiveDate"], effect["grounds"]) == ("d1", "2025-09-16", ["OLR 31(2)"])
    assert (effect["explanation_zh"], effect["explanation"]) == ("到达即送达", "")


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"<Evidence/>",
        b"<!DOCTYPE Evidence [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><Evidence>&a;</Evidence>",
    ],
)
def test_what_is_no_evidence_is_refused(foreign: bytes) -> None:
    with pytest.raises(ValueError, match="evidence should"):
        explanation_of(foreign)


def test_a_document_type_is_refused_on_evidence_that_fits(sealed: bytes) -> None:
    head, _, rest = sealed.partition(b"?>")
    with pytest.raises(ValueError, match="evidence should"):
        explanation_of(head + b"?><!DOCTYPE Evidence [<!ENTITY a 'x'>]>" + rest)


def test_a_timestamp_goes_beside_what_is_signed(sealed: bytes, signer: FileSigner, tmp_path: Path) -> None:
    root = etree.fromstring(sealed)
    signature = root[-1]
    before = xades.timestamp_imprint(signature)
    xades.add_timestamp(signature, b"token")
    stamped = etree.tostring(root)
    assert xades.timestamp_imprint(etree.fromstring(stamped)[-1]) == before
    assert xmlsec(stamped, signer, tmp_path).returncode == 0


def test_an_ed25519_key_cannot_seal_xml() -> None:
    log_key = open_log_key(make_log_key(PASSWORD), PASSWORD)
    with pytest.raises(SigningError, match="ed25519"):
        sealed_evidence(evidence(), log_key, at=AT)
