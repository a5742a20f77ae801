"""Real reports of Postfix, and the reports of our counterpart beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes
from email.message import Message

import pytest

from adapters.counterparts.smtp import SmtpCounterpart
from adapters.simulated import parse_script
from delivery.core.ports import Refused, Taken
from tests import servers
from tests.adapters.contract import SteppingClock
from tests.adapters.email_rig import PATIENCE, REPORTS, EmailRig, Letterbox, channel, email_rig, listening, to
from tests.adapters.postfix import postfix_server


@pytest.fixture
async def rig() -> AsyncIterator[EmailRig]:
    async with email_rig() as rig:
        yield rig


@pytest.fixture(scope="module")
def postfix() -> Iterator[tuple[int, int, int]]:
    """Ports of Postfix, of our door, and of the host that it relays to."""
    door, relay = servers.free_port(), servers.free_port()
    with postfix_server(door_port=door, relay_port=relay) as port:
        yield port, door, relay


@asynccontextmanager
async def beyond(relay: int, script: str) -> AsyncIterator[None]:
    """The host behind Postfix, which speaks no DSN."""
    there = SmtpCounterpart(
        clock=SteppingClock(),
        scripts={},
        default=parse_script(script),
        port=relay,
        reports_to=("127.0.0.1", 1),
        dsn=False,
    )
    await there.start()
    try:
        yield
    finally:
        await there.stop()


@pytest.mark.parametrize(
    ("value", "script", "told"),
    [
        ("inbox@party.test", "taken", [("delivered 2.0.0", "arrived", None)]),
        ("li.si@relay.test", "taken", [("relayed 2.0.0", "gateway_accepted", None)]),
        ("li.si@relay.test", "refused:5.1.1", [("failed 5.1.1", "bounced", "mailbox_unknown")]),
        ("li.si@relay.test", "refused:5.2.2", [("failed 5.2.2", "bounced", "mailbox_full")]),
        ("li.si@relay.test", "refused:5.7.1", [("failed 5.7.1", "bounced", "blocked")]),
        (
            "li.si@relay.test",
            "later*3 taken",
            [("delayed 4.3.0", None, None), ("relayed 2.0.0", "gateway_accepted", None)],
        ),
    ],
)
@pytest.mark.parametrize("attempt", ["d1.a1.1", "D1.An-Address-Of-36-Characters-And-More.1"])
async def test_reports_of_postfix(
    postfix: tuple[int, int, int], attempt: str, value: str, script: str, told: list[tuple[str, str | None, str | None]]
) -> None:
    port, door, relay = postfix
    box, ours = Letterbox(), channel(port, listen_port=door)
    async with listening(ours, box), beyond(relay, script):
        answer = await ours.send(to(value, attempt))
        for expected in told:
            (receipt,) = ours.read(await asyncio.wait_for(box.news.get(), PATIENCE))
            assert isinstance(answer, Taken)
            assert (receipt.attempt, receipt.reference) == (attempt, answer.references[0])
            fact = receipt.fact
            assert (receipt.code, fact and fact.kind, fact and fact.reason) == expected


@pytest.mark.parametrize(("value", "code"), [("nobody@party.test", "5.1.1"), ("full@party.test", "5.2.2")])
async def test_refusals_of_postfix(postfix: tuple[int, int, int], value: str, code: str) -> None:
    answer = await channel(postfix[0]).send(to(value))
    assert isinstance(answer, Refused)
    assert answer.code == code


async def test_a_report_that_we_could_not_keep_is_brought_again(postfix: tuple[int, int, int]) -> None:
    port, door, relay = postfix
    box, ours = Letterbox(), channel(port, listen_port=door)
    box.broken = True
    async with beyond(relay, "taken"):
        async with listening(ours, box):
            assert isinstance(await ours.send(to("inbox@party.test")), Taken)
        box.broken = False
        async with listening(ours, box):
            (receipt,) = ours.read(await asyncio.wait_for(box.news.get(), PATIENCE))
    assert receipt.code == "delivered 2.0.0"


@pytest.mark.parametrize(
    ("golden", "happening"),
    [
        ("postfix-delivered", "arrived"),
        ("postfix-relayed", "relayed"),
        ("postfix-delayed", "delayed"),
        ("postfix-failed", "bounced:mailbox_unknown"),
    ],
)
async def test_the_counterparts_reports_have_the_fields_of_postfix(rig: EmailRig, golden: str, happening: str) -> None:
    value = {"arrived": "inbox@party.test", "bounced:mailbox_unknown": "unknown@relay.test"}.get(
        happening, "slow@relay.test"
    )
    rig.counterpart.play(value, parse_script(f"taken; 1h {happening}"))
    await rig.channel.send(to(value))
    rig.clock.forward(timedelta(hours=1))
    await rig.settle()
    theirs, ours = fields((REPORTS / f"{golden}.eml").read_bytes()), fields(rig.basket.raws[-1].body)
    by_the_host = {"reporting-mta", "arrival-date", "diagnostic-code", "last-attempt-date", "message-id", "date"}
    missing = {name for name in theirs.keys() - ours.keys() if not name.startswith("x-")}
    assert missing <= {"remote-mta", "will-retry-until"}, "optional in RFC 3464"
    for name in ours.keys() & theirs.keys() - by_the_host:
        same = (
            (value.partition(".")[0] for value in (ours[name], theirs[name]))
            if name == "status"
            else (ours[name], theirs[name])
        )
        assert len({*same}) == 1, name


def fields(report: bytes) -> Mapping[str, str]:
    """The machine-readable fields of a report, who it is for, and our own headers that it quotes."""
    mail = message_from_bytes(report)
    _, status, quoted = mail.get_payload()
    about_message, about_recipient, *_ = status.get_payload()
    found = {
        name.lower(): str(value).replace("; ", ";")
        for part in (about_message, about_recipient)
        for name, value in part.items()
    }
    quoted_headers: Message = message_from_bytes(quoted.get_payload().encode())
    found |= {name: str(mail[name]) for name in ("To", "Auto-Submitted", "Date") if name != "Date"}
    found |= {f"quoted {name}": str(quoted_headers[name]) for name in ("Message-ID", "From", "To", "Subject")}
    found |= {"type": mail.get_content_type(), "report-type": str(mail.get_param("report-type"))}
    found |= {"parts": " ".join(part.get_content_type() for part in mail.get_payload())}
    return found
