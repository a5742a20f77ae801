"""Who sent it: nobody talks himself into another's place, and the people behind a proxy are told apart."""

from __future__ import annotations

import io
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from delivery.settings import SettingsWrong, load
from delivery.web.senders import sender_of
from delivery.web.verify_page import PER_SENDER
from tests.servers import PROJECT
from tests.web.stage import Stage

OURS = (ip_network("10.0.0.0/24"), ip_network("2001:db8::/64"))


def sender(remote: str, *forwarded: str) -> str:
    headers = [("X-Forwarded-For", line) for line in forwarded]
    request = make_mocked_request("POST", "/verify", headers=aiohttp.typedefs.CIMultiDict(headers))
    return sender_of(request.clone(remote=remote), OURS)


@pytest.mark.parametrize(
    ("remote", "forwarded", "found"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),  # no proxy of ours: what it says of others is its own word
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7",), "198.51.100.7"),  # the left is what the sender wrote
        ("10.0.0.1", ("203.0.113.9", "198.51.100.7"), "198.51.100.7"),
        ("10.0.0.1", ("198.51.100.7, 10.0.0.2",), "198.51.100.7"),  # two proxies of ours
        ("2001:db8::1", ("2001:db8:1::5",), "2001:db8:1::5"),
        ("10.0.0.1", ("unknown",), "unknown"),
        ("10.0.0.1", ("198.51.100.7, ",), "10.0.0.1"),
    ],
)
def test_whose_request_it_is(remote: str, forwarded: tuple[str, ...], found: str) -> None:
    assert sender(remote, *forwarded) == found


@given(st.lists(st.sampled_from(["203.0.113.9", "10.0.0.9", "x", "", "2001:db8::2"]), max_size=5))
def test_whatever_a_sender_writes_he_stays_who_he_is(written: list[str]) -> None:
    """The proxy adds the address that it saw at the end."""
    assert sender("10.0.0.1", ", ".join([*written, "198.51.100.7"])) == "198.51.100.7"


async def test_people_behind_a_proxy_are_counted_apart(stage: Stage) -> None:
    async def ask(http: aiohttp.ClientSession, who: str) -> int:
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(b"%PDF-"), filename="a.pdf")
        async with http.post("/verify", data=form, headers={"X-Forwarded-For": who}) as answer:
            return answer.status

    async with aiohttp.ClientSession(stage.base_url) as http:
        asked = [await ask(http, f"203.0.113.{number}, 198.51.100.7") for number in range(PER_SENDER + 1)]
        assert asked == [200] * PER_SENDER + [429]
        assert await ask(http, "198.51.100.8") == 200


def test_a_proxy_is_an_address_or_a_network(tmp_path: Path) -> None:
    local = (PROJECT / "config" / "local.toml").read_text("utf-8")
    file = tmp_path / "settings.toml"
    proxies = 'proxies = ["10.0.0.7", "2001:db8::/64"'
    file.write_text(local.replace("[web]\n", f"[web]\n{proxies}]\n"), "utf-8")
    assert [str(one) for one in load(file, {}).proxies] == ["10.0.0.7/32", "2001:db8::/64"]
    file.write_text(local.replace("[web]\n", f'[web]\n{proxies}, "proxy.example", "10.0.0.7/24"]\n'), "utf-8")
    with pytest.raises(SettingsWrong) as told:
        load(file, {})
    assert [fault.partition(": ")[2].partition(":")[0] for fault in told.value.faults] == [
        "/web/proxies/2",
        "/web/proxies/3",
    ]
