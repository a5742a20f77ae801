"""Letters (法院专递: MAIL, CPL 91; abroad CPL 283(1)(8)): who signed, who refused, why it came back. law.md R4, R7."""

from __future__ import annotations

from datetime import datetime, timedelta

from delivery.core import vocabulary as words
from delivery.core.findings.people import representative
from delivery.core.model import Fact, Person, Representative
from delivery.core.trial import Found, Trial, Value, When, finding, moment, proof

FAMILY = frozenset({"spouse", "child", "parent", "sibling", "other_relative"})
STRANGERS = frozenset({"neighbour", "landlord", "property_management", "parcel_locker", "colleague"})
ABROAD = frozenset(
    {
        "wholly_owned_enterprise",
        "representative_office",
        "branch",
        "business_agent",
        "co_defendant_company",
        "representative_in_china",
    }
)
RECEIVING = (
    "none",
    "self",
    "named_receiver",
    "agent",
    "guardian",
    "family",
    "family_minor",
    "family_apart",
    "family_opposing",
    "mailroom",
    "employer_head",
    "other",
    "unverified",
    *sorted(ABROAD),
)
REFUSING = ("self", "guardian", "named_receiver", "family", "mailroom", "agent")
"""Whose refusal means something, in this order (MAIL 11, CPL 89, CPLI 130, 132)."""
USELESS = frozenset({"other", "family_minor", "family_apart", "family_opposing", "unverified", "none"})


def receiver(trial: Trial, by: Person | None) -> str:
    """The class of who signed or refused (CPL 88, MAIL 7, 9, CPLI 130)."""
    if by is None or by.relation == "unverified":
        return "unverified"
    if by.relation in FAMILY:
        return _family(by)
    if by.relation in STRANGERS:
        return "other"
    if by.relation == "opponent":
        return "family_opposing"
    return _of_holder(trial, by) or _representing(trial, by)


def _family(by: Person) -> str:
    if by.opposing_party:
        return "family_opposing"
    if not by.adult:
        return "family_minor"
    return "family" if by.cohabiting else "family_apart"


def _of_holder(trial: Trial, by: Person) -> str | None:
    """The office of a company that stands for the recipient signs as that company (CPL 283(1)(5), (6))."""
    holder = representative(trial, trial.place.holder)
    inside = by.relation in ("mailroom", "legal_representative")
    return holder.kind if inside and holder and holder.kind in ABROAD else None


def _representing(trial: Trial, by: Person) -> str:
    if by.relation in ("self", "legal_representative"):
        return "self"
    if by.relation == "litigation_agent":
        agent = agent_of(trial, by)
        return "named_receiver" if agent and agent.named_receiver else "agent"
    return "named_receiver" if by.relation == "designated_receiver" else by.relation


def agent_of(trial: Trial, by: Person | None) -> Representative | None:
    """The representative that this person is: the one named, the holder of the address, or the only one of the kind."""
    if by is None:
        return None
    kin = [one for one in trial.question.recipient.representatives if one.kind == by.relation]
    named = representative(trial, by.representative) or representative(trial, trial.place.holder)
    return named if named in kin else kin[0] if len(kin) == 1 else None


def signature(trial: Trial) -> Fact | None:
    """The signature that counts: the first of somebody who may sign; else the last one. A mediation statement's other
    party signs its own copy (CPL 100(3)): not this recipient's.
    """
    own = [fact for fact in trial.all("signed") if not _other_side(trial, fact)]
    good = [fact for fact in own if receiver(trial, fact.by) not in USELESS]
    return next(iter(good or own[::-1]), None)


def _other_side(trial: Trial, fact: Fact) -> bool:
    mediated = trial.question.document.type == "mediation_statement"
    return mediated and bool(fact.by and fact.by.relation == "opponent")


def refusal(trial: Trial) -> Fact | None:
    """The refusal that counts: one that is shown before one that is not, the recipient's own before others', the first.
    What shows it is its own: the film of another visit proves nothing of this one.
    """

    def order(fact: Fact) -> tuple[bool, int, datetime]:
        by_post = fact.noted or fact.identity_proven
        shown = (
            by_post if trial.place.channel == "post" else fact.witness or fact.filmed or fact.note_signed_by_official
        )
        who = receiver(trial, fact.by)
        return not shown, REFUSING.index(who) if who in REFUSING else len(REFUSING), fact.at

    return min(trial.all("refused"), key=order, default=None)


@finding("posted")
def _posted(trial: Trial) -> Found:
    return proof(trial.first("posted"))


@finding("state_post")
def _state_post(trial: Trial) -> Found:
    """MAIL 1: court express mail is the state post's."""
    posted = trial.first("posted")
    return proof(posted, value=posted is None or posted.carrier in (None, "state_post"))


@finding("lost")
def _lost(trial: Trial) -> Found:
    return proof(trial.first("lost"))


@finding("signed")
def _signed(trial: Trial) -> Found:
    return proof(signature(trial))


@finding("signer", RECEIVING)
def _signer(trial: Trial) -> Found:
    signed = signature(trial)
    return proof(signed, value=receiver(trial, signed.by) if signed else "none")


