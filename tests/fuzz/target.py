"""What is fuzzed: good inputs to begin with, how the parser is called, what it may raise, how inputs are changed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.fuzz.changes import Chance
from tests.fuzz.structures import changed

Change = Callable[[bytes, Sequence[bytes], Chance], bytes]


@dataclass(frozen=True)
class Target:
    """`run` raises AssertionError where what was changed is taken for good. `may_raise`: what the parser documents;
    anything else is a finding.
    """

    corpus: tuple[bytes, ...]
    run: Callable[[bytes], object]
    may_raise: tuple[type[Exception], ...] = ()
    change: Change = field(default=changed)


def chances(seed: str) -> Chance:
    return random.Random(seed)  # noqa: S311 — the same inputs again for the same seed
