"""The published description of the HTTP interface (OpenAPI 3.1): served, and kept in docs/openapi.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from delivery.web.deliveries import MOST_REPORTS
from delivery.web.openapi_schemas import packaged, schemas
from delivery.web.problems import MEDIA_TYPE
from delivery.web.schema_blocks import (
    DELIVERY_ID,
    DIGEST,
    INSTANT,
    TEXT,
    Json,
    list_of,
    object_of,
    ref,
)

VERSION = "1.0.0"
"""Of the interface, not of the program."""


def document() -> Json:
    """The whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "songda 送达",
            "version": VERSION,
            "description": "Case systems hand over documents, follow their service, and pull the reports.",
        },
        "servers": [{"url": "/"}],
        "security": [{"caseSystem": []}],
        "paths": {**_filing(), **_deliveries(), **_reports(), **_providers(), **_operators(), **_log()},
        "components": {
            "securitySchemes": {
                "caseSystem": {"type": "http", "scheme": "bearer", "bearerFormat": "<client id>.<secret>"}
            },
            "schemas": schemas(),
        },
    }


@cache
def served() -> bytes:
    """The description as bytes, the same as in docs/openapi.json."""
    return (json.dumps(document(), ensure_ascii=False, indent=1) + "\n").encode()


# --- building blocks -------------------------------------------------------------------------------------------------


