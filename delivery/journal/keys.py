"""The inventory of seal keys: where each is and what was done with it. No key and no secret is ever in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from delivery.core.seal_keys import (
    ENABLED,
    MADE,
    REVOKED,
    KeyAct,
    Refusal,
    SealKey,
    refusal_to_enable,
    refusal_to_revoke,
)
from delivery.journal.store import Store
from delivery.journal.tables import key_acts, keys
from delivery.journal.writing import Batch

_RULES = {ENABLED: refusal_to_enable, REVOKED: refusal_to_revoke}


class Keys(Store):
    """The part of the journal that knows the keys of the seals."""

    async def keep_key(self, key: SealKey, *acts: KeyAct) -> bool:
        """A key that is new to the inventory, with its first acts. False for one that is known: nothing is written."""

        async def job(batch: Batch) -> bool:
            row = {name: value for name, value in asdict(key).items() if name != "acts"}
            if (await batch.connection.execute(batch.insert(keys).values(row))).rowcount == 0:
                return False
            for act in acts:
                await batch.connection.execute(key_acts.insert().values({"key": key.id, **asdict(act)}))
            return True

        return await self._do(job, news=True)

    async def act_on_key(self, court: str, key: str, act: KeyAct) -> Refusal | None:
        """Enable or revoke; judged and written in one transaction, so that two at once cannot slip past each other.

        Why it was not done, or None. Raises ValueError for another act.
        """
        rule = _RULES.get(act.act)
        if rule is None:
            raise ValueError(f"{act.act} is not done to a key")

        async def job(batch: Batch) -> Refusal | None:
            found = await _read(batch.connection, select(keys).where(keys.c.court == court, keys.c.id == key))
            if (refusal := rule(found[0] if found else None, act.by, act.role)) is None:
                await batch.connection.execute(key_acts.insert().values({"key": key, **asdict(act)}))
            return refusal

        return await self._do(job, news=True)

    async def keys(self, court: str | None = None) -> list[SealKey]:
        """The inventory of one court or of all, in the order of making."""
        wanted = select(keys) if court is None else select(keys).where(keys.c.court == court)
        async with self._engines.reading.connect() as connection:
            return await _read(connection, wanted)


async def _read(connection: AsyncConnection, wanted: Select[Any]) -> list[SealKey]:
    rows = (await connection.execute(wanted)).all()
    acts: dict[str, list[KeyAct]] = defaultdict(list)
    mine = key_acts.c.key.in_([row.id for row in rows])
    for row in (await connection.execute(select(key_acts).where(mine).order_by(key_acts.c.position))).all():
        acts[row.key].append(_act(row))
    found = [SealKey(**row._mapping, acts=tuple(acts[row.id])) for row in rows]
    return sorted(found, key=_made)


def _act(row: Row[Any]) -> KeyAct:
    return KeyAct(**{name: value for name, value in row._mapping.items() if name not in ("position", "key")})


def _made(key: SealKey) -> tuple[Any, ...]:
    made: Sequence[KeyAct] = [act for act in key.acts if act.act == MADE]
    return (made[0].at if made else key.not_before, key.id)
