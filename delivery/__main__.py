"""The command line (contract.md §1). Each command says by `--help` what it does, with an example."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from delivery.key_arguments import add_keys

Run = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
TO = "http://127.0.0.1:8080"
ROLES = ("web", "queue", "worker")
MOST_SLOTS = 1000
CUT_SHORT = 141
"""The status of a program whose reader went away (128 + SIGPIPE)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status; what each number means stands in the command's help."""
    given = _parser().parse_args(arguments)
    from delivery import logs

    logs.configure(least=logging.ERROR)  # a short command speaks by its output; the service configures its own
    run: Run = given.run
    try:
        status = run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has read enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CUT_SHORT
    return status


# What a command needs is imported when it runs: `--help` and mistakes answer at once.


def _demo(given: argparse.Namespace) -> int:
    from delivery import demo, serving

    return serving.told(lambda: demo.main(once=given.once, config=given.config))


def _serve(given: argparse.Namespace) -> int:
    from delivery import serving

    return serving.serve(_config(given), given.roles)


def _work(given: argparse.Namespace) -> int:
    from delivery import serving

    return serving.work(_config(given), given.slots)


def _submit(given: argparse.Namespace) -> int:
    from delivery import commands

    return commands.submit(given.file, dict(given.document), given.to)


def _show(given: argparse.Namespace) -> int:
    from delivery import showing

    return showing.show(_config(given), given.delivery, as_json=given.json)


def _export(given: argparse.Namespace) -> int:
    from delivery import exporting

    return exporting.export(_config(given), given.delivery, given.output)


def _renew(given: argparse.Namespace) -> int:
    from delivery import renewing

    return renewing.renew(_config(given), dry_run=given.dry_run)


def _route(given: argparse.Namespace) -> int:
    from delivery import commands

    return commands.route(_config(given), given.file, dict(given.document))


def _period(given: argparse.Namespace) -> int:
    from delivery import asking

    return asking.period(given.config, given.file, given.court)


def _effect(given: argparse.Namespace) -> int:
    from delivery import asking

    return asking.effect(given.config, given.file, given.court)


def _verify(given: argparse.Namespace) -> int:
    from delivery import clock, verification

    at = clock.SystemClock()
    believed = verification.Believed(given.trust, given.trust_time, given.checkpoint)
    return verification.run(given.files, believed, at, as_json=given.json)


def _migrate(given: argparse.Namespace) -> int:
    from delivery import commands

    return commands.migrate(_config(given))


def _check_config(given: argparse.Namespace) -> int:
    from delivery import commands

    return commands.check_config(given.file)


def _config(given: argparse.Namespace) -> Path:
    from delivery import wiring

    return given.config or Path(os.environ.get("SONGDA_CONFIG") or wiring.DEFAULT)


# --- what is understood ----------------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="songda",
        description="songda 送达: court documents reach people, with proof. `songda demo` shows it on this computer.",
        epilog="songda COMMAND --help shows an example of each.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_serve(commands)
    _add_work(commands)
    _add_submit(commands)
    _add_show(commands)
    _add_export(commands)
    _add_renew(commands)
    _add_route(commands)
    _add_effect(commands)
    _add_period(commands)
    _add_verify(commands)
    _add_migrate(commands)
    _add_check_config(commands)
    add_keys(commands, _command, _takes_config, _config)
    return parser


def _command(commands: Commands, name: str, run: Run, says: str, example: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=says.partition(".")[0],
        description=textwrap.fill(says, 100),
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run)
    return command


def _add_demo(commands: Commands) -> None:
    command = _command(
        commands,
        "demo",
        _demo,
        "One case, five people, three kinds of channel: everything on this computer. Plays the case system, the "
        "providers, the recipients and the clerk, and prints what became of each delivery. With a terminal it keeps "
        "serving until Ctrl-C. Exit status 0 when every delivery ended as it should, else 1.",
        "  songda demo --once          end after the table, also with a terminal",
    )
    command.add_argument("--once", action="store_true", help="end after the table, also with a terminal")
    command.add_argument("--config", type=Path, help=argparse.SUPPRESS)


def _add_serve(commands: Commands) -> None:
    command = _command(
        commands,
        "serve",
        _serve,
        "The service: pages, interface, queue and worker in one process. Ctrl-C or SIGTERM drains it: what is in "
        "hand is finished, nothing new is begun. Exit status 2 when the settings or a port have to be mended first.",
        "  songda serve --config config/local.toml\n"
        "  songda serve --config court.toml --roles web,queue      the workers elsewhere (songda work)",
    )
    _takes_config(command)
    command.add_argument(
        "--roles",
        type=_roles,
        default=frozenset(ROLES),
        metavar="ROLE,…",
        help=f"what this process does; all of {','.join(ROLES)} unless told otherwise",
    )


