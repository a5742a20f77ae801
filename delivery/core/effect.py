"""Served or not, how firmly, on which date, on which ground: a pure function of the facts and the rulebook (law.md §2).

Each attempt is judged by the rulebook's tables: scope, forbidden, then the table of its medium; in each the first row
whose findings hold decides. Attempts are then combined (R8): the earliest candidate dates the service, the stronger
one on one day. The order in which facts arrived, and how often, plays no part: each fact counts at its own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from delivery.core.civil import CHINA as CHINA
from delivery.core.civil import local_day as local_day
from delivery.core.model import Address, Attempt, Consent, Delivery, Document, Effect, Fact, Outcome
from delivery.core.rulebook import Rule, Rulebook
from delivery.core.standing import all_attempts, standing_facts

STRENGTH = {Outcome.SERVED: 3, Outcome.DEEMED: 2, Outcome.PRESUMED: 1}
FAMILY = frozenset({"spouse", "child", "parent", "sibling", "other_relative"})
TO_RECEIVE = frozenset({"litigation_agent", "designated_receiver"})
NEVER_TO_RECEIVE = frozenset({"neighbour", "landlord", "property_management", "parcel_locker", "colleague"})


# --- findings --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """What the rules may ask of one attempt and one document (rulebook.FINDINGS), and when the dating ones happened."""

    values: Mapping[str, str | bool]
    instants: Mapping[str, datetime | date]


def _first(facts: Iterable[Fact], kind: str) -> Fact | None:
    return next((fact for fact in facts if fact.kind == kind), None)


def findings(
    delivery: Delivery, document: Document, attempt: Attempt, facts: tuple[Fact, ...], book: Rulebook
) -> Findings:
    """Raises nothing: what is not known is a finding of its own."""
    mine = [f for f in facts if (f.address, f.attempt) == (attempt.address, attempt.number)]
    address = delivery.recipient.address(attempt.address)
    media = "electronic" if address.electronic else "mail"
    proven = address.ownership_proof is not None or address.basis == "own"
    values: dict[str, str | bool] = {
        "in_scope": in_scope(delivery, document, book),
        "channel_known": address.channel in book.scope.channels,
        "facts_known": all(fact.kind in book.scope.facts for fact in mine),
        "judgment_class": document.type in book.judgment_class,
        "address_class": book.address_class(media, address.basis, proven=proven),
        "basis": address.basis,
        "confirmed_earlier": address.confirmed_in not in (None, delivery.case.stage),
        "workplace_agreed": address.place == "workplace" and address.receipt_there_agreed,
        "recipient_kind": delivery.recipient.kind,
        "annulled": any(f.kind == "annulled" for f in mine),
        **{kind: _first(mine, kind) is not None for kind in PLAIN},
        "acted": _matching_act(mine) is not None,
        "posted": attempt.answer == "taken" or _first(mine, "posted") is not None,
        "waited": _first(mine, "wait_elapsed") is not None,
        "content_defect": any(f.content_defect for f in mine),
        **consent_findings(delivery, document, attempt.announced_at),
        **_mail_findings(mine, book),
    }
    return Findings(values, _instants(mine))


def _matching_act(mine: Iterable[Fact]) -> Fact | None:
    """R10: an act in another matter is neither an answer nor proof of receipt."""
    return next((fact for fact in mine if fact.kind == "procedural_act" and fact.matches_document), None)


PLAIN = ("sent", "arrived", "bounced", "read", "replied", "lost", "signed", "refused", "returned")


def in_scope(delivery: Delivery, document: Document, book: Rulebook) -> bool:
    scope, recipient = book.scope, delivery.recipient
    return (
        delivery.case.kind in scope.case_kinds
        and recipient.domicile in scope.domiciles
        and recipient.standing.kind in scope.standings
        and document.type not in scope.documents_excluded
    )


def consent_findings(delivery: Delivery, document: Document, sent_at: datetime) -> dict[str, str | bool]:
    """OLR 4, 5, 29: forms of consent, their scope, and what was in force when the message was sent."""
    known = [c for c in delivery.recipient.consents if c.given_at <= sent_at]
    in_force = [c for c in known if not _withdrawn(c, sent_at)]
    covering = [c for c in in_force if c.covers(document.type, delivery.case.stage, sent_at)]
    refusals = [f.at for f in delivery.facts if f.kind == "e_service_refused" and f.at <= sent_at]
    refusals += [c.withdrawn_at for c in known if c.withdrawn_at and c.withdrawn_at <= sent_at]
    later_consent = any(c.given_at > max(refusals) for c in in_force) if refusals else True
    return {
        "consent_refused": bool(refusals) and not later_consent,
        "consent_any": bool(in_force),
        "consent_covers": bool(covering),
        "consent_express": any(c.basis == "express" for c in covering),
    }


def _withdrawn(consent: Consent, at: datetime) -> bool:
    return consent.withdrawn_at is not None and consent.withdrawn_at <= at


def _mail_findings(mine: list[Fact], book: Rulebook) -> dict[str, str | bool]:
    signed, refused, returned = (_first(mine, kind) for kind in ("signed", "refused", "returned"))
    contacts = [f for f in mine if f.kind == "contact_attempt"]
    posted = _first(mine, "posted")
    return {
        "state_post": posted is None or posted.carrier in (None, "state_post"),
        "signer": _relation(signed),
        "receipt_complete": bool(signed) and _receipt_complete(signed),
        "refuser": _relation(refused).partition("_")[0],  # a refusal by family is one thing, whichever family (K5)
        "refusal_noted": bool(refused and refused.noted),
        "refuser_proven": bool(refused and refused.identity_proven),
        "return_reason": (returned.reason if returned else None) or "unknown",
        "tries_sufficient": _tries_sufficient([f for f in mine if f.kind == "delivery_attempt"], book),
        "contact_failed": bool(contacts) and all(f.result != "reached" for f in contacts),
    }


def _relation(fact: Fact | None) -> str:
    """The class of a signer or refuser (R4.1). `unlisted`: no row of R4.1 names this relation."""
    by = fact.by if fact else None
    if by is None:
        return "unverified"
    if by.relation in FAMILY:
        return "family_opposing" if by.opposing_party else "family" if by.adult and by.cohabiting else "family_minor"
    if by.relation in ("self", "legal_representative"):
        return "self"
    if by.relation in TO_RECEIVE:
        return "representative"
    if by.relation in NEVER_TO_RECEIVE:
        return "other"
    return by.relation if by.relation in ("mailroom", "unverified") else "unlisted"


def _receipt_complete(signed: Fact | None) -> bool:
    """MAIL 8: the signer writes the ID number, and the relation too if not the recipient."""
    if signed is None:
        return False
    return signed.id_on_receipt and (signed.relation_on_receipt or _relation(signed) == "self")


def _tries_sufficient(tries: list[Fact], book: Rulebook) -> bool:
    """MAIL 6: so many deliveries, the first and the last of them within so many days."""
    days = sorted(local_day(f.at) for f in tries)
    span = timedelta(days=book.tries_within_days - 1)
    needed = book.tries_needed
    return any(days[i + needed - 1] - days[i] <= span for i in range(len(days) - needed + 1))


def _instants(mine: list[Fact]) -> dict[str, datetime | date]:
    instants: dict[str, datetime | date] = {}
    for fact in mine:
        instants.setdefault(fact.kind, fact.at)
    if returned := _first(mine, "returned"):
        # SIMP 10, 29: the date noted on the receipt, else the day the court had it back (K7).
        instants["returned"] = returned.noted_on or returned.court_received_on or returned.at
    if act := _matching_act(mine):
        instants["acted"] = act.at
    return instants


# --- the answer ------------------------------------------------------------------------------------------------------


def attempt_effect(
    delivery: Delivery, document: Document, attempt: Attempt, facts: tuple[Fact, ...], book: Rulebook
) -> Effect | None:
    """The first row that fires; None when nothing has happened yet that any row looks at."""
    found = findings(delivery, document, attempt, facts, book)
    address = delivery.recipient.address(attempt.address)
    tables = _tables(address)
    day = local_day(attempt.announced_at)
    for table in tables:
        for rule in book.table(table, day):
            if rule.fires(found.values):
                return _answer(rule, found)
    return None


def _tables(address: Address) -> tuple[str, ...]:
    """Which tables judge an attempt there. Other channels are a person's work and have no table here."""
    if address.electronic:
        return ("scope", "forbidden", "electronic")
    return ("scope", "mail") if address.channel == "post" else ("scope",)


