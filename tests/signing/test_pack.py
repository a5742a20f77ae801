"""The proof pack: laid out as published, reproducible, accepted by libdigidocpp and xmlsec1, broken by any change."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from signing.evidence import sealed_evidence
from signing.file_signer import FileSigner, PemKey
from signing.keys import OpenedKeys
from signing.pack import LedgerEvent, LedgerPart, NationalSeals, PackContent, RawMessage, Stamp, sealed_pack
from tests.signing.conftest import AT
from tests.signing.containers import digidoc, unpacked, xmlsec_accepts
from tests.signing.test_evidence import anchor_pem, evidence

MOMENT = "2026-03-04 10:00:00"


@pytest.fixture(scope="module")
def signer(keys: OpenedKeys) -> FileSigner:
    return PemKey(keys.private_key_pem, keys.certificate_pem)()


@pytest.fixture(scope="module")
def content(signer: FileSigner) -> PackContent:
    receipt = RawMessage("r1", "email", AT, b"\x00raw", {"from": "邮局"}, event=4)
    leaf = LedgerEvent(7, b"\x01" * 16, '{"delivery":"D1"}', (b"\x02" * 32,))
    return PackContent(
        documents=(("d1", b"%PDF-1 summons"), ("d_2", b"%PDF-1 complaint")),
        proof=b"%PDF-1 proof",
        evidence=sealed_evidence(evidence(), signer, at=AT),
        receipts=(receipt, replace(receipt, id="r2", body=b"again", event=None)),
        ledger=LedgerPart(b"songda.local/632801\n1\nAA==\n\n\xe2\x80\x94 note\n", "songda.local/632801+00+AA", (leaf,)),
        timestamps=(Stamp("proof.pdf", b"token"),),
        certificates=(b"older", signer.chain[0]),
        crls=(b"crl",),
        ocsps=(b"ocsp",),
        national=NationalSeals(b"sm2 certificate", (("documents/d1.pdf", b"sm2"), ("proof.pdf", b"sm2")), b"ses"),
    )


@pytest.fixture(scope="module")
def pack(content: PackContent, signer: FileSigner) -> bytes:
    return sealed_pack(content, signer, at=AT)


def members(container: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def packed(parts: Mapping[str, bytes]) -> bytes:
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as container:
        for name, part in parts.items():
            container.writestr(name, part)
    return output.getvalue()


def test_its_names_are_the_published_ones(pack: bytes) -> None:
    assert [*members(pack)] == [
        "mimetype",
        "META-INF/manifest.xml",
        "documents/d1.pdf",
        "documents/d_2.pdf",
        "proof.pdf",
        "evidence.xml",
        "explanation.json",
        "receipts/index.json",
        "receipts/1.bin",
        "receipts/2.bin",
        "ledger/checkpoint",
        "ledger/key",
        "ledger/events.json",
        "timestamps/index.json",
        "timestamps/1.tsr",
        "certificates/1.der",
        "certificates/2.der",
        "certificates/3.der",
        "revocation/1.crl",
        "revocation/1.ocsp",
        "certificates/sm2.der",
        "seals/documents/d1.pdf.sm2",
        "seals/proof.pdf.sm2",
        "seals/proof.pdf.ses",
        "META-INF/signatures0.xml",
    ]


def test_its_type_can_be_read_off_its_first_bytes(pack: bytes) -> None:
    """EN 319 162-1 §A.1: `mimetype` first, stored, without an extra field."""
    assert pack[30:69] == b"mimetypeapplication/vnd.etsi.asic-e+zip"


def test_libdigidocpp_accepts_it_but_for_the_authority(pack: bytes, tmp_path: Path) -> None:
    verdict = digidoc(pack, tmp_path)
    assert (verdict.signatures, verdict.faults) == (1, ())
    assert {*verdict.files} == {name for name in members(pack) if name != "mimetype" and "META-INF" not in name}


def test_libdigidocpp_tells_a_change_apart_from_an_unknown_authority(pack: bytes, tmp_path: Path) -> None:
    parts = members(pack)
    verdict = digidoc(packed(parts | {"proof.pdf": b"%PDF-1 proof!"}), tmp_path)
    assert any("Failed to validate Reference 'proof.pdf'" in fault for fault in verdict.faults)


def test_xmlsec1_accepts_every_member(pack: bytes, signer: FileSigner, tmp_path: Path) -> None:
    accepted, words = xmlsec_accepts(unpacked(pack, tmp_path), anchor_pem(signer), MOMENT)
    files = [name for name in members(pack) if name != "mimetype" and "META-INF" not in name]
    assert accepted, words
    assert f"SignedInfo References (ok/all): {len(files) + 1}/{len(files) + 1}" in words


@pytest.mark.parametrize("member", ["documents/d1.pdf", "evidence.xml", "receipts/1.bin", "ledger/events.json"])
def test_xmlsec1_sees_every_change(pack: bytes, signer: FileSigner, tmp_path: Path, member: str) -> None:
    file = unpacked(pack, tmp_path) / member
    file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    assert not xmlsec_accepts(tmp_path, anchor_pem(signer), MOMENT)[0]


def test_every_member_is_in_the_manifest(pack: bytes) -> None:
    parts = members(pack)
    space = "{urn:oasis:names:tc:opendocument:xmlns:manifest:1.0}"
    listed = [one.get(f"{space}full-path") for one in etree.fromstring(parts["META-INF/manifest.xml"])]
    assert listed == ["/", *(name for name in parts if name != "mimetype" and "META-INF" not in name)]


def test_equal_content_gives_equal_bytes_but_for_the_signature(
    pack: bytes, content: PackContent, signer: FileSigner
) -> None:
    again = members(sealed_pack(content, signer, at=AT))
    before = members(pack)
    assert [name for name in again if again[name] != before[name]] == ["META-INF/signatures0.xml"]
    assert pack.startswith(sealed_pack(content, signer, at=AT)[:2000])


def test_what_stands_in_it_can_be_found(pack: bytes, content: PackContent, signer: FileSigner) -> None:
    parts = members(pack)
    receipts = json.loads(parts["receipts/index.json"])
    assert [(one["id"], one["event"], one["file"]) for one in receipts] == [
        ("r1", 4, "receipts/1.bin"),
        ("r2", None, "receipts/2.bin"),
    ]
    assert receipts[0]["meta"] == {"from": "邮局"}
    (leaf,) = json.loads(parts["ledger/events.json"])
    assert leaf == {"index": 7, "salt": "01" * 16, "entry": '{"delivery":"D1"}', "proof": ["02" * 32]}
    assert json.loads(parts["timestamps/index.json"])[0]["over"] == "proof.pdf"
    assert json.loads(parts["explanation.json"])["rulebook"]["version"] == "2025-1"
    assert [parts[f"certificates/{number}.der"] for number in (1, 2, 3)] == [*signer.chain, b"older"]


def test_what_is_not_there_leaves_no_trace(content: PackContent, signer: FileSigner) -> None:
    bare = PackContent(documents=content.documents, proof=content.proof, evidence=content.evidence)
    names = {name.partition("/")[0] for name in members(sealed_pack(bare, signer, at=AT))}
    assert names == {
        *("mimetype", "META-INF", "documents", "proof.pdf", "evidence.xml"),
        *("explanation.json", "receipts", "certificates"),
    }


@pytest.mark.parametrize("name", ["../d1", "", "d/1", "d 1"])
def test_no_id_leads_out_of_its_folder(content: PackContent, signer: FileSigner, name: str) -> None:
    with pytest.raises(ValueError, match="document's id"):
        sealed_pack(replace(content, documents=((name, b""),)), signer, at=AT)
