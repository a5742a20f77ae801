"""Reads one deliver_sm: a receipt in text (SMPP 3.4 appendix B), in TLVs, in both, or somebody's text message."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import smpp34

from adapters.smpp.settings import SmppSettings
from delivery.core.model import Fact, Receipt
from delivery.core.ports import RawReceipt

RECEIPTED_MESSAGE_ID, USER_MESSAGE_REFERENCE, NETWORK_ERROR_CODE = 0x001E, 0x0204, 0x0423
MESSAGE_PAYLOAD, MESSAGE_STATE = 0x0424, 0x0427

STATES: Final = ("", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD")
"""message_state (§5.2.28), in the words of the receipt's text."""

FACTS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "DELIVRD": "arrived",
        "UNDELIV": "bounced",
        "EXPIRED": "bounced",
        "REJECTD": "bounced",
        "ENROUTE": None,
        "ACCEPTD": None,
    }
)
_WORDS = re.compile(r"\b(id|stat|err|done)(?: date)?:([^\s:]+)", re.ASCII | re.IGNORECASE)
_DATES: Final = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S"}


def read_receipt(raw: RawReceipt, settings: SmppSettings) -> Receipt:
    """Raises ValueError for what is no deliver_sm, and for a receipt without message id or state.

    A receipt counts at its done date, in `settings.time_zone`; one that has no date, at the instant it came in.
    """
    pdu = deliver_sm(raw.body)
    if not _is_receipt(pdu):
        return _text_message(raw)
    words = _words(pdu)
    identifier, state, error = _receipted(pdu, words, settings), _state(pdu, words), _error(pdu, words)
    if not identifier or not identifier.isprintable() or not state:  # PostgreSQL, for one, keeps no NUL in a text
        raise ValueError("a receipt without a message id that can be kept, or without a state")
    key = f"{identifier}:{state}"
    at = _done_at(words.get("done", ""), settings.time_zone) or raw.received_at
    attempt = raw.meta.get("attempt")
    return Receipt(
        channel=raw.channel,
        key=key,
        at=at,
        code=state,
        words=f"stat:{state} err:{error}" if error else f"stat:{state}",
        attempt=attempt,
        reference=identifier,
        part=None if attempt else identifier,
        fact=_fact(state, settings.errors.get(error), at, key),
        unclear=None if state in FACTS else f"{state} says neither that it arrived nor that it did not",
    )


def deliver_sm(pdu: bytes) -> smpp34.DeliverSm:
    """Raises ValueError."""
    try:
        decoded = smpp34.decode(pdu)
    except smpp34.SmppError:
        raise ValueError("not an SMPP PDU") from None
    if isinstance(decoded, smpp34.DeliverSm):
        return decoded
    raise ValueError("not a deliver_sm")


def tlv(pdu: smpp34.DeliverSm, tag: int) -> bytes | None:
    return next((bytes(each.value) for each in pdu.tlvs if each.tag == tag), None)


def normal_id(identifier: str, settings: SmppSettings) -> str:
    """A message id of an answer, as receipts will have it."""
    if settings.message_ids == "hex_to_decimal" and re.fullmatch(r"[0-9a-fA-F]{1,64}", identifier):
        return str(int(identifier, 16))
    return identifier


def _is_receipt(pdu: smpp34.DeliverSm) -> bool:
    """esm_class 0x04 receipt, 0x20 intermediate notification (§5.2.12); some SMSCs send the TLV alone."""
    return pdu.esm_class & 0x3C in (0x04, 0x20) or tlv(pdu, RECEIPTED_MESSAGE_ID) is not None


def _words(pdu: smpp34.DeliverSm) -> dict[str, str]:
    """What follows `text:` is a quotation of the message, not a report."""
    octets = pdu.short_message or tlv(pdu, MESSAGE_PAYLOAD) or b""
    text = octets.decode("utf-16-be" if pdu.data_coding == 8 else "latin-1", "replace")
    report = re.split(r"\btext:", text, maxsplit=1, flags=re.IGNORECASE)[0]
    return {word.lower(): value for word, value in _WORDS.findall(report)}


def _receipted(pdu: smpp34.DeliverSm, words: Mapping[str, str], settings: SmppSettings) -> str:
    """The TLV repeats the id of the answer (§5.3.2.12). Hex against decimal is a matter of the text: there it leads."""
    repeated = (tlv(pdu, RECEIPTED_MESSAGE_ID) or b"").partition(b"\0")[0].decode("latin-1")
    written = words.get("id", "")
    if settings.message_ids == "hex_to_decimal":
        return (written.lstrip("0") or "0") if written else normal_id(repeated, settings)
    return repeated or written


def _state(pdu: smpp34.DeliverSm, words: Mapping[str, str]) -> str:
    number = int.from_bytes(tlv(pdu, MESSAGE_STATE) or b"\0", "big")
    return STATES[number] if 0 < number < len(STATES) else words.get("stat", "").upper()


def _error(pdu: smpp34.DeliverSm, words: Mapping[str, str]) -> str:
    """network_error_code: one octet of network type, then 16 bits (§5.3.2.31)."""
    code = tlv(pdu, NETWORK_ERROR_CODE)
    return f"{int.from_bytes(code[1:], 'big'):03d}" if code and len(code) == 3 else words.get("err", "")


def _done_at(written: str, zone: str) -> datetime | None:
    """YYMMDDhhmm; from some SMSCs with seconds."""
    shape = _DATES.get(len(written))
    if shape is None or not written.isdecimal():
        return None
    try:
        return datetime.strptime(written, shape).replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        return None


def _fact(state: str, reason: str | None, at: datetime, key: str) -> Fact | None:
    kind = FACTS.get(state)
    if kind is None or (kind == "bounced" and reason == "waiting"):
        return None
    return Fact(kind=kind, at=at, key=key, reason=reason if kind == "bounced" else None)


def _text_message(raw: RawReceipt) -> Receipt:
    """Somebody wrote to us. A person reads it in the raw receipt; by itself it proves nothing."""
    body = raw.body[16:]  # the head has a sequence number, which differs from repeat to repeat
    return Receipt(
        channel=raw.channel,
        key=hashlib.sha256(body).hexdigest(),
        at=raw.received_at,
        code="text_message",
        unclear="a text message came in",
    )
