"""Packs that outlive what they were sealed with: archive timestamps, and the chain through which they still verify."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from adapters.counterparts.tsa import make_keys
from signing import pdf, renewal
from signing.errors import SigningError
from signing.verify import INVALID, VALID, Number, Result, Verdict, verify
from tests.signing import containers, judges
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.pki import AT, Clock, Sealer, sealer

YEAR = timedelta(days=365)
SECOND, THIRD = AT + 4 * YEAR, AT + 9 * YEAR
"""When the packs of these tests are renewed."""

NOW = AT + 10 * YEAR
MOMENT = f"{AT:%Y-%m-%d %H:%M:%S}"


@dataclass(frozen=True)
class World:
    """A court with RSA-2048 (good until the end of 2030), and authorities that follow each other."""

    court: Sealer
    authorities: tuple[Clock, Clock, Clock]

    @property
    def trust(self) -> list[bytes]:
        return [self.court.root_pem, *(one.root_pem for one in self.authorities)]

    def judged(self, pack: bytes, at: datetime = NOW) -> Verdict:
        return verify([("pack.asice", pack)], trust=self.trust, at=at)


def authority(name: str, begin: datetime, years: float) -> Clock:
    return Clock(make_keys(name, begin, life=years * YEAR))


@pytest.fixture(scope="module")
def world() -> World:
    key = rsa.generate_private_key(65537, 2048)
    court = sealer("示例市滨江区人民法院", key=key, not_after=AT + 5 * YEAR)
    first, second, third = (
        authority("甲", AT - YEAR, 6),
        authority("乙", SECOND - YEAR, 7),
        authority("丙", THIRD - YEAR, 9),
    )
    return World(court, (first, second, third))


@pytest.fixture(scope="module")
def young(world: World) -> bytes:
    return packs.honest(world.court, world.authorities[0]).sealed(world.court, world.authorities[0])


def renewed(pack: bytes, by: Clock, at: datetime) -> bytes:
    half = renewal.prepared(pack)
    return renewal.renewed(half, by.token(half.imprint, at))


@pytest.fixture(scope="module")
def old(young: bytes, world: World) -> bytes:
    """Renewed twice, each time before it was too late."""
    return renewed(renewed(young, world.authorities[1], SECOND), world.authorities[2], THIRD)


def failed(verdict: Verdict) -> list[str]:
    return [f"{step.number.name} {step.part}: {step.says.en}" for step in verdict.steps if step.result is Result.FAILED]


def test_ten_years_later_the_chain_leads_back(old: bytes, world: World) -> None:
    assert renewal.weakens(old) is not None
    verdict = world.judged(old)
    assert (verdict.exit, failed(verdict)) == (VALID, [])
    links = [step for step in verdict.steps if step.number is Number.RENEWAL]
    assert [step.result for step in links] == [Result.PASSED, Result.PASSED]
    assert ["丙" in links[0].says.en, "乙" in links[1].says.en] == [True, True]


def test_without_renewal_it_proves_nothing_any_more(young: bytes, world: World) -> None:
    assert world.judged(young, AT + YEAR).exit == VALID
    verdict = world.judged(young)
    assert verdict.exit == INVALID
    assert any("RSA-2048 was acceptable until 2030-12-31" in fault for fault in failed(verdict))


def test_one_renewal_is_not_enough_for_ten_years(young: bytes, world: World) -> None:
    once = renewed(young, world.authorities[1], SECOND)
    assert world.judged(once, SECOND + YEAR).exit == VALID
    assert world.judged(once, SECOND + 8 * YEAR).exit == INVALID


def test_a_renewal_that_came_too_late_is_seen(young: bytes, world: World) -> None:
    """After the first authority's certificate had ended nothing brings back what it proved."""
    late = renewed(young, world.authorities[2], THIRD)
    assert world.judged(late).exit == INVALID
    once = renewed(young, world.authorities[1], SECOND)
    later = AT + 18 * YEAR
    heir = authority("丁", later - YEAR, 9)
    too_late = renewed(once, heir, later)
    verdict = verify([("pack.asice", too_late)], trust=[*world.trust, heir.root_pem], at=later + YEAR)
    assert verdict.exit == INVALID
    assert any("renewed too late" in fault for fault in failed(verdict))


