"""The carrier's side of the EMS open interface: orders, cancellations, labels, tracks, and pushes to a callback.

A server on loopback that plays the script of each receiver. Its envelope is a reading of its own. What it takes is kept
in memory; a waybill number follows from the order number, so that a repeated order finds the first waybill always.
Order numbers are the court's: L and an attempt id for a letter, R and the same for its return slip. The retCodes of
refusals are invented, since the carrier's list is not public.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import structlog
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.simulated import Happening, LogEntry, Script, ScriptError
from delivery.core.ports import Clock

log = structlog.get_logger()

LOCAL = ZoneInfo("Asia/Shanghai")
BUSY_SECONDS = 60
AWAY_PAUSE = 2.0

SIGNERS = {"self": "10", "other": "20", "mailroom": "60", "property_management": "70", "parcel_locker": "50"}
FAILURES = {"nobody_home": "4", "refused": "7", "moved": "5", "unknown_person": "3", "no_such_address": "2"}
UNDO = {"203": "207", "702": "742", "704": "743", "705": "744"}
NAMES = {
    "203": "邮件已收寄",
    "207": "收寄信息已删除",
    "702": "正在派送",
    "704": "邮件已妥投",
    "705": "未妥投",
    "711": "退回妥投",
    "742": "派送信息已撤销",
    "743": "妥投信息已撤销",
    "744": "未妥投信息已撤销",
    "987": "邮件丢失，已赔付",
}
_PLAIN = {"posted": "203", "out_for_delivery": "702", "lost": "987", "slip_posted": "203", "slip_delivered": "704"}


@dataclass(frozen=True, slots=True)
class Step:
    """One operation to come: on the letter or on its slip, at an offset from the taking, told `times` times."""

    after: timedelta
    reported_after: timedelta
    operation: str
    detail: str = ""
    slip: bool = False
    times: int = 1


def steps(script: Script) -> tuple[Step, ...]:
    """The operations that tell the script. Raises ScriptError for what this wire has no code for."""
    told: list[Step] = []
    faults: list[str] = []
    for happening in script.happenings:
        try:
            told += _step(happening, told)
        except LookupError:
            faults.append(f"the post has no code for {happening.what}:{happening.argument}".removesuffix(":None"))
    if faults:
        raise ScriptError(faults)
    return tuple(told)


def _step(happening: Happening, before: list[Step]) -> list[Step]:
    """Raises LookupError."""
    common = (happening.after, happening.reported_after)
    argument, times = happening.argument or "", happening.times
    match happening.what:
        case "signed":
            return [Step(*common, "704", SIGNERS[argument], times=times)]
        case "attempted":
            return [Step(*common, "705", FAILURES[argument], times=times)]
        case "returned":
            return [*_last_try(happening, before), Step(*common, "711", times=times)]
        case "cancelled":
            return [Step(*common, UNDO[before[-1].operation], slip=before[-1].slip, times=times)]
        case "slip_delivered":
            return [Step(*common, "704", SIGNERS["mailroom"], slip=True, times=times)]
        case what:
            return [Step(*common, _PLAIN[what], slip=what.startswith("slip_"), times=times)]


def _last_try(happening: Happening, before: list[Step]) -> list[Step]:
    """A return (711) carries no reason: the try before it does. One is put in where the script tells none that fits."""
    code = FAILURES[happening.argument or ""]
    if [step.detail for step in before if step.operation == "705"][-1:] == [code]:
        return []
    second = timedelta(seconds=1)
    return [Step(max(happening.after - second, timedelta()), happening.reported_after, "705", code)]


@dataclass(slots=True)
class _Parcel:
    """One waybill. `told` counts the pushes of each step that were acknowledged."""

    order: str
    waybill: str
    taken_at: datetime
    steps: tuple[Step, ...] = ()
    slip: str | None = None
    told: dict[int, int] = field(default_factory=dict)
    cancelled: bool = False

    def due(self, step: Step) -> datetime:
        return self.taken_at + step.reported_after

    def untold(self) -> list[tuple[datetime, int]]:
        if self.cancelled:
            return []
        return [(self.due(s), i) for i, s in enumerate(self.steps) if self.told.get(i, 0) < s.times]


class EmsCounterpart:
    """`scripts` by the receiver's mobile, telephone or full address line. `callback`: where pushes go; without one,
    only the track tells. `codes_in_push`: whether pushes carry the second code (who signed, why not), which public
    clients see in tracks alone. `push_as_form`, `suffix_in_push`: the other ways in which a push may come.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        scripts: Mapping[str, Script],
        default: Script,
        key: str,
        sender_no: str,
        authorization: str,
        callback: str | None = None,
        codes_in_push: bool = False,
        push_as_form: bool = False,
        suffix_in_push: bool = False,
        port: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        self._clock, self._scripts, self._default = clock, scripts, default
        self._key, self._sender_no, self._authorization = key, sender_no, authorization
        self.callback = callback
        self._codes_in_push, self._push_as_form, self._suffix_in_push = codes_in_push, push_as_form, suffix_in_push
        self.host, self.port = host, port
        self.log: list[LogEntry] = []
        self._parcels: dict[str, _Parcel] = {}
        self._calls: dict[str, int] = {}
        self._serial = 0
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._teller: asyncio.Task[None] | None = None
        for script in (default, *scripts.values()):
            steps(script)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/amp-prod-api/f/amp/api/open"

    async def start(self) -> None:
        """Listens; after `stop` on the same port again, with all it knew."""
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/amp-prod-api/f/amp/api/open", self._open)
        app.router.add_get("/labels/{waybill}.pdf", self._label_file)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._teller = asyncio.create_task(self._tell_in_time())

    async def stop(self) -> None:
        if self._teller is not None:
            self._teller.cancel()
            with suppress(asyncio.CancelledError):
                await self._teller
        if self._runner is not None:
            await self._runner.cleanup()

    def waybill(self, attempt: str, *, slip: bool = False) -> str:
        """The number of the letter's parcel, or of its slip's. Raises KeyError when it was never taken."""
        return self._parcels[("R" if slip else "L") + attempt].waybill

    # --- what comes in ---

    async def _open(self, request: web.Request) -> web.StreamResponse:
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        if (form.get("senderNo"), form.get("authorization")) != (self._sender_no, self._authorization):
            return _answer("B00010", "客户或授权不符")
        try:
            content = json.loads(_unseal(form["logitcsInterface"], self._key))
        except (KeyError, ValueError):
            return _answer("B00011", "报文验签失败")
        match form.get("apiCode"):
            case "020003":
                return await self._ordered(request, content)
            case "020006":
                return self._cancel(content)
            case "010004":
                return _answer("00000", "", f"http://{self.host}:{self.port}/labels/{content['waybillNo']}.pdf")
            case "040001":
                return self._track(content["waybillNo"])
            case _:
                return _answer("B00012", "接口不存在")

    async def _ordered(self, request: web.Request, orders: list[dict[str, Any]]) -> web.StreamResponse:
        (order,) = orders
        number = str(order["logisticsOrderNo"])
        script = self._script(order["receiver"], back=number[:1] in ("R", "S"))
        self._calls[number] = self._calls.get(number, 0) + 1
        said = script.answer(self._calls[number])
        if number in self._parcels:
            self._note(number, "duplicate")
            return _taken(self._parcels[number])
        self._note(number, "taken" if said.kind == "lost" else said.kind)
        if said.kind in ("refused", "later"):
            return _no(said.kind, said.code)
        if said.kind != "lost_before":
            self._take(number, order, script)
        return _taken(self._parcels[number]) if said.kind == "taken" else _hang_up(request)

    def _script(self, receiver: Mapping[str, str], *, back: bool) -> Script:
        line = f"{receiver['prov']}{receiver['city']}{receiver['county']}{receiver['address']}"
        full = f"{line} {receiver['name']} {receiver['postCode']}"
        found = (self._scripts.get(key) for key in (receiver["mobile"], receiver["phone"], line, full) if key)
        return next(filter(None, found), Script() if back else self._default)

    def _take(self, number: str, order: Mapping[str, Any], script: Script) -> None:
        slip = order.get("receiptWaybillNo")
        self._parcels[number] = _Parcel(number, _waybill(number), self._clock.now(), steps(script), slip)
        self._news.set()

    def _cancel(self, content: Mapping[str, Any]) -> web.Response:
        """Only what has not been collected yet can be called back."""
        parcel = self._parcels.get(content["logisticsOrderNo"])
        if parcel is None:
            return _answer("B00020", "订单不存在")
        now = self._clock.now()
        if any(parcel.taken_at + step.after <= now for step in parcel.steps):
            return _answer("B00021", "邮件已收寄，不能撤单")
        parcel.cancelled = True
        self._note(parcel.order, "withdrawn")
        return _answer("00000", "")

    def _track(self, waybill: str) -> web.Response:
        items = [item | _track_only(step, item) for step, item in self._known_of(waybill)]
        if not items:
            return _answer("00000", "未查询到该邮件轨迹")
        return _answer("00000", "", {"responseItems": items})

    def _known_of(self, waybill: str) -> list[tuple[Step, dict[str, Any]]]:
        now = self._clock.now()
        return [
            (step, self._item(parcel, step))
            for parcel in self._parcels.values()
            for step in parcel.steps
            if self._waybill_of(parcel, step) == waybill and parcel.due(step) <= now and not parcel.cancelled
        ]

    async def _label_file(self, request: web.Request) -> web.Response:
        return web.Response(body=label_pdf(request.match_info["waybill"]), content_type="application/pdf")

    # --- what goes out ---

    def next_due(self) -> datetime | None:
        """Domain time of the earliest report that was not told yet."""
        if self.callback is None:
            return None
        return min((due for parcel in self._parcels.values() for due, _ in parcel.untold()), default=None)

    async def advance(self) -> None:
        """Tell all that is due. What the other side does not acknowledge is told again the next time."""
        if (url := self.callback) is None:
            return
        async with self._telling, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:
            while (next_one := self._next()) is not None:
                parcel, index = next_one
                if not await self._acknowledged(session, url, parcel, parcel.steps[index]):
                    return
                parcel.told[index] = parcel.told.get(index, 0) + 1

    def _next(self) -> tuple[_Parcel, int] | None:
        now = self._clock.now()
        due = [(at, n, i) for n, parcel in enumerate(self._parcels.values()) for at, i in parcel.untold() if at <= now]
        if not due:
            return None
        _, n, index = min(due)
        return list(self._parcels.values())[n], index

    async def _acknowledged(self, session: aiohttp.ClientSession, url: str, parcel: _Parcel, step: Step) -> bool:
        push = self._push(parcel, step)
        sent = {"data": push} if self._push_as_form else {"json": push}
        try:
            async with session.post(url, **sent) as response:  # type: ignore[arg-type]
                said = await response.json(content_type=None)
                if response.status == 200 and isinstance(said, dict) and said.get("code") == "00000":
                    return True
                fault = f"HTTP {response.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as wrong:
            fault = type(wrong).__name__
        log.warning("push_not_acknowledged", order=parcel.order, fault=fault)
        return False

    def _push(self, parcel: _Parcel, step: Step) -> dict[str, str]:
        item = self._item(parcel, step)
        if self._codes_in_push:
            item |= _track_only(step, item)
        text = json.dumps(item, ensure_ascii=False)
        self._serial += 1
        return {
            "logitcsInterface": _seal(text + (self._key if self._suffix_in_push else ""), self._key),
            "method": "040002",
            "msgType": "0",
            "senderNo": self._sender_no,
            "serialNo": f"{self._serial:020d}",
            "timeStamp": _stamp(self._clock.now()),
            "version": "v1.0.0",
        }

    def _item(self, parcel: _Parcel, step: Step) -> dict[str, Any]:
        return {
            "waybillNo": self._waybill_of(parcel, step),
            "orderNo": f"R{parcel.order[1:]}" if step.slip else parcel.order,
            "opCode": step.operation,
            "opName": NAMES[step.operation],
            "opDesc": NAMES[step.operation],
            "opTime": _stamp(parcel.taken_at + step.after),
            "opOrgCode": "81700000",
            "opOrgName": "德令哈市分公司",
            "opOrgProvName": "青海省",
            "opOrgCity": "海西州",
            "operatorNo": "",
            "operatorName": "",
        }

    def _waybill_of(self, parcel: _Parcel, step: Step) -> str:
        return (parcel.slip or _waybill(f"R{parcel.order[1:]}")) if step.slip else parcel.waybill

    async def _tell_in_time(self) -> None:
        """At machine pace: sleeps until something is due, or until there is news."""
        while True:
            self._news.clear()
            await self.advance()
            due = self.next_due()
            left = None if due is None else (due - self._clock.now()).total_seconds()
            with suppress(TimeoutError):
                async with asyncio.timeout(left if left is None or left > 0 else AWAY_PAUSE):
                    await self._news.wait()

    def _note(self, number: str, what: str) -> None:
        """The log names attempts; a slip's own order is noted as such."""
        slip = "slip_" if number[:1] in ("R", "S") else ""
        self.log.append(LogEntry(number[1:], self._clock.now(), f"{slip}{what}"))


