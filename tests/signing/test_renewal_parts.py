"""What else a pack stands on counts in its renewal: national second seals, and the renewed pack of a former proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from signing import renewal
from signing.pack import FORMER
from signing.verify import INVALID, VALID, Number, Result, Verdict, verify
from tests.signing import containers
from tests.signing.test_renewal import YEAR, authority, failed, renewed
from tests.signing.verifying import national, packs
from tests.signing.verifying.pki import AT, sealer

COURT = sealer("示例市滨江区人民法院", not_after=AT + 20 * YEAR)
SHORT, MIDDLE, LONG = authority("甲", AT - YEAR, 6), authority("丙", AT, 8), authority("乙", AT - YEAR, 19)
LATER = AT + 4 * YEAR
TRUST = [COURT.root_pem, SHORT.root_pem, MIDDLE.root_pem, LONG.root_pem]


def judged(pack: bytes, at: datetime = LATER) -> Verdict:
    return verify([("pack.asice", pack)], trust=TRUST, at=at)


# --- national second seals --------------------------------------------------------------------------------------------


def twice_sealed(until: datetime) -> packs.Members:
    return national.sealed_twice(packs.honest(COURT, LONG), national.signer(until=until))


def test_a_national_certificate_that_ends_first_decides() -> None:
    ends = datetime(2029, 5, 6, tzinfo=UTC)
    members = twice_sealed(ends)
    found = renewal.weakens(packs.container(members, COURT, LONG))
    assert found == renewal.Weakness(date(2029, 5, 6), "certificates/sm2.der: the certificate ends")
    bare = {name: one for name, one in members.items() if not name.endswith(".sm2")}
    other = renewal.weakens(packs.container(bare, COURT, LONG))
    assert other is not None
    assert other.on > found.on


def test_one_that_ends_last_does_not() -> None:
    plain = renewal.weakens(packs.honest(COURT, LONG).sealed(COURT, LONG))
    assert renewal.weakens(packs.container(twice_sealed(datetime(2060, 1, 1, tzinfo=UTC)), COURT, LONG)) == plain


@pytest.mark.parametrize("certificate", [None, b"", b"0\x03no"])
def test_second_seals_of_nobody_are_weak_today(certificate: bytes | None) -> None:
    members = twice_sealed(datetime(2060, 1, 1, tzinfo=UTC))
    del members["certificates/sm2.der"]
    members |= {} if certificate is None else {"certificates/sm2.der": certificate}
    found = renewal.weakens(packs.container(members, COURT, LONG))
    assert found is not None
    assert found.on == date.min


# --- the pack of a former proof ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old() -> bytes:
    """Renewed by an authority that ends before all the rest of the new one."""
    return renewed(packs.honest(COURT, SHORT).sealed(COURT), MIDDLE, AT + YEAR)


def enclosing(former: bytes) -> packs.Pack:
    honest = packs.honest(COURT, LONG)
    return replace(honest, members={**honest.members, FORMER: former})


@pytest.fixture(scope="module")
def new(old: bytes) -> bytes:
    return enclosing(old).sealed(COURT, LONG)


def links(verdict: Verdict) -> list[Result]:
    return [step.result for step in verdict.steps if step.number is Number.RENEWAL]


def test_it_is_judged_as_a_pack_of_its_own(new: bytes) -> None:
    verdict = judged(new)
    assert (verdict.exit, failed(verdict)) == (VALID, [])
    part = f"pack.asice · {FORMER}"
    assert links(verdict) == [Result.PASSED]
    assert any(step.part.startswith(f"{part} · proof.pdf") for step in verdict.steps)


def test_it_counts_in_until_when_the_whole_holds(old: bytes, new: bytes) -> None:
    inside, whole = renewal.weakens(old), renewal.weakens(new)
    assert inside is not None
    assert whole == renewal.Weakness(inside.on, f"{FORMER}: {inside.why}")
    assert renewal.weakens(enclosing(b"PK").sealed(COURT, LONG)) == renewal.Weakness(
        date.min, f"{FORMER}: a pack that cannot be read"
    )


def test_renewing_the_whole_renews_it_too(new: bytes) -> None:
    late = AT + 15 * YEAR
    assert links(judged(new, late)) == [Result.NOT_CHECKED]
    verdict = judged(renewed(new, LONG, AT + 7 * YEAR), late)
    assert (verdict.exit, links(verdict)) == (VALID, [Result.PASSED, Result.PASSED])


def test_a_change_in_it_is_seen(old: bytes, new: bytes) -> None:
    members = packs.unzipped(new)
    spoilt = packs.zipped((packs.unzipped(old) | {"receipts/1.bin": b"another"}).items())
    verdict = judged(packs.zipped((members | {FORMER: spoilt}).items()))
    assert any(fault.startswith(f"RENEWAL pack.asice · {FORMER}") for fault in failed(verdict))
    honest_seal = judged(enclosing(spoilt).sealed(COURT, LONG))
    assert any(f"{FORMER} · receipts" in fault for fault in failed(honest_seal))
    assert judged(enclosing(b"PK").sealed(COURT, LONG)).exit == INVALID


def test_packs_in_packs_end_somewhere(old: bytes) -> None:
    pack = old
    for _ in range(9):
        pack = packs.container({**packs.unzipped(old), FORMER: pack}, COURT, LONG)
    assert any("too deep" in fault for fault in failed(judged(pack)))


def test_libdigidocpp_and_xmlsec1_accept_the_whole(new: bytes, tmp_path: Path) -> None:
    verdict = containers.digidoc(new, tmp_path)
    assert (verdict.signatures, verdict.faults) == (1, ())
    assert FORMER in verdict.files
    folder = containers.unpacked(new, tmp_path / "all")
    accepted, words = containers.xmlsec_accepts(folder, COURT.root_pem, f"{AT:%Y-%m-%d %H:%M:%S}")
    assert accepted, words
