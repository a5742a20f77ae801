"""Timestamps from authorities (RFC 3161 §3.4, over HTTP): one after the other until one gives a token that holds.

An answer is `Token` (taken), `Later` (away, busy, lost: ask again) or `Refused` (it answers, and what it says is of no
use). Asking twice does no harm: a token binds nobody. An authority that failed is asked last for a while, so that its
time-outs do not slow each stamp.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import structlog

from adapters.http import AnswerLost, HttpClient, HttpRefused, NotReached
from delivery.core.civil import local_day
from delivery.core.ports import Clock, Later, Refused
from signing import timestamp
from signing.timestamp import Token

QUESTION = "application/timestamp-query"
REPLY = "application/timestamp-reply"
TIMEOUT = 10.0
"""Seconds for one authority: a proof waits for this."""

PAUSE = 60.0
"""Seconds, of the machine, for which an authority that failed is asked last."""

CLOCKS_APART = 300.0
"""Seconds between its time and ours that are worth a word to the operator."""

log = structlog.get_logger("adapters.timestamping")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One authority. It is asked from the day `since` until the day before `until` (days of the court's zone).

    `trust`: DER of the anchors that its tokens must lead to; `policy`: the OID that is asked for and must be answered.
    """

    name: str
    url: str
    trust: tuple[bytes, ...] = field(repr=False)
    policy: str | None = None
    since: date | None = None
    until: date | None = None

    def serves(self, day: date) -> bool:
        return (self.since is None or self.since <= day) and (self.until is None or day < self.until)


class NoTimestamp(OSError):
    """No authority gave a usable token."""


class Timestamping:
    """A Timestamper (delivery.core.ports) over several authorities, the preferred one first."""

    def __init__(
        self,
        authorities: Sequence[Authority],
        *,
        clock: Clock,
        http: HttpClient | None = None,
        new_nonce: Callable[[], int] = lambda: secrets.randbits(64),
    ) -> None:
        self._authorities = tuple(authorities)
        self._clock = clock
        self._http = http or HttpClient("timestamping", timeout=TIMEOUT, max_answer=timestamp.MAX_RESPONSE)
        self._new_nonce = new_nonce
        self._paused: dict[str, float] = {}

    async def close(self) -> None:
        await self._http.close()

    def names(self) -> tuple[str, ...]:
        return tuple(authority.name for authority in self._today())

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """Whatever the tokens of these authorities may lead to (DER)."""
        return tuple(dict.fromkeys(anchor for authority in self._authorities for anchor in authority.trust))

    async def stamp(self, imprint: bytes) -> bytes:
        """Raises NoTimestamp."""
        for authority in self._in_order():
            answer = await self.ask(authority, imprint)
            if isinstance(answer, Token):
                self._paused.pop(authority.name, None)
                return answer.der
            self._paused[authority.name] = asyncio.get_running_loop().time() + PAUSE
            log.warning("no_timestamp", authority=authority.name, code=answer.code, words=answer.words)
        raise NoTimestamp("no timestamp authority gave a usable token")

    async def ask(self, authority: Authority, imprint: bytes) -> Token | Later | Refused:
        """One question to one authority. Never raises for what the world does."""
        nonce = self._new_nonce()
        question = timestamp.query(imprint, nonce, authority.policy)
        try:
            answer = await self._http.post("stamp", authority.url, body=question, headers={"Content-Type": QUESTION})
        except HttpRefused as refused:
            if refused.status in (408, 429):
                return Later(code=f"http_{refused.status}", after=refused.retry_after)
            return Refused(code=f"http_{refused.status}")
        except NotReached:
            return Later(code="not_reached")
        except AnswerLost:
            return Later(code="answer_lost")
        if answer.content_type != REPLY:
            return Refused(code="content_type")
        return self._judged(authority, answer.body, imprint, nonce)

    def _judged(self, authority: Authority, body: bytes, imprint: bytes, nonce: int) -> Token | Refused:
        try:
            token = timestamp.token_of(
                body, imprint=imprint, nonce=nonce, trust=authority.trust, policy=authority.policy
            )
        except timestamp.TimestampWrong as wrong:
            return Refused(code=str(wrong.fault), words=str(wrong))
        apart = abs((token.at - self._clock.now()).total_seconds())
        if apart > CLOCKS_APART:
            log.warning("clocks_apart", authority=authority.name, seconds=round(apart))
        return token

    def _today(self) -> list[Authority]:
        day = local_day(self._clock.now())
        return [authority for authority in self._authorities if authority.serves(day)]

    def _in_order(self) -> list[Authority]:
        now = asyncio.get_running_loop().time()
        return sorted(self._today(), key=lambda authority: self._paused.get(authority.name, 0.0) > now)