def _track_only(step: Step, item: Mapping[str, Any]) -> dict[str, str]:
    """What a track shows beside a push."""
    trace = hashlib.sha256(f"{item['waybillNo']}{step.operation}{item['opTime']}".encode()).hexdigest()[:16]
    codes = {"704": "deliverCode", "705": "attemptDeliveryCode"}
    return {"traceNo": trace, "productName": "特快专递"} | (
        {codes[step.operation]: step.detail} if step.operation in codes else {}
    )


def _waybill(number: str) -> str:
    return f"1{int(hashlib.sha256(number.encode()).hexdigest(), 16) % 10**12:012d}"


def _stamp(instant: datetime) -> str:
    return f"{instant.astimezone(LOCAL):%Y-%m-%d %H:%M:%S}"


def _taken(parcel: _Parcel) -> web.Response:
    return _answer("00000", "", [{"logisticsOrderNo": parcel.order, "waybillNo": parcel.waybill}])


def _no(kind: str, code: str | None) -> web.Response:
    """A refusal is a retCode. "Not now" is the status for too many requests, or the code that the script names."""
    if kind == "later" and code is None:
        return web.Response(status=429, headers={"Retry-After": str(BUSY_SECONDS)})
    return _answer(code or "B00030", "订单未受理")


def _answer(code: str, message: str, body: Any = None) -> web.Response:
    """`retBody` is a JSON text of its own; the address of a label stands bare."""
    inner = body if body is None or isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    said = {"retCode": code, "retMsg": message, "retBody": inner, "serialNo": "", "success": code == "00000"}
    return web.Response(text=json.dumps(said, ensure_ascii=False), content_type="application/json")


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _cipher(key: str) -> Cipher[modes.ECB]:
    return Cipher(algorithms.SM4(base64.b64decode(key)), modes.ECB())  # noqa: S305 - the wire prescribes it


