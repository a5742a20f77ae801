"""Small questions in the scenario format, of September 2025 unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def at(day: int | str, time: str = "10:00") -> str:
    """A day of September 2025, or any other day as ISO 8601 writes it."""
    date = f"2025-09-{day:02d}" if isinstance(day, int) else day
    return f"{date}T{time}:00+08:00"


def fact(kind: str, day: int | str, time: str = "10:00", address: str | None = "a1", **fields: Any) -> Row:
    place = {"address": address} if address else {}
    return {"kind": kind, "at": at(day, time), **place, **fields}


def by(relation: str, **person: Any) -> Row:
    return {"relation": relation, **person}


def consent(basis: str = "express", documents: Sequence[str] = ("all",), until: int | None = None, **more: Any) -> Row:
    return {
        "id": "c1",
        "basis": basis,
        "documents": list(documents),
        "stages": ["all"],
        "given_at": at(1, "09:00"),
        "withdrawn_at": at(until, "09:00") if until else None,
        **more,
    }


def address(channel: str = "post", basis: str = "confirmed", id: str = "a1", **more: Any) -> Row:
    return {"id": id, "channel": channel, "basis": basis, "holder": "recipient", **more}


def scenario(
    *facts: Row,
    channel: str = "post",
    basis: str = "confirmed",
    document: str = "summons",
    case: Row | None = None,
    recipient: Row | None = None,
    papers: Row | None = None,
    more: Sequence[Row] = (),
    consents: Sequence[Row] = (),
    as_of: str | None = None,
    knobs: Row | None = None,
    **place: Any,
) -> Row:
    """`case`, `recipient`, `papers`: what differs there; `more`: further addresses; `place`: of the first address."""
    return {
        "id": "small",
        "jurisdiction": "cn",
        "case": {
            "kind": "civil",
            "procedure": "ordinary",
            "stage": "first_instance",
            "court": "ordinary",
            **(case or {}),
        },
        "document": {"type": document, **(papers or {})},
        "recipient": {
            "role": "defendant",
            "kind": "natural_person",
            "domicile": "mainland",
            "standing": {"kind": "normal", "since": None},
            **(recipient or {}),
        },
        "consents": list(consents),
        "addresses": [address(channel, basis, **place), *more],
        "events": list(facts),
        "as_of": as_of or at(30, "12:00"),
        "knobs": knobs or {},
    }


POSTED = fact("posted", 8, carrier="state_post")
SENT = fact("sent", 16, "09:00")
ARRIVED = fact("arrived", 16)
READ = fact("read", 17, by=by("self"))
REPLIED = fact("replied", 18, by=by("self"))
WAITED = fact("wait_elapsed", 19)
ANNULLED = fact("annulled", 22, reason="no_fault", decided_by="judge")
CONFIRM = fact("official_confirmation", 25, address=None, decided_by="clerk")


def mail(*facts: Row, **more: Any) -> Row:
    return scenario(POSTED, *facts, **more)


def message(*facts: Row, channel: str = "email", **more: Any) -> Row:
    return scenario(SENT, *facts, channel=channel, **more)


def own(*facts: Row, **more: Any) -> Row:
    """To the recipient's own mobile number, which the recipient did not give."""
    return message(*facts, channel="sms", basis="own", ownership_proof="telecom_real_name", **more)


def signed(relation: str, day: int | str = 10, *, whole: bool = True, **person: Any) -> Row:
    receipt = {"id_on_receipt": whole, "relation_on_receipt": whole}
    return fact("signed", day, by=by(relation, **person), **receipt)


def refused(relation: str, day: int | str = 10, **fields: Any) -> Row:
    return fact("refused", day, by=by(relation), **fields)


def returned(reason: str, noted_on: str | None = "2025-09-12", **more: Any) -> Row:
    return fact("returned", 13, reason=reason, noted_on=noted_on, court_received_on="2025-09-15", **more)


def notice(day: str, *contents: str, ordered: str | None = None, **more: Any) -> tuple[Row, Row]:
    """Ordered (on the day of publication unless told) with the steps on file, and published."""
    order = {"reason": "other_methods_failed", "steps_on_file": ["mail", "phone"], "file_note": True}
    said = list(contents or ("reason", "gist", "answer_period", "consequence"))
    return (
        fact("notice_ordered", ordered or day, "09:00", **order),
        fact("published", day, medium="newspaper", contents=said, **more),
    )
