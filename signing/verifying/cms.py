"""What a CMS container (RFC 5652) holds outside its signature, and what must hold of it all the same.

The signature covers the signed attributes alone. Whoever changes another byte of the container leaves the signature
valid; these rules find it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asn1crypto import cms, x509
from cryptography import x509 as parsed
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from signing.verifying.report import Says


def faults(container: bytes, anchors: Iterable[x509.Certificate]) -> Iterator[Says]:
    """Everything in the container that is not as it was made. Raises ValueError for bytes that are no container."""
    info = cms.ContentInfo.load(container, strict=True)
    if info["content_type"].native != "signed_data":
        yield Says("不是签名数据", "this is no signed data")
        return
    signed = info["content"]
    yield from _structure(signed)
    yield from _certificates(signed, anchors)
    for signer in signed["signer_infos"]:
        yield from _signer(signer)
    yield from _encoding(info, container)


def _structure(signed: cms.SignedData) -> Iterator[Says]:
    if len(signed["signer_infos"]) != 1:
        yield Says("应当只有一个签名者", "there should be one signer")
    named = {one["algorithm"].dotted for one in signed["digest_algorithms"]}
    used = {one["digest_algorithm"]["algorithm"].dotted for one in signed["signer_infos"]}
    if named != used:  # RFC 5652 §5.1
        yield Says("摘要算法前后不一", "the digest algorithms named and used differ")
    if signed["version"].native != _version(signed):
        yield Says("版本号有误", "the version is wrong")


def _version(signed: cms.SignedData) -> str:
    """RFC 5652 §5.1, as far as our kinds of content go."""
    plain = signed["encap_content_info"]["content_type"].native == "data"
    by_key = any(one["sid"].name == "subject_key_identifier" for one in signed["signer_infos"])
    return "v1" if plain and not by_key else "v3"


def _signer(signer: cms.SignerInfo) -> Iterator[Says]:
    expected = "v1" if signer["sid"].name == "issuer_and_serial_number" else "v3"  # RFC 5652 §5.3
    if signer["version"].native != expected:
        yield Says("签名者版本号有误", "the version of the signer is wrong")
    for attribute in signer["unsigned_attrs"]:
        name = attribute["type"].native
        if name[:1].isdigit():
            yield Says(f"含有未知的未签名属性 {name}", f"an unsigned attribute that nobody knows: {name}")


def _certificates(signed: cms.SignedData, anchors: Iterable[x509.Certificate]) -> Iterator[Says]:
    """Nobody signed the set of certificates, but each certificate is signed by its issuer."""
    held = [one.chosen for one in signed["certificates"] if one.name == "certificate"]
    if len(held) != len(signed["certificates"]):
        yield Says("含有无法识别的证书", "a certificate of an unknown kind")
    for _ in changed_certificates(held, anchors):
        yield Says("随附证书已被改动", "a certificate in the container was changed")


def changed_certificates(
    held: Sequence[x509.Certificate], anchors: Iterable[x509.Certificate]
) -> Iterator[x509.Certificate]:
    """Those of the certificates that are not as their issuers signed them."""
    issuers = [*held, *anchors]
    for one in held:
        named = [issuer for issuer in issuers if issuer.subject == one.issuer]
        altered = any(_same_but_for_bytes(one, other) for other in issuers)
        if altered or (named and not any(_issued(one, issuer) for issuer in named)):
            yield one


def _same_but_for_bytes(one: x509.Certificate, other: x509.Certificate) -> bool:
    """One key under one number is one certificate; a cross-certificate of the same key has a number of its own."""
    same = one.serial_number == other.serial_number and one.public_key.dump() == other.public_key.dump()
    return bool(same and one.dump() != other.dump())


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        _parsed(certificate).verify_directly_issued_by(_parsed(issuer))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _parsed(certificate: x509.Certificate) -> parsed.Certificate:
    return parsed.load_der_x509_certificate(certificate.dump())


def _encoding(info: cms.ContentInfo, container: bytes) -> Iterator[Says]:
    """One value has one DER encoding (X.690 §10): what was encoded otherwise is taken for changed where it claims DER,
    that is, wherever no indefinite length stands in it.
    """
    if container[1] == 0x80:
        return
    if cms.ContentInfo.load(container).copy().dump(force=True) != container:
        yield Says("编码不规范", "it is not encoded as DER asks")
