"""Track pushes (040002), as JSON or as a form.

Who can seal with our key is the carrier: the wire has no other proof, and its cipher mode no check value, so a court
lets only the carrier's network reach this address. A replayed push is the same report again and has the same key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import structlog

from adapters.ems.channel import OK, EmsChannel, EmsSettings
from adapters.ems.envelope import open_envelope
from adapters.ems.reports import CHANNEL, json_object, text
from delivery.core.ports import CallbackReply, RawReceipt

MAX_PUSH = 64 * 1024

_log = structlog.get_logger("adapters.ems")


class EmsCallback:
    """`channel` asks the track about pushes that leave open who signed; its `listen` has to run."""

    def __init__(self, settings: EmsSettings, *, channel: EmsChannel | None = None) -> None:
        self._settings = settings
        self._channel = channel

    def accept(self, *, headers: Mapping[str, str], body: bytes, received_at: datetime) -> CallbackReply:
        """The raw receipt is the text inside the envelope, without the key text: the carrier's words, no secret."""
        try:
            push = _push(headers, body)
            opened = self._opened(push)
        except ValueError as error:
            _log.warning("push not accepted", fault=type(error).__name__)
            return CallbackReply(raw=None)
        meta = {name: str(push.get(name) or "")[:64] for name in ("serialNo", "method", "timeStamp", "version")}
        meta |= {"source": "push", "sha256": hashlib.sha256(body).hexdigest()}
        raw = RawReceipt(channel=CHANNEL, body=opened.encode(), received_at=received_at, meta=meta)
        if self._channel is not None:
            self._channel.follow_up(raw)
        return CallbackReply(raw=raw, body=self._thanks(meta["serialNo"]))

    def _opened(self, push: Mapping[str, Any]) -> str:
        """Text that our key opens and that is a JSON object, sent in our name. Raises ValueError."""
        opened = open_envelope(text(push, "logitcsInterface", MAX_PUSH), self._settings.key)
        json_object(opened)
        if not hmac.compare_digest(text(push, "senderNo", 64).encode(), self._settings.sender_no.encode()):
            raise ValueError("another customer's number")
        return opened

    def _thanks(self, serial: str) -> bytes:
        answer = {"serialNo": serial, "code": OK, "codeMessage": "ok", "senderNo": self._settings.sender_no}
        return json.dumps(answer, ensure_ascii=False).encode()


def _push(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Raises ValueError."""
    if len(body) > MAX_PUSH:
        raise ValueError("too long")
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    if not kind.lower().startswith("application/x-www-form-urlencoded"):
        return json_object(body)
    fields = parse_qs(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=20)
    if any(len(values) > 1 for values in fields.values()):
        raise ValueError("a field given twice")
    return {name: values[0] for name, values in fields.items()}
