"""Every parser that meets outside bytes: good inputs to begin with, how it is called, and what it may raise."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache

from asn1crypto import cms, tsp
from lxml import etree
from pyhanko.pdf_utils.reader import PdfFileReader

from delivery.core.ports import RawReceipt
from delivery.intake import read_json
from signing import notes, timestamp
from signing.errors import LedgerWrong, NotSealable, PageNotShown
from signing.inspection import Limits, inspect
from signing.pages import page_image, text_of
from signing.verify import VALID, Verdict, verify
from signing.verifying import log
from signing.verifying.container import members
from tests import filings
from tests.adapters import email_rig, ems_rig, smpp_rig
from tests.core.test_submission import read as read_submission
from tests.fuzz import outside
from tests.fuzz import packs as packs_again
from tests.fuzz.changes import Chance
from tests.fuzz.structures import changed
from tests.fuzz.target import Target
from tests.signing import documents
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer, clock, sealer

IMPRINT = hashlib.sha256(b"x").digest()


@cache
def people() -> tuple[Sealer, Clock, packs.Pack, bytes]:
    court, authority = sealer("示例市滨江区人民法院"), clock()
    pack = packs.honest(court, authority)
    return court, authority, pack, pack.sealed(court, authority)


@cache
def goods() -> tuple[bytes, ...]:
    """What is valid, a pack first."""
    court, authority, _, whole = people()
    return (
        whole, sealing.basic(court), sealing.stamped(court, authority), sealing.archived(court, authority),
        sealing.foreign(court, sealing.letter(), "A"),
    )  # fmt: skip


def _judged(content: bytes) -> Verdict:
    court, authority, pack, _ = people()
    trust = [court.root_pem, authority.root_pem]
    return verify([("fuzzed", content)], trust=trust, checkpoint=pack.log.checkpoint(), at=LATER)


def _verified(content: bytes) -> None:
    """Raises AssertionError where it is found valid, and is neither a good input nor what one was before its end, nor a
    pack that says the same.
    """
    if _judged(content).exit == VALID and not any(good.startswith(content) for good in goods()):
        assert content.startswith(b"PK"), "valid, though it was changed"
        (now, came), (was, could) = _told(content), _told(goods()[0])
        assert (now, came <= could) == (was, True), "valid, though it was changed"


def _told(content: bytes) -> tuple[dict[str, bytes], set[str | None]]:
    """What a pack says by name, and the certificates and timestamps that came along unsigned. The order of its members
    and of its manifest says nothing.
    """
    found = members(content)
    manifest, seal = (etree.fromstring(found.pop(f"META-INF/{name}.xml")) for name in ("manifest", "signatures0"))
    unsigned = [*seal.iterfind(".//{*}X509Certificate"), *seal.iterfind(".//{*}EncapsulatedTimeStamp")]
    signed = [*seal.iterfind(".//{*}SignedInfo"), *seal.iterfind(".//{*}SignatureValue")]
    kept = {
        "manifest": b"".join(sorted(etree.tostring(one) for one in manifest)),
        "seal": b"".join(etree.tostring(one) for one in signed),
    }
    return found | kept, {one.text for one in unsigned}


def _container_verified(content: bytes) -> None:
    """The same of a seal's container. Whoever takes out a certificate or a timestamp leaves one that says less."""
    if _judged(content).exit == VALID:
        outside_it, signed, held = _said(content)
        good = [_said(one) for one in goods()[1:]]
        assert any((outside_it, signed) == one[:2] and held <= one[2] for one in good), "valid, though it was changed"


def _said(content: bytes) -> tuple[bytes, bytes, set[bytes]]:
    """What is outside of the last container; what is signed there, and the signature; what came along unsigned."""
    begin, end = _room(content)
    signed = cms.ContentInfo.load(bytes.fromhex(content[begin:end].decode()))["content"]
    (signer,) = signed["signer_infos"]
    tokens = [one.dump() for each in signer["unsigned_attrs"] for one in each["values"]]
    held = {*tokens, *(one.dump() for one in signed["certificates"])}
    return content[:begin] + content[end:], signer["signed_attrs"].dump() + signer["signature"].dump(), held


def _room(content: bytes) -> tuple[int, int]:
    begin = content.rindex(b"<", 0, content.rindex(b"0000>")) + 1
    return begin, content.index(b">", begin)


