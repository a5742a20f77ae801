"""`songda keys`: the inventory of seal keys at a shell. The journal is written beside a service that runs."""

from __future__ import annotations

import asyncio
import getpass
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import UnsupportedAlgorithm

from delivery import keyring, keys, wiring
from delivery.checking import checked
from delivery.clock import COURT_ZONE, SystemClock
from delivery.core.seal_keys import ENABLED, MADE, REVOKED, KeyAct, KeyState, Refusal, SealKey, state_of
from delivery.journal.accounts import Clerk
from delivery.journal.journal import Journal
from delivery.settings import CourtSettings, Settings, SettingsWrong
from signing.certificates import PARTS, key_facts, pem_chain
from signing.certification import chain_faults, chain_in, completed, make_request, requested_key, spki_of
from signing.errors import SigningError
from signing.keys import KeyKind, make_key_file
from signing.policy import weakens_on
from signing.secrecy import keep_memory_private
from signing.signer import Algorithm

DONE, REFUSED, TO_MEND = 0, 1, 2
OPERATOR = "operator"
REQUEST = ".request.pem"
"""How the name of a key file ends that waits for its certificate."""
_STATES = {
    KeyState.MADE: "made: two clerks have to enable it",
    KeyState.HALF_ENABLED: "enabled by one: a second clerk has to",
    KeyState.ENABLED: "enabled: will seal",
    KeyState.SEALING: "seals",
    KeyState.RETIRED: "retired: what it sealed stays good",
    KeyState.EXPIRED: "expired",
    KeyState.REVOKED: "revoked",
}
_REFUSALS = {
    Refusal.UNKNOWN: "no key of this court has that id: see songda keys list",
    Refusal.SAME_PERSON: "this clerk has enabled it already: another one has to",
    Refusal.NEEDS_JUDGE: "a judge has to: one of the two who enable is a judge, and a judge revokes",
    Refusal.OVER: "that is over: the key is enabled, or it was revoked",
}

_NO_KEY = (
    "certificate 1 is for no key that was requested here and waits: the key's own comes first (songda keys request)"
)


class Told(Exception):
    """Why nothing was done; its text is for stderr."""


@dataclass(frozen=True)
class Inventory:
    settings: Settings
    journal: Journal
    now: datetime


def listing(config: Path, court: str | None, *, as_json: bool) -> int:
    """Print the inventory."""

    async def show(at: Inventory) -> None:
        found = await at.journal.keys(court)
        rows = [_row(key, found, at.now) for key in found]
        print(json.dumps(rows, ensure_ascii=False, indent=2) if as_json else "\n".join(map(_paragraph, rows)))

    return _run(config, show)


def make(
    config: Path,
    court: str,
    *,
    reason: str,
    algorithm: str | None,
    since: datetime | None,
    years: int,
    second: bool = False,
) -> int:
    """A new key in a file, entered in the inventory; it does not seal before two clerks enabled it. `second`: for the
    court's second seal.
    """

    async def act(at: Inventory) -> None:
        tenant = _court(at.settings, court)
        if second:
            source, chain = _second(at.settings, tenant, years, "")
        elif tenant.key.kind != "file":
            raise Told(f"the key of {court} is not in a file: make it where it is, then `songda keys rotate` enters it")
        else:
            source, chain = _made_file(at.settings, tenant, KeyKind(algorithm or tenant.key.algorithm), years)
        await _enter(at, tenant, source, chain, reason, since)

    return _run(config, act)


def rotate(
    config: Path,
    court: str,
    *,
    reason: str,
    since: datetime,
    years: int,
    names: dict[str, str],
    second: bool = False,
    file: str = "",
) -> int:
    """The next key: made in a file, or entered where the court made it, to seal from that moment on. `second`: of the
    court's second seal, in `file` where it was put there.
    """

    async def act(at: Inventory) -> None:
        tenant = _court(at.settings, court)
        if not any(key.second == second for key in await at.journal.keys(court)):
            raise Told(f"{court} has no key yet: songda keys make")
        if second:
            source, chain = await asyncio.to_thread(_second, at.settings, tenant, years, file)
        elif tenant.key.kind == "file":
            source, chain = _made_file(at.settings, tenant, KeyKind(tenant.key.algorithm), years)
        else:
            source = keys.named_source(tenant, **{name: value for name, value in names.items() if value})
            chain = (await asyncio.to_thread(keys.recipe_of(at.settings, tenant, source))).chain
        await _enter(at, tenant, source, chain, reason, since)

    return _run(config, act)


