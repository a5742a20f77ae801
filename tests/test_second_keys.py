"""The second seal's key: in the inventory, enabled by two, rotated and revoked as the first seal's is."""

from __future__ import annotations

import io
import stat
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from delivery import keyring, keys
from delivery.core.seal_keys import ENABLED, ITSELF, MADE, REVOKED
from delivery.settings import Settings, SettingsWrong, load
from signing.certificates import pem_chain
from signing.errors import KeyFileUnreadable, KeyRefused, NoSealEnabled
from signing.national import ses, sm2
from signing.national.keys import open_key_file
from signing.pack import PackContent
from signing.pool import SealPool
from tests.signing.test_evidence import evidence
from tests.test_keys import COURT, NOW, act, enabled_by_two, settings, watching


def national(folder: Path, table: str = '{ kind = "file" }', *, self_made: bool = True) -> Settings:
    own = settings(folder, self_made=self_made)
    text = own.path.read_text("utf-8").replace('code = "632801"\n', f'code = "632801"\nnational = {table}\n')
    own.path.write_text(text, "utf-8")
    return load(own.path, {"SONGDA_DATA": str(folder / "data")})


async def packed(pool: SealPool, at: datetime = NOW) -> dict[str, bytes]:
    sealed = await pool.evidence(COURT, evidence(), at)
    content = PackContent(documents=(("d1", b"%PDF-1 a"),), proof=b"%PDF-1 b", evidence=sealed)
    with zipfile.ZipFile(io.BytesIO(await pool.pack(COURT, content, at))) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


async def test_a_pack_carries_a_second_seal_by_the_certificate_that_is_handed_out(tmp_path: Path) -> None:
    own = national(tmp_path)
    async with watching(own) as (_, _, pool):
        parts = await packed(pool)
    (certificate,) = pem_chain((own.data / "seal-sm2.pem").read_bytes())
    assert parts["certificates/sm2.der"] == certificate
    assert stat.S_IMODE((own.data / "keys" / "632801-sm2.pem").stat().st_mode) == 0o600
    for name in ("documents/d1.pdf", "proof.pdf"):
        assert sm2.verify(sm2.point_of(certificate), parts[name], parts[f"seals/{name}.sm2"])
    assert ses.check_signature(parts["seals/proof.pdf.ses"], parts["proof.pdf"]).at == NOW


async def test_the_second_key_is_kept_and_a_named_file_replaces_it(tmp_path: Path) -> None:
    async with watching(national(tmp_path)) as (_, _, pool):
        first = (await packed(pool))["certificates/sm2.der"]
    async with watching(national(tmp_path)) as (_, _, pool):
        assert (await packed(pool))["certificates/sm2.der"] == first
    async with watching(national(tmp_path, '{ kind = "file", file = "next-sm2.pem" }')) as (_, journal, pool):
        assert (await packed(pool))["certificates/sm2.der"] != first
        assert sorted(key.second for key in await journal.keys(COURT)) == [False, True, True]
    assert len(pem_chain((tmp_path / "data" / "seal-sm2.pem").read_bytes())) == 2, (
        "what the first one sealed stays good"
    )


async def test_it_is_in_the_inventory_with_algorithm_and_dates(tmp_path: Path) -> None:
    async with watching(national(tmp_path)) as (_, journal, _pool):
        first, second = sorted(await journal.keys(COURT), key=lambda key: key.second)
    assert (second.algorithm, second.bits, second.subject) == ("sm2-sm3", 256, "CN=格尔木市人民法院, C=CN")
    assert (second.not_before, second.not_after) == (keyring.NOT_BEFORE, keyring.NOT_AFTER)
    assert [(one.act, one.by) for one in second.acts] == [(MADE, "service"), (ENABLED, ITSELF)]
    assert (first.algorithm, second.id) == ("ecdsa-p256-sha256", second.fingerprint[:16])


