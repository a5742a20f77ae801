"""`songda keys request` and `import`: a court's certificate from an authority, from the request to a verified seal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from delivery import keys, wiring
from delivery.clock import SystemClock
from delivery.journal.journal import Journal
from delivery.settings import load
from signing.pool import SealPool
from tests.flows.shell import Said, songda
from tests.servers import PROJECT
from tests.signing import documents
from tests.signing.issuing import OpensslAuthority
from tests.test_keys import enabled_by_two

COURT = "632801"
CONFIG = PROJECT / "config" / "local.toml"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("authority")).begin()


class Desk:
    """Commands against one data folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"

    def keys(self, *words: str | Path) -> Said:
        return songda("keys", *words, "--config", CONFIG, SONGDA_DATA=str(self.data))

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.keys("list", "--json").stdout)
        return found

    def requested(self, folder: Path, *more: str) -> Path:
        said = self.keys("request", "--court", COURT, "-o", folder / "one.csr", *more)
        assert (said.returncode, said.stderr) == (0, "")
        return folder / "one.csr"

    def imported(self, chain: Path, *more: str) -> Said:
        return self.keys("import", "--court", COURT, "--certificate", chain, "--reason", "向电子认证机构申请", *more)

    def names(self) -> set[str]:
        return {path.name for path in (self.data / "keys").iterdir()}

    async def seal(self) -> bytes:
        """Two clerks enable the only key; then the pool that a service would have seals."""
        own = load(CONFIG, {"SONGDA_DATA": str(self.data)})
        clock = SystemClock()
        journal = await Journal.open(wiring.journal_url(own), clock)
        try:
            (key,) = await journal.keys(COURT)
            await enabled_by_two(journal, key.id, clock.now())
            pool = SealPool((await keys.Watch(own, journal, clock).begin()).courts, processes=0)
            try:
                return await pool.seal(COURT, documents.reportlab_letter(), clock.now(), "送达", "示例市")
            finally:
                pool.close()
        finally:
            await journal.close()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_from_the_request_to_a_seal_that_verifies(desk: Desk, authority: OpensslAuthority, tmp_path: Path) -> None:
    authority.issue(desk.requested(tmp_path), "seal")
    (waiting,) = (name for name in desk.names() if name.endswith(".request.pem"))
    assert desk.rows() == []
    said = desk.imported(authority.chain("seal", "issuer", "root"))
    assert (said.returncode, said.stderr) == (0, ""), said
    assert "two clerks enable it" in said.stdout
    (row,) = desk.rows()
    assert (row["state"], row["acts"][0]["reason"]) == ("made", "向电子认证机构申请")
    assert desk.names() == {"password", row["where"]["file"]}, "the request file became the key file"
    assert waiting not in desk.names()
    (tmp_path / "sealed.pdf").write_bytes(asyncio.run(desk.seal()))
    assert desk.rows()[0]["state"] == "sealing"
    verified = songda("verify", tmp_path / "sealed.pdf", "--trust", desk.data / "seal.pem")
    assert verified.returncode == 0, verified.stdout


def test_the_authority_s_other_customers_are_not_trusted(
    desk: Desk, authority: OpensslAuthority, tmp_path: Path
) -> None:
    """`seal.pem` names the court's own certificate: what another customer sealed is no seal of this court."""
    authority.issue(desk.requested(tmp_path), "seal")
    desk.imported(authority.chain("seal", "issuer", "root"))
    asyncio.run(desk.seal())
    assert len(x509.load_pem_x509_certificates((desk.data / "seal.pem").read_bytes())) == 1
    (tmp_path / "other").mkdir()
    other = Desk(tmp_path / "other")
    authority.issue(other.requested(tmp_path), "other")
    other.imported(authority.chain("other", "issuer", "root"))
    (tmp_path / "other.pdf").write_bytes(asyncio.run(other.seal()))
    assert songda("verify", tmp_path / "other.pdf", "--trust", desk.data / "seal.pem").returncode == 1
    assert songda("verify", tmp_path / "other.pdf", "--trust", authority.folder / "root.pem").returncode == 0


def test_every_fault_at_once_and_nothing_is_entered(desk: Desk, authority: OpensslAuthority, tmp_path: Path) -> None:
    authority.issue(desk.requested(tmp_path), "seal", days=30)
    said = desk.imported(authority.chain("issuer", "seal"), "--from", "2150-01-01T00:00:00+08:00")
    assert (said.returncode, said.stdout) == (1, "")
    for part in ("no key that was requested", "an authority's", "certificate 2 issued 1", "2 ends on", "1 ends on"):
        assert part in said.stderr, part
    assert desk.rows() == []
    assert any(name.endswith(".request.pem") for name in desk.names()), "it still waits"
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    assert (desk.imported(garbage).returncode, desk.imported(tmp_path / "nowhere").returncode) == (2, 2)


def test_a_certificate_is_imported_once(desk: Desk, authority: OpensslAuthority, tmp_path: Path) -> None:
    authority.issue(desk.requested(tmp_path, "--algorithm", "rsa-2048"), "seal")
    assert desk.imported(authority.chain("seal", "issuer")).returncode == 0
    again = desk.imported(authority.chain("seal", "issuer"))
    assert (again.returncode, "no key that was requested" in again.stderr) == (1, True)
    assert [row["algorithm"] for row in desk.rows()] == ["rsa-pkcs1-sha256"]


@pytest.mark.parametrize("what", ["request", "import"])
def test_help_teaches_with_an_example(what: str) -> None:
    said = songda("keys", what, "--help")
    assert (said.returncode, f"songda keys {what}" in said.stdout.partition("example:")[2]) == (0, True)
