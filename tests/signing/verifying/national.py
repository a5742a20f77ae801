"""An SM2 key of a court, and packs with its second seals."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from asn1crypto import pem, x509

from signing.national import keys, sm2
from signing.national.second import second_seals
from signing.national.sm2 import Sm2Signer
from signing.pack import PackContent
from tests.signing.verifying import packs
from tests.signing.verifying.pki import AT

PROOF, PLAIN, STRUCTURED = "proof.pdf", "seals/proof.pdf.sm2", "seals/proof.pdf.ses"


def signer(*, until: datetime = datetime(2045, 1, 1, tzinfo=UTC)) -> Sm2Signer:
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    made = keys.make_key_file(b"x", court_name="示例市滨江区人民法院", serial=7, not_before=begin, not_after=until)
    return keys.open_key_file(made, b"x")()


@cache
def ours() -> Sm2Signer:
    return signer()


def certificate(of: Sm2Signer) -> x509.Certificate:
    return x509.Certificate.load(of.chain[0])


def anchor(of: Sm2Signer) -> bytes:
    return bytes(pem.armor("CERTIFICATE", of.chain[0]))


def sealed_twice(pack: packs.Pack, by: Sm2Signer, at: datetime = AT) -> packs.Members:
    """The members of the pack with second seals over its PDFs."""
    documents = {name: one for name, one in pack.members.items() if name.startswith("documents/")}
    content = PackContent(
        documents=tuple((name[len("documents/") : -len(".pdf")], one) for name, one in documents.items()),
        proof=pack.members[PROOF],
        evidence=b"",
    )
    seals = second_seals(content, by, court="632801", court_name="示例市滨江区人民法院", label="电子章", at=at)
    return {
        **pack.members,
        "certificates/sm2.der": seals.certificate,
        **{f"seals/{name}.sm2": seal for name, seal in seals.sm2},
        STRUCTURED: seals.ses,
    }


def signed_as(identifier: bytes, message: bytes) -> bytes:
    """By the same key, for somebody who calls himself otherwise."""
    by = ours()
    r, s = sm2._core().sign(message, by._key, identifier, sm2._coordinates(by._point))
    return bytes(sm2._Pair({"r": int(r), "s": int(s)}).dump())
