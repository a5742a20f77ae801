"""Small cases for the rows of rulebook cn, in the scenario format, each with the row that should decide it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]


class Small(NamedTuple):
    """A case, the row that decides it, and what it comes to: outcome, date, next step."""

    scenario: Row
    rule: str
    outcome: str
    day: str | None
    next: str | None


def fact(kind: str, day: int, hour: int = 10, address: str | None = "a1", **fields: Any) -> Row:
    """A fact of September 2025."""
    return {"kind": kind, "at": f"2025-09-{day:02d}T{hour:02d}:00:00+08:00", "address": address, **fields}


def consent(basis: str = "express", documents: Sequence[str] = ("all",), until: int | None = None) -> Row:
    return {
        "id": "c1",
        "basis": basis,
        "documents": list(documents),
        "stages": ["all"],
        "given_at": "2025-09-01T09:00:00+08:00",
        "withdrawn_at": f"2025-09-{until:02d}T09:00:00+08:00" if until else None,
    }


def scenario(
    *facts: Row,
    channel: str = "post",
    basis: str = "confirmed",
    kind: str = "natural_person",
    document: str = "summons",
    consents: Sequence[Row] = (),
    case: str = "civil",
    stage: str = "first_instance",
    **address: Any,
) -> Row:
    return {
        "id": "small",
        "case": {"kind": case, "procedure": "ordinary", "stage": stage, "court": "ordinary"},
        "document": {"type": document},
        "recipient": {
            "role": "defendant",
            "kind": kind,
            "domicile": "mainland",
            "standing": {"kind": "normal", "since": None},
        },
        "consents": list(consents),
        "addresses": [{"id": "a1", "channel": channel, "basis": basis, "holder": "recipient", **address}],
        "events": list(facts),
        "as_of": "2025-09-30T12:00:00+08:00",
    }


def mail(*facts: Row, **more: Any) -> Row:
    return scenario(fact("posted", 8, carrier="state_post"), *facts, **more)


def message(*facts: Row, channel: str = "email", **more: Any) -> Row:
    return scenario(fact("sent", 16, 9), *facts, channel=channel, **more)


def own(*facts: Row, **more: Any) -> Row:
    """To the recipient's own mobile number, which the recipient did not give."""
    return message(*facts, channel="sms", basis="own", ownership_proof="telecom_real_name", **more)


def signed(relation: str, *, whole: bool = True, **by: Any) -> Row:
    return fact("signed", 10, by={"relation": relation, **by}, id_on_receipt=whole, relation_on_receipt=whole)


def refused(relation: str, **fields: Any) -> Row:
    return fact("refused", 10, by={"relation": relation}, **fields)


def returned(reason: str | None = None, noted_on: int | None = 12) -> Row:
    noted = f"2025-09-{noted_on:02d}" if noted_on else None
    return fact("returned", 13, reason=reason, noted_on=noted, court_received_on="2025-09-15")


ARRIVED, READ, REPLIED, WAITED = (
    fact(*a) for a in (("arrived", 16), ("read", 17), ("replied", 18), ("wait_elapsed", 19))
)
ACTED = fact("procedural_act", 18, act="filed_answer", matches_document=True)
ANNULLED = fact("annulled", 22, reason="no_fault", decided_by="judge")
NOTED = {"noted": True}
PROVEN = {"noted": True, "identity_proven": True}
TRIES = tuple(fact("delivery_attempt", day, result="nobody_home") for day in (8, 10, 12))
SCATTERED = tuple(fact("delivery_attempt", day, result="nobody_home") for day in (8, 10, 13))
NO_ANSWER = fact("contact_attempt", 12, 11, means="phone", result="no_answer")
REACHED = fact("contact_attempt", 12, 12, means="phone", result="reached")
HOME = {"adult": True, "cohabiting": True}
WORK = {"place": "workplace", "receipt_there_agreed": True}

N, R, F, S = "not_served", "review", "forbidden", "served"
JUDGE, CURE, REPOST, DIRECT = "judge_decision", "cure_evidence", "repost_mail", "direct_service"
CONFIRM, ASK = "clerk_confirm", "ask_consent"

