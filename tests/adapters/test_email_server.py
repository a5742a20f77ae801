"""E-mail as other servers see it: TLS and login, and what a third party reads of what we ask."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.counterparts.smtp import SmtpCounterpart
from adapters.simulated import parse_script
from delivery.core.ports import Answer, Later, Refused, Taken
from tests import servers
from tests.adapters.contract import SteppingClock
from tests.adapters.email_rig import HERE, PATIENCE, channel, settings, to


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
