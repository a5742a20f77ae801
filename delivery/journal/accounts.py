"""Who may speak to the service: case systems, clerks, their sessions; and who looked at what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, select

from delivery.journal.store import Store
from delivery.journal.tables import clerks, clients, looks, sessions
from delivery.journal.writing import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A case system. `secret_hash` is of its bearer secret; `webhook_secret` signs what is sent to `webhook_url`."""

    court: str
    client: str
    secret_hash: str
    webhook_url: str | None = None
    webhook_secret: str | None = None

    def __repr__(self) -> str:
        return f"Client({self.court}/{self.client})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clerk:
    name: str
    court: str
    role: str
    password_hash: str

    def __repr__(self) -> str:
        return f"Clerk({self.court}/{self.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A signed-in clerk. The cookie's token is kept as its hash alone."""

    token_hash: str
    clerk: str
    csrf: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"Session({self.clerk})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Somebody saw something: `what` names the page or file, `delivery` whose it was."""

    court: str
    clerk: str
    at: datetime
    what: str
    delivery: str | None = None


class Accounts(Store):
    """The part of the journal that knows people and machines."""

    async def put_client(self, client: Client) -> None:
        """Make it, or replace what was known of it."""
        await self._replace(clients, ("court", "client"), asdict(client))

    async def client(self, court: str, client: str) -> Client | None:
        row = await self._row(select(clients).where(clients.c.court == court, clients.c.client == client))
        return None if row is None else Client(**row._mapping)

    async def clients(self, client: str) -> list[Client]:
        """Those of that id: each court may have one."""
        rows = await self._rows(select(clients).where(clients.c.client == client).order_by(clients.c.court))
        return [Client(**row._mapping) for row in rows]

    async def put_clerk(self, clerk: Clerk) -> None:
        """Make it, or replace what was known of it."""
        await self._replace(clerks, ("name",), asdict(clerk))

    async def clerk(self, name: str) -> Clerk | None:
        row = await self._row(select(clerks).where(clerks.c.name == name))
        return None if row is None else Clerk(**row._mapping)

    async def clerks(self, court: str) -> list[Clerk]:
        rows = await self._rows(select(clerks).where(clerks.c.court == court).order_by(clerks.c.name))
        return [Clerk(**row._mapping) for row in rows]

    async def put_session(self, session: Session) -> None:
        """Make it; sessions that have expired by the domain's clock are cleared away with it."""

        async def job(batch: Batch) -> None:
            await batch.connection.execute(delete(sessions).where(sessions.c.expires_at <= batch.now))
            await batch.connection.execute(sessions.insert().values(asdict(session)))

        await self._do(job)

    async def session(self, token_hash: str) -> Session | None:
        """The session, expired or not: the caller compares with its own clock."""
        row = await self._row(select(sessions).where(sessions.c.token_hash == token_hash))
        return None if row is None else Session(**row._mapping)

    async def end_session(self, token_hash: str) -> None:
        await self._execute(delete(sessions).where(sessions.c.token_hash == token_hash))

    async def put_look(self, look: Look) -> None:
        await self._execute(looks.insert().values(asdict(look)))

    async def looks(self, court: str, *, delivery: str | None = None, limit: int = 100) -> list[Look]:
        """Who looked, the latest first."""
        mine = [looks.c.court == court, *([looks.c.delivery == delivery] if delivery else [])]
        columns = [column for column in looks.c if column.name != "position"]
        rows = await self._rows(select(*columns).where(*mine).order_by(looks.c.position.desc()).limit(limit))
        return [Look(**row._mapping) for row in rows]

    async def _replace(self, table: Table, key: Sequence[str], values: dict[str, Any]) -> None:
        async def job(batch: Batch) -> None:
            await batch.connection.execute(batch.insert(table).values(values))
            mine = [table.c[name] == values[name] for name in key]
            await batch.connection.execute(table.update().where(*mine).values(values))

        await self._do(job)
