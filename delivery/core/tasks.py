"""Which questions to people should be open now, each with an owner and a due time.

A task that is open and not wanted here has been overtaken by facts; decide.py opens and closes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from delivery.core import byhand
from delivery.core.byhand import beside_live, resting
from delivery.core.effect import is_final
from delivery.core.events import SECOND_PERSON, STEP_FAILED, UNANSWERED
from delivery.core.judging import proposal
from delivery.core.model import Attempt, Delivery, Effect, Outcome, Proposal, Task
from delivery.core.paper import SEND_PAPER, address_for_paper, letters, on_its_way, wanted
from delivery.core.progress import (
    Situation,
    again,
    by_hand,
    doubt_ends,
    forbidden,
    goes_on,
    patience_ends,
    under_way,
    waits,
)
from delivery.core.routing import EMBARGO, SENTENCES, withheld
from delivery.core.rulebook import Rulebook
from delivery.core.timely import told

FAILURES_IN_A_ROW = 8
"""After so many a person is told: some two hours by the rulebook's `retry_delays`, longer than a restart or a fault of
a network lasts.
"""

PERSON = frozenset(
    {
        "clerk_confirm",
        "cure_evidence",
        "judge_decision",
        "phone_confirm",
        "prove_ownership",
        "ask_consent",
        "direct_service",
        "address_lookup",
        "serve_again",
        "serve_party",
        "serve_guardian",
        "serve_successor",
        "serve_via_institution",
        "send_to_new_address",
        "other_foreign_way",
        "convert_procedure",
        "exhaust_other_methods",
        "fix_notice",
        "end_procedure",
        "mail",
        "repost_mail",
    }
)
"""Next steps (scenario format) that only a person can take when no address of the route is left."""

BY_PAGES = frozenset({"not_me", "wrong_content", "second_factor_failed"})
"""Tasks that the recipient's pages open; only a person closes them."""


def wanted_tasks(here: Situation) -> Iterator[Task]:
    """Every task that should be open now. The same question has the same id, so that it is opened once."""
    yield from failing_tasks(here.delivery, here.book, here.now)
    yield from _proposal_tasks(here)
    yield from _put_off_tasks(here)
    yield from _news_tasks(here)
    yield from _paper_tasks(here)
    yield from _risk_tasks(here)
    decisions = [*_doubt_tasks(here), *_effect_tasks(here), *_letter_tasks(here), *_route_tasks(here)]
    yield from decisions or _last_resort(here)


def wanted_after_withdrawal(
    delivery: Delivery, book: Rulebook, now: datetime, inquirable: frozenset[str]
) -> Iterator[Task]:
    """What is left to a person then: what we cannot do, and a provider that could say whether it has the attempt and
    does not. Where nobody can be asked there is nothing to do: the doubt stays on record, and a late receipt ends it.
    """
    yield from failing_tasks(delivery, book, now)
    for attempt in delivery.attempts:
        asked = attempt.channel in inquirable and attempt.answer == "in_doubt"
        if asked and doubt_ends(attempt, book) <= now:
            reason = f"the delivery was withdrawn, and whether {attempt.channel} took this attempt is not known"
            about = f"withdrawn.{_named(attempt)}"
            yield _new(delivery, book, now, "in_doubt", about, reason, proposed="give_up", attempt=attempt.id)


def _task(
    here: Situation,
    kind: str,
    about: str,
    reason: str,
    *,
    proposed: str | None = None,
    attempt: str | None = None,
) -> Task:
    return _new(here.delivery, here.book, here.now, kind, about, reason, proposed=proposed, attempt=attempt)


def _new(
    delivery: Delivery,
    book: Rulebook,
    now: datetime,
    kind: str,
    about: str,
    reason: str,
    *,
    proposed: str | None = None,
    attempt: str | None = None,
) -> Task:
    """A task's id tells what it is about, so that asking twice opens it once; a second round has the next number."""
    stem = f"{delivery.id}.{kind}.{about}"
    owner, days = book.task_policy(kind)
    return Task(
        id=f"{stem}.{_rounds(delivery, stem) + 1}",
        kind=kind,
        reason=reason,
        opened_at=now,
        due_at=now + timedelta(days=days),
        owner=owner,
        proposal=proposed,
        attempt=attempt,
    )


def _rounds(delivery: Delivery, stem: str) -> int:
    return sum(1 for task, _ in delivery.closed_tasks if task.id.startswith(f"{stem}."))


