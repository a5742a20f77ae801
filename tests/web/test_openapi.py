"""What is published in docs/ is what the code takes, answers and refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from delivery.core.fields import Fault
from delivery.web.openapi import served
from tests import filings
from tests.core.test_submission import BREAKS, broken, faults
from tests.filings import Break, Json, filing
from tests.servers import PROJECT, SCRIPTS
from tests.web.office import SECRET, Office, open_office

DOCS = PROJECT / "docs"
OPENAPI: Json = json.loads((DOCS / "openapi.json").read_text("utf-8"))
SCHEMA: Json = json.loads((DOCS / "schemas" / "submission.schema.json").read_text("utf-8"))
EXAMPLE = PROJECT / "delivery" / "web" / "schemas" / "submission.example.json"
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(f"sqlite+aiosqlite:///{tmp_path / 'journal'}", tmp_path / "documents") as opened:
        yield opened


async def test_docs_are_what_is_served(office: Office) -> None:
    reply = await office.ask("GET", "/openapi.json", who=None)
    assert reply.body == served() == (DOCS / "openapi.json").read_bytes()


def test_it_is_openapi() -> None:
    OpenAPIV31SpecValidator(OPENAPI).validate()


async def test_every_route_is_published_and_no_other(office: Office) -> None:
    published = {(method.upper(), path) for path, item in OPENAPI["paths"].items() for method in item}
    offered = {
        (route.method, route.resource.canonical)
        for route in office.router.routes()
        if route.resource and route.method != "HEAD"
    }
    assert offered - {("POST", "/callbacks/{channel}/{rest}")} == published


def test_the_schema_in_the_package_is_the_published_one() -> None:
    packaged = PROJECT / "delivery" / "web" / "schemas" / "submission.schema.json"
    assert packaged.read_bytes() == (DOCS / "schemas" / "submission.schema.json").read_bytes()


async def test_the_example_is_taken(office: Office) -> None:
    event = json.loads(EXAMPLE.read_text("utf-8"))
    VALIDATOR.validate(event)
    assert (await office.submit(event)).status == 202


async def test_schemathesis_finds_nothing(office: Office, tmp_path: Path) -> None:
    """Some thousand requests, well-formed and not, the same each time; settings and reasons in schemathesis.toml."""
    (tmp_path / "openapi.json").write_text(json.dumps(_one_json_type(OPENAPI)))
    words = ("--url", office.url, "--header", f"Authorization: Bearer case-system.{SECRET}", "--no-color")
    bounds = ("--generation-deterministic", "--max-examples", "5", "--continue-on-failure")
    process = await asyncio.create_subprocess_exec(
        str(SCRIPTS / "schemathesis"),
        *("--config-file", str(PROJECT / "schemathesis.toml"), "run", "openapi.json", *words, *bounds),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    told = output.decode(errors="replace")
    assert process.returncode == 0, told[told.find("\n===") :][:8000]


def _one_json_type(description: Json) -> Json:
    """Without the second JSON media type: both are read by one function, and half the requests would repeat."""
    thinner: Json = json.loads(json.dumps(description))
    for item in thinner["paths"].values():
        for operation in item.values():
            operation.get("requestBody", {}).get("content", {}).pop("application/cloudevents+json", None)
    return thinner


# --- JSON Schema and code --------------------------------------------------------------------------------------------


def test_both_take_a_good_one() -> None:
    VALIDATOR.validate(filing())
    VALIDATOR.validate(filing(b"%PDF-"))
    assert faults(filing()) == []


@pytest.mark.parametrize("one", BREAKS, ids=repr)
def test_what_the_schema_refuses_the_code_refuses(one: Break) -> None:
    """The code knows more (check digits, digests, who belongs to whom); it never knows less."""
    event = broken(one)
    if not VALIDATOR.is_valid(event):
        assert faults(event)


def test_the_schema_refuses_most_of_what_the_code_refuses() -> None:
    """So that a sender who checks with it meets few surprises."""
    seen = [one for one in BREAKS if not VALIDATOR.is_valid(broken(one))]
    assert len(seen) > len(BREAKS) * 0.6


STRANGE: tuple[Any, ...] = (None, True, 0, 1.5, "", "x", "长" * 2000, [], ["x"], {}, {"x": 1}, [None], "2025-09-16")


def _every_place(node: Any, pointer: str = "") -> Iterator[str]:
    if pointer:
        yield pointer
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, child in children:
        yield from _every_place(child, f"{pointer}/{name}")


@pytest.mark.parametrize("pointer", list(_every_place(filing())))
def test_the_schema_and_the_code_agree_at_every_place(pointer: str) -> None:
    for value in STRANGE:
        event = broken(filings.put(pointer, value, code=""))
        found: list[Fault] = faults(event)
        assert found or VALIDATOR.is_valid(event), (pointer, value)
    event = filing()
    _drop(event, pointer)
    assert faults(event) or VALIDATOR.is_valid(event), pointer


def _drop(event: Json, pointer: str) -> None:
    *way, last = pointer.split("/")[1:]
    node: Any = event
    for step in way:
        node = node[int(step)] if isinstance(node, list) else node[step]
    del node[int(last) if isinstance(node, list) else last]
