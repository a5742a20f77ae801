"""A changed date takes two people: who entered it is refused, another account confirms or rejects, once."""

from __future__ import annotations

import asyncio
import io
from datetime import date

from aiohttp import FormData

from delivery.core import events
from delivery.core.decide import CloseTask, next_step
from delivery.core.effect import document_effects
from delivery.core.model import Fact, Outcome, Proposal
from delivery.core.tasks import task_about
from tests.core.world import book
from tests.web.browsing import Page, Visitor
from tests.web.papers import PICTURE
from tests.web.stage import PASSWORD, Stage, person

EARLIER = {
    "place": "new",
    "value": "立案大厅",
    "at": "2025-09-16T10:00",
    "signed.by.relation": "self",
    "reason": "窗口签收在先",
}


async def served(stage: Stage, *, types: tuple[str, ...] = ("summons",)) -> str:
    """A delivery whose message arrived on the 17th, and that is concluded."""
    delivery = await stage.delivery(person(), types=types)
    attempt = await stage.send(delivery, "a2")
    stage.clock.move(days=1)
    arrived = Fact(kind="arrived", at=stage.clock.now(), address="a2", key="dsn")
    await stage.raw_receipt(attempt, arrived, code="250", words="delivered")
    await stage.conclude(delivery)
    return delivery


async def day(stage: Stage, delivery: str) -> date | None:
    told = await stage.journal.delivery(delivery)
    return document_effects(told, book(), stage.clock.now())[0][1].effective_date


async def enter(visitor: Visitor, delivery: str, **fields: str) -> Page:
    page = await visitor.get(f"/console/deliveries/{delivery}/facts/counter_signed")
    sent = FormData({**page.form("/counter_signed"), **EARLIER, **fields})
    sent.add_field("evidence", io.BytesIO(PICTURE), filename="return.png", content_type="image/png")
    return await visitor.post(page.path, sent)


async def answer(visitor: Visitor, page: Page, task: str, decision: str) -> Page:
    fields = page.form(f"/tasks/{task}") | {"decision": decision, "reason": "已核对回证"}
    return await visitor.post(f"{page.path}/tasks/{task}", fields)


async def proposed(stage: Stage, delivery: str, who: str = "clerk") -> str:
    """The date of a concluded delivery would move: the id of the task that this opened."""
    async with Visitor(stage) as visitor:
        await visitor.sign_in(who, PASSWORD)
        await enter(visitor, delivery)
    ((task,),) = ((await stage.journal.delivery(delivery)).tasks,)
    assert task.kind == "second_person"
    return task.id


async def test_what_would_move_a_date_is_only_proposed(stage: Stage) -> None:
    delivery = await served(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        for _ in range(2):  # a double click
            page = await enter(visitor, delivery)
        assert page.says("传票：2025年9月17日 → 2025年9月16日")
        assert page.says("改变送达日期须他人确认")
        evidence = await visitor.get(page.tree().xpath("//a[text()='查看证据文件']/@href")[0])
    assert evidence.content == PICTURE
    told = await stage.journal.delivery(delivery)
    assert (told.facts, len(told.proposals), len(told.tasks)) == ((), 1, 1)
    assert [one.id for one in told.recipient.addresses] == ["a1", "a2", "a3"]
    assert await day(stage, delivery) == date(2025, 9, 17)
    step = next_step(told, book(), stage.clock.now(), inquirable=frozenset())
    assert not hasattr(step, "task")  # the worker leaves the question open, and asks no other


async def test_who_entered_it_may_not_confirm_it(stage: Stage) -> None:
    delivery = await served(stage)
    task = await proposed(stage, delivery)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}")
        assert page.says("须由他人确认")
        assert page.form(f"/tasks/{task}")["decision"] == "reject"
        refused = await answer(visitor, page, task, "confirm")
        assert (refused.status, refused.says("不能由提出人自己确认")) == (403, True)
        assert len((await stage.journal.delivery(delivery)).proposals) == 1
        await answer(visitor, page, task, "reject")  # taking it back
    told = await stage.journal.delivery(delivery)
    assert (told.proposals, told.tasks, told.facts) == ((), (), ())


