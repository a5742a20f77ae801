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
from delivery.journal.documents import Documents
from delivery.journal.journal import Journal
from delivery.journal.receipts import RawRow
from delivery.journal.stamps import CHECKPOINT, DOCUMENT, PROOF
from delivery.worker.revoking import RevocationData
from delivery.worker.sequencing import canonical_row, inclusion
from signing.chains import chains_of
from signing.pack import LedgerEvent, LedgerPart, PackContent, RawMessage, Stamp
from signing.pdf import containers
from signing.pool import SealPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """`log_key`: the vkey line of the ledger."""

    journal: Journal
    documents: Documents
    seals: SealPool = field(repr=False)
    clock: Clock
    log_key: str
    revocations: RevocationData

    async def pack(self, delivery: Delivery) -> bytes | None:
        """The sealed container, as it was renewed last or made now; None while there is no current proof, and for
        proofs from before there was evidence. Raises as `kept` and `built`.
        """
        return await self.kept(delivery) or await self.built(delivery)

    async def kept(self, delivery: Delivery) -> bytes | None:
        """The container that an archive timestamp was put on, where it is of the current proof. Raises KeyError and
        DocumentBroken when it is missing or changed.
        """
        mark = await self.journal.archive(delivery.id)
        if mark is None or mark.pack is None or not delivery.proof_is_current or mark.proof != delivery.proofs[-1][1]:
            return None
        return await self.documents.get(mark.pack)

    async def built(self, delivery: Delivery) -> bytes | None:
        """The container made of what is kept, sealed now; None as for `pack`.

        Raises KeyError and DocumentBroken when a kept part is missing or changed, NoSealEnabled, SignerLost.
        """
        history = await self.journal.load(delivery.id)
        issued = _issued(history)
        if issued is None or issued.evidence is None or not delivery.proof_is_current:
            return None
        ledger = await self._ledger(delivery)
        content = PackContent(
            documents=await self._sealed_documents(delivery),
            proof=await self.documents.get(issued.sha256),
            evidence=await self.documents.get(issued.evidence),
            receipts=await self._receipts(history),
            ledger=ledger,
            timestamps=await self._timestamps(delivery, issued, ledger),
        )
        content = await self._with_validation_data(content)
        return await self.seals.pack(delivery.court, content, self.clock.now())

    async def _sealed_documents(self, delivery: Delivery) -> tuple[tuple[str, bytes], ...]:
        return tuple([(document, await self.documents.get(digest)) for document, digest in delivery.sealed])

    async def _receipts(self, history: Sequence[Recorded]) -> tuple[RawMessage, ...]:
        became = {
            row.event.receipt.raw: row.seq for row in reversed(history) if isinstance(row.event, events.ReceiptReceived)
        }
        rows = await self.journal.raw_rows(raw_ids(history))
        return tuple(_message(row, became.get(row.id)) for row in rows)

    async def _ledger(self, delivery: Delivery) -> LedgerPart | None:
        """What a checkpoint covers: one that carries a timestamp where there is one, else the newest. An event whose
        salt was erased can no longer be shown to be its leaf.
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
        return LedgerPart(checkpoint, self.log_key, tuple(found))

    async def _with_validation_data(self, content: PackContent) -> PackContent:
        """With what shows that the certificates of its seals and tokens are alive, or were when that was asked."""
        pdfs = [content.proof, *(sealed for _, sealed in content.documents)]
        signed = [container for one in pdfs for container in containers(one)]
        tokens = [stamp.token for stamp in content.timestamps]
        anchors = self.revocations.anchors
        chains = {chain for one in (*signed, *tokens) for chain in chains_of(one, anchors)}
        data = await self.revocations.of(sorted(chains | {*self.seals.chains()}), fresh=False)
        return replace(content, certificates=data.certificates, crls=data.crls, ocsps=data.ocsps)

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


def _message(row: RawRow, event: int | None) -> RawMessage:
    raw = row.receipt
    return RawMessage(row.id, raw.channel, raw.received_at, raw.body, raw.meta, event)
