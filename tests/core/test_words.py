"""Words for people: each term of the vocabulary has its own, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from delivery.core import vocabulary, words
from delivery.core.facts import SHAPES
from delivery.core.model import Outcome

TABLES = {
    "outcomes": (words.OUTCOMES, Outcome),
    "documents": (words.DOCUMENTS, vocabulary.DOCUMENT_TYPES),
    "channels": (words.CHANNELS, vocabulary.CHANNELS),
    "bases": (words.BASES, vocabulary.ADDRESS_BASES),
    "roles": (words.ROLES, vocabulary.ROLES),
    "relations": (words.RELATIONS, vocabulary.RELATIONS),
    "facts": (words.FACTS, tuple(SHAPES)),
    "reasons": (words.REASONS, (*vocabulary.RETURN_REASONS, *vocabulary.CLAIMS)),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_term_has_words_in_both_languages(name: str) -> None:
    table: Mapping[str, tuple[str, str]] = TABLES[name][0]
    terms: Iterable[str] = TABLES[name][1]
    assert {str(term) for term in terms} <= {*table}
    for chinese, english in table.values():
        assert chinese
        assert not chinese.isascii()
        assert english.isascii()


def test_a_term_without_words_speaks_for_itself() -> None:
    assert words.named(words.FACTS, "seen_by_a_cat") == ("seen_by_a_cat", "seen_by_a_cat")
