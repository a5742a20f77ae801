"""docs/verifying.md does what it says: its commands are run, in their order, on a fresh pack, and on a spoilt one."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from signing.verify import Number
from signing.verifying.log import consistent, read_checkpoint, read_trusted
from signing.verifying.report import NAMES
from tests import servers
from tests.signing.verifying import national, packs, sealing
from tests.signing.verifying.defects import DEFECTS, Scene
from tests.signing.verifying.document_defects import DOCUMENTS
from tests.signing.verifying.pki import clock, sealer

PAGE = (servers.PROJECT / "docs" / "verifying.md").read_text(encoding="utf-8")
LOGS: list[packs.Log] = []
PACKS: list[packs.Pack] = []
STEPS = re.split(r"^## (?=\d)", PAGE, flags=re.MULTILINE)[1:]


def blocks(text: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def court_and_pack() -> tuple[bytes, bytes, packs.Pack, bytes]:
    court, authority = sealer("示例市滨江区人民法院"), clock()
    honest = packs.honest(court, authority)
    pack = replace(honest, members=national.sealed_twice(honest, national.ours()))
    LOGS.append(pack.log)
    PACKS.append(pack)
    return court.chain_pem, authority.root_pem, pack, pack.sealed(court, authority)


@pytest.fixture
def folder(court_and_pack: tuple[bytes, bytes, packs.Pack, bytes], tmp_path: Path) -> Path:
    """What a party has: a pack, and what he trusts."""
    for package, program in (
        ("unzip", "unzip"),
        ("poppler-utils", "pdfsig"),
        ("qpdf", "qpdf"),
        ("xmlsec1", "xmlsec1"),
        ("openssl", "openssl"),
    ):
        servers.debian(package, program)
    court, authority, pack, content = court_and_pack
    leaves = b"".join(hashlib.sha256(b"\0" + entry).digest() for entry in pack.log.entries)
    given = {
        "court.pem": court,
        "court-sm2.pem": national.anchor(national.ours()),
        "authority.pem": authority,
        "checkpoint.txt": pack.log.checkpoint(),
        "pack.asice": content,
        "leaves.bin": leaves,
    }
    for name, bytes_ in given.items():
        (tmp_path / name).write_bytes(bytes_)
    return tmp_path


def test_every_command_of_the_page(folder: Path) -> None:
    for step in STEPS:
        for block in blocks(step):
            done = run(block, folder)
            assert done.returncode == 0, f"{step.splitlines()[0]}\n{block}\n{done.stdout}\n{done.stderr}"


def narrowed(block: str) -> str:
    """As the page says for a court's own certificate."""
    assert "`--pubkey-cert-pem ../court.pem` in place of `--trusted-pem ../root.pem`" in PAGE
    assert "`-partial_chain -CAfile court.pem` in the command `openssl cms -verify`" in PAGE
    block = block.replace("--trusted-pem ../root.pem", "--pubkey-cert-pem ../court.pem")
    return re.sub("(openssl cms -verify .*)-CAfile court.pem", r"\1-partial_chain -CAfile court.pem", block)


def test_with_the_court_s_own_certificate_as_the_page_says(folder: Path) -> None:
    """A court whose authority has other customers: its certificate alone is trusted, and none of theirs."""
    own = sealer("示例市滨江区人民法院")
    stranger = sealer("示例市滨江区人民法院")
    other = replace(own, key=stranger.key, certificate=own.issued_to(stranger.key))
    (folder / "court.pem").write_bytes(own.certificate_pem)
    sealed = [block for block in blocks(STEPS[1]) if "court.pem" in block or "root.pem" in block]
    assert len(sealed) == 3
    for who, status in ((own, 0), (other, 1)):
        (folder / "pack.asice").write_bytes(packs.honest(who, clock()).sealed(who))
        assert run(blocks(STEPS[0])[0], folder).returncode == 0
        for block in sealed:
            assert (run(narrowed(block), folder).returncode > 0) == (status > 0), block


