"""Whether the recipient could be served like anyone at that time (CPL 60, 92-94, 153): law.md R2."""

from __future__ import annotations

from dataclasses import replace

from delivery.core import vocabulary as words
from delivery.core.findings.people import RECEIVERS, representative
from delivery.core.model import Fact, Standing
from delivery.core.trial import Found, Trial, Value, finding, proof

INSTITUTIONS = ("prison", "education_institution", "military_unit")


@finding("standing", words.STANDINGS)
def _standing(trial: Trial) -> Value:
    """What the recipient is at the instant of the question; whether the attempt came before that is asked apart."""
    standing = trial.question.recipient.standing
    begun = standing.since is None or standing.since <= trial.question.as_of
    return standing.kind if begun else "normal"


@finding("effective_before")
def _effective_before(trial: Trial) -> Value:
    """Whether the attempt took effect while the recipient was still `normal`, compared by instant."""
    recipient = trial.question.recipient
    if recipient.standing.since is None:
        return False
    normal = replace(trial.question, recipient=replace(recipient, standing=Standing()))
    effect = trial.otherwise(normal)
    return bool(effect and effect.at and effect.at < recipient.standing.since)


@finding("begun_before")
def _begun_before(trial: Trial) -> Value:
    """Whether it was sent while the recipient was still `normal`."""
    left, since = trial.dispatched, trial.question.recipient.standing.since
    return bool(left and since and left.at < since)


@finding("reached_representative")
def _reached_representative(trial: Trial) -> Found:
    """CPL 60: whether the guardian (or an agent), not the minor or incapacitated person, was written to or received."""
    holder = representative(trial, trial.place.holder)
    theirs = bool(holder and holder.kind in RECEIVERS)
    if theirs and trial.place.electronic and trial.book.class_of(trial.place) == "given":
        return Found(True)  # arrival suffices there, whoever reads (OLR 31(1))
    # What was sent to the account of the minor was sent to the minor, whoever reads it there.
    sent_to_them = trial.place.electronic and not theirs
    received = trial.all("signed", *(() if sent_to_them else ("read", "replied", "refused", "phone_call")))
    if in_person := [fact for fact in received if _relation(fact) == "self"]:
        return proof(*in_person, value=False)
    others = [fact for fact in received if _relation(fact) in RECEIVERS]
    return proof(*others, value=theirs or bool(others))


def _relation(fact: Fact) -> str | None:
    return fact.by.relation if fact.by else None


@finding("through_institution")
def _through_institution(trial: Trial) -> Value:
    holder = representative(trial, trial.place.holder)
    return trial.place.channel == "institution" or bool(holder and holder.kind in INSTITUTIONS)


@finding("institution", ("unit", "institution"))
def _institution(trial: Trial) -> Found:
    """CPL 92 for a military unit, CPL 93 for prisons and institutions of compulsory education."""
    holder, handed = representative(trial, trial.place.holder), trial.first("handed_over")
    if holder and holder.kind == "military_unit":
        return Found("unit")
    to_unit = handed and handed.handed_to == "military_unit"
    return proof(handed, value="unit") if to_unit else Found("institution")
