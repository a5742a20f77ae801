"""Visits of recipients: a delivery whose link is out, and what became of it."""

from __future__ import annotations

from tests.web.stage import Stage, person

WRONG = "000000"


async def link_out(stage: Stage, **more: object) -> tuple[str, str]:
    """A delivery whose link is out; its id and the link's path."""
    delivery = await stage.delivery(person(**more))
    return delivery, await stage.link(await stage.send(delivery))


async def task_kinds(stage: Stage, delivery: str) -> list[str]:
    return [task.kind for task in (await stage.journal.delivery(delivery)).tasks]
