"""What a court agrees with its carrier about one bind, and the table of statuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

ROK, RINVCMDID, RMSGQFUL, RTHROTTLED, RX_T_APPN = 0x00, 0x03, 0x14, 0x58, 0x64

THROTTLED: Final = frozenset({RMSGQFUL, RTHROTTLED})
NOT_NOW: Final = frozenset({0x04, 0x08, RX_T_APPN, 0xFF})
"""Wrong bind state, system error, the application's temporary fault, unknown error: it may be offered again."""

STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0x01: "ESME_RINVMSGLEN",
        0x03: "ESME_RINVCMDID",
        0x04: "ESME_RINVBNDSTS",
        0x05: "ESME_RALYBND",
        0x08: "ESME_RSYSERR",
        0x0A: "ESME_RINVSRCADR",
        0x0B: "ESME_RINVDSTADR",
        0x0D: "ESME_RBINDFAIL",
        0x0E: "ESME_RINVPASWD",
        0x0F: "ESME_RINVSYSID",
        0x14: "ESME_RMSGQFUL",
        0x45: "ESME_RSUBMITFAIL",
        0x50: "ESME_RINVDSTTON",
        0x51: "ESME_RINVDSTNPI",
        0x58: "ESME_RTHROTTLED",
        0x64: "ESME_RX_T_APPN",
        0xFF: "ESME_RUNKNOWNERR",
    }
)
"""SMPP 3.4 §5.1.3."""

ERRORS: Final[Mapping[str, str]] = MappingProxyType({"001": "number_void", "013": "blocked", "032": "mailbox_full"})
"""The mobile network's own numbers (3GPP TS 29.002: unknown subscriber, call barred, memory full); carriers differ."""


def status_name(status: int) -> str:
    return STATUS.get(status, f"0x{status:08X}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmppSettings:
    """One bind. Raises ValueError for what the wire cannot say. All times are seconds.

    `international`: numbers go out with `country_code` as type of number 1, else without as type 2.
    `message_ids`: as_is, or hex_to_decimal where answers have ids in hex that receipts repeat in decimal.
    `time_zone`: of the dates in receipts.
    `errors`: a receipt's error code → a reason of `bounced`, or `waiting` where the message may still arrive.
    `refused_for_now`: statuses of this carrier that mean "not now".
    `rate`: the most messages a second. `window`: the most that are unanswered at a time.
    `patience`: how long a message may wait for its turn, and for its other parts once one of them is taken.
    `pause_first`, `pause_most`: between tries to bind, and after a throttling; each doubles the one before.
    """

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    source_address: str
    system_type: str = ""
    source_ton: int = 0
    source_npi: int = 1
    country_code: str = "86"
    international: bool = True
    message_ids: Literal["as_is", "hex_to_decimal"] = "as_is"
    time_zone: str = "Asia/Shanghai"
    errors: Mapping[str, str] = field(default_factory=lambda: ERRORS)
    refused_for_now: frozenset[int] = frozenset()
    window: int = 10
    rate: float = 50.0
    answer_within: float = 30.0
    connect_within: float = 10.0
    enquire_every: float = 30.0
    patience: float = 10.0
    pause_first: float = 1.0
    pause_most: float = 60.0

    def __post_init__(self) -> None:
        limits = {"system_id": 15, "password": 8, "system_type": 12, "source_address": 20}  # SMPP 3.4 §5.2.1-3, §5.2.8
        for name, most in limits.items():
            if not re.fullmatch(rf"[\x20-\x7e]{{0,{most}}}", getattr(self, name)):
                raise ValueError(f"{name}: at most {most} ASCII characters")
        if self.window < 1 or self.rate <= 0:
            raise ValueError("window and rate: more than 0")
