"""`songda demo`: its table says what the service answers, and its exit status what the table says."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import asn1tools
import pikepdf
import pytest
from lxml import etree

from delivery.core.evidence import ERDS
from signing.national.sm2 import point_of, sm3
from tests.flows.house import quiet_port
from tests.flows.shell import command, environment, songda
from tests.servers import PROJECT
from tests.signing.archival import pdfa_faults
from tests.signing.containers import digidoc, unpacked, xmlsec_accepts
from tests.signing.judges import openssl_accepts_sm2, pdfsig, qpdf_complains, sm_crypto
from tests.test_readme import README, blocks

PATIENCE = 280.0
"""Seconds; the demo itself gives up before."""

SHOULD_BE = {
    "张伟": ("email", "served", "2025-09-16", "r1.pdf", "ok"),
    "李娜": ("sms", "served", "2025-09-16", "r2.pdf", "ok"),
    "王芳": ("email → post", "served", "2025-09-18", "r3.pdf", "ok"),
    "刘强": ("post", "deemed", "2025-09-20", "r4.pdf", "ok"),
    "格尔木察尔汗物流有限公司": ("post", "served", "2025-09-17", "r5.pdf", "ok"),
}


@dataclass(frozen=True)
class Played:
    """`rows` by recipient: route taken, outcome, date, proof, mark."""

    status: int
    said: str
    rows: dict[str, tuple[str, ...]]
    data: Path


def played(data: Path, *words: str | Path) -> Played:
    ports = {"SONGDA_HTTP_PORT": str(quiet_port()), "SONGDA_NATS_PORT": str(quiet_port())}
    done = subprocess.run(
        command("demo", *words),
        cwd=PROJECT,
        env=environment(SONGDA_DATA=str(data), **ports),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Played(done.returncode, done.stdout, rows_of(done.stdout), data / "demo")


def rows_of(said: str) -> dict[str, tuple[str, ...]]:
    """The table between its rule and the empty line behind it; the grounds are left out."""
    _, _, table = said.partition("\nrecipient  ")
    lines = [re.split(r" {2,}", line) for line in table.partition("\n\n")[0].splitlines()[2:]]
    return {cells[0]: (*cells[1:4], *cells[5:]) for cells in lines}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Without a terminal it ends by itself, from a path with a space in its name."""
    return played(tmp_path_factory.mktemp("the demo"))


def test_all_five_end_as_they_should(shipped: Played) -> None:
    assert shipped.rows == SHOULD_BE, shipped.said
    assert shipped.status == 0


def test_it_says_where_to_look_and_that_it_is_a_rehearsal(shipped: Played) -> None:
    for place in ("proofs", "seal.pem", "clerk-password", "client-secret"):
        assert str(shipped.data / place) in shipped.said
        assert (shipped.data / place).exists()
    assert "/console/" in shipped.said
    assert "rehearsal" in shipped.said


def test_poppler_accepts_each_proof_and_each_sealed_document(shipped: Played, tmp_path: Path) -> None:
    proofs = [(shipped.data / "proofs" / f"r{number}.pdf").read_bytes() for number in range(1, 6)]
    stored = [file.read_bytes() for file in (shipped.data / "documents").rglob("*") if file.is_file()]
    sealed = [content for content in stored if b"/ByteRange" in content and content.startswith(b"%PDF")]
    assert set(proofs) <= set(sealed)
    assert len(sealed) == len(proofs) + 2, "two documents that go to many are sealed once each"
    for content in sealed:
        verdicts = pdfsig(content, tmp_path)
        assert [(each.valid, each.whole) for each in verdicts] == [(True, True)], verdicts


def test_a_pack_is_exported_and_accepted_by_others(shipped: Played, tmp_path: Path) -> None:
    """Of the first delivery: by xmlsec1, libdigidocpp, qpdf and our own reading of PDF/A-3."""
    with closing(sqlite3.connect(shipped.data / "journal.sqlite")) as journal:
        query = "SELECT id FROM deliveries WHERE party = '张伟'"
        ((delivery,),) = journal.execute(query).fetchall()
    pack = tmp_path / "pack.asice"
    config = PROJECT / "config" / "demo.toml"
    done = songda("export", delivery, "-o", pack, "--config", config, SONGDA_DATA=str(shipped.data.parent))
    assert done.returncode == 0, done
    container = pack.read_bytes()
    *_, anchor = re.split("(?=-----BEGIN)", (shipped.data / "seal.pem").read_text())
    accepted, words = xmlsec_accepts(unpacked(container, tmp_path / "unpacked"), anchor.encode(), "2025-09-30 00:00:00")
    assert accepted, words
    verdict = digidoc(container, tmp_path)
    assert (verdict.signatures, verdict.faults) == (1, ())
    proof = (tmp_path / "unpacked" / "proof.pdf").read_bytes()
    assert pdfa_faults(proof) == []
    assert qpdf_complains(proof, tmp_path) == ""
    with pikepdf.open(io.BytesIO(proof)) as document:
        inside = document.attachments["evidence.xml"].get_file().read_bytes()
    assert inside == (tmp_path / "unpacked" / "evidence.xml").read_bytes()
    events = etree.fromstring(inside).findall(".//{*}Event")
    assert any(one.get("event") == ERDS + "ContentConsignment" and one.get("countsOn") for one in events)
    second_seals_are_accepted(tmp_path, shipped.data)
    folders = {name.partition("/")[0] for name in verdict.files}
    assert {"documents", "receipts", "ledger", "certificates"} <= folders


