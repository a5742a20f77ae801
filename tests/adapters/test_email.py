"""E-mail: the contract of every channel, what goes over the wire as others see it, and what comes back."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import smtplib
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from pathlib import Path

import pytest
import structlog

from adapters.counterparts.smtp import SmtpCounterpart
from adapters.email import EmailChannel, EmailSettings
from adapters.simulated import ScriptError, parse_script
from delivery.clock import RehearsalClock
from delivery.core.model import Address, Receipt
from delivery.core.ports import Answer, Consignment, Later, RawReceipt, Refused, Taken, Unknown
from tests import servers
from tests.adapters.contract import (
    CHECK_CODE,
    COURT_NAME,
    ID_NUMBER,
    LINK,
    NAME,
    START,
    Basket,
    ChannelContract,
    Rig,
    SteppingClock,
    consign,
)
from tests.adapters.postfix import postfix_server

HERE = Path(__file__).parent
REPORTS = HERE / "data" / "dsn"
PDF = b"%PDF-1.7 invented"
PATIENCE = 30.0


class EmailRig:
    """Our channel with its door, and the shipped mail server."""

    good, bad = "arrived", "bounced:mailbox_full"
    refused, later, throttled = "refused:5.1.1", "later:451", "later:4.7.0"
    cancels, repeatable, parts = False, False, 1

    def __init__(
        self, channel: EmailChannel, counterpart: SmtpCounterpart, clock: SteppingClock, basket: Basket
    ) -> None:
        self.channel, self.counterpart, self.clock, self.basket = channel, counterpart, clock, basket
        self._made = 0

    def consignment(self, script: str) -> Consignment:
        self._made += 1
        value = f"li.si+{self._made}@party.invalid"
        self.counterpart.play(value, parse_script(script))
        return consign(f"d{self._made}.a1.1", address(value))

    def log(self, attempt: str) -> list[str]:
        return [entry.what for entry in self.counterpart.log if entry.attempt == attempt]

    async def settle(self) -> None:
        await self.counterpart.advance()

    async def go_away(self) -> None:
        await self.counterpart.stop()

    async def come_back(self) -> None:
        await self.counterpart.start()


def address(value: str) -> Address:
    return Address(id="a1", channel="email", basis="confirmed", value=value)


def settings(port: int, **further: object) -> EmailSettings:
    given = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "songda@court.invalid",
        "bounces": "bounces@court.test",
        "secret": "made up for tests, never used",
        "timeout": 10.0,
    }
    return EmailSettings(**(given | further))


@asynccontextmanager
async def listening(channel: EmailChannel, basket: Basket) -> AsyncIterator[int]:
    """The channel's door is open; yields its port."""
    listener = asyncio.create_task(channel.listen(basket))
    try:
        yield await channel.listening_port()
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


@asynccontextmanager
async def email_rig(*, dsn: bool = True, **further: object) -> AsyncIterator[EmailRig]:
    clock, basket = SteppingClock(), Basket()
    door = EmailChannel(settings(0), clock=clock)
    async with listening(door, basket) as port:
        there = SmtpCounterpart(
            clock=clock, scripts={}, default=parse_script("taken"), reports_to=("127.0.0.1", port), dsn=dsn
        )
        await there.start()
        try:
            yield EmailRig(EmailChannel(settings(there.port, **further), clock=clock), there, clock, basket)
        finally:
            await there.stop()


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


def channel(port: int = 1, **further: object) -> EmailChannel:
    return EmailChannel(settings(port, **further), clock=SteppingClock())


def to(value: str, attempt: str = "d1.a1.1", *, attach: bool = False) -> Consignment:
    return consign(attempt, address(value), content=PDF, attach=attach)


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