def _seal(text: str, key: str) -> str:
    plain = text.encode()
    missing = 16 - len(plain) % 16
    cipher = _cipher(key).encryptor()
    sealed = cipher.update(plain + bytes([missing]) * missing) + cipher.finalize()
    return "|$4|" + base64.b64encode(sealed).decode("ascii")


def _unseal(envelope: str, key: str) -> str:
    """Raises ValueError: not an envelope, or without the customer's key behind the content."""
    head, mark, rest = envelope.partition("|$4|")
    if head or not mark:
        raise ValueError("no envelope")
    try:
        cipher = _cipher(key).decryptor()
        plain = cipher.update(base64.b64decode(rest, validate=True)) + cipher.finalize()
    except binascii.Error as error:
        raise ValueError("no envelope") from error
    pad = plain[-1] if plain else 0
    text = plain[: len(plain) - pad].decode()
    if not pad or plain[-pad:] != bytes([pad]) * pad or not text.endswith(key):
        raise ValueError("not sealed with the customer's key")
    return text[: -len(key)]


def label_pdf(waybill: str) -> bytes:
    """A label of 100 x 150 mm with the number on it."""
    content = f"BT /F1 18 Tf 20 380 Td (EMS {waybill}) Tj ET".encode("ascii", "replace")
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 283 425] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    pdf, offsets = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(pdf)
    return bytes(pdf) + b"xref\n0 6\n0000000000 65535 f \n" + table + end
