"""The schemas of the published description (OpenAPI 3.1): what bodies and answers hold."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from delivery.core import vocabulary as words
from delivery.core.learnt import LONGEST_REASON
from delivery.core.model import Outcome, State
from delivery.web.fact_schemas import fact_told, learnt, person, recipient_news
from delivery.web.schema_blocks import (
    COUNT,
    DAY,
    DELIVERY_ID,
    DIGEST,
    INSTANT,
    TEXT,
    Json,
    line,
    list_of,
    object_of,
    or_null,
    ref,
)


def packaged(name: str) -> Any:
    """A published schema or example."""
    return json.loads((files(__package__) / "schemas" / name).read_text("utf-8"))


def schemas() -> Json:
    """Everything that the paths refer to, by name."""
    return {
        **_submission_schemas(),
        **_answers(),
        "Problem": _problem(),
        "Withdrawal": object_of({"by": line(100), "reason": line(LONGEST_REASON)}),
        "Learnt": learnt(),
        "RecipientNews": recipient_news(),
        "Person": person(),
    }


def _submission_schemas() -> Json:
    """The published JSON Schema of a submission (docs/schemas), its definitions among the components."""
    schema = json.loads(json.dumps(packaged("submission.schema.json")).replace('"#/$defs/', '"#/components/schemas/'))
    definitions = schema.pop("$defs")
    return {"Submission": {name: value for name, value in schema.items() if not name.startswith("$")}, **definitions}


def _problem() -> Json:
    fault = object_of({"pointer": TEXT, "code": TEXT, "message": TEXT})
    parts = {"type": TEXT, "title": TEXT, "status": COUNT, "detail": TEXT, "errors": list_of(fault), "instance": TEXT}
    return object_of(parts, optional=("instance",))


def _answers() -> Json:
    line = {
        "delivery_id": DELIVERY_ID,
        "state": {"enum": [state.value for state in State]},
        "outcome": or_null({"enum": [outcome.value for outcome in Outcome]}),
        "effective_date": or_null(DAY),
    }
    accepted = list_of(object_of({"delivery_id": DELIVERY_ID, "recipient": TEXT}))
    return {
        "Accepted": object_of({"submission_id": DELIVERY_ID, "deliveries": accepted}),
        "SubmissionState": object_of(
            {"submission_id": DELIVERY_ID, "source": TEXT, "id": TEXT, "accepted_at": INSTANT}
            | {"deliveries": list_of(object_of(line))}
        ),
        "Stored": object_of({"sha256": DIGEST, "size": COUNT}),
        "Route": _route(),
        "Delivery": _delivery(),
        "Effect": _effect(),
        "EffectView": object_of(
            {"delivery_id": DELIVERY_ID, "as_of": INSTANT, "state": line["state"], "rulebook": TEXT}
            | {"documents": list_of(_explained()), "facts": list_of(fact_told())}
        ),
        "Events": object_of(
            {
                "delivery_id": DELIVERY_ID,
                "events": list_of(
                    object_of(
                        {"seq": COUNT, "kind": TEXT, "at": INSTANT, "recorded_at": INSTANT, "data": {"type": "object"}}
                    )
                ),
            }
        ),
        "Report": object_of(
            dict.fromkeys(("specversion", "type", "source", "id", "datacontenttype"), TEXT)
            | {"time": INSTANT, "data": {"type": "object"}}
        ),
        "Reconciliation": object_of(
            {"from": INSTANT, "to": INSTANT, "count": COUNT, "kinds": {"type": "object", "additionalProperties": COUNT}}
            | {"digest": DIGEST, "last": or_null(TEXT)}
        ),
    }


def _route() -> Json:
    step = {"address": TEXT, "channel": {"enum": list(words.CHANNELS)}, "not_before": INSTANT, "wait": COUNT}
    why = {"reason": TEXT, "grounds": list_of(TEXT)}
    return object_of(
        {
            "recipient": TEXT,
            "steps": list_of(object_of(step | why)),
            "rejected": list_of(object_of({"address": TEXT} | why)),
        }
    )


def _delivery() -> Json:
    document = {"id": TEXT, "type": {"enum": list(words.DOCUMENT_TYPES)}, "title": TEXT, "sha256": DIGEST}
    document |= {"pages": COUNT, "size": COUNT, "sealed_sha256": or_null(DIGEST)}
    attempt = {"id": TEXT, "address": TEXT, "channel": TEXT, "number": COUNT, "role": TEXT, "announced_at": INSTANT}
    attempt |= {"tries": COUNT, "answer": TEXT, "answered_at": or_null(INSTANT), "references": list_of(TEXT)}
    task = {"id": TEXT, "kind": TEXT, "reason": TEXT, "owner": TEXT, "opened_at": INSTANT, "due_at": INSTANT}
    task |= {"proposal": or_null(TEXT), "attempt": or_null(TEXT)}
    return object_of(
        {
            "delivery_id": DELIVERY_ID,
            "submission_id": DELIVERY_ID,
            "version": COUNT,
            "state": {"enum": [state.value for state in State]},
            "accepted_at": INSTANT,
            "needed_by": or_null(INSTANT),
            "withdrawn_at": or_null(INSTANT),
            "case": ref("case"),
            "recipient": object_of({"id": TEXT, "role": TEXT, "kind": TEXT, "name": TEXT}),
            "documents": list_of(object_of(document)),
            "route": or_null(ref("Route")),
            "attempts": list_of(object_of(attempt)),
            "tasks": list_of(object_of(task)),
            "effects": list_of(ref("Effect")),
            "proofs": list_of(object_of({"number": TEXT, "sha256": DIGEST})),
        }
    )


def _deadline() -> Json:
    return object_of(
        {
            "period": TEXT,
            "name": TEXT,
            "name_zh": TEXT,
            "last_day": or_null(DAY),
            "error": or_null(TEXT),
            "basis": list_of(TEXT),
            "calendar_version": TEXT,
            "provisional": {"type": "boolean"},
            "outages": list_of(_outage()),
        },
        optional=("outages",),
    )


def _outage() -> Json:
    """Of the court's systems, beside a period: it moves nothing."""
    return object_of(
        {"system": TEXT, "from": INSTANT, "to": or_null(INSTANT)}
        | {"grounds": list_of(TEXT), "says": TEXT, "says_zh": TEXT}
    )


def _explained() -> Json:
    """An effect with its reasons: the rule, the facts it used, the rules that nearly fired and what each lacked."""
    return {"allOf": [{"$ref": "#/components/schemas/Effect"}], "required": ["reasons"]}


def _effect() -> Json:
    return object_of(
        {
            "reasons": {"type": "object"},
            "document": TEXT,
            "outcome": {"enum": [outcome.value for outcome in Outcome]},
            "effective_date": or_null(DAY),
            "grounds": list_of(TEXT),
            "next": or_null(TEXT),
            "flags": {"type": "object", "additionalProperties": {"type": ["boolean", "string"]}},
            "deadlines": list_of(_deadline()),
            "rule": or_null(TEXT),
            "explanation": TEXT,
            "explanation_zh": TEXT,
        },
        optional=("reasons",),
    )