@asynccontextmanager
async def dialogue(*replies: str, silent: bool = False) -> AsyncIterator[int]:
    """A server that answers line by line (the content counts as one), then hangs up, or says nothing more."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            for number, reply in enumerate(replies):
                if number:
                    await reader.readuntil(b"\r\n.\r\n" if replies[number - 1].startswith("354") else b"\r\n")
                writer.write(f"{reply}\r\n".encode())
            await (over.wait() if silent else reader.read(65536 if replies else 0))
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    over, talks = asyncio.Event(), list[asyncio.Task[None] | None]()
    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await asyncio.gather(*filter(None, talks))


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


# TLS and login.


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *names]
    subprocess.run(
        [*command, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True
    )
    return folder


@pytest.mark.parametrize(
    ("security", "implicit", "password", "kind"),
    [
        ("starttls", False, "right", Taken),
        ("starttls", False, "wrong", Later),
        ("none", False, "right", Later),
        ("tls", True, None, Taken),
        ("starttls", True, None, Later),
    ],
)
async def test_tls_and_login(
    certificate: Path, security: str, implicit: bool, password: str | None, kind: type[Answer]
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    login = {"username": "songda", "password": password} if password else {}
    there = SmtpCounterpart(
        clock=SteppingClock(),
        scripts={},
        default=parse_script("taken"),
        reports_to=("127.0.0.1", 1),
        tls=context,
        implicit=implicit,
        login=("songda", "right") if password else None,
    )
    await there.start()
    try:
        ours = channel(
            there.port, host="localhost", security=security, ca_file=str(certificate / "cert.pem"), timeout=0.5, **login
        )
        assert type(await ours.send(to("li.si@party.test"))) is kind
        stranger = channel(there.port, host="localhost", security=security, timeout=0.5, **login)
        assert isinstance(await stranger.send(to("li.si@party.test")), Later), "an unknown certificate"
    finally:
        await there.stop()


def test_settings_show_no_secret_and_find_their_mistakes() -> None:
    shown = repr(settings(25, username="songda", password="never to be seen"))
    assert "never" not in shown
    assert "made up" not in shown
    with pytest.raises(ValueError, match="secret"):
        settings(25, secret="short")
    with pytest.raises(ValueError, match="bounces"):
        settings(25, bounces="an-extremely-long-mailbox@court.test")


# What a third party reads (npm smtp-server).


@asynccontextmanager
async def smtp_server(**options: object) -> AsyncIterator[tuple[int, asyncio.Queue[dict[str, object]]]]:
    """Nodemailer's server; what it took comes as its own reading of it."""
    with servers.node_server(HERE / "smtp_server.js", json.dumps(options)) as (process, line):
        taken: asyncio.Queue[dict[str, object]] = asyncio.Queue()

        async def gather() -> None:
            assert process.stdout is not None
            while said := await asyncio.to_thread(process.stdout.readline):
                taken.put_nowait(json.loads(said))

        gathering = asyncio.create_task(gather())
        yield int(line), taken
        process.terminate()
        await gathering


async def test_a_third_party_reads_what_we_ask(npm_packages: Path) -> None:
    async with smtp_server() as (port, taken):
        answer = await channel(port).send(to("li+si=1@party.test"))
        seen = await asyncio.wait_for(taken.get(), PATIENCE)
    assert isinstance(answer, Taken)
    (recipient,) = seen["rcptTo"]
    assert recipient["address"] == "li+si=1@party.test"
    assert recipient["dsn"] == {"notify": ["SUCCESS", "FAILURE", "DELAY"], "orcpt": "rfc822;li+si=1@party.test"}
    assert seen["dsn"] == {"ret": "HDRS", "envid": "d1.a1.1"}
    assert seen["mailFrom"]["address"].startswith("bounces+d1.a1.1.")
    assert "SMTPUTF8" not in seen["mailFrom"]["args"]


async def test_a_third_party_reads_an_odd_attempt_id(npm_packages: Path) -> None:
    odd = "D1+A/ =x." + "9" * 60
    async with smtp_server() as (port, taken):
        await channel(port).send(to("li.si@party.test", odd))
        seen = await asyncio.wait_for(taken.get(), PATIENCE)
    assert seen["dsn"]["envid"] == odd
    assert len(seen["mailFrom"]["address"].partition("@")[0]) <= 64


async def test_smtputf8_only_where_the_local_part_needs_it(npm_packages: Path) -> None:
    async with smtp_server() as (port, taken):
        assert isinstance(await channel(port).send(to("li.si@法院.test")), Taken)
        plain = await asyncio.wait_for(taken.get(), PATIENCE)
        assert isinstance(await channel(port).send(to("李四@法院.test")), Taken)
        wide = await asyncio.wait_for(taken.get(), PATIENCE)
    assert "SMTPUTF8" not in plain["mailFrom"]["args"]
    assert wide["mailFrom"]["args"]["SMTPUTF8"] is True
    assert wide["rcptTo"][0]["address"].startswith("李四@")
    assert "李四@xn--" in base64.b64decode(wide["content"]).decode()


async def test_a_server_without_smtputf8_or_dsn(npm_packages: Path) -> None:
    async with smtp_server(hideDSN=True, hideSMTPUTF8=True) as (port, taken):
        assert await channel(port).send(to("李四@party.test")) == Refused(
            code="5.6.7", words="the mail server knows no addresses beyond ASCII"
        )
        assert isinstance(await channel(port).send(to("li.si@party.test")), Taken)
        seen = await asyncio.wait_for(taken.get(), PATIENCE)
    assert (seen["mailFrom"]["args"], seen["rcptTo"][0]["args"]) == (False, False), "nothing is asked"


# Real reports of Postfix.


class Letterbox(Basket):
    """A sink to wait at."""

    def __init__(self) -> None:
        super().__init__()
        self.news: asyncio.Queue[RawReceipt] = asyncio.Queue()

    async def receive(self, raw: RawReceipt) -> None:
        await super().receive(raw)
        self.news.put_nowait(raw)


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