def _json(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_PROBLEMS = {
    400: "The request cannot be read.",
    401: "Who asks is not known.",
    404: "Nothing that the caller may see has this address.",
    409: "It contradicts what is on record.",
    413: "The body is too large.",
    415: "This media type is not taken.",
    422: "All faults, each with pointer, code and what would be right.",
    503: "Not ready.",
}


def _operation(
    name: str, summary: str, answers: Mapping[int, Json], problems: tuple[int, ...] = (), **more: Any
) -> Json:
    """One operation of a case system; 401 comes by itself."""
    refused = {
        str(status): {"description": _PROBLEMS[status], "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
        for status in problems
    }
    taken = {str(status): answer for status, answer in answers.items()}
    return {"operationId": name, "summary": summary, **more, "responses": taken | refused}


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _in_query(name: str, description: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "description": description, "required": required, "schema": schema}


def _body(schema: Json, *media_types: str, example: Any = None) -> Json:
    kinds = media_types or ("application/json", "application/cloudevents+json")
    content = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"required": True, "content": dict.fromkeys(kinds, content)}


def _links(**targets: str) -> Json:
    """Where an answer leads: operation → the place of the id in the body (OpenAPI 3.1, Link Object)."""
    return {
        name: {"operationId": name, "parameters": {"id": f"$response.body#{place}"}} for name, place in targets.items()
    }


_OF_A_DELIVERY = ("readDelivery", "readEvents", "readEffect", "readProof", "tellAddress", "tellFact", "withdraw")


# --- paths -----------------------------------------------------------------------------------------------------------


def _filing() -> Json:
    submission = ref("Submission")
    example = packaged("submission.example.json")
    leads = _links(readSubmission="/submission_id", **dict.fromkeys(_OF_A_DELIVERY, "/deliveries/0/delivery_id"))
    kept = {status: _json(said, ref("Accepted")) | {"links": leads} for status, said in _KEPT.items()}
    filing = _body(submission, example=example)
    filing["content"]["multipart/form-data"] = {
        "schema": {
            "type": "object",
            "description": "submission: the event; beside it one part per document, named by the document's id.",
            "properties": {"submission": submission},
            "required": ["submission"],
            "propertyNames": {"pattern": "^[A-Za-z0-9_-]{1,40}$"},
            "additionalProperties": {"type": "string", "contentMediaType": "application/pdf"},
        },
        "encoding": {"submission": {"contentType": "application/json"}},
    }
    return {
        "/v1/submissions": {
            "post": _operation(
                "submit",
                "Hand over a case's documents for its recipients",
                kept,
                (400, 401, 409, 413, 415, 422),
                requestBody=filing,
            )
        },
        "/v1/submissions/{id}": {
            "get": _operation(
                "readSubmission",
                "A submission and what became of each delivery",
                {200: _json("The submission.", ref("SubmissionState"))},
                (401, 404),
                parameters=[_in_path("id", DELIVERY_ID)],
            )
        },
        "/v1/documents/{sha256}": {
            "put": _operation(
                "putDocument",
                "Upload a document apart, bound to its digest",
                {200: _json("Kept before.", ref("Stored")), 201: _json("Kept.", ref("Stored"))},
                (400, 401, 404, 413, 415, 422),
                parameters=[_in_path("sha256", DIGEST)],
                requestBody=_body(
                    {"type": "string", "contentMediaType": "application/pdf"},
                    "application/pdf",
                    "application/octet-stream",
                ),
            )
        },
        "/v1/routes": {
            "post": _operation(
                "planRoutes",
                "Dry run: the route for each recipient, with the reason for each choice",
                {200: _json("The routes.", object_of({"routes": list_of(ref("Route"))}))},
                (400, 401, 413, 415, 422),
                requestBody=_body(submission, example=example),
            )
        },
    }


_KEPT = {200: "Kept before; the same answer again.", 202: "Kept."}


def _deliveries() -> Json:
    one = [_in_path("id", DELIVERY_ID)]
    below = "/v1/deliveries/{id}"
    pdf = {"description": "The sealed proof.", "content": {"application/pdf": {"schema": {"type": "string"}}}}
    pack = {
        "description": "The sealed container (ASiC-E): all that is needed to check the proof offline.",
        "content": {"application/vnd.etsi.asic-e+zip": {"schema": {"type": "string"}}},
    }
    told = object_of({"delivery_id": DELIVERY_ID})
    return {
        below: {"get": _read("readDelivery", "The delivery as its events tell it", ref("Delivery"))},
        f"{below}/events": {"get": _read("readEvents", "Everything that happened", ref("Events"))},
        f"{below}/effect": {"get": _read_effect()},
        f"{below}/proof": {
            "get": _operation("readProof", "The proof of service", {200: pdf}, (401, 404), parameters=one)
        },
        f"{below}/proof-pack": {
            "get": _operation("readProofPack", "The proof pack", {200: pack}, (401, 404, 503), parameters=one)
        },
        f"{below}/withdrawal": {
            "post": _operation(
                "withdraw",
                "Withdraw it, with the reason",
                {200: _json("Withdrawn.", object_of({"delivery_id": DELIVERY_ID, "state": {"const": "withdrawn"}}))},
                (400, 401, 404, 409, 413, 415, 422),
                parameters=one,
                requestBody=_body(ref("Withdrawal"), example={"by": "书记员甲", "reason": "案件已调解"}),
            )
        },
        f"{below}/address": {
            "post": _operation(
                "tellAddress",
                "A changed address, a consent, or other news of the recipient",
                {200: _json("On record before.", told), 201: _json("On record.", told)},
                (400, 401, 404, 409, 413, 415, 422),
                parameters=one,
                requestBody=_body(ref("RecipientNews"), example=packaged("address.example.json")),
            )
        },
        f"{below}/facts": {
            "post": _operation(
                "tellFact",
                "A fact learnt elsewhere, with its evidence",
                {200: _json("On record before.", told), 201: _json("On record.", told)},
                (400, 401, 404, 413, 415, 422),
                parameters=one,
                requestBody=_body(ref("Learnt")),
            )
        },
    }


def _read(name: str, summary: str, schema: Json) -> Json:
    return _operation(
        name, summary, {200: _json(f"{summary}.", schema)}, (401, 404), parameters=[_in_path("id", DELIVERY_ID)]
    )


def _read_effect() -> Json:
    summary, asked = "Served or not, when, why", "What was known at that instant; else what is known now."
    answer = {200: _json(f"{summary}.", ref("EffectView"))}
    where = [_in_path("id", DELIVERY_ID), _in_query("as_of", asked, {"type": "string", "format": "date-time"})]
    return _operation("readEffect", summary, answer, (401, 404, 422), parameters=where)


def _reports() -> Json:
    cursor = {"type": "string", "pattern": "^[0-9]{1,18}$", "default": "0"}
    limit = {"type": "integer", "minimum": 1, "maximum": MOST_REPORTS, "default": 100}
    return {
        "/v1/reports": {
            "get": _operation(
                "readReports",
                "Reports after a cursor, in the order in which they were recorded",
                {200: _json("Reports.", object_of({"reports": list_of(ref("Report")), "next": cursor}))},
                (401, 422),
                parameters=[
                    _in_query("after", "The next of the answer before.", cursor),
                    _in_query("limit", "How many at most.", limit),
                ],
            )
        },
        "/v1/reconciliation": {
            "get": _operation(
                "reconcile",
                "Counts and a digest of what was recorded from an instant on and before another",
                {200: _json("The counts.", ref("Reconciliation"))},
                (401, 422),
                parameters=[
                    _in_query("from", "The first instant.", ref("instant"), required=True),
                    _in_query("to", "The first instant after it.", ref("instant"), required=True),
                ],
            )
        },
    }


def _providers() -> Json:
    operation = _operation(
        "callBack",
        "A provider's message, let in as that provider proves itself",
        {200: {"description": "Kept; the body is what that provider expects.", "content": {"*/*": {}}}},
        (401, 404, 413),
        parameters=[_in_path("channel", {"type": "string", "pattern": "^[a-z_]{1,40}$"})],
        requestBody={"required": True, "content": {"application/json": {"schema": {}}}},
        security=[],
    )
    return {"/callbacks/{channel}": {"post": operation}}


def _operators() -> Json:
    status = _json("Its state.", object_of({"status": TEXT}))
    text = {"description": "Prometheus text format.", "content": {"text/plain": {"schema": TEXT}}}
    document = _json("This document.", {"type": "object"})
    readiness = _json(
        "Its state.",
        object_of({"status": TEXT, "timestamps_missing_since": INSTANT}, optional=("timestamps_missing_since",)),
    )
    ready = _operation("readReady", "Is it ready?", {200: readiness, 503: status}, security=[])
    return {
        "/healthz": {"get": _operation("readHealth", "Is it alive?", {200: status}, security=[])},
        "/readyz": {"get": ready},
        "/metrics": {"get": _operation("readMetrics", "How is it doing?", {200: text}, security=[])},
        "/openapi.json": {"get": _operation("readOpenapi", "What does it offer?", {200: document}, security=[])},
    }


def _log() -> Json:
    note = {"text/plain": {"schema": {"type": "string"}}}
    signed = {
        "description": "A signed note (C2SP tlog-checkpoint), with what witnesses signed below it.",
        "content": note,
    }
    hashes = {
        "application/octet-stream": {"schema": {"type": "string", "contentMediaType": "application/octet-stream"}}
    }
    tile = {
        "description": "Hashes of 32 bytes; of the level entries: 16 bits of length before each.",
        "content": hashes,
    }
    where = [
        _in_path("level", {"type": "string", "pattern": "^([0-9]|[1-5][0-9]|entries)$"}),
        _in_path("tile", {"type": "string", "pattern": "^[0-9]{3}$"})
        | {"description": "Of three digits; larger numbers are x001/234, unfinished tiles 000.p/5 (C2SP tlog-tiles)."},
    ]
    cosign = _operation(
        "cosignCheckpoint",
        "A witness's cosignature of a checkpoint of this ledger",
        {204: {"description": "Kept; the checkpoint carries it."}},
        (400, 401, 409, 413, 415),
        requestBody={"required": True, "content": note},
        security=[],
    )
    read = _operation("readCheckpoint", "The ledger's newest checkpoint", {200: signed}, (404,), security=[])
    tiles = _operation("readTile", "A tile of the ledger", {200: tile}, (404,), parameters=where, security=[])
    return {
        "/log/checkpoint": {"get": read},
        "/log/tile/{level}/{tile}": {"get": tiles},
        "/log/cosignature": {"post": cosign},
    }


if __name__ == "__main__":
    sys.stdout.buffer.write(served())
