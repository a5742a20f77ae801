"""The text of a public notice, drafted from the case, the documents and what the rulebook says it must contain. Pure.

What songda does not know (the cause, the gist, the place of the hearing) stands in brackets for the clerk to fill in.
A notice is in Chinese; in an English console its meaning stands beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from delivery.core.deadlines import days_given
from delivery.core.effect import questions
from delivery.core.judging import judge_effect
from delivery.core.model import Delivery, Document, Fact
from delivery.core.question import Question
from delivery.core.rulebook import Rulebook
from delivery.core.trial import Trial
from delivery.web.advice import PERIODS
from delivery.web.notice import PLANNED, contents
from delivery.web.pages import CourtCard, Text

DEFAULT_REASON = "other_methods_failed"
TOGETHER = {
    "appeal_period": "appeal",
    "appeal_right": "appeal",
    "court": "appeal",
    "time": "hearing",
    "place": "hearing",
}
"""Contents that one sentence says together."""


def draft(
    delivery: Delivery, court: CourtCard, book: Rulebook, ordered: Fact | None, now: datetime, text: Text
) -> list[str]:
    """The paragraphs: heading, addressee, body, end."""
    reason = (ordered.reason if ordered else None) or DEFAULT_REASON
    titles = "、".join(f"《{document.title}》" for document in delivery.documents)
    abroad = "abroad" if delivery.recipient.domicile == "foreign" else "here"
    opening = [
        text("draft.case", number=delivery.case.number),
        text(f"draft.{reason}"),
        text(f"draft.law_{abroad}", titles=titles),
    ]
    body = [*opening, *_demands(delivery, book, now, text)]
    return [
        text("draft.heading", court=court.name(text.language)),
        text("draft.to", name=delivery.recipient.name),
        "".join(body) if text.language == "zh" else " ".join(body),
        *_gists(delivery, book, text),
        text("draft.end"),
        court.name(text.language),
        text("draft.day"),
    ]


def _demands(delivery: Delivery, book: Rulebook, now: datetime, text: Text) -> Iterator[str]:
    yield from _length(delivery, book, now, text)
    said: set[str] = set()
    for document, question in questions(delivery, now):
        days = days_given(question, book).get(PERIODS.get(document.type, ""))
        for name in contents(document, book):
            sentence = _sentence(TOGETHER.get(name, name), document, days, text)
            if sentence and sentence not in said:
                said.add(sentence)
                yield sentence


def _length(delivery: Delivery, book: Rulebook, now: datetime, text: Text) -> Iterator[str]:
    """The rulebook's term, as it would run for a notice that is published now."""
    trial = _as_if_published(delivery, book, now)
    day = trial.day(now)
    row = next((row for row in book.terms.get("notice", ()) if row.in_force(day) and trial.fires(row.when)), None)
    if row:
        yield text(f"draft.term_{row.unit}", n=row.n)


def _as_if_published(delivery: Delivery, book: Rulebook, now: datetime) -> Trial:
    """A stand-in for the attempt: the term asks only for the recipient's domicile and the court's settings."""
    fact = Fact(kind="published", at=now, address=PLANNED.id)
    question = Question(
        case=delivery.case,
        document=delivery.documents[0],
        recipient=delivery.recipient,
        facts=(fact,),
        as_of=now,
    )
    return Trial(question, book, PLANNED, 1, (fact,), judge_effect)


def _sentence(name: str, document: Document, days: int | None, text: Text) -> str:
    match name:
        case "hearing":
            when = text.time(document.hearing_at) if document.hearing_at else text("draft.blank_time")
            return text("draft.hearing", time=when)
        case "answer_period":
            return text("draft.answer_period", days=days or text("draft.blank_days"))
        case "appeal":
            return text(f"draft.appeal_{document.type}", days=days or text("draft.blank_days"))
        case "consequence":
            return text("draft.consequence_summons" if document.type == "summons" else "draft.consequence_answer")
    return ""


def _gists(delivery: Delivery, book: Rulebook, text: Text) -> Iterator[str]:
    for document in delivery.documents:
        if "gist" in contents(document, book):
            yield text(f"draft.gist_{document.type}")