def _answer(rule: Rule, found: Findings) -> Effect:
    return Effect(
        outcome=rule.outcome,
        effective_date=_day(found.instants.get(rule.dated_by or "")),
        grounds=rule.grounds,
        next=rule.next,
        flags=tuple((name, _flag(value, found)) for name, value in rule.flags),
        rule=rule.id,
        explanation=rule.says,
        explanation_zh=rule.says_zh,
        dated_by="procedural_act" if rule.dated_by == "acted" else rule.dated_by,
    )


def _flag(value: bool | str, found: Findings) -> bool | str:
    """`proposed_date` names the finding that would date it."""
    day = _day(found.instants.get(value)) if isinstance(value, str) else None
    return day.isoformat() if day else value


def _day(instant: datetime | date | None) -> date | None:
    return local_day(instant) if isinstance(instant, datetime) else instant


def document_effects(delivery: Delivery, book: Rulebook, now: datetime) -> tuple[tuple[str, Effect], ...]:
    """The effect of each document, as of `now`."""
    facts = tuple(fact for fact in standing_facts(delivery) if fact.at <= now)
    return tuple((document.id, _document_effect(delivery, document, facts, book)) for document in delivery.documents)


@dataclass(frozen=True, slots=True)
class _Judged:
    attempt: Attempt
    effect: Effect
    last: datetime


