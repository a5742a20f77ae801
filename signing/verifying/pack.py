"""A proof pack: the container, each part in it, and what the parts say of one another.

A pack is only as good as its weakest agreement: the documents must be those that the events name, the receipts those
that the index names, the events those that the log holds, and the seal over all of it that of somebody trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import crl, ocsp, x509
from lxml import etree

from signing.verifying import agreement, container, evidence, log, national, pdf, renewal, xades
from signing.verifying.report import Notes, Number, Says
from signing.verifying.stamps import judged
from signing.verifying.trust import Trust

SEAL = "META-INF/signatures0.xml"
MANIFEST = "META-INF/manifest.xml"
MANIFEST_NAMES = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
MOST_EVENTS = 100_000
REQUIRED = (MANIFEST, SEAL, "proof.pdf", "evidence.xml", "explanation.json", "receipts/index.json")
REVOCATION = ("revocation/", "META-INF/revocation")
FORMER = "former.asice"
MOST_FORMER = 8
"""Packs in packs: as often as nobody has a proof replaced after its pack was renewed."""

LOGGED = ("ledger/checkpoint", "ledger/key", "ledger/events.json")


@dataclass(frozen=True)
class Event:
    """One row of the event table, as the pack tells it."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    row: Mapping[str, Any]


def check(notes: Notes, content: bytes, trust: Trust, checkpoint: log.Held | None, depth: int = 0) -> None:
    """All steps for one pack. `depth`: how many packs it is inside of."""
    try:
        members = container.members(content)
    except container.NotAPack as wrong:
        where = notes.of(f"{notes.part} · {wrong.member}") if wrong.member else notes
        where.failed(Number.FORM, f"证据包已损坏：{wrong}", f"the pack is damaged: {wrong}")
        return
    notes.passed(Number.FORM, f"证据包，含 {len(members)} 个部分", f"a proof pack with {len(members)} members")
    missing = [name for name in REQUIRED if name not in members]
    for name in missing:
        notes.failed(Number.FORM, f"缺少 {name}", f"{name} is missing")
    for name in members:
        if name.startswith("META-INF/") and name not in (MANIFEST, SEAL) and not renewal.MEMBER.fullmatch(name):
            notes.of(f"{notes.part} · {name}").failed(Number.FORM, "不应有此部分", "a pack has no such member")
    if not missing:
        trust = renewal.proven(notes, members, _helped(notes, members, trust))
        _opened(notes, members, trust, checkpoint)
        _former(notes.of(f"{notes.part} · {FORMER}"), members, trust, checkpoint, depth)


def _former(notes: Notes, members: Mapping[str, bytes], trust: Trust, checkpoint: log.Held | None, depth: int) -> None:
    """The renewed pack of the proof that this one replaces stands by itself, for the time that its outer one proves."""
    if FORMER not in members:
        return
    if depth >= MOST_FORMER:
        notes.failed(Number.FORM, "证据包嵌套过深", "packs inside packs, too deep")
        return
    check(notes, members[FORMER], trust, checkpoint, depth + 1)


def _opened(notes: Notes, members: Mapping[str, bytes], trust: Trust, checkpoint: log.Held | None) -> None:
    covered = {name: one for name, one in members.items() if name != "mimetype" and not name.startswith("META-INF/")}
    inside = notes.of(f"{notes.part} · {SEAL}")
    seal = xades.over_members(inside, members[SEAL], covered, trust)
    if trust.anchors and (seal is None or not seal.trusted):
        inside.failed(Number.TRUST, "容器签章不出自您指定的信任证书", "the container's seal is of nobody you trust")
    _manifest(notes.of(f"{notes.part} · {MANIFEST}"), members)
    for name in sorted(name for name in members if name == "proof.pdf" or name.startswith("documents/")):
        pdf.check(notes.of(f"{notes.part} · {name}"), members[name], trust)
    _evidence(notes.of(f"{notes.part} · evidence.xml"), members, trust)
    events = _events(notes.of(f"{notes.part} · ledger/events.json"), members)
    agreement.check(notes, members, [one.row for one in events])
    _checkpoint(notes.of(f"{notes.part} · ledger/checkpoint"), members, events, checkpoint)
    _stamps(notes, members, trust, events)
    national.check(notes, members, trust)


