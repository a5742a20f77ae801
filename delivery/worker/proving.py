"""From what a proof says (core) to how it is drawn (signing): labels for the fields, the state of the timestamp, no
decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from delivery.core.proof import Certificate
from delivery.core.words import Words
from signing.proof import DocumentRow, Line, ProofContent, Row, Section, Step

NO_TIMESTAMP = Line("时间戳：无。时间依据本系统时钟。", "Timestamp: none. Times are those of this system's clock.")
ELECTRONIC = Line("电子送达凭证", "Proof of Electronic Service")
RETURN = Line("送达回证", "Proof of Service")


def stamped_by(authorities: Sequence[str]) -> Line:
    """That one of them stamps the seal. Which one and when, its token says: no page can say that of its own seal."""
    zh, en = "、".join(authorities), " or ".join(authorities)
    return Line(
        f"时间戳：由{zh}加盖于本文件的印章签名（RFC 3161），时间见签名。",
        f"Timestamp: {en} stamps the signature of this seal (RFC 3161); the signature tells the time.",
    )


def made_up_for(since: datetime, zone: tzinfo) -> Line:
    """That no authority gave a token when the proof was made; the time is that of the rulebook's `zone`."""
    when = since.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return Line(
        f"时间戳：暂缺，自 {when} 起时间戳机构无应答，恢复后补盖。时间依据本系统时钟。",
        f"Timestamp: missing, no authority has answered since {when}; it will be made up for. Times are this system's.",
    )


def proof_content(certificate: Certificate, *, rehearsal: bool, timestamp: Line = NO_TIMESTAMP) -> ProofContent:
    effect = certificate.effect
    return ProofContent(
        title=ELECTRONIC if certificate.electronic else RETURN,
        certificate_no=certificate.number,
        court=Line(certificate.court, ""),
        case_no=certificate.case_number,
        issued_at=certificate.issued_at,
        issued_on=certificate.issued_at.strftime("%Y-%m-%d %H:%M"),
        outcome=_line(certificate.outcome),
        served=effect.outcome.dated,
        effective_on=str(effect.effective_date or "—"),
        grounds=tuple(Line(ground, "") for ground in effect.grounds),
        documents=tuple(
            DocumentRow(
                title=d.title,
                type=_line(d.type),
                pages=d.pages,
                sha256=d.sealed_sha256,
                sealed=d.sealed_at.strftime("%Y-%m-%d %H:%M"),
            )
            for d in certificate.documents
        ),
        sections=tuple(
            Section(_line(title), tuple(Row(_line(label), value) for label, value in rows))
            for title, rows in certificate.sections
        ),
        steps=tuple(
            Step(at=h.at.strftime("%m-%d %H:%M:%S"), what=_line(h.what), words=h.words) for h in certificate.course
        ),
        notes=_notes(certificate, timestamp),
        rehearsal=rehearsal,
    )


def _line(words: Words) -> Line:
    return Line(words.zh, words.en)


def _notes(certificate: Certificate, timestamp: Line) -> tuple[Line, ...]:
    if certificate.replaces is None:
        return (timestamp,)
    return (timestamp, Line(f"本证明取代 {certificate.replaces}", f"Replaces {certificate.replaces}"))
