"""The channel: what is sent, what an answer means, and who hears the receipts."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
from collections.abc import Mapping

import smpp34
import structlog

from adapters.smpp import receipts, text
from adapters.smpp.session import AnswerLost, Frame, NotNow, Pace, Response, Session
from adapters.smpp.settings import NOT_NOW, ROK, RX_T_APPN, THROTTLED, SmppSettings, status_name
from delivery.core.model import PostalAddress, Receipt
from delivery.core.ports import Answer, Clock, Consignment, Later, RawReceipt, Refused, Sink, Taken, Unknown

log = structlog.get_logger(__name__)

FINAL_RECEIPT = 0x01
UCS2 = 0x08
UNANSWERED_LIMIT = 10_000


class SmppChannel:
    """One bind to one SMSC. `listen` keeps it up; while nobody listens, receipts are left with the SMSC."""

    name = "smpp"
    carries_documents = False
    can_inquire = False

    def __init__(self, settings: SmppSettings, *, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._pace = Pace(settings)
        self._binding = asyncio.Lock()
        self._session: Session | None = None
        self._sink: Sink | None = None
        self._pause, self._not_before = settings.pause_first, 0.0
        self._unanswered: dict[tuple[str, bytes], str] = {}

    async def send(self, consignment: Consignment) -> Answer:
        """All parts, one after the other. What is partly taken is never `Refused` or `Later`: it is `Unknown`, with the
        references of the parts that were.
        """
        value = consignment.address.value
        number = None if isinstance(value, PostalAddress) else _destination(value, self._settings)
        if number is None or consignment.link is None:
            return Refused(code="no_number_or_link", words="a text message needs a telephone number and a link")
        messages = text.split(text.write(consignment), consignment.attempt)
        reference = own_reference(consignment.attempt)
        if len(messages) == 1:
            self._expect((number, reference), consignment.attempt)
        frames = [_submit_sm(number, message, len(messages) > 1, reference, self._settings) for message in messages]
        answer = await self._send_all(frames)
        if not isinstance(answer, Unknown):
            self._unanswered.pop((number, reference), None)
        return answer

    async def inquire(self, consignment: Consignment) -> Answer:
        """query_sm asks by message id alone (§4.8), which is what a lost answer would have brought."""
        return Unknown(words="SMPP cannot be asked about a message whose id is not known")

    async def cancel(self, consignment: Consignment, reference: str | None) -> Answer:
        return Refused(code="not_supported", words="a text message cannot be called back")

    async def listen(self, sink: Sink) -> None:
        """Keep the bind up and hand each deliver_sm to `sink`, byte for byte. Runs until cancelled."""
        self._sink = sink
        try:
            while True:
                await self._stay_bound()
        finally:
            self._sink = None

    def read(self, raw: RawReceipt) -> tuple[Receipt, ...]:
        """Raises ValueError (receipts.read_receipt)."""
        return (receipts.read_receipt(raw, self._settings),)

    async def close(self) -> None:
        """Unbind. Whoever listens is cancelled first, or binds anew."""
        if self._session is not None:
            await self._session.unbind()

    async def _send_all(self, frames: list[Frame]) -> Answer:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._settings.patience
        taken: list[str] = []
        for done, frame in enumerate(frames):
            answer = await self._submit(frame)
            while done and isinstance(answer, Later) and loop.time() < give_up:
                await asyncio.sleep(self._settings.pause_first)  # beside the pause of a throttling, which Pace keeps
                answer = await self._submit(frame)
            if not isinstance(answer, Taken):
                return _partly(answer, taken, f"{done} of {len(frames)}") if done else answer
            taken += answer.references
        return Taken(references=tuple(taken))

    async def _submit(self, frame: Frame) -> Answer:
        """One part, one try."""
        try:
            session = await self._bound()
            async with session.window:
                await self._pace.turn()
                response = await session.ask(frame, self._settings.answer_within)
        except NotNow as no:
            return Later(code=no.code, words=no.words, after=math.ceil(no.after))
        except AnswerLost:
            return Unknown(words="the SMSC did not answer")
        return self._answer(response)

    def _answer(self, response: Response) -> Answer:
        code = status_name(response.status)
        if response.status == ROK:
            self._pace.taken()
            identifier = response.body.partition(b"\0")[0].decode("latin-1")
            return Taken(references=(receipts.normal_id(identifier, self._settings),) if identifier else ())
        if response.status in THROTTLED:
            return Later(code=code, after=math.ceil(self._pace.throttled()))
        if response.status in NOT_NOW | self._settings.refused_for_now:
            return Later(code=code)
        return Refused(code=code)

    async def _stay_bound(self) -> None:
        try:
            session = await self._bound()
        except NotNow as no:
            await asyncio.sleep(no.after)
        else:
            await session.closed.wait()

    async def _bound(self) -> Session:
        """The session, bound anew where it broke. Raises NotNow: after a failure nobody dials for a while."""
        async with self._binding:
            if self._session is not None and not self._session.closed.is_set():
                return self._session
            now = asyncio.get_running_loop().time()
            if now < self._not_before:
                raise NotNow("not_bound", "waiting to bind again", self._not_before - now)
            self._session = await self._bind(now)
            return self._session

    async def _bind(self, now: float) -> Session:
        try:
            session = await Session.bind(self._settings, self._hear)
        except NotNow as no:
            no.after = self._pause
            self._not_before = now + self._pause
            self._pause = min(self._pause * 2, self._settings.pause_most)
            log.warning("smpp.not_bound", code=no.code, again_in=no.after)
            raise
        self._pause = self._settings.pause_first
        log.info("smpp.bound")
        return session

    async def _hear(self, pdu: bytes) -> int:
        """Keep one deliver_sm; what could not be kept stays with the SMSC, which comes again (0x64, §5.1.3)."""
        if self._sink is None:
            return RX_T_APPN
        raw = RawReceipt(channel=self.name, body=pdu, received_at=self._clock.now(), meta=self._meta(pdu))
        try:
            await self._sink.receive(raw)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it was not kept
            log.warning("smpp.receipt_not_kept", error=type(error).__name__)
            return RX_T_APPN
        return ROK

    def _meta(self, pdu: bytes) -> Mapping[str, str]:
        """`attempt`, where a receipt has our reference (§4.6.1) of a message to that number without an answer."""
        try:
            heard = receipts.deliver_sm(pdu)
        except ValueError:
            return {}
        reference = receipts.tlv(heard, receipts.USER_MESSAGE_REFERENCE) or b""
        attempt = self._unanswered.get((heard.source_addr.lstrip("+"), reference))
        return {"attempt": attempt} if attempt else {}

    def _expect(self, whose: tuple[str, bytes], attempt: str) -> None:
        """Two attempts may share their sixteen bits: then a receipt names neither."""
        self._unanswered[whose] = attempt if self._unanswered.get(whose, attempt) == attempt else ""
        if len(self._unanswered) > UNANSWERED_LIMIT:
            del self._unanswered[next(iter(self._unanswered))]


def own_reference(attempt: str) -> bytes:
    """user_message_reference (§5.3.2.17): 16 bits, too few to name an attempt, enough beside the number it went to."""
    return hashlib.sha256(attempt.encode()).digest()[:2]


def _destination(value: str, settings: SmppSettings) -> str | None:
    """The digits that the carrier wants, from E.164 or the national form; None when it is no number."""
    digits = re.sub(r"[\s().-]", "", value)
    if not re.fullmatch(r"\+?[0-9]{3,15}", digits, re.ASCII):
        return None
    national = digits.removeprefix(f"+{settings.country_code}")
    if national.startswith("+"):
        return national[1:]  # of another country: never without its code
    return settings.country_code + national.lstrip("0") if settings.international else national


def _submit_sm(number: str, message: bytes, joined: bool, reference: bytes, settings: SmppSettings) -> Frame:
    """A receipt is asked for on every part: on the first alone, "delivered" would speak of that part only."""

    def encode(sequence: int) -> bytes:
        return smpp34.SubmitSm(
            settings.source_address,
            number,
            message,
            source_addr_ton=settings.source_ton,
            source_addr_npi=settings.source_npi,
            dest_addr_ton=1 if settings.international else 2,
            dest_addr_npi=1,
            esm_class=text.JOINED if joined else 0,
            registered_delivery=FINAL_RECEIPT,
            data_coding=UCS2,
            tlvs=[smpp34.Tlv(receipts.USER_MESSAGE_REFERENCE, reference)],
            sequence_number=sequence,
        ).encode()

    return encode


def _partly(answer: Refused | Later | Unknown, taken: list[str], share: str) -> Unknown:
    """The parts that were taken are on their way to somebody: receipts will speak of them."""
    why = answer.words if isinstance(answer, Unknown) else answer.code
    return Unknown(words=f"{share} parts taken; the next one: {why}", references=tuple(taken))
