"""A pack is put together from what is kept: each part is what the others say it is."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from lxml import etree

from delivery.core import events
from delivery.journal.errors import DocumentBroken
from delivery.journal.migrations import migrate
from delivery.journal.stamps import CHECKPOINT, PROOF
from delivery.worker.packing import Packing
from delivery.worker.revoking import RevocationData
from signing import timestamp
from signing.ledger import entry, included_root, leaf_hash
from signing.notes import open_checkpoint
from tests.signing.verifying.pki import AT, clock
from tests.stage import Stage, address, recipient, seal_keys, stage
from tests.worker.test_sequencing import LOG, sequencing_of

KEYS = seal_keys()
CLOCK = clock()


@pytest.fixture
async def played(database_url: str, tmp_path: Path) -> AsyncIterator[tuple[Stage, str]]:
    """One delivery by mail: arrived, concluded, proved."""
    await migrate(database_url)
    async with stage(database_url, tmp_path, keys=KEYS) as play:
        (delivery,) = await play.submit(recipient(address("email", "taken; 1m arrived"), consented=True))
        await play.play()
        yield play, delivery


def packing(play: Stage) -> Packing:
    return Packing(
        journal=play.journal,
        documents=play.files,
        seals=play.bench.seals,
        clock=play.clock,
        log_key=str(LOG),
        revocations=RevocationData(play.journal, play.clock, None, play.bench.seals.chains),
    )


async def packed(play: Stage, delivery: str) -> dict[str, bytes]:
    container = await packing(play).pack(await play.delivery(delivery))
    assert container is not None
    with zipfile.ZipFile(io.BytesIO(container)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


async def test_documents_proof_and_evidence_are_those_that_were_kept(played: tuple[Stage, str]) -> None:
    play, delivery = played
    parts = await packed(play, delivery)
    told = await play.delivery(delivery)
    issued = (await play.journal.load(delivery))[-1].event
    assert isinstance(issued, events.ProofIssued)
    digests = {name: hashlib.sha256(part).hexdigest() for name, part in parts.items()}
    assert digests["documents/d1.pdf"] == dict(told.sealed)["d1"]
    assert (digests["proof.pdf"], digests["evidence.xml"]) == (told.proofs[-1][1], issued.evidence)
    with pikepdf.open(io.BytesIO(parts["proof.pdf"])) as document:
        assert document.attachments["evidence.xml"].get_file().read_bytes() == parts["evidence.xml"]


async def test_the_evidence_names_each_message_of_a_provider_by_its_digest(played: tuple[Stage, str]) -> None:
    play, delivery = played
    parts = await packed(play, delivery)
    index = json.loads(parts["receipts/index.json"])
    tree = etree.fromstring(parts["evidence.xml"])
    named = {one.get("id"): one.get("sha256") for one in tree.iterfind(".//{*}Raw")}
    assert named == {one["id"]: one["sha256"] for one in index}
    assert named
    for one in index:
        assert hashlib.sha256(parts[one["file"]]).hexdigest() == one["sha256"]
        assert isinstance((await play.journal.load(delivery))[one["event"] - 1].event, events.ReceiptReceived)


async def test_every_event_is_shown_to_be_in_the_log(played: tuple[Stage, str]) -> None:
    play, delivery = played
    assert "ledger/checkpoint" not in await packed(play, delivery)
    await sequencing_of(play.journal).catch_up()
    parts = await packed(play, delivery)
    checkpoint = open_checkpoint(parts["ledger/checkpoint"], LOG)
    leaves = json.loads(parts["ledger/events.json"])
    assert [json.loads(one["entry"])["seq"] for one in leaves] == [row.seq for row in await play.journal.load(delivery)]
    for one in leaves:
        leaf = leaf_hash(entry(bytes.fromhex(one["salt"]), one["entry"].encode()))
        proof = [bytes.fromhex(node) for node in one["proof"]]
        assert included_root(leaf, one["index"], checkpoint.size, proof) == checkpoint.root
    assert parts["ledger/key"].decode().strip() == str(LOG)


async def test_a_log_that_has_none_of_its_events_yet_is_left_out(played: tuple[Stage, str]) -> None:
    play, first = played
    await sequencing_of(play.journal).catch_up()
    (later,) = await play.submit((await play.delivery(first)).recipient, key="s-2")
    await play.play()
    assert "ledger/checkpoint" not in await packed(play, later)
    await sequencing_of(play.journal).catch_up()
    assert "ledger/checkpoint" in await packed(play, later)


async def test_tokens_stand_beside_what_they_cover(played: tuple[Stage, str]) -> None:
    play, delivery = played
    await sequencing_of(play.journal).catch_up()
    proof, note = (await play.delivery(delivery)).proofs[-1][1], await play.journal.last_checkpoint()
    assert note
    now = play.clock.now()
    for kind, subject, imprint in (
        (PROOF, proof, bytes.fromhex(proof)),
        (CHECKPOINT, str(note.size), hashlib.sha256(note.note).digest()),
    ):
        await play.journal.want_stamp(kind, subject, imprint)
        await play.journal.keep_stamp(kind, subject, CLOCK.token(imprint, AT), stamped_at=now, authority="tsa")
    parts = await packed(play, delivery)
    told = [(one["over"], parts[one["file"]]) for one in json.loads(parts["timestamps/index.json"])]
    covered = [(name, timestamp.read(token).imprint) for name, token in told]
    assert covered == [(name, hashlib.sha256(parts[name]).digest()) for name in ("proof.pdf", "ledger/checkpoint")]


async def test_a_checkpoint_with_a_timestamp_goes_before_a_newer_one(played: tuple[Stage, str]) -> None:
    play, delivery = played
    await sequencing_of(play.journal).catch_up()
    anchored = await play.journal.last_checkpoint()
    assert anchored
    await play.journal.want_stamp(CHECKPOINT, str(anchored.size), hashlib.sha256(anchored.note).digest())
    await play.journal.keep_stamp(
        CHECKPOINT, str(anchored.size), CLOCK.over(anchored.note), stamped_at=play.clock.now(), authority="tsa"
    )
    await play.submit((await play.delivery(delivery)).recipient, key="s-2")
    await sequencing_of(play.journal).catch_up()
    assert await play.journal.checkpoint() != anchored.note
    assert (await packed(play, delivery))["ledger/checkpoint"] == anchored.note
    issued = [row.event for row in await play.journal.load(delivery) if isinstance(row.event, events.ProofIssued)][-1]
    await play.record(delivery, replace(issued, number="again"))
    await sequencing_of(play.journal).catch_up()
    assert (await packed(play, delivery))["ledger/checkpoint"] == await play.journal.checkpoint()


async def test_no_pack_without_a_current_proof_with_evidence(played: tuple[Stage, str]) -> None:
    play, delivery = played
    now, told = play.clock.now(), await play.delivery(delivery)
    await play.record(delivery, events.ProofIssued(at=now, number="old", sha256=told.proofs[-1][1]))
    assert await packing(play).pack(await play.delivery(delivery)) is None
    await play.record(delivery, events.Concluded(at=now, effects=told.concluded, revised=True))
    assert await packing(play).pack(await play.delivery(delivery)) is None


async def test_a_changed_part_makes_no_pack(played: tuple[Stage, str], tmp_path: Path) -> None:
    play, delivery = played
    digest = dict((await play.delivery(delivery)).sealed)["d1"]
    (tmp_path / "documents" / digest[:2] / digest[2:]).write_bytes(b"something else")
    with pytest.raises(DocumentBroken):
        await packing(play).pack(await play.delivery(delivery))