def test_an_unknown_authority_proves_no_time(old: bytes, world: World) -> None:
    trust = world.trust[:-1]
    verdict = verify([("pack.asice", old)], trust=trust, at=NOW)
    assert verdict.exit == INVALID
    links = [step.result for step in verdict.steps if step.number is Number.RENEWAL]
    assert links == [Result.NOT_CHECKED]


def test_when_it_is_due(young: bytes, old: bytes) -> None:
    weak = renewal.weakens(young)
    assert weak is not None
    assert weak.on == date(2030, 12, 31)
    assert "RSA-2048 with sha256" in weak.why
    last = datetime(2030, 12, 31, tzinfo=UTC) - renewal.AHEAD
    assert renewal.due(young, last - timedelta(days=1)) is None
    assert "until 2030-12-31" in str(renewal.due(young, last))
    assert renewal.due(old, NOW) is None
    assert "timestamp002.tst: the certificate" in str(renewal.due(old, AT + 16 * YEAR + 300 * timedelta(days=1)))


def test_a_token_that_holds_no_longer_is_refused(young: bytes, world: World) -> None:
    half = renewal.prepared(renewed(young, world.authorities[1], SECOND))
    with pytest.raises(renewal.NothingGained):
        renewal.renewed(half, world.authorities[1].token(half.imprint, SECOND + YEAR))
    with pytest.raises(SigningError, match="something else"):
        renewal.renewed(half, world.authorities[2].token(bytes(32), THIRD))


@pytest.mark.parametrize("content", [b"", b"PK", packs.zipped([("mimetype", b"x")])])
def test_what_is_no_pack_is_refused(content: bytes) -> None:
    with pytest.raises(SigningError):
        renewal.prepared(content)


# --- documents that stand alone ---------------------------------------------------------------------------------------


def archived_again(content: bytes, former: Clock, by: Clock, at: datetime) -> bytes:
    """A document timestamp over the former one and what validates it (ETSI EN 319 142-1 §5.5)."""
    kept = pdf.with_validation_data(content, former.certificates, [], [])
    half = pdf.prepared_for_timestamp(kept)
    return pdf.with_document_timestamp(half, by.token(half.imprint, at))


def test_a_document_is_renewed_by_document_timestamps(world: World, tmp_path: Path) -> None:
    first, second, third = world.authorities
    plain = sealing.archived(world.court, first)
    twice = archived_again(archived_again(plain, first, second, SECOND), second, third, THIRD)
    assert twice.startswith(plain)
    judge = [("letter.pdf", twice)]
    verdict = verify(judge, trust=world.trust, at=NOW)
    assert (verdict.exit, failed(verdict)) == (VALID, [])
    assert verify([("letter.pdf", plain)], trust=world.trust, at=NOW).exit == INVALID
    late = archived_again(plain, first, third, THIRD)
    assert any("renewed too late" in one for one in failed(verify([("l.pdf", late)], trust=world.trust, at=NOW)))
    assert judges.qpdf_complains(twice, tmp_path) == ""
    (found,) = [one for one in judges.pdfsig(twice, tmp_path) if one.kind == "ETSI.CAdES.detached"]
    assert found.valid  # Poppler 22.12 does not verify document timestamps


def test_a_document_timestamp_says_nothing_of_a_later_seal(world: World) -> None:
    """The seal was added when its certificate had ended, behind an honest older timestamp."""
    first, second, _ = world.authorities
    other = sealer("某某法院", not_after=AT + YEAR)
    old = archived_again(sealing.archived(world.court, first), first, second, SECOND)
    late = pdf.seal(old, other.seal, at=SECOND + YEAR, reason="补", location="示例市")
    verdict = verify([("letter.pdf", late)], trust=[*world.trust, other.root_pem], at=SECOND + YEAR)
    told = [step for step in verdict.steps if step.number is Number.TRUST and "seal 2" in step.part]
    assert [step.result for step in told] == [Result.NOT_CHECKED]


