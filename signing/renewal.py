"""Archive timestamps on proof packs (ETSI EN 319 162-1 annex A.7): a fresh timestamp over all of a pack, before what
holds it together weakens. The next one covers the former, so one chain leads from today back to the first.

::

    META-INF/ASiCArchiveManifest.xml       the newest: every member with its digest, and which token is over this list
    META-INF/ASiCArchiveManifest001.xml    the first; it was called as above until the second was made
    META-INF/timestamp001.tst              the token over the first
    META-INF/revocation002-1.crl           what the second renewal found of the authorities that stamped before it

Pure: the token comes from outside, over `Prepared.imprint`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from asn1crypto import cms, tsp, x509
from lxml import etree

from signing.certificates import PARTS
from signing.chains import chains_of, signer_certificate, tokens_of
from signing.errors import SigningError
from signing.levels import containers
from signing.pack import ARCHIVE, ASIC, FORMER, NATIONAL_CERTIFICATE, SIGNATURES, opened, zipped
from signing.policy import weakens_on
from signing.signer import Algorithm
from signing.xades import DS, METHODS, NAMES, SHA256

NEWEST = "META-INF/ASiCArchiveManifest.xml"
TIMESTAMP = "application/vnd.etsi.timestamp-token"
MOST, SM2_BITS = 999, 256
AHEAD = timedelta(days=90)
"""How long before the end of a pack's strength it is renewed: time for an authority that is away, and for us."""


_BROKEN = (
    *(SigningError, ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError),
    *(etree.XMLSyntaxError, UnboundLocalError),
)
"""What the readers raise, sooner or later, on bytes that are not what they should be; documents bring signatures. The
last: asn1crypto, asked for the size of a key for Diffie and Hellman.
"""


class NothingGained(SigningError):
    """The new token holds no longer than what it should strengthen: another authority is needed."""


