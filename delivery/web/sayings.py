"""Sentences of the core in the reader's language: written in English; the rulebook has the Chinese of its rules.

A sentence that has no Chinese (a newer rulebook's, a clerk's own) is shown as it is: better English than silence.
"""

from __future__ import annotations

import re

from delivery.core.events import STEP_FAILED
from delivery.core.routing import SENTENCES
from delivery.core.rows import Consequence, Rule
from delivery.core.rulebook import Rulebook
from delivery.web.pages import Text


def said(sentence: str, book: Rulebook, text: Text) -> str:
    """A rule's explanation, a rung's or a rejection's reason; the latter may begin with a document's id and a colon."""
    if text.language == "en":
        return sentence
    document, colon, rest = sentence.partition(": ")
    rows: tuple[Rule | Consequence, ...] = (*book.rules, *book.consequences)
    for rule in rows:
        if rule.says == sentence:
            return rule.says_zh
        if colon and rule.says == rest:
            return f"{document}：{rule.says_zh}"
    return _of_a_route(sentence, book) or text.word("said", sentence)


def _of_a_route(sentence: str, book: Rulebook) -> str | None:
    """The reason of a choice: that of its rung, and what was added to it, each behind a semicolon."""
    known = [(re.escape(rung.reason), rung.reason_zh) for rung in book.ladder]
    known += [(re.escape(embargo.reason), embargo.reason_zh) for embargo in book.routing.embargoes]
    for pattern, chinese in (*known, *_BLANKS):
        if found := re.match(f"{pattern}(?:; (?P<rest>.+))?$", sentence):
            blanks = found.groupdict()
            rest = blanks.pop("rest")
            told = chinese.format(**blanks)
            return f"{told}；{_of_a_route(rest, book) or rest}" if rest else told
    return None


_BLANKS = [
    (re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^;,]+)", re.escape(english)), chinese) for english, chinese in SENTENCES.values()
]
"""The sentences of routing.py as patterns, beside their Chinese."""


_FAULT = re.compile(r": (\w+)\)$")
"""At the end of the reason of a step that failed, as core.tasks writes it."""


def fault_word(fault: str, text: Text) -> str:
    """What a fault of that name means to a clerk; nothing for one that is for the operators' log alone."""
    return text.word("stuck", fault) if fault in text.catalogue["stuck"] else ""


def task_reason(kind: str, reason: str, book: Rulebook, text: Text) -> tuple[str, str]:
    """Why a task is open; and, where that is only the gist in Chinese, the sentence itself beside it."""
    known = said(reason, book, text)
    if fault := _FAULT.search(reason) if kind == STEP_FAILED else None:
        known = fault_word(fault[1], text) or known
    gist = text.language == "zh" and known == reason and kind in text.catalogue["why"]
    return (text(f"why.{kind}"), reason) if gist else (known, "")
