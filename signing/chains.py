"""The certificates that a signature came with, put in order: who signed first, then who issued that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from asn1crypto import cms, x509

LONGEST = 8


def chains_of(container: bytes, others: Sequence[bytes] = ()) -> Iterator[tuple[bytes, ...]]:
    """The chain (DER) of the one who signed this CMS container, then of whoever stamped the signature inside it.

    `others`: certificates from elsewhere that may be issuers. Raises what asn1crypto raises on what is no container.
    """
    signed = cms.ContentInfo.load(container)["content"]
    held = [one.chosen for one in signed["certificates"] if one.name == "certificate"]
    known = [*held, *(x509.Certificate.load(other) for other in others)]
    for signer in signed["signer_infos"]:
        if (own := signer_certificate(signer, held)) is not None:
            yield tuple(one.dump() for one in _ordered(own, known))
        for token in tokens_of(signer):
            yield from chains_of(token, others)


def tokens_of(signer: Any) -> Iterator[bytes]:
    """The timestamps (DER) on this signature (RFC 3161, appendix A)."""
    for attribute in signer["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            yield from (token.dump() for token in attribute["values"])


def signer_certificate(signer: Any, held: Iterable[Any]) -> Any:
    """The certificate (asn1crypto) that a SignerInfo names, or None."""
    sid = signer["sid"]
    for one in held:
        if sid.name == "subject_key_identifier":
            if one.key_identifier == sid.native:
                return one
        elif (one.issuer, one.serial_number) == (sid.chosen["issuer"], sid.chosen["serial_number"].native):
            return one
    return None


def _ordered(own: Any, known: Sequence[Any]) -> Iterator[Any]:
    """Up to an anchor, or as far as it is known."""
    for _ in range(LONGEST):
        yield own
        issuer = next((one for one in known if one.subject == own.issuer), None)
        if issuer is None or own.subject == own.issuer:
            return
        own = issuer
