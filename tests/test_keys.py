"""Keys from the settings to the seal: made, enabled by two, rotated, revoked, in a file and on a token; never shown."""

from __future__ import annotations

import io
import os
import re
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from delivery import keyring, keys
from delivery.clock import COURT_ZONE
from delivery.core.seal_keys import ENABLED, ITSELF, MADE, REVOKED, KeyAct, SealKey
from delivery.journal.journal import Journal
from delivery.settings import Settings, SettingsWrong, load
from signing.certificates import pem_chain
from signing.errors import NoSealEnabled
from signing.file_signer import load_private_key
from signing.keys import KeyKind, make_key_file, open_key_file
from signing.pool import SealPool
from tests.journal.world import HandClock
from tests.servers import PROJECT
from tests.signing import documents
from tests.tokens import MODULE, PIN, softhsm

COURT = "632801"
LOCAL = PROJECT / "config" / "local.toml"
NOW = datetime(2025, 9, 16, 9, 30, tzinfo=COURT_ZONE)


def settings(folder: Path, key: str = "", *, self_made: bool = True) -> Settings:
    text = LOCAL.read_text("utf-8").replace("self_made = true", f"self_made = {str(self_made).lower()}")
    text = re.sub("^national = .*\n", "", text, flags=re.MULTILINE)
    if key:
        text = text.replace('code = "632801"\n', f'code = "632801"\nkey = {key}\n')
    (folder / "settings.toml").write_text(text, "utf-8")
    return load(folder / "settings.toml", {"SONGDA_DATA": str(folder / "data")})


@asynccontextmanager
async def watching(own: Settings) -> AsyncIterator[tuple[keys.Watch, Journal, SealPool]]:
    own.data.mkdir(exist_ok=True)
    clock = HandClock()
    journal = await Journal.open(f"sqlite+aiosqlite:///{own.data / 'journal.sqlite'}", clock)
    watch = keys.Watch(own, journal, clock)
    try:
        with closing(SealPool((await watch.begin()).courts, processes=0)) as pool:
            yield watch, journal, pool
    finally:
        await journal.close()


def act(what: str, by: str, at: datetime = NOW, since: datetime | None = None) -> KeyAct:
    return KeyAct(at=at, act=what, by=by, role="judge" if by == "judge" else "clerk", reason="核对无误", since=since)


async def enabled_by_two(journal: Journal, key: str, at: datetime = NOW) -> None:
    for name in ("clerk", "judge"):
        assert await journal.act_on_key(COURT, key, act(ENABLED, name, at)) is None


async def serial(pool: SealPool, at: datetime) -> int:
    sealed = await pool.seal(COURT, documents.reportlab_letter(), at, "送达", "示例市")
    (embedded,) = PdfFileReader(io.BytesIO(sealed), strict=False).embedded_signatures
    return int(embedded.signer_cert.serial_number)


def next_key(own: Settings, serial: int, since: datetime) -> tuple[SealKey, KeyAct]:
    made = make_key_file(
        keyring.password(own),
        court=COURT,
        court_name="示例市法院",
        not_before=NOW - timedelta(days=9),
        not_after=NOW + timedelta(days=999),
        serial=serial,
        kind=KeyKind.P384,
    )
    keyring.write_private(own.data / "keys" / f"next-{serial}.pem", made.content)
    source = {"kind": "file", "file": f"next-{serial}.pem"}
    return keys.described(COURT, source, pem_chain(made.certificate_pem)), act(MADE, "root", since=since)


async def test_the_first_key_of_a_self_made_installation_enables_itself_and_says_so(tmp_path: Path) -> None:
    own = settings(tmp_path)
    async with watching(own) as (_, journal, pool):
        (key,) = await journal.keys(COURT)
        assert [(one.act, one.by) for one in key.acts] == [(MADE, "service"), (ENABLED, ITSELF)]
        assert "两人" not in key.acts[1].reason
        assert "no two clerks" in key.acts[1].reason
        await serial(pool, NOW)
    async with watching(own) as (_, journal, _pool):
        assert await journal.keys(COURT) == [key]


