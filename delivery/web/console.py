"""What a clerk meets (contract.md §5): what needs a hand first, then every delivery: history, reasons, files.

A clerk sees one court. What belongs to another does not exist (404), and every look at what is somebody's is on record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from aiohttp import web

from delivery.core.byhand import address_of
from delivery.core.decide import state_of
from delivery.core.events import SECOND_PERSON
from delivery.core.model import Delivery, Outcome, State, Task
from delivery.core.second_person import proposal_of
from delivery.core.words import OUTCOMES
from delivery.journal.errors import HistoryBroken
from delivery.journal.lists import TaskRow
from delivery.web import (
    decisions,
    exhibits,
    fact_page,
    keys_page,
    news_page,
    notice_page,
    sessions,
    slip_page,
    unplaced,
)
from delivery.web.fact_words import fact_details, place_words
from delivery.web.missing import missing
from delivery.web.news_words import learnt_words
from delivery.web.pages import CourtCard, see_other, static_routes
from delivery.web.reasons import about, reasoned
from delivery.web.sayings import said, task_reason
from delivery.web.sessions import Answer, Console, Desk, FormAnswer, signed_in, signed_in_form
from delivery.web.timeline import address_words, changes, fact_word, outcome_word, pick, steps, timeline
from delivery.web.ways import ways

__all__ = ["Console", "CourtCard", "routes"]

PAGE = 50
LOOKS = 200
LONGEST_REASON = 500
MOST_JUDGED = 50
"""Of the tasks on the list: so many deliveries are judged anew for one page, a few milliseconds each."""
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
        *keys_page.routes(page, post),
        page(one + "/slip", slip_page.ask),
        post_file(one + "/slip", slip_page.enter),
        *fact_page.routes(page, post_file),
        *news_page.routes(page, post_file),
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
    lacking = await _missing(desk, rows)
    return desk.page(
        "tasks", tasks=rows, unplaced=waiting, missing=lacking, now=desk.console.clock.now(), **_words(desk)
    )


async def _missing(desk: Desk, rows: Sequence[TaskRow]) -> dict[str, list[str]]:
    """What each of the most urgent tasks lacks, by its id; each delivery is judged once. One whose record cannot be
    read says so on its own page.
    """
    now, book, text = desk.console.clock.now(), desk.book, desk.text
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(row.delivery for row in rows[:MOST_JUDGED]):
        try:
            delivery = await desk.console.journal.delivery(name)
        except HistoryBroken:
            continue
        effects = reasoned(delivery, book, now, text)
        found |= {task.id: missing(delivery, task, effects, book, now, text) for task in delivery.tasks}
    return found


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
    book, text = desk.book, desk.text
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
        options=lambda task: _options(desk, delivery, task),
        missing=lambda task: missing(delivery, task, found, book, now, text),
        ways=lambda task: list(ways(delivery, task, text)),
        proposed=lambda task: proposal_of(delivery, task),
        titles={document.id: document.title for document in delivery.documents},
        fact_word=lambda kind: fact_word(kind, desk.text),
        fact_details=lambda fact: fact_details(fact, desk.text),
        place_words=lambda fact: place_words(fact, delivery, desk.text),
        **_words(desk),
    )


def _options(desk: Desk, delivery: Delivery, task: Task) -> list[tuple[str, str]]:
    """What the account may decide: the value that the form sends, and what it is called."""
    waiting, step = proposal_of(delivery, task), address_of(task) is not None
    own = waiting is not None and waiting.by == desk.clerk.name
    found: list[tuple[str, str]] = []
    for decision in decisions.open_to(delivery, task, desk.clerk.name):
        meant = [(f"{decision}.{one}", desk.text(f"meant.{one}")) for one in decisions.meanings(task, decision)]
        word = decisions.word_for(task.kind, decision, own=own, step=step)
        found += meant or [(decision, desk.text(f"decision.{word}"))]
    return found


def _words(desk: Desk) -> dict[str, Any]:
    return {
        "pick": pick,
        "vocabulary": slip_page.VOCABULARY,
        "outcome_word": outcome_word,
        "address_words": address_words,
        "learnt_words": partial(learnt_words, text=desk.text),
        "word_for": decisions.word_for,
        "may_decide": lambda task: decisions.may_decide(task, desk.clerk.role),
        "proposal_word": proposal_word,
        "reason_words": partial(task_reason, book=desk.book, text=desk.text),
        "said": partial(said, book=desk.book, text=desk.text),
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
    decision, _, meant = form.get("decision", "").partition(".")
    reason = " ".join(form.get("reason", "").split())[:LONGEST_REASON]
    if not decisions.may_decide(task, desk.clerk.role):
        return desk.problem("judge", 403)
    meanings = decisions.meanings(task, decision)
    if decision not in decisions.choices(task) or not reason or (meant not in (meanings or ("",))):
        return see_other(f"{here}#tasks")
    if task.kind == SECOND_PERSON and decision not in decisions.open_to(delivery, task, desk.clerk.name):
        return desk.problem("own", 403)
    said_first = f"{desk.text('meant.' + meant)}{'：' if desk.text.language == 'zh' else ': '}" if meant else ""
    await _record_decision(desk, delivery, task, decision, said_first + reason)
    return see_other(here)


async def _record_decision(desk: Desk, delivery: Delivery, task: Task, decision: str, reason: str) -> None:
    now, clerk = desk.console.clock.now(), desk.clerk
    await desk.console.journal.record(
        delivery.id,
        lambda current: decisions.decide_by(
            current,
            task.id,
            desk.book,
            decision=decision,
            by=clerk.name,
            role=clerk.role,
            reason=reason,
            now=now,
        ),
    )