ELECTRONIC = (
    Small(message(ARRIVED, case="administrative"), "scope", R, None, JUDGE),
    Small(message(ARRIVED, document="mediation_statement"), "scope", R, None, JUDGE),
    Small(scenario(signed("self"), channel="in_person", basis="none"), "scope.channel", R, None, JUDGE),
    Small(message(ARRIVED, fact("arrival_proved", 20)), "scope.fact", R, None, JUDGE),
    Small(message(ARRIVED, fact("audit_finding", 20)), "scope.fact", R, None, JUDGE),
    Small(message(ARRIVED, fact("address_changed", 12)), "scope.fact", R, None, JUDGE),
    Small(message(ARRIVED, fact("e_service_refused", 15, address=None)), "R1.3", F, None, "mail"),
    Small(message(ARRIVED, consents=[consent(until=15)]), "R1.3", F, None, "mail"),
    Small(message(ARRIVED, document="ruling"), "R1.4", F, None, "mail"),
    Small(message(ARRIVED, document="ruling", consents=[consent(documents=["notice"])]), "R1.5", F, None, ASK),
    Small(message(ARRIVED, document="ruling", consents=[consent("conduct")]), "R1.6", F, None, ASK),
    Small(message(ARRIVED, document="ruling", consents=[consent()]), "R3.10", S, "2025-09-16", None),
    Small(message({**ARRIVED, "content_defect": "other_case"}), "R3.2", N, None, "serve_again"),
    Small(message(fact("bounced", 16, reason="mailbox_unknown")), "R3.7", N, None, "mail"),
    Small(message(fact("bounced", 17, reason="mailbox_full"), ARRIVED), "R3.10", S, "2025-09-16", None),
    Small(own(READ, ANNULLED, consents=[consent()]), "R3.8", N, None, "serve_again"),
    Small(own(READ, REPLIED, ANNULLED, consents=[consent()]), "R3.13", S, "2025-09-18", None),
    Small(message(ARRIVED, ANNULLED), "R3.8.arrival", R, None, JUDGE),
    Small(message(ARRIVED, basis="volunteered"), "R3.10.volunteered", S, "2025-09-16", None),
    Small(message(ARRIVED, basis="agreed_for_litigation"), "R3.10.agreed", S, "2025-09-16", None),
    Small(
        message(ARRIVED, stage="enforcement", confirmed_in="first_instance"),
        "R3.10.earlier",
        S,
        "2025-09-16",
        None,
    ),
    Small(message(ARRIVED, fact("objection", 17, claim="not_read_by_recipient")), "R3.10", S, "2025-09-16", None),
    Small(message(fact("gateway_accepted", 16)), "R3.11", "pending", None, "poll_delivery_report"),
    Small(message(WAITED), "R3.11b", N, None, "mail"),
    Small(message(ARRIVED, READ, REPLIED, basis="found"), "R3.12", R, None, "prove_ownership"),
    Small(scenario(REPLIED, channel="sms", basis="opponent_given"), "R3.12", R, None, "prove_ownership"),
    Small(
        message(REPLIED, basis="found", ownership_proof="correspondence"),
        "R3.13.conduct",
        S,
        "2025-09-18",
        None,
    ),
    Small(own(READ, REPLIED, consents=[consent()]), "R3.13", S, "2025-09-18", None),
    Small(own(READ, REPLIED), "R3.13.conduct", S, "2025-09-18", None),
    Small(own(READ, ACTED, consents=[consent()]), "R3.14", S, "2025-09-18", None),
    Small(own(ACTED), "R3.14.conduct", S, "2025-09-18", None),
    Small(own({**ACTED, "matches_document": False}), "R3.18", "pending", None, "await_response"),
    Small(own(READ, consents=[consent("conduct")]), "R3.15", "presumed", "2025-09-17", CONFIRM),
    Small(own(ARRIVED, READ), "R3.16", R, None, "phone_confirm"),
    Small(message(ARRIVED, basis="agreed_for_business"), "R3.17", R, None, "phone_confirm"),
    Small(message(REPLIED, basis="agreed_for_business"), "R3.13.conduct", S, "2025-09-18", None),
    Small(own(ARRIVED), "R3.18", "pending", None, "await_response"),
    Small(own(ARRIVED, WAITED), "R3.18b", N, None, "phone_confirm"),
)