def test_the_proof_of_growth_is_what_songda_verify_reads(folder: Path) -> None:
    """With a checkpoint of a later day, which no longer is the pack's own."""
    pack = packs.unzipped((folder / "pack.asice").read_bytes())
    size = int(pack["ledger/checkpoint"].split(b"\n")[1])
    later = [*LOGS[-1].entries, b"y" * 32]
    grown = packs.Log(LOGS[-1].origin, LOGS[-1].secret, later)
    (folder / "checkpoint.txt").write_bytes(grown.checkpoint())
    (folder / "leaves.bin").write_bytes(b"".join(hashlib.sha256(b"\0" + entry).digest() for entry in later))
    ledger = next(step for step in STEPS if step.startswith("9"))
    for block in [*blocks(STEPS[0]), *blocks(ledger)[1:]]:
        done = run(block, folder)
        assert done.returncode == 0, done.stderr
    held = (folder / "checkpoint-with-proof.txt").read_bytes()
    old, proof = read_checkpoint(pack["ledger/checkpoint"]), read_trusted(held)
    assert old.size == size
    assert consistent(old, *proof)


@pytest.mark.parametrize(
    ("member", "steps"),
    [
        ("receipts/1.bin", {"2", "7"}),
        ("documents/d1.pdf", {"2", "7"}),
        ("timestamps/1.tsr", {"2", "6"}),
        ("ledger/events.json", {"2", "8"}),
        ("evidence.xml", {"2", "7"}),
        ("seals/documents/d1.pdf.sm2", {"2", "10"}),
        ("revocation/1.crl", {"2", "5"}),
    ],
)
def test_the_commands_see_a_change(folder: Path, member: str, steps: set[str]) -> None:
    members = packs.unzipped((folder / "pack.asice").read_bytes())
    content = members[member]
    at = len(content) // 2
    spoilt = packs.zipped({**members, member: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]}.items())
    (folder / "pack.asice").write_bytes(spoilt)
    failed = {step.split()[0] for step in STEPS for block in blocks(step) if run(block, folder).returncode}
    assert failed >= steps


def test_the_commands_see_another_token_in_the_seal(folder: Path) -> None:
    """By the same authority, over something else."""
    members = packs.unzipped((folder / "pack.asice").read_bytes())
    other = base64.b64encode(members["timestamps/1.tsr"])
    seal = re.sub(rb"(?<=<xades:EncapsulatedTimeStamp>)[^<]*", other, members[packs.SEAL])
    (folder / "pack.asice").write_bytes(packs.zipped({**members, packs.SEAL: seal}.items()))
    failed = {step.split()[0] for step in STEPS for block in blocks(step) if run(block, folder).returncode}
    assert failed == {"6"}


def in_the_place_of_the_proof(folder: Path, content: bytes) -> list[str]:
    """The blocks of step 2 that look at PDFs, with that one in the unpacked pack."""
    pdfs = [one for one in blocks(STEPS[1]) if "range.py" in one]
    for one in blocks(STEPS[0]):
        assert run(one, folder).returncode == 0
    (folder / "pack/proof.pdf").write_bytes(content)
    return pdfs


def test_a_seal_with_timestamps_behind_it(folder: Path) -> None:
    court, authority = sealer("示例市滨江区人民法院"), clock()
    (folder / "court.pem").write_bytes(court.root_pem)
    for one in in_the_place_of_the_proof(folder, sealing.archived(court, authority)):
        done = run(one, folder)
        assert done.returncode == 0, f"{one}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("defect", ["page-contents-replaced", "title-changed", "annotation-added"])
def test_what_was_changed_behind_the_seal_is_seen_by_hand(folder: Path, defect: str) -> None:
    court, authority = sealer("示例市滨江区人民法院"), clock()
    (folder / "court.pem").write_bytes(court.root_pem)
    scene = Scene(court, court, authority, PACKS[-1])
    first, second = in_the_place_of_the_proof(folder, {**DEFECTS, **DOCUMENTS}[defect].make(scene))
    assert run(first, folder).returncode == 0  # the seal itself is whole
    assert run(second, folder).returncode != 0


def test_the_steps_are_those_of_the_verifier() -> None:
    numbered = {int(one) for step in STEPS for one in re.findall(r"\d+", step.splitlines()[0])}
    assert numbered == {int(number) for number in Number}
    rows = re.findall(r"^\| (\d+) (\S+) \|", PAGE, re.MULTILINE)
    assert {int(number): name for number, name in rows} == {int(number): says.zh for number, says in NAMES.items()}
