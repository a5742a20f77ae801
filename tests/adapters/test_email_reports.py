"""Reports on file, most with something wrong: what is read from them and what is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivery.core.model import Receipt
from tests.adapters.contract import START
from tests.adapters.email_rig import REPORTS, channel, raw


def outline(receipt: Receipt) -> tuple[str, str | None, str | None]:
    kind = receipt.fact.kind if receipt.fact else None
    return receipt.code, kind, receipt.fact.reason if receipt.fact else receipt.unclear


DISAGREE = "action and status of the report do not agree"
ANOTHER = "the report names another attempt than the address it came to"
PROSE = "a mail that is no delivery report: a person has to read it"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("postfix-delivered", ("delivered 2.0.0", "arrived", None)),
        ("postfix-relayed", ("relayed 2.0.0", "gateway_accepted", None)),
        ("postfix-delayed", ("delayed 4.3.0", None, None)),
        ("postfix-failed", ("failed 5.1.1", "bounced", "mailbox_unknown")),
        ("action-and-status-disagree", ("delivered 5.1.1", None, DISAGREE)),
        ("action-unknown", ("devoured 5.1.1", None, DISAGREE)),
        ("status-missing", ("failed", None, DISAGREE)),
        ("status-with-comment", ("failed 5.2.2", "bounced", "mailbox_full")),
        ("status-of-time-run-out", ("failed 4.4.7", "bounced", "blocked")),
        ("status-of-policy", ("failed 5.7.26", "bounced", "blocked")),
        ("fields-in-odd-case-and-folded", ("failed 5.1.1", "bounced", "mailbox_unknown")),
        ("envid-of-another-attempt", ("failed 5.1.1", None, ANOTHER)),
        ("envid-missing", ("failed 5.1.1", "bounced", "mailbox_unknown")),
        ("envid-and-message-id-missing", ("failed 5.1.1", "bounced", "mailbox_unknown")),
        ("no-third-part", ("failed 5.1.1", "bounced", "mailbox_unknown")),
        ("cut-short", ("failed", None, DISAGREE)),
        ("other-name-of-rfc-6533", ("failed 5.1.1", "bounced", "mailbox_unknown")),
        ("status-part-in-base64", ("mail", None, PROSE)),
        ("bounce-in-prose", ("mail", None, PROSE)),
        ("answer-by-hand", ("mail", None, PROSE)),
        ("out-of-office", ("auto_reply", None, None)),
    ],
)
def test_reports_with_something_wrong(name: str, expected: tuple[str, str | None, str | None]) -> None:
    (receipt,) = channel().read(raw(name))
    assert outline(receipt) == expected
    assert receipt.attempt == "d1.a1.1"


def test_every_report_in_the_folder_is_tested() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [path.stem for path in REPORTS.glob("*.eml") if f'"{path.stem}"' not in tested] == []


def test_a_report_about_two_recipients_is_two_receipts() -> None:
    first, second = channel().read(raw("two-recipients"))
    assert (outline(first), outline(second)) == (
        ("failed 5.1.1", "bounced", "mailbox_unknown"),
        ("failed 5.2.2", "bounced", "mailbox_full"),
    )
    assert first.key != second.key


@pytest.mark.parametrize("name", ["postfix-failed", "answer-by-hand", "out-of-office"])
def test_at_the_bare_mailbox_our_message_id_speaks(name: str) -> None:
    (receipt,) = channel().read(raw(name, "bounces@court.test"))
    assert receipt.attempt == "d1.a1.1"


@pytest.mark.parametrize("name", ["token-forged", "envid-and-message-id-missing", "no-third-part", "bounce-in-prose"])
def test_without_a_token_of_ours_nothing_is_believed(name: str) -> None:
    with pytest.raises(ValueError, match="without a token"):
        channel().read(raw(name, "bounces@court.test"))


def test_a_token_of_another_house_is_worth_nothing() -> None:
    with pytest.raises(ValueError, match="without a token"):
        channel(secret="another secret, also made up").read(raw("postfix-failed"))


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("date-in-the-future", START),
        ("date-unreadable", START),
        ("last-attempt-long-before-the-report", datetime.fromisoformat("2025-09-10T08:00:00+08:00")),
        ("out-of-office", datetime(2025, 9, 16, 1, 0, tzinfo=UTC)),
    ],
)
def test_when_it_happened(name: str, at: datetime) -> None:
    (receipt,) = channel().read(raw(name))
    assert receipt.at == at
    assert receipt.fact is None or receipt.fact.at == at


def test_a_mail_built_to_keep_a_parser_busy() -> None:
    deep = b"Content-Type: message/rfc822\r\n\r\n" * 5000
    many = b"".join(b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(500))
    for body in (deep, many):
        with pytest.raises(ValueError, match=r"too (deep|many)"):
            channel().read(replace(raw("postfix-failed"), body=body))


def test_only_the_beginning_of_a_mail_is_parsed() -> None:
    body = raw("postfix-failed").body
    (receipt,) = channel().read(replace(raw("postfix-failed"), body=body + b"x" * 1_000_000))
    assert receipt.code == "failed 5.1.1"
    padded = body.replace(b"\r\n\r\n", b"\r\n\r\n" + b"x" * 1_000_000 + b"\r\n", 1)
    (receipt,) = channel().read(replace(raw("postfix-failed"), body=padded))
    assert receipt.code == "mail"


def test_a_report_of_very_many_recipients_is_cut() -> None:
    block = b"\r\nFinal-Recipient: rfc822; x@y.test\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    body = raw("postfix-failed").body.replace(
        b"\r\n\r\nFinal-Recipient", b"\r\n" + block * 1000 + b"\r\nFinal-Recipient", 1
    )
    assert len(channel().read(replace(raw("postfix-failed"), body=body))) == 20
