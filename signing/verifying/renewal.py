"""Archive timestamps on a pack (ETSI EN 319 162-1 annex A.7): walked from the newest inwards.

Each one is judged for the time that the next outer one proves, the newest for the moment of the question. The chain
holds where every link was still strong when the next was made; what is inside is then judged for the time of the
innermost.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from lxml import etree

from signing.verifying import xades
from signing.verifying.report import Notes, Number, Says
from signing.verifying.stamps import Stamp, judged
from signing.verifying.trust import Trust

MEMBER = re.compile(
    r"META-INF/(ASiCArchiveManifest(\d{3})?\.xml|timestamp\d{3}\.tst|revocation\d{3}-\d{1,3}\.(crl|ocsp))"
)
"""How archive manifests, their tokens, and what a renewal adds of older authorities are called in a pack."""

_TOKEN = re.compile(r"META-INF/timestamp(\d{3})\.tst")

NEWEST = "META-INF/ASiCArchiveManifest.xml"
TIMESTAMP = "application/vnd.etsi.timestamp-token"
_SIGNED, _COVERED = f"{{{xades.ASIC}}}SigReference", f"{{{xades.ASIC}}}DataObjectReference"


@dataclass(frozen=True)
class _List:
    """An archive manifest: which token is over it, the digests by name, and the former manifest."""

    token: str
    digests: Mapping[str, bytes]
    former: str | None


def proven(notes: Notes, members: Mapping[str, bytes], trust: Trust) -> Trust:
    """The trust with which what is inside is to be judged: for the time of the innermost archive timestamp, as far as
    the chain leads. Writes a step for each link.
    """
    left = {name for name in members if MEMBER.fullmatch(name)}
    name: str | None = NEWEST if left else None
    while name is not None:
        link = notes.of(f"{notes.part} · {name}")
        former, found = _link(link, name, members, left, trust)
        if found is None:
            return trust
        trust, name = found, former
    for odd in sorted(left):
        notes.of(f"{notes.part} · {odd}").failed(
            Number.RENEWAL, "不属于续证链", "it does not belong to the chain of archive timestamps"
        )
    return trust


def _link(
    notes: Notes, name: str, members: Mapping[str, bytes], left: set[str], trust: Trust
) -> tuple[str | None, Trust | None]:
    """The next manifest inwards, and the trust for what this link covers; none where the chain breaks here. Takes what
    belongs to this link out of `left`: an inner one covers only what is inside it.
    """
    with notes.guarded(Number.RENEWAL):
        told = _read(members[name])
        if told.token not in left:
            raise ValueError("no token for it")
        left -= {name, told.token}
        inside = {one for one in members if one != "mimetype" and (one in left or not MEMBER.fullmatch(one))}
        left -= {one for one in left if one.startswith(f"META-INF/revocation{_number(told.token)}-")}
        faults = _differences(told, inside, members)
        if faults or (told.former is None) != (not left) or (told.former and told.former not in left):
            notes.failed(
                Number.RENEWAL,
                f"所列内容与证据包不符：{'、'.join(faults) or name}",
                f"it covers other bytes than the pack has: {', '.join(faults) or name}",
            )
            return None, None
        stamp = judged(members[told.token], members[name], trust)
        if _holds(notes, stamp, members[told.token], members[name], trust, newest=name == NEWEST):
            return told.former, replace(trust, at=stamp.at)
    return None, None


def _number(token: str) -> str:
    """Of the renewal. Raises ValueError."""
    if (named := _TOKEN.fullmatch(token)) is None:
        raise ValueError("no token is called so")
    return named[1]


def _differences(told: _List, inside: set[str], members: Mapping[str, bytes]) -> list[str]:
    """Members that the list leaves out, names in vain, or knows otherwise."""
    wrong = inside ^ set(told.digests)
    wrong |= {one for one in inside & set(told.digests) if hashlib.sha256(members[one]).digest() != told.digests[one]}
    return sorted(wrong)


def _holds(notes: Notes, stamp: Stamp, token: bytes, covered: bytes, trust: Trust, *, newest: bool) -> bool:
    """Whether the token is good, of somebody trusted, and was still strong at the time from which it is looked at."""
    when, outer = f"{stamp.at:%Y-%m-%d %H:%M:%S} UTC", f"{trust.at:%Y-%m-%d}"
    if not stamp.good:
        notes.failed(Number.RENEWAL, "时间戳与所列内容不符", "the timestamp does not belong to the list")
    elif stamp.at > trust.at:
        notes.failed(
            Number.RENEWAL,
            f"时间戳（{when}）晚于其外层（{outer}）",
            f"the timestamp ({when}) is younger than what encloses it ({outer})",
        )
    elif stamp.trusted:
        notes.passed(
            Number.RENEWAL,
            f"“{stamp.authority}”证明此前全部内容于 {when} 已存在，至 {outer} 仍有效力",
            f"“{stamp.authority}” proves that all before it existed at {when}; it was still strong on {outer}",
        )
        if stamp.alive:
            notes.passed(
                Number.REVOCATION,
                f"随附的吊销信息表明“{stamp.authority}”的证书有效",
                f"the revocation data with it show the certificate of “{stamp.authority}” alive",
            )
        return True
    elif judged(token, covered, replace(trust, at=stamp.at)).trusted:
        tell_too_late(notes, stamp, trust, newest=newest)
    elif stamp.fault is not None:
        notes.failed(Number.RENEWAL, stamp.fault.zh, stamp.fault.en)
    else:
        notes.not_checked(
            Number.RENEWAL,
            f"存档时间戳（{when}）的机构不在您指定的信任证书之下",
            f"the authority of this archive timestamp ({when}) chains to no certificate that you trust",
        )
    return False


def tell_too_late(notes: Notes, stamp: Stamp, trust: Trust, *, newest: bool) -> None:
    """It was good once, and was not enclosed by the next while it was. Of the newest that is no fault yet: what is
    inside may still stand by itself.
    """
    when, outer = f"{stamp.at:%Y-%m-%d %H:%M:%S} UTC", f"{trust.at:%Y-%m-%d}"
    why = stamp.fault or Says("其证书已到期", "its certificate had ended")
    (notes.not_checked if newest else notes.failed)(
        Number.RENEWAL,
        f"续证过迟或未续证：{when} 的时间戳在 {outer} 之前已失去效力（{why.zh}）",
        f"renewed too late, or not at all: the timestamp of {when} had lost its strength before {outer} ({why.en})",
    )


def _read(content: bytes) -> _List:
    """Raises ValueError for a list of another shape: what may stand anywhere may hide anything."""
    root = xades.read(content)
    tags = [one.tag for one in root]
    if root.tag != f"{{{xades.ASIC}}}ASiCManifest" or root.attrib or tags[:1] != [_SIGNED]:
        raise ValueError("no archive manifest")
    if set(tags[1:]) != {_COVERED} or root.text or any(one.tail for one in root.iter()):
        raise ValueError("an archive manifest lists one token and what it covers")
    token, *listed = root
    if token.keys() != ["URI", "MimeType"] or token.get("MimeType") != TIMESTAMP or len(token) or token.text:
        raise ValueError("its token")
    digests = {one.get("URI", ""): _digest(one) for one in listed}
    roots = [one.get("URI", "") for one in listed if one.get("Rootfile") is not None]
    if len(digests) != len(listed) or len(roots) > 1:
        raise ValueError("one entry for each member, and one root at most")
    return _List(token.get("URI", ""), digests, roots[0] if roots else None)


def _digest(entry: etree._Element) -> bytes:
    method, value = entry
    if entry.items()[1:] not in ([], [("Rootfile", "true")]) or entry.keys()[0] != "URI" or entry.text:
        raise ValueError("an entry")
    if [one.tag for one in entry] != [f"{{{xades.DS}}}DigestMethod", f"{{{xades.DS}}}DigestValue"]:
        raise ValueError("an entry")
    if method.items() != [("Algorithm", xades.SHA256)] or len(method) or method.text or value.attrib or len(value):
        raise ValueError("digests are by SHA-256")
    try:
        found = base64.b64decode(value.text or "", validate=True)
    except binascii.Error as error:
        raise ValueError("a digest") from error
    if base64.b64encode(found).decode() != value.text:
        raise ValueError("a digest")
    return found
