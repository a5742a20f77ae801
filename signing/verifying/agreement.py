"""What the parts of a pack say of one another: the sealed evidence is compared with everything that it speaks of.

Each part may be genuine and the pack false all the same: the court's own evidence of one delivery beside the court's
own documents, receipts or events of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from signing.verifying import xades
from signing.verifying.evidence import NAMES
from signing.verifying.report import Notes, Number, Says

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = Mapping[str, Any]
"""One row of the event table as the ledger has it."""


def check(notes: Notes, members: Mapping[str, bytes], rows: Sequence[Row]) -> None:
    """The steps on contents. `rows`: those that the ledger holds, in order; none where there is no ledger."""
    _receipts(notes.of(f"{notes.part} · receipts"), members)
    documents = notes.of(f"{notes.part} · documents")
    with documents.guarded(Number.CONTENTS):
        _recorded(documents, _digests(members), rows)
    mine = notes.of(f"{notes.part} · evidence.xml")
    with mine.guarded(Number.CONTENTS):
        evidence = xades.read(members["evidence.xml"])
        _documents(documents, _digests(members), evidence)
        _messages(notes.of(f"{notes.part} · receipts"), members, evidence)
        _events(mine, evidence, rows)
        _explanation(notes.of(f"{notes.part} · explanation.json"), members, evidence)


# --- documents --------------------------------------------------------------------------------------------------------


def _digests(members: Mapping[str, bytes]) -> dict[str, str]:
    return {
        name.removeprefix("documents/").removesuffix(".pdf"): hashlib.sha256(content).hexdigest()
        for name, content in members.items()
        if name.startswith("documents/")
    }


def _recorded(notes: Notes, there: Mapping[str, str], rows: Sequence[Row]) -> None:
    """What was sealed is what is here: the digests in the recorded event, of the very bytes in the pack."""
    sealed = [json.loads(row["data"])["sealed"] for row in rows if row["kind"] == "documents_sealed"]
    if sealed:
        notes.judged(
            Number.CONTENTS,
            dict(sealed[-1]) == there,
            Says("文书即日志所记载的签章文书", "the documents are those whose sealing the ledger records"),
            Says("文书不是日志所记载的签章文书", "the documents are not those whose sealing the ledger records"),
        )


def _documents(notes: Notes, there: Mapping[str, str], evidence: etree._Element) -> None:
    named = {one.get("id"): one.get("sealedSha256") for one in evidence.iterfind("e:Documents/e:Document", NAMES)}
    notes.judged(
        Number.CONTENTS,
        named == there,
        Says("文书即证据所列的文书", "the documents are those that the evidence names"),
        Says("文书不是证据所列的文书", "the documents are not those that the evidence names"),
    )


# --- receipts ---------------------------------------------------------------------------------------------------------


def _index(members: Mapping[str, bytes]) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(members["receipts/index.json"])
    return listed


def _receipts(notes: Notes, members: Mapping[str, bytes]) -> None:
    with notes.guarded(Number.CONTENTS):
        index = _index(members)
        named = {f"receipts/{one['file']}" if "/" not in one["file"] else one["file"]: one["sha256"] for one in index}
        there = {
            name: hashlib.sha256(content).hexdigest()
            for name, content in members.items()
            if name.startswith("receipts/") and name != "receipts/index.json"
        }
        notes.judged(
            Number.CONTENTS,
            named == there,
            Says(f"{len(there)} 份原始回执与目录一致", f"{len(there)} raw receipts agree with their index"),
            Says("原始回执与目录不一致", "the raw receipts do not agree with their index"),
        )


def _messages(notes: Notes, members: Mapping[str, bytes], evidence: etree._Element) -> None:
    """The provider's own words behind each event that the evidence bases something on."""
    there = {one["id"]: one["sha256"] for one in _index(members)}
    named = [(one.get("id"), one.get("sha256")) for one in evidence.iterfind("e:Events/e:Event/e:Raw", NAMES)]
    if named:
        notes.judged(
            Number.CONTENTS,
            all(there.get(name) == digest for name, digest in named),
            Says(
                f"证据所引的 {len(named)} 份回执均在其中",
                f"the {len(named)} receipts that the evidence cites are there",
            ),
            Says("证据所引的回执不在其中，或内容不同", "a receipt that the evidence cites is not there, or another"),
        )


# --- events -----------------------------------------------------------------------------------------------------------


def _events(notes: Notes, evidence: etree._Element, rows: Sequence[Row]) -> None:
    """What the evidence tells happened, against what the ledger recorded: which delivery, which event, and when."""
    if not rows:
        return
    recorded = {row["seq"]: row["recorded_at"] for row in rows}
    told = {
        int(one.get("number", "")): _micros(one.get("recordedAt", ""))
        for one in evidence.iterfind("e:Events/e:Event", NAMES)
    }
    delivery = [one.get("id") for one in evidence.iterfind("e:Delivery", NAMES)]
    inside = {number: at for number, at in told.items() if number <= max(recorded)}
    notes.judged(
        Number.CONTENTS,
        delivery == [rows[0]["delivery"]] and all(recorded.get(number) == at for number, at in inside.items()),
        Says("证据与日志说的是同一次送达", "evidence and ledger speak of one delivery, recorded at the same times"),
        Says("证据与日志说的不是同一次送达或同一时间", "the evidence speaks of another delivery, or of other times"),
    )
    if later := sorted(told.keys() - inside.keys()):
        numbers = ", ".join(map(str, later))
        notes.not_checked(
            Number.LEDGER,
            f"证据所述第 {numbers} 号事件晚于此检查点，是否已入日志不得而知",
            f"events {numbers} of the evidence are later than this checkpoint: that the ledger has them is not shown",
        )


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


# --- explanation ------------------------------------------------------------------------------------------------------


def _explanation(notes: Notes, members: Mapping[str, bytes], evidence: etree._Element) -> None:
    notes.judged(
        Number.CONTENTS,
        json.loads(members["explanation.json"]) == _explained(evidence),
        Says("说理与规则版本即证据所载", "explanation and rulebook are those of the evidence"),
        Says("说理或规则版本与证据不符", "explanation or rulebook are not those of the evidence"),
    )


def _explained(evidence: etree._Element) -> dict[str, Any]:
    """Which proof, by which rules, and the effect of each document, as the evidence has it."""
    (proof,), (rulebook,) = evidence.findall("e:Proof", NAMES), evidence.findall("e:Rulebook", NAMES)
    files = {one.get("name"): one.get("sha256") for one in rulebook.iterfind("e:File", NAMES)}
    return {
        "proof": proof.get("number"),
        "rulebook": {"name": rulebook.get("name"), "version": rulebook.get("version"), "sha256": files},
        "documents": [_effect(one) for one in evidence.iterfind("e:Effects/e:Effect", NAMES)],
    }


def _effect(effect: etree._Element) -> dict[str, Any]:
    words = {one.get("lang"): one.text or "" for one in effect.iterfind("e:Explanation", NAMES)}
    return {
        **{name: effect.get(name) for name in ("document", "outcome", "effectiveDate", "rule")},
        "grounds": [one.text for one in effect.iterfind("e:Ground", NAMES)],
        "explanation": words.get("en", ""),
        "explanation_zh": words.get("zh", ""),
        "deadlines": [dict(one.attrib) for one in effect.iterfind("e:Deadline", NAMES)],
    }