def test_what_the_readme_says_of_checking_a_proof_is_so(shipped: Played) -> None:
    (line,) = blocks(README)[-1]
    program, *words = shlex.split(line.replace("songda-data/demo", "{data}"))
    assert program == ".venv/bin/songda"
    for number in range(1, 6):
        asked = [word.replace("{data}", str(shipped.data)).replace("r1.", f"r{number}.") for word in words]
        done = songda(*asked)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "\nVALID:" in done.stdout
        without = songda(*asked[:2])
        assert (without.returncode, "\nCANNOT TELL:" in without.stdout) == (2, True)


def second_seals_are_accepted(folder: Path, data: Path) -> None:
    """Of each PDF by openssl and sm-crypto, of the proof also as GB/T 38540 has it, taken apart by a compiler; and by
    our own verifier with the certificate that the demo hands out.
    """
    pack = folder / "unpacked"
    certificate = pack / "certificates" / "sm2.der"
    sealed = sorted([pack / "proof.pdf", *(pack / "documents").iterdir()])
    with sm_crypto(point_of(certificate.read_bytes())) as accepts:
        for one in sealed:
            signature = (pack / "seals" / f"{one.relative_to(pack)}.sm2").read_bytes()
            assert openssl_accepts_sm2(certificate, one.read_bytes(), signature)
            assert accepts(one.read_bytes(), signature)
            assert not accepts(one.read_bytes() + b"\n", signature)
        compiled = asn1tools.compile_files([str(PROJECT / "tests" / "data" / "national" / "ses.asn")], "der")
        ses = compiled.decode("SES-Signature", (pack / "seals" / "proof.pdf.ses").read_bytes())
        made, seal = ses["toSign"], ses["toSign"]["eseal"]
        assert accepts(compiled.encode("TBS-Sign", made), ses["signature"][0])
        assert accepts(compiled.encode("SES-SealInfo", seal["eSealInfo"]), seal["signedValue"][0])
    assert made["dataHash"][0] == sm3((pack / "proof.pdf").read_bytes())
    assert seal["eSealInfo"]["property"]["name"] == "格尔木市人民法院电子送达专用章"
    trust = ["--trust", data / "seal.pem", "--trust-time", data / "timestamps.pem", "--trust", data / "seal-sm2.pem"]
    told = json.loads(songda("verify", folder / "pack.asice", *trust, "--json").stdout)
    results = [step["result"] for step in told["steps"] if step["name"] == "national"]
    assert results == ["passed"] * (len(sealed) + 1)


def test_another_answer_of_a_provider_changes_the_row_and_the_exit_status(tmp_path: Path) -> None:
    """Her mail arrives this time: no letter is sent, and the table says so."""
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    file = tmp_path / "config" / "demo.toml"
    bounces = '"wang.fang@mail.example" = "taken; 30s bounced:mailbox_unknown"'
    text = file.read_text(encoding="utf-8")
    assert bounces in text
    file.write_text(text.replace(bounces, '"wang.fang@mail.example" = "taken; 30s arrived"'), encoding="utf-8")
    changed = played(tmp_path, "--once", "--config", file)
    changed_row = ("email", "served", "2025-09-16", "r3.pdf", "NOT AS IT SHOULD BE")
    assert changed.rows == {**SHOULD_BE, "王芳": changed_row}, changed.said
    assert changed.status == 1


def test_a_story_that_ends_with_a_judge_ends_the_demo_too(tmp_path: Path) -> None:
    """The company has moved away: what comes next is a person's to decide, and the demo does not wait for it."""
    shutil.copytree(PROJECT / "config", tmp_path / "config")
    file = tmp_path / "config" / "demo.toml"
    text = re.sub(
        r'^"13900000005" = .*$', '"13900000005" = "taken; 4h posted; 2d returned:moved"', file.read_text(), flags=re.M
    )
    file.write_text(text, encoding="utf-8")
    changed = played(tmp_path, "--once", "--config", file)
    assert changed.rows["格尔木察尔汗物流有限公司"][-1] == "NOT AS IT SHOULD BE", changed.said
    assert {name: row for name, row in changed.rows.items() if row[-1] == "ok"}.keys() == SHOULD_BE.keys() - {
        "格尔木察尔汗物流有限公司"
    }
    assert changed.status == 1