async def test_another_person_confirms_and_both_are_named(stage: Stage) -> None:
    delivery = await served(stage)
    task = await proposed(stage, delivery)
    async with Visitor(stage) as visitor:
        tasks = await visitor.sign_in("judge")
        assert tasks.says("改变送达日期须他人确认")
        page = await visitor.get(f"/console/deliveries/{delivery}")
        after = await answer(visitor, page, task, "confirm")
    assert after.says("2025年9月16日")
    learnt, recorded, closed = [row.event for row in await stage.journal.load(delivery)][-3:]
    assert isinstance(learnt, events.RecipientLearnt)
    assert isinstance(recorded, events.FactRecorded)
    assert isinstance(closed, events.TaskClosed)
    assert (recorded.by, recorded.reason) == ("clerk, judge", "窗口签收在先")
    assert recorded.evidence
    assert (closed.by, closed.decision) == ("judge", "confirm")
    told = await stage.journal.delivery(delivery)
    assert (told.proposals, told.tasks) == ((), ())
    assert await day(stage, delivery) == date(2025, 9, 16)


async def test_another_person_rejects_and_it_never_was(stage: Stage) -> None:
    delivery = await served(stage)
    task = await proposed(stage, delivery)
    async with Visitor(stage) as visitor:
        await visitor.sign_in("judge")
        await answer(visitor, await visitor.get(f"/console/deliveries/{delivery}"), task, "reject")
    told = await stage.journal.delivery(delivery)
    assert (told.facts, told.proposals, told.tasks) == ((), (), ())
    assert await day(stage, delivery) == date(2025, 9, 17)
    again = await proposed(stage, delivery)
    assert again != task  # a second round is a question of its own


async def test_two_confirmations_at_once_count_once(stage: Stage) -> None:
    delivery = await served(stage)
    task = await proposed(stage, delivery)
    async with Visitor(stage) as one, Visitor(stage) as other:
        pages = []
        for visitor in (one, other):
            await visitor.sign_in("judge")
            pages.append(await visitor.get(f"/console/deliveries/{delivery}"))
        answers = [answer(who, page, task, "confirm") for who, page in zip((one, other), pages, strict=True)]
        assert {page.status for page in await asyncio.gather(*answers)} == {200}
    kinds = [events.kind(row.event) for row in await stage.journal.load(delivery)]
    assert (kinds.count("fact_recorded"), kinds.count("task_closed")) == (1, 1)


async def test_a_confirmation_and_a_rejection_at_once(stage: Stage) -> None:
    delivery = await served(stage)
    task = await proposed(stage, delivery)
    async with Visitor(stage) as one, Visitor(stage) as other:
        await one.sign_in("judge")
        await other.sign_in("clerk")
        pages = [await who.get(f"/console/deliveries/{delivery}") for who in (one, other)]
        await asyncio.gather(answer(one, pages[0], task, "confirm"), answer(other, pages[1], task, "reject"))
    told = await stage.journal.delivery(delivery)
    ((_, decision),) = told.closed_tasks
    assert (decision == "confirm") == (len(told.facts) == 1)


async def test_what_moves_no_date_is_on_record_at_once(stage: Stage) -> None:
    delivery = await served(stage)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        stage.clock.move(days=1)
        await visitor.sign_in()
        await enter(visitor, delivery, at="2025-09-18T08:00")  # later than what dates it
    told = await stage.journal.delivery(delivery)
    assert (len(told.facts), told.proposals, told.tasks) == (1, (), ())