def _add_work(commands: Commands) -> None:
    command = _command(
        commands,
        "work",
        _work,
        "Workers alone: any number, on any hosts, beside a service that shares their PostgreSQL and document store. "
        "Ctrl-C or SIGTERM drains them.",
        "  songda work --config court.toml --slots 64",
    )
    _takes_config(command)
    command.add_argument(
        "--slots", type=_slots, metavar="N", help="deliveries in hand at a time; else the settings say"
    )


def _add_submit(commands: Commands) -> None:
    command = _command(
        commands,
        "submit",
        _submit,
        "Submits a CloudEvent from a file, and prints the answer. Exit status 0 accepted (also when it was accepted "
        "before), 1 refused with all faults listed, 2 not reached. The credentials, <client id>.<secret>, are read "
        "from $SONGDA_CREDENTIALS, else from client-secret in the data folder ($SONGDA_DATA, else songda-data).",
        "  songda submit case.json --document d1=summons.pdf --document d2=complaint.pdf",
    )
    _takes_filing(command)
    command.add_argument("--to", default=TO, metavar="URL", help=f"where the service is; {TO} unless told otherwise")


def _add_show(commands: Commands) -> None:
    command = _command(
        commands,
        "show",
        _show,
        "One delivery: what happened when, the effect of each document, and why. In Chinese where $LANG is Chinese.",
        "  songda show 01k58n3w5d9m1q7x0c2v4b6t8z\n  songda show 01k58n3w5d9m1q7x0c2v4b6t8z --json",
    )
    command.add_argument("delivery", metavar="DELIVERY", help="its id, as in the answer to a submission and in reports")
    _takes_config(command)
    command.add_argument("--json", action="store_true", help="one JSON object: delivery, events, effect")


def _add_export(commands: Commands) -> None:
    command = _command(
        commands,
        "export",
        _export,
        "The proof pack of one delivery: one file (ASiC-E) with all that is needed to check the proof offline, years "
        "later. It holds personal data. Exit status 1 when there is none yet, 2 when something has to be mended.",
        "  songda export 01k58n3w5d9m1q7x0c2v4b6t8z -o pack.asice",
    )
    command.add_argument("delivery", metavar="DELIVERY", help="its id, as in the answer to a submission and in reports")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where to write the pack")
    _takes_config(command)


def _add_route(commands: Commands) -> None:
    command = _command(
        commands,
        "route",
        _route,
        "Dry run: how each recipient of a submission would be reached at the event's time (else now), why in this "
        "order, and why not otherwise. One JSON object per recipient and line. Nothing is kept or sent. Exit status 1 "
        "with all faults listed when it is no submission.",
        "  songda route case.json --config config/local.toml",
    )
    _takes_filing(command)
    _takes_config(command)


def _add_period(commands: Commands) -> None:
    command = _command(
        commands,
        "period",
        _period,
        "When periods end, and whether acts were in time: reads one period scenario or a list of them, and prints one "
        "JSON object a line, with the articles and steps that lead to the day. Exit status 0 when every scenario was "
        "answered, 1 when some are not valid (told with their place; the others are answered), 2 when the file or the "
        "rulebook cannot be read.",
        "  songda period deadlines.json\n\n"
        "deadlines.json, for an appeal against a judgment served on 2025-09-16:\n"
        '  {"id": "X01", "jurisdiction": "cn", "period": "APPEAL_JUDGMENT", "case_kind": "civil",\n'
        '   "start": {"fact": "service", "outcome": "served", "date": "2025-09-16"}}',
    )
    command.add_argument("file", type=Path, metavar="FILE.json", help="one period scenario, or a list of them")
    _takes_config(command)
    _takes_court(command)


def _add_effect(commands: Commands) -> None:
    command = _command(
        commands,
        "effect",
        _effect,
        "What counts as served, when, on which ground: reads one scenario or a list of them, and prints one JSON "
        "object a line, with the rule that decided, the facts it used, the rules that nearly did and what they lacked. "
        "Exit status 0 when every scenario was answered, 1 when some are not valid (told with their place; the others "
        "are answered), 2 when the file or the rulebook cannot be read.",
        "  songda effect arrived.json\n\n"
        "arrived.json, for an e-mail that reached the address the recipient confirmed:\n"
        '  {"id": "E01", "jurisdiction": "cn", "as_of": "2025-09-17T09:00:00+08:00",\n'
        '   "case": {"kind": "civil", "procedure": "ordinary", "stage": "first_instance", "court": "ordinary"},\n'
        '   "document": {"type": "summons"},\n'
        '   "recipient": {"role": "defendant", "kind": "natural_person", "domicile": "mainland",\n'
        '                 "standing": {"kind": "normal", "since": null}},\n'
        '   "consents": [],\n'
        '   "addresses": [{"id": "a1", "channel": "email", "basis": "confirmed", "holder": "recipient"}],\n'
        '   "events": [{"kind": "arrived", "at": "2025-09-16T10:01:00+08:00", "address": "a1"}]}',
    )
    command.add_argument("file", type=Path, metavar="FILE.json", help="one scenario, or a list of them")
    _takes_config(command)
    _takes_court(command)


