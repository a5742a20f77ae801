"""XML seals (XAdES, ETSI EN 319 132-1): over an XML document or over the members of a container.

Written against XML Signature itself (W3C, 2013), so that each reference can be named when it fails; lxml makes the
canonical form. A seal must have the one shape that packs have: what may stand anywhere may also hide anything.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from asn1crypto import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree
from pyhanko_certvalidator import CertificateValidator
from pyhanko_certvalidator.errors import PathError, ValidationError

from signing.verifying.algorithms import weakness
from signing.verifying.cms import changed_certificates
from signing.verifying.report import Notes, Number, Says
from signing.verifying.stamps import Stamp, judged
from signing.verifying.trust import NOT_FOR_SEALS, Trust, called, for_other_uses, revoked

LARGEST = 16 * 1024 * 1024
DS, XADES = "http://www.w3.org/2000/09/xmldsig#", "http://uri.etsi.org/01903/v1.3.2#"
ASIC = "http://uri.etsi.org/02918/v1.2.1#"
NAMES = {"ds": DS, "xades": XADES, "asic": ASIC}
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
METHODS: Mapping[str, tuple[str, hashes.HashAlgorithm]] = {
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256": ("sha256", hashes.SHA256()),
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384": ("sha384", hashes.SHA384()),
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": ("sha256", hashes.SHA256()),
}


@dataclass(frozen=True)
class XmlSeal:
    """A judged seal: `at` is what its maker claims, `certificates` what it carries."""

    trusted: bool
    at: datetime
    certificates: tuple[x509.Certificate, ...]


def over_members(notes: Notes, seal: bytes, members: Mapping[str, bytes], trust: Trust) -> XmlSeal | None:
    """A container's seal. `members`: all that it must cover, no more and no less; each gets a step of its own."""
    with notes.guarded(Number.SIGNATURE):
        root = read(seal)
        (signature,) = root
        if root.tag != f"{{{ASIC}}}XAdESSignatures" or root.attrib:
            raise ValueError("not an ASiC signature file")
        named = _references(signature)
        properties = named.pop(_properties_uri(signature), None)
        for name in sorted(members.keys() | {unquote(uri) for uri in named}):
            _member(notes.of(f"{notes.part} · {name}"), name, named, members)
        return _sealed(notes, signature, properties, trust)
    return None


def media_types(seal: bytes) -> dict[str, str]:
    """What the seal says each member is meant to be. Raises ValueError, KeyError, for a seal of another shape."""
    (signature,) = read(seal)
    said = {
        one.get("ObjectReference", "").removeprefix("#"): _one(one, "xades:MimeType").text or ""
        for one in signature.iterfind(".//xades:DataObjectFormat", NAMES)
    }
    references = [one for uri, one in _references(signature).items() if uri != _properties_uri(signature)]
    return {unquote(one.get("URI", "")): said[one.get("Id", "")] for one in references}


def over_document(notes: Notes, content: bytes, trust: Trust) -> XmlSeal | None:
    """An XML document that carries its seal as the last child of its root."""
    with notes.guarded(Number.SIGNATURE):
        root = read(content)
        signature = root[-1]
        found = list(root.iter(f"{{{DS}}}Signature"))
        if found != [signature]:
            raise ValueError("one seal, as the last child of the root")
        named = _references(signature)
        properties = named.pop(_properties_uri(signature), None)
        ((uri, reference),) = named.items()
        if uri != "" or _transforms(reference) != [ENVELOPED, C14N]:
            raise ValueError("the seal should cover the whole document")
        signed = read(content)
        signed.remove(signed[-1])
        good = _digest_of(reference) == hashlib.sha256(_canonical(signed)).digest()
        notes.judged(
            Number.BYTES,
            good,
            Says("XML 内容与签章时一致", "the XML is as it was when it was sealed"),
            Says("XML 内容在签章后被改动", "the XML was changed after it was sealed"),
        )
        return _sealed(notes, signature, properties, trust)
    return None


def _member(notes: Notes, name: str, named: Mapping[str, etree._Element], members: Mapping[str, bytes]) -> None:
    found = [reference for uri, reference in named.items() if unquote(uri) == name]
    if name not in members:
        notes.failed(Number.CONTENTS, "被签章覆盖的部分不见了", "the seal covers it, but it is not there")
    elif len(found) != 1 or _transforms(found[0]):
        notes.failed(Number.CONTENTS, "未被容器签章覆盖", "it is not covered by the container's seal")
    else:
        notes.judged(
            Number.CONTENTS,
            _digest_of(found[0]) == hashlib.sha256(members[name]).digest(),
            Says("与容器签章时一致", "as it was when the container was sealed"),
            Says("在容器签章后被改动", "changed after the container was sealed"),
        )


