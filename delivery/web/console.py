"""What a clerk meets (contract.md §5): what needs a hand first, then every delivery: history, reasons, files.

A clerk sees one court. What belongs to another does not exist (404), and every look at what is somebody's is on record.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from delivery.core.decide import state_of
from delivery.core.events import SECOND_PERSON
from delivery.core.model import Delivery, Outcome, State, Task
from delivery.core.second_person import proposal_of
from delivery.core.words import OUTCOMES
from delivery.web import decisions, exhibits, fact_page, notice_page, sessions, slip_page, unplaced
from delivery.web.fact_words import fact_details, place_words
from delivery.web.pages import CourtCard, see_other, static_routes
from delivery.web.reasons import about, reasoned
from delivery.web.sayings import said, task_reason
from delivery.web.sessions import Answer, Console, Desk, FormAnswer, signed_in, signed_in_form
from delivery.web.timeline import address_words, changes, fact_word, outcome_word, pick, steps, timeline

__all__ = ["Console", "CourtCard", "routes"]

PAGE = 50
LOOKS = 200
LONGEST_REASON = 500
_FULL_WIDTH = str.maketrans("()", "（）")


def routes(console: Console) -> list[web.RouteDef]:
    """Everything below /console/."""

    def page(path: str, answer: Answer) -> web.RouteDef:
        return web.get(path, signed_in(console, answer))

    def post(path: str, answer: FormAnswer) -> web.RouteDef:
        return web.post(path, signed_in_form(console, answer))

    def post_file(path: str, answer: Answer) -> web.RouteDef:
        return web.post(path, signed_in(console, answer))

    one = "/console/deliveries/{delivery}"
    return [
        *static_routes("/console"),
        *sessions.routes(console),
        page("/console", _home),
        page("/console/", _tasks),
        page("/console/deliveries", _deliveries),
        page("/console/looks", _looks),
        page(one, _delivery),
        post(one + "/tasks/{task}", _decide),
        *exhibits.routes(page),
        *unplaced.routes(page),
        page(one + "/slip", slip_page.ask),
        post_file(one + "/slip", slip_page.enter),
        *fact_page.routes(page, post_file),
        page(one + "/notice", notice_page.ask),
        page("/console/{rest:.*}", _nowhere),
    ]


async def _home(desk: Desk) -> web.Response:
    return see_other("/console/")


async def _nowhere(desk: Desk) -> web.Response:
    return desk.problem("unknown", 404)


async def _tasks(desk: Desk) -> web.Response:
    rows = await desk.console.journal.tasks(desk.clerk.court)
    waiting = await unplaced.count(desk)
    return desk.page("tasks", tasks=rows, unplaced=waiting, now=desk.console.clock.now(), **_words(desk))


async def _deliveries(desk: Desk) -> web.Response:
    asked = {
        name: desk.request.query.get(name, "").strip() for name in ("case_number", "party", "state", "outcome", "after")
    }
    rows = await desk.console.journal.deliveries(
        desk.clerk.court,
        case_number=asked["case_number"].translate(_FULL_WIDTH) or None,
        party=asked["party"] or None,
        state=asked["state"] or None,
        outcome=asked["outcome"] or None,
        after=asked["after"] or None,
        limit=PAGE + 1,
    )
    more = str(desk.request.rel_url.update_query(after=rows[PAGE - 1].id)) if len(rows) > PAGE else ""
    return desk.page(
        "deliveries",
        rows=rows[:PAGE],
        more=more,
        asked=asked,
        states=State,
        outcomes=Outcome,
        outcome_word=outcome_word,
    )


async def _looks(desk: Desk) -> web.Response:
    rows = await desk.console.journal.looks(desk.clerk.court, limit=LOOKS)
    return desk.page("looks", rows=rows)


async def _delivery(desk: Desk) -> web.Response:
    delivery = await exhibits.of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    await exhibits.looked(desk, "delivery", delivery)
    now = desk.console.clock.now()
    book, text = desk.console.book, desk.text
    taken = steps(await desk.console.journal.load(delivery.id), book)
    found = reasoned(delivery, book, now, text)
    return desk.page(
        "delivery",
        delivery=delivery,
        state=state_of(delivery),
        effects=found,
        asked=lambda task: about(task, found),
        changes=lambda document: changes(taken, document, text),
        lines=timeline(taken, book, text)[::-1],
        now=now,
        has_letters=bool(slip_page.letters(delivery)),
        choices=lambda task: decisions.open_to(delivery, task, desk.clerk.name),
        proposed=lambda task: proposal_of(delivery, task),
        titles={document.id: document.title for document in delivery.documents},
        fact_word=lambda kind: fact_word(kind, desk.text),
        fact_details=lambda fact: fact_details(fact, desk.text),
        place_words=lambda fact: place_words(fact, delivery, desk.text),
        **_words(desk),
    )


def _words(desk: Desk) -> dict[str, Any]:
    return {
        "pick": pick,
        "vocabulary": slip_page.VOCABULARY,
        "outcome_word": outcome_word,
        "address_words": address_words,
        "word_for": decisions.word_for,
        "may_decide": lambda task: decisions.may_decide(task, desk.clerk.role),
        "proposal_word": proposal_word,
        "reason_words": partial(task_reason, book=desk.console.book, text=desk.text),
        "said": partial(said, book=desk.console.book, text=desk.text),
    }


def proposal_word(proposal: str | None, desk: Desk) -> str:
    """The decision the service would take: `served 2025-09-17`, a next step, or a decision, in words."""
    text = desk.text
    if not proposal:
        return text("common.none")
    first, _, rest = proposal.partition(" ")
    if first in OUTCOMES:
        return f"{outcome_word(first, text)} {rest}".strip()
    for section in ("decision", "task"):
        if first in text.catalogue[section]:
            return text.word(section, first)
    return proposal


async def _decide(desk: Desk, form: Mapping[str, str]) -> web.Response:
    delivery = await exhibits.of_this_court(desk)
    if delivery is None:
        return desk.problem("unknown", 404)
    here = f"/console/deliveries/{delivery.id}"
    task = next((task for task in delivery.tasks if task.id == desk.request.match_info["task"]), None)
    if task is None:  # decided meanwhile, or overtaken: the page shows by whom
        return see_other(here)
    decision, reason = form.get("decision", ""), " ".join(form.get("reason", "").split())[:LONGEST_REASON]
    if not decisions.may_decide(task, desk.clerk.role):
        return desk.problem("judge", 403)
    if decision not in decisions.choices(task) or not reason:
        return see_other(f"{here}#tasks")
    if task.kind == SECOND_PERSON and decision not in decisions.open_to(delivery, task, desk.clerk.name):
        return desk.problem("own", 403)
    await _record_decision(desk, delivery, task, decision, reason)
    return see_other(here)


async def _record_decision(desk: Desk, delivery: Delivery, task: Task, decision: str, reason: str) -> None:
    now, clerk = desk.console.clock.now(), desk.clerk
    await desk.console.journal.record(
        delivery.id,
        lambda current: decisions.decide_by(
            current,
            task.id,
            desk.console.book,
            decision=decision,
            by=clerk.name,
            role=clerk.role,
            reason=reason,
            now=now,
        ),
    )
