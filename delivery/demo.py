"""`songda demo`: one case, five people, three kinds of channel, from the queue to the proofs, on this computer alone.

It plays everyone around the service: the case system on the queue, the providers (config/demo.toml), one recipient
with a telephone, and the clerk. The table at the end is made from the reports received and from `/effect`, from
nothing else.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.counterparts.case_system import CaseSystemCounterpart
from adapters.counterparts.people import ClerkCounterpart, recipient_signs
from adapters.counterparts.smsc import SmscCounterpart
from adapters.http import HttpClient
from delivery import first_accounts, logs, wiring
from delivery.nats_server import check_port
from delivery.settings import HTTP_PORT, NATS_PORT, Settings, load

PAPERS = {"d1": "summons.pdf", "d2": "complaint.pdf"}
PATIENCE = 240.0
"""Seconds after which the demo gives up and says what is missing."""

EXPECTED: Mapping[str, tuple[str, str, str]] = {
    "r1": ("served", "2025-09-16", "OLR 31(1)"),
    "r2": ("served", "2025-09-16", "OLR 31(2)(i)"),
    "r3": ("served", "2025-09-18", "MAIL 9"),
    "r4": ("deemed", "2025-09-20", "MAIL 11"),
    "r5": ("served", "2025-09-17", "MAIL 9"),
}
"""How each delivery should end: outcome, date, one of the grounds."""

STORIES = {
    "r1": "confirmed e-mail: served on arrival",
    "r2": "own mobile: opens the link, proves who she is, signs for it",
    "r3": "e-mail bounces; post, her husband signs",
    "r4": "refuses the letter at the door; it is returned",
    "r5": "a company: its mail room signs",
}

SLIPS: Mapping[str, Mapping[str, str]] = {
    "r3": {"relation": "spouse", "adult": "yes", "cohabiting": "yes", "name": "陈军"},
    "r4": {"relation": "self", "noted": "yes", "identity_proven": "yes"},
    "r5": {"relation": "mailroom", "name": "收发室 马莉"},
}
"""What the clerk reads on the slips (and on the returned letter) that the carrier's reports do not say."""

ON_EVERY_SLIP = {"id_on_receipt": "yes", "relation_on_receipt": "yes", "reason": "as the slip shows"}

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAG7buVgAAAABJRU5ErkJggg=="
)
"""A picture of one grey point, in the place of a scanned slip."""


@dataclass
class Row:
    """What the reports have told about one delivery."""

    recipient: str
    name: str
    delivery: str = ""
    route: list[str] = field(default_factory=list)
    proof: str = ""
    waiting_for_slip: bool = False
    done: bool = False
    stuck: bool = False
    """Waits for a decision that nobody plays here."""


