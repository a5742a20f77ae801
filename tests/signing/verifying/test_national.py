"""The national second seal, as somebody with its certificate finds it in a pack, and each way in which it can be false.

The numbers of GM/T 0003.5 appendix A, openssl, sm-crypto and our writer agree with the verifier's own arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from asn1crypto import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.national import ses, sm2
from signing.verify import VALID, Number, Result, Step, verify
from signing.verifying import national as reader
from signing.verifying import sm2 as reading
from tests.signing.verifying import packs
from tests.signing.verifying.national import PLAIN, PROOF, STRUCTURED, anchor, certificate, ours, sealed_twice, signer
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer

Change = Callable[[packs.Members], None]


def steps(
    members: packs.Members, court: Sealer, authority: Clock, *trust: bytes, at: datetime = LATER
) -> tuple[int, list[Step]]:
    """The exit and the steps on second seals of a pack with these members, sealed by the court that is trusted."""
    verdict = verify(
        [("pack", packs.container(members, court))], trust=[court.root_pem, authority.root_pem, *trust], at=at
    )
    assert not [one for one in verdict.steps if one.result is Result.FAILED and one.number is not Number.NATIONAL]
    return verdict.exit, [one for one in verdict.steps if one.number is Number.NATIONAL]


def test_each_pdf_is_found_sealed_by_a_certificate_that_is_trusted(
    pack: packs.Pack, court: Sealer, authority: Clock
) -> None:
    members = sealed_twice(pack, ours())
    status, found = steps(members, court, authority, anchor(ours()))
    assert status == VALID
    assert {one.result for one in found} == {Result.PASSED}
    assert sorted(one.part for one in found) == sorted(f"pack · {name}" for name in members if "seals/" in name)
    (structured,) = (one for one in found if one.part.endswith(".ses"))
    assert f"{AT.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" in structured.says.en


def test_a_certificate_that_nobody_named_proves_nothing(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    for trust in ((), (anchor(signer()),)):
        status, found = steps(sealed_twice(pack, ours()), court, authority, *trust)
        assert status == VALID
        assert {one.result for one in found} == {Result.NOT_CHECKED}


def test_an_anchor_for_the_second_seal_does_not_stand_for_the_first(pack: packs.Pack, court: Sealer) -> None:
    members = sealed_twice(pack, ours())
    verdict = verify([("pack", packs.container(members, court))], trust=[anchor(ours())], at=LATER)
    assert verdict.exit == 2


def test_outside_its_dates_the_certificate_proves_nothing(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    short = signer(until=LATER - timedelta(seconds=1))
    _, found = steps(sealed_twice(pack, short), court, authority, anchor(short))
    assert {one.result for one in found} == {Result.NOT_CHECKED}


def test_a_pack_without_second_seals_says_so_to_whoever_expects_them(
    pack: packs.Pack, court: Sealer, authority: Clock
) -> None:
    assert steps(pack.members, court, authority)[1] == []
    (step,) = steps(pack.members, court, authority, anchor(ours()))[1]
    assert step.result is Result.NOT_CHECKED


def moved(source: str, target: str) -> Change:
    def change(members: packs.Members) -> None:
        members[target] = members[source]

    return change


def without(name: str) -> Change:
    return lambda members: members.pop(name) and None


def other(name: str) -> Change:
    """The same bytes, one bit apart."""

    def change(members: packs.Members) -> None:
        members[name] = members[name][:-1] + bytes([members[name][-1] ^ 1])

    return change


def of_stranger(members: packs.Members) -> None:
    members["certificates/sm2.der"] = signer().chain[0]


def with_root(members: packs.Members) -> None:
    members["certificates/sm2.der"] = members["certificates/1.der"]


FALSE: dict[str, tuple[Change, str]] = {
    "a signature of another document": (
        moved("seals/documents/d1.pdf.sm2", "seals/documents/d2.pdf.sm2"),
        "d2.pdf.sm2",
    ),
    "a changed signature": (other(PLAIN), PLAIN),
    "a changed seal structure": (other(STRUCTURED), STRUCTURED),
    "a signature that is none": (moved("ledger/key", PLAIN), PLAIN),
    "a seal structure that is none": (moved(PLAIN, STRUCTURED), STRUCTURED),
    "another key's certificate": (of_stranger, PLAIN),
    "a certificate on another curve": (with_root, PLAIN),
    "no certificate": (without("certificates/sm2.der"), PLAIN),
    "over nothing": (moved(PLAIN, "seals/documents/d9.pdf.sm2"), "d9.pdf.sm2"),
    "of an unknown kind": (moved(PLAIN, "seals/proof.pdf.sm9"), "proof.pdf.sm9"),
    "a structure over another file": (moved(STRUCTURED, "seals/documents/d1.pdf.ses"), "d1.pdf.ses"),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_does_not_fit_fails(name: str, pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    """Although the container's seal is whole: whoever has that key alone cannot forge this one."""
    change, part = FALSE[name]
    members = sealed_twice(pack, ours())
    change(members)
    status, found = steps(members, court, authority, anchor(ours()))
    failed = [one.part for one in found if one.result is Result.FAILED]
    assert status == 1
    assert any(one.endswith(part) for one in failed), failed


def test_a_pdf_without_second_seal_is_told_where_others_have_one(
    pack: packs.Pack, court: Sealer, authority: Clock
) -> None:
    members = sealed_twice(pack, ours())
    del members["seals/documents/d1.pdf.sm2"]
    _, found = steps(members, court, authority, anchor(ours()))
    assert [one.part for one in found if one.result is Result.NOT_CHECKED] == ["pack · documents/d1.pdf"]


