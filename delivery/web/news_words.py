"""What is known of a recipient in words: for forms, lists and timelines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from delivery.core import words
from delivery.core.events import RecipientLearnt
from delivery.core.model import Address, Consent, Proposal, Representative, Standing
from delivery.web.pages import Text

TABLES = {
    ("address", "channel"): words.CHANNELS,
    ("address", "basis"): words.BASES,
    ("consent", "documents"): words.DOCUMENTS,
    ("representative", "kind"): words.RELATIONS,
}


def word_of(part: str, field: str, word: str, text: Text) -> str:
    """A word of a list, as a clerk reads it; one that nobody wrote words for speaks for itself."""
    special = f"{field}_{word}"
    for key in (f"{part}_{special}", special):
        if key in text.catalogue["news_word"]:
            return text.word("news_word", key)
    table = TABLES.get((part, field), {})
    if word in table:
        return words.named(table, word)[0 if text.language == "zh" else 1]
    return text.word("value", word)


def part_words(one: Address | Consent | Representative | Standing, text: Text) -> str:
    """One of the parts in one line."""
    match one:
        case Address():
            told = (word_of("address", "channel", one.channel, text), str(one.value))
            return " · ".join((*told, word_of("address", "basis", one.basis, text)))
        case Consent():
            return " · ".join(_consent(one, text))
        case Representative():
            return f"{word_of('representative', 'kind', one.kind, text)} {one.name}".strip()
        case Standing():
            since = f" · {text.time(one.since)}" if one.since else ""
            return f"{word_of('standing', 'kind', one.kind, text)}{since}"


def _consent(consent: Consent, text: Text) -> Iterator[str]:
    comma = "、" if text.language == "zh" else ", "
    yield word_of("consent", "basis", consent.basis, text)
    yield comma.join(word_of("consent", "documents", word, text) for word in consent.documents)
    yield comma.join(word_of("consent", "stages", word, text) for word in consent.stages)
    yield text("news.given", time=text.time(consent.given_at))
    if consent.withdrawn_at:
        yield text("news.withdrawn", time=text.time(consent.withdrawn_at))


def learnt_words(learnt: RecipientLearnt | Proposal, text: Text) -> Iterator[tuple[str, str]]:
    """Each part that became known: (its name, in words)."""
    standing = (learnt.standing,) if learnt.standing else ()
    for part, found in (
        ("address", learnt.addresses),
        ("consent", learnt.consents),
        ("representative", learnt.representatives),
        ("standing", standing),
    ):
        for one in found:
            yield part, part_words(one, text)