class Demo:
    """Plays the case from the first message to the last proof."""

    def __init__(self, house: wiring.House) -> None:
        self._house = house
        self._settings = house.settings
        self._event = case_event(self._settings.path.parent / "demo")
        self._court = self._settings.courts[0].code
        self.rows = {r["id"]: Row(r["id"], r["name"]) for r in self._event["data"]["recipients"]}
        self._numbers = {r["id"]: r["id_number"] for r in self._event["data"]["recipients"]}
        self._finished = asyncio.Event()

    async def play(self) -> bool:
        """True when every delivery ended as it should."""
        url = f"nats://127.0.0.1:{self._settings.nats_port}"
        system = CaseSystemCounterpart(url, court=self._court, client=first_accounts.CLIENT)
        await system.start()
        receiving = asyncio.create_task(system.receive(self._on_report))
        try:
            if self._house.conductor:
                self._house.conductor.watch(system.pending)
            say(
                f"The case system puts {self._event['data']['case']['number']} on the queue: 2 documents, 5 recipients."
            )
            await system.submit(self._event)
            finished = await self._until_finished(receiving)
        finally:
            receiving.cancel()
            await asyncio.wait((receiving,))
            await system.stop()
        good = await self._print_table()
        if not finished:
            say("\nThe demo did not come to its end in time; the lines above the table show how far it came.")
        return good and finished

    async def _until_finished(self, receiving: asyncio.Task[None]) -> bool:
        finished = asyncio.create_task(self._finished.wait())
        await asyncio.wait((finished, receiving), timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            receiving.result()  # a player stumbled: say why
        finished.cancel()
        return self._finished.is_set()

    # --- reports come in, people act -------------------------------------------------------------------------------

    async def _on_report(self, report: dict[str, Any]) -> None:
        """The clock stands while a report is in hand: it is acknowledged only when the people have acted on it."""
        kind, data = report["type"].split(".")[2], report["data"]
        row = self.rows.get(data.get("recipient", ""))
        if row is None:
            say(f"songda: {kind.replace('_', ' ')}")
            return
        row.delivery = data["delivery_id"]
        say(f"{_when(report['time'])}  {row.name}  {_told(kind, data)}")
        await self._act(row, kind, data)
        if kind == "proof_issued":
            row.proof, row.done = await self._save_proof(row), True
        if all(each.done or each.stuck for each in self.rows.values()):
            self._finished.set()

    async def _act(self, row: Row, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "attempt_made":
            row.route.append(data["attempt"]["channel"])
        elif kind == "receipt_received" and row.recipient == "r2" and _fact(data) == "arrived":
            await self._recipient_signs(row)
        elif kind == "task_opened":
            await self._clerk_acts(row, data["task"])
        elif kind == "task_closed":
            row.stuck = False
        elif kind == "receipt_received" and row.waiting_for_slip and data["receipt"]["code"].startswith("slip/704"):
            await self._enter_slip(row)

    async def _recipient_signs(self, row: Row) -> None:
        post = self._house.counterparts
        smsc = post.by_word["sms"] if post else None
        if not isinstance(smsc, SmscCounterpart):
            raise TypeError("the demo's text messages go through its own message centre")
        say(f"           {row.name}  opens the link, proves who she is, reads, and signs for the documents (签收)")
        await recipient_signs(self._settings.base_url, smsc.texts("13900000002")[-1], self._numbers["r2"][-6:])

    async def _clerk_acts(self, row: Row, task: Mapping[str, Any]) -> None:
        if task["kind"] == "clerk_confirm":
            say(f"           {row.name}  the clerk confirms what was presumed or deemed")
            async with self._clerk() as clerk:
                await clerk.decide(row.delivery, task["id"], "confirm", "the file has been checked")
        elif task["kind"] == "cure_evidence" and row.recipient == "r4":
            await self._enter_slip(row)  # the letter itself is back, with the courier's note on it
        elif task["kind"] == "cure_evidence":
            row.waiting_for_slip = True
        else:
            row.stuck = True

    async def _enter_slip(self, row: Row) -> None:
        row.waiting_for_slip = False
        say(f"           {row.name}  the clerk enters what the slip shows, with its picture")
        async with self._clerk() as clerk:
            shown = {**ON_EVERY_SLIP, **SLIPS[row.recipient]}
            kind = "refused" if row.recipient == "r4" else "signed"
            await clerk.enter_slip(row.delivery, shown, PICTURE, kind=kind)

    def _clerk(self) -> ClerkCounterpart:
        password = (self._settings.data / "clerk-password").read_text().strip()
        return ClerkCounterpart(self._settings.base_url, "clerk", password)

    # --- the end ---------------------------------------------------------------------------------------------------

    async def _save_proof(self, row: Row) -> str:
        return await self._save(row, "proof", "pdf")

    async def _save(self, row: Row, what: str, ending: str) -> str:
        path = self._settings.data / "proofs" / f"{row.recipient}.{ending}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(await self._ask(f"/v1/deliveries/{row.delivery}/{what}"))
        return str(path)

    async def _ask(self, address: str) -> bytes:
        credential = (self._settings.data / "client-secret").read_text().strip()
        client = HttpClient("case-system")
        try:
            headers = {"Authorization": f"Bearer {first_accounts.CLIENT}.{credential}"}
            return (await client.get("ask", self._settings.base_url + address, headers=headers)).body
        finally:
            await client.close()

    async def _effect(self, row: Row) -> dict[str, Any]:
        """Of the first document; nothing yet where no report has come."""
        if not row.delivery:
            return {"outcome": "-", "effective_date": None, "grounds": []}
        answer = json.loads(await self._ask(f"/v1/deliveries/{row.delivery}/effect"))
        return dict(answer["documents"][0])

    async def _print_table(self) -> bool:
        good = True
        lines: list[tuple[str, ...]] = []
        for row in self.rows.values():
            effect = await self._effect(row)
            as_it_should = _as_expected(row, effect)
            if row.proof:
                await self._save(row, "proof-pack", "asice")
            good = good and as_it_should
            mark = "ok" if as_it_should else "NOT AS IT SHOULD BE"
            date, grounds = effect["effective_date"] or "-", ", ".join(effect["grounds"])
            lines.append(
                (row.name, " → ".join(row.route), effect["outcome"], date, grounds, Path(row.proof).name, mark)
            )
        print_table(("recipient", "route taken", "outcome", "date", "ground", "proof", ""), lines)
        return good


def _as_expected(row: Row, effect: Mapping[str, Any]) -> bool:
    outcome, day, ground = EXPECTED[row.recipient]
    return (effect["outcome"], effect["effective_date"]) == (outcome, day) and ground in effect["grounds"] and row.done


def _fact(data: Mapping[str, Any]) -> str:
    return str((data["receipt"].get("fact") or {}).get("kind", ""))


def _when(time: str) -> str:
    return time[:16].replace("T", " ")


def _told(kind: str, data: Mapping[str, Any]) -> str:
    """One line for a person."""
    match kind:
        case "attempt_made":
            return f"attempt {data['attempt']['number']} by {data['attempt']['channel']}: {data['attempt']['answer']}"
        case "receipt_received":
            receipt = data["receipt"]
            fact = receipt.get("fact") or {}
            details = [str(fact[name]) for name in ("by", "reason") if fact.get(name)]
            code = f"{receipt['channel']} {receipt.get('code') or receipt.get('by', '')}"
            return f"{fact.get('kind') or 'on its way'}{' (' + ', '.join(details) + ')' if details else ''}  [{code}]"
        case "task_opened":
            return f"task for the {data['task']['owner']}: {data['task']['kind']} — {data['task']['reason']}"
        case "task_closed":
            return f"task closed: {data['task']['decision']} by {data['task']['by']}"
        case "concluded" | "revised":
            effect = data["documents"][0]
            return f"{kind}: {effect['outcome']} on {effect['effective_date']} ({', '.join(effect['grounds'])})"
        case "proof_issued":
            return "proof of service issued"
    return kind


def case_event(folder: Path) -> dict[str, Any]:
    """The CloudEvent of config/demo, with its PDFs inside."""
    event: dict[str, Any] = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    for document in event["data"]["documents"]:
        content = (folder / PAPERS[document["id"]]).read_bytes()
        document["content"] = base64.b64encode(content).decode()
    return event


def say(line: str) -> None:
    print(line, flush=True)


def width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two."""
    return sum(2 if ord(character) > 0x2E7F else 1 for character in text)


def print_table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    columns = [max(width(row[i]) for row in (head, *rows)) for i in range(len(head))]
    say("")
    for row in (head, tuple("-" * column for column in columns), *rows):
        say("  ".join(cell + " " * (column - width(cell)) for cell, column in zip(row, columns, strict=True)).rstrip())


def empty(folder: Path) -> None:
    """The demo's folder is made anew at each start (contract.md §1)."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)


async def run(settings: Settings, *, once: bool) -> int:
    """0 when every delivery ended as it should."""
    check_port(settings.host, settings.port, HTTP_PORT)  # a demo that is running keeps its folder
    check_port("127.0.0.1", settings.nats_port, NATS_PORT)
    empty(settings.data)
    async with wiring.build(settings) as house:
        service = asyncio.create_task(wiring.run(house, ready=lambda: None))
        try:
            playing = asyncio.create_task(Demo(house).play())
            await asyncio.wait((service, playing), return_when=asyncio.FIRST_COMPLETED)
            if service.done():
                service.result()
            good = await playing
            say_where(settings)
            if not once:
                say("\nThe service keeps running. Ctrl-C ends it.")
                await service
        finally:
            service.cancel()
            await asyncio.wait((service,))
    return 0 if good else 1


def say_where(settings: Settings) -> None:
    say("")
    say("This was a rehearsal: the people, the case and the providers are invented; times are those of September 2025.")
    say(f"  proofs and packs    {settings.data / 'proofs'}")
    say(f"  seal certificate    {settings.data / 'seal.pem'}")
    say(f"  check one offline   songda verify {settings.data}/proofs/r1.asice --trust {settings.data}/seal.pem")
    say(f"  clerk console       {settings.base_url}/console/  (clerk, password in {settings.data / 'clerk-password'})")
    say(f"  interface           {settings.base_url}/openapi.json   secret in {settings.data / 'client-secret'}")


def main(*, once: bool, config: Path | None = None) -> int:
    """Play the demo; with a terminal it keeps serving unless `once`. `config`: other settings than the shipped ones."""
    logs.configure(least=logging.ERROR)
    settings = load(config or wiring.DEMO)
    try:
        return asyncio.run(run(settings, once=once or not sys.stdout.isatty()))
    except KeyboardInterrupt:
        return 0
