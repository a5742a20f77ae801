"""What to do next and by when, in plain words, per document (contract.md §4.4). Periods: law.md §8.2.

A last day is told only once the service is concluded, as the case record was told it; it may still be revised.
"""

from __future__ import annotations

from delivery.core.model import Case, Delivery, Document, Effect, Recipient
from delivery.web.pages import Text

FOREIGN_DAYS = 30
"""Answer and appeal of a party without domicile in the mainland: CPL 285, 286."""

APPEAL_DAYS = {
    ("judgment", "civil"): 15,  # CPL 171
    ("ruling", "civil"): 10,  # CPL 171
    ("judgment", "administrative"): 15,  # ALL 85
    ("ruling", "administrative"): 10,  # ALL 85
    ("judgment", "criminal"): 10,  # CRPL 230
    ("ruling", "criminal"): 5,  # CRPL 230
}
ANSWER_DAYS = 15
"""CPL 128, 174; ALL 67."""


def advice(delivery: Delivery, text: Text) -> list[tuple[Document, str]]:
    """One sentence or two for each document."""
    told = dict(delivery.concluded)
    return [
        (
            document,
            _sentence(document, delivery.case, delivery.recipient, text) + _last_days(told.get(document.id), text),
        )
        for document in delivery.documents
    ]


def _last_days(effect: Effect | None, text: Text) -> str:
    if effect is None or effect.effective_date is None or effect.flag("confirmation_due"):
        return ""
    served = text("todo.served", day=text.day(effect.effective_date))
    ends = [(d.name_zh if text.language == "zh" else d.name, d.last_day) for d in effect.deadlines if d.last_day]
    return served + "".join(text("todo.last_day", name=name, day=text.day(day)) for name, day in ends)


def has_period(delivery: Delivery) -> bool:
    """Whether the rule about holidays at the end of a period is worth saying."""
    return any(
        document.type in ("complaint_copy", "appeal_copy", "judgment", "ruling", "payment_order")
        for document in delivery.documents
    )


def _sentence(document: Document, case: Case, recipient: Recipient, text: Text) -> str:
    match document.type:
        case "summons" | "hearing_notice" if document.hearing_at:
            return text("todo.hearing", time=text.time(document.hearing_at))
        case "summons" | "hearing_notice":
            return text("todo.summons")
        case "complaint_copy" | "appeal_copy":
            return text(f"todo.{document.type}", days=_days(ANSWER_DAYS, recipient))
        case "judgment" | "ruling":
            return _appeal(document, case, recipient, text)
        case "payment_order" | "evidence" | "mediation_statement" | "assistance_notice":
            return text(f"todo.{document.type}")
        case _:
            return text("todo.other")


def _appeal(document: Document, case: Case, recipient: Recipient, text: Text) -> str:
    days = APPEAL_DAYS.get((document.type, case.kind))
    if case.stage == "second_instance" or case.procedure == "small_claims":
        return text("todo.final_document")  # CPL 182, 165
    if case.stage != "first_instance" or days is None:
        return text("todo.other")
    return text(f"todo.{document.type}", days=_days(days, recipient) if case.kind == "civil" else days)


def _days(days: int, recipient: Recipient) -> int:
    return days if recipient.domicile == "mainland" else FOREIGN_DAYS