# Several workers on one host.


async def test_one_worker_listens_and_another_takes_over_when_it_is_gone() -> None:
    port, boxes = servers.free_port(), [Letterbox(), Letterbox()]
    first, second = (channel(listen_port=port, pause=0.02) for _ in boxes)
    with structlog.testing.capture_logs() as lines:
        async with listening(first, boxes[0]):
            waiting = asyncio.create_task(second.listen(boxes[1]))
            async with asyncio.timeout(PATIENCE):
                while not any(line["event"] == "another_worker_listens_for_reports" for line in lines):  # noqa: ASYNC110 - a log has no bell
                    await asyncio.sleep(0.01)
            assert not waiting.done(), "it works without the port"
            assert await spoken(port, verp()) == [250, 250]
        async with asyncio.timeout(PATIENCE):
            assert await second.listening_port() == port
        assert await spoken(port, verp()) == [250, 250]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert [len(box.raws) for box in boxes] == [1, 1], "each report once, by whoever listened"
    heard = [line["event"] for line in lines if line["event"].endswith("listens_for_reports")]
    assert heard == ["listens_for_reports", "another_worker_listens_for_reports", "listens_for_reports"]


async def test_the_port_of_another_installation_is_a_mistake_to_mend() -> None:
    """Its door refuses our mailboxes, so no report would ever reach us."""
    stranger = channel(listen_port=servers.free_port(), secret="another court's secret, never used")
    async with listening(stranger, Basket()) as port:
        with pytest.raises(OSError, match=f"port {port} is taken.*listen_port") as wrong:
            await channel(listen_port=port).listen(Basket())
    assert wrong.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("replies", [["220 mail.court.test", *["250 ok"] * 3], ["HTTP/1.1 400 Bad Request"]])
async def test_the_port_of_another_program_is_a_mistake_to_mend(replies: list[str]) -> None:
    async with dialogue(*replies) as port:
        with pytest.raises(OSError, match=f"port {port} is taken"):
            await channel(listen_port=port).listen(Basket())


async def test_a_port_that_is_held_in_silence_is_a_mistake_in_the_end() -> None:
    async with dialogue() as port:
        with pytest.raises(OSError, match=f"port {port} is taken"):
            await channel(listen_port=port, pause=0.001).listen(Basket())


# Reports with something wrong.


def raw(name: str, recipient: str = "", received_at: datetime = START) -> RawReceipt:
    body = (REPORTS / f"{name}.eml").read_bytes()
    recipient = recipient or verp()
    return RawReceipt(
        channel="email", body=body, received_at=received_at, meta={"recipient": recipient, "sender": "<>"}
    )


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


# The door.


def verp() -> str:
    """The address of a report about d1.a1.1."""
    return str(message_from_bytes((REPORTS / "postfix-failed.eml").read_bytes())["To"])


async def spoken(port: int, *recipients: str, body: bytes = b"Subject: x\r\n\r\ny\r\n") -> list[int]:
    """The replies to RCPT, and to DATA where one was taken, as the standard library's client hears them."""

    def speak() -> list[int]:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.party.test", timeout=PATIENCE) as line:
            line.ehlo()
            line.mail("")
            codes = [line.rcpt(recipient)[0] for recipient in recipients]
            return [*codes, line.data(body)[0]] if 250 in codes else codes

    return await asyncio.to_thread(speak)


async def test_the_door_takes_what_is_ours_and_nothing_else() -> None:
    ours, basket = channel(), Basket()
    mailbox = verp()
    async with listening(ours, basket) as port:
        assert await spoken(port, "nobody@court.test") == [550]
        assert await spoken(port, mailbox.replace("d1.", "d2.")) == [550], "a tag of another attempt"
        assert await spoken(port, mailbox.replace("court.test", "elsewhere.test")) == [550]
        assert await spoken(port, mailbox, mailbox) == [250, 452, 250]
        assert await spoken(port, mailbox.upper()) == [250, 250]
        assert await spoken(port, "bounces@court.test") == [250, 250]
    assert [kept.meta["recipient"].lower() for kept in basket.raws] == [mailbox, mailbox, "bounces@court.test"]
    assert {kept.meta["sender"] for kept in basket.raws} == {"<>"}


async def test_what_cannot_be_kept_is_not_acknowledged() -> None:
    ours, basket = channel(), Basket(broken=True)
    async with listening(ours, basket) as port:
        assert await spoken(port, verp()) == [250, 451]


async def test_what_is_too_large_is_not_taken() -> None:
    ours, basket = channel(report_up_to=1000), Basket()
    async with listening(ours, basket) as port:
        assert await spoken(port, verp(), body=b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 20) == [250, 552]
    assert basket.raws == []


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
