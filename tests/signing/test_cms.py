"""The signature container, judged by OpenSSL and by the rules of its encoding."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms

from signing.cms import CmsSigner
from signing.file_signer import PemKey
from signing.keys import OpenedKeys
from tests import servers

DATA = b"what was served"


@pytest.fixture
def signer(keys: OpenedKeys) -> CmsSigner:
    return CmsSigner(PemKey(keys.private_key_pem, keys.certificate_pem)())


@pytest.mark.parametrize(("given", "accepted"), [(DATA, True), (DATA + b"!", False)])
def test_openssl_judges_it(given: bytes, accepted: bool, signer: CmsSigner, keys: OpenedKeys, tmp_path: Path) -> None:
    (tmp_path / "signature.der").write_bytes(signer.sign(hashlib.sha256(DATA).digest()))
    (tmp_path / "data").write_bytes(given)
    (tmp_path / "seal.pem").write_bytes(keys.certificate_pem)
    command = [servers.debian("openssl", "openssl"), "cms", "-verify", "-binary", "-inform", "DER", "-cades"]
    command += [
        "-in",
        "signature.der",
        "-content",
        "data",
        "-CAfile",
        "seal.pem",
        "-purpose",
        "any",
        "-out",
        "/dev/null",
    ]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (answer.returncode == 0) == accepted, answer.stderr


def test_it_carries_what_cades_asks_for_and_no_signing_time(signer: CmsSigner) -> None:
    """ETSI EN 319 142-1 §6.3: PAdES keeps the signing time in the PDF, not in the container."""
    signed = cms.ContentInfo.load(signer.sign(hashlib.sha256(DATA).digest()), strict=True)["content"]
    (info,) = signed["signer_infos"]
    names = {attribute["type"].native for attribute in info["signed_attrs"]}
    assert names == {"content_type", "message_digest", "signing_certificate_v2", "cms_algorithm_protection"}
    assert signed["encap_content_info"]["content"].native is None


def test_its_sets_are_in_der_order(signer: CmsSigner) -> None:
    """X.690 §11.6: a validator that encodes them anew must come to the bytes that were signed."""
    signed = cms.ContentInfo.load(signer.sign(hashlib.sha256(DATA).digest()))["content"]
    for members in (signed["signer_infos"][0]["signed_attrs"], signed["certificates"]):
        encoded = [member.dump() for member in members]
        assert encoded == sorted(encoded)
