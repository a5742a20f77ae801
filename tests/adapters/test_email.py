"""E-mail: the contract of every channel, what the recipient gets, what answers mean, and the counterpart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from adapters.counterparts.smtp import SmtpCounterpart
from adapters.email import EmailChannel
from adapters.simulated import ScriptError, parse_script
from delivery.clock import RehearsalClock
from delivery.core.ports import Answer, Consignment, Later, Refused, Taken, Unknown
from tests.adapters.contract import (
    CHECK_CODE,
    COURT_NAME,
    ID_NUMBER,
    LINK,
    NAME,
    START,
    ChannelContract,
    Rig,
    SteppingClock,
)
from tests.adapters.email_rig import (
    PATIENCE,
    PDF,
    EmailRig,
    Letterbox,
    channel,
    dialogue,
    email_rig,
    listening,
    settings,
    to,
)


@pytest.fixture
async def rig() -> AsyncIterator[EmailRig]:
    async with email_rig() as rig:
        yield rig


class TestContract(ChannelContract):
    test_a_report_that_is_taken_back = None  # SMTP takes nothing back

    @pytest.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        async with email_rig() as rig:
            yield rig


# What the recipient gets.


async def received(rig: EmailRig, consignment: Consignment) -> EmailMessage:
    assert isinstance(await rig.channel.send(consignment), Taken)
    (content,) = rig.counterpart.mailboxes[str(consignment.address.value)]
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def bodies(message: EmailMessage) -> tuple[str, str]:
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


async def test_text_and_html_tell_who_writes_and_how_to_check_it(rig: EmailRig) -> None:
    message = await received(rig, to("li.si@party.test", attach=True))
    for body in bodies(message):
        for wanted in (COURT_NAME, CHECK_CODE, LINK, "https://songda.invalid/", "12368", "怎么做", "What to do"):
            assert wanted in body
        assert body.index("怎样辨别真假") < body.index("How to know that this is genuine"), "Chinese first"
    assert COURT_NAME in str(message["Subject"])
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "zh-CN, en"


async def test_no_names_no_case_and_no_amounts_in_the_mail(rig: EmailRig) -> None:
    consignment = to("li.si@party.test", attach=True)
    message = await received(rig, consignment)
    for text in (*bodies(message), *map(str, message.values())):
        for secret in (NAME, ID_NUMBER, consignment.case_number):
            assert secret not in text


@pytest.mark.parametrize(
    ("attach", "limit", "names"), [(True, 10_000, ["传票.pdf"]), (False, 10_000, []), (True, 10, [])]
)
async def test_the_sealed_pdf_travels_where_it_may_and_fits(attach: bool, limit: int, names: list[str]) -> None:
    async with email_rig(attach_up_to=limit) as rig:
        message = await received(rig, to("li.si@party.test", attach=attach))
    attached = [*message.iter_attachments()]
    assert [part.get_filename() for part in attached] == names
    assert all(part.get_content() == PDF for part in attached)
    assert all(("attached" in body) == bool(names) for body in bodies(message))


async def test_a_title_cannot_lead_out_of_the_folder(rig: EmailRig) -> None:
    consignment = to("li.si@party.test", attach=True)
    (enclosure,) = consignment.enclosures
    odd = replace(enclosure, title="../..\\传票\r\nX: y")
    message = await received(rig, replace(consignment, enclosures=(odd,)))
    assert [part.get_filename() for part in message.iter_attachments()] == ["传票X y.pdf"]


async def test_a_rehearsal_and_a_reminder_say_so() -> None:
    async with email_rig(rehearsal=True) as rig:
        message = await received(rig, replace(to("li.si@party.test"), reminder=True))
    assert str(message["Subject"]).startswith("【演练 Rehearsal】【提醒 Reminder】")
    assert all("没有法律效力" in body and "reminder" in body.lower() for body in bodies(message))


async def test_what_a_court_is_called_is_text_and_no_markup(rig: EmailRig) -> None:
    consignment = replace(to("li.si@party.test"), court_name="<b>$link & 法院</b>")
    _, html = bodies(await received(rig, consignment))
    assert "&lt;b&gt;$link &amp; 法院&lt;/b&gt;</h1>" in html
    assert "<b>" not in html


async def test_a_second_try_carries_the_same_names(rig: EmailRig) -> None:
    consignment = rig.consignment("lost_before taken")
    assert isinstance(await rig.channel.send(consignment), Unknown)
    first = await received(rig, consignment)
    other = await received(rig, rig.consignment("taken"))
    assert str(consignment.attempt) in first["Message-ID"]
    assert first["Message-ID"] != other["Message-ID"]


# What the server says, and what it means for us.


@pytest.mark.parametrize(
    ("script", "answer"),
    [
        ("refused:5.1.1", Refused(code="5.1.1")),
        ("refused:550", Refused(code="5.0.0")),
        ("refused:552", Refused(code="5.0.0")),
        ("refused:530", Later(code="5.0.0")),
        ("later:421", Later(code="4.0.0")),
        ("later:4.2.1", Later(code="4.2.1")),
        ("lost", Unknown()),
        ("lost_before", Unknown()),
    ],
)
async def test_answers(rig: EmailRig, script: str, answer: Answer) -> None:
    said = await rig.channel.send(rig.consignment(script))
    assert type(said) is type(answer)
    assert getattr(said, "code", None) == getattr(answer, "code", None)


@pytest.mark.parametrize("replies", [["354 go on", "452 4.3.1 no room"], ["451 4.3.0 not now"]])
async def test_a_no_to_the_content_is_certain(replies: list[str]) -> None:
    async with dialogue("220 hello", "250 hello", "250 ok", "250 ok", *replies) as port:
        assert isinstance(await channel(port).send(to("li.si@party.test")), Later)


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        ([], Later),
        (["554 5.3.2 no service"], Later),
        (["220 hello"], Later),
        (["220 hello", "250 hello"], Later),
        (["220 hello", "250 hello", "550 5.7.1 not you"], Refused),
        (["220 hello", "250 hello", "250 ok"], Later),
        (["220 hello", "250 hello", "250 ok", "nonsense"], Later),
        (["220 hello", "250 hello", "250 ok", "250 ok"], Unknown),
        (["220 hello", "250 hello", "250 ok", "250 ok", "354 go on"], Unknown),
        (["220 hello", "250 hello", "250 ok", "250 ok", "354 go on", "nonsense"], Unknown),
        (["220 hello", "250 hello", "250 ok", "250 ok", "354 go on", "554 5.6.0 no"], Refused),
        (["220 hello", "250 hello", "250 ok", "250 ok", "354 go on", "250 ok"], Taken),
    ],
)
async def test_a_connection_that_breaks_after_each_reply(replies: list[str], kind: type[Answer]) -> None:
    async with dialogue(*replies) as port:
        assert type(await channel(port).send(to("li.si@party.test"))) is kind


@pytest.mark.parametrize(
    ("replies", "kind"),
    [([], Later), (["220 hello", "250 hello"], Later), (["220 x", *["250 x"] * 3, "354 x"], Unknown)],
)
async def test_a_server_that_falls_silent(replies: list[str], kind: type[Answer]) -> None:
    async with dialogue(*replies, silent=True) as port:
        assert type(await channel(port, timeout=0.2).send(to("li.si@party.test"))) is kind


@pytest.mark.parametrize(
    "value", ["", "li.si", "@party.test", "li.si@", "li si@party.test", "a@b@c", "li@-.\r\nDATA", "x@" + "a" * 70]
)
async def test_what_is_no_address_is_refused_before_anybody_is_called(value: str) -> None:
    assert await channel().send(to(value)) == Refused(code="5.1.3", words="not an e-mail address")


async def test_without_dsn_nothing_is_asked_and_the_answer_says_so() -> None:
    async with email_rig(dsn=False) as rig:
        answer = await rig.channel.send(to("li.si@party.test"))
    assert isinstance(answer, Taken)
    assert "no delivery notices" in answer.words


async def test_with_dsn_the_answer_says_nothing_of_it(rig: EmailRig) -> None:
    answer = await rig.channel.send(to("li.si@party.test"))
    assert isinstance(answer, Taken)
    assert "no delivery notices" not in answer.words


# The counterpart.


@pytest.mark.parametrize(
    "script",
    ["taken; 1h read", "taken; 1h bounced:number_void", "taken; 1h arrived; 2h cancelled", "refused:451", "later:x"],
)
def test_what_smtp_cannot_say_is_a_fault_of_the_script(script: str) -> None:
    with pytest.raises(ScriptError):
        SmtpCounterpart(clock=SteppingClock(), scripts={}, default=parse_script(script), reports_to=("127.0.0.1", 1))


async def test_the_counterpart_knows_what_is_due(rig: EmailRig) -> None:
    await rig.channel.send(rig.consignment("taken; 1h arrived"))
    assert rig.counterpart.next_due() == START + timedelta(hours=1)
    assert rig.basket.raws == []
    rig.clock.forward(timedelta(hours=1))
    await rig.settle()
    assert rig.counterpart.next_due() is None
    assert len(rig.basket.raws) == 1


async def test_the_counterpart_reports_by_itself_when_its_clock_gets_there() -> None:
    clock, box = RehearsalClock(START), Letterbox()
    door = EmailChannel(settings(1), clock=clock)
    async with listening(door, box) as port:
        script = parse_script("taken; 1s arrived")
        there = SmtpCounterpart(clock=clock, scripts={}, default=script, reports_to=("127.0.0.1", port))
        await there.start()
        await channel(there.port).send(to("li.si@party.test"))
        (receipt,) = door.read(await asyncio.wait_for(box.news.get(), PATIENCE))
        await there.stop()
    assert receipt.code == "delivered 2.0.0"


async def test_nothing_is_reported_that_nobody_asked_for() -> None:
    async with email_rig(dsn=False) as rig:
        await rig.channel.send(rig.consignment("taken; 1h arrived"))
        assert rig.counterpart.next_due() is None