def request(config: Path, court: str, *, algorithm: str | None, output: Path) -> int:
    """A new key in a file, without a certificate yet, and the request for one that goes to an authority."""

    async def act(at: Inventory) -> None:
        tenant = _court(at.settings, court)
        if tenant.key.kind != "file":
            raise Told(f"the key of {court} is not in a file: have the request made where the key is")
        kind = KeyKind(algorithm or tenant.key.algorithm)
        made = make_request(keyring.password(at.settings), court=court, court_name=tenant.name_zh, kind=kind)
        path = at.settings.data / "keys" / f"{court}-{hashlib.sha256(made.key).hexdigest()[:16]}{REQUEST}"
        keyring.write_private(path, made.content)
        await asyncio.to_thread(output.write_bytes, made.request)
        print(f"{output}: for the authority. The key waits in {path.name}.")
        print(f"Next: songda keys import --court {court} --certificate FILE --reason '...', with what comes back")

    return _run(config, act)


def take_issued(config: Path, court: str, certificate: Path, *, reason: str, since: datetime | None) -> int:
    """The certificate of a requested key, with its issuers: entered like any new key. Every fault at once."""

    async def act(at: Inventory) -> None:
        tenant = _court(at.settings, court)
        chain = chain_in(await asyncio.to_thread(certificate.read_bytes))
        waiting = _waiting_for(at.settings, court, chain)
        faults = [*([] if waiting else [_NO_KEY]), *chain_faults(chain, max(at.now, since or at.now))]
        if waiting is None or faults:
            raise Told("\n".join(faults))
        made = completed(waiting.read_bytes(), keyring.password(at.settings), chain)
        source = _kept(at.settings, tenant, made.content, chain)
        await _enter(at, tenant, source, chain, reason, since)
        waiting.unlink()

    return _run(config, act)


def act_on(
    config: Path, key: str, what: str, *, clerk: str, password: Path | None, reason: str, since: datetime | None
) -> int:
    """Enable or revoke, as the clerk whose password is given."""
    word = password.read_text("utf-8").strip() if password else getpass.getpass(f"Password of {clerk}: ")

    async def act(at: Inventory) -> None:
        who = await _signed_in(at.journal, clerk, word)
        told = " ".join(reason.split())
        if not told:
            raise Told("a reason is needed: it goes on record")
        done = KeyAct(at=at.now, act=what, by=who.name, role=who.role, reason=told, since=since)
        if refusal := await at.journal.act_on_key(who.court, key, done):
            raise Told(_REFUSALS[refusal])
        found = await at.journal.keys(who.court)
        print(_paragraph(next(_row(each, found, at.now) for each in found if each.id == key)))

    return _run(config, act)


def enable(config: Path, key: str, *, clerk: str, password: Path | None, reason: str) -> int:
    return act_on(config, key, ENABLED, clerk=clerk, password=password, reason=reason, since=None)


def revoke(config: Path, key: str, *, clerk: str, password: Path | None, reason: str, since: datetime | None) -> int:
    return act_on(config, key, REVOKED, clerk=clerk, password=password, reason=reason, since=since)


# --- steps -----------------------------------------------------------------------------------------------------------


def _run(config: Path, act: Callable[[Inventory], Coroutine[Any, Any, None]]) -> int:
    keep_memory_private()
    try:
        asyncio.run(_with_inventory(checked(config), act))
    except SettingsWrong as wrong:
        return _complain("\n".join(wrong.faults), TO_MEND)
    except Told as told:
        return _complain(str(told), REFUSED)
    except (OSError, SigningError) as wrong:
        return _complain(str(wrong), TO_MEND)
    return DONE


async def _with_inventory(settings: Settings, act: Callable[[Inventory], Coroutine[Any, Any, None]]) -> None:
    async with _opened(settings) as journal:
        clock = wiring.clock_of(settings)
        await wiring.go_on(clock, journal)
        await act(Inventory(settings, journal, clock.now()))


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Journal]:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    journal = await Journal.open(wiring.journal_url(settings), wiring.clock_of(settings), machine_now=SystemClock().now)
    try:
        yield journal
    finally:
        await journal.close()


def _court(settings: Settings, code: str) -> CourtSettings:
    for court in settings.courts:
        if court.code == code:
            return court
    raise Told(f"{code}: no court of these settings: {', '.join(court.code for court in settings.courts)}")


def _made_file(
    settings: Settings, court: CourtSettings, kind: KeyKind, years: int
) -> tuple[keys.Source, tuple[bytes, ...]]:
    begin, end = _validity(settings, years)
    made = make_key_file(
        keyring.password(settings),
        court=court.code,
        court_name=court.name_zh,
        not_before=begin,
        not_after=end,
        kind=kind,
    )
    chain = pem_chain(made.certificate_pem)
    return _kept(settings, court, made.content, chain), chain


