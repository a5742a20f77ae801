"""The keys of the seal bench, by name: recipes, which travel to other processes. A token's recipe joins here."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from signing.file_signer import PemKey, Recipe, private_pem
from tests.signing import authority

_KINDS = {"P-256": "p256", "RSA-2048": "rsa2048", "RSA-3072": "rsa3072"}


def _recipe(kind: str) -> PemKey:
    chain = authority.made().signer(kind).chain
    pems = (x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM) for der in chain)
    return PemKey(private_pem(authority.key_of(kind), None), b"".join(pems))


RECIPES: dict[str, Recipe] = {name: _recipe(kind) for name, kind in _KINDS.items()}
