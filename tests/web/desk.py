"""What the tests of the console share: a letter of which little is known, the effect, the form of a slip."""

from __future__ import annotations

import io

from aiohttp import FormData

from delivery.core.effect import document_effects
from delivery.core.model import Fact, Outcome, Person
from tests.core.world import book
from tests.web.papers import PICTURE
from tests.web.stage import Stage, person


async def letter(stage: Stage, kind: str = "signed", by: str = "unverified") -> tuple[str, Fact]:
    """A letter of which the carrier reported a result, and hardly anything about who."""
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery, "a3")
    stage.clock.move(days=2)
    fact = Fact(kind=kind, at=stage.clock.now(), address="a3", key="704", by=Person(relation=by))
    await stage.raw_receipt(attempt, fact, code="704", words="<b>他人代收</b>")
    return delivery, fact


async def outcome(stage: Stage, delivery: str) -> tuple[Outcome, str | None]:
    told = await stage.journal.delivery(delivery)
    effect = document_effects(told, book(), stage.clock.now())[0][1]
    return effect.outcome, effect.next


def slip_form(csrf: str, file: bytes = PICTURE, **fields: str) -> FormData:
    form = FormData({"form": csrf, "reason": "回执照片", **fields})
    form.add_field("evidence", io.BytesIO(file), filename="slip.png", content_type="image/png")
    return form