# --- the signature itself ---------------------------------------------------------------------------------------------


def _sealed(notes: Notes, signature: etree._Element, properties: etree._Element | None, trust: Trust) -> XmlSeal:
    certificates = _certificates(signature)
    own, others = certificates[0], certificates[1:]
    trust = trust.helped(others)
    stamps = _stamps(notes, signature, trust)
    proven = min((one.at for one in stamps if one.trusted), default=None)
    at = _signing_time(signature)
    for stamp in stamps:
        stamp.tell(notes, at)
    if not stamps:
        notes.not_checked(
            Number.TIME, f"没有时间戳；签章人自称的时间为 {at}", f"no timestamp; the sealer's own clock said {at}"
        )
    _signed(notes, signature, properties, own, (proven or trust.at))
    if any(changed_certificates(certificates, trust.anchors)):
        notes.failed(Number.SIGNATURE, "随附证书已被改动", "a certificate beside the seal was changed")
    return XmlSeal(chained(notes, own, trust, proven), at, certificates)


def _signed(
    notes: Notes,
    signature: etree._Element,
    properties: etree._Element | None,
    own: x509.Certificate,
    moment: datetime,
) -> None:
    digest, algorithm = METHODS[_one(signature, "ds:SignedInfo/ds:SignatureMethod").get("Algorithm", "")]
    weak = weakness(own, digest, moment.date())
    if weak is not None:
        notes.failed(Number.SIGNATURE, weak.zh, weak.en)
    said = _one(signature, ".//xades:SignedProperties")
    named = _unbase64(_one(said, ".//xades:SigningCertificateV2/xades:Cert/xades:CertDigest/ds:DigestValue").text)
    covered = (
        properties is not None
        and _transforms(properties) == [C14N]
        and _digest_of(properties) == hashlib.sha256(_canonical(said)).digest()
        and named == hashlib.sha256(own.dump()).digest()
    )
    value = _unbase64(_one(signature, "ds:SignatureValue").text)
    good = covered and _verifies(own, value, _canonical(_one(signature, "ds:SignedInfo")), algorithm)
    notes.judged(
        Number.SIGNATURE,
        good,
        Says(f"由证书的私钥作出（{digest}）", f"made by the key of its certificate, over {digest}"),
        Says("签名、签名属性与证书不符", "signature, signed properties and certificate do not belong together"),
    )


def _verifies(own: x509.Certificate, value: bytes, message: bytes, algorithm: hashes.HashAlgorithm) -> bool:
    key = serialization.load_der_public_key(own.public_key.dump())
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(_der_pair(value, key), message, ec.ECDSA(algorithm))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(value, message, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _der_pair(value: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """XML Signature writes r and s side by side (RFC 9231 §2.3.6), the library wants them as DER."""
    half = (key.curve.key_size + 7) // 8
    if len(value) != 2 * half:
        raise ValueError("a signature of that curve has another length")
    return encode_dss_signature(int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))


def chained(notes: Notes, own: x509.Certificate, trust: Trust, proven: datetime | None) -> bool:
    """Whether the certificate chains to an anchor at the proven time, or now; the steps on trust and revocation."""
    who, moment = called(own), proven or trust.at
    if for_other_uses(own):
        notes.failed(Number.TRUST, *NOT_FOR_SEALS)
        return False
    validator = CertificateValidator(own, list(trust.others), validation_context=trust.context(moment))
    try:
        asyncio.run(validator.async_validate_usage({"non_repudiation"}))  # type: ignore[no-untyped-call]
    except (PathError, ValidationError) as error:
        why = type(error).__name__
        notes.not_checked(
            Number.TRUST,
            f"未能追溯到您指定的信任证书（{why}）；自称的签章人：“{who}”，不足为凭",
            f"no chain to a certificate that you trust ({why}); it calls its sealer “{who}”, which proves nothing",
        )
        return False
    notes.passed(
        Number.TRUST,
        f"“{who}”的证书由您指定的信任证书签发，于 {moment:%Y-%m-%d} 有效",
        f"the certificate of “{who}” chains to a certificate that you trust, and was valid on {moment:%Y-%m-%d}",
    )
    return not revoked(notes, own, trust, moment)


# --- reading ----------------------------------------------------------------------------------------------------------


def read(content: bytes) -> etree._Element:
    """The tree. Raises ValueError for what is not XML, or not written as seals are: no DTD, no comments, and byte for
    byte what a writer makes of that tree.
    """
    if len(content) > LARGEST:
        raise ValueError("too large")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    root = etree.fromstring(content, parser)
    if root.getroottree().docinfo.internalDTD is not None or any(not isinstance(one.tag, str) for one in root.iter()):
        raise ValueError("no DTD, comments or instructions in a seal")
    if etree.tostring(root, xml_declaration=True, encoding="UTF-8") != content:
        raise ValueError("not written as seals are")
    return root


def _references(signature: etree._Element) -> dict[str, etree._Element]:
    _shape(signature)
    found = signature.findall("ds:SignedInfo/ds:Reference", NAMES)
    named = {one.get("URI", "#"): one for one in found}
    if len(named) != len(found):
        raise ValueError("two references to one thing")
    return named


def _shape(signature: etree._Element) -> None:
    """Everything that no digest covers is fixed: order, names, ids, no text between."""
    identity = signature.get("Id", "")
    expected = [f"{{{DS}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo", "Object")]
    if signature.tag != f"{{{DS}}}Signature" or [one.tag for one in signature] != expected or not identity:
        raise ValueError("a seal has SignedInfo, SignatureValue, KeyInfo and Object")
    info, value, keys, holder = signature
    if _one(info, "ds:CanonicalizationMethod").get("Algorithm") != C14N:
        raise ValueError("canonicalisation: exclusive, without comments")
    (qualifying,), (data,) = holder, keys
    if (signature.items(), value.items()) != ([("Id", identity)], [("Id", f"{identity}-SIG")]):
        raise ValueError("ids")
    if qualifying.items() != [("Target", f"#{identity}")] or holder.attrib or keys.attrib or data.attrib:
        raise ValueError("ids")
    allowed = (["SignedProperties"], ["SignedProperties", "UnsignedProperties"])
    if [etree.QName(one).localname for one in qualifying] not in allowed:
        raise ValueError("properties")
    if any((one.text or "").strip() for one in signature.iter() if len(one)) or any(
        one.tail for one in signature.iter()
    ):
        raise ValueError("text between elements")


