"""The commands that ask or tell once and end: submit, route, migrate, check-config."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from adapters.http import AnswerLost, HttpClient, HttpFailure, HttpRefused
from adapters.simulated import parse_script
from delivery import channel_settings, first_accounts, keyring, wiring
from delivery.checking import checked
from delivery.core import submission
from delivery.core.fields import Fault, Faults
from delivery.core.recipients import ScriptPolicy
from delivery.core.submission import Submission
from delivery.journal.migrations import migrate as bring_up_to_date
from delivery.settings import DATA, Settings, SettingsWrong
from delivery.web.answers import routes_json

ACCEPTED, REFUSED, NOT_REACHED = 0, 1, 2
TO_MEND = 2
PATIENCE = 120.0
"""Seconds that a service may take over one submission with many documents."""

CREDENTIALS = "SONGDA_CREDENTIALS"


class CannotRead(Exception):
    """What was to be submitted cannot be put together; nothing was sent."""


# --- submit ----------------------------------------------------------------------------------------------------------


def submit(file: Path, documents: Mapping[str, Path], to: str) -> int:
    """Submit a file; prints the answer. The exit status: 0 accepted, 1 refused, 2 not reached."""
    try:
        body = msgspec.json.encode(filing(file, documents))
        credentials = _credentials()
    except (CannotRead, OSError) as wrong:
        return _complain(str(wrong), NOT_REACHED)
    try:
        answer = asyncio.run(_posted(f"{to.rstrip('/')}/v1/submissions", body, credentials))
    except HttpRefused as no:
        _print(no.body)
        return _complain(f"refused (HTTP {no.status}): each fault is named above", REFUSED)
    except AnswerLost:
        says = "no whole answer: it may have been taken. Submit the same file again; it is taken once"
        return _complain(f"{to}: {says}", NOT_REACHED)
    except (HttpFailure, ValueError):
        return _complain(f"{to}: nobody answers there", NOT_REACHED)
    _print(answer)
    return ACCEPTED


async def _posted(url: str, body: bytes, credentials: str) -> bytes:
    client = HttpClient("songda submit", timeout=PATIENCE)
    headers = {"Authorization": f"Bearer {credentials}", "Content-Type": "application/cloudevents+json"}
    try:
        return (await client.post("submit", url, body=body, headers=headers)).body
    finally:
        await client.close()


def _credentials() -> str:
    """`<client id>.<secret>`. Raises CannotRead."""
    if given := os.environ.get(CREDENTIALS):
        return given.strip()
    file = Path(os.environ.get(DATA) or "songda-data") / "client-secret"
    try:
        return f"{first_accounts.CLIENT}.{file.read_text(encoding='utf-8').strip()}"
    except FileNotFoundError:
        raise CannotRead(f"no credentials: set {CREDENTIALS} to <client id>.<secret>; {file} is not there") from None


def filing(file: Path, documents: Mapping[str, Path]) -> Any:
    """The CloudEvent of a file, with the contents (and, where missing, the digests) of the named documents.

    Raises CannotRead.
    """
    event = _json(file)
    places = submission.document_ids(event)
    for name, path in documents.items():
        if name not in places:
            raise CannotRead(f"--document {name}: {file} has no document with that id")
        content, document = path.read_bytes(), event["data"]["documents"][places[name]]
        document.setdefault("sha256", hashlib.sha256(content).hexdigest())
        document["content"] = base64.b64encode(content).decode()
    return event


def _json(file: Path) -> Any:
    try:
        return msgspec.json.decode(file.read_bytes())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise CannotRead(f"{file}: is not JSON: {wrong}") from None


# --- route -----------------------------------------------------------------------------------------------------------


def route(config: Path, file: Path, documents: Mapping[str, Path]) -> int:
    """Print the route of each recipient, one JSON object a line. The exit status: 0, 1 with faults, 2 not readable."""
    try:
        settings, event = checked(config), filing(file, documents)
    except SettingsWrong as wrong:
        return _complain("\n".join(wrong.faults), TO_MEND)
    except (CannotRead, OSError) as wrong:
        return _complain(str(wrong), TO_MEND)
    found = _dry_run(settings, event)
    if not isinstance(found, Submission):
        return _complain("\n".join(map(_sentence, found)), REFUSED)
    for line in _routes(settings, found):
        print(json.dumps(msgspec.to_builtins(line), ensure_ascii=False))
    return ACCEPTED


def _dry_run(settings: Settings, event: Any) -> Submission | Faults:
    """What the service would read in it; whether the contents are uploaded is not asked."""
    clock, (court, client) = wiring.clock_of(settings), submission.sender(event) or ("", "")
    digests = {place: hashlib.sha256(content).hexdigest() for place, content in submission.enclosures(event).items()}
    simulated = {w for w, table in settings.channels.items() if table["adapter"] == channel_settings.SIMULATED}
    found = submission.read_filing(
        event,
        court=court,
        clients=(client,),
        enclosed=digests,
        findings=None,
        accepted_at=clock.now(),
        new_id=clock.new_id,
        scripts=ScriptPolicy(parse=parse_script, simulated=frozenset(simulated)),
    )
    courts = [each.code for each in settings.courts]
    if isinstance(found, Submission) and court not in courts:
        says = (
            f"The source should be /courts/<court>/<client id> with a court of this installation: {', '.join(courts)}."
        )
        return (Fault(pointer="/source", code="wrong_source", message=says),)
    return found


def _routes(settings: Settings, found: Submission) -> Iterable[dict[str, Any]]:
    book, channels = keyring.rules_of(settings).at(found.court), frozenset(settings.channels)
    return routes_json(found, book, wiring.clock_of(settings).now(), channels=channels)


def _sentence(fault: Fault) -> str:
    return f"{fault.pointer or '/'}  {fault.code}  {fault.message}"


# --- the rest --------------------------------------------------------------------------------------------------------


def migrate(config: Path) -> int:
    """Bring the schema up to date."""

    def bring(settings: Settings) -> str:
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        asyncio.run(bring_up_to_date(wiring.journal_url(settings)))
        return "The journal has the newest schema."

    return _with_settings(config, bring)


def check_config(file: Path) -> int:
    """List all mistakes of a settings file."""
    return _with_settings(file, lambda settings: f"{file}: no mistakes.")


def _with_settings(config: Path, do: Callable[[Settings], str]) -> int:
    try:
        print(do(checked(config)))
    except SettingsWrong as wrong:
        return _complain("\n".join(wrong.faults), TO_MEND)
    except OSError as wrong:
        return _complain(str(wrong), TO_MEND)
    return 0


def _complain(says: str, status: int) -> int:
    print(says, file=sys.stderr)
    return status


def _print(answer: bytes) -> None:
    """As the service said it; JSON with its lines broken for reading."""
    try:
        print(msgspec.json.format(answer, indent=2).decode())
    except msgspec.DecodeError:
        print(answer.decode("utf-8", "replace"))
