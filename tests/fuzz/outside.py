"""Parsers of what others issue or keep: revocation data, certificates, key files, notes, national seals, links."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from asn1crypto import ocsp, pem
from asn1crypto import x509 as asn1_x509
from certomancer.registry import ServiceLabel
from cryptography.hazmat.primitives import serialization

from delivery import ledger_keys, settings
from delivery.journal.ledger import Cosigned
from signing import certificates, keys, ledger, links, notes, revocation
from signing.at_rest import AtRest, Encryption, NotOpened, new_key, read_keys
from signing.errors import KeyFileUnreadable, LedgerWrong
from signing.evidence import explanation_of
from signing.file_signer import make_log_key, open_log_key
from signing.national import keys as national_keys
from signing.national import ses, sm2
from signing.revocation import Kind, RevocationWrong
from signing.verifying import national as verifying
from signing.verifying import sm2 as arithmetic
from signing.verifying import trust
from signing.verifying.container import NotAPack, members
from tests.fuzz.target import Target
from tests.servers import PROJECT
from tests.signing import revoking, test_notes
from tests.signing.authorities import AT
from tests.signing.test_national import MESSAGE, SIGNED, SIGNER
from tests.signing.verifying.pki import Sealer

PASSWORD, NAME = b"a password", "0" * 64
BEGIN, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class World:
    """Of a public key infrastructure of another maker: certificates by name, a list, answers about two of them."""

    certificates: dict[str, bytes]
    listed: bytes
    answers: tuple[bytes, bytes]

    def chain(self, name: str) -> tuple[bytes, bytes]:
        return self.certificates[name], self.certificates["root"]


@cache
def world() -> World:
    with tempfile.TemporaryDirectory() as folder:
        pki = revoking.made(Path(folder), "http://127.0.0.1:9")
        registry = pki.arch.service_registry
        responder = registry.summon_responder(ServiceLabel("ocsp"), AT)
        questions = [ocsp.OCSPRequest.load(revocation.question(*pki.chain(name))) for name in ("seal", "gone")]
        seal, gone = (responder.build_ocsp_response(one).dump() for one in questions)
        names = ("root", "seal", "gone", "tsa", "ocsp")
        listed = registry.get_crl(ServiceLabel("root"), at_time=AT).dump()
        return World({name: pki.certificate(name) for name in names}, listed, (seal, gone))


# --- certificates and what revokes them -------------------------------------------------------------------------------


def given(kind: Kind) -> tuple[bytes, ...]:
    return (world().listed,) if kind is Kind.CRL else world().answers


@cache
def told(kind: Kind, name: str) -> tuple[object, ...]:
    return tuple(_told(kind, good, name) for good in given(kind))


def _told(kind: Kind, content: bytes, name: str) -> object:
    try:
        standing = revocation.judged(kind, content, *world().chain(name), AT)
    except RevocationWrong:
        return None
    return standing.this_update, standing.next_update, standing.revoked_at


def _revocation(kind: Kind) -> Target:
    def run(content: bytes) -> None:
        for name in ("seal", "gone"):
            found = _told(kind, content, name)
            assert found is None or found in told(kind, name), "a changed answer says something else, and is believed"

    return Target(given(kind), run)


def _certificate(content: bytes) -> None:
    """As one that is asked about, as the issuer of another, as a signer's."""
    own, issuer = world().chain("seal")
    for certificate, by in ((content, issuer), (own, content), (content, content)):
        for kind, data in ((Kind.CRL, world().listed), (Kind.OCSP, world().answers[0])):
            with suppress(RevocationWrong):
                revocation.judged(kind, data, certificate, by, AT)
        with suppress(RevocationWrong):
            revocation.question(certificate, by)
        with suppress(RevocationWrong):
            list(revocation.issued([certificate, by]))
    with suppress(RevocationWrong):
        revocation.points(content)
    with suppress(RevocationWrong):
        revocation.fingerprint(content)
    with suppress(ValueError):
        certificates.parsed(content)
    with suppress(KeyFileUnreadable):
        certificates.key_facts(content)
    with suppress(KeyFileUnreadable):
        certificates.is_signed(content, b"x", SIGNER.sign(b"x"))
    with suppress(KeyFileUnreadable):
        certificates.chain_pem((content,))


def _trusted(content: bytes) -> None:
    found = trust.trusting([content], AT)
    for one in (*found.anchors, *found.national):
        trust.called(one)


# --- key files --------------------------------------------------------------------------------------------------------


def _key_file(content: bytes) -> None:
    with suppress(KeyFileUnreadable):
        keys.open_signer(content, PASSWORD)
    with suppress(KeyFileUnreadable):
        certificates.pem_chain(content)
    with suppress(KeyFileUnreadable):
        open_log_key(content, PASSWORD)


@cache
def key_files() -> tuple[bytes, ...]:
    made = keys.make_key_file(PASSWORD, court="632801", court_name="某法院", not_before=BEGIN, not_after=END)
    plain = serialization.load_pem_private_key(keys.open_key_file(made.content, PASSWORD).private_key_pem, None)
    pkcs8 = plain.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.content, pkcs8 + made.certificate_pem, make_log_key(PASSWORD)


@cache
def national_key_file() -> bytes:
    return national_keys.make_key_file(PASSWORD, court_name="某法院", serial=1, not_before=BEGIN, not_after=END)


def _national_key_file(content: bytes) -> None:
    national_keys.open_key_file(content, PASSWORD)()


# --- national seals ---------------------------------------------------------------------------------------------------


