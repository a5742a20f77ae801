"""What to do next and by when, in plain words, per document (contract.md §4.4). Periods: law.md §8.2.

A last day is told only once the service is concluded, as the case record was told it; it may still be revised.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from delivery.core.deadlines import days_given
from delivery.core.effect import questions
from delivery.core.model import Case, Delivery, Document, Effect
from delivery.core.rulebook import Rulebook
from delivery.web.pages import Text

PERIODS = {
    "complaint_copy": "ANSWER_1",
    "appeal_copy": "ANSWER_APPEAL",
    "judgment": "APPEAL_JUDGMENT",
    "ruling": "APPEAL_RULING",
    "payment_order": "PAYMENT_ORDER_OBJ",
}
"""The period whose length a document's sentence tells; how long it is stands in the rulebook alone (periods.toml)."""


def advice(delivery: Delivery, book: Rulebook, now: datetime, text: Text) -> list[tuple[Document, str]]:
    """One sentence or two for each document."""
    told = dict(delivery.concluded)
    return [
        (
            document,
            _sentence(document, delivery.case, days_given(question, book), text) + _last_days(told, document, text),
        )
        for document, question in questions(delivery, now)
    ]


def _last_days(told: Mapping[str, Effect], document: Document, text: Text) -> str:
    effect = told.get(document.id)
    if effect is None or effect.effective_date is None or effect.flag("confirmation_due"):
        return ""
    served = text("todo.served", day=text.day(effect.effective_date))
    ends = [(d.name_zh if text.language == "zh" else d.name, d.last_day) for d in effect.deadlines if d.last_day]
    return served + "".join(text("todo.last_day", name=name, day=text.day(day)) for name, day in ends)


def has_period(delivery: Delivery) -> bool:
    """Whether the rule about holidays at the end of a period is worth saying."""
    return any(document.type in PERIODS for document in delivery.documents)


def _sentence(document: Document, case: Case, days: Mapping[str, int], text: Text) -> str:
    match document.type:
        case "summons" | "hearing_notice" if document.hearing_at:
            return text("todo.hearing", time=text.time(document.hearing_at))
        case "summons" | "hearing_notice":
            return text("todo.summons")
        case "judgment" | "ruling" if case.stage == "second_instance" or case.procedure == "small_claims":
            return text("todo.final_document")  # CPL 182, 165
        case kind if (known := days.get(PERIODS.get(kind, ""))) is not None:
            return text(f"todo.{kind}", days=known)
        case "evidence" | "mediation_statement" | "assistance_notice":
            return text(f"todo.{document.type}")
        case _:
            return text("todo.other")
