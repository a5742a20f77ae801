"""The seal keys of an installation: found or made at the first start, entered in the inventory, handed to who seals.

The inventory (journal) says which key may seal from when; the settings say how a token or a service is reached; the
files lie in `<data>/keys`. Nothing of a key ever goes into the inventory.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import structlog

from adapters.pkcs11 import Pkcs11Key
from adapters.remote_signing import RemoteKey
from delivery import keyring
from delivery.core.ports import Clock
from delivery.core.seal_keys import ENABLED, ITSELF, MADE, KeyAct, SealKey, overlapping, sealing
from delivery.journal.journal import Journal
from delivery.key_file import FileKey, NationalFileKey
from delivery.settings import CourtSettings, Settings
from signing.certificates import chain_pem, pem_chain
from signing.errors import KeyRefused
from signing.file_signer import Recipe
from signing.keys import is_made_here, open_key_file
from signing.pool import SealKeys, SealPool, SecondKey

LOOK_EVERY = 15.0
"""Seconds between two looks for keys that were enabled or revoked elsewhere."""

SERVICE = "service"
"""The role of acts that nobody did by hand."""

Source = Mapping[str, str]
NATIONAL_FILE = "sm2-file"
"""Of a source's `kind`: a file with the key of a second seal."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ring:
    """What an inventory means for one process. `link_keys`: that which signs new links first."""

    courts: Mapping[str, tuple[SealKeys, ...]]
    link_keys: tuple[bytes, ...] = field(repr=False)


class Watch:
    """Keeps a pool and the link keys of the pages to what the inventory says."""

    def __init__(self, settings: Settings, journal: Journal, clock: Clock) -> None:
        self._settings, self._journal, self._clock = settings, journal, clock
        self._seen: Sequence[SealKey] = ()
        self.link_keys: list[bytes] = []
        """Handed to the pages, and changed in place."""

    async def begin(self) -> Ring:
        """Enter keys that are not in the inventory yet. Raises SecretMissing, SigningError."""
        await enter_first_keys(self._settings, self._journal, self._clock.now())
        return await self._look()

    async def run(self, pool: SealPool) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look_again(pool)

    async def look_again(self, pool: SealPool) -> None:
        if await self._journal.keys() != self._seen:
            pool.use((await self._look()).courts)
            log.info("seal_keys_changed")

    async def _look(self) -> Ring:
        self._seen = await self._journal.keys()
        ring = await asyncio.to_thread(ring_of, self._settings, self._seen, self._clock.now())
        self.link_keys[:] = ring.link_keys
        return ring


# --- the inventory ---------------------------------------------------------------------------------------------------


async def enter_first_keys(settings: Settings, journal: Journal, now: datetime) -> None:
    """The key of each court that has none in the inventory, and that of its second seal where the settings name one. On
    an installation that makes its own keys they are enabled by themselves, and the record says so; anywhere else they
    wait for two clerks. Raises SecretMissing, SigningError.
    """
    for court in settings.courts:
        known = await journal.keys(court.code)
        if all(key.second for key in known):
            await _enter_found(settings, court, journal, first_source(settings, court), now)
        if court.national and (court.national.file or not any(key.second for key in known)):
            source = second_source(keyring.national_key(settings, court).name)
            await _enter_found(settings, court, journal, source, now)


async def _enter_found(
    settings: Settings, court: CourtSettings, journal: Journal, source: Source, now: datetime
) -> None:
    chain = (await asyncio.to_thread(recipe_of(settings, court, source))).chain
    key = described(court.code, source, chain)
    others = [one for one in await journal.keys(court.code) if one.second == key.second]
    acts = [_act(MADE, SERVICE, now, "首次启动时登记 entered at the first start")]
    if settings.self_made:
        says = "自动生成密钥的环境（演练、试用）：未经双人启用 a self-made installation: no two clerks were asked"
        acts.append(_act(ENABLED, ITSELF, now, says, since=None if others else key.not_before))
    await journal.keep_key(key, *acts)


def _act(what: str, by: str, at: datetime, reason: str, since: datetime | None = None) -> KeyAct:
    return KeyAct(at=at, act=what, by=by, role=SERVICE, reason=reason, since=since)