async def test_elsewhere_a_key_that_is_found_waits_for_two(tmp_path: Path) -> None:
    async with watching(settings(tmp_path)):
        pass
    (tmp_path / "data" / "journal.sqlite").unlink()
    async with watching(settings(tmp_path, self_made=False)) as (watch, journal, pool):
        (key,) = await journal.keys(COURT)
        with pytest.raises(NoSealEnabled):
            await serial(pool, NOW)
        await journal.act_on_key(COURT, key.id, act(ENABLED, "clerk"))
        await watch.look_again(pool)
        with pytest.raises(NoSealEnabled):
            await serial(pool, NOW)
        await journal.act_on_key(COURT, key.id, act(ENABLED, "judge"))
        await watch.look_again(pool)
        assert await serial(pool, NOW)


async def test_rotation_while_it_runs(tmp_path: Path) -> None:
    """The new key seals from its day on; the old certificate is trusted still, and the old links open."""
    own = settings(tmp_path)
    async with watching(own) as (watch, journal, pool):
        first, old_links = await serial(pool, NOW), list(watch.link_keys)
        new, made = next_key(own, 4713, NOW + timedelta(days=7))
        await journal.keep_key(new, made)
        await enabled_by_two(journal, new.id)
        await watch.look_again(pool)
        assert [await serial(pool, NOW + timedelta(days=day)) for day in (6, 7)] == [first, 4713]
        assert set(old_links) < set(watch.link_keys)
        handed_out = (own.data / "seal.pem").read_text()
        assert handed_out.count("BEGIN CERTIFICATE") == 4
        # the new one is lost: the old one steps in, what the lost one opened stays shut, and nobody is told to trust it
        await journal.act_on_key(COURT, new.id, act(REVOKED, "judge", since=NOW))
        await watch.look_again(pool)
        assert await serial(pool, NOW + timedelta(days=8)) == first
        assert watch.link_keys == old_links
        assert (own.data / "seal.pem").read_text().count("BEGIN CERTIFICATE") == 2


async def test_when_the_only_key_is_revoked_nothing_is_sealed_and_nobody_is_told_to_trust_it(tmp_path: Path) -> None:
    own = settings(tmp_path)
    async with watching(own) as (watch, journal, pool):
        (key,) = await journal.keys(COURT)
        assert (own.data / "seal.pem").exists()
        await journal.act_on_key(COURT, key.id, act(REVOKED, "judge", since=NOW - timedelta(days=2)))
        await watch.look_again(pool)
        with pytest.raises(NoSealEnabled):
            await serial(pool, NOW)
        assert not (own.data / "seal.pem").exists()
        known = await journal.keys(COURT)
        assert keys.revoked_since(known) == {key.fingerprint: NOW - timedelta(days=2)}
        seals, _ = keys.own_trust(own, known)
        assert [pem_chain(one) for one in seals] == [pem_chain(key.certificate.encode())[:1]]


async def test_nothing_of_a_key_is_in_the_journal_or_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = settings(tmp_path)
    async with watching(own) as (watch, journal, pool):
        await serial(pool, NOW)
        shown = repr([watch, await journal.keys(), pool._courts, await watch._look(), own]).encode()
    password = keyring.password(own)
    opened = open_key_file((own.data / "keys" / f"{COURT}.pem").read_bytes(), password)
    numbers = load_private_key(opened.private_key_pem, None).private_numbers()
    secret = numbers.private_value.to_bytes(32, "big")
    lines = opened.private_key_pem.splitlines()
    traces = [password, secret, secret.hex().encode(), opened.link_key, opened.link_key.hex().encode(), *lines[1:-1]]
    names = ("journal.sqlite", "backup.sqlite")
    with closing(sqlite3.connect(own.data / names[0])) as live, closing(sqlite3.connect(own.data / names[1])) as backup:
        live.backup(backup)  # as docs/operating.md has it done
    places = [path for path in own.data.rglob("*") if path.is_file() and path.parent.name != "keys"]
    assert {"journal.sqlite", "backup.sqlite", "seal.pem"} <= {path.name for path in places}
    for trace in traces:
        assert not any(trace in path.read_bytes() for path in places)
        assert trace not in shown
        assert trace.decode("latin-1") not in caplog.text


