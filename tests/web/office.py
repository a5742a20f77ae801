"""The service as a case system meets it: real journal, files and looks into PDFs, on a free port of loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.simulated import parse_script
from delivery.clock import COURT_ZONE
from delivery.core.model import Delivery
from delivery.core.ports import Callback, CallbackReply, RawReceipt
from delivery.core.recipients import ScriptPolicy
from delivery.core.trusted_time import PackWaits
from delivery.intake import Intake, IntakeLimits
from delivery.journal.accounts import Client
from delivery.journal.documents import Files
from delivery.journal.journal import Journal
from delivery.journal.ledger import Cosigned
from delivery.web.access import PatternAccessLogger
from delivery.web.app import Site, make_app
from delivery.web.credentials import hash_secret
from signing.errors import NoSealEnabled
from signing.pdf import Findings, Limits, inspect
from tests.core.world import book

START = datetime(2025, 9, 16, 9, 30, tzinfo=COURT_ZONE)
SECRET = "a-long-secret-of-the-case-system"
OTHER_SECRET = "another-long-secret-somewhere-else"
CALLBACK_WORD = b"password of the provider"
LIMITS = IntakeLimits(submission=8_000_000, document=4_000_000, message=400_000)
CHANNELS = frozenset({"email", "sms", "post"})


class OfficeClock:
    """A second later at each look, so that no two records have one time."""

    def __init__(self) -> None:
        self._looks = 0
        self._made = 0

    def now(self) -> datetime:
        self._looks += 1
        return START + timedelta(seconds=self._looks)

    def new_id(self) -> str:
        self._made += 1
        return f"01k58{self._made:021d}"


class Doorkeeper:
    """A provider that proves itself with a word in its message."""

    def accept(self, *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> CallbackReply:
        if CALLBACK_WORD not in body:
            return CallbackReply(raw=None)
        raw = RawReceipt(channel="carrier", body=body, received_at=received_at, meta={"kind": headers["Content-Type"]})
        return CallbackReply(raw=raw, body=b'{"code": "ok"}')


@dataclass
class Office:
    """What the tests hold. `looks`: how many PDFs were looked into."""

    journal: Journal
    files: Files
    folder: Path
    clock: OfficeClock
    intake: Intake
    site: Site
    http: aiohttp.ClientSession
    router: web.UrlDispatcher
    url: str = ""
    looks: list[int] = field(default_factory=list)

    async def ask(self, method: str, path: str, *, who: str | None = f"case-system.{SECRET}", **more: Any) -> Reply:
        headers = {**({"Authorization": f"Bearer {who}"} if who else {}), **more.pop("headers", {})}
        async with self.http.request(method, self.url + path, headers=headers, **more) as response:
            return Reply(response.status, await response.read(), dict(response.headers))

    async def submit(self, event: Any, **more: Any) -> Reply:
        body, headers = BytesIO(json.dumps(event).encode()), {"Content-Type": "application/json"}
        return await self.ask("POST", "/v1/submissions", data=body, headers=headers, **more)

    async def accepted(self, event: Any) -> str:
        """The id of the first delivery."""
        reply = await self.submit(event)
        assert reply.status == 202, reply.body
        return str(reply.json["deliveries"][0]["delivery_id"])

    def kept(self) -> int:
        """How many documents are stored."""
        return sum(1 for path in self.folder.rglob("*") if path.is_file())

    async def told(self) -> list[dict[str, Any]]:
        """All reports to the case system."""
        return list((await self.ask("GET", "/v1/reports?limit=1000")).json["reports"])


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def faults(self) -> set[tuple[str, str]]:
        assert self.headers["Content-Type"] == "application/problem+json"
        return {(fault["pointer"], fault["code"]) for fault in self.json["errors"]}


@asynccontextmanager
async def open_office(
    url: str,
    folder: Path,
    *,
    callbacks: Mapping[str, Callback] | None = None,
    cosigned: Callable[[bytes], Sequence[Cosigned]] = lambda note: (),
    timestamps: bool = False,
) -> AsyncIterator[Office]:
    """A court with two case systems, and a second court with one."""
    clock, looks = OfficeClock(), []  # type: ignore[var-annotated]
    journal, files = await Journal.open(url, clock), Files(folder)

    async def look(content: bytes) -> Findings:
        looks.append(len(content))
        return await asyncio.to_thread(inspect, content, Limits(max_bytes=LIMITS.document))

    for court, client, secret in (
        ("632801", "case-system", SECRET),
        ("632801", "enforcement", OTHER_SECRET),
        ("632802", "case-system", OTHER_SECRET),
    ):
        await journal.put_client(Client(court=court, client=client, secret_hash=hash_secret(secret)))
    intake = Intake(
        journal, files, look, clock, scripts=ScriptPolicy(parse=parse_script, simulated=CHANNELS), limits=LIMITS
    )

    async def pack(delivery: Delivery) -> bytes | None:
        """Older proofs have no evidence, so there is no pack of them; of others none can be sealed, or none yet."""
        if delivery.proofs[-1][0] == "unsealed":
            raise NoSealEnabled("this court has no key that may seal now")
        if delivery.proofs[-1][0] == "young":
            raise PackWaits(clock.now())
        return None if delivery.proofs[-1][0] == "old" else f"pack of {delivery.proofs[-1][0]}".encode()

    site = Site(
        journal=journal,
        documents=files,
        intake=intake,
        clock=clock,
        book=book(),
        channels=CHANNELS,
        callbacks=callbacks or {"carrier": Doorkeeper()},
        cosigned=cosigned,
        pack=pack,
        timestamps=timestamps,
    )
    app = make_app(site)
    server = TestServer(app)
    await server.start_server(access_log_class=PatternAccessLogger)
    async with aiohttp.ClientSession() as http:
        try:
            yield Office(
                journal,
                files,
                folder,
                clock,
                intake,
                site,
                http,
                app.router,
                str(server.make_url("")).rstrip("/"),
                looks,
            )
        finally:
            await server.close()
            await journal.close()
