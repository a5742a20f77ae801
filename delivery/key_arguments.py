"""What `songda keys` understands. Its help is how an operator learns what to do on the day of a rotation."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from delivery.key_settings import ALGORITHMS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Command: TypeAlias = Callable[[Commands, str, Callable[[argparse.Namespace], int], str, str], argparse.ArgumentParser]
MOST_YEARS = 30
SINCE, OR_SOON = "from when it seals, with its offset", "; else as soon as it is enabled"
ID = "the key's id, 16 hex digits, as songda keys list shows it"


def add_keys(
    commands: Commands,
    command: Command,
    takes_config: Callable[[argparse.ArgumentParser], None],
    config: Callable[[argparse.Namespace], Path],
) -> None:
    """The command `keys` with its own commands."""
    keys = command(
        commands,
        "keys",
        lambda given: 2,
        "The keys of the courts' seals: which there are, where, of which algorithm and until when; the next one; two "
        "clerks who enable it; revocation. Each act is recorded with who, when and why. Exit status 0 done, 1 refused "
        "with the reason, 2 something has to be mended first.",
        "  songda keys list\n"
        "  songda keys rotate --court 632801 --from 2027-03-01T00:00:00+08:00 --reason 'yearly rotation'\n"
        "  songda keys enable 0123456789abcdef --clerk judge --reason 'certificate compared with the letter'\n\n"
        "A rotation: rotate makes the next key; two clerks, one of them a judge, compare its fingerprint and enable\n"
        "it; from its day on it seals, while the old certificate still verifies and links still open.",
    )
    each = keys.add_subparsers(dest="keys", required=True, metavar="WHAT")
    for add in (_list, _make, _request, _import, _rotate, _enable, _revoke):
        takes_config(add(each, command, config))


def _list(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.listing(config(given), given.court, as_json=given.json)

    says = "The inventory: every key with its state, algorithm, dates, and who did what with it."
    made = command(each, "list", run, says, "  songda keys list --json")
    made.add_argument("--court", metavar="CODE", help="of this court alone")
    made.add_argument("--json", action="store_true", help="a JSON list")
    return made


def _make(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.make(
            config(given),
            given.court,
            reason=given.reason,
            algorithm=given.algorithm,
            since=given.since,
            years=given.years,
            second=given.national,
        )

    says = (
        "A new key in an encrypted file below the data folder, with a certificate. It does not seal until two clerks "
        "have enabled it. For a court whose key is on a token or at a service, see rotate."
    )
    made = command(each, "make", run, says, "  songda keys make --court 632801 --algorithm p-384 --reason 'first key'")
    _takes_new(made, needed=False)
    made.add_argument("--algorithm", choices=ALGORITHMS, help="else as the court's settings say")
    return made


def _request(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.request(config(given), given.court, algorithm=given.algorithm, output=given.output)

    says = (
        "A new key in an encrypted file below the data folder, and the request (PKCS #10) with which an authority "
        "makes a certificate for it. It cannot seal before that certificate was imported and two clerks enabled it."
    )
    made = command(each, "request", run, says, "  songda keys request --court 632801 -o 632801.csr")
    made.add_argument("--court", required=True, metavar="CODE")
    made.add_argument("--algorithm", choices=ALGORITHMS, help="else as the court's settings say")
    made.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="where the request goes, PEM")
    return made


def _import(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.take_issued(
            config(given), given.court, given.certificate, reason=given.reason, since=given.since
        )

    says = (
        "The certificate that an authority made for a requested key: PEM, the key's own first, then who issued each. "
        "It is checked (every fault at once) and entered in the inventory; it seals once two clerks enabled it."
    )
    example = "  songda keys import --court 632801 --certificate 632801.pem --reason 'issued by the authority'"
    made = command(each, "import", run, says, example)
    made.add_argument("--court", required=True, metavar="CODE")
    made.add_argument("--certificate", type=Path, required=True, metavar="FILE", help="the chain, PEM")
    made.add_argument("--reason", required=True, help="goes on record")
    made.add_argument("--from", dest="since", type=_moment, metavar="TIME", help=SINCE + OR_SOON)
    return made


def _rotate(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.rotate(
            config(given),
            given.court,
            reason=given.reason,
            since=given.since,
            years=given.years,
            names={
                "label": given.label,
                "key_id": given.key_id,
                "certificate_file": given.certificate_file,
                "credential": given.credential,
            },
            second=given.national,
            file=given.file,
        )

    says = (
        "The next key of a court: it seals from the given moment on, once two clerks have enabled it; until then the "
        "old one does. In a file it is made; on a token or at a service it is looked up by the name you give."
    )
    example = (
        "  songda keys rotate --court 632801 --from 2027-03-01T00:00:00+08:00 --reason 'yearly rotation'\n"
        "  songda keys rotate --court 632801 --from 2027-03-01T00:00:00+08:00 --label seal-2 --reason 'next key'"
    )
    made = command(each, "rotate", run, says, example)
    _takes_new(made, needed=True)
    made.add_argument("--file", default="", metavar="NAME", help="with --national: its file in keys; else it is made")
    made.add_argument("--label", default="", help="of the next key on the token")
    made.add_argument("--key-id", default="", metavar="HEX", help="of the next key on the token")
    made.add_argument(
        "--certificate-file", default="", metavar="NAME", help="its chain, PEM, in the folder keys; else on the token"
    )
    made.add_argument("--credential", default="", help="of the next key at the signing service")
    return made


def _enable(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.enable(
            config(given), given.key, clerk=given.clerk, password=given.password_file, reason=given.reason
        )

    says = (
        "One of the two clerks who let a key seal. The second is another person, and one of the two a judge. Compare "
        "the fingerprint with what you were told by another way before you do it."
    )
    made = command(each, "enable", run, says, "  songda keys enable 0123456789abcdef --clerk judge --reason compared")
    _takes_clerk(made)
    return made


def _revoke(each: Commands, command: Command, config: Callable[[argparse.Namespace], Path]) -> argparse.ArgumentParser:
    def run(given: argparse.Namespace) -> int:
        from delivery import key_commands

        return key_commands.revoke(
            config(given),
            given.key,
            clerk=given.clerk,
            password=given.password_file,
            reason=given.reason,
            since=given.since,
        )

    says = (
        "A key that is lost, stolen or not to be believed any more: it seals nothing from this moment on, in every "
        "process within half a minute. A judge does it. Tell whoever issued the certificate too."
    )
    made = command(
        each,
        "revoke",
        run,
        says,
        "  songda keys revoke 0123456789abcdef --clerk judge --since 2027-02-11T08:00:00+08:00 --reason 'token stolen'",
    )
    _takes_clerk(made)
    made.add_argument("--since", type=_moment, metavar="TIME", help="from when its seals are in doubt; else from now")
    return made


def _takes_new(made: argparse.ArgumentParser, *, needed: bool) -> None:
    made.add_argument("--court", required=True, metavar="CODE")
    made.add_argument("--reason", required=True, help="goes on record")
    made.add_argument("--national", action="store_true", help="the SM2 key of the court's second seal")
    made.add_argument("--years", type=_years, default=5, metavar="N", help="how long a certificate made here is valid")
    says = SINCE + ("" if needed else OR_SOON)
    made.add_argument("--from", dest="since", type=_moment, required=needed, metavar="TIME", help=says)


def _takes_clerk(made: argparse.ArgumentParser) -> None:
    made.add_argument("key", metavar="KEY", help=ID)
    made.add_argument("--clerk", required=True, metavar="NAME", help="the account; its password is asked for")
    made.add_argument("--password-file", type=Path, metavar="FILE", help="read the password from there instead")
    made.add_argument("--reason", required=True, help="goes on record")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment
    except ValueError:
        pass
    raise argparse.ArgumentTypeError("a moment with its offset, such as 2027-03-01T00:00:00+08:00")


def _years(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_YEARS):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {MOST_YEARS}")
    return int(text)