SIGNERS = (
    Small(mail(signed("self")), "R4.1.self", S, "2025-09-10", None),
    Small(mail(signed("self"), kind="entity"), "R4.1.self", S, "2025-09-10", None),
    Small(mail(signed("legal_representative"), kind="entity"), "R4.1.self", S, "2025-09-10", None),
    Small(mail(signed("litigation_agent")), "R4.1.self", S, "2025-09-10", None),
    Small(mail(signed("designated_receiver"), kind="entity"), "R4.1.self", S, "2025-09-10", None),
    Small(mail({**signed("self"), "relation_on_receipt": False}), "R4.1.self", S, "2025-09-10", None),
    Small(mail({**signed("spouse", **HOME), "relation_on_receipt": False}), "R4.2.incomplete", R, None, CURE),
    Small(mail(signed("self", whole=False)), "R4.2.incomplete", R, None, CURE),
    Small(mail(signed("child", **HOME)), "R4.1.family", S, "2025-09-10", None),
    Small(mail(signed("spouse", **HOME), basis="registered"), "R4.1.family", S, "2025-09-10", None),
    Small(mail(signed("parent", **HOME), basis="found"), "R4.1.family", S, "2025-09-10", None),
    Small(mail(signed("spouse", **HOME, opposing_party=True)), "R4.1.opposing", N, None, "serve_again"),
    Small(mail(signed("child", cohabiting=True)), "R4.1.minor", N, None, REPOST),
    Small(mail(signed("sibling", adult=True)), "R4.1.minor", N, None, REPOST),
    Small(mail(signed("spouse", **HOME), kind="entity"), "R4.1.family_of_entity", N, None, REPOST),
    Small(mail(signed("mailroom"), kind="entity"), "R4.1.mailroom", S, "2025-09-10", None),
    Small(mail(signed("mailroom"), place="workplace"), "R4.1.mailroom_of_person", N, None, REPOST),
    Small(mail(signed("mailroom"), **WORK), "R4.1.mailroom_at_work", R, None, JUDGE),
    *(
        Small(mail(signed(relation), kind=kind), "R4.1.other", N, None, REPOST)
        for relation in ("neighbour", "landlord", "property_management", "parcel_locker", "colleague")
        for kind in ("natural_person", "entity")
    ),
    *(
        Small(mail(signed(relation)), "R4.1.unlisted", R, None, JUDGE)
        for relation in ("guardian", "employer_head", "opponent", "branch", "business_agent")
    ),
    Small(mail(signed("unverified")), "R4.unverified", R, None, CURE),
    Small(mail(fact("signed", 10)), "R4.unverified", R, None, CURE),
    Small(mail(signed("self"), ANNULLED), "R4.6.signed", R, None, JUDGE),
    Small(
        scenario(fact("posted", 8, carrier="commercial_courier"), signed("self")),
        "R4.courier",
        R,
        None,
        JUDGE,
    ),
)

