"""Three hundred single-byte changes, and a further hundred by somebody who mends the zip: each is caught and placed."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from signing.verify import INVALID, Number, Result, Verdict, verify
from tests.signing.verifying import packs, sealing
from tests.signing.verifying.pki import LATER, Clock, Sealer

SEED = 20260304
IN_PDF, IN_MEMBER, IN_STRUCTURE = 40, 6, 60


@dataclass(frozen=True)
class World:
    trust: tuple[bytes, ...]
    pdfs: dict[str, bytes]
    pack: bytes
    checkpoint: bytes

    def verdict(self, name: str, content: bytes) -> Verdict:
        checkpoint = self.checkpoint if name == "pack.asice" else None
        return verify([(name, content)], trust=self.trust, checkpoint=checkpoint, at=LATER)


@pytest.fixture(scope="module")
def world(court: Sealer, authority: Clock, pack: packs.Pack) -> World:
    pdfs = {
        "sealed.pdf": sealing.basic(court),
        "stamped.pdf": sealing.stamped(court, authority),
        "archived.pdf": sealing.archived(court, authority),
        "proof.pdf": pack.members["proof.pdf"],
        "foreign.pdf": sealing.foreign(court, sealing.letter(), "A"),
    }
    content = pack.sealed(court, authority)
    return World((court.root_pem, authority.root_pem), pdfs, content, pack.log.checkpoint())


def chances(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311 — the same changes in each run


def changed(content: bytes, at: int, chance: random.Random) -> bytes:
    other = chance.choice([one for one in range(256) if one != content[at]])
    return content[:at] + bytes([other]) + content[at + 1 :]


def failing(verdict: Verdict) -> list[tuple[Number, str]]:
    return [(step.number, step.part) for step in verdict.steps if step.result is Result.FAILED]


@pytest.mark.parametrize("name", ["sealed.pdf", "stamped.pdf", "archived.pdf", "proof.pdf", "foreign.pdf"])
def test_a_byte_of_a_document(world: World, name: str) -> None:
    chance, content = chances(f"{SEED} {name}"), world.pdfs[name]
    assert failing(world.verdict(name, content)) == []
    inside = [*_container_bytes(content)]
    places = chance.sample(range(len(content)), IN_PDF // 2) + chance.sample(inside, IN_PDF // 2)
    missed = []
    for at in places:
        verdict = world.verdict(name, changed(content, at, chance))
        if verdict.exit != INVALID or not all(part.startswith(name) for _, part in failing(verdict)):
            missed.append((at, content[at - 20 : at + 20], verdict.exit))
    assert missed == []


def _container_bytes(content: bytes) -> range:
    """Where the last seal's own container stands, which no digest covers."""
    at = content.rindex(b"/Contents <") if b"/Contents <" in content else content.rindex(b"/Contents<")
    begin = content.index(b"<", at)
    end = content.index(b">", begin)
    return range(begin, begin + len(content[begin:end].rstrip(b"0")) + 8)


def members_of(content: bytes) -> Iterator[tuple[str, range]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for one in archive.infolist():
            name, extra = struct.unpack("<2H", content[one.header_offset + 26 : one.header_offset + 30])
            begin = one.header_offset + 30 + name + extra
            yield one.filename, range(begin, begin + one.file_size)


def test_a_byte_of_every_member_of_a_pack(world: World) -> None:
    chance = chances(f"{SEED} members")
    for name, where in members_of(world.pack):
        for at in chance.sample(where, IN_MEMBER):
            found = failing(world.verdict("pack.asice", changed(world.pack, at, chance)))
            assert any(name in part for _, part in found), (name, at, found)


def test_a_byte_between_the_members(world: World) -> None:
    chance = chances(f"{SEED} structure")
    inside = {at for _, where in members_of(world.pack) for at in where}
    structure = [at for at in range(len(world.pack)) if at not in inside]
    for at in chance.sample(structure, IN_STRUCTURE):
        found = failing(world.verdict("pack.asice", changed(world.pack, at, chance)))
        assert found, (at, world.pack[at - 10 : at + 10])
        assert {number for number, _ in found} == {Number.FORM}


def test_a_byte_by_somebody_who_mends_the_zip(world: World) -> None:
    """Checksums that fit again: now the seal itself has to find it, and does, in the very member."""
    chance, whole = chances(f"{SEED} mended"), packs.unzipped(world.pack)
    missed = []
    for name, content in whole.items():
        for at in chance.sample(range(len(content)), IN_MEMBER * 4 if name.startswith("META-INF") else IN_MEMBER):
            forged = packs.zipped({**whole, name: changed(content, at, chance)}.items())
            found = failing(world.verdict("pack.asice", forged))
            if not any(name in part for _, part in found):
                missed.append((name, at, content[at - 20 : at + 20], found))
    assert missed == []
