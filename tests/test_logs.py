"""What the service says about itself: JSON on stderr, and nothing in it that belongs to a person."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from delivery import logs
from delivery.logs import redact
from tests.flows.shell import logs_as_before


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go; afterwards everything is as it was."""
    target = io.StringIO()
    with logs_as_before():
        logs.configure(target)
        yield target


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_moment(stream: io.StringIO) -> None:
    structlog.get_logger("delivery.worker").info("sealed", delivery="01k5", pages=3)
    (line,) = lines(stream)
    assert line.pop("at").endswith("+08:00")
    assert line == {"event": "sealed", "delivery": "01k5", "pages": 3, "level": "info", "logger": "delivery.worker"}


def test_of_an_exception_only_types_and_frames(stream: io.StringIO) -> None:
    def stumble(name: str) -> None:
        try:
            dict[str, str]()[name]
        except KeyError as cause:
            raise ValueError(f"no such person: {name}") from cause

    try:
        stumble("王小明")
    except ValueError:
        structlog.get_logger("delivery").exception("failed")
    assert "王小明" not in stream.getvalue()
    (line,) = lines(stream)
    assert line["fault"] == "ValueError < KeyError"
    assert line["where"][-1].endswith(" stumble")


def test_libraries_tell_warnings_alone_and_no_exception_texts(stream: io.StringIO) -> None:
    logging.getLogger("some.library").info("every address: wang@mail.example")
    try:
        os.stat("/13900000003 is engaged")
    except OSError:
        logging.getLogger("some.library").exception("could not call %s", "+8613900000003")
    (line,) = lines(stream)
    assert (line["event"], line["fault"]) == ("could not call [telephone]", "FileNotFoundError")
    assert "13900000003" not in stream.getvalue()


async def test_a_task_that_nobody_awaited(stream: io.StringIO) -> None:
    """asyncio's own words would quote the exception."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.on_loop_fault)

    def fail() -> None:
        raise ValueError("王小明")

    loop.call_soon(fail)
    await asyncio.sleep(0)
    (line,) = lines(stream)
    assert (line["event"], line["fault"]) == ("loop_fault", "ValueError")
    assert "王小明" not in stream.getvalue()


def test_the_access_log_is_heard(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.access").info("GET /d/{token} 200 3 ms")
    assert [line["event"] for line in lines(stream)] == ["GET /d/{token} 200 3 ms"]


PERSONAL = {
    "https://court.example/d/AbCdEfGhIjKlMnOp_-123456/sign": "https://court.example/d/[token]/sign",
    "Authorization: Bearer case-system.x8f4k2_kd9": "Authorization: Bearer [secret]",
    "postgresql+asyncpg://songda:hunter2@db/songda": "postgresql+asyncpg://[secret]@db/songda",
    "wang.xiaoming@mail.example answered": "[e-mail] answered",
    "to <bounces+01k5.ab12@court.example>": "to <[e-mail]>",
    "11010519491231002X": "[id number]",
    "13900000003, +8613900000003, +86 139 0000 0003": "[telephone], [telephone], [telephone]",
    "+442079460000": "[telephone]",
}


@pytest.mark.parametrize(("text", "told"), PERSONAL.items())
def test_what_belongs_to_a_person_is_blotted_out(text: str, told: str) -> None:
    line = redact(None, "info", {"event": text, "more": [text, {"deep": (text,)}]})
    assert line == {"event": told, "more": [told, {"deep": [told]}]}


HARMLESS = (
    "01m86c4ta220jvw4w2s3jsbcve.a1.1",
    "2026-11-24T16:53:17.281+08:00",
    "da9c49c93fa1da609d356cb6121fe8cb9dddfdd6abe0f6f26e2b47af47f4dbef",
    "POST /v1/submissions 202 3531 ms",
    "1016252169154",
    "delivery/worker/loop.py:189 _guarded",
)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_operators_need_stays(text: str) -> None:
    assert redact(None, "info", {"event": text}) == {"event": text}


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from([" ", ":", "/", "，", "“", "="]))
def test_no_mobile_number_passes(number: str, beside: str) -> None:
    assert number not in str(redact(None, "info", {"event": f"call{beside}{number}{beside}now"}))
