"""`python -m tests.fuzz --minutes N [--first SEED] [--only NAME]`: says what it found, and exits with 1 if anything."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from pathlib import Path

from tests.fuzz.driving import Finding, rounds
from tests.fuzz.targets import targets


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.fuzz")
    reader.add_argument("--minutes", type=float, default=1)
    reader.add_argument("--first", type=int, default=0)
    reader.add_argument("--only", default="")
    reader.add_argument("--keep", type=Path, default=Path(".artefacts/fuzz"))
    given = reader.parse_args()
    chosen = {name: target for name, target in targets().items() if given.only in name}
    end, made, found = time.monotonic() + 60 * given.minutes, Counter[str](), Counter[str]()
    for name, finding in rounds(chosen, given.first):
        made[name] += 1
        if finding:
            _told(finding, given.keep, found)
        if time.monotonic() > end:
            break
    print("\n".join(f"{count:>8} {name}" for name, count in made.items()))
    spent = f"{given.minutes:g} minutes, {time.process_time() / 60:.1f} of them computing"
    print(f"{sum(made.values())} inputs in {spent}, {sum(found.values())} findings")
    return 1 if found else 0


def _told(finding: Finding, folder: Path, found: Counter[str]) -> None:
    """Each kind once."""
    kind = f"{finding.target}: {finding.says.strip().splitlines()[-1]}"
    found[kind] += 1
    if found[kind] == 1:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{finding.target}-{finding.seed}.bin".replace(" ", "-")).write_bytes(finding.content)
        print(f"seed {finding.seed}: {kind}\n{finding.says}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
