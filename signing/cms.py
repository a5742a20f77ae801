"""The signature itself: a CAdES container (RFC 5652, RFC 5035) as PAdES wants it, for any key behind the Signer port.

All but three values is the same for each signature of a key: message digest, signed attributes, signature. So the
rest is encoded once, and a signature costs some joining of bytes instead of milliseconds of ASN.1 objects.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from asn1crypto import algos, cms, tsp
from asn1crypto.x509 import Certificate

from signing.errors import KeyFileUnreadable
from signing.signer import Algorithm, Signer

SEQUENCE, SET, OCTETS, TAGGED_0 = 0x30, 0x31, 0x04, 0xA0
VERSION_1 = b"\x02\x01\x01"
OPENING = 32
"""Octets around the token where it stands in the container: tags and lengths of attribute, set and [1]."""


@dataclass(frozen=True)
class _Suite:
    """How CMS names a signer's algorithm. The digest of the document is the signature's own, as RFC 5754 §3 has it."""

    digest: str
    mechanism: str


_SUITES = {
    Algorithm.ECDSA_P256_SHA256: _Suite("sha256", "sha256_ecdsa"),
    Algorithm.ECDSA_P384_SHA384: _Suite("sha384", "sha384_ecdsa"),
    Algorithm.RSA_PKCS1_SHA256: _Suite("sha256", "sha256_rsa"),
}


class CmsSigner:
    """Signs digests of documents with one key; `digest_name` tells which hash, in hashlib's words.

    Raises KeyFileUnreadable for a key whose signatures readers of PDF do not know (Ed25519, SM2).
    """

    def __init__(self, signer: Signer) -> None:
        if signer.algorithm not in _SUITES:
            raise KeyFileUnreadable(f"a PDF cannot be sealed with {signer.algorithm}")
        suite, own = _SUITES[signer.algorithm], Certificate.load(signer.chain[0])
        self.digest_name = suite.digest
        self._signer = signer
        self._largest = _largest_signature(own)
        digest = algos.DigestAlgorithm({"algorithm": suite.digest})
        mechanism = algos.SignedDigestAlgorithm({"algorithm": suite.mechanism})
        self._digest, self._mechanism = digest.dump(), mechanism.dump()
        self._fixed = [
            cms.CMSAttribute({"type": "content_type", "values": ["data"]}).dump(),
            _certificate_attribute(signer.chain[0]),
            _algorithm_attribute(digest, mechanism),
        ]
        self._digest_type = cms.CMSAttributeType("message_digest").dump()
        # CertificateSet is a SET OF: DER sorts it by its encodings (X.690 §11.6).
        self._certificates = _der(TAGGED_0, *sorted(signer.chain))
        self._signer_id = _der(SEQUENCE, own.issuer.dump(), own["tbs_certificate"]["serial_number"].dump())
        self._detached = _der(SEQUENCE, cms.ContentType("data").dump())
        self._signed_data = cms.ContentType("signed_data").dump()

    def sign(self, digest: bytes) -> bytes:
        """The DER of the ContentInfo over a document with this digest. Raises SigningError when the key fails."""
        attributes = self._attributes(digest)
        # Signed as a SET, stored under [0] (RFC 5652 §5.4).
        return self._container(attributes, self._signer.sign(_der(SET, *attributes)))

    def room(self, token: int = 0) -> int:
        """Octets that the longest container of this key takes, with a timestamp token of `token` octets in it."""
        digest = bytes(hashlib.new(self.digest_name).digest_size)
        return len(self._container(self._attributes(digest), bytes(self._largest))) + (token + OPENING if token else 0)

    def _attributes(self, digest: bytes) -> list[bytes]:
        message_digest = _der(SEQUENCE, self._digest_type, _der(SET, _der(OCTETS, digest)))
        return sorted([*self._fixed, message_digest])

    def _container(self, attributes: list[bytes], signature: bytes) -> bytes:
        signer = _der(
            SEQUENCE,
            VERSION_1,
            self._signer_id,
            self._digest,
            _der(TAGGED_0, *attributes),
            self._mechanism,
            _der(OCTETS, signature),
        )
        signed = _der(
            SEQUENCE, VERSION_1, _der(SET, self._digest), self._detached, self._certificates, _der(SET, signer)
        )
        return _der(SEQUENCE, self._signed_data, _der(TAGGED_0, signed))


def signature_value(container: bytes) -> bytes:
    """The SignatureValue of a container with one signer: what a signature timestamp is over (RFC 3161, appendix A)."""
    value: bytes = _only_signer(cms.ContentInfo.load(container))["signature"].native
    return value


def with_token(container: bytes, token: bytes) -> bytes:
    """The container with a timestamp token (DER) as its one unsigned attribute (ETSI EN 319 122-1 §5.3)."""
    info = cms.ContentInfo.load(container)
    attribute = {"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token, strict=True)]}
    _only_signer(info)["unsigned_attrs"] = cms.CMSAttributes([cms.CMSAttribute(attribute)])
    encoded: bytes = info.dump()
    return encoded


def _only_signer(info: cms.ContentInfo) -> cms.SignerInfo:
    (signer,) = info["content"]["signer_infos"]
    return signer


def _largest_signature(certificate: Certificate) -> int:
    """RSA signatures are as long as the modulus; ECDSA ones are a SEQUENCE of two INTEGERs (RFC 3279 §2.2.3)."""
    key = certificate.public_key
    octets = (int(key.bit_size) + 7) // 8
    return octets if key.algorithm == "rsa" else 2 * (octets + 3) + 4


def _algorithm_attribute(digest: algos.DigestAlgorithm, mechanism: algos.SignedDigestAlgorithm) -> bytes:
    """RFC 6211: which algorithms were meant is signed too, so that nobody swaps them."""
    protection = cms.CMSAlgorithmProtection({"digest_algorithm": digest, "signature_algorithm": mechanism})
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
