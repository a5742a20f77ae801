"""Seals of the whole corpus (260 PDFs by 14 producers) beside kept-key pyHanko, told by producer.

The same turns and the same judge as in seal_speed.py. What plain pyHanko refuses to sign is left out on both sides, and
counted. Run: python -m tests.bench.seal_corpus [ROUNDS [KEY …]]
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from signing import pdf
from signing.file_signer import Recipe
from tests import servers
from tests.bench.seal_keys import RECIPES
from tests.bench.seal_speed import KEPT, OURS, turns, ways
from tests.signing import corpus

ROUNDS = 3
FOLDER = servers.PROJECT / ".cache" / "pdf-corpus"


@dataclass(frozen=True)
class Share:
    """A producer's part, or all: how many PDFs, and seconds for one seal of each, ours and pyHanko's."""

    count: int
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours


@dataclass(frozen=True)
class Found:
    """`refused`: names of what plain pyHanko does not sign. `fallbacks`: how many of `whole` pyHanko made for us."""

    by_producer: Mapping[str, Share]
    refused: tuple[str, ...]
    fallbacks: int

    @property
    def whole(self) -> Share:
        return _sum(list(self.by_producer.values()))


def measure(recipe: Recipe, rounds: int = ROUNDS, specimens: list[corpus.Specimen] | None = None) -> Found:
    """Raises AssertionError for an output that is not rightly signed."""
    shares, refused, fallbacks = defaultdict(list), [], 0
    for one in specimens or corpus.kept(FOLDER):
        counted: Counter[pdf.Path] = Counter()
        made = ways(recipe, counted)
        try:
            made[KEPT](one.content)
        except Exception:  # noqa: BLE001 — whatever it is, pyHanko does not sign that PDF
            refused.append(one.name)
            continue
        medians, _ = turns(made, one.content, rounds, 1, recipe().chain[0])
        shares[one.producer].append(Share(1, medians[OURS], medians[KEPT]))
        fallbacks += counted[pdf.Path.FALLBACK] > 0
    return Found({name: _sum(parts) for name, parts in sorted(shares.items())}, tuple(refused), fallbacks)


def _sum(parts: list[Share]) -> Share:
    return Share(*(sum(column) for column in zip(*((one.count, one.ours, one.theirs) for one in parts), strict=True)))


def main(rounds: int = ROUNDS, *keys: str) -> None:
    for key in keys or RECIPES:
        found = measure(RECIPES[key], rounds)
        for name, share in (*found.by_producer.items(), ("all", found.whole)):
            each, theirs = 1000 * share.ours / share.count, 1000 * share.theirs / share.count
            print(
                f"{key:<9} {name:<12} {share.count:>4}  {each:6.2f} ms, pyHanko {theirs:6.2f} ms, {share.ratio:5.1f} x"
            )
        print(f"{key:<9} pyHanko refuses {', '.join(found.refused)}; fallbacks {found.fallbacks}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
