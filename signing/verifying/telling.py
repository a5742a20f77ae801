"""A verdict for a person: first what it comes to, then every step, and what many parts say alike said once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from signing.verifying.report import Number, Result, Says, Step, Verdict

PROVING = frozenset(Number) - {Number.FORM, Number.BYTES, Number.SIGNATURE, Number.REVOCATION}
"""The steps that prove something to somebody; the others only let them."""


@dataclass(frozen=True)
class Told:
    """One step; `members` are those of a pack that it is about, where it says the same of several."""

    step: Step
    members: tuple[str, ...]


def summary(verdict: Verdict) -> dict[Result, tuple[Says, ...]]:
    """What failed, what is proven, what was not checked: each once, however many parts say it."""
    return {
        result: tuple(
            dict.fromkeys(
                one.says
                for one in verdict.steps
                if one.result is result and (result is not Result.PASSED or one.number in PROVING)
            )
        )
        for result in (Result.FAILED, Result.PASSED, Result.NOT_CHECKED)
    }


def sections(verdict: Verdict) -> Iterator[tuple[str, tuple[Told, ...]]]:
    """The steps below the file or the member that they are about; what is about members of a seal stands below it."""
    for heading, steps in groupby(verdict.steps, key=_heading):
        alike = groupby(steps, key=lambda step: (step.number, step.result, step.says))
        yield heading, tuple(_told(heading, list(group)) for _, group in alike)


def _heading(step: Step) -> str:
    return " · ".join(step.part.split(" · ")[:2])


def _told(heading: str, alike: list[Step]) -> Told:
    members = (one.part.removeprefix(heading).removeprefix(" · ") for one in alike)
    return Told(alike[0], tuple(filter(None, members)))