def _properties_uri(signature: etree._Element) -> str:
    return "#" + _one(signature, "ds:Object/xades:QualifyingProperties/xades:SignedProperties").get("Id", "")


def _transforms(reference: etree._Element) -> list[str]:
    return [one.get("Algorithm", "") for one in reference.findall("ds:Transforms/ds:Transform", NAMES)]


def _digest_of(reference: etree._Element) -> bytes:
    if _one(reference, "ds:DigestMethod").get("Algorithm") != SHA256:
        raise ValueError("references are by SHA-256")
    return _unbase64(_one(reference, "ds:DigestValue").text)


def _certificates(signature: etree._Element) -> tuple[x509.Certificate, ...]:
    found = _one(signature, "ds:KeyInfo/ds:X509Data")
    if any(one.tag != f"{{{DS}}}X509Certificate" or one.attrib for one in found):
        raise ValueError("KeyInfo holds certificates")
    return tuple(x509.Certificate.load(_unbase64(one.text), strict=True) for one in found)


def _signing_time(signature: etree._Element) -> datetime:
    said = _one(signature, ".//xades:SignedSignatureProperties/xades:SigningTime").text or ""
    return datetime.fromisoformat(said)


def _stamps(notes: Notes, signature: etree._Element, trust: Trust) -> list[Stamp]:
    covered = _canonical(_one(signature, "ds:SignatureValue"))
    found = []
    for unsigned in signature.findall(".//xades:UnsignedProperties", NAMES):
        (properties,) = unsigned
        for stamp in properties:
            method, token = stamp
            form = (stamp.tag, method.tag, method.items(), token.tag, token.items())
            if form != _STAMP_FORM or stamp.attrib or properties.attrib or unsigned.attrib:
                raise ValueError("an unsigned property that nobody knows")
            found.append(judged(_unbase64(token.text), covered, trust))
    return found


_STAMP_FORM: tuple[Any, ...] = (
    f"{{{XADES}}}SignatureTimeStamp",
    f"{{{DS}}}CanonicalizationMethod",
    [("Algorithm", C14N)],
    f"{{{XADES}}}EncapsulatedTimeStamp",
    [],
)


def _one(element: etree._Element, path: str) -> etree._Element:
    (found,) = element.findall(path, NAMES)
    return found


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False)


def _unbase64(text: str | None) -> bytes:
    """Exactly one text stands for some bytes. Raises ValueError."""
    given = (text or "").encode("ascii")
    try:
        raw = base64.b64decode(given, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    if not raw or base64.b64encode(raw) != given:
        raise ValueError("base64 with left-over bits")
    return raw
