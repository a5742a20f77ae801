"""Packs that were renewed, and packs with a national second seal: each changed as a whole, inside, and by those who may
seal or stamp what they did not write.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from cryptography.hazmat.primitives.asymmetric import rsa

from adapters.counterparts.tsa import make_keys
from signing import renewal
from signing.errors import SigningError
from signing.verify import VALID, Number, Result, verify
from signing.verifying.container import members
from signing.verifying.renewal import MEMBER
from tests.fuzz.changes import Chance
from tests.fuzz.structures import changed, in_zip
from tests.fuzz.target import Target
from tests.signing.verifying import national, packs
from tests.signing.verifying.pki import AT, Clock, Sealer, sealer

YEAR = timedelta(days=365)
RENEWED, NOW = AT + 4 * YEAR, AT + 6 * YEAR


@dataclass(frozen=True)
class World:
    """A pack, the same renewed, and the same with second seals; all by one court, and stamped by two authorities."""

    court: Sealer
    first: Clock
    second: Clock
    pack: packs.Pack
    young: bytes
    old: bytes
    twice: packs.Members

    @property
    def trust(self) -> list[bytes]:
        return [self.court.root_pem, self.first.root_pem, self.second.root_pem, national.anchor(national.ours())]


@cache
def world() -> World:
    key = rsa.generate_private_key(65537, 2048)
    court = sealer("示例市滨江区人民法院", key=key, not_after=AT + 5 * YEAR)
    first = Clock(make_keys("甲", AT - YEAR, life=6 * YEAR))
    second = Clock(make_keys("乙", RENEWED - YEAR, life=9 * YEAR))
    pack = packs.honest(court, first)
    young = pack.sealed(court, first)
    half = renewal.prepared(young)
    old = renewal.renewed(half, second.token(half.imprint, RENEWED))
    return World(court, first, second, pack, young, old, national.sealed_twice(pack, national.ours()))


# --- renewal ----------------------------------------------------------------------------------------------------------


def _renewing(content: bytes) -> None:
    renewal.due(content, NOW)
    half = renewal.prepared(content)
    with suppress(SigningError):
        renewal.renewed(half, world().second.token(half.imprint, RENEWED))


def _token(content: bytes) -> None:
    renewal.renewed(renewal.prepared(world().young), content)


def _verified(content: bytes) -> None:
    found = verify([("fuzzed", content)], trust=world().trust, at=NOW)
    assert found.exit != VALID or _inside(content) == _inside(world().old), "valid, though it was changed"


def _inside(content: bytes) -> dict[str, bytes]:
    """What a pack was before it was stamped, in whatever order."""
    return {name: one for name, one in members(content).items() if not MEMBER.fullmatch(name)}


def stamped_again(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """Authorities stamp whatever they are sent: a changed pack with an archive timestamp that fits."""
    for _ in range(20):
        with suppress(SigningError):
            half = renewal.prepared(in_zip(world().young, corpus, chance))
            return renewal.renewed(half, world().second.token(half.imprint, RENEWED))
    return b""


# --- national seals ---------------------------------------------------------------------------------------------------


def second_seal(content: bytes, corpus: Sequence[bytes], chance: Chance) -> bytes:
    """A second seal or its certificate is changed, and the container sealed again: no other digest finds it."""
    found = world().twice
    names = [name for name in found if name.startswith("seals/") or name == "certificates/sm2.der"]
    name = chance.choice(names)
    others = [found[one] for one in names]
    return packs.container({**found, name: changed(found[name], others, chance)}, world().court)


def _second_seal(content: bytes) -> None:
    found = verify([("fuzzed", content)], trust=world().trust, at=AT + timedelta(days=30))
    now, was = packs.unzipped(content), world().twice
    for step in found.steps:
        name = step.part.rpartition(" · ")[2]
        if step.number is Number.NATIONAL and step.result is Result.PASSED:
            assert now[name] == was[name], "a second seal that nobody made"


def targets() -> dict[str, Target]:
    one = world()
    half = renewal.prepared(one.young)
    tokens = (one.second.token(half.imprint, RENEWED), one.first.token(half.imprint, AT))
    return {
        "renewal": Target((one.young, one.old), _renewing, (SigningError,)),
        "archive token": Target(tokens, _token, (SigningError,)),
        "verify a renewed pack": Target((one.old,), _verified, change=in_zip),
        "verify what is stamped": Target((one.young,), _verified, change=stamped_again),
        "verify a second seal": Target((packs.container(one.twice, one.court),), _second_seal, change=second_seal),
    }
