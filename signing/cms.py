"""The signature itself: a CAdES-BES container (RFC 5652, RFC 5035) for one kept P-256 key, as PAdES B-B wants it.

All but three values is the same for each signature of a key: message digest, signed attributes, signature. So the
rest is encoded once, and a signature costs some joining of bytes instead of milliseconds of ASN.1 objects.
"""

from __future__ import annotations

import hashlib

from asn1crypto import algos, cms, tsp
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SEQUENCE, SET, OCTETS, TAGGED_0 = 0x30, 0x31, 0x04, 0xA0
VERSION_1 = b"\x02\x01\x01"


class CmsSigner:
    """Signs SHA-256 digests of documents with one key; `chain` begins with the key's certificate."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: list[x509.Certificate]) -> None:
        own, encoded = chain[0], [one.public_bytes(serialization.Encoding.DER) for one in chain]
        self._key = key
        self._digest = algos.DigestAlgorithm({"algorithm": "sha256"})
        self._mechanism = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
        self._fixed = [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}).dump(),
            _certificate_attribute(encoded[0]),
            self._algorithm_attribute(),
        ]
        # CertificateSet is a SET OF: DER sorts it by its encodings (X.690 §11.6).
        self._certificates = _der(TAGGED_0, *sorted(encoded))
        serial = cms.Integer(own.serial_number).dump()
        self._signer_id = _der(SEQUENCE, own.issuer.public_bytes(), serial)

    def sign(self, digest: bytes) -> bytes:
        """The DER of the ContentInfo over a document whose SHA-256 is `digest` (32 bytes)."""
        attributes = sorted([*self._fixed, cms.CMSAttribute({"type": "message_digest", "values": [digest]}).dump()])
        # Signed as a SET, stored under [0] (RFC 5652 §5.4).
        signature = self._key.sign(_der(SET, *attributes), ec.ECDSA(hashes.SHA256()))
        algorithm = self._digest.dump()
        signer = _der(
            SEQUENCE,
            VERSION_1,
            self._signer_id,
            algorithm,
            _der(TAGGED_0, *attributes),
            self._mechanism.dump(),
            _der(OCTETS, signature),
        )
        detached = _der(SEQUENCE, cms.ContentType("data").dump())
        signed = _der(SEQUENCE, VERSION_1, _der(SET, algorithm), detached, self._certificates, _der(SET, signer))
        return _der(SEQUENCE, cms.ContentType("signed_data").dump(), _der(TAGGED_0, signed))

    def _algorithm_attribute(self) -> bytes:
        """RFC 6211: which algorithms were meant is signed too, so that nobody swaps them."""
        protection = cms.CMSAlgorithmProtection(
            {"digest_algorithm": self._digest, "signature_algorithm": self._mechanism}
        )
        encoded: bytes = cms.CMSAttribute({"type": "cms_algorithm_protection", "values": [protection]}).dump()
        return encoded


def _certificate_attribute(certificate: bytes) -> bytes:
    """Signing-certificate-v2 (RFC 5035 §4): the seal's certificate cannot be exchanged for another of the same key."""
    named = tsp.ESSCertIDv2({"cert_hash": hashlib.sha256(certificate).digest()})
    value = tsp.SigningCertificateV2({"certs": [named]})
    encoded: bytes = cms.CMSAttribute({"type": "signing_certificate_v2", "values": [value]}).dump()
    return encoded


def _der(tag: int, *parts: bytes) -> bytes:
    """One DER value (X.690 §8.1): tag, length, the parts joined."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + body
