"""What a receipt of SMPP says."""

from __future__ import annotations

from datetime import datetime

import pytest

from delivery.core.ports import RawReceipt
from tests.adapters.contract import START
from tests.adapters.smpp_rig import appendix_b, channel, receipt


@pytest.mark.parametrize(
    ("stat", "err", "kind", "reason"),
    [
        ("DELIVRD", "000", "arrived", None),
        ("DELIVRD", "001", "arrived", None),
        ("UNDELIV", "001", "bounced", "number_void"),
        ("UNDELIV", "032", "bounced", "mailbox_full"),
        ("REJECTD", "013", "bounced", "blocked"),
        ("EXPIRED", "999", "bounced", None),
        ("UNDELIV", "027", None, None),
        ("ENROUTE", "000", None, None),
        ("ACCEPTD", "000", None, None),
        ("DELETED", "000", None, None),
        ("UNKNOWN", "000", None, None),
        ("MK:0001", "000", None, None),
    ],
)
def test_what_a_state_says(stat: str, err: str, kind: str | None, reason: str | None) -> None:
    errors = {"001": "number_void", "032": "mailbox_full", "013": "blocked", "027": "waiting"}
    (read,) = channel(errors=errors).read(receipt(appendix_b(stat, err)))
    assert (read.fact.kind if read.fact else None) == kind
    assert (read.fact.reason if read.fact else None) == reason
    assert bool(read.unclear) == (stat in ("DELETED", "UNKNOWN", "MK:0001"))
    assert (read.reference, read.part, read.at) == ("A7", "A7", datetime.fromisoformat("2025-09-16T10:05+08:00"))


def test_the_done_date_is_of_the_carriers_zone_and_may_have_seconds() -> None:
    (read,) = channel(time_zone="UTC").read(receipt(appendix_b("DELIVRD", done="250916020530")))
    assert read.at == datetime.fromisoformat("2025-09-16T10:05:30+08:00")


@pytest.mark.parametrize("done", ["0000000000", "2513450000", "99", "２５０９１６１００５", "x"])
def test_without_a_readable_date_a_receipt_counts_when_it_came(done: str) -> None:
    pdu = receipt(appendix_b("DELIVRD", done=done.encode("ascii", "replace").decode()))
    assert channel().read(pdu)[0].at == START


def test_tlvs_say_it_too_and_are_preferred() -> None:
    (alone,) = channel().read(receipt(tlvs={0x1E: b"B8\0", 0x427: b"\x02"}, esm_class=0))
    (both,) = channel().read(
        receipt(appendix_b("DELIVRD"), {0x1E: b"B8\0", 0x427: b"\x05", 0x423: b"\x03\x00\x20"}),
    )
    assert (alone.reference, alone.code, alone.at) == ("B8", "DELIVRD", START)
    assert (both.reference, both.code, both.at.hour) == ("B8", "UNDELIV", 10)
    assert both.fact is not None
    assert both.fact.reason == "mailbox_full"


def test_hex_in_the_answer_decimal_in_the_receipt() -> None:
    hexed = channel(message_ids="hex_to_decimal")
    in_text, in_tlv = (
        receipt(appendix_b("DELIVRD", identifier="0000000255")),
        receipt(tlvs={0x1E: b"ff\0", 0x427: b"\x02"}),
    )
    assert [hexed.read(raw)[0].reference for raw in (in_text, in_tlv)] == ["255", "255"]


def test_repeats_share_a_key_and_other_states_do_not() -> None:
    keys = [channel().read(receipt(appendix_b(stat)))[0].key for stat in ("ENROUTE", "DELIVRD", "DELIVRD")]
    assert len({*keys}) == 2


@pytest.mark.parametrize(
    "raw", [receipt(), receipt("id:A7"), receipt("stat:DELIVRD"), receipt(appendix_b("", identifier=""))]
)
def test_a_receipt_that_says_too_little_is_a_value_error(raw: RawReceipt) -> None:
    with pytest.raises(ValueError, match="without a message id"):
        channel().read(raw)