def _helped(notes: Notes, members: Mapping[str, bytes], trust: Trust) -> Trust:
    """With the certificates and revocation data of the pack: helpers, believed only through an anchor."""
    others, lists, answers = [], [], []
    for name, content in members.items():
        with notes.of(f"{notes.part} · {name}").guarded(Number.FORM):
            if name == national.CERTIFICATE:
                continue  # for its own step: pyHanko cannot read it
            if name.startswith("certificates/"):
                others.append(x509.Certificate.load(content, strict=True))
            elif name.startswith(REVOCATION) and name.endswith(".crl"):
                lists.append(crl.CertificateList.load(content, strict=True))
            elif name.startswith(REVOCATION) and name.endswith(".ocsp"):
                answers.append(ocsp.OCSPResponse.load(content, strict=True))
    return trust.helped(others, lists, answers)


# --- what the parts say of one another --------------------------------------------------------------------------------


def _manifest(notes: Notes, members: Mapping[str, bytes]) -> None:
    """Nobody signs it, so it must say what the seal says, and nothing else."""
    with notes.guarded(Number.FORM):
        root = xades.read(members[MANIFEST])
        sealed = {"/": container.MIMETYPE.decode(), **xades.media_types(members[SEAL])}
        notes.judged(
            Number.FORM,
            _manifest_entries(root) == sorted(sealed.items()),
            Says("清单与内容一致", "the manifest names what is there"),
            Says("清单与内容不一致", "the manifest names other things than are there"),
        )


def _manifest_entries(root: etree._Element) -> list[tuple[str, ...]]:
    """Path and type of each entry, sorted. Raises ValueError for a manifest of another shape."""
    names = [f"{{{MANIFEST_NAMES}}}{name}" for name in ("full-path", "media-type")]
    if root.tag != f"{{{MANIFEST_NAMES}}}manifest" or root.items() != [(f"{{{MANIFEST_NAMES}}}version", "1.2")]:
        raise ValueError("no manifest")
    entries = [one for one in root if one.tag == f"{{{MANIFEST_NAMES}}}file-entry" and one.keys() == names]
    if len(entries) != len(root) or any(len(one) or one.text or one.tail for one in entries) or root.text:
        raise ValueError("no entries")
    return sorted(tuple(one.get(name, "") for name in names) for one in entries)


def _evidence(notes: Notes, members: Mapping[str, bytes], trust: Trust) -> None:
    content = members["evidence.xml"]
    evidence.check(notes, content, trust)
    with notes.guarded(Number.CONTENTS):
        notes.judged(
            Number.CONTENTS,
            pdf.attachment(members["proof.pdf"], "evidence.xml") == content,
            Says("与送达证明所附证据相同", "the same evidence as embedded in the proof"),
            Says("与送达证明所附证据不同", "not the evidence that is embedded in the proof"),
        )


# --- ledger -----------------------------------------------------------------------------------------------------------


def _events(notes: Notes, members: Mapping[str, bytes]) -> tuple[Event, ...]:
    if not any(name in members for name in LOGGED):
        notes.not_checked(Number.LEDGER, "证据包中没有日志证明", "the pack holds no proofs from the ledger")
        return ()
    with notes.guarded(Number.LEDGER):
        checkpoint = log.read_checkpoint(members["ledger/checkpoint"])
        events = tuple(_read_events(members["ledger/events.json"]))
        wrong = [one.index for one in events if not log.included(one.leaf, one.index, one.path, checkpoint)]
        notes.judged(
            Number.LEDGER,
            not wrong,
            Says(
                f"{len(events)} 条事件均在所附检查点的日志中",
                f"all {len(events)} events are in the log of that checkpoint",
            ),
            Says(f"这些事件不在日志中：{wrong}", f"not in the ledger: events {wrong}"),
        )
        gaps = list(_gaps(events))
        for fault in gaps:
            notes.failed(Number.LEDGER, fault.zh, fault.en)
        return events
    return ()


def _read_events(content: bytes) -> Iterator[Event]:
    listed = json.loads(content)
    if len(listed) > MOST_EVENTS:
        raise ValueError("too many events")
    for one in listed:
        entry = one["entry"].encode()
        row = json.loads(entry)
        if json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() != entry:
            raise ValueError("an event is not in its canonical form")
        leaf = log.leaf(bytes.fromhex(one["salt"]), entry)
        yield Event(one["index"], leaf, tuple(bytes.fromhex(each) for each in one["proof"]), row)


def _gaps(events: tuple[Event, ...]) -> Iterator[Says]:
    """The events of one delivery, all of them from the first on, in the order of the log."""
    if not events:
        yield Says("没有事件", "there are no events")
    if len({one.row["delivery"] for one in events}) > 1:
        yield Says("混入了其他送达的事件", "events of another delivery are among them")
    if [one.row["seq"] for one in events] != list(range(1, len(events) + 1)):
        yield Says(
            "事件序号不连续：有事件被抽走或重排", "the events are not numbered 1, 2, 3…: some are missing or moved"
        )
    if [one.index for one in events] != sorted({one.index for one in events}):
        yield Says("事件在日志中的次序有误", "the order of the events is not that of the ledger")
    times = [one.row["recorded_at"] for one in events]
    if times != sorted(times):
        yield Says("事件的记录时间倒退", "the times at which events were recorded run backwards")


