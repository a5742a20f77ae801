"""Every parser that meets outside bytes: good inputs to begin with, how it is called, and what it may raise."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from asn1crypto import cms, tsp

from delivery.core.ports import RawReceipt
from delivery.intake import read_json
from signing import links, notes, timestamp
from signing.errors import LedgerWrong
from signing.inspection import Limits, inspect
from signing.verify import verify
from signing.verifying import log
from tests import filings
from tests.adapters import email_rig, ems_rig, smpp_rig
from tests.core.test_submission import read as read_submission
from tests.fuzz.changes import Chance, changed
from tests.signing import documents
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.pki import AT, LATER, Clock, Sealer, clock, sealer

Change = Callable[[bytes, Sequence[bytes], Chance], bytes]


@dataclass(frozen=True)
class Target:
    """`may_raise`: what the parser documents; anything else is a finding."""

    corpus: tuple[bytes, ...]
    run: Callable[[bytes], object]
    may_raise: tuple[type[Exception], ...] = ()
    change: Change = field(default=changed)


@cache
def people() -> tuple[Sealer, Clock, packs.Pack, bytes]:
    court, authority = sealer("示例市滨江区人民法院"), clock()
    pack = packs.honest(court, authority)
    return court, authority, pack, pack.sealed(court, authority)


def _verified(content: bytes) -> None:
    court, authority, pack, _ = people()
    checkpoint = pack.log.checkpoint()
    verify([("fuzzed", content)], trust=[court.root_pem, authority.root_pem], checkpoint=checkpoint, at=LATER)


def in_a_member(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """One member of a pack is changed and the zip is whole: only so do the parsers behind it meet anything."""
    members = packs.unzipped(content)
    name = chance.choice(sorted(members))
    members[name] = changed(members[name], tuple(members.values()), chance)
    return packs.zipped(members.items())


def resealed(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """The same, sealed again: the digests fit, and what is read after them is reached."""
    court, _, pack, _ = people()
    name = chance.choice(sorted(pack.members))
    member = changed(pack.members[name], tuple(pack.members.values()), chance)
    return packs.container({**pack.members, name: member}, court)


def in_the_container(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """The CMS container of a PDF's last seal, in its room: no digest covers it."""
    begin = content.rindex(b"<", 0, content.rindex(b"0000>")) + 1
    end = content.index(b">", begin)
    held = bytes.fromhex(content[begin:end].decode())
    spoilt = changed(held.rstrip(b"\0"), corpus, chance)[: len(held)].ljust(len(held), b"\0")
    return content[:begin] + spoilt.hex().encode() + content[end:]


def _receipt(channel: str, body: bytes) -> RawReceipt:
    meta = {"recipient": email_rig.verp(), "sender": "<>", "signature": "checked", "content-type": "application/json"}
    return RawReceipt(channel=channel, body=body, received_at=datetime(2025, 9, 17, tzinfo=UTC), meta=meta)


def _submission(content: bytes) -> object:
    event, faults = read_json(content)
    return faults or read_submission(event)


def _link(content: bytes) -> object:
    token = content.decode("utf-8", "replace")
    return links.token_is_genuine(bytes(32), token, attempt="a", purpose="p", expires_at=AT), links.split_token(token)


def _log(content: bytes) -> None:
    checkpoint = log.read_checkpoint(content)
    log.included(bytes(32), checkpoint.size - 1, [bytes(32)] * 8, checkpoint)
    log.consistent(checkpoint, checkpoint, [bytes(32)] * 8)


def _note(content: bytes) -> None:
    _, _, pack, _ = people()
    notes.open_checkpoint(content, pack.log.key)


def _vkey(content: bytes) -> None:
    notes.read_vkey(content.decode("utf-8", "replace"))


@cache
def targets() -> dict[str, Target]:
    court, authority, pack, whole = people()
    pdfs = (
        sealing.basic(court), sealing.stamped(court, authority), sealing.archived(court, authority),
        sealing.foreign(court, sealing.letter(), "A"),
    )  # fmt: skip
    plain = (documents.reportlab_letter(3), documents.xref_streams(), documents.typst_chinese(), documents.linearized())
    tokens = tuple(one.over(b"x") for one in (authority,))
    answers = tuple(_granted(token) for token in tokens)
    imprint = hashlib.sha256(b"x").digest()
    reports = tuple(file.read_bytes() for file in sorted(email_rig.REPORTS.glob("*.eml")))
    sms = tuple(smpp_rig.receipt(smpp_rig.appendix_b(stat)).body for stat in ("DELIVRD", "UNDELIV"))
    ems = (b'{"mailNo":"EX000000012CN","opCode":"705","opTime":"2025-09-18 10:00:00","deliverCode":"4"}',)
    email, smpp, post = email_rig.channel(), smpp_rig.channel(), ems_rig.channel()
    vkey = str(pack.log.key).encode()
    return {
        "inspection": Target((*plain, pdfs[0]), lambda content: inspect(content, Limits())),
        "verify a PDF": Target(pdfs, _verified),
        "verify a seal's container": Target(pdfs, _verified, change=in_the_container),
        "verify a pack": Target((whole,), _verified),
        "verify a member": Target((whole,), _verified, change=in_a_member),
        "verify what is sealed": Target((whole,), _verified, change=resealed),
        "verify a checkpoint": Target((pack.log.checkpoint(),), _log, (ValueError,)),
        "timestamp response": Target(
            answers,
            lambda content: timestamp.token_of(content, imprint=imprint, nonce=1, trust=[authority.certificates[1]]),
            (timestamp.TimestampWrong,),
        ),
        "timestamp token": Target(tokens, timestamp.read, (timestamp.TimestampWrong,)),
        "note": Target((pack.log.checkpoint(),), _note, (LedgerWrong,)),
        "vkey": Target((vkey,), _vkey, (LedgerWrong,)),
        "link": Target((b"A" * 24, b"Aa0_-" * 6), _link),
        "e-mail report": Target(reports, lambda content: email.read(_receipt("email", content)), (ValueError,)),
        "SMPP receipt": Target(sms, lambda content: smpp.read(_receipt("sms", content)), (ValueError,)),
        "EMS report": Target(ems, lambda content: post.read(_receipt("ems", content)), (ValueError,)),
        "submission": Target((json.dumps(filings.filing(), ensure_ascii=False).encode(),), _submission),
    }


def _granted(token: bytes) -> bytes:
    answer = {"status": {"status": "granted"}, "time_stamp_token": cms.ContentInfo.load(token)}
    made: bytes = tsp.TimeStampResp(answer).dump()
    return made


def chances(seed: str) -> Chance:
    return random.Random(seed)  # noqa: S311 — the same inputs again for the same seed