def first_source(settings: Settings, court: CourtSettings) -> Source:
    """Where the settings say that the key is; a file is made where the settings allow it."""
    if court.key.kind == "file":
        keyring.keys_of(settings, court)
    return named_source(court)


def named_source(court: CourtSettings, **other: str) -> Source:
    """As the settings name it, with `other` names for the next key: a file, a label, a credential."""
    key = court.key
    names = {
        "file": {"file": f"{court.code}.pem"},
        "pkcs11": {
            "token": key.token,
            "label": key.label,
            "key_id": key.key_id,
            "certificate_file": key.certificate_file,
        },
        "remote": {"credential": key.credential},
    }[key.kind]
    return {"kind": key.kind, **names, **other}


def second_source(file: str) -> Source:
    """Of a key of the second seal, in that file of the folder."""
    return {"kind": NATIONAL_FILE, "file": file}


def described(court: str, source: Source, chain: tuple[bytes, ...]) -> SealKey:
    """The inventory's row for that key. Raises KeyFileUnreadable."""
    facts = keyring.facts_of(chain[0], second=source["kind"] == NATIONAL_FILE)
    return SealKey(
        id=facts.fingerprint[:16],
        court=court,
        source=json.dumps(source, sort_keys=True, ensure_ascii=False),
        algorithm=facts.algorithm.value,
        bits=facts.bits,
        subject=facts.subject,
        fingerprint=facts.fingerprint,
        certificate=chain_pem(chain).decode(),
        not_before=facts.not_before,
        not_after=facts.not_after,
    )


# --- what it means here ----------------------------------------------------------------------------------------------


def ring_of(settings: Settings, keys: Sequence[SealKey], now: datetime) -> Ring:
    """Also hands out the certificates to be trusted: `seal.pem`, `seal-sm2.pem`. Raises SecretMissing, SigningError."""
    courts = {court.code: tuple(_seals(settings, court, keys, now)) for court in settings.courts}
    for court in settings.courts:
        _publish(settings, court, keys)
    return Ring(courts, tuple(dict.fromkeys(_link_keys(settings, keys, now))))


def _publish(settings: Settings, court: CourtSettings, keys: Sequence[SealKey]) -> None:
    """Where the last key was revoked nothing is left to be trusted; one that waits for its clerks changes nothing."""
    for second, publish in ((False, keyring.publish_certificate), (True, keyring.publish_national)):
        usable = overlapping(keys, court.code, second=second)
        if usable or any(key.revoked and (key.court, key.second) == (court.code, second) for key in keys):
            publish(settings, court, b"".join(map(_trusted, usable)))


def revoked_since(keys: Iterable[SealKey]) -> Mapping[str, datetime]:
    """From when the seals of revoked keys are not to be believed, by the fingerprint of each certificate."""
    return {key.fingerprint: act.since or act.at for key in keys if (act := key.revoked)}


def own_trust(settings: Settings, keys: Iterable[SealKey]) -> tuple[list[bytes], list[bytes]]:
    """What the page of verification believes, as PEM files: the seals of this installation with the certificates of
    revoked keys, so that a file sealed with one can be told from a stranger's; and for time alone its authorities.
    """
    seals = [file.read_bytes() for file in sorted(settings.data.glob("seal*.pem"))]
    revoked = [chain_pem(pem_chain(key.certificate.encode())[:1]) for key in keys if key.revoked]
    named = [settings.path.parent / row.trust for row in settings.timestamps if row.trust]
    times = [*sorted(settings.data.glob("timestamps.pem")), *named]
    return [*seals, *revoked], [file.read_bytes() for file in times]


def _trusted(key: SealKey) -> bytes:
    """What whoever trusts that key trusts. The issuer of a certificate made here issued nothing else. An authority
    issued many: trust in it would be trust in all its customers, so its own certificates are left out.
    """
    chain = pem_chain(key.certificate.encode())
    return chain_pem(chain if is_made_here(chain) else chain[:1])


