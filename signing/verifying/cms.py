"""What a CMS container (RFC 5652) holds outside its signature, and what must hold of it all the same.

The signature covers the signed attributes alone. Whoever changes another byte of the container leaves the signature
valid; these rules find it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from asn1crypto import cms, core, x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import (
    Certificate,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
)

from signing.verifying.report import Says

CONSTRUCTED, INDEFINITE = 0x20, 0x80


def faults(container: bytes, anchors: Iterable[x509.Certificate]) -> Iterator[Says]:
    """Everything in the container that is not as it was made. Raises ValueError for bytes that are no container."""
    info = cms.ContentInfo.load(container, strict=True)
    if info["content_type"].native != "signed_data":
        yield Says("不是签名数据", "this is no signed data")
        return
    signed = info["content"]
    if any(_holds_more(one) for one in _unsigned(info)):
        yield Says("含有无人读取的内容", "there is something in it that nobody reads")
    yield from _structure(signed)
    yield from _certificates(signed, anchors)
    for signer in signed["signer_infos"]:
        yield from _signer(signer, signed)
        yield from _tokens(signer, anchors)
    yield from _encoding(container)


def _structure(signed: cms.SignedData) -> Iterator[Says]:
    if len(signed["signer_infos"]) != 1:
        yield Says("应当只有一个签名者", "there should be one signer")
    named = [one["algorithm"].dotted for one in signed["digest_algorithms"]]
    used = [one["digest_algorithm"]["algorithm"].dotted for one in signed["signer_infos"]]
    if named != used:  # RFC 5652 §5.1
        yield Says("摘要算法前后不一", "the digest algorithms named and used differ")
    if signed["version"].native != _version(signed):
        yield Says("版本号有误", "the version is wrong")


def _unsigned(info: cms.ContentInfo) -> Iterator[core.Sequence]:
    """The sequences that no signature covers."""
    signed = info["content"]
    yield from (info, signed, signed["encap_content_info"], *signed["digest_algorithms"])
    for signer in signed["signer_infos"]:
        yield from (signer, signer["digest_algorithm"], signer["signature_algorithm"], *signer["unsigned_attrs"])
        if signer["sid"].name == "issuer_and_serial_number":
            yield signer["sid"].chosen


def _holds_more(value: core.Sequence) -> bool:
    """Whether there is anything behind its fields: asn1crypto passes over it."""
    return bool(b"".join(value[name].dump() for name in value) != value.contents)


def _version(signed: cms.SignedData) -> str:
    """RFC 5652 §5.1, as far as our kinds of content go."""
    plain = signed["encap_content_info"]["content_type"].native == "data"
    by_key = any(one["sid"].name == "subject_key_identifier" for one in signed["signer_infos"])
    return "v1" if plain and not by_key else "v3"


def _signer(signer: cms.SignerInfo, signed: cms.SignedData) -> Iterator[Says]:
    if not _names_its_certificate(signer["sid"], signed):
        yield Says("签名者标识与证书不符", "the signer is not named as its certificate is")
    for algorithm in (signer["digest_algorithm"], *signed["digest_algorithms"], signer["signature_algorithm"]):
        if not _plain_parameters(algorithm):
            yield Says("算法参数有误", "an algorithm has parameters that do not belong to it")
    expected = "v1" if signer["sid"].name == "issuer_and_serial_number" else "v3"  # RFC 5652 §5.3
    if signer["version"].native != expected:
        yield Says("签名者版本号有误", "the version of the signer is wrong")
    for attribute in signer["unsigned_attrs"]:
        name = attribute["type"].native
        if name[:1].isdigit():
            yield Says(f"含有未知的未签名属性 {name}", f"an unsigned attribute that nobody knows: {name}")


def _tokens(signer: cms.SignerInfo, anchors: Iterable[x509.Certificate]) -> Iterator[Says]:
    """Timestamps in the container are containers too."""
    for attribute in signer["unsigned_attrs"]:
        if attribute["type"].native == "signature_time_stamp_token":
            for token in attribute["values"]:
                yield from faults(token.dump(), anchors)


def _names_its_certificate(sid: cms.SignerIdentifier, signed: cms.SignedData) -> bool:
    """Byte for byte: readers compare names and are lenient about it."""
    held = [one.chosen for one in signed["certificates"] if one.name == "certificate"]
    if not held:
        return True  # it came from elsewhere, and the signature was found good by it
    if sid.name == "subject_key_identifier":
        return any(one.key_identifier == sid.native for one in held)
    named = sid.chosen
    return any(
        one.serial_number == named["serial_number"].native and one.issuer.dump() == named["issuer"].dump()
        for one in held
    )


def _plain_parameters(algorithm: core.Sequence) -> bool:
    """Absent or NULL (RFC 5754 §2), but for RSASSA-PSS, whose parameters the signature itself depends on."""
    said = algorithm["parameters"]
    return isinstance(said, core.Void | core.Null) or algorithm["algorithm"].native == "rsassa_pss"


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
        named = [issuer for issuer in issuers if _names(one, issuer)]
        altered = any(_same_but_for_bytes(one, other) for other in issuers)
        if altered or (named and not any(_issued(one, issuer) for issuer in named)):
            yield one


def _names(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """By name and, where both tell it, by key (RFC 5280 §4.2.1.1): an issuer keeps its name when it changes its key,
    and what the former key signed is no forgery.
    """
    told = (one.authority_key_identifier, issuer.key_identifier)
    return bool(issuer.subject == one.issuer and (None in told or told[0] == told[1]))


def _same_but_for_bytes(one: x509.Certificate, other: x509.Certificate) -> bool:
    """One key under one number is one certificate; a cross-certificate of the same key has a number of its own."""
    same = one.serial_number == other.serial_number and one.public_key.dump() == other.public_key.dump()
    return bool(same and one.dump() != other.dump())


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        _read(certificate).verify_directly_issued_by(_read(issuer))
    except _NOT_ISSUED:
        return False
    return True


def _read(certificate: x509.Certificate) -> Certificate:
    """By a second reader, names and extensions at once: it too must find that they keep to RFC 5280."""
    read = load_der_x509_certificate(certificate.dump())
    _ = read.subject, read.issuer, read.extensions
    return read


_NOT_ISSUED = (
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    DuplicateExtension,
    InvalidVersion,
    UnsupportedGeneralNameType,
    Warning,
)
"""A signature that does not fit, or a certificate that does not keep to the rules. Of lesser faults the library warns,
and raises only where warnings are errors.
"""


def _encoding(container: bytes) -> Iterator[Says]:
    """What claims DER, that is, has no indefinite length outside, is DER throughout (X.690 §10)."""
    if container[1] != INDEFINITE and not _is_der(container):
        yield Says("编码不规范", "it is not encoded as DER asks")


def _is_der(content: bytes) -> bool:
    """Lengths as short as they can be, parts that fill their wholes, and no value that could be written otherwise.

    Walked by hand: asn1crypto's own encoder takes time exponential in the depth of what it encodes.
    """
    todo = [(0, len(content))]
    while todo:
        at, end = todo.pop()
        while at < end:
            found = _header(content, at, end)
            if found is None:
                return False
            tag, body, at = found
            if tag & CONSTRUCTED:
                todo.append((body, at))
            elif not _plain(tag, content[body:at]):
                return False
    return True


def _header(content: bytes, at: int, end: int) -> tuple[int, int, int] | None:
    """Tag, where the value begins, where it ends; None where that is not DER."""
    if at + 2 > end or content[at] & 0x1F == 0x1F:  # tags above 30 are nowhere in CMS
        return None
    size, body = content[at + 1], at + 2
    if size > INDEFINITE:
        octets = content[body : body + size - INDEFINITE]
        size, body = int.from_bytes(octets, "big"), body + len(octets)
        if octets[:1] == b"\0" or size < INDEFINITE:
            return None
    elif size == INDEFINITE:
        return None
    return (content[at], body, body + size) if body + size <= end else None


def _plain(tag: int, value: bytes) -> bool:
    if tag == 1:
        return value in (b"\0", b"\xff")
    if tag == 2:
        return bool(value) and not (len(value) > 1 and value[0] in (0, 0xFF) and (value[0] ^ value[1]) < 0x80)
    return not (tag == 5 and value)
