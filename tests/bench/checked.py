"""A cheap judge of each signed PDF that the bench counts: asn1crypto reads, cryptography verifies, nothing is ours."""

from __future__ import annotations

import hashlib
import re

from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


def assert_signed(output: bytes, source: bytes, certificate: bytes) -> None:
    """Raises AssertionError unless `output` begins with `source` and ends with one revision that signs all of it, by
    the key of `certificate` (DER). pyHanko's validator looks at some of them more closely.
    """
    assert output.startswith(source)
    [ranges] = _RANGE.findall(output, len(source))
    zero, gap, behind, rest = map(int, ranges)
    assert (zero, behind + rest) == (0, len(output))
    assert (output[gap : gap + 1], output[behind - 1 : behind]) == (b"<", b">")
    content = cms.ContentInfo.load(bytes.fromhex(output[gap + 1 : behind - 1].decode()))["content"]
    [signer] = content["signer_infos"]
    attributes = {each["type"].native: each["values"][0].native for each in signer["signed_attrs"]}
    assert attributes["message_digest"] == hashlib.sha256(output[:gap] + output[behind:]).digest()
    assert certificate in [each.dump() for each in content["certificates"]]
    _verify(certificate, signer["signature"].native, signer["signed_attrs"].untag().dump())


def _verify(certificate: bytes, signature: bytes, signed: bytes) -> None:
    """Raises InvalidSignature."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), SHA256())
    else:
        assert isinstance(key, ec.EllipticCurvePublicKey)
        key.verify(signature, signed, ec.ECDSA(SHA256()))
