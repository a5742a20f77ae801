"""Direct service, leaving, court events, entrusted courts (CPL 88-89, 91, CPLI 131-134, SIMP 28, 31): law.md R5."""

from __future__ import annotations

from delivery.core.findings.post import refusal
from delivery.core.model import Fact
from delivery.core.trial import Found, Trial, When, finding, moment, proof


@finding("refusal_evidence")
def _refusal_evidence(trial: Trial) -> Found:
    """CPL 89: a witness, or photographs or film."""
    shown = (fact for fact in (refusal(trial), *trial.all("left")) if fact and (fact.witness or fact.filmed))
    return proof(next(shown, None))


@finding("filmed")
def _filmed(trial: Trial) -> Found:
    refused = refusal(trial)
    return proof(refused if refused and refused.filmed else None)


@finding("refused_at", ("none", "domicile", "court", "elsewhere"))
def _refused_at(trial: Trial) -> Found:
    refused = refusal(trial)
    return proof(refused, value=(refused.place if refused else None) or "none")


@finding("official_signed_note")
def _official_signed_note(trial: Trial) -> Found:
    refused = refusal(trial)
    return proof(refused if refused and refused.note_signed_by_official else None)


@finding("left_at", ("none", "domicile", "given_address"))
def _left_at(trial: Trial) -> Found:
    left = trial.first("left")
    return proof(left, value=(left.place if left else None) or "none")


@finding("left")
def _left(trial: Trial) -> Found:
    return proof(trial.first("left"))


@finding("left_noted")
def _left_noted(trial: Trial) -> Found:
    return proof(next((fact for fact in trial.all("left") if fact.noted), None))


@finding("told_to_collect")
def _told_to_collect(trial: Trial) -> Found:
    """SIMP 28: told on record when the judgment can be collected at court."""
    return proof(_window(trial))


def _window(trial: Trial) -> Fact | None:
    return next((fact for fact in trial.all("collection_window") if fact.told_on_record and fact.window_to), None)


@finding("pronouncement", ("none", "unscheduled", "attended", "missed", "excused"))
def _pronouncement(trial: Trial) -> Found:
    """SIMP 31, CPLI 141: whether the recipient was there when the judgment was pronounced as scheduled."""
    told = trial.first("pronounced")
    if told is None:
        return Found("none")
    missed = "excused" if told.good_cause else "missed"
    return proof(told, value=("attended" if told.recipient_present else missed) if told.scheduled else "unscheduled")


@moment("refused")
def _refusing(trial: Trial) -> Fact | None:
    return refusal(trial)


@moment("left")
def _leaving(trial: Trial) -> Fact | None:
    return trial.first("left")


@moment("window_end")
def _window_end(trial: Trial) -> When | None:
    told = _window(trial)
    return When(told.window_to, (told,)) if told and told.window_to else None


@moment("pronounced")
def _pronouncing(trial: Trial) -> Fact | None:
    return trial.first("pronounced")