def _seals(settings: Settings, court: CourtSettings, keys: Sequence[SealKey], now: datetime) -> Iterable[SealKeys]:
    second = _seconds(settings, court, keys, now) if court.national else None
    for key in overlapping(keys, court.code):
        try:
            recipe = recipe_of(settings, court, json.loads(key.source))
        except KeyRefused:
            log.warning("seal_key_out_of_reach", court=court.code, key=key.id)
            continue
        yield SealKeys(
            signer=recipe,
            certificate_pem=key.certificate.encode(),
            court_name=court.name_zh,
            label=court.seal_label,
            seals_from=key.seals_from,
            seals_until=key.not_after,
            national=second,
        )


def _seconds(settings: Settings, court: CourtSettings, keys: Sequence[SealKey], now: datetime) -> tuple[SecondKey, ...]:
    """The one that seals now is opened here once, so that a file that does not open is told at the start."""
    if current := sealing(keys, court.code, now, second=True):
        recipe_of(settings, court, json.loads(current.source))()
    return tuple(
        SecondKey(
            signer=recipe_of(settings, court, json.loads(key.source)),
            certificate=pem_chain(key.certificate.encode())[0],
            seals_from=key.seals_from,
            seals_until=key.not_after,
        )
        for key in overlapping(keys, court.code, second=True)
        if key.seals_from
    )


def recipe_of(settings: Settings, court: CourtSettings, source: Source) -> Recipe:
    """How a signer for it is made. Raises KeyRefused where the settings no longer say how it is reached."""
    folder, key = settings.data.absolute() / "keys", court.key
    match source["kind"]:
        case "file":
            return FileKey(str(folder / source["file"]), str(folder / "password"))
        case kind if kind == NATIONAL_FILE:
            return NationalFileKey(str(folder / source["file"]), str(folder / "password"))
        case "pkcs11" if key.kind == "pkcs11":
            return Pkcs11Key(
                module=key.module,
                token=source["token"],
                label=source["label"] or None,
                key_id=source["key_id"] or None,
                certificate=_certificate(folder, source["certificate_file"]),
                pin_file=str(folder / key.pin_file),
            )
        case "remote" if key.kind == "remote":
            return RemoteKey(
                url=key.url,
                credential=source["credential"],
                token_file=str(folder / key.token_file),
                timeout=key.timeout,
            )
    raise KeyRefused(f"the settings of court {court.code} do not say how a key of the kind {source['kind']} is reached")


def _certificate(folder: Path, name: str) -> bytes:
    if not name:
        return b""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise KeyRefused(f"{name}: the certificate of the key cannot be read") from error
    pem_chain(content)
    return content


def _link_keys(settings: Settings, keys: Sequence[SealKey], now: datetime) -> Iterable[bytes]:
    """For each court that of its sealing key, then those of all that were not revoked: links live on while keys change.
    Where keys are in no file, a secret of its own takes their place. A revoked key's links go with it, unless there
    would be none at all.
    """
    found: list[bytes] = []
    for court in settings.courts:
        if court.key.kind != "file":
            found.append(_from_secret(keyring.secret(settings, "keys/link-secret")))
        first = sealing(keys, court.code, now)
        mine = sorted(_files(keys, court.code), key=lambda key: key != first)
        kept = [key for key in mine if not key.revoked] or ([] if found else mine)
        found += [_from_file(settings, json.loads(key.source)["file"]) for key in kept]
    return found


def _files(keys: Iterable[SealKey], court: str) -> list[SealKey]:
    return [key for key in keys if key.court == court and json.loads(key.source)["kind"] == "file"]


def _from_secret(secret: str) -> bytes:
    return hashlib.sha256(b"songda:link-key:1\n" + secret.encode()).digest()


def _from_file(settings: Settings, name: str) -> bytes:
    path = settings.data.absolute() / "keys" / name
    return _opened(path, path.with_name("password"), path.stat().st_mtime_ns)


@cache
def _opened(path: Path, password: Path, changed: int) -> bytes:
    """Opening takes a tenth of a second, by design of the file; a file that was replaced is opened again."""
    return open_key_file(path.read_bytes(), password.read_bytes().strip()).link_key
