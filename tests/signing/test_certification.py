"""Requests that openssl accepts, and chains that are taken or refused with every fault at once."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing import certification
from signing.certificates import pem_chain
from signing.certification import Requested, chain_faults, chain_in, completed, make_request, requested_key
from signing.errors import KeyFileUnreadable, WrongPassword
from signing.keys import KeyKind, is_made_here, make_key_file, open_key_file
from tests.signing.conftest import AT, COURT_NAME, PASSWORD
from tests.signing.issuing import OpensslAuthority

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> OpensslAuthority:
    return OpensslAuthority(tmp_path_factory.mktemp("authority")).begin()


@pytest.fixture(scope="module")
def requested(authority: OpensslAuthority) -> Requested:
    made = make_request(PASSWORD, court="632801", court_name=COURT_NAME, kind=KeyKind.P256)
    (authority.folder / "request").write_bytes(made.request)
    authority.issue(authority.folder / "request", "seal")
    return made


def faults(content: bytes, begins: datetime | None = None) -> list[str]:
    chain = chain_in(content)
    own = x509.load_der_x509_certificate(chain[0])
    return [*chain_faults(chain, begins or own.not_valid_before_utc + DAY)]


def ends_of(authority: OpensslAuthority, name: str) -> datetime:
    return x509.load_pem_x509_certificate((authority.folder / f"{name}.pem").read_bytes()).not_valid_after_utc


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384, KeyKind.RSA2048])
def test_openssl_reads_the_request_and_finds_its_signature_good(kind: KeyKind, authority: OpensslAuthority) -> None:
    made = make_request(PASSWORD, court="632801", court_name=COURT_NAME, kind=kind)
    (authority.folder / "one.csr").write_bytes(made.request)
    said = authority.run("req", "-in", "one.csr", "-verify", "-noout", "-text", "-nameopt", "utf8")
    assert "verify OK" in said
    assert f"CN={COURT_NAME}" in said.replace(" = ", "=")
    assert "OU=632801" in said.replace(" = ", "=")
    assert "Digital Signature, Non Repudiation" in said
    assert requested_key(made.content) == made.key
    assert b"PRIVATE" not in made.request
    assert b"BEGIN PRIVATE KEY" not in made.content


def test_a_spoilt_request_is_refused_by_openssl(authority: OpensslAuthority, requested: Requested) -> None:
    """So that the test above means something."""
    der = bytearray(x509.load_pem_x509_csr(requested.request).public_bytes(Encoding.DER))
    der[60] ^= 1
    (authority.folder / "spoilt.csr").write_bytes(bytes(der))
    said = authority.run("req", "-inform", "DER", "-in", "spoilt.csr", "-verify", "-noout")
    assert ("failure" in said, "OK" in said) == (True, False)


def test_what_comes_back_becomes_a_key_file(authority: OpensslAuthority, requested: Requested) -> None:
    content = authority.chain("seal", "issuer", "root").read_bytes()
    assert faults(content) == []
    made = completed(requested.content, PASSWORD, chain_in(content))
    opened = open_key_file(made.content, PASSWORD)
    assert pem_chain(opened.certificate_pem) == pem_chain(content)
    with pytest.raises(WrongPassword):
        completed(requested.content, b"wrong", chain_in(content))


def test_a_certificate_of_another_key_completes_nothing(authority: OpensslAuthority, requested: Requested) -> None:
    other = make_request(PASSWORD, court="632801", court_name=COURT_NAME, kind=KeyKind.P256)
    with pytest.raises(KeyFileUnreadable, match="belong"):
        completed(other.content, PASSWORD, chain_in(authority.chain("seal", "issuer").read_bytes()))


def test_without_the_root_it_is_a_chain_too(authority: OpensslAuthority, requested: Requested) -> None:
    assert faults(authority.chain("seal", "issuer").read_bytes()) == []
    assert faults(authority.chain("seal").read_bytes()) == []


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ("issuer", "seal"),
            ["certificate 1: its key usage", "certificate 1: an authority", "2 issued 1", "2 may"],
        ),
        (("seal", "root"), ["certificate 2 issued 1"]),
        (("seal", "issuer", "issuer"), ["certificate 3 issued 2"]),
        (("seal", "seal"), ["certificate 2 issued 1", "certificate 2 may not issue"]),
    ],
)
def test_a_chain_out_of_order(
    names: tuple[str, ...], says: list[str], authority: OpensslAuthority, requested: Requested
) -> None:
    found = faults(authority.chain(*names).read_bytes())
    assert len(found) == len(says), found
    for one, part in zip(found, says, strict=True):
        assert part in one


def test_ended_and_weak_are_told_together(authority: OpensslAuthority, requested: Requested) -> None:
    authority.issue(authority.folder / "request", "weak", days=30, digest="sha1")
    found = faults(authority.chain("weak", "issuer").read_bytes(), ends_of(authority, "weak") + DAY)
    assert len(found) == 3, found
    assert "nothing shows that certificate 2 issued 1" in found[0]
    assert "certificate 1 ends on" in found[1]
    assert "SHA-1" in found[2]


def test_a_small_key_is_refused_by_name(authority: OpensslAuthority) -> None:
    words = ("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "small.key", "-out", "small.pem")
    authority.run(*words, "-subj", "/CN=x", "-config", "ca.cnf", "-extensions", "seal")
    found = faults((authority.folder / "small.pem").read_bytes())
    assert any("RSA of 2048 bits or more" in one for one in found)
    assert any("RSA-1024" in one for one in found)


def test_an_issuer_that_ends_first_is_told(authority: OpensslAuthority, requested: Requested) -> None:
    content = authority.chain("seal", "issuer", "root").read_bytes()
    ends = ends_of(authority, "seal")
    assert faults(content, ends) == []
    assert [one[:20] for one in faults(content, ends + DAY)] == ["certificate 1 ends o"]
    assert len(faults(content, ends + 20000 * DAY)) == 3


def test_bytes_that_are_no_chain(authority: OpensslAuthority) -> None:
    own = make_key_file(PASSWORD, court="x", court_name="x", not_before=AT, not_after=AT + DAY)
    for content in (b"", b"x" * (certification.LARGEST_CHAIN + 1), own.certificate_pem * 5):
        with pytest.raises(KeyFileUnreadable):
            chain_in(content)
    assert [*chain_faults([b"\x30\x03\x02\x01\x01"], AT)] == ["certificate 1 cannot be read (RFC 5280)"]


def test_what_is_made_here_is_told_from_what_an_authority_made(
    authority: OpensslAuthority, requested: Requested
) -> None:
    own = make_key_file(PASSWORD, court="632801", court_name=COURT_NAME, not_before=AT, not_after=AT + DAY)
    chain = pem_chain(own.certificate_pem)
    assert is_made_here(chain)
    issued = pem_chain(authority.chain("seal", "issuer", "root").read_bytes())
    for other in (issued, issued[:2], issued[:1], chain[:1], (chain[0], issued[2]), (issued[0], chain[1])):
        assert not is_made_here(other)