def _document_effect(delivery: Delivery, document: Document, facts: tuple[Fact, ...], book: Rulebook) -> Effect:
    judged = [
        _Judged(attempt, effect, _last_event(attempt, facts))
        for attempt in all_attempts(delivery, facts)
        if attempt.role == "service"
        and (effect := _not_rejected(delivery, attempt_effect(delivery, document, attempt, facts, book)))
    ]
    candidates = [one for one in judged if one.effect.outcome.dated]
    if candidates:
        return _confirmed(_legal_date(delivery, candidates), facts)
    if not judged:
        return _nothing_yet(delivery, document, book)
    live = [one for one in judged if one.effect.outcome is Outcome.PENDING]
    return max(live or judged, key=lambda one: (one.last, one.attempt.announced_at)).effect


def _nothing_yet(delivery: Delivery, document: Document, book: Rulebook) -> Effect:
    if in_scope(delivery, document, book):
        return Effect(
            outcome=Outcome.PENDING, explanation="nothing has been sent yet", explanation_zh="尚未发送", rule="none"
        )
    rule = next(iter(book.table("scope", local_day(delivery.accepted_at))))
    return _answer(rule, Findings({}, {}))


def _last_event(attempt: Attempt, facts: tuple[Fact, ...]) -> datetime:
    times = [f.at for f in facts if (f.address, f.attempt) == (attempt.address, attempt.number)]
    return max(times, default=attempt.announced_at)


def _legal_date(delivery: Delivery, candidates: list[_Judged]) -> Effect:
    """R8.1: the earliest candidate; on one date the stronger one. Across electronic and paper media too (K10)."""

    def order(one: _Judged) -> tuple[date, int, datetime]:
        return one.effect.effective_date or date.max, -STRENGTH[one.effect.outcome], one.last

    first = min(candidates, key=order)
    effect = replace(first.effect, flags=(*first.effect.flags, ("effective_address", first.attempt.address)))
    if len(candidates) > 1:
        effect = replace(effect, grounds=_competing(delivery, effect, candidates))
    firm = [one.effect.effective_date for one in candidates if one.effect.outcome is Outcome.SERVED]
    if effect.outcome is Outcome.PRESUMED and firm:
        effect = replace(effect, flags=(*effect.flags, ("fallback_date", str(min(d for d in firm if d)))))
    return effect


def _competing(delivery: Delivery, effect: Effect, candidates: list[_Judged]) -> tuple[str, ...]:
    """R8.1: what candidates that compete add to the grounds."""
    addresses = [delivery.recipient.address(one.attempt.address) for one in candidates]
    media = {address.electronic for address in addresses}
    added = [] if media == {False} else ["K10" if len(media) > 1 else "OLR 31(4)"]
    if len({address.holder for address in addresses}) > 1:
        added.append("CPLI 132")
    return (*effect.grounds, *added)


def _confirmed(effect: Effect, facts: tuple[Fact, ...]) -> Effect:
    """R9.1: what is presumed or deemed waits for a named official, then stands."""
    if effect.next == "clerk_confirm" and any(_confirms(fact, effect, facts) for fact in facts):
        return replace(effect, next=None)
    return effect


def _confirms(fact: Fact, effect: Effect, facts: tuple[Fact, ...]) -> bool:
    """A confirmation is of what was there to confirm: not of a later day, nor of what replaces something annulled."""
    if fact.kind != "official_confirmation" or effect.effective_date is None:
        return False
    annulled_later = any(other.kind == "annulled" and other.at >= fact.at for other in facts)
    return effect.effective_date <= local_day(fact.at) and not annulled_later


def is_final(effects: tuple[tuple[str, Effect], ...]) -> bool:
    """Every document has a date, and nobody has to confirm it any more (R9.1)."""
    dated = all(effect.outcome.dated and effect.next in (None, "send_paper_copy") for _, effect in effects)
    return bool(effects) and dated


def proposal(effect: Effect) -> str:
    """The decision that a person is asked for, in words of the scenario format: also how it is known again."""
    if effect.outcome.dated:
        return f"{effect.outcome} {effect.effective_date}"
    if proposed := effect.flag("proposed_outcome"):
        return f"{proposed} {effect.flag('proposed_date')}"
    return str(effect.next)


def _not_rejected(delivery: Delivery, effect: Effect | None) -> Effect | None:
    """What an official would not confirm dates nothing: the question is then how to serve."""
    if effect is None or effect.next != "clerk_confirm" or proposal(effect) not in _rejections(delivery):
        return effect
    return replace(
        effect,
        outcome=Outcome.REVIEW,
        effective_date=None,
        dated_by=None,
        next="serve_again",
        flags=(),
        explanation=f"an official did not confirm this: {effect.explanation}",
        explanation_zh=f"工作人员未予确认：{effect.explanation_zh}",
    )


def _rejections(delivery: Delivery) -> set[str | None]:
    return {task.proposal for task, said in delivery.closed_tasks if (task.kind, said) == ("clerk_confirm", "reject")}