@cache
def sm2_seals() -> tuple[bytes, bytes]:
    return SIGNER.sign(MESSAGE), SIGNER.sign(b"another message")


def _sm2(content: bytes) -> None:
    good = content == sm2_seals()[0]
    assert sm2.verify(sm2.point_of(SIGNER.chain[0]), MESSAGE, content) is good
    with suppress(ValueError):
        fits = arithmetic.fits(asn1_x509.Certificate.load(SIGNER.chain[0]), MESSAGE, content)
        assert fits is good, "a signature that nobody made"


def _sm2_certificate(content: bytes) -> None:
    with suppress(KeyFileUnreadable):
        sm2.point_of(content)
    with suppress(KeyFileUnreadable):
        sm2.validity_of(content)
    with suppress(ValueError):
        found = asn1_x509.Certificate.load(content, strict=True)
        arithmetic.on_curve(found)
        arithmetic.fits(found, MESSAGE, sm2_seals()[0])


def _ses(content: bytes) -> None:
    with suppress(ses.SealWrong):
        found = ses.check_signature(content, MESSAGE)  # in whatever encoding, outside of what is signed
        assert found == ses.check_signature(SIGNED, MESSAGE), "a seal that nobody made"
    with suppress(ValueError, TypeError, IndexError):  # as whoever calls it does
        seal = verifying._read(content)
        faults = list(verifying._faults(seal, MESSAGE))
        assert faults or content == SIGNED, "a seal that nobody made"


# --- the ledger -------------------------------------------------------------------------------------------------------


@cache
def _witnessed() -> Callable[[bytes], tuple[Cosigned, ...]]:
    local = settings.load(PROJECT / "config" / "local.toml", {})
    made = replace(local, ledger_origin=test_notes.LOG.name, witnesses=(str(test_notes.WITNESS),))
    return ledger_keys.cosigned_by(made)


def _cosigned(content: bytes) -> None:
    """The body of /log/cosignature."""
    for one in _witnessed()(content):
        assert (one.size, one.root) == (test_notes.CHECKPOINT.size, test_notes.CHECKPOINT.root), "a forged cosignature"


def _note(content: bytes) -> None:
    keys = [test_notes.LOG, test_notes.WITNESS]
    note = notes.read_note(content)
    if notes.proven(note, keys):
        assert note.text == test_notes.CHECKPOINT.text(), "proven, though it was changed"


def _tile(content: bytes) -> None:
    hashes = ledger.split_hashes(content)
    for index in (0, 1, 200):
        with suppress(LedgerWrong):
            ledger.included_root(hashes[0], index, len(hashes), hashes)
        with suppress(LedgerWrong):
            ledger.consistent(index, hashes[0], len(hashes), hashes[-1], hashes[1:])


# --- what is kept, and links ------------------------------------------------------------------------------------------

STORE = AtRest((bytes(32), bytes([1]) * 32), Encryption.SM4_GCM)
KEPT = STORE.put_away(b"content", NAME), replace(STORE, encryption=Encryption.AES_256_GCM).put_away(b"content", NAME)


def _kept(content: bytes) -> None:
    assert STORE.take_out(content, NAME) == b"content", "opened, though it was changed"


def _document_keys(content: bytes) -> None:
    read_keys(content.decode("utf-8", "replace"))


TOKEN = links.make_token(bytes(32), link=bytes(8), attempt="a", purpose="p", expires_at=AT)
PASS = links.make_pass(bytes(32), bytes(8), AT)


def _link(content: bytes) -> None:
    text = content.decode("utf-8", "surrogateescape")
    genuine = links.token_is_genuine(bytes(32), text, attempt="a", purpose="p", expires_at=AT)
    assert genuine is (text == TOKEN), "a forged link"
    links.split_token(text)
    passed = links.pass_is_valid([bytes([1]) * 32, bytes(32)], text, bytes(8), AT, timedelta(hours=1))
    assert passed is (text == PASS), "a forged pass"


def targets(evidence: bytes, pack: bytes, court: Sealer) -> dict[str, Target]:
    national = (SIGNER.chain[0], world().certificates["root"])
    pems = (court.chain_pem, bytes(pem.armor("CERTIFICATE", SIGNER.chain[0])), *world().chain("seal"))
    notes_given = (test_notes.COSIGNED, test_notes.NOTE)
    lists = tuple(f"# keys\n{new_key()}\n{new_key()} # old\n".encode() for _ in range(2))
    return {
        "revocation list": _revocation(Kind.CRL),
        "OCSP answer": _revocation(Kind.OCSP),
        "certificate": Target(tuple(world().certificates.values()), _certificate),
        "trust": Target(pems, _trusted, (trust.NoCertificate,)),
        "key file": Target(key_files(), _key_file),
        "national key file": Target((national_key_file(),), _national_key_file, (KeyFileUnreadable,)),
        "SM2 signature": Target(sm2_seals(), _sm2),
        "SM2 certificate": Target(national, _sm2_certificate),
        "electronic seal": Target((SIGNED,), _ses),
        "cosignature": Target(notes_given, _cosigned, (ValueError,)),
        "note of several": Target(notes_given, _note, (LedgerWrong,)),
        "tile": Target((bytes(range(64)), bytes(32 * 5)), _tile, (LedgerWrong,)),
        "kept": Target(KEPT, _kept, (NotOpened,)),
        "document keys": Target(lists, _document_keys, (KeyFileUnreadable,)),
        "link or pass": Target((TOKEN.encode(), PASS.encode()), _link),
        "evidence": Target((evidence,), explanation_of, (ValueError,)),
        "container": Target((pack,), members, (NotAPack,)),
    }