async def test_key_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    own = settings(tmp_path)
    async with watching(own):
        pass
    files = list((own.data / "keys").iterdir())
    assert {path.name for path in files} == {"632801.pem", "password"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((own.data / "keys").stat().st_mode) == 0o700


async def test_a_court_whose_key_is_on_a_token(tmp_path: Path) -> None:
    token_folder = tmp_path / "token"
    token_folder.mkdir()
    key = f'{{ kind = "pkcs11", module = "{MODULE}", token = "court", label = "seal", pin_file = "pin" }}'
    with softhsm(token_folder, "court") as token:
        validity = {"not_before": NOW - timedelta(days=9), "not_after": NOW + timedelta(days=999)}
        for label, number in (("seal", 101), ("seal-2", 102)):
            made = make_key_file(b"x", court=COURT, court_name="示例市法院", serial=number, **validity)
            token.put(made, b"x", label=label, key_id=f"{number:04d}")
        own = settings(tmp_path, key, self_made=False)
        _secrets(own)
        async with watching(own) as (watch, journal, pool):
            (first,) = await journal.keys(COURT)
            assert PIN not in repr(first)
            await enabled_by_two(journal, first.id)
            await watch.look_again(pool)
            assert await serial(pool, NOW) == 101
            source = keys.named_source(own.courts[0], label="seal-2", key_id="0102")
            new = keys.described(COURT, source, keys.recipe_of(own, own.courts[0], source)().chain)
            await journal.keep_key(new, act(MADE, "root", since=NOW + timedelta(days=1)))
            await enabled_by_two(journal, new.id)
            await watch.look_again(pool)
            assert [await serial(pool, NOW + timedelta(days=day)) for day in (0, 1)] == [101, 102]


def _secrets(own: Settings) -> None:
    keyring.write_private(own.data / "keys" / "pin", PIN.encode())
    keyring.write_private(own.data / "keys" / "link-secret", os.urandom(16).hex().encode())


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ('"file"', {"key": "a table"}),
        ('{ kind = "paper" }', {"key/kind": "file, pkcs11, remote"}),
        ('{ kind = "file", algorithm = "rsa-1024" }', {"key/algorithm": "p-256"}),
        ('{ kind = "file", token = "x" }', {"key/token": "no such setting"}),
        (
            '{ kind = "pkcs11", module = "softhsm.so", key_id = "0g" }',
            {"key/token": "is needed", "key/pin_file": "is needed", "key/module": "whole path", "key/key_id": "hex"},
        ),
        ('{ kind = "pkcs11", module = "/m.so", token = "t", pin_file = "p" }', {"key/label": "label"}),
        (
            '{ kind = "remote", url = "http://sign.example/csc/v2", timeout = 0, credential = 7 }',
            {"key/url": "https", "key/timeout": "seconds", "key/credential": "text", "key/token_file": "is needed"},
        ),
    ],
)
def test_every_mistake_of_a_key_is_told_at_once(key: str, wrong: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong) as told:
        settings(tmp_path, key)
    assert len(told.value.faults) == len(wrong)
    for place, says in wrong.items():
        assert any(f"/court/0/{place}: " in fault and says in fault for fault in told.value.faults), place


def test_a_recipe_needs_its_settings(tmp_path: Path) -> None:
    own = settings(tmp_path)
    court = replace(own.courts[0])
    with pytest.raises(keys.KeyRefused, match="do not say"):
        keys.recipe_of(own, court, {"kind": "remote", "credential": "x"})
