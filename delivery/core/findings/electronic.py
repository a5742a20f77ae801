"""Messages and calls (CPL 90, CPLI 135, OLR 31, OP17 14): law.md R3."""

from __future__ import annotations

from delivery.core.findings.post import receiver
from delivery.core.model import Fact
from delivery.core.trial import Found, Trial, Value, When, finding, moment, proof

THEMSELVES = ("self", "legal_representative")


@finding("begun")
def _begun(trial: Trial) -> Found:
    """Whether anything at all was planned, sent or handed over there."""
    return proof(trial.began)


@finding("left_court")
def _left_court(trial: Trial) -> Found:
    """Whether more than a plan is on record."""
    return proof(trial.first("sent", "gateway_accepted", "arrived"))


@finding("never_left")
def _never_left(trial: Trial) -> Found:
    """The court's own audit: the message never left, whatever the log says."""
    return proof(next((fact for fact in trial.all("audit_finding") if fact.finding == "never_left_court"), None))


@finding("content_defect", ("none", "document_missing", "other_case"))
def _content_defect(trial: Trial) -> Found:
    flawed = next((fact for fact in trial.mine if fact.content_defect), None)
    return proof(flawed, value=(flawed.content_defect if flawed else None) or "none")


@finding("arrived")
def _arrived(trial: Trial) -> Found:
    return proof(trial.first("arrived"))


@finding("bounced")
def _bounced(trial: Trial) -> Found:
    """Rejected, and no later success: a gateway that tries again may still arrive."""
    bounced, arrived = trial.last("bounced"), trial.last("arrived")
    return proof(bounced) if bounced and not (arrived and arrived.at > bounced.at) else Found(False)


@finding("waited")
def _waited(trial: Trial) -> Found:
    return proof(trial.first("wait_elapsed"))


@finding("read")
def _read(trial: Trial) -> Found:
    return proof(trial.first("read"))


@finding("replied")
def _replied(trial: Trial) -> Found:
    return proof(_reply(trial))


def _reply(trial: Trial) -> Fact | None:
    """An answer that acknowledges receipt; a signature given on an electronic address is one (OLR 31(2)(i))."""
    return next(iter(_since_annulled(trial, "replied", "signed")), None)


def _since_annulled(trial: Trial, *kinds: str) -> tuple[Fact, ...]:
    """What came before an objection was upheld no longer counts."""
    annulled = trial.last("annulled")
    return tuple(fact for fact in trial.all(*kinds) if annulled is None or fact.at > annulled.at)


@finding("acted")
def _acted(trial: Trial) -> Found:
    return proof(_act(trial))


def _act(trial: Trial) -> Fact | None:
    """R10: an act in another matter is neither an answer nor proof of receipt."""
    return next((fact for fact in _since_annulled(trial, "procedural_act") if fact.matches_document), None)


@finding("answered")
def _answered(trial: Trial) -> Found:
    """A reply, or an act that fits the document."""
    return proof(_earliest(_reply(trial), _act(trial)))


@finding("arrival_proved")
def _arrival_proved(trial: Trial) -> Found:
    return proof(trial.last("arrival_proved"))


@finding("annulled")
def _annulled(trial: Trial) -> Found:
    """The objection was upheld, and the recipient has not answered since."""
    return Found(False) if _reply(trial) or _act(trial) else proof(trial.last("annulled"))


@finding("annulled_for_theft")
def _annulled_for_theft(trial: Trial) -> Found:
    return proof(next((fact for fact in trial.all("annulled") if fact.reason == "account_stolen"), None))


@finding("would_be", ("served", "presumed", "deemed", "undated"))
def _would_be(trial: Trial) -> Found:
    """What the attempt would be without the decision that annulled it."""
    effect = trial.otherwise(without=frozenset({"annulled"}))
    return Found(str(effect.outcome) if effect and effect.outcome.dated else "undated")


def _earliest(*facts: Fact | None) -> Fact | None:
    return min((fact for fact in facts if fact), key=lambda fact: fact.at, default=None)


