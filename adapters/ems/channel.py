"""Order (020003), cancel (020006), label (010004), track (040001): answered yes, no, or cannot tell."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from adapters.ems.envelope import seal_envelope, sm4_key
from adapters.ems.reports import CHANNEL, ZONE, Parcel, json_object, json_value, order_number, receipt, report, text
from adapters.http import AnswerLost, HttpClient, HttpRefused, NotReached
from delivery.core.model import PostalAddress, Receipt
from delivery.core.ports import Answer, Clock, Consignment, Later, RawReceipt, Refused, Sink, Taken, Unknown

ORDER, CANCEL, LABEL, TRACK = "020003", "020006", "010004", "040001"
OK = "00000"

BASIC, OWN_SLIP = "1", "7"
"""receiptFlag: nothing comes back; the customer's own return slip comes back as a parcel (自备返单)."""

SLIP = "slip:"
"""Before the slip's waybill among the references, so that no report about the slip finds the letter by it."""

FOLLOW_UPS = 1000
FOLLOW_UP_TRIES = 5

_log = structlog.get_logger("adapters.ems")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmsSettings:
    """From the court's contract with the carrier. Raises ValueError when `key` is no sign key.

    `key`: as issued, Base64 of 16 bytes. `sender`: where the slips go back to. `weight`: grams. `later_codes`: the
    carrier's codes that mean "not now" (its list is not public). `timeout`, `pause`: seconds for one exchange, and
    between two questions to the track about one push.
    """

    url: str
    sender_no: str
    authorization: str = field(repr=False)
    key: str = field(repr=False)
    sender: PostalAddress
    product: str = "1"
    receipt_flag: str = OWN_SLIP
    weight: int = 50
    project: str = ""
    later_codes: frozenset[str] = frozenset()
    timeout: float = 30.0
    pause: float = 30.0

    def __post_init__(self) -> None:
        sm4_key(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    code: str
    words: str
    body: Any

    @property
    def ok(self) -> bool:
        return self.code == OK


@dataclass(frozen=True, slots=True)
class _FollowUp:
    waybill: str
    order: str
    tries: int = FOLLOW_UP_TRIES


class EmsChannel:
    """Letters by the state post."""

    name = CHANNEL
    carries_documents = False
    can_inquire = True

    def __init__(self, settings: EmsSettings, *, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._http = HttpClient(self.name, timeout=settings.timeout)
        self._follow_ups: asyncio.Queue[_FollowUp] = asyncio.Queue(FOLLOW_UPS)

    async def close(self) -> None:
        await self._http.close()

    async def send(self, consignment: Consignment) -> Answer:
        return await self._ordered(consignment)

    async def inquire(self, consignment: Consignment) -> Answer:
        """The same order again. That this question did not get through says nothing about the first time."""
        answer = await self._ordered(consignment)
        return Unknown(words=f"could not be asked: {answer.code}") if isinstance(answer, Later) else answer

    async def cancel(self, consignment: Consignment, reference: str | None) -> Answer:
        """Before collection. The letter first: while it travels, its slip must be able to come back."""
        answer = await self._cancelled(consignment, "letter", reference)
        if isinstance(answer, Taken) and self._settings.receipt_flag == OWN_SLIP:
            slip = await self._cancelled(consignment, "slip", None)
            if not isinstance(slip, Taken):
                return Taken(references=answer.references, words="the return slip's own order may still stand")
        return answer

    def read(self, raw: RawReceipt) -> tuple[Receipt, ...]:
        return (receipt(report(raw)),)

    async def track(self, consignment: Consignment, reference: str) -> list[RawReceipt]:
        """All that the carrier has on one of the waybills in `Taken.references`. Nothing means: nothing yet.

        Raises OSError (adapters.http.HttpFailure) when the carrier could not be asked.
        """
        parcel: Parcel = "slip" if reference.startswith(SLIP) else "letter"
        return await self._tracked(reference.removeprefix(SLIP), order_number(consignment.attempt, parcel))

    async def label(self, reference: str) -> bytes:
        """The PDF to stick on the letter, or on its slip. Raises OSError: not to be had, ValueError: it is none."""
        back = reference.startswith(SLIP)
        content = {"waybillNo": reference.removeprefix(SLIP), "type": "129", "getURL": "1", "isReturn": str(int(back))}
        reply = await self._call(LABEL, content)
        if not (reply.ok and isinstance(reply.body, str) and reply.body.startswith(("https://", "http://"))):
            raise ValueError(f"no label: {reply.code}")
        answer = await self._http.get("label", reply.body)
        if not answer.body.startswith(b"%PDF-"):
            raise ValueError("the label is no PDF")
        return answer.body

    def follow_up(self, raw: RawReceipt) -> None:
        """Ask the track soon when a push left open who signed or why nobody did. A crash forgets: see `track`."""
        with contextlib.suppress(ValueError, asyncio.QueueFull):
            told = report(raw)
            if told.bare and told.parcel == "letter":
                self._follow_ups.put_nowait(_FollowUp(told.waybill, told.order))

    async def listen(self, sink: Sink) -> None:
        while True:
            asked = await self._follow_ups.get()
            if not await self._followed(asked, sink) and asked.tries > 1:
                await asyncio.sleep(self._settings.pause)
                with contextlib.suppress(asyncio.QueueFull):
                    self._follow_ups.put_nowait(_FollowUp(asked.waybill, asked.order, asked.tries - 1))
            self._follow_ups.task_done()

    async def caught_up(self) -> None:
        """Returns when every follow-up has been answered or given up. A rehearsal waits for it before time jumps."""
        await self._follow_ups.join()

    async def _followed(self, asked: _FollowUp, sink: Sink) -> bool:
        """Whether the track had an explanation and the sink kept it."""
        try:
            raws = [raw for raw in await self._tracked(asked.waybill, asked.order) if _explains(raw)]
            for raw in raws:
                await sink.receive(raw)
        except Exception as error:  # noqa: BLE001 — whatever kept it from being asked or kept, it is asked again
            _log.warning("follow-up failed", fault=type(error).__name__)
            return False
        return bool(raws)

    async def _tracked(self, waybill: str, order: str) -> list[RawReceipt]:
        reply = await self._call(TRACK, {"waybillNo": waybill, "direction": "0"})
        if not reply.ok:
            _log.warning("track not answered", code=reply.code)
        items = reply.body.get("responseItems") if isinstance(reply.body, dict) else None
        return [self._item(item, waybill, order) for item in (items if isinstance(items, list) else [])]

    def _item(self, item: Any, waybill: str, order: str) -> RawReceipt:
        body = json.dumps(item, ensure_ascii=False).encode()
        meta = {"source": "query", "waybillNo": waybill, "orderNo": order}
        return RawReceipt(channel=self.name, body=body, received_at=self._clock.now(), meta=meta)

    async def _ordered(self, consignment: Consignment) -> Answer:
        to = consignment.address.value
        if not isinstance(to, PostalAddress):
            return Refused(code="no_postal_address")
        if self._settings.receipt_flag != OWN_SLIP:
            return await self._placed(self._letter(consignment, to, slip=None))
        slip = await self._placed(self._slip(consignment, to))
        if not isinstance(slip, Taken):
            return slip
        (number,) = slip.references
        letter = await self._placed(self._letter(consignment, to, slip=number))
        if isinstance(letter, Taken):
            return Taken(references=(*letter.references, f"{SLIP}{number}"), words=letter.words)
        return letter

    async def _placed(self, order: Mapping[str, Any]) -> Answer:
        reply = await self._asked(ORDER, [order])
        if not isinstance(reply, _Reply):
            return reply
        if not reply.ok:
            return self._no(reply)
        waybill = _waybill(reply.body, order["logisticsOrderNo"])
        if waybill is None:
            return Unknown(words="taken, it says, but without a waybill number")
        return Taken(references=(waybill,), words=reply.words)

    async def _cancelled(self, consignment: Consignment, parcel: Parcel, reference: str | None) -> Answer:
        order = order_number(consignment.attempt, parcel)
        content = {"logisticsOrderNo": order, "waybillNo": reference, "cancelReason": "法院撤回"}
        reply = await self._asked(CANCEL, content)
        if not isinstance(reply, _Reply):
            return reply
        return Taken(references=(reference,) if reference else (), words=reply.words) if reply.ok else self._no(reply)

    def _no(self, reply: _Reply) -> Answer:
        if reply.code in self._settings.later_codes:
            return Later(code=reply.code, words=reply.words)
        return Refused(code=reply.code, words=reply.words)

    async def _asked(self, api: str, content: Any) -> _Reply | Later | Unknown:
        try:
            return await self._call(api, content)
        except NotReached:
            return Later(code="not_reached")
        except HttpRefused as error:
            # The carrier's verdict on an order is a retCode; a bare status is about the line or our credentials.
            return Later(code=f"http_{error.status}", after=error.retry_after)
        except AnswerLost:
            return Unknown(words="no whole answer")

    async def _call(self, api: str, content: Any) -> _Reply:
        """Raises the tree of adapters.http; an answer that nobody can read is a lost one."""
        form = {
            "apiCode": api,
            "senderNo": self._settings.sender_no,
            "authorization": self._settings.authorization,
            "msgType": "0",
            "timeStamp": _local(self._clock.now()),
            "version": "V1.0.0",
            "logitcsInterface": seal_envelope(json.dumps(content, ensure_ascii=False), self._settings.key),
        }
        answer = await self._http.post(api, self._settings.url, form=form)
        try:
            return _reply(answer.body)
        except ValueError as error:
            raise AnswerLost(f"{self.name} {api}: an answer that cannot be read") from error

    def _letter(self, consignment: Consignment, to: PostalAddress, *, slip: str | None) -> dict[str, Any]:
        order = self._order(consignment, order_number(consignment.attempt), self._settings.receipt_flag)
        court = _party(self._settings.sender, consignment.court_name)
        return {**order, "receiptWaybillNo": slip, "sender": court, "receiver": _party(to)}

    def _slip(self, consignment: Consignment, to: PostalAddress) -> dict[str, Any]:
        """The way back: from the addressee to the court."""
        order = self._order(consignment, order_number(consignment.attempt, "slip"), BASIC)
        court = _party(self._settings.sender, consignment.court_name)
        return {**order, "sender": _party(to), "receiver": court}

    def _order(self, consignment: Consignment, number: str, receipt_flag: str) -> dict[str, Any]:
        """The same for every repeat: an order under a known number must not differ from the first."""
        return {
            "ecommerceUserId": self._settings.sender_no,
            "senderNo": self._settings.sender_no,
            "logisticsOrderNo": number,
            "createdTime": _local(consignment.announced_at),
            "waybillNo": None,
            "oneBillFlag": "0",
            "contentsAttribute": "1",
            "bizProductNo": self._settings.product,
            "weight": self._settings.weight,
            "insuranceFlag": "2",
            "paymentMode": "1",
            "codFlag": "9",
            "receiptFlag": receipt_flag,
            "receiptWaybillNo": None,
            "projectId": self._settings.project or None,
            "cargos": [{"cargoName": "司法文书"}],
        }


def _explains(raw: RawReceipt) -> bool:
    try:
        return report(raw).explained
    except ValueError:
        return True  # the sink keeps it, and a person looks at it


def _reply(body: bytes) -> _Reply:
    """`retBody` is JSON inside a JSON string, or a bare address. Raises ValueError."""
    said = json_object(body)
    code, inner = text(said, "retCode", 20), said.get("retBody")
    if not code:
        raise ValueError("an answer without retCode")
    if isinstance(inner, str) and inner.lstrip()[:1] in ("{", "["):
        inner = json_value(inner)
    return _Reply(code=code, words=str(said.get("retMsg") or "")[:200], body=inner)


def _waybill(body: Any, number: str) -> str | None:
    """The waybill in the answer to our order; one under another order number is somebody else's."""
    for row in body if isinstance(body, list) else [body]:
        if isinstance(row, dict) and row.get("logisticsOrderNo", number) == number:
            waybill = row.get("waybillNo")
            if isinstance(waybill, str) and re.fullmatch(r"[A-Za-z0-9]{8,40}", waybill):
                return waybill
    return None


def _party(address: PostalAddress, name: str | None = None) -> dict[str, str]:
    digits = re.sub(r"^\+?86(?=1\d{10}$)", "", re.sub(r"[\s-]", "", address.phone))
    mobile = digits if re.fullmatch(r"1\d{10}", digits) else ""
    return {
        "name": name or address.name,
        "mobile": mobile,
        "phone": "" if mobile else address.phone,
        "prov": address.province,
        "city": address.city,
        "county": address.county,
        "address": address.detail,
        "postCode": address.postcode,
    }


def _local(instant: datetime) -> str:
    return instant.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