def _add_renew(commands: Commands) -> None:
    command = _command(
        commands,
        "renew",
        _renew,
        "Puts an archive timestamp on each proof pack before an algorithm or a certificate in it weakens, so that it "
        "can still be verified in decades. The service does so by itself too, slowly; may be stopped and begun again, "
        "and may run beside it. Exit status 0, 1 when something was left (no authority answered, a part is missing), 2 "
        "when something has to be mended.",
        "  songda renew --config court.toml --dry-run\n  songda renew --config court.toml",
    )
    _takes_config(command)
    command.add_argument("--dry-run", action="store_true", help="only name the packs that are due, and why")


def _add_verify(commands: Commands) -> None:
    command = _command(
        commands,
        "verify",
        _verify,
        "Checks sealed documents, proofs of service and proof packs: offline, without a database, in numbered steps "
        "that docs/verifying.md tells how to do by hand. Takes other people's sealed PDFs too. No name in a file is "
        "believed: give the certificates that you trust. Exit status 0 valid, 1 invalid, 2 cannot tell (no trust was "
        "given, or a file cannot be read).",
        "  songda verify proof.pdf --trust songda-data/demo/seal.pem\n"
        "  songda verify pack.asice --trust seal.pem --trust-time authority.pem --checkpoint checkpoint.txt",
    )
    command.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a PDF or a proof pack (.asice)")
    trust = "a certificate you believe: of the court's seal, of a timestamp authority; may be repeated"
    command.add_argument("--trust", type=Path, action="append", default=[], metavar="CERT.pem", help=trust)
    alone = (
        "a certificate you believe for timestamps alone: that of an authority which issues to others too; repeatable"
    )
    command.add_argument("--trust-time", type=Path, action="append", default=[], metavar="CERT.pem", help=alone)
    held = "a checkpoint of the ledger that you got elsewhere, to compare with the pack's"
    command.add_argument("--checkpoint", type=Path, metavar="FILE", help=held)
    command.add_argument("--json", action="store_true", help="one JSON object: verdict and steps")


def _add_migrate(commands: Commands) -> None:
    command = _command(
        commands,
        "migrate",
        _migrate,
        "Brings the journal's schema up to date; safe to repeat.",
        "  songda migrate --config court.toml",
    )
    _takes_config(command)


def _add_check_config(commands: Commands) -> None:
    command = _command(
        commands,
        "check-config",
        _check_config,
        "Reads a settings file and the rulebook it names, and lists all mistakes at once. Exit status 0 without any, "
        "else 2.",
        "  songda check-config court.toml",
    )
    command.add_argument("file", type=Path, metavar="FILE")


def _takes_config(command: argparse.ArgumentParser) -> None:
    says = "the settings; $SONGDA_CONFIG, else config/local.toml, unless told"
    command.add_argument("--config", type=Path, metavar="FILE", help=says)


def _takes_court(command: argparse.ArgumentParser) -> None:
    says = "count with what this court has of its own: calendars/<name>/local/CODE.toml and outages/CODE.toml"
    command.add_argument("--court", metavar="CODE", type=_court, help=says)


def _takes_filing(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE.json", help="a submission (docs/schemas), one CloudEvent")
    command.add_argument(
        "--document",
        type=_document,
        action="append",
        default=[],
        metavar="ID=FILE.pdf",
        help="the content of the document with that id; may be given for each",
    )


def _document(text: str) -> tuple[str, Path]:
    name, mark, file = text.partition("=")
    if not (name and mark and file):
        raise argparse.ArgumentTypeError("ID=FILE.pdf, as in d1=summons.pdf")
    return name, Path(file)


def _court(text: str) -> str:
    from delivery.settings import COURT_CODE

    if not COURT_CODE.fullmatch(text):  # it is a file name
        raise argparse.ArgumentTypeError("letters, digits, hyphen and underscore, at most 60")
    return text


def _roles(text: str) -> frozenset[str]:
    roles = frozenset(text.split(","))
    if not roles <= set(ROLES):
        raise argparse.ArgumentTypeError(f"some of {','.join(ROLES)}, with commas between them")
    return roles


def _slots(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_SLOTS):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST_SLOTS}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
