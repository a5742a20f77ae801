"""Building blocks of the published schemas (JSON Schema 2020-12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

DELIVERY_ID: Json = {"type": "string", "pattern": "^[0-9a-z]{26}$"}
DIGEST: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
INSTANT, DAY = ({"type": "string", "format": kind} for kind in ("date-time", "date"))
TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
FLAG: Json = {"type": "boolean"}


def ref(name: str) -> Json:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(properties: Mapping[str, Json], *, optional: tuple[str, ...] = (), closed: bool = True) -> Json:
    """An object with these members; unknown ones are refused unless it is open."""
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "properties": dict(properties),
        "required": required,
        "additionalProperties": not closed,
    }


def list_of(items: Json) -> Json:
    """A list of these."""
    return {"type": "array", "items": items}


def or_null(schema: Json) -> Json:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def line(most: int) -> Json:
    """One line of text."""
    return {"type": "string", "minLength": 1, "maxLength": most}
