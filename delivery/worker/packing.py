"""The proof pack of a delivery, put together from what is kept: nothing in it is made anew but the seal around it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from delivery.core import events
from delivery.core.events import Recorded
from delivery.core.evidence import raw_ids
from delivery.core.model import Delivery
from delivery.core.ports import Clock
from delivery.core.trusted_time import PackWaits, proofs_wait
from delivery.journal.archives import UNSEEN, Archive
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.journal.receipts import RawRow
from delivery.journal.stamps import CHECKPOINT, CONTAINER, DOCUMENT, PROOF
from delivery.worker.revoking import RevocationData
from delivery.worker.sequencing import canonical_row, inclusion
from delivery.worker.stamping import Stamping
from signing.chains import chains_of
from signing.pack import LedgerEvent, LedgerPart, PackContent, RawMessage, Stamp, covered
from signing.pdf import containers
from signing.pool import SealPool


@dataclass(frozen=True, slots=True)
class _Gathered:
    """What goes into a pack; equal names, equal packs but for who seals them when."""

    content: PackContent
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """`log_key`: the vkey line of the ledger. `stamping`: None where no authority is set; then seals of packs carry no
    timestamp, and nothing is kept before it is renewed.
    """

    journal: Journal
    documents: Documents
    seals: SealPool = field(repr=False)
    clock: Clock
    log_key: str
    revocations: RevocationData
    stamping: Stamping | None = None

    async def pack(self, delivery: Delivery) -> bytes | None:
        """The sealed container, as it is kept or made now; None while there is no current proof, and for proofs from
        before there was evidence. Raises as `looked_at`, and PackWaits.
        """
        while True:
            mark = await self.journal.archive(delivery.id)
            if (renewed := await self.renewed(delivery, mark)) is not None:
                return renewed
            found = await self._gathered(delivery, mark)
            if found is not None and (kept := await self._kept(found, mark)) is not None:
                return kept
            if found is None or self.stamping is None:
                return await self._sealed(delivery, found)
            # Dying in here leaves bytes nobody names, or a kept container whose token is in the queue.
            await self._keep(self.stamping, delivery, found, mark)

    async def looked_at(self, delivery: Delivery) -> bytes | None:
        """The container as it would be handed out, but that none is kept for it, and no authority asked.

        Raises KeyError and DocumentBroken when a kept part is missing or changed, NoSealEnabled, SignerLost.
        """
        mark = await self.journal.archive(delivery.id)
        if (renewed := await self.renewed(delivery, mark)) is not None:
            return renewed
        found = await self._gathered(delivery, mark)
        kept = await self._kept(found, mark) if found else None
        return kept or await self._sealed(delivery, found)

    async def renewed(self, delivery: Delivery, mark: Archive | None) -> bytes | None:
        """The container that an archive timestamp was put on, where it is of the current proof. Raises KeyError and
        DocumentBroken when it is missing or changed.
        """
        if mark is None or mark.pack is None or not delivery.proof_is_current:
            return None
        return await self.documents.get(mark.pack) if mark.is_renewed(delivery.proofs[-1][1]) else None

    async def _kept(self, found: _Gathered, mark: Archive | None) -> bytes | None:
        """The container that was made of just that, with its token as soon as that is there."""
        if mark is None or mark.pack is None or mark.content != found.name:
            return None
        sealed = await self.documents.get(mark.pack)
        stamp = await self.journal.stamp_of(CONTAINER, mark.pack)
        return sealed if stamp is None else await self.seals.with_seal_timestamp(sealed, stamp.token)

    async def _keep(self, stamping: Stamping, delivery: Delivery, found: _Gathered, mark: Archive | None) -> None:
        """Seal it, and keep it with its token or for it; two may do so at one time, and the first counts."""
        since, now = await stamping.missing_since(), self.clock.now()
        if since and proofs_wait(since, now):
            raise PackWaits(since)
        sealed = await self.seals.pack(delivery.court, found.content, now)
        imprint = await self.seals.seal_imprint(sealed)
        digest, proof = await self.documents.put(sealed), delivery.proofs[-1][1]
        if imprint is not None:
            await stamping.stamp_container(digest, imprint)
        former = mark.before(proof) if mark else None
        # Nobody has looked yet until when this one holds.
        made = Archive(delivery=delivery.id, version=UNSEEN, proof=proof, pack=digest, former=former)
        await self.journal.keep_archive(replace(made, content=found.name), instead_of=mark)

    async def _sealed(self, delivery: Delivery, found: _Gathered | None) -> bytes | None:
        return None if found is None else await self.seals.pack(delivery.court, found.content, self.clock.now())

    async def _gathered(self, delivery: Delivery, mark: Archive | None) -> _Gathered | None:
        """What is kept of a delivery; None as for `pack`."""
        history = await self.journal.load(delivery.id)
        issued = _issued(history)
        if issued is None or issued.evidence is None or not delivery.proof_is_current:
            return None
        ledger = await self._ledger(delivery)
        former = mark.before(issued.sha256) if mark else None
        content = PackContent(
            documents=await self._sealed_documents(delivery),
            proof=await self.documents.get(issued.sha256),
            evidence=await self.documents.get(issued.evidence),
            receipts=await self._receipts(history),
            ledger=ledger,
            timestamps=await self._timestamps(delivery, issued, ledger),
            former=await self.documents.get(former) if former else None,
        )
        return await self._with_validation_data(content)

    async def _sealed_documents(self, delivery: Delivery) -> tuple[tuple[str, bytes], ...]:
        return tuple([(document, await self.documents.get(digest)) for document, digest in delivery.sealed])

    async def _receipts(self, history: Sequence[Recorded]) -> tuple[RawMessage, ...]:
        became = {
            row.event.receipt.raw: row.seq for row in reversed(history) if isinstance(row.event, events.ReceiptReceived)
        }
        rows = await self.journal.raw_rows(raw_ids(history))
        return tuple(_message(row, became.get(row.id)) for row in rows)

    async def _ledger(self, delivery: Delivery) -> LedgerPart | None:
        """What a checkpoint covers: one that carries a timestamp where there is one, else the newest; None where it
        covers nothing. An event whose salt was erased can no longer be shown to be its leaf.
        """
        leaves = await self.journal.leaves_of(delivery.id)
        last = max((index for index, _, _ in leaves), default=0)
        checkpoint = await self.journal.anchored_checkpoint(last) or await self.journal.checkpoint()
        if checkpoint is None:
            return None
        size = int(checkpoint.split(b"\n")[1])
        found = [
            LedgerEvent(index, salt, canonical_row(row).decode(), await inclusion(self.journal, index, size))
            for index, salt, row in leaves
            if index < size and salt is not None
        ]
        return LedgerPart(checkpoint, self.log_key, tuple(found)) if found else None

    async def _with_validation_data(self, content: PackContent) -> _Gathered:
        """With what shows that the certificates of its seals and tokens are alive, or were when that was asked."""
        pdfs = [content.proof, *(sealed for _, sealed in content.documents)]
        signed = [container for one in pdfs for container in containers(one)]
        tokens = [stamp.token for stamp in content.timestamps]
        anchors = self.revocations.anchors
        chains = {chain for one in (*signed, *tokens) for chain in chains_of(one, anchors)}
        data = await self.revocations.of(sorted(chains | {*self.seals.chains()}), fresh=False)
        name = _name(content, whole=data.whole)
        return _Gathered(replace(content, certificates=data.certificates, crls=data.crls, ocsps=data.ocsps), name)

    async def _timestamps(
        self, delivery: Delivery, issued: events.ProofIssued, ledger: LedgerPart | None
    ) -> tuple[Stamp, ...]:
        """Tokens that stand beside what they cover; one inside a seal needs no copy."""
        found = []
        for document, sealed in delivery.sealed:
            if stamp := await self.journal.stamp_of(DOCUMENT, sealed):
                found.append(Stamp(f"documents/{document}.pdf", stamp.token))
        if stamp := await self.journal.stamp_of(PROOF, issued.sha256):
            found.append(Stamp("proof.pdf", stamp.token))
        if ledger and (anchor := await self._anchor(ledger.checkpoint)):
            found.append(anchor)
        return tuple(found)

    async def _anchor(self, checkpoint: bytes) -> Stamp | None:
        """Only where it covers the very bytes: a witness may have signed below them since."""
        stamp = await self.journal.stamp_of(CHECKPOINT, checkpoint.split(b"\n")[1].decode())
        if stamp is None or stamp.imprint != hashlib.sha256(checkpoint).digest():
            return None
        return Stamp("ledger/checkpoint", stamp.token)


def _issued(history: Sequence[Recorded]) -> events.ProofIssued | None:
    told = (row.event for row in reversed(history))
    return next((event for event in told if isinstance(event, events.ProofIssued)), None)


def _name(content: PackContent, *, whole: bool) -> str:
    """Of what a pack of it tells. Revocation data may have become newer since: a pack tells those of its time, but when
    some were missing (not `whole`).
    """
    told = hashlib.sha256(b"whole" if whole else b"")
    for one in covered(replace(content, certificates=(), crls=(), ocsps=())):
        told.update(f"{one.name} {hashlib.sha256(one.content).hexdigest()}\n".encode())
    return told.hexdigest()


def _message(row: RawRow, event: int | None) -> RawMessage:
    raw = row.receipt
    return RawMessage(row.id, raw.channel, raw.received_at, raw.body, raw.meta, event)