async def test_nothing_of_it_is_in_the_journal_or_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = national(tmp_path)
    async with watching(own) as (watch, journal, pool):
        await packed(pool)
        shown = repr([watch, await journal.keys(), pool._courts, await watch._look(), own])
    file = (own.data / "keys" / "632801-sm2.pem").read_bytes()
    number = open_key_file(file, keyring.password(own)).private_key
    secret = number.to_bytes(32, "big")
    traces = [secret, secret.hex().encode(), str(number).encode(), *file.split(b"-----END")[0].splitlines()[1:]]
    places = [path for path in own.data.rglob("*") if path.is_file() and path.parent.name != "keys"]
    assert {"journal.sqlite", "seal-sm2.pem"} <= {path.name for path in places}
    for trace in traces:
        assert not any(trace in path.read_bytes() for path in places)
        assert trace.decode("latin-1") not in shown + caplog.text


async def test_elsewhere_it_waits_for_two_and_no_pack_goes_without_it(tmp_path: Path) -> None:
    async with watching(national(tmp_path)):
        pass
    (tmp_path / "data" / "journal.sqlite").unlink()
    async with watching(national(tmp_path, self_made=False)) as (watch, journal, pool):
        first, second = sorted(await journal.keys(COURT), key=lambda key: key.second)
        await enabled_by_two(journal, first.id)
        await watch.look_again(pool)
        await journal.act_on_key(COURT, second.id, act(ENABLED, "clerk"))
        await watch.look_again(pool)
        with pytest.raises(NoSealEnabled, match="SM2"):
            await packed(pool)
        await journal.act_on_key(COURT, second.id, act(ENABLED, "judge"))
        await watch.look_again(pool)
        assert "certificates/sm2.der" in await packed(pool)
        await journal.act_on_key(COURT, second.id, act(REVOKED, "judge"))
        await watch.look_again(pool)
        with pytest.raises(NoSealEnabled, match="SM2"):
            await packed(pool)


async def test_rotation_with_overlap_while_it_runs(tmp_path: Path) -> None:
    own = national(tmp_path)
    async with watching(own) as (watch, journal, pool):
        before = (await packed(pool))["certificates/sm2.der"]
        file = keyring.make_national(own, own.courts[0], NOW - timedelta(days=1), NOW + timedelta(days=99))
        source = keys.second_source(file)
        new = keys.described(COURT, source, keys.recipe_of(own, own.courts[0], source)().chain)
        await journal.keep_key(new, act(MADE, "root", since=NOW + timedelta(days=7)))
        await enabled_by_two(journal, new.id)
        await watch.look_again(pool)
        assert (await packed(pool))["certificates/sm2.der"] == before
        later = await packed(pool, NOW + timedelta(days=7))
        assert later["certificates/sm2.der"] == pem_chain(new.certificate.encode())[0]


async def test_another_key_in_the_place_of_the_enabled_one_seals_nothing(tmp_path: Path) -> None:
    own = national(tmp_path)
    async with watching(own) as (_, _, pool):
        other = keyring.make_national(own, own.courts[0], NOW - timedelta(days=1), NOW + timedelta(days=99))
        (own.data / "keys" / other).replace(own.data / "keys" / "632801-sm2.pem")
        with pytest.raises(KeyRefused, match="enabled"):
            await packed(pool)


async def test_a_second_key_that_is_missing_or_does_not_open_is_told_at_the_start(tmp_path: Path) -> None:
    own = national(tmp_path)
    async with watching(own):
        pass
    other = own.data / "keys" / "632801-sm2.pem"
    other.write_bytes(b"no key")
    with pytest.raises(KeyFileUnreadable):
        async with watching(own):
            pass
    other.unlink()
    with pytest.raises(KeyRefused, match="sm2"):
        async with watching(national(tmp_path, self_made=False)):
            pass


async def test_a_first_second_key_that_nobody_put_there_is_told_at_the_start(tmp_path: Path) -> None:
    async with watching(settings(tmp_path)):
        pass
    with pytest.raises(keyring.SecretMissing, match="sm2"):
        async with watching(national(tmp_path, self_made=False)):
            pass


def test_every_mistake_of_the_second_seal_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsWrong) as told:
        national(tmp_path, '{ kind = "token", file = "../x.pem", pin = 1 }')
    assert [fault.partition(": ")[2].partition(":")[0] for fault in told.value.faults] == [
        "/court/0/national/kind",
        "/court/0/national/pin",
        "/court/0/national/file",
    ]
    with pytest.raises(SettingsWrong, match="must be a table"):
        national(tmp_path, '"sm2"')
