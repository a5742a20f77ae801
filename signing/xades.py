"""XAdES B-B and B-T (ETSI EN 319 132-1): a court's seal over an XML document, or over files that lie beside it.

A signature is built as one small tree in canonical form (Exclusive XML Canonicalization 1.0), so nothing is random but
the signature value: the signing time is given, and the ids are fixed. The key stands behind the port Signer.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from signing.errors import SigningError
from signing.signer import Algorithm, Signer

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
NAMES = {"ds": DS, "xades": XADES}

METHODS = {
    Algorithm.ECDSA_P256_SHA256: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    Algorithm.ECDSA_P384_SHA384: "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
    Algorithm.RSA_PKCS1_SHA256: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
}
"""RFC 9231 §2.3. Others have no name that verifiers of XAdES know."""

WIDTHS = {Algorithm.ECDSA_P256_SHA256: 32, Algorithm.ECDSA_P384_SHA384: 48}
"""Octets of each of r and s (RFC 9231 §2.3.6: fixed length, not DER)."""

_ID = "S0"


@dataclass(frozen=True)
class DataFile:
    """A file beside the signature. `name` is its path, as in the container."""

    name: str
    content: bytes
    media_type: str


def enveloped(root: etree._Element, signer: Signer, *, at: datetime, media_type: str = "application/xml") -> bytes:
    """The document with a signature over all of it as its last child. `at` is aware. Raises SigningError."""
    digest = _digest(_canonical(root))
    reference = _reference("", digest, (ENVELOPED, C14N))
    root.append(_signature([reference], [media_type], signer, at))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def detached(files: Sequence[DataFile], signer: Signer, *, at: datetime) -> etree._Element:
    """A signature over the bytes of each file. `at` is aware. Raises SigningError."""
    references = [_reference(quote(one.name), _digest(one.content)) for one in files]
    return _signature(references, [one.media_type for one in files], signer, at)


def timestamp_imprint(signature: etree._Element) -> bytes:
    """SHA-256 of what a signature timestamp covers: the canonical SignatureValue (EN 319 132-1 §5.3)."""
    return hashlib.sha256(_canonical(_part(signature, "ds:SignatureValue"))).digest()


def add_timestamp(signature: etree._Element, token: bytes) -> None:
    """Make it B-T: put the DER TimeStampToken over `timestamp_imprint` beside what is signed (EN 319 132-1 §5.3)."""
    unsigned = etree.SubElement(_part(signature, "ds:Object/xades:QualifyingProperties"), _x("UnsignedProperties"))
    stamp = etree.SubElement(etree.SubElement(unsigned, _x("UnsignedSignatureProperties")), _x("SignatureTimeStamp"))
    etree.SubElement(stamp, _d("CanonicalizationMethod"), Algorithm=C14N)
    etree.SubElement(stamp, _x("EncapsulatedTimeStamp")).text = _base64(token)


def _signature(
    references: Iterable[etree._Element], media_types: Iterable[str], signer: Signer, at: datetime
) -> etree._Element:
    if signer.algorithm not in METHODS:
        raise SigningError(f"XAdES has no name for {signer.algorithm}: seal XML with an ECDSA or RSA key")
    signature = etree.Element(_d("Signature"), Id=_ID, nsmap=NAMES)
    info = etree.SubElement(signature, _d("SignedInfo"))
    etree.SubElement(info, _d("CanonicalizationMethod"), Algorithm=C14N)
    etree.SubElement(info, _d("SignatureMethod"), Algorithm=METHODS[signer.algorithm])
    for number, reference in enumerate(references):
        reference.set("Id", f"{_ID}-R{number}")
        info.append(reference)
    value = etree.SubElement(signature, _d("SignatureValue"), Id=f"{_ID}-SIG")
    _add_key_info(signature, signer)
    properties = _add_properties(signature, signer, media_types, at)
    reference = _reference(f"#{_ID}-SignedProperties", _digest(_canonical(properties)), (C14N,))
    reference.set("Type", SIGNED_PROPERTIES)
    info.append(reference)
    value.text = _base64(_plain(signer.sign(_canonical(info)), signer.algorithm))
    return signature


def _reference(uri: str, digest: bytes, transforms: Sequence[str] = ()) -> etree._Element:
    reference = etree.Element(_d("Reference"), URI=uri, nsmap=NAMES)
    if transforms:
        chain = etree.SubElement(reference, _d("Transforms"))
        for transform in transforms:
            etree.SubElement(chain, _d("Transform"), Algorithm=transform)
    _add_digest(reference, digest)
    return reference


def _add_digest(parent: etree._Element, digest: bytes) -> None:
    etree.SubElement(parent, _d("DigestMethod"), Algorithm=SHA256)
    etree.SubElement(parent, _d("DigestValue")).text = _base64(digest)


def _add_key_info(signature: etree._Element, signer: Signer) -> None:
    data = etree.SubElement(etree.SubElement(signature, _d("KeyInfo")), _d("X509Data"))
    for certificate in signer.chain:
        etree.SubElement(data, _d("X509Certificate")).text = _base64(certificate)


def _add_properties(
    signature: etree._Element, signer: Signer, media_types: Iterable[str], at: datetime
) -> etree._Element:
    """What is signed beside the data: when, with which certificate, and as what each file is meant."""
    holder = etree.SubElement(signature, _d("Object"))
    qualifying = etree.SubElement(holder, _x("QualifyingProperties"), Target=f"#{_ID}")
    properties = etree.SubElement(qualifying, _x("SignedProperties"), Id=f"{_ID}-SignedProperties")
    about = etree.SubElement(properties, _x("SignedSignatureProperties"))
    etree.SubElement(about, _x("SigningTime")).text = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    certificate = etree.SubElement(etree.SubElement(about, _x("SigningCertificateV2")), _x("Cert"))
    _add_digest(etree.SubElement(certificate, _x("CertDigest")), _digest(signer.chain[0]))
    objects = etree.SubElement(properties, _x("SignedDataObjectProperties"))
    for number, media_type in enumerate(media_types):
        form = etree.SubElement(objects, _x("DataObjectFormat"), ObjectReference=f"#{_ID}-R{number}")
        etree.SubElement(form, _x("MimeType")).text = media_type
    return properties


def _plain(signature: bytes, algorithm: Algorithm) -> bytes:
    if algorithm not in WIDTHS:
        return signature
    return b"".join(number.to_bytes(WIDTHS[algorithm], "big") for number in decode_dss_signature(signature))


def _part(signature: etree._Element, path: str) -> etree._Element:
    found = signature.find(path, NAMES)
    if found is None:
        raise ValueError(f"a signature without {path}")
    return found


def _canonical(element: etree._Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=False, with_tail=False)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _d(name: str) -> str:
    return f"{{{DS}}}{name}"


def _x(name: str) -> str:
    return f"{{{XADES}}}{name}"
