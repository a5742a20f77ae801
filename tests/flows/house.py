"""A court's installation for the flows: settings of its own, real providers on loopback in this process, real clock.

Waits of court policy are seconds here, and texts go out at any hour, so that no test depends on the time of day.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from adapters.counterparts.ems import EmsCounterpart
from adapters.counterparts.smsc import SmscCounterpart
from adapters.counterparts.smtp import SmtpCounterpart
from adapters.simulated import parse_script
from delivery.clock import SystemClock
from tests.filings import summons
from tests.servers import PROJECT

T = TypeVar("T")
COURT, CLIENT = "632801", "case-system"
SECRET = "a-client-secret-for-the-flows"
PASSWORD, EMS_KEY, EMS_WORD = "smsc-pw1", base64.b64encode(bytes(range(16))).decode(), "ems-authorization"
SENDER = "1100000000001"

POLICY = {
    "receipt_wait": "{ default = 2, email = 2, post = 1 }",
    "retry_delays": "[1]",
    "ask_delays": "[1]",
}


_ports = count(20_000 + os.getpid() * 37 % 10_000)


def quiet_port() -> int:
    """A free port below those that the kernel gives to outgoing connections: nobody takes it between two lives."""
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("count() has no end")


@dataclass
class Providers:
    """What answers on the other side of the wires, with logs of its own."""

    smtp: SmtpCounterpart
    smsc: SmscCounterpart
    ems: EmsCounterpart
    bounces: int
    http_port: int

    def taken(self) -> list[str]:
        """What was taken, by attempt, and by part where a message has parts; what was taken twice stands twice.

        The same order again is how the post is asked; the same mail again would be a second one.
        """
        mails = [entry.attempt for entry in self.smtp.log if entry.what in ("taken", "duplicate")]
        return mails + [entry.attempt for entry in (*self.smsc.log, *self.ems.log) if entry.what == "taken"]

    async def advance(self) -> None:
        """Tell at once what is due: the service is back."""
        for counterpart in (self.smtp, self.smsc, self.ems):
            await counterpart.advance()


@asynccontextmanager
async def providers(scripts: Mapping[str, str]) -> AsyncIterator[Providers]:
    """`scripts` by address: one with an @ is a mailbox, with a + a telephone that gets texts, else who gets letters."""
    clock, played = SystemClock(), {address: parse_script(text) for address, text in scripts.items()}
    bounces, http_port = quiet_port(), quiet_port()
    smtp = SmtpCounterpart(
        clock=clock,
        scripts={a: s for a, s in played.items() if "@" in a},
        default=parse_script("refused"),
        reports_to=("127.0.0.1", bounces),
    )
    smsc = SmscCounterpart(clock=clock, scripts={a: s for a, s in played.items() if a[0] == "+"}, password=PASSWORD)
    ems = EmsCounterpart(
        clock=clock,
        scripts={a: s for a, s in played.items() if "@" not in a and a[0] != "+"},
        default=parse_script("refused"),
        key=EMS_KEY,
        sender_no=SENDER,
        authorization=EMS_WORD,
        callback=f"http://127.0.0.1:{http_port}/callbacks/ems/track",
        codes_in_push=True,
    )
    started: list[Any] = []
    try:
        for counterpart in (smtp, smsc, ems):
            await counterpart.start()
            started.append(counterpart)
        yield Providers(smtp, smsc, ems, bounces, http_port)
    finally:
        for counterpart in started:
            await counterpart.stop()


def config(
    folder: Path,
    post: Providers,
    *,
    nats: str,
    journal: str = "sqlite",
    name: str = "court",
    http_port: int | None = None,
    self_made: bool = True,
) -> Path:
    """A settings file, its rules beside it, its secrets in `folder/data`."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    secrets = {"client-secret": SECRET, "smpp-password": PASSWORD, "ems-key": EMS_KEY, "ems-authorization": EMS_WORD}
    for file, content in secrets.items():
        (data / file).write_text(content)
    if not (folder / "rules").exists():
        shutil.copytree(PROJECT / "config" / "rules", folder / "rules")
        book = folder / "rules" / "cn" / "rulebook.toml"
        book.write_text(_with_policy(book.read_text(encoding="utf-8")), encoding="utf-8")
        knobs = folder / "rules" / "cn" / "knobs.toml"
        always = knobs.read_text(encoding="utf-8").replace('"08:00-21:00"', '"00:00-24:00"')
        assert always != knobs.read_text(encoding="utf-8")
        knobs.write_text(always, encoding="utf-8")
    path = folder / f"{name}.toml"
    port = http_port or post.http_port
    values = _values(post, data, nats, journal, port) | {"self_made": str(self_made).lower()}
    values["bounces"] = post.bounces
    path.write_text(_SETTINGS.format(**values), encoding="utf-8")
    return path


