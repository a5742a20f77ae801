"""Sentences of the core in the reader's language: written in English; the rulebook has the Chinese of its rules.

A sentence that has no Chinese (a newer rulebook's, a clerk's own) is shown as it is: better English than silence.
"""

from __future__ import annotations

from delivery.core.rulebook import Rulebook
from delivery.web.pages import Text


def said(sentence: str, book: Rulebook, text: Text) -> str:
    """A rule's explanation, a rung's or a rejection's reason; the latter may begin with a document's id and a colon."""
    if text.language == "en":
        return sentence
    document, colon, rest = sentence.partition(": ")
    for rule in book.rules:
        if rule.says == sentence:
            return rule.says_zh
        if colon and rule.says == rest:
            return f"{document}：{rule.says_zh}"
    return text.word("said", sentence)


def task_reason(kind: str, reason: str, book: Rulebook, text: Text) -> tuple[str, str]:
    """Why a task is open; and, where that is only the gist in Chinese, the sentence itself beside it."""
    known = said(reason, book, text)
    gist = text.language == "zh" and known == reason and kind in text.catalogue["why"]
    return (text(f"why.{kind}"), reason) if gist else (known, "")
