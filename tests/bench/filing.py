"""Filings to measure with: each its own case, its own recipient and its own PDF."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import nats
import pikepdf

from delivery import first_accounts, wiring
from tests.bench.service import Service

COURT = "632801"
ID_NUMBER = "11010519491231002X"
TITLE = "传票"
AT_ONCE = 16
"""Requests of the case system that are open at the same time."""
LOOK_EVERY = 0.02


def filings(count: int, name: str, *, script: str = "taken; 0s arrived") -> list[bytes]:
    """CloudEvents as JSON, made before anything is measured."""
    letter = (wiring.DEMO.parent / "demo" / "summons.pdf").read_bytes()
    return [_filing(f"{name}-{number}", _own_copy(letter, f"{name}-{number}"), script) for number in range(count)]


def _own_copy(letter: bytes, name: str) -> bytes:
    """The same page with other bytes: nothing can be shared with another filing."""
    target = io.BytesIO()
    with pikepdf.open(io.BytesIO(letter)) as document:
        document.docinfo["/Subject"] = name
        document.save(target)
    return target.getvalue()


def _filing(name: str, content: bytes, script: str) -> bytes:
    address = {"id": "a1", "channel": "email", "basis": "confirmed", "value": f"r@mail.example#{script}"}
    confirmed = {"holder": "recipient", "given_at": "2025-09-01T09:00:00+08:00", "confirmed_in": "first_instance"}
    consent = {"id": "c1", "basis": "express", "documents": ["all"], "stages": ["all"]}
    recipient = {
        "id": "r1",
        "role": "defendant",
        "kind": "natural_person",
        "name": "王小明",
        "id_number": ID_NUMBER,
        "domicile": "mainland",
        "standing": {"kind": "normal", "since": None},
        "consents": [{**consent, "given_at": "2025-09-01T09:00:00+08:00", "withdrawn_at": None}],
        "addresses": [{**address, **confirmed}],
    }
    document = {
        "id": "d1",
        "type": "summons",
        "title": TITLE,
        "media_type": "application/pdf",
        "sha256": hashlib.sha256(content).hexdigest(),
        "content": base64.b64encode(content).decode(),
    }
    case = {"number": "（2024）青2801民初123号", "kind": "civil", "procedure": "ordinary", "stage": "first_instance"}
    event = {
        "specversion": "1.0",
        "type": "songda.submission.v1",
        "source": f"/courts/{COURT}/{first_accounts.CLIENT}",
        "id": name,
        "time": "2025-09-16T09:30:00+08:00",
        "datacontenttype": "application/json",
        "data": {"case": case, "documents": [document], "recipients": [recipient]},
    }
    return json.dumps(event, ensure_ascii=False).encode()


class CaseSystem:
    """Files over HTTP, some at once, and asks what became of it."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self._service, self._session = service, session
        self._cursor = "0"

    async def file(self, bodies: Sequence[bytes]) -> list[str]:
        """The ids of the deliveries. Raises RuntimeError when one is not accepted."""
        free = asyncio.Semaphore(AT_ONCE)

        async def one(body: bytes) -> str:
            async with free, self._session.post("/v1/submissions", data=body) as response:
                if response.status != 202:
                    raise RuntimeError(await response.text())
                answer: dict[str, Any] = await response.json()
                return str(answer["deliveries"][0]["delivery_id"])

        return list(await asyncio.gather(*(one(body) for body in bodies)))

    async def reports(self, kind: str) -> list[str]:
        """The deliveries that reports of that kind came for since the last question."""
        async with self._session.get("/v1/reports", params={"after": self._cursor, "limit": "1000"}) as response:
            answer: dict[str, Any] = await response.json()
        self._cursor = answer["next"]
        wanted = f"songda.report.{kind}.v1"
        return [each["data"].get("delivery_id", "") for each in answer["reports"] if each["type"] == wanted]

    async def wait_for(self, kind: str, count: int) -> list[str]:
        """Ask until so many have come."""
        found: list[str] = []
        while len(found) < count:
            came = await self.reports(kind)
            found += came
            if not came:
                await asyncio.sleep(LOOK_EVERY)
        return found

    async def accepted(self) -> int:
        """How many reports of acceptance there are, from the first on."""
        self._cursor, count, before = "0", 0, ""
        while before != self._cursor:
            before = self._cursor
            count += len(await self.reports("submission_accepted"))
        return count

    async def proof(self, delivery: str) -> bytes:
        """Raises RuntimeError when there is none."""
        async with self._session.get(f"/v1/deliveries/{delivery}/proof") as response:
            if response.status != 200:
                raise RuntimeError(f"no proof: {response.status}")
            return await response.read()


@asynccontextmanager
async def case_system(service: Service) -> AsyncIterator[CaseSystem]:
    """Connections are kept, as a case system would."""
    headers = {"Authorization": f"Bearer {service.credential}", "Content-Type": "application/cloudevents+json"}
    async with aiohttp.ClientSession(service.url, headers=headers) as session:
        yield CaseSystem(service, session)


async def turn(system: CaseSystem, bodies: Sequence[bytes]) -> tuple[float, list[str]]:
    """File all and wait for all proofs: the seconds from the first submission to the last report; the deliveries."""
    begun = time.perf_counter()
    filed = await system.file(bodies)
    proven = await system.wait_for("proof_issued", len(bodies))
    taken = time.perf_counter() - begun
    assert sorted(proven) == sorted(filed)
    return taken, filed


async def over_nats(service: Service, bodies: Sequence[bytes]) -> float:
    """Put all on the queue, and wait until each is acknowledged; the seconds that it took."""
    connection = await nats.connect(f"nats://127.0.0.1:{service.settings.nats_port}")
    try:
        stream = connection.jetstream()
        begun = time.perf_counter()
        for start in range(0, len(bodies), AT_ONCE):
            some = bodies[start : start + AT_ONCE]
            await asyncio.gather(*(stream.publish(f"songda.{COURT}.submissions", body) for body in some))
        while True:
            info = await stream.consumer_info("SUBMISSIONS", "songda")
            if not (info.num_pending or info.num_ack_pending):
                return time.perf_counter() - begun
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await connection.close()
