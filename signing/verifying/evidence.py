"""The sealed evidence, beside a proof or inside it: whose it is, and what it states."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from signing.verifying import xades
from signing.verifying.report import Notes, Number, Says
from signing.verifying.trust import Trust

NAMESPACE = "urn:songda:evidence:1"
NAMES = {"e": NAMESPACE}
OUTCOMES = {
    "served": "已送达",
    "presumed": "推定送达",
    "deemed": "视为送达",
    "not_served": "未送达",
    "pending": "尚待结果",
    "review": "待审查",
    "forbidden": "不得以此方式送达",
}


def check(notes: Notes, content: bytes, trust: Trust) -> None:
    """The steps on its seal, and its statements where that is of somebody trusted."""
    seal = xades.over_document(notes, content, trust)
    if trust.anchors and (seal is None or not seal.trusted):
        notes.failed(Number.TRUST, "证据签章不出自您指定的信任证书", "the evidence's seal is of nobody you trust")
    if seal is None or not seal.trusted:
        return
    with notes.guarded(Number.CONTENTS):
        for told in _stated(xades.read(content)):
            notes.passed(Number.CONTENTS, told.zh, told.en)  # proven is that the sealer says so
        notes.not_checked(
            Number.CONTENTS,
            "此后是否另有更正的证明取代它，离线无从得知",
            "whether a later, corrected proof has replaced it cannot be told offline",
        )


def is_one(content: bytes) -> bool:
    """Whether an attachment is evidence of ours: other programs attach files of that name too."""
    try:
        return bool(xades.read(content).tag == f"{{{NAMESPACE}}}Evidence")
    except (ValueError, etree.XMLSyntaxError):
        return False


def _stated(root: etree._Element) -> Iterator[Says]:
    """Its words, believed as far as its sealer is."""
    if _said(root, "e:Proof", "rehearsal") == "true":
        yield Says(
            "签章人声明：这是演练，不是真实的送达", "the sealer states: this is a rehearsal, and nobody was served"
        )
    case, name = _said(root, "e:Case", "number"), root.findtext("e:Recipient/e:Name", "—", NAMES)
    titles = {one.get("id"): one.findtext("e:Title", "—", NAMES) for one in root.iterfind(".//e:Document", NAMES)}
    for one in root.iterfind(".//e:Effect", NAMES):
        title, outcome = titles.get(one.get("document"), "—"), one.get("outcome", "")
        day = one.get("effectiveDate") or "—"
        grounds = ", ".join(ground.text or "" for ground in one.iterfind("e:Ground", NAMES))
        yield Says(
            f"签章人声明（对错不在核验之列）：{case}，{name}，《{title}》{OUTCOMES.get(outcome, outcome)}，"
            f"日期 {day}，依据 {grounds}",
            f"the sealer states (whether rightly is not checked here): {case}, {name}, “{title}”: {outcome}, on {day}, "
            f"by {grounds}",
        )


def _said(root: etree._Element, path: str, name: str) -> str:
    (found,) = root.findall(path, NAMES)
    return found.get(name, "")