@finding("receipt_complete")
def _receipt_complete(trial: Trial) -> Found:
    """MAIL 8: the signer writes the ID number, and the relation too if not the recipient."""
    signed = signature(trial)
    if signed is None:
        return Found(False)
    themselves = receiver(trial, signed.by) == "self"
    return proof(signed, value=signed.id_on_receipt and (signed.relation_on_receipt or themselves))


@finding("return_of_service_signed")
def _return_of_service_signed(trial: Trial) -> Found:
    signed = signature(trial)
    return proof(signed, value=bool(signed and signed.service_return_signed))


@finding("agents_authority", (*words.RECEIPT_AUTHORITIES, "unknown"))
def _agents_authority(trial: Trial) -> Found:
    """What the power of attorney of the agent who signed says of receiving documents."""
    signed = signature(trial)
    agent = agent_of(trial, signed.by if signed else None)
    return proof(signed, value=(agent.receipt_authority if agent else None) or "unknown")


@finding("refused")
def _refused(trial: Trial) -> Found:
    return proof(refusal(trial))


@finding("refuser", RECEIVING)
def _refuser(trial: Trial) -> Found:
    refused = refusal(trial)
    return proof(refused, value=receiver(trial, refused.by) if refused else "none")


@finding("refusal_noted")
def _refusal_noted(trial: Trial) -> Found:
    refused = refusal(trial)
    return proof(refused if refused and refused.noted else None)


@finding("refuser_proven")
def _refuser_proven(trial: Trial) -> Found:
    refused = refusal(trial)
    return proof(refused if refused and refused.identity_proven else None)


@finding("returned")
def _returned(trial: Trial) -> Found:
    return proof(trial.last("returned"))


@finding("return_reason", ("none", *words.RETURN_REASONS))
def _return_reason(trial: Trial) -> Found:
    returned = trial.last("returned")
    return proof(returned, value=(returned.reason if returned else None) or "none")


@finding("tries_sufficient")
def _tries_sufficient(trial: Trial) -> Found:
    """MAIL 6: so many deliveries, the first and the last of them within so many days."""
    tries = trial.all("delivery_attempt")
    days = sorted(trial.day(fact.at) for fact in tries)
    needed, span = trial.book.tries_needed, timedelta(days=trial.book.tries_within_days - 1)
    enough = any(days[i + needed - 1] - days[i] <= span for i in range(len(days) - needed + 1))
    return proof(*tries, value=enough)


@finding("contact_failed")
def _contact_failed(trial: Trial) -> Found:
    contacts = trial.all("contact_attempt")
    return proof(*contacts, value=bool(contacts) and all(fact.result != "reached" for fact in contacts))


@finding("mismatch", ("none", "courier", "written", "not_raised"))
def _mismatch(trial: Trial) -> Found:
    """MAIL 10: the content is not what the label says. Told on the spot; or sent back in writing after another signed,
    to the court or by the post; else it counts as not raised.
    """
    told = _complaint(trial)
    on_the_spot = told is None or (told.raised_to == "courier" and not _after_anothers_signature(trial, told))
    if on_the_spot and _came_back_as_mismatch(trial):
        return proof(trial.last("returned"), value="courier")
    if told is None:
        return Found("none")
    if on_the_spot:
        return proof(told, value="courier")
    return proof(told, value="written" if told.in_writing and told.documents_returned else "not_raised")


def _after_anothers_signature(trial: Trial, told: Fact) -> bool:
    """Then the courier only carries the letter back: nothing was found on the spot."""
    signed = signature(trial)
    return signed is not None and signed.at < told.at and receiver(trial, signed.by) in ("mailroom", "family")


def _complaint(trial: Trial) -> Fact | None:
    """The first that brings the documents back in writing, whatever was said before; else the first."""
    told = trial.all("content_mismatch")
    return next((fact for fact in told if fact.in_writing and fact.documents_returned), next(iter(told), None))


def _came_back_as_mismatch(trial: Trial) -> bool:
    returned = trial.last("returned")
    return returned is not None and returned.reason == "content_mismatch"


@finding("circumstances", ("none", "sufficient", "insufficient"))
def _circumstances(trial: Trial) -> Found:
    """CPL 283(1)(8), CPLI 534(3), HKMO 12: whether something shows receipt, as an official found."""
    found = trial.last("circumstances_found")
    return proof(found, value="none" if found is None else "sufficient" if found.sufficient else "insufficient")


@finding("no_result")
def _no_result(trial: Trial) -> Value | Found:
    """Neither receipt nor return nor loss."""
    result = trial.first("signed", "returned", "refused", "lost")
    return proof(result, value=result is None)


@moment("posted")
def _posting(trial: Trial) -> Fact | None:
    return trial.first("posted")


@moment("signed")
def _signing(trial: Trial) -> Fact | None:
    return signature(trial)


@moment("return_noted")
def _return_noted(trial: Trial) -> When | None:
    returned = trial.last("returned")
    return When(returned.noted_on, (returned,)) if returned and returned.noted_on else None


@moment("return_at_court")
def _return_at_court(trial: Trial) -> When | None:
    returned = trial.last("returned")
    return When(returned.court_received_on, (returned,)) if returned and returned.court_received_on else None


@moment("returned")
def _returning(trial: Trial) -> Fact | None:
    return trial.last("returned")


@moment("mismatch")
def _mismatch_told(trial: Trial) -> Fact | None:
    return _complaint(trial)