def in_a_member(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One member of a pack is changed and the zip is whole: only so do the parsers behind it meet anything."""
    parts = packs.unzipped(content)
    name = chance.choice(sorted(parts))
    parts[name] = changed(parts[name], tuple(parts.values()), chance)
    return packs.zipped(parts.items())


def resealed(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """The same, sealed again: the digests fit, and what is read after them is reached."""
    court, _, pack, _ = people()
    name = chance.choice(sorted(pack.members))
    member = changed(pack.members[name], tuple(pack.members.values()), chance)
    return packs.container({**pack.members, name: member}, court)


def in_the_container(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """The CMS container of a PDF's last seal, in its room: no digest covers it."""
    begin, end = _room(content)
    digits = content[begin:end]
    held = bytes.fromhex(digits.decode())
    spoilt = changed(held.rstrip(b"\0"), corpus, chance)[: len(held)].ljust(len(held), b"\0").hex().encode()
    return content[:begin] + (spoilt if digits == digits.lower() else spoilt.upper()) + content[end:]


def _sections(content: bytes) -> bool:
    """Whether pyHanko reads the cross-references. qpdf reads some that it does not, written by no producer; the swift
    way does not ask it, for the time that it takes.
    """
    try:
        PdfFileReader(io.BytesIO(content), strict=False)
    except Exception:  # noqa: BLE001 — a library that promises nothing
        return False
    return True


def _sealed(content: bytes) -> None:
    """What was handed in is drawn and sealed, and what is sealed is valid."""
    with suppress(PageNotShown):
        page_image(content, 1, 200)
    with suppress(PageNotShown):
        text_of(content)
    if inspect(content, Limits()).faults or not _sections(content):
        return
    verdict = _judged(sealing.basic(people()[0], content))
    assert verdict.exit == VALID or b"/ByteRange" in content, [one for one in verdict.steps if one.result == "failed"]


def _receipt(channel: str, body: bytes) -> RawReceipt:
    meta = {"recipient": email_rig.verp(), "sender": "<>", "signature": "checked", "content-type": "application/json"}
    return RawReceipt(channel=channel, body=body, received_at=datetime(2025, 9, 17, tzinfo=UTC), meta=meta)


def _submission(content: bytes) -> object:
    event, faults = read_json(content)
    return faults or read_submission(event)


def _log(content: bytes) -> None:
    checkpoint = log.read_checkpoint(content)
    log.included(bytes(32), checkpoint.size - 1, [bytes(32)] * 8, checkpoint)
    log.consistent(checkpoint, checkpoint, [bytes(32)] * 8)


def _token(content: bytes) -> None:
    """Raises AssertionError where another is accepted that does not say the same."""
    trust = [people()[1].certificates[1]]
    found = timestamp.check(content, imprint=IMPRINT, trust=trust)
    assert (found.at, found.imprint) == (AT, IMPRINT), "a changed token is accepted"


def _vkey(content: bytes) -> None:
    notes.read_vkey(content.decode("utf-8", "replace"))


@cache
def targets() -> dict[str, Target]:
    court, authority, pack, whole = people()
    pdfs = goods()[1:]
    plain = (documents.reportlab_letter(3), documents.xref_streams(), documents.typst_chinese(), documents.linearized())
    tokens = tuple(one.over(b"x") for one in (authority,))
    answers = tuple(_granted(token) for token in tokens)
    reports = tuple(file.read_bytes() for file in sorted(email_rig.REPORTS.glob("*.eml")))
    sms = tuple(smpp_rig.receipt(smpp_rig.appendix_b(stat)).body for stat in ("DELIVRD", "UNDELIV"))
    ems = (b'{"waybillNo":"1000000000001","opCode":"704","opTime":"2025-09-18 10:00:00","deliverCode":"10"}',)
    email, smpp, post = email_rig.channel(), smpp_rig.channel(), ems_rig.channel()
    vkey = str(pack.log.key).encode()
    return {
        **outside.targets(pack.members["evidence.xml"], whole, court),
        **packs_again.targets(),
        "inspection": Target((*plain, pdfs[0]), lambda content: inspect(content, Limits())),
        "seal a PDF": Target((*plain, *pdfs[:1]), _sealed, (NotSealable,)),
        "verify a PDF": Target(pdfs, _verified),
        "verify a seal's container": Target(pdfs, _container_verified, change=in_the_container),
        "verify a pack": Target((whole,), _verified),
        "verify a member": Target((whole,), _verified, change=in_a_member),
        "verify what is sealed": Target((whole,), _judged, change=resealed),
        "verify a checkpoint": Target((pack.log.checkpoint(),), _log, (ValueError,)),
        "timestamp response": Target(
            answers,
            lambda content: timestamp.token_of(content, imprint=IMPRINT, nonce=1, trust=[authority.certificates[1]]),
            (timestamp.TimestampWrong,),
        ),
        "timestamp token of ours": Target(tokens, _token, (timestamp.TimestampWrong,)),
        "timestamp token": Target(tokens, timestamp.read, (timestamp.TimestampWrong,)),
        "vkey": Target((vkey,), _vkey, (LedgerWrong,)),
        "e-mail report": Target(reports, lambda content: email.read(_receipt("email", content)), (ValueError,)),
        "SMPP receipt": Target(sms, lambda content: smpp.read(_receipt("sms", content)), (ValueError,)),
        "EMS report": Target(ems, lambda content: post.read(_receipt("ems", content)), (ValueError,)),
        "submission": Target((json.dumps(filings.filing(), ensure_ascii=False).encode(),), _submission),
    }


def _granted(token: bytes) -> bytes:
    answer = {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}
    made: bytes = tsp.TimeStampResp(answer).dump()
    return made
