"""A rulebook of another zone: every time that people read, and every time that a clerk enters, is of its clock.

09:30 on 16 September 2025 in Shanghai is 22:30 on the day before in Santiago.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery import showing
from delivery.web.answers import effect_view
from delivery.web.pages import Text, catalogue
from tests.core.world import book
from tests.web.browsing import Page, Visitor
from tests.web.desk import slip_form
from tests.web.stage import LAST6, Stage, open_stage, person

RULES = book("example")
LOCAL, FOREIGN = ("2025年9月15日 22:30", "15 Sept 2025 22:30"), ("2025年9月16日 09:30", "16 Sept 2025 09:30")


@pytest.fixture
async def far(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path, rules=RULES) as stage:
        yield stage


def tells_local_time(page: Page) -> None:
    text = " ".join("".join(page.tree().xpath("//body//text()")).split())
    assert any(words in text for words in LOCAL), text
    assert not any(words in text for words in FOREIGN), text


async def test_the_clerks_pages(far: Stage) -> None:
    delivery = await far.delivery(person(), types=("summons",))
    await far.send(delivery, "a3")
    await far.open_task(delivery, "cure_evidence", "why", due_at=far.clock.now())
    async with Visitor(far) as visitor:
        await visitor.sign_in()
        for path in ("", f"/deliveries/{delivery}", f"/deliveries/{delivery}/slip", "/looks", "/deliveries"):
            tells_local_time(await visitor.get(f"/console{path}"))


async def test_the_recipients_receipt(far: Stage) -> None:
    delivery = await far.delivery(person(), types=("summons",))
    attempt = await far.send(delivery, "a2")
    async with Visitor(far) as visitor:
        path = await far.link(attempt)
        await visitor.identify(path, LAST6)
        await far.read_by_self(delivery, attempt)
        for below in ("/documents", "/receipt"):
            tells_local_time(await visitor.get(f"{path}{below}"))


async def test_what_a_clerk_enters(far: Stage) -> None:
    delivery = await far.delivery(person(), types=("summons",))
    attempt = await far.send(delivery, "a3")
    said = {"kind": "returned", "at": "2025-09-20T15:00", "attempt": attempt.id, "return_reason": "moved"}
    path = f"/console/deliveries/{delivery}/slip"
    async with Visitor(far) as visitor:
        await visitor.sign_in()
        csrf = (await visitor.get(path)).form("/slip")["form"]
        await visitor.post(path, slip_form(csrf, **said))
    (fact,) = (await far.journal.delivery(delivery)).facts
    assert fact.at.astimezone(RULES.zone).isoformat() == "2025-09-20T15:00:00-03:00"


async def test_songda_show(far: Stage) -> None:
    name = await far.delivery(person(), types=("summons",))
    await far.send(name, "a2")
    delivery, history = await far.journal.delivery(name), await far.journal.load(name)
    effect = effect_view(delivery, history, RULES, far.clock.now())
    text = Text("en", catalogue("console"), RULES.zone)
    printed = "\n".join(showing._sheet(delivery, history, effect, RULES, text))
    assert "2025-09-15 22:30:00" in printed
    assert "09:30" not in printed
