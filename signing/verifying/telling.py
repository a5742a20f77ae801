"""A verdict for a person: first what it comes to, then every step, and what many parts say alike said once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from signing.verifying.report import Number, Result, Says, Step, Verdict

PROVING = frozenset(Number) - {Number.FORM, Number.BYTES, Number.SIGNATURE, Number.REVOCATION}
"""The steps that prove something to somebody; the others only let them."""


MOST_NAMED = 4


@dataclass(frozen=True)
class Told:
    """One step; `members` are those of a pack that it is about, where it says the same of several."""

    step: Step
    members: tuple[str, ...]


def summary(verdict: Verdict) -> dict[Result, tuple[Says, ...]]:
    """What failed, what is proven, what was not checked: each once, in the order of the steps (who, when, what). What
    failed or was not checked names its parts.
    """
    return {result: tuple(_summed(verdict, result)) for result in (Result.FAILED, Result.PASSED, Result.NOT_CHECKED)}


def _summed(verdict: Verdict, result: Result) -> Iterator[Says]:
    found: dict[Says, list[str]] = {}
    for step in sorted(verdict.steps, key=lambda one: one.number):
        if step.result is result and (result is not Result.PASSED or (step.number in PROVING and step.proves)):
            found.setdefault(step.says, []).append(step.part)
    alone = len({step.part.split(" · ")[0] for step in verdict.steps}) == 1
    for says, parts in found.items():
        named = [one.split(" · ", 1)[-1] if alone else one for one in dict.fromkeys(parts)]
        yield says if result is Result.PASSED else _about(says, named)


def _about(says: Says, parts: list[str]) -> Says:
    shown, more = parts[:MOST_NAMED], len(parts) - MOST_NAMED
    zh, en = "、".join(shown), ", ".join(shown)
    if more > 0:
        zh, en = f"{zh} 等 {len(parts)} 处", f"{en} and {more} more"
    return Says(f"{says.zh}（{zh}）", f"{says.en} ({en})")


def sections(verdict: Verdict) -> Iterator[tuple[str, tuple[Told, ...]]]:
    """The steps below the file or the member that they are about; what is about members of a seal stands below it."""
    for heading, steps in groupby(verdict.steps, key=_heading):
        alike = groupby(
            sorted(steps, key=lambda step: step.number), key=lambda step: (step.number, step.result, step.says)
        )
        yield heading, tuple(_told(heading, list(group)) for _, group in alike)


def _heading(step: Step) -> str:
    return " · ".join(step.part.split(" · ")[:2])


def _told(heading: str, alike: list[Step]) -> Told:
    members = (one.part.removeprefix(heading).removeprefix(" · ") for one in alike)
    return Told(alike[0], tuple(filter(None, members)))
