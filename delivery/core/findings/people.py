"""Case, document, recipient, address and consent: what was there before anything was sent."""

from __future__ import annotations

from delivery.core import vocabulary as words
from delivery.core.model import ELECTRONIC, Consent, Representative
from delivery.core.trial import Found, Trial, Value, When, finding, moment, proof

CLASSES = ("given", "own", "unproven", "deemed", "found")
RECEIVERS = frozenset({"guardian", "litigation_agent", "designated_receiver"})


@finding("case_kind", words.CASE_KINDS)
def _case_kind(trial: Trial) -> Value:
    return trial.question.case.kind


@finding("procedure", words.PROCEDURES)
def _procedure(trial: Trial) -> Value:
    return trial.question.case.procedure


@finding("stage", words.STAGES)
def _stage(trial: Trial) -> Value:
    return trial.question.case.stage


@finding("court", words.COURTS)
def _court(trial: Trial) -> Value:
    return trial.question.case.court


@finding("document", words.DOCUMENT_TYPES)
def _document(trial: Trial) -> Value:
    return trial.question.document.type


@finding("judgment_class")
def _judgment_class(trial: Trial) -> Value:
    return trial.question.document.type in trial.book.judgment_class


@finding("recipient_kind", words.RECIPIENT_KINDS)
def _recipient_kind(trial: Trial) -> Value:
    return trial.question.recipient.kind


@finding("domicile", words.DOMICILES)
def _domicile(trial: Trial) -> Value:
    return trial.question.recipient.domicile


@finding("law_on_e_service", ("allowed", "silent", "forbidden", "unknown"))
def _law_on_e_service(trial: Trial) -> Value:
    return trial.question.recipient.foreign_law.e_service or "unknown"


@finding("law_on_mail", ("allowed", "forbidden", "unknown"))
def _law_on_mail(trial: Trial) -> Value:
    return trial.question.recipient.foreign_law.mail or "unknown"


@moment("document_issued")
def _document_issued(trial: Trial) -> When | None:
    issued = trial.question.document.issued_on
    return When(issued) if issued else None


# --- the address -----------------------------------------------------------------------------------------------------


@finding("channel", words.CHANNELS)
def _channel(trial: Trial) -> Value:
    return trial.place.channel


@finding("medium", ("electronic", "phone", "paper", "none"))
def _medium(trial: Trial) -> Value:
    if trial.address is None:
        return "none"
    return (
        "electronic"
        if trial.address.channel in ELECTRONIC
        else "phone"
        if trial.address.channel == "phone"
        else "paper"
    )


@finding("basis", words.ADDRESS_BASES)
def _basis(trial: Trial) -> Value:
    return trial.place.basis


@finding("address_class", CLASSES)
def _address_class(trial: Trial) -> Value:
    return trial.book.class_of(trial.place)


@finding("warned")
def _warned(trial: Trial) -> Value:
    """MAIL 5: the recipient gave no address after a warning, and the warning is in the record."""
    return trial.place.refused_after_warning and trial.place.warning_on_record


@finding("dodging_on_file")
def _dodging_on_file(trial: Trial) -> Value:
    return trial.place.dodging_evidence_on_file


@finding("address_faulty")
def _address_faulty(trial: Trial) -> Value:
    """OP17 7: the address the recipient gave is wrong, withheld or was not kept up to date."""
    return trial.place.fault is not None


@finding("confirmed_earlier")
def _confirmed_earlier(trial: Trial) -> Value:
    return trial.place.confirmed_in not in (None, trial.question.case.stage)


@finding("workplace_agreed")
def _workplace_agreed(trial: Trial) -> Value:
    place = trial.place
    return place.basis == "confirmed" and place.place == "workplace" and place.receipt_there_agreed


@finding("changed_in_writing")
def _changed_in_writing(trial: Trial) -> Found:
    """Whether a written change of this address had reached the court before the message left (OP17 6)."""
    left = trial.dispatched
    changes = [
        fact
        for fact in trial.anywhere("address_changed")
        if fact.address == trial.place.id and fact.in_writing and left and fact.at <= left.at
    ]
    return proof(*changes[:1])


@finding("holder", ("recipient", *words.REPRESENTATIVE_KINDS))
def _holder(trial: Trial) -> Value:
    agent = representative(trial, trial.place.holder)
    return agent.kind if agent else "recipient"


def representative(trial: Trial, name: str | None) -> Representative | None:
    return next((one for one in trial.question.recipient.representatives if one.id == name), None)


# --- consent (OLR 4, 5, 29) -------------------------------------------------------------------------------------------


@finding("consent_refused")
def _consent_refused(trial: Trial) -> Found:
    """Refused or withdrawn before sending, and nothing agreed since. Who withdraws consent to other documents or for
    another stage says nothing on these (OLR 4).
    """
    left = trial.dispatched
    if left is None:
        return Found(False)
    refusals = [fact for fact in trial.anywhere("e_service_refused") if fact.at <= left.at]
    given = [c for c in trial.question.recipient.consents if c.given_at <= left.at and _concerns(c, trial)]
    ended = [c.withdrawn_at for c in given if c.withdrawn_at and c.withdrawn_at <= left.at]
    last = max([*(fact.at for fact in refusals), *ended], default=None)
    later = any(c.given_at > last for c in _in_force(trial)) if last else True
    return Found(not later, tuple(refusals))


def _in_force(trial: Trial) -> list[Consent]:
    """The consents given, and not withdrawn, before the message left; a withdrawal at that instant came in time."""
    at = trial.dispatched.at if trial.dispatched else trial.question.as_of
    every = trial.question.recipient.consents
    return [c for c in every if c.given_at <= at and (c.withdrawn_at is None or at < c.withdrawn_at)]


def _covering(trial: Trial) -> list[Consent]:
    return [c for c in _in_force(trial) if _concerns(c, trial)]


def _concerns(consent: Consent, trial: Trial) -> bool:
    document, stage = trial.question.document.type, trial.question.case.stage
    return bool({"all", document} & {*consent.documents} and {"all", stage} & {*consent.stages})


@finding("consent_any")
def _consent_any(trial: Trial) -> Value:
    return bool(_in_force(trial))


@finding("consent_covers")
def _consent_covers(trial: Trial) -> Value:
    return bool(_covering(trial))


@finding("consent_express")
def _consent_express(trial: Trial) -> Value:
    return any(consent.basis == "express" for consent in _covering(trial))