# --- chains with a fault ----------------------------------------------------------------------------------------------

Change = Callable[[packs.Members], packs.Members]
NEWEST, FIRST = "META-INF/ASiCArchiveManifest.xml", "META-INF/ASiCArchiveManifest001.xml"


def without(*names: str) -> Change:
    return lambda members: {name: content for name, content in members.items() if name not in names}


def swapped(one: str, other: str) -> Change:
    return lambda members: {**members, one: members[other], other: members[one]}


def edited(name: str, old: bytes, new: bytes) -> Change:
    def change(members: packs.Members) -> packs.Members:
        assert old in members[name]
        return {**members, name: members[name].replace(old, new, 1)}

    return change


CHANGES: dict[str, Change] = {
    "a manifest that is gone": without(FIRST),
    "the newest manifest is gone": without(NEWEST),
    "a token that is gone": without("META-INF/timestamp001.tst"),
    "both of the newest are gone": without(NEWEST, "META-INF/timestamp002.tst"),
    "tokens swapped": swapped("META-INF/timestamp001.tst", "META-INF/timestamp002.tst"),
    "manifests swapped": swapped(NEWEST, FIRST),
    "a covered member changed": edited("receipts/1.bin", b"DELIVRD", b"UNDELIV"),
    "a digest changed": edited(FIRST, b"<ds:DigestValue>", b"<ds:DigestValue>A"),
    "an attribute more": edited(NEWEST, b"<asic:SigReference ", b'<asic:SigReference Id="x" '),
    "the root elsewhere": edited(NEWEST, b' Rootfile="true"', b""),
    "a member left out": edited(NEWEST, b'URI="evidence.xml"', b'URI="evidence.txt"'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_chain_with_a_fault_is_none(name: str, old: bytes, world: World) -> None:
    changed = packs.zipped(CHANGES[name](packs.unzipped(old)).items())
    verdict = world.judged(changed)
    assert verdict.exit == INVALID, name
    assert any(fault.startswith("RENEWAL") for fault in failed(verdict)), failed(verdict)


def test_openssl_verifies_each_token_over_its_manifest(old: bytes, world: World, tmp_path: Path) -> None:
    members = packs.unzipped(old)
    for number, (manifest, at) in enumerate(((FIRST, SECOND), (NEWEST, THIRD)), start=1):
        (tmp_path / "token").write_bytes(members[f"META-INF/timestamp{number:03}.tst"])
        (tmp_path / "list").write_bytes(members[manifest])
        (tmp_path / "root.pem").write_bytes(world.authorities[number].root_pem)
        command = ["openssl", "ts", "-verify", "-in", "token", "-token_in", "-data", "list", "-CAfile", "root.pem"]
        # What the first covers was called by its later name: the list itself did not change.
        done = subprocess.run(
            [*command, "-attime", str(int(at.timestamp()))], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert "Verification: OK" in done.stdout + done.stderr


def test_the_manifest_keeps_to_the_schema_of_the_standard(old: bytes) -> None:
    import pydigidoc

    (folder,) = {path.parent for path in Path(pydigidoc.__file__).parent.rglob("en_31916201v010101.xsd")}
    schema = etree.XMLSchema(etree.parse(folder / "en_31916201v010101.xsd"))
    for name in (NEWEST, FIRST):
        schema.assertValid(etree.fromstring(packs.unzipped(old)[name]))


def test_libdigidocpp_and_xmlsec1_take_a_renewed_pack_as_before(world: World, tmp_path: Path) -> None:
    plain = packs.honest(world.court, world.authorities[0]).sealed(world.court)
    pack = renewed(plain, world.authorities[1], SECOND)
    verdict = containers.digidoc(pack, tmp_path)
    assert (verdict.signatures, verdict.faults) == (1, ())
    assert {*verdict.files} == {name for name in packs.unzipped(plain) if name != "mimetype" and "META-INF" not in name}
    accepted, words = containers.xmlsec_accepts(
        containers.unpacked(pack, tmp_path / "all"), world.court.root_pem, MOMENT
    )
    assert accepted, words
