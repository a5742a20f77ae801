"""One input after another, within limits of time and memory; a finding is told by its seed, so it can be had again."""

from __future__ import annotations

import resource
import signal
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from tests.fuzz.target import Target, chances

LONGEST = 10
"""Seconds of computing for one input; seconds on the clock are no measure on a busy machine."""

LARGEST = 1024**3
"""Bytes by which one input may let the process grow."""


_WARNINGS: tuple[Literal["error", "ignore"], ...] = ("error", "ignore")
"""Libraries warn of what a service lets pass, and a caller may have warnings raised: every other input is for each."""


class Hangs(BaseException):
    """An input took too long: no Exception, so that no parser can swallow it."""


@dataclass(frozen=True)
class Finding:
    target: str
    seed: str
    says: str
    content: bytes


def _ring(number: int, frame: FrameType | None) -> None:
    raise Hangs


def one(name: str, target: Target, seed: str) -> Finding | None:
    """The input of that seed, and what went wrong with it."""
    chance = chances(f"{name} {seed}")
    content = target.change(chance.choice(target.corpus), target.corpus, chance)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(_WARNINGS[chance.random() < 0.5])
            target.run(content)
    except target.may_raise:
        pass
    except Hangs:
        return Finding(name, seed, f"took more than {LONGEST} s\n{traceback.format_exc()}", content)
    except Exception:  # noqa: BLE001 — whatever is not documented is what we look for
        return Finding(name, seed, traceback.format_exc(), content)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return Finding(name, seed, f"grew by {grown} bytes", content) if grown > LARGEST else None


def rounds(chosen: dict[str, Target], first: int = 0) -> Iterator[tuple[str, Finding | None]]:
    """Each target in turn, for ever; the seeds are numbers from `first` on."""
    number = first
    while True:
        for name, target in chosen.items():
            yield name, one(name, target, str(number))
        number += 1
