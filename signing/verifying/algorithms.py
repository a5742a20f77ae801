"""Whether the algorithms of a signature still prove anything: the policy's word, in the words of a verification."""

from __future__ import annotations

from datetime import date

from asn1crypto import x509

from signing.policy import judge
from signing.verifying.report import Says


def weakness(certificate: x509.Certificate, digest: str, on: date) -> Says | None:
    """Why a signature by the key of this certificate over a hash of that name is refused on that day, or None."""
    name, bits = _key(certificate)
    ruling = judge(name, bits, digest, on)
    return None if ruling.ok else Says(ruling.reason_zh, ruling.reason_en)


def _key(certificate: x509.Certificate) -> tuple[str, int]:
    key = certificate.public_key
    name = {"rsassa_pss": "rsa", "ec": "ecdsa"}.get(key.algorithm, key.algorithm)
    return name, key.bit_size or 256
