"""The command line (contract.md §1). Each command says by `--help` what it does, with an example."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command == "demo":
        from delivery import demo

        return demo.main(once=given.once)
    raise AssertionError(given.command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="songda", description="songda 送达: court documents reach people, with proof."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="one case, five people, everything on this computer")
    demo.add_argument("--once", action="store_true", help="end after the table, also with a terminal")
    return parser


if __name__ == "__main__":
    sys.exit(main())