# --- what does not get on --------------------------------------------------------------------------------------------


def failing_tasks(delivery: Delivery, book: Rulebook, now: datetime) -> Iterator[Task]:
    """What we fail to do again and again has an owner too (design.md §5.8). Looks at nothing that may itself be what
    fails.
    """
    if delivery.failures >= FAILURES_IN_A_ROW:
        reason = f"a fault of the service: {FAILURES_IN_A_ROW} times in a row the next step failed ({delivery.failed})"
        yield _new(delivery, book, now, STEP_FAILED, "own", reason)


def _put_off_tasks(here: Situation) -> Iterator[Task]:
    """A provider that says "not now" for ever. It is tried on; a clerk who closes this is asked again as long after."""
    for attempt in here.delivery.attempts:
        if attempt.answer not in UNANSWERED or forbidden(here, attempt.address):
            continue
        rounds = 1 + _rounds(here.delivery, f"{here.delivery.id}.put_off.{_named(attempt)}")
        put_off = attempt.tries if attempt.answer == "deferred" else attempt.tries - 1
        if put_off >= FAILURES_IN_A_ROW * rounds:
            reason = f"the provider of {attempt.channel} puts this attempt off again and again"
            yield _task(here, "put_off", _named(attempt), reason, attempt=attempt.id)


# --- what one person entered and another confirms ---------------------------------------------------------------------


def _proposal_tasks(here: Situation) -> Iterator[Task]:
    """A decision that waits for a second person falls with the task that it was on."""
    open_tasks = {task.id for task in here.delivery.tasks}
    for proposed in here.delivery.proposals:
        if proposed.task is None or proposed.task in open_tasks:
            yield task_about(proposed, here.delivery, here.book, here.now)


def task_about(proposed: Proposal, delivery: Delivery, book: Rulebook, now: datetime) -> Task:
    """The question to a second person: opened with the proposal, closed with it."""
    reason = f"what {proposed.by} entered would move a date of service: another person confirms or rejects it"
    return _new(delivery, book, now, SECOND_PERSON, proposed.id, reason, proposed=proposed.id)


# --- what came in ----------------------------------------------------------------------------------------------------


def _news_tasks(here: Situation) -> Iterator[Task]:
    """An objection, a wish for paper, a report that no table knows: each is asked about once."""
    closed = {task.id for task, _ in here.delivery.closed_tasks}
    for about, kind, reason in _news(here.delivery):
        if f"{here.delivery.id}.{kind}.{about}.1" not in closed:
            yield _task(here, kind, about, reason)


def _news(delivery: Delivery) -> Iterator[tuple[str, str, str]]:
    for fact in delivery.facts:
        if fact.kind == "objection":
            yield fact.key, "objection", f"the recipient objects: {fact.claim}"
    for receipt in delivery.receipts:
        if receipt.unclear:
            yield _short(f"{receipt.channel} {receipt.attempt} {receipt.key}"), "unclear_receipt", receipt.unclear


def _paper_tasks(here: Situation) -> Iterator[Task]:
    """CPL 90(1): asked for, not handed over, and no letter on its way with it."""
    asked = wanted(here.facts)
    if asked is None or on_its_way(here.delivery, here.facts):
        return
    sent = len(letters(here.delivery))
    about = f"{asked.key}.{sent}" if sent else asked.key
    by_post = SEND_PAPER if address_for_paper(here.delivery, here.book) else None
    yield _task(here, "send_paper_copy", about, "the recipient asks for paper (CPL 90(1))", proposed=by_post)


def _short(key: str) -> str:
    """A provider's key has any characters; a task's id stands in addresses of pages."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


# --- what has to be decided ------------------------------------------------------------------------------------------


def _doubt_tasks(here: Situation) -> Iterator[Task]:
    """No receipt and no answer in the rulebook's time: a clerk decides, and may send again (design.md §5.3)."""
    for attempt in here.delivery.attempts:
        if attempt.answer == "in_doubt" and doubt_ends(attempt, here.book) <= here.now:
            reason = f"whether {attempt.channel} took this attempt is not known, and no receipt came"
            yield _task(here, "in_doubt", _named(attempt), reason, proposed="send_again", attempt=attempt.id)


def _named(attempt: Attempt) -> str:
    return f"{attempt.address}.{attempt.number}"


