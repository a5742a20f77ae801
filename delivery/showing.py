"""`songda show`: one delivery for a person at a shell, or as JSON. It may look while a service is at work."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from delivery import keyring, wiring
from delivery.checking import checked
from delivery.core.events import Recorded
from delivery.core.model import Delivery
from delivery.core.rulebook import Rulebook
from delivery.journal.errors import HistoryBroken
from delivery.journal.journal import Journal
from delivery.settings import Settings, SettingsWrong
from delivery.terminal import table
from delivery.web.answers import delivery_json, effect_view, events_json
from delivery.web.pages import Language, Text, catalogue
from delivery.web.timeline import Line, outcome_word, steps, timeline

NOT_THERE = 1
TO_MEND = 2


def show(config: Path, delivery: str, *, as_json: bool) -> int:
    """Print one delivery. The exit status: 0, 1 when there is none with that id, 2 when something has to be mended."""
    try:
        settings = checked(config)
        found = asyncio.run(_looked_up(settings, delivery))
    except SettingsWrong as wrong:
        return _complain("\n".join(wrong.faults), TO_MEND)
    except (OSError, HistoryBroken) as wrong:
        return _complain(str(wrong), TO_MEND)
    except KeyError:
        return _complain(f"there is no delivery {delivery} in the journal of {settings.data}", NOT_THERE)
    told, history, effect = found
    if as_json:
        everything = {"delivery": delivery_json(told), **_events(told, history), "effect": effect}
        print(msgspec.json.encode(everything).decode())
    else:
        book = keyring.rules_of(settings).at(told.court)
        print("\n".join(_sheet(told, history, effect, book, Text(language(), catalogue("console"), book.zone))))
    return 0


def _events(delivery: Delivery, history: Sequence[Recorded]) -> Mapping[str, Any]:
    return {"events": events_json(delivery, history)["events"]}


def language(environ: Mapping[str, str] = os.environ) -> Language:
    """Chinese where the shell is Chinese (POSIX: LC_ALL before LANG)."""
    return "zh" if (environ.get("LC_ALL") or environ.get("LANG") or "").startswith("zh") else "en"


async def _looked_up(settings: Settings, delivery_id: str) -> tuple[Delivery, list[Recorded], dict[str, Any]]:
    """Raises KeyError, OSError, HistoryBroken."""
    if wiring.embedded(settings) and not (settings.data / "journal.sqlite").exists():
        raise FileNotFoundError(f"there is no journal in {settings.data}: nothing was submitted there yet")
    clock = wiring.clock_of(settings)
    journal = await Journal.open(wiring.journal_url(settings), clock, migrate=False)
    try:
        await wiring.go_on(clock, journal)
        delivery, history = await journal.delivery(delivery_id), await journal.load(delivery_id)
    finally:
        await journal.close()
    book = keyring.rules_of(settings).at(delivery.court)
    return delivery, [*history], effect_view(delivery, history, book, clock.now())


# --- for a person ----------------------------------------------------------------------------------------------------


def _sheet(
    delivery: Delivery, history: Sequence[Recorded], effect: Mapping[str, Any], book: Rulebook, text: Text
) -> Iterator[str]:
    recipient = delivery.recipient
    yield f"{delivery.case.number}  {recipient.name}  {delivery.id}  {text.word('state', str(effect['state']))}"
    yield ""
    yield from table(HEAD[text.language], [_row(line, text) for line in timeline(steps(history, book), book, text)])
    yield ""
    for document in effect["documents"]:
        yield from _effect(delivery, document, text)
    for task in delivery.tasks:
        yield f"{text.word('task', task.kind)} ({task.owner}, {_moment(task.due_at, text)}): {task.reason}"


HEAD = {
    "en": ("happened", "recorded", "counts", "what", ""),
    "zh": ("发生时间", "记录时间", "送达日", "事项", ""),
}


def _row(line: Line, text: Text) -> tuple[str, ...]:
    counts = str(line.effective or "") if line.weighty else ""
    details = "; ".join(f"{label} {value}" for label, value in line.details)
    what = f"{line.title}: {line.tag}" if line.tag else line.title
    return (_moment(line.at, text), _moment(line.recorded_at, text), counts, what, details)


def _effect(delivery: Delivery, document: Mapping[str, Any], text: Text) -> Iterator[str]:
    title = next(each.title for each in delivery.documents if each.id == document["document"])
    yield f"{title}: {outcome_word(document['outcome'], text)} {document['effective_date'] or ''}".rstrip()
    why = document["explanation_zh" if text.language == "zh" else "explanation"]
    yield f"  {', '.join(document['grounds'])}  {why}".rstrip()
    flags = {name: value for name, value in document["flags"].items() if value}
    if document["next"] or flags:
        yield f"  → {document['next'] or ''}  {json.dumps(flags) if flags else ''}".rstrip()


def _moment(instant: datetime, text: Text) -> str:
    return f"{text.local(instant):%Y-%m-%d %H:%M:%S}"


def _complain(says: str, status: int) -> int:
    print(says, file=sys.stderr)
    return status
