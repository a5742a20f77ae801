"""The page that helps with a public notice: draft, precheck, clock."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from delivery.web.exhibits import looked, of_this_court
from delivery.web.fact_words import option_word
from delivery.web.notice import STEPS, check, clocks, contents
from delivery.web.notice_draft import draft
from delivery.web.sessions import Desk
from delivery.web.timeline import address_words, outcome_word


async def ask(desk: Desk) -> web.Response:
    """For any delivery of the court: what is missing is said, not hidden."""
    delivery = await of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    await looked(desk, "notice", delivery)
    now, book, text = desk.console.clock.now(), desk.book, desk.text
    found = check(delivery, book, now)
    wordings = {name: replace(text, language=name) for name in ("zh", "en")}
    drafts = {name: draft(delivery, desk.court, book, found.ordered, now, words) for name, words in wordings.items()}
    return desk.page(
        "notice",
        delivery=delivery,
        check=found,
        steps=STEPS,
        drafts=drafts,
        clocks=clocks(delivery, book, now),
        must=[(document, contents(document, book)) for document in delivery.documents],
        option_word=lambda field, word: option_word(field, word, text),
        address_words=lambda address: address_words(address, text),
        outcome_word=lambda outcome: outcome_word(outcome, text),
    )