def _effect_tasks(here: Situation) -> Iterator[Task]:
    """What the effect asks of a person, once per kind. A failed address asks for nothing while the service goes on."""
    seen: set[str] = set()
    resent = again(here) is not None
    for kind, effect in _asked(here):
        if kind in seen or kind not in PERSON:
            continue
        if effect.outcome in (Outcome.NOT_SERVED, Outcome.FORBIDDEN) and (under_way(here) or goes_on(here)):
            continue
        if effect.outcome is Outcome.REVIEW and resent:
            continue
        if effect.outcome is Outcome.PRESUMED and patience_ends(here):
            continue
        seen.add(kind)
        about = f"{effect.outcome}.{effect.effective_date or effect.flag('proposed_date') or 'open'}"
        last = _last_attempt(here.delivery)
        yield _task(here, kind, about, effect.explanation, proposed=proposal(effect), attempt=last)


def _asked(here: Situation) -> Iterator[tuple[str, Effect]]:
    """What the effects ask for: the confirmation apart, which may stand behind a more urgent step (law.md R10)."""
    for _, effect in here.effects:
        if effect.next and not _settled(here.delivery, effect.next, effect):
            yield effect.next, effect
        if effect.flag("confirmation_due"):
            yield "clerk_confirm", effect


def _settled(delivery: Delivery, kind: str, effect: Effect) -> bool:
    """Whether a person has dealt with it already where the service itself stands (a death after it, CPL 153(1))."""
    said = [answer for task, answer in delivery.closed_tasks if (task.kind, task.proposal) == (kind, proposal(effect))]
    return effect.outcome.dated and kind != "clerk_confirm" and bool({"done", "confirm"} & {*said})


def _letter_tasks(here: Situation) -> Iterator[Task]:
    """A letter without a result for too long: a person asks the post. No rule of law turns silence into an answer."""
    if any(effect.outcome.dated for _, effect in here.effects):
        return
    for attempt, until in waits(here):
        if attempt.channel == "post" and until <= here.now and not _sent_again(here, attempt):
            reason = "the post has reported no result in time"
            yield _task(here, "track_mail", _named(attempt), reason, attempt=attempt.id)


def _sent_again(here: Situation, letter: Attempt) -> bool:
    """Whether a later try at that address is under way, or about to be made: the letter is then not asked about."""
    later = [a for a in here.delivery.attempts if a.address == letter.address and a.number > letter.number]
    waited = {attempt.id for attempt, until in waits(here) if until > here.now}
    live = any(a.open_question or a.answer == "deferred" or a.id in waited for a in later)
    return live or again(here) == letter.address


def _route_tasks(here: Situation) -> Iterator[Task]:
    """What the route leaves to people: to say that a measure is done, and the steps that only they can take."""
    if not is_final(here.effects) and (why := withheld(here.delivery, here.book)):
        yield _task(here, EMBARGO, "measure", why.says)
    step = None if is_final(here.effects) else by_hand(here)
    if step is None or step.task is None or resting(here, step):
        return
    if step.alone and beside_live(here):
        yield _task(here, "exhaust_other_methods", f"held.{step.address}", SENTENCES["held"][0])
    else:
        yield _task(here, step.task, byhand.about(step), step.reason)


def _risk_tasks(here: Situation) -> Iterator[Task]:
    """What is not served although the last moment of use has passed is told once: a hearing may have to be moved."""
    latest = here.latest
    if latest is None or latest > here.now or all(effect.outcome.dated for _, effect in here.effects):
        return
    task = _task(here, "at_risk", "latest", SENTENCES["at_risk"][0].format(latest=told(latest)))
    if task.id.endswith(".1"):
        yield task


def _last_resort(here: Situation) -> Iterator[Task]:
    """No address left, nothing under way, nothing decided: never without an owner (design.md §5.8)."""
    if is_final(here.effects) or under_way(here) or patience_ends(here) or any(waits(here)) or goes_on(here):
        return
    tried = bool(here.delivery.attempts)
    reason = "no address is left to try" if tried else "no address can be used"
    kind = "serve_again" if tried else _instead(here)
    yield _task(here, kind, "exhausted", reason, attempt=_last_attempt(here.delivery))


def _instead(here: Situation) -> str:
    """Where the law names one thing to do instead of all addresses (serve the guardian, a judge decides): that."""
    found = {one.next for one in here.planned.rejected}
    kind = found.pop() if len(found) == 1 else None
    return kind if kind in PERSON else "serve_again"


def _last_attempt(delivery: Delivery) -> str | None:
    return next((attempt.id for attempt in reversed(delivery.attempts) if attempt.role == "service"), None)