def _second(settings: Settings, court: CourtSettings, years: int, file: str) -> tuple[keys.Source, tuple[bytes, ...]]:
    """A key of the second seal: in the file that was put there, or made."""
    if court.national is None:
        raise Told(
            f"the settings name no second seal for {court.code}: national = {{ kind = 'file' }} in its [[court]]"
        )
    if not file:
        begin, end = _validity(settings, years)
        file = keyring.make_national(settings, court, begin, end)
    source = keys.second_source(file)
    return source, keys.recipe_of(settings, court, source)().chain


def _validity(settings: Settings, years: int) -> tuple[datetime, datetime]:
    begin = wiring.clock_of(settings).now().replace(microsecond=0) - timedelta(days=1)
    return begin, begin + timedelta(days=366 * years)


def _kept(settings: Settings, court: CourtSettings, content: bytes, chain: tuple[bytes, ...]) -> keys.Source:
    name = f"{court.code}-{key_facts(chain[0]).fingerprint[:16]}.pem"
    keyring.write_private(settings.data / "keys" / name, content)
    return keys.named_source(court, file=name)


def _waiting_for(settings: Settings, court: str, chain: tuple[bytes, ...]) -> Path | None:
    """The request file whose key the first certificate is for."""
    with suppress(ValueError, UnsupportedAlgorithm):
        wanted = spki_of(chain[0])
        for path in sorted((settings.data / "keys").glob(f"{court}-*{REQUEST}")):
            if requested_key(path.read_bytes()) == wanted:
                return path
    return None


async def _enter(
    at: Inventory,
    court: CourtSettings,
    source: keys.Source,
    chain: tuple[bytes, ...],
    reason: str,
    since: datetime | None,
) -> None:
    key, begins = keys.described(court.code, source, chain), max(at.now, since or at.now)
    if faults := [*(_second_faults(chain[0], begins) if key.second else chain_faults(chain, begins))]:
        raise Told("\n".join(faults))
    made = KeyAct(at=at.now, act=MADE, by=getpass.getuser(), role=OPERATOR, reason=reason, since=since)
    if not await at.journal.keep_key(key, made):
        raise Told(f"{key.id} is in the inventory already: name another key")
    found = await at.journal.keys(court.code)
    print(_paragraph(next(_row(each, found, at.now) for each in found if each.id == key.id)))
    print(
        f"Next: two clerks enable it, one of them a judge: /console/keys, or songda keys enable {key.id} --clerk NAME"
    )


def _second_faults(certificate: bytes, begins: datetime) -> Iterator[str]:
    facts = keyring.facts_of(certificate, second=True)
    if begins > facts.not_after:
        yield f"certificate 1 ends on {facts.not_after:%Y-%m-%d}, before the key would seal"
    if not (ruling := facts.ruling(begins.date())).ok:
        yield ruling.reason_en


async def _signed_in(journal: Journal, name: str, password: str) -> Clerk:
    clerk = await journal.clerk(name)
    try:
        if clerk is not None and PasswordHasher().verify(clerk.password_hash, password):
            return clerk
    except (VerificationError, InvalidHashError):
        pass
    raise Told("the account or the password is wrong")


# --- how it is shown -------------------------------------------------------------------------------------------------


def _row(key: SealKey, found: Sequence[SealKey], now: datetime) -> dict[str, Any]:
    name, digest = PARTS[Algorithm(key.algorithm)]
    weak = weakens_on(name, key.bits, digest)
    return {
        "id": key.id,
        "court": key.court,
        "state": state_of(key, found, now).value,
        "algorithm": key.algorithm,
        "bits": key.bits,
        "where": json.loads(key.source),
        "subject": key.subject,
        "fingerprint": key.fingerprint,
        "not_before": _moment(key.not_before),
        "not_after": _moment(key.not_after),
        "seals_from": _moment(key.seals_from),
        "weakens_on": weak.isoformat() if weak else None,
        "acts": [
            {
                "at": _moment(act.at),
                "act": act.act,
                "by": act.by,
                "role": act.role,
                "reason": act.reason,
                "since": _moment(act.since),
            }
            for act in key.acts
        ],
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(COURT_ZONE).isoformat(timespec="seconds") if moment else None


def _paragraph(row: dict[str, Any]) -> str:
    lines = [
        f"{row['id']}  court {row['court']}  {_STATES[KeyState(row['state'])]}",
        f"  {row['algorithm']}, {row['bits']} bits" + (f", weak from {row['weakens_on']}" if row["weakens_on"] else ""),
        f"  certificate {row['not_before']} to {row['not_after']}; seals from {row['seals_from'] or 'nowhen yet'}",
        f"  {row['where']}",
    ]
    lines += [
        f"  {act['at']}  {act['act']} by {act['by']} ({act['role']}): {act['reason']}"
        + (f"; since {act['since']}" if act["since"] else "")
        for act in row["acts"]
    ]
    return "\n".join(lines)


def _complain(says: str, status: int) -> int:
    print(says, file=sys.stderr)
    return status
