"""GET and POST /verify: a file is looked at with the eyes of this installation, for whoever asks.

Public, without scripts, and without a memory: what is sent in is neither kept nor logged. The page trusts the seals of
this installation alone and says so; who must not have to believe this court uses `songda verify` on a machine of his
own (docs/verifying.md).
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from aiohttp import BodyPartReader, web

from delivery.web.bodies import NO_MULTIPART
from delivery.web.senders import Network, sender_of
from delivery.web.visit import RecipientPages, show, text_for
from signing.errors import SignerLost
from signing.verify import CANNOT_TELL, INVALID, VALID, Result, Says, Told, Verdict, sections, summary

LARGEST_UPLOAD = 32 * 1024 * 1024
"""Bytes of all files together."""

MOST_FILES = 8
MOST_WAITING = 4
"""Checks under way or waiting; whoever comes later is asked to come again."""

PER_SENDER, SPAN = 30, timedelta(minutes=10)
MOST_SENDERS = 10_000
CHUNK = 64 * 1024
LOOKS = {Result.FAILED: "warn", Result.PASSED: "good", Result.NOT_CHECKED: ""}
CONCLUSIONS = {VALID: "valid", INVALID: "invalid", CANNOT_TELL: "cannot_tell"}
WHOSE_TRUST = (
    ("您没有给出另行取得的检查点", "本页没有另行取得的检查点"),
    ("您指定的信任证书", "本法院系统信任的证书"),
    ("为您所信任", "为本法院系统所信任"),
    ("you gave no checkpoint of your own", "this page has no checkpoint from elsewhere"),
    ("nobody you trust", "nobody that this court's installation trusts"),
    ("that you trust", "that this court's installation trusts"),
)
"""The steps speak to whoever named the certificates to trust; here that was this installation, not the reader."""

_NAME = re.compile(r"[^\w.()（）-]+")

Files = Sequence[tuple[str, bytes]]
Verify = Callable[[Files], Awaitable[Verdict]]


class TooMuch(Exception):
    """More files or bytes than the page takes."""


@dataclass
class Limits:
    """Who asked how often, in memory alone: senders are told apart by a digest whose key ends with the process."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    asked: dict[bytes, deque[datetime]] = field(default_factory=dict)
    waiting: int = 0

    def takes(self, sender: str, now: datetime) -> bool:
        """Counts one check of that sender, and says whether it may be made."""
        name = hmac.digest(self.key, sender.encode(), "sha256")
        times = self.asked.setdefault(name, deque(maxlen=PER_SENDER))
        if self.waiting >= MOST_WAITING or (len(times) == PER_SENDER and now - times[0] < SPAN):
            return False
        times.append(now)
        if len(self.asked) > MOST_SENDERS:
            self.asked = {one: seen for one, seen in self.asked.items() if now - seen[-1] < SPAN}
        return True


def routes(deps: RecipientPages, verify: Verify, proxies: Sequence[Network] = ()) -> list[web.RouteDef]:
    """`verify` judges in a process of its own; it raises SignerLost for a file that ends that process. `proxies`: those
    that are believed when they say who asks.
    """
    limits, one_at_a_time = Limits(), asyncio.Semaphore(1)

    async def asked(request: web.Request) -> web.Response:
        return show(deps, request, "verify", parts=None)

    async def sent(request: web.Request) -> web.Response:
        if not limits.takes(sender_of(request, proxies), deps.clock.now()):
            return show(deps, request, "verify", status=429, parts=None, refused="too_often")
        limits.waiting += 1
        try:
            files = await _read(request)
            if not files:
                return show(deps, request, "verify", status=400, parts=None, refused="no_file")
            async with one_at_a_time:
                return _shown(deps, request, await verify(files))
        except TooMuch:
            return show(deps, request, "verify", status=413, parts=None, refused="too_much")
        except SignerLost:
            return show(deps, request, "verify", status=422, parts=None, refused="not_read")
        finally:
            limits.waiting -= 1

    return [web.get("/verify", asked), web.post("/verify", sent)]


def _shown(deps: RecipientPages, request: web.Request, verdict: Verdict) -> web.Response:
    chinese = text_for(request, deps.book).language == "zh"
    comes_to = [
        (result.value, LOOKS[result], _said(says, chinese)) for result, says in summary(verdict).items() if says
    ]
    parts = [(heading, [_line(one, chinese) for one in lines]) for heading, lines in sections(verdict)]
    conclusion = CONCLUSIONS[verdict.exit]
    return show(deps, request, "verify", parts=parts, comes_to=comes_to, conclusion=conclusion)


def _said(says: Iterable[Says], chinese: bool) -> list[str]:
    return [of_this_page(one.zh if chinese else one.en) for one in says]


def of_this_page(says: str) -> str:
    """What a step says, with this installation as the one who trusts."""
    for reader, installation in WHOSE_TRUST:
        says = says.replace(reader, installation)
    return says


def _line(told: Told, chinese: bool) -> dict[str, str]:
    (name, says), step = _said((told.step.name, told.step.says), chinese), told.step
    members = "、".join(told.members) if chinese else ", ".join(told.members)
    return {
        "number": str(int(step.number)),
        "name": name,
        "says": says,
        "members": members,
        "result": step.result.value,
    }


async def _read(request: web.Request) -> list[tuple[str, bytes]]:
    """The files of the form by name, in order. Raises TooMuch."""
    if request.content_type != "multipart/form-data":
        return []
    if (request.content_length or 0) > LARGEST_UPLOAD + CHUNK:
        raise TooMuch
    files: list[tuple[str, bytes]] = []
    left = LARGEST_UPLOAD
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                return []
            content = await _content(part, left)
            left -= len(content)
            if content and part.filename:
                files.append((_name(part.filename), content))
            if len(files) > MOST_FILES:
                raise TooMuch
    except NO_MULTIPART:
        return []
    return files


async def _content(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(CHUNK):
        content += chunk
        if len(content) > limit:
            raise TooMuch
    return bytes(content)


def _name(given: str) -> str:
    """The file's name as it may stand on the page."""
    return _NAME.sub(" ", re.split(r"[/\\]", given)[-1])[-80:].strip() or "?"