RETURNS = (
    Small(mail(), "R4.2.posted", "pending", None, "track_mail"),
    Small(mail(refused("self", **NOTED)), "R4.2.posted", "pending", None, "track_mail"),
    Small(mail(fact("lost", 20)), "R4.2.lost", N, None, REPOST),
    Small(mail(refused("self", **NOTED), returned()), "R4.2.refused", "deemed", "2025-09-12", CONFIRM),
    Small(
        mail(refused("legal_representative", **NOTED), returned(noted_on=None), kind="entity"),
        "R4.2.refused",
        "deemed",
        "2025-09-15",
        CONFIRM,
    ),
    Small(mail(refused("self"), returned()), "R4.2.returned_unclear", R, None, JUDGE),
    Small(mail(refused("designated_receiver", **NOTED), returned()), "R4.2.returned_unclear", R, None, JUDGE),
    Small(
        mail(refused("self", **NOTED), returned(), basis="registered"),
        "R4.2.returned_unclear",
        R,
        None,
        JUDGE,
    ),
    Small(
        mail(refused("self", **PROVEN), returned(), basis="found"),
        "R4.2.refused_found",
        "deemed",
        "2025-09-12",
        CONFIRM,
    ),
    Small(mail(refused("self", **NOTED), returned(), basis="found"), "R4.2.refused_unproven", R, None, CURE),
    Small(mail(refused("unverified", **NOTED), returned()), "R4.2.refuser_unverified", R, None, CURE),
    *(
        Small(mail(refused(relation, **NOTED), returned(), basis=basis), "R4.2.refused_family", N, None, DIRECT)
        for relation in ("spouse", "child")
        for basis in ("confirmed", "registered", "found")
    ),
    Small(mail(refused("mailroom", **NOTED), returned(), kind="entity"), "R4.2.refused_desk", R, None, DIRECT),
    Small(
        mail(refused("mailroom", **NOTED), returned(), kind="entity", basis="registered"),
        "R4.2.refused_desk",
        R,
        None,
        DIRECT,
    ),
    Small(
        mail(refused("mailroom", **NOTED), returned(), kind="entity", basis="found"),
        "R4.2.refused_desk_found",
        N,
        None,
        DIRECT,
    ),
    *(
        Small(mail(returned(reason)), "R4.2.unreachable", "deemed", "2025-09-12", CONFIRM)
        for reason in ("unknown_person", "no_such_address", "moved")
    ),
    *(
        Small(mail(returned(reason), basis="opponent_given"), "R4.2.unreachable_found", N, None, "address_lookup")
        for reason in ("unknown_person", "no_such_address", "moved")
    ),
    *(
        Small(mail(returned(reason), basis=basis), "R4.2.returned_unclear", R, None, JUDGE)
        for reason in ("unknown_person", "no_such_address", "moved")
        for basis in ("registered", "ladder_contract", "ladder_own_filing", "ladder_other_case", "ladder_regular_use")
    ),
    Small(mail(*TRIES[:2], NO_ANSWER, returned("nobody_home")), "R4.2.nobody_home_few", N, None, REPOST),
    Small(mail(*SCATTERED, NO_ANSWER, returned("nobody_home")), "R4.2.nobody_home_few", N, None, REPOST),
    Small(mail(*TRIES, returned("nobody_home")), "R4.2.nobody_home_no_contact", N, None, REPOST),
    Small(mail(*TRIES, NO_ANSWER, REACHED, returned("nobody_home")), "R4.2.nobody_home_no_contact", N, None, REPOST),
    Small(mail(*TRIES, NO_ANSWER, returned()), "R4.2.nobody_home_given", R, None, JUDGE),
    Small(mail(*TRIES, NO_ANSWER, returned(), basis="registered"), "R4.2.nobody_home_deemed", R, None, JUDGE),
    Small(mail(*TRIES, NO_ANSWER, returned(), basis="found"), "R4.2.nobody_home_found", N, None, DIRECT),
    Small(mail(returned("content_mismatch")), "R4.2.mismatch", N, None, REPOST),
    Small(mail(refused("self", **NOTED), returned("content_mismatch")), "R4.2.mismatch", N, None, REPOST),
    Small(mail(returned()), "R4.2.returned_unclear", R, None, JUDGE),
    Small(mail(returned("moved"), ANNULLED), "R4.6", N, None, "serve_again"),
    Small(mail(refused("self", **PROVEN), returned(), ANNULLED, basis="found"), "R4.6.found", N, None, "serve_again"),
    Small(
        scenario(fact("posted", 8, carrier="commercial_courier"), refused("self", **NOTED), returned()),
        "R4.courier_returned",
        R,
        None,
        JUDGE,
    ),
)

SMALL = (*ELECTRONIC, *SIGNERS, *RETURNS)
