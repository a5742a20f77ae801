"""The keys of the seal bench, by name: recipes, which travel to other processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from signing.file_signer import PemKey, Recipe, private_pem
from signing.keys import KeyKind, make_key_file
from tests.signing import authority
from tests.signing.conftest import COURT_NAME, PASSWORD
from tests.tokens import softhsm

_KINDS = {"P-256": "p256", "RSA-2048": "rsa2048", "RSA-3072": "rsa3072"}
_ON_TOKEN = {"SoftHSM2, P-256": (KeyKind.P256, "01"), "SoftHSM2, RSA-2048": (KeyKind.RSA2048, "02")}
KEYS = (*_KINDS, *_ON_TOKEN)


def _recipe(kind: str) -> PemKey:
    chain = authority.made().signer(kind).chain
    pems = (x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM) for der in chain)
    return PemKey(private_pem(authority.key_of(kind), None), b"".join(pems))


RECIPES: dict[str, Recipe] = {name: _recipe(kind) for name, kind in _KINDS.items()}


@contextmanager
def on_token(folder: Path) -> Iterator[dict[str, Recipe]]:
    """The same for keys on a SoftHSM2 token in that folder, which is there while the context lasts."""
    validity = {"not_before": datetime(2025, 1, 1, tzinfo=UTC), "not_after": datetime(2045, 1, 1, tzinfo=UTC)}
    with softhsm(folder, "bench") as token:
        for name, (kind, key_id) in _ON_TOKEN.items():
            keys = make_key_file(PASSWORD, court="bench", court_name=COURT_NAME, kind=kind, **validity)
            token.put(keys, PASSWORD, label=name, key_id=key_id)
        yield {name: token.key(name) for name in _ON_TOKEN}
