"""Seals per second in one process: ours beside plain pyHanko, on the same one-page letter.

Ours draws the seal, looks for its place and signs. Plain pyHanko signs only: once with a signer that keeps its loaded
key, once with its own SimpleSigner, which loads the key for each signature. A figure counts only when the last output
of its kind is accepted by pyHanko's validator. Run: python -m tests.bench.seal_speed [COUNT]
"""

from __future__ import annotations

import asyncio
import io
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from asn1crypto import keys as asn1_keys
from asn1crypto import pem, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_cms import Signer, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.keys import OpenedKeys, make_key_file, open_key_file
from signing.pdf import load_seal, seal
from tests.signing import documents, judges
from tests.signing.conftest import AT, COURT_NAME, LABEL

COUNT = 100


@dataclass(frozen=True)
class SealSpeed:
    """Seals per second of one way to make them."""

    way: str
    per_second: float


class KeptKeySigner(Signer):
    """The baseline: pyHanko with a key that is loaded once."""

    def __init__(self, keys: OpenedKeys) -> None:
        own, others = chain(keys)
        super().__init__(signing_cert=own, cert_registry=SimpleCertificateStore.from_certs(others))
        self._key = serialization.load_pem_private_key(keys.private_key_pem, None)

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        assert isinstance(self._key, ec.EllipticCurvePrivateKey)
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))


def chain(keys: OpenedKeys) -> tuple[x509.Certificate, list[x509.Certificate]]:
    own, *others = (x509.Certificate.load(der) for _, _, der in pem.unarmor(keys.certificate_pem, multiple=True))
    return own, others


def simple_signer(keys: OpenedKeys) -> Signer:
    own, others = chain(keys)
    _, _, der = pem.unarmor(keys.private_key_pem)
    return SimpleSigner(own, asn1_keys.PrivateKeyInfo.load(der), SimpleCertificateStore.from_certs(others))


def plain_pyhanko(content: bytes, signer: Signer) -> bytes:
    meta = signers.PdfSignatureMetadata(field_name="S", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES)
    writer = IncrementalPdfFileWriter(io.BytesIO(content))
    output = asyncio.run(signers.PdfSigner(meta, signer).async_sign_pdf(writer))
    result: bytes = output.getvalue()
    return result


def measure(count: int = COUNT) -> list[SealSpeed]:
    """Seal a letter `count` times in each way. Raises AssertionError when a validator refuses an output."""
    validity = datetime(2025, 1, 1, tzinfo=UTC), datetime(2045, 1, 1, tzinfo=UTC)
    file = make_key_file(b"bench", court="b", court_name=COURT_NAME, not_before=validity[0], not_after=validity[1])
    keys = open_key_file(file.content, b"bench")
    ours = load_seal(keys.private_key_pem, keys.certificate_pem, COURT_NAME, LABEL)
    kept, simple = KeptKeySigner(keys), simple_signer(keys)
    letter = documents.reportlab_letter()
    ways: dict[str, Callable[[], bytes]] = {
        "songda, seal drawn and placed": lambda: seal(letter, ours, at=AT, reason="bench", location="bench"),
        "pyHanko, key kept, nothing drawn": lambda: plain_pyhanko(letter, kept),
        "pyHanko, SimpleSigner, nothing drawn": lambda: plain_pyhanko(letter, simple),
    }
    return [SealSpeed(way, _speed(make, count, keys.certificate_pem)) for way, make in ways.items()]


def _speed(make: Callable[[], bytes], count: int, certificate_pem: bytes) -> float:
    last = make()
    begun = time.perf_counter()
    for _ in range(count):
        last = make()
    taken = time.perf_counter() - begun
    assert judges.pyhanko_accepts(last, certificate_pem)
    return count / taken


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    for speed in measure(count):
        print(f"{speed.way:<40} {speed.per_second:7.1f} seals/s  ({count} of one page, P-256, one process)")


if __name__ == "__main__":
    main()
