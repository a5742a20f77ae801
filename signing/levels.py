"""What is added to a sealed PDF later: B-T, B-LT and B-LTA (ETSI EN 319 142-1 §6).

B-T puts a timestamp token into the room that was kept for it. B-LT adds certificates and revocation data, B-LTA a
document timestamp over all of it: each an incremental update, written by pyHanko, for neither is on the way of every
document.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms, crl, ocsp, x509
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign import fields
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore

from signing.cms import signature_value, with_token
from signing.errors import NotSealable
from signing.pyhanko_seal import UpdateOnly

DOCUMENT_TOKEN_ROOM = 16384
"""Octets for the token of a document timestamp, which has nothing else in its place."""

_RANGE = re.compile(rb"/ByteRange\s*\[\s*0\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]")


@dataclass(frozen=True)
class _Gap:
    """Where the hexadecimal digits of the last signature stand, between its angle brackets."""

    start: int
    end: int

    def container(self, content: bytes) -> bytes:
        """The DER there, without the zeros that fill the room."""
        found = bytes.fromhex(content[self.start : self.end].decode("ascii"))
        return found[: _length(found)]

    def filled(self, content: bytes, container: bytes) -> bytes:
        digits = container.hex().encode()
        if len(digits) > self.end - self.start:
            raise NotSealable("no room was kept for a timestamp when this document was sealed, or too little")
        return content[: self.start] + digits.ljust(self.end - self.start, b"0") + content[self.end :]


def timestamp_imprint(sealed: bytes) -> bytes:
    """SHA-256 over the value of the last signature: what a signature timestamp is asked for (RFC 3161, appendix A).

    Raises NotSealable where the file does not end with a signature over all of it.
    """
    return hashlib.sha256(signature_value(_last_gap(sealed).container(sealed))).digest()


def containers(sealed: bytes) -> tuple[bytes, ...]:
    """The CMS of every signature and document timestamp in the file, as they follow each other."""
    found = []
    for match in _RANGE.finditer(sealed):
        first, second, _ = (int(part) for part in match.groups())
        try:
            found.append((first, _Gap(first + 1, second - 1).container(sealed)))
        except (NotSealable, ValueError):  # words that look like a range
            continue
    return tuple(container for _, container in sorted(found))


def with_timestamp(sealed: bytes, token: bytes) -> bytes:
    """The document at level B-T: the token (DER of a ContentInfo) inside the last signature. Nothing else changes.

    The caller has checked the token. Raises NotSealable where no room was kept, or there is no signature at the end.
    """
    gap = _last_gap(sealed)
    return gap.filled(sealed, with_token(gap.container(sealed), token))


def with_validation_data(sealed: bytes, certs: Sequence[bytes], ocsps: Sequence[bytes], crls: Sequence[bytes]) -> bytes:
    """The document at level B-LT: a DSS with these DER values, and a VRI entry of the last signature for them.

    `ocsps` are whole OCSPResponses (RFC 6960 §4.2.1). Raises NotSealable where there is no signature.
    """
    gap = _last_gap(sealed)
    writer = _writer(sealed)
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        sealed[gap.start : gap.end],
        certs=[x509.Certificate.load(one, strict=True) for one in certs],
        ocsps=[ocsp.OCSPResponse.load(one, strict=True) for one in ocsps],
        crls=[crl.CertificateList.load(one, strict=True) for one in crls],
    )
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


@dataclass(frozen=True)
class Prepared:
    """A document with the place for a document timestamp in it, and the SHA-256 that the token has to be over."""

    content: bytes
    imprint: bytes


def prepared_for_timestamp(content: bytes) -> Prepared:
    """First half of level B-LTA: a further signature field, not seen on any page, with an empty /DocTimeStamp."""
    writer = _writer(content)
    taken = {name for name, _, _ in fields.enumerate_sig_fields(writer.prev)}
    name = next(one for number in range(1, len(taken) + 2) if (one := f"Timestamp{number}") not in taken)
    embedding = PdfCMSEmbedder(new_field_spec=fields.SigFieldSpec(sig_field_name=name)).write_cms(name, writer)
    next(embedding)
    timestamp = DocumentTimestamp(bytes_reserved=2 * DOCUMENT_TOKEN_ROOM)  # type: ignore[no-untyped-call]
    embedding.send(SigObjSetup(sig_placeholder=timestamp))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256"))
    return Prepared(output.getvalue(), prepared.document_digest)


def with_document_timestamp(prepared: Prepared, token: bytes) -> bytes:
    """Second half of level B-LTA: the token over `prepared.imprint` (DER of a ContentInfo) in its place.

    Raises NotSealable on a token that is over something else, or does not fit.
    """
    signed = cms.ContentInfo.load(token, strict=True)["content"]
    imprint = signed["encap_content_info"]["content"].parsed["message_imprint"]["hashed_message"].native
    if imprint != prepared.imprint:
        raise NotSealable("the token is over another document")
    return _last_gap(prepared.content).filled(prepared.content, token)


def _writer(content: bytes) -> UpdateOnly:
    try:
        return UpdateOnly(io.BytesIO(content), strict=False)
    except (PdfError, ValueError) as error:
        raise NotSealable("the sealed document cannot be read") from error


def _last_gap(content: bytes) -> _Gap:
    """The place of the newest signature: of those whose range ends where a revision ends, the one that ends last."""
    found = [tuple(int(part) for part in match.groups()) for match in _RANGE.finditer(content)]
    honest = [(second + rest, first, second) for first, second, rest in found if second + rest <= len(content)]
    if not honest:
        raise NotSealable("there is no signature in this document")
    _, first, second = max(honest)
    if content[first : first + 1] != b"<" or content[second - 1 : second] != b">":
        raise NotSealable("the last signature's range leaves out something else than its container")
    return _Gap(first + 1, second - 1)


def _length(der: bytes) -> int:
    """Octets of the DER value that `der` begins with (X.690 §8.1.3)."""
    if len(der) < 2 or der[0] != 0x30:
        raise NotSealable("there is no signature in its place yet")
    if der[1] < 0x80:
        return 2 + der[1]
    octets = der[1] & 0x7F
    return 2 + octets + int.from_bytes(der[2 : 2 + octets], "big")