@finding("signed_by_all")
def _signed_by_all(trial: Trial) -> Found:
    """CPL 100(3): a mediation statement binds when both sides have signed."""
    own, theirs = _own_signature(trial), _opponents_signature(trial)
    return proof(own, theirs, value=bool(own and theirs))


@finding("opponent_signed")
def _opponent_signed(trial: Trial) -> Found:
    return proof(_opponents_signature(trial))


def _own_signature(trial: Trial) -> Fact | None:
    """CPLI 133: the party in person, or its named receiver; nobody else signs a mediation statement."""
    signing = trial.all("signed", "replied")
    return next((fact for fact in signing if receiver(trial, fact.by) in ("self", "named_receiver", "guardian")), None)


def _opponents_signature(trial: Trial) -> Fact | None:
    return next((fact for fact in trial.anywhere("signed") if _by_opponent(fact)), None)


def _by_opponent(fact: Fact) -> bool:
    return bool(fact.by and fact.by.relation == "opponent")


@finding("repudiated")
def _repudiated(trial: Trial) -> Found:
    """CPL 102: repudiated before all had signed."""
    withdrawn = next(iter(trial.anywhere("repudiated")), None)
    signatures = (_own_signature(trial), _opponents_signature(trial))
    bound_at = max((fact.at for fact in signatures if fact), default=None) if all(signatures) else None
    in_time = withdrawn and (bound_at is None or withdrawn.at < bound_at)
    return proof(withdrawn) if in_time else Found(False)


@finding("call_serves")
def _call_serves(trial: Trial) -> Found:
    """OP17 14: answered by the recipient, content read out, recorded."""
    return proof(_serving_call(trial))


def _serving_call(trial: Trial) -> Fact | None:
    return next((call for call in trial.all("phone_call") if _serves(call) and call.content_read_out), None)


def _serves(call: Fact) -> bool:
    return call.answered and call.call_recorded and bool(call.by and call.by.relation in (*THEMSELVES, "guardian"))


@finding("call_confirms")
def _call_confirms(trial: Trial) -> Found:
    """R10: of a criminal hearing notice, a recorded call that the recipient answered is the confirmation."""
    return proof(_confirming_call(trial))


def _confirming_call(trial: Trial) -> Fact | None:
    return next(filter(_serves, trial.all("phone_call")), None)


@moment("began")
def _began(trial: Trial) -> Fact | None:
    return trial.began


@moment("dispatched")
def _dispatched(trial: Trial) -> Fact | None:
    return trial.dispatched


@moment("sent")
def _sent(trial: Trial) -> Fact | None:
    return trial.first("sent")


@moment("arrived")
def _arrival(trial: Trial) -> Fact | None:
    return trial.first("arrived")


@moment("proved_arrival")
def _proved_arrival(trial: Trial) -> When | None:
    proved = trial.last("arrival_proved")
    return When(proved.proved_at, (proved,)) if proved and proved.proved_at else None


@moment("bounced")
def _bounce(trial: Trial) -> Fact | None:
    return trial.first("bounced")


@moment("read")
def _reading(trial: Trial) -> Fact | None:
    return trial.first("read")


@moment("replied")
def _replying(trial: Trial) -> Fact | None:
    return _reply(trial)


@moment("acted")
def _acting(trial: Trial) -> Fact | None:
    return _act(trial)


@moment("answered")
def _answering(trial: Trial) -> Fact | None:
    return _earliest(_reply(trial), _act(trial))


@moment("call")
def _call(trial: Trial) -> Fact | None:
    return _serving_call(trial)


@moment("confirming_call")
def _confirming(trial: Trial) -> Fact | None:
    return _confirming_call(trial)


@moment("signed_by_all")
def _last_signature(trial: Trial) -> When | None:
    own, theirs = _own_signature(trial), _opponents_signature(trial)
    return When(max(own.at, theirs.at), (own, theirs)) if own and theirs else None


def objections_decided(trial: Trial) -> tuple[Fact, ...]:
    """What was decided on objections to this attempt."""
    return trial.all("objection_rejected", "annulled")


@finding("objection_decided")
def _objection_decided(trial: Trial) -> Value | Found:
    return proof(*objections_decided(trial))