def _with_policy(text: str) -> str:
    for setting, value in POLICY.items():
        text, found = re.subn(rf"^{setting} = .*$", f"{setting} = {value}", text, flags=re.MULTILINE)
        assert found == 1, setting
    return text


def _values(post: Providers, data: Path, nats: str, journal: str, port: int) -> dict[str, Any]:
    return {
        "data": data,
        "journal": journal,
        "port": port,
        "nats": nats,
        "smtp": post.smtp.port,
        "smsc": post.smsc.port,
        "ems": post.ems.url,
        "sender_no": SENDER,
    }


_SETTINGS = """
[songda]
self_made = {self_made}
data = "{data}"

[journal]
url = "{journal}"

[web]
port = {port}

[queue]
nats = "{nats}"

[seals]
processes = 0

[[court]]
code = "632801"
name_zh = "格尔木市人民法院"
name_en = "People's Court of Golmud"
phone = "0979-12368"

[channels.email]
adapter = "email"
host = "127.0.0.1"
port = {smtp}
security = "none"
sender = "songda@court.example"
bounces = "bounces@court.example"
secret_file = "email-secret"
listen_port = {bounces}

[channels.sms]
adapter = "smpp"
host = "127.0.0.1"
port = {smsc}
system_id = "songda"
password_file = "smpp-password"
source_address = "12368"
pause_first = 0.1

[channels.post]
adapter = "ems"
url = "{ems}"
sender_no = "{sender_no}"
authorization_file = "ems-authorization"
key_file = "ems-key"
[channels.post.sender]
name = "诉讼服务中心"
phone = "0979-12368"
province = "青海省"
city = "海西蒙古族藏族自治州"
county = "格尔木市"
detail = "诉讼服务中心"
postcode = "816000"
"""


# --- what is filed ---------------------------------------------------------------------------------------------------

NAMES = {"r1": "张伟", "r2": "李娜", "r3": "王芳"}
NUMBERS = {"r1": "632801198503124511", "r2": "632801199005072629", "r3": "632801198811203844"}
MAIL, MOBILE, LETTER = "zhang.wei@mail.example", "+8613900000002", "13900000003"


def mailed(value: str = MAIL) -> dict[str, Any]:
    return {"id": "a1", "channel": "email", "basis": "confirmed", "value": value}


def texted(value: str = MOBILE) -> dict[str, Any]:
    return {"id": "a1", "channel": "sms", "basis": "own", "value": value, "ownership_proof": "telecom_real_name"}


def posted(phone: str = LETTER) -> dict[str, Any]:
    place = {"province": "青海省", "city": "海西蒙古族藏族自治州", "county": "格尔木市", "detail": "八一中路21号"}
    value = {"name": "王芳", "phone": phone, **place, "postcode": "816000"}
    return {"id": "a1", "channel": "post", "basis": "confirmed", "value": value, "place": "home"}


def case(*addresses: dict[str, Any], number: str = "s-1") -> dict[str, Any]:
    """A CloudEvent with one summons, and one recipient for each address."""
    content = summons()
    document = {"id": "d1", "type": "summons", "title": "传票", "media_type": "application/pdf"}
    document |= {"sha256": hashlib.sha256(content).hexdigest(), "content": base64.b64encode(content).decode()}
    consent = {"id": "c1", "basis": "express", "documents": ["all"], "stages": ["all"]}
    recipients = [
        {
            "id": who,
            "role": "defendant",
            "kind": "natural_person",
            "name": NAMES[who],
            "id_number": NUMBERS[who],
            "consents": [{**consent, "given_at": "2025-09-01T10:00:00+08:00"}],
            "addresses": [address],
        }
        for who, address in zip(NAMES, addresses, strict=False)
    ]
    number_of_case = {"number": "（2024）青2801民初123号", "kind": "civil", "procedure": "ordinary"}
    return {
        "specversion": "1.0",
        "type": "songda.submission.v1",
        "source": f"/courts/{COURT}/{CLIENT}",
        "id": number,
        "datacontenttype": "application/json",
        "data": {
            "case": {**number_of_case, "stage": "first_instance"},
            "documents": [document],
            "recipients": recipients,
        },
    }


async def until(asked: Callable[[], Awaitable[T | None]], *, every: float = 0.05, patience: float = 60.0) -> T:
    """What `asked()` returns once it is not None; asked again and again. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        while (answer := await asked()) is None:  # noqa: ASYNC110 — another process cannot set an event
            await asyncio.sleep(every)
    return answer
