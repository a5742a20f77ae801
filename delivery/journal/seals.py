"""Documents whose bytes are kept, and which sealed file belongs to each: what is sealed once is sent to many."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table, select

from delivery.journal.store import Store
from delivery.journal.tables import documents, seals
from delivery.journal.writing import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRow:
    """A document that was inspected and kept for that court. `size` in bytes."""

    court: str
    sha256: str
    size: int
    pages: int


class Seals(Store):
    """The part of the journal that knows documents by their digests. The bytes are elsewhere: documents.py."""

    async def known_document(self, court: str, sha256: str) -> DocumentRow | None:
        mine = (documents.c.court == court, documents.c.sha256 == sha256)
        row = await self._row(select(documents).where(*mine))
        return None if row is None else DocumentRow(**row._mapping)

    async def keep_document(self, court: str, sha256: str, size: int, pages: int) -> None:
        await self._insert(documents, {"court": court, "sha256": sha256, "size": size, "pages": pages})

    async def seal_of(self, court: str, sha256: str) -> str | None:
        """The digest of the sealed file of that document, if it was sealed."""
        mine = (seals.c.court == court, seals.c.sha256 == sha256)
        digest: str | None = await self._scalar(select(seals.c.sealed_sha256).where(*mine))
        return digest

    async def keep_seal(self, court: str, sha256: str, sealed_sha256: str) -> str:
        """Two may seal at one time, and no two seals are alike: the first one written counts, and is returned."""
        await self._insert(seals, {"court": court, "sha256": sha256, "sealed_sha256": sealed_sha256})
        return str(await self.seal_of(court, sha256))

    async def _insert(self, table: Table, values: dict[str, str | int]) -> None:
        async def job(batch: Batch) -> None:
            await batch.connection.execute(batch.insert(table).values(values))

        await self._do(job)