@dataclass(frozen=True, slots=True, order=True)
class Weakness:
    """The last day on which the weakest part holds, and what it is."""

    on: date
    why: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pack with a new archive manifest, and the SHA-256 that the token has to be over."""

    imprint: bytes
    members: Mapping[str, bytes] = field(repr=False)
    before: Weakness | None


def weakens(pack: bytes) -> Weakness | None:
    """Until when the pack proves anything by itself; None while no end is known. Raises SigningError for a container
    that is none of ours.
    """
    return _weakest(opened(pack))


def due(pack: bytes, at: datetime, *, ahead: timedelta = AHEAD) -> str | None:
    """Why the pack has to be renewed at `at` (aware), or None."""
    found = weakens(pack)
    return None if found is None or found.on > (at + ahead).date() else f"{found.why} (until {found.on})"


def last_tokens(pack: bytes) -> tuple[bytes, ...]:
    """The tokens (DER) that nothing in the pack can tell more of, as they came last: the newest archive timestamp;
    without one, that on the container's seal. Raises SigningError.
    """
    members = opened(pack)
    if tokens := _tokens(members):
        return (members[tokens[-1]],)
    root = etree.fromstring(members[SIGNATURES], etree.XMLParser(resolve_entities=False, no_network=True))
    return tuple(_base64(one) for one in root.iterfind(".//{*}EncapsulatedTimeStamp"))


def prepared(pack: bytes, *, crls: Sequence[bytes] = (), ocsps: Sequence[bytes] = ()) -> Prepared:
    """First half of a renewal. `crls`, `ocsps` (DER): of the authorities of `last_tokens`; they come under the new
    timestamp, so that it stays checkable who was alive when these stamped. Raises SigningError.
    """
    members = opened(pack)
    before = _weakest(members)
    number = sum(name.startswith(ARCHIVE) for name in members) + 1
    if number > MOST:
        raise SigningError("a pack that was renewed more often than anybody can have")
    former = _numbered(number - 1)
    renamed = {former if name == NEWEST else name: content for name, content in members.items()}
    renamed |= _news(number, [("crl", crls), ("ocsp", ocsps)], {*members.values()})
    renamed[NEWEST] = _manifest(renamed, _token(number), former)
    return Prepared(hashlib.sha256(renamed[NEWEST]).digest(), renamed, before)


def renewed(prepared: Prepared, token: bytes) -> bytes:
    """Second half: the pack with the token (DER TimeStampToken, judged by the caller) over `prepared.imprint`.

    Raises NothingGained, SigningError for a token over something else.
    """
    if _imprint(token) != prepared.imprint:
        raise SigningError("the token is over something else")
    number = sum(name.startswith(ARCHIVE) for name in prepared.members)
    members = {**prepared.members, _token(number): token}
    after = _weakest(members)
    if after and prepared.before and after.on <= prepared.before.on:
        raise NothingGained(f"the timestamp holds until {after.on}, what it is over until {prepared.before.on}")
    return zipped([*members.items()])


# --- the container ----------------------------------------------------------------------------------------------------


def _numbered(number: int) -> str:
    return f"META-INF/ASiCArchiveManifest{number:03}.xml"


def _token(number: int) -> str:
    return f"META-INF/timestamp{number:03}.tst"


def _news(number: int, found: Sequence[tuple[str, Sequence[bytes]]], held: set[bytes]) -> Iterator[tuple[str, bytes]]:
    """The names of what is not in the pack yet."""
    fresh = [(kind, one) for kind, several in found for one in several if one not in held]
    for place, (kind, content) in enumerate(fresh, 1):
        yield f"META-INF/revocation{number:03}-{place}.{kind}", content


def _manifest(members: Mapping[str, bytes], token: str, former: str) -> bytes:
    """An ASiCManifest (annex A.4): all members but mimetype, the former archive manifest marked as the root of what is
    covered.
    """
    root = etree.Element(f"{{{ASIC}}}ASiCManifest", nsmap={"asic": ASIC, "ds": DS})
    etree.SubElement(root, f"{{{ASIC}}}SigReference", URI=token, MimeType=TIMESTAMP)
    for name, content in members.items():
        if name != "mimetype":
            attributes = {"URI": name} | ({"Rootfile": "true"} if name == former else {})
            reference = etree.SubElement(root, f"{{{ASIC}}}DataObjectReference", attributes)
            etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
            value = base64.b64encode(hashlib.sha256(content).digest()).decode()
            etree.SubElement(reference, f"{{{DS}}}DigestValue").text = value
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


# --- until when it holds ----------------------------------------------------------------------------------------------


def _weakest(members: Mapping[str, bytes]) -> Weakness | None:
    """Of the newest archive timestamp, which stands for all that it covers; without one, of every seal and token."""
    tokens = _tokens(members)
    found = _of_container(members[tokens[-1]], tokens[-1]) if tokens else _of_all(members)
    return min(found, default=None)


def _tokens(members: Mapping[str, bytes]) -> list[str]:
    return sorted(name for name in members if name.startswith("META-INF/timestamp"))


def _of_all(members: Mapping[str, bytes]) -> Iterator[Weakness]:
    if any(name.endswith(".sm2") for name in members):
        yield from _of_national(members)
    for name, content in members.items():
        if name.endswith(".pdf"):
            yield from _read(_of_pdf(content, name), name)
        elif name.endswith(".tsr"):
            yield from _of_container(content, name)
        elif name in ("evidence.xml", SIGNATURES):
            yield from _read(_of_xml(content, name), name)
        elif name == FORMER:
            yield from _of_former(content)


def _of_former(content: bytes) -> Iterator[Weakness]:
    try:
        former = _weakest(opened(content))
    except _BROKEN:
        former = Weakness(date.min, "a pack that cannot be read")
    if former is not None:
        yield Weakness(former.on, f"{FORMER}: {former.why}")


def _of_national(members: Mapping[str, bytes]) -> Iterator[Weakness]:
    """The second seals are bare signatures, all of one key; no timestamp stands on them."""
    try:
        certificate = x509.Certificate.load(members[NATIONAL_CERTIFICATE], strict=True)
        yield Weakness(certificate.not_valid_after.date(), f"{NATIONAL_CERTIFICATE}: the certificate ends")
    except _BROKEN:
        yield Weakness(date.min, f"{NATIONAL_CERTIFICATE}: a certificate that cannot be read")
    algorithm, digest = PARTS[Algorithm.SM2_SM3]
    if (end := weakens_on(algorithm, SM2_BITS, digest)) is not None:
        yield Weakness(end, f"{NATIONAL_CERTIFICATE}: SM2 with SM3")


def _read(found: Iterator[Weakness], name: str) -> Iterator[Weakness]:
    """What cannot be read may be weak already."""
    try:
        yield from [*found]
    except _BROKEN:
        yield Weakness(date.min, f"{name}: a signature that cannot be read")


def _of_pdf(content: bytes, name: str) -> Iterator[Weakness]:
    """Back to the last document timestamp, which stands for what is before it."""
    for container in reversed(containers(content)):
        yield from _of_container(container, name)
        if _is_timestamp(container):
            return


def _is_timestamp(container: bytes) -> bool:
    try:
        kind = _signed(container)["encap_content_info"]["content_type"].native
    except _BROKEN:
        return False
    return bool(kind == "tst_info")


def _of_xml(content: bytes, name: str) -> Iterator[Weakness]:
    root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    stamps = [_base64(one) for one in root.iterfind(".//{*}EncapsulatedTimeStamp")]
    for stamp in stamps:
        yield from _of_container(stamp, name)
    if stamps:
        return
    chain = [x509.Certificate.load(_base64(one)) for one in root.iterfind(".//ds:X509Certificate", NAMES)]
    method = root.find(".//ds:SignatureMethod", NAMES)
    named = {uri: PARTS[algorithm][1] for algorithm, uri in METHODS.items()}
    digest = named.get("" if method is None else method.get("Algorithm", ""), "")
    yield from _of_key(chain[0], digest, name)
    yield from _of_chain(chain, name)


def _of_container(container: bytes, name: str) -> Iterator[Weakness]:
    """Of a CMS signature; of the timestamps on it where it has some: they prove that it is older than its end."""
    yield from _read(_of_signature(container, name), name)


def _of_signature(container: bytes, name: str) -> Iterator[Weakness]:
    signed = _signed(container)
    (signer,) = signed["signer_infos"]
    stamps = [*tokens_of(signer)]
    for stamp in stamps:
        yield from _of_signature(stamp, name)
    if stamps:
        return
    held = [one.chosen for one in signed["certificates"] if one.name == "certificate"]
    own = signer_certificate(signer, held)
    if own is None:
        raise SigningError("the certificate is not there")
    yield from _of_key(own, signer["digest_algorithm"]["algorithm"].native, name)
    for chain in chains_of(container):
        yield from _of_chain([x509.Certificate.load(one) for one in chain], name)


def _of_key(certificate: Any, digest: str, name: str) -> Iterator[Weakness]:
    """What the policy says of the algorithm, key size and hash."""
    algorithm, bits = _key(certificate)
    if (end := weakens_on(algorithm, bits, digest)) is not None:
        yield Weakness(end, f"{name}: {algorithm.upper()}-{bits} with {digest}")


def _of_chain(chain: Sequence[Any], name: str) -> Iterator[Weakness]:
    """When each certificate ends, and the algorithm by which it was issued. An anchor is trusted by itself."""
    for one, issuer in pairwise([*chain, None]):
        if one.issuer == one.subject and len(chain) > 1:
            continue
        yield Weakness(one.not_valid_after.date(), f"{name}: the certificate of {one.subject.human_friendly} ends")
        if issuer is not None:
            yield from _of_key(issuer, one.hash_algo, name)


def _key(certificate: Any) -> tuple[str, int]:
    key = certificate.public_key
    return {"rsassa_pss": "rsa", "ec": "ecdsa"}.get(key.algorithm, key.algorithm), int(key.bit_size or 256)


def _signed(container: bytes) -> Any:
    try:
        return cms.ContentInfo.load(container)["content"]
    except (ValueError, TypeError) as error:
        raise SigningError("a signature in the pack cannot be read") from error


def _imprint(token: bytes) -> bytes:
    try:
        content: Iterable[int] = _signed(token)["encap_content_info"]["content"]
        imprint: bytes = tsp.TSTInfo.load(bytes(content))["message_imprint"]["hashed_message"].native
    except _BROKEN as error:
        raise SigningError("the token cannot be read") from error
    return imprint


def _base64(element: etree._Element) -> bytes:
    return base64.b64decode(element.text or "")