async def test_a_decision_that_moves_a_standing_date_waits_too(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    await stage.read_by_self(delivery, await stage.send(delivery))
    now = stage.clock.now()
    confirmed = Fact(kind="official_confirmation", at=now, key="c", decided_by="clerk")
    key = f"page:{delivery}.a1.1:objection"
    objection = Fact(kind="objection", at=now, address="a1", key=key, claim="address_not_used")
    await stage.tell(delivery, events.FactRecorded(at=now, fact=confirmed, by="clerk"))
    await stage.conclude(delivery)
    await stage.tell(delivery, events.FactRecorded(at=now, fact=objection, by="recipient"))
    asked = await stage.open_task(delivery, "objection", "not used", owner="judge", id=f"{delivery}.objection.{key}.1")
    async with Visitor(stage) as judge:
        await judge.sign_in("judge")
        page = await judge.get(f"/console/deliveries/{delivery}")
        after = await judge.send(page, f"/tasks/{asked.replace(':', '%3A')}", decision="confirm", reason="号码已停用")
        assert after.says("已提出决定，等待另一人确认")
        assert after.says("异议成立")
    told = await stage.journal.delivery(delivery)
    assert "annulled" not in await stage.facts(delivery)
    second = next(task for task in told.tasks if task.kind == "second_person")
    async with Visitor(stage) as clerk:
        await clerk.sign_in()
        await answer(clerk, await clerk.get(f"/console/deliveries/{delivery}"), second.id, "confirm")
    told = await stage.journal.delivery(delivery)
    assert (told.tasks, told.proposals) == ((), ())
    assert told.facts[-1].kind == "annulled"
    assert {(task.kind, said) for task, said in told.closed_tasks} == {
        ("objection", "confirm"),
        ("second_person", "confirm"),
    }
    assert document_effects(told, book(), now)[0][1].outcome is Outcome.NOT_SERVED


async def test_a_late_slip_that_moves_a_date_waits_too(stage: Stage) -> None:
    delivery = await served(stage)
    letter = await stage.send(delivery, "a3")
    said = {"completes": "", "attempt": letter.id, "kind": "signed", "at": "2025-09-16T12:00", "relation": "self"}
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"/console/deliveries/{delivery}/slip")
        sent = FormData({**page.form("/slip"), **said, "reason": "回执", "id_on_receipt": "yes"})
        sent.add_field("evidence", io.BytesIO(PICTURE), filename="slip.png", content_type="image/png")
        after = await visitor.post(page.path, sent)
    assert after.says("改变送达日期须他人确认")
    assert (await stage.journal.delivery(delivery)).facts == ()


async def test_a_presumption_that_nobody_confirmed_has_no_date_that_stands(stage: Stage) -> None:
    delivery = await stage.delivery(person(), types=("summons",))
    attempt = await stage.send(delivery)
    stage.clock.move(days=1)
    await stage.read_by_self(delivery, attempt)
    assert await day(stage, delivery) == date(2025, 9, 17)
    async with Visitor(stage) as visitor:
        await visitor.sign_in()
        await enter(visitor, delivery)
    told = await stage.journal.delivery(delivery)
    assert ([fact.kind for fact in told.facts], told.proposals) == (["read", "signed"], ())
    assert await day(stage, delivery) == date(2025, 9, 16)


async def test_a_decision_that_waits_falls_with_its_task(stage: Stage) -> None:
    delivery = await served(stage)
    objection = await stage.open_task(delivery, "objection", "gone", owner="judge")
    moves = (("d1", date(2025, 9, 17), None),)
    waiting = Proposal(id="p1", by="judge", reason="x", task=objection, decision="confirm", moves=moves)
    told = await stage.tell(delivery, events.FactProposed(at=stage.clock.now(), proposal=waiting))
    about = task_about(waiting, told, book(), stage.clock.now())
    told = await stage.tell(delivery, events.TaskOpened(at=stage.clock.now(), task=about))
    closed: list[str] = []
    while isinstance(step := next_step(told, book(), stage.clock.now(), inquirable=frozenset()), CloseTask):
        closed.append(step.task)
        overtaken = events.TaskClosed(
            at=stage.clock.now(), task=step.task, decision="overtaken", by="songda", reason=""
        )
        told = await stage.tell(delivery, overtaken)
    assert closed == [objection, about.id]
    assert (told.tasks, told.proposals) == ((), ())