def test_the_seal_structure_is_of_its_own_time(pack: packs.Pack, court: Sealer, authority: Clock) -> None:
    before = sealed_twice(pack, ours(), datetime(2024, 12, 31, tzinfo=UTC))
    _, found = steps(before, court, authority, anchor(ours()))
    assert [one.part for one in found if one.result is Result.FAILED] == [f"pack · {STRUCTURED}"]


# --- the arithmetic ---------------------------------------------------------------------------------------------------


def test_the_example_of_gm_t_0003_5() -> None:
    """Appendix A.2: message digest, key and signature on the recommended curve."""
    key = (
        0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
        0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
    )
    digest = reading._digest(key, b"message digest")
    assert digest == 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
    r = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
    s = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
    found = reading._sum_of_products(s, reading.G, (r + s) % reading.N, key)
    assert found
    assert (digest + found[0]) % reading.N == r


def test_sm3_of_the_standard() -> None:
    """GB/T 32905 appendix A.1."""
    assert reading.sm3(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@given(st.binary(max_size=200))
@settings(max_examples=25, deadline=None)
def test_writer_and_verifier_agree(message: bytes) -> None:
    signature = ours().sign(message)
    assert reading.fits(certificate(ours()), message, signature)
    assert not reading.fits(certificate(ours()), message + b"\0", signature)


def fits_or_refused(signature: bytes, message: bytes = b"a message") -> bool:
    try:
        return reading.fits(certificate(ours()), message, signature)
    except ValueError:
        return False


@cache
def good() -> bytes:
    return ours().sign(b"a message")


@given(st.integers(0, 69), st.integers(1, 255))
@settings(max_examples=80, deadline=None)
def test_no_changed_byte_of_a_signature_passes(place: int, change: int) -> None:
    assert fits_or_refused(good())
    place %= len(good())
    assert not fits_or_refused(bytes([*good()[:place], good()[place] ^ change, *good()[place + 1 :]]))


@given(st.binary(max_size=80))
def test_no_bytes_but_a_signature_pass(signature: bytes) -> None:
    assert not fits_or_refused(signature)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (reading.N, 1), (1, reading.N - 1), (-1, 5)])
def test_numbers_out_of_range_are_refused(r: int, s: int) -> None:
    """GB/T 32918.2 §7.1 B1, B2, B5: with r + s the order, nothing of the key would be left in the sum."""
    assert not fits_or_refused(sm2._Pair({"r": r, "s": s}).dump())


def test_a_signature_has_one_spelling() -> None:
    signature = ours().sign(b"a message")
    number = signature[2:4] + signature[4 : 4 + signature[3]]
    longer = bytes([2, number[1] + 1, 0]) + number[2:]
    spelt = bytes([0x30, signature[1] + 1]) + longer + signature[2 + len(number) :]
    for changed in (spelt, signature + b"\0", b"\x30\x81" + signature[1:]):
        assert not fits_or_refused(changed)


def test_a_point_off_the_curve_is_no_key() -> None:
    """Else somebody could choose a curve on which signatures are easy."""
    off = bytearray(ours().chain[0])
    place = bytes(off).index(sm2.point_of(ours().chain[0])) + 64
    off[place] ^= 1
    with pytest.raises(ValueError, match="point"):
        reading.fits(x509.Certificate.load(bytes(off)), b"x", ours().sign(b"x"))


# --- the seal structure -----------------------------------------------------------------------------------------------

FROM, UNTIL = sm2.validity_of(ours().chain[0])
SHEET = b"%PDF-1 sheet"


@cache
def made_seal() -> bytes:
    return ses.make_seal(
        ours(),
        seal_id="632801",
        name="电子章",
        signers=[ours().chain[0]],
        picture=ses.SealPicture(kind="SVG", data=b"<svg/>", width=42, height=42),
        made_at=FROM,
        valid_from=FROM,
        valid_until=UNTIL,
    )


@cache
def structured() -> bytes:
    return ses.sign_with_seal(made_seal(), ours(), SHEET, at=AT, property_info=PROOF)


def faults(der: bytes, sealed: bytes = SHEET) -> list[str]:
    """What the reader finds wrong; its refusal to read counts, as the step is guarded."""
    try:
        return [fault.en for fault in reader._faults(reader._read(der), sealed)]
    except (ValueError, TypeError, IndexError, KeyError) as error:
        return [type(error).__name__]


def test_a_structure_that_holds_has_no_faults() -> None:
    assert faults(structured()) == []
    assert faults(structured(), SHEET + b".") == ["the electronic seal names another digest than the file's"]


def test_a_stranger_with_the_courts_seal_is_not_named_by_it() -> None:
    by_stranger = ses.sign_with_seal(made_seal(), signer(), SHEET, at=AT, property_info=PROOF)
    assert faults(by_stranger) == ["the electronic seal does not name this signer"]


def test_a_seal_that_was_changed_has_no_maker() -> None:
    forged = made_seal().replace("电子章".encode(), "财务章".encode())
    assert forged != made_seal()
    signed = ses.sign_with_seal(forged, ours(), SHEET, at=AT, property_info=PROOF)
    assert faults(signed) == ["the signature of the seal's maker does not fit"]


@given(st.integers(0, 3000), st.integers(1, 255))
@settings(max_examples=150, deadline=None)
def test_no_changed_byte_of_a_structure_passes(place: int, change: int) -> None:
    good = structured()
    place %= len(good)
    assert faults(bytes([*good[:place], good[place] ^ change, *good[place + 1 :]]))


@given(st.binary(max_size=200), st.integers(0, 3000))
def test_no_bytes_but_a_structure_pass(content: bytes, cut: int) -> None:
    assert faults(content)
    assert faults(structured()[: cut % len(structured())])