def _checkpoint(
    notes: Notes, members: Mapping[str, bytes], events: tuple[Event, ...], trusted: log.Held | None
) -> None:
    if not events:
        return
    with notes.guarded(Number.CHECKPOINT):
        mine, vkey = log.read_checkpoint(members["ledger/checkpoint"]), members["ledger/key"].decode("utf-8")
        if not log.signed_by(mine, vkey):
            notes.failed(Number.CHECKPOINT, "不是由所附的日志密钥签署", "not signed by the log's key in the pack")
            return
        notes.agrees(
            Number.CHECKPOINT,
            f"由所附的日志密钥签署，规模 {mine.size}；密钥出自包内，不足为凭，须与法院公布的核对：{vkey.strip()}",
            f"signed by the log's key in the pack, at {mine.size} entries; that key proves nothing by itself, compare "
            f"it with what the court publishes: {vkey.strip()}",
        )
        _others(notes, mine, vkey)
        if trusted is None:
            notes.not_checked(
                Number.CHECKPOINT,
                "您没有给出另行取得的检查点：无从得知别人看到的是否同一份日志",
                "you gave no checkpoint of your own: whether others see the same log cannot be told",
            )
        else:
            _same_log(notes, mine, *trusted, vkey)


def _others(notes: Notes, mine: log.Checkpoint, vkey: str) -> None:
    """Whoever else signed the note. Nobody counts here: their keys are not known."""
    if names := sorted(name for name, identity in mine.signatures if (name, identity) != log.read_key(vkey)[:2]):
        notes.not_checked(
            Number.CHECKPOINT,
            f"另有自称为 {'、'.join(names)} 的签署，未核验",
            f"further signatures, which call themselves {', '.join(names)}, were not checked",
        )


def _same_log(notes: Notes, mine: log.Checkpoint, theirs: log.Checkpoint, proof: tuple[bytes, ...], vkey: str) -> None:
    older, newer = sorted((mine, theirs), key=lambda one: one.size)
    if mine.origin != theirs.origin:
        notes.failed(Number.CHECKPOINT, "与您的检查点不属于同一日志", "your checkpoint is of another log")
    elif proof or mine.size == theirs.size:
        notes.judged(
            Number.CHECKPOINT,
            log.consistent(older, newer, proof),
            Says("与您持有的检查点属于同一份日志", "of one log with the checkpoint that you hold"),
            Says(
                "与您持有的检查点不是同一份日志：日志被分叉",
                "not of one log with the checkpoint that you hold: the log was forked",
            ),
        )
    elif log.read_key(vkey)[:2] not in theirs.signatures:
        notes.failed(
            Number.CHECKPOINT,
            "您的检查点由另一把密钥签署：名称相同，日志不同",
            "another key signed your checkpoint: a log of the same name, and not this one",
        )
    else:
        notes.not_checked(
            Number.CHECKPOINT,
            f"您的检查点规模为 {theirs.size}，证据包为 {mine.size}：须用日志的公开数据核对（见 docs/verifying.md）",
            f"your checkpoint is at {theirs.size}, the pack's at {mine.size}: docs/verifying.md tells how to compare",
        )


# --- timestamps -------------------------------------------------------------------------------------------------------


def _stamps(notes: Notes, members: Mapping[str, bytes], trust: Trust, events: tuple[Event, ...]) -> None:
    index, named = "timestamps/index.json", set()
    with notes.of(f"{notes.part} · {index}").guarded(Number.TIME):
        for one in json.loads(members.get(index, b"[]")):
            mine = notes.of(f"{notes.part} · {one['file']}")
            named.add(one["file"])
            with mine.guarded(Number.TIME):
                stamp = judged(members[one["file"]], members[one["over"]], trust)
                over = Says(one["over"], one["over"])
                stamp.tell(mine, _latest(events) if one["over"] == "ledger/checkpoint" else None, over)
    for name in sorted(name for name in members if name.startswith("timestamps/") and name not in {*named, index}):
        says = ("目录没有说明此时间戳所盖的内容", "no index says over what this timestamp is")
        notes.of(f"{notes.part} · {name}").failed(Number.TIME, *says)


def _latest(events: tuple[Event, ...]) -> datetime | None:
    """The last event that the checkpoint covers: no honest timestamp on it is older."""
    micros = max((int(one.row["recorded_at"]) for one in events), default=None)
    return None if micros is None else agreement.EPOCH + timedelta(microseconds=micros)
