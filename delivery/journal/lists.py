"""The lists of the clerk console: deliveries, tasks, counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from delivery.journal.store import Store
from delivery.journal.tables import deliveries, tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One line of a list; a view made of the events, from which nothing is decided."""

    id: str
    court: str
    client: str
    submission: str
    case_number: str
    party: str
    accepted_at: datetime
    needed_by: datetime | None
    version: int
    state: str
    outcome: str | None
    effective_date: date | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    id: str
    delivery: str
    case_number: str
    party: str
    kind: str
    reason: str
    owner: str
    opened_at: datetime
    due_at: datetime
    proposal: str | None
    attempt: str | None
    closed_at: datetime | None
    closed_by: str | None
    decision: str | None


_LINE = [deliveries.c[name] for name in DeliveryRow.__dataclass_fields__]
_FROM_DELIVERY = ("case_number", "party")
_TASK = [(deliveries if name in _FROM_DELIVERY else tasks).c[name] for name in TaskRow.__dataclass_fields__]


class Lists(Store):
    """The part of the journal that a console reads."""

    async def deliveries(
        self,
        court: str,
        *,
        case_number: str | None = None,
        party: str | None = None,
        state: str | None = None,
        outcome: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> list[DeliveryRow]:
        """The newest first. `party` finds names that contain it, the rest must be equal; `after`: the last id of the
        page before.
        """
        columns = deliveries.c
        query = select(*_LINE).where(columns.court == court)
        for column, value in ((columns.case_number, case_number), (columns.state, state), (columns.outcome, outcome)):
            if value:
                query = query.where(column == value)
        if party:
            query = query.where(columns.party.contains(party, autoescape=True))
        if after:
            query = query.where(columns.id < after)
        return [DeliveryRow(**row._mapping) for row in await self._rows(query.order_by(columns.id.desc()).limit(limit))]

    async def delivery_row(self, delivery_id: str) -> DeliveryRow | None:
        row = await self._row(select(*_LINE).where(deliveries.c.id == delivery_id))
        return None if row is None else DeliveryRow(**row._mapping)

    async def tasks(self, court: str, *, open: bool = True, limit: int = 200) -> list[TaskRow]:
        """Open tasks, or closed ones, by the time they are (were) due."""
        wanted = tasks.c.closed_at.is_(None) if open else tasks.c.closed_at.is_not(None)
        query = (
            select(*_TASK).join(deliveries, deliveries.c.id == tasks.c.delivery).where(tasks.c.court == court, wanted)
        )
        rows = await self._rows(query.order_by(tasks.c.due_at, tasks.c.id).limit(limit))
        return [TaskRow(**row._mapping) for row in rows]

    async def counts(self, court: str) -> dict[str, int]:
        """How many deliveries are in each state."""
        state, number = deliveries.c.state, func.count().label("number")
        query = select(state, number).where(deliveries.c.court == court).group_by(state)
        return {each.state: each.number for each in await self._rows(query)}
